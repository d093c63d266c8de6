//! The install manifest of Flux: what `flux install --export` and `flux bootstrap` write, from a
//! pinned release and a few options.
//!
//! Where the release comes from is `distribution`; all else is computed without I/O.

mod archive;
mod cache;
mod components;
mod distribution;
mod document;
mod download;
mod error;
pub(crate) mod folder;
mod held;
mod identity;
mod kustomization;
mod local;
mod lock;
mod manifests;
mod operator;
mod options;
mod releases;
mod sync;

pub use archive::{LIMITS, Limits, unpack};
pub use cache::Cache;
pub use components::{Install, build};
pub use distribution::{Distribution, Mode, RELEASES, Source, Taken};
pub use document::Document;
pub use download::{Fetch, Watch};
pub use error::InstallError;
pub(crate) use held::Held;
pub use kustomization::kustomization;
pub use local::Local;
pub use lock::{Lock, Locked};
pub use manifests::Manifests;
pub use operator::{OperatorSync, flux_instance};
pub use options::{Fault, Options};
pub use releases::{Refusal, Releases};
pub use sync::{Reference, Sync, sync};
