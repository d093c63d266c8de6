//! What the TOML file says about the project itself: repository, Flux, clusters, groups, layout.
//!
//! The resources are no part of this; they are `resolve::Draft`s.

pub(crate) mod cluster;
pub(crate) mod fields;
pub(crate) mod flux;
pub(crate) mod folder;
pub(crate) mod layout;
pub(crate) mod pattern;
pub(crate) mod repo;

pub use cluster::{Cluster, Group};
pub use flux::{Flux, Install, Sync};
pub use layout::{Layout, Templates};
pub use repo::{Provider, Repo};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::budget::Budget;
use crate::node::Node;
use crate::resource::Identity;
use crate::source::Spanned;

/// The project's settings, read and checked.
#[derive(Debug, Clone)]
pub struct Settings {
    pub repo: Repo,
    /// In the order of their names.
    pub clusters: Vec<Cluster>,
    /// In the order in which they apply: rising priority, then names.
    pub groups: Vec<Group>,
    pub layout: Layout,
    pub templates: Templates,
    /// Resources that exist in the clusters though nothing here defines them; those without a namespace are in the
    /// default one of each cluster.
    pub external: Vec<Spanned<Identity>>,
    /// `diff.deny`: severities that make `diff` exit with 1.
    pub deny: Vec<Spanned<&'static str>>,
    /// `diff.acknowledge`: why a destructive change of a resource is meant that is not in the TOML
    /// any more, by `Kind/namespace/name`.
    pub acknowledge: BTreeMap<String, Spanned<String>>,
    /// `[vars]`, the values every cluster starts from.
    pub vars: Option<Node>,
    /// What all stages together may use.
    pub(crate) budget: Arc<Budget>,
}

/// The namespace of what does not name one, if `flux.namespace` does not say where Flux is.
pub const DEFAULT_NAMESPACE: &str = "flux-system";

impl Settings {
    /// What is `external` for a cluster.
    pub(crate) fn externals_in(&self, cluster: &Cluster) -> impl Iterator<Item = Identity> {
        self.external.iter().map(|external| {
            let mut identity = external.value.clone();
            if identity.namespace.is_empty() {
                identity.namespace.clone_from(&cluster.flux.namespace);
            }
            identity
        })
    }

    pub fn cluster(&self, name: &str) -> Option<&Cluster> {
        self.clusters
            .binary_search_by(|cluster| cluster.name.value.as_str().cmp(name))
            .ok()
            .map(|at| &self.clusters[at])
    }
}
