//! YAML in and out: a reader that sees what Kubernetes' readers see, and a writer that no reader misreads.
//!
//! Nothing here knows of Flux, files or folders.

mod printable;
mod reader;
mod scalar;
mod writer;

pub(crate) use reader::read_manifests;
pub use reader::{MAX_TEXT, ReadError, read_all};
pub(crate) use scalar::{bare, float_text, is_plain};
pub use writer::{write, write_at, write_scalar};
