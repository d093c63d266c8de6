//! `fluxgen bootstrap`: from a declared cluster to a running Flux that syncs it.
#![allow(dead_code)]

mod environment;
mod error;
pub mod forge;
mod journal;
mod program;
mod remote;
mod secret;
mod target;

pub use environment::{Answer, Environment, Ui};
pub use error::{Error, Result};
pub use remote::{Remote, Scheme};
pub use secret::Secret;
pub use target::{
    AgeKey, CredentialKind, Credentials, File, ForgeKind, ImagePull, KeyAlgorithm, Options,
    Provider, PullRequest, Target, Team, Visibility,
};
