//! The built-in kinds of Kubernetes: which there are, in which minor, and what their fields are.
//!
//! The data is `schemas/core-kinds.json`, made by `dev/core-kinds`. A kind or type is one line there, which is parsed when it is
//! first asked for: a project without such objects pays nothing.

mod data;
mod judge;
mod minor;

pub(crate) use data::{CoreType, Lifetime, Shape, core_type};
pub(crate) use judge::{Judged, Misfit, judge};
pub use minor::KubernetesMinor;
