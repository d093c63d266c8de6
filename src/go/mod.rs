//! What Go decides, as the Flux controllers read it: durations, semver ranges, regular expressions, CEL
//! expressions, templates and substitution.
//!
//! Each module ports a grammar and is held by tables of Go's own answers. What cannot be judged
//! here is reported as such, never guessed.

pub mod cel;
pub mod duration;
pub mod envsubst;
pub mod float;
pub(crate) mod glob;
pub mod regexp;
pub mod semver;
pub mod template;
