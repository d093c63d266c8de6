//! Two compiled projects side by side: which resources changed, in which clusters.

pub mod report;
