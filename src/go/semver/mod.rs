//! Versions and version ranges as Masterminds/semver 3.5 reads them, which is what Flux's controllers use.
//!
//! It is neither the semver.org grammar nor Cargo's: `1.2` is a version, `01.2.3` is one too, `>1.2`
//! does not hold 1.2.1, and a range says by a prerelease of its own whether it wants prereleases.
//!
//! Source: <https://github.com/Masterminds/semver>

mod constraint;
mod version;

pub use constraint::{Constraint, ConstraintError, ConstraintFault};
pub use version::{Version, VersionError};
