//! Image policies: which tag one selects and why, and what is likely wrong with it.
//!
//! Nothing here reads a cluster; `registry` alone reads the network, and only when asked to.

pub(crate) mod dispute;
pub mod evaluation;
pub mod laboratory;
pub mod lint;
pub mod marker;
pub mod owned;
pub mod policy;
pub mod reference;
pub mod registry;
pub mod report;
pub(crate) mod rewritten;
pub mod scan;
pub mod spec;
