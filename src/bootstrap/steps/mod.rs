//! The steps of a bootstrap, in order. Each looks at the world first; the plan is what they all
//! found, and a step is repeated until it finds nothing to do.

mod commit;
mod components;
mod credentials;
mod namespace;
mod repository;
mod secrets;
mod sync;

use super::error::Result;
use super::plan::Finding;
use super::session::Session;

pub(crate) trait Step {
    /// The name in the plan and in the journal.
    fn name(&self) -> &'static str;

    /// What is there and what is to do. Changes nothing.
    fn inspect(&self, session: &Session<'_>) -> Result<Finding>;

    /// Asks for what only somebody can say, once the plan is agreed to and before anything is changed.
    fn prepare(&self, _session: &Session<'_>) -> Result<()> {
        Ok(())
    }

    /// Does it. May be called again after having been cut off anywhere.
    fn apply(&self, session: &Session<'_>) -> Result<Applied>;
}

pub(crate) enum Applied {
    Done,
    /// Somebody else has to do something first: what, and how to go on.
    Waiting(String),
}

pub(crate) fn all() -> [&'static dyn Step; 8] {
    [
        &repository::RepositoryStep,
        &commit::CommitStep,
        &namespace::NamespaceStep,
        &secrets::AgeKeyStep,
        &secrets::ImagePullStep,
        &components::ComponentsStep,
        &credentials::CredentialsStep,
        &sync::SyncStep,
    ]
}

/// What everything in the cluster needs.
const CLUSTER_ADMIN: &str = "the rights of `cluster-admin` in the cluster";

/// `1 file`, `2 files`.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
