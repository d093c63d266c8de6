//! `fluxgen bootstrap`: from a declared cluster to a running Flux that syncs it.
//!
//! A run is a list of steps, each of which looks at the world before it acts: what they find is
//! the plan, and a run that was cut off is gone on with by looking again. Nothing here reads the
//! TOML; a [`Target`] says all there is to say about one cluster.

mod credentials;
mod environment;
mod error;
pub mod forge;
mod git;
mod journal;
mod key;
mod known_hosts;
mod kubectl;
mod manifests;
mod plan;
mod preflight;
mod program;
mod remote;
mod run;
mod secret;
mod session;
mod steps;
mod target;

pub use environment::{Answer, Environment, Ui};
pub use error::{Error, Result};
pub use forge::Patience;
pub use plan::{Check, Finding, Plan, Verdict};
pub use program::{KEY_PASSPHRASE, REGISTRY_PASSWORD};
pub use remote::{Remote, Scheme};
pub use run::{Outcome, Report, run};
pub use secret::Secret;
pub use session::World;
pub use target::{
    AgeKey, CredentialKind, Credentials, File, ForgeKind, ImagePull, KeyAlgorithm, Options,
    Provider, PullRequest, Target, Team, Visibility,
};
