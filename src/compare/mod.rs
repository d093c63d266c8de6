//! Two compiled projects side by side: which resources changed, in which clusters, and how.
//!
//! It costs what changed: a resource whose digest is the same on both sides is not looked at.

mod digest;
mod fields;
mod group;
mod list;
mod pair;
mod rename;
pub mod report;
mod side;
pub(crate) mod text;

pub use crate::mask::masked_document;
pub(crate) use fields::differ;
pub use fields::field_changes;
pub use group::{changes, summaries};
pub use pair::{ClusterChanges, Comparison, compare};
pub use side::{Cluster, Entry, Remarks, Root, Side, SideBuilder};
