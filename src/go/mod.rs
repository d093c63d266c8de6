//! What Go decides: durations, semver ranges and regular expressions, as the Flux controllers read them.
//!
//! Each module ports a grammar and is held by tables of Go's own answers. What cannot be judged
//! here is reported as such, never guessed.

pub mod duration;
pub mod float;
pub mod regexp;
pub mod semver;
