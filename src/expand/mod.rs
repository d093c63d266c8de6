//! x
pub(crate) mod expression;
