//! `[clusters.NAME]` and `[groups.NAME]`: the places that resources go to.

use std::sync::Arc;

use super::Flux;
use crate::node::Table;
use crate::schema::core::KubernetesMinor;
use crate::source::{Span, Spanned};

/// One cluster, with what its groups give it.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub name: Spanned<String>,
    /// Where its files are, from the folder of the TOML file: `clusters/NAME` without `path`.
    pub folder: String,
    /// The context of the user's kubeconfig, which `fluxgen bootstrap` insists on.
    pub context: Option<Spanned<String>>,
    /// The Kubernetes that it runs, where the project says so.
    pub kubernetes: Option<Spanned<KubernetesMinor>>,
    pub flux: Flux,
    /// `vars` of the project, the groups and the cluster, merged; without expressions left.
    pub vars: Arc<Table>,
    /// Indices into `Settings::groups`, in the order in which they apply.
    pub groups: Vec<usize>,
    pub span: Span,
}

/// A named set of clusters.
#[derive(Debug, Clone)]
pub struct Group {
    pub name: Spanned<String>,
    pub clusters: Vec<Spanned<String>>,
    /// Of two groups that set one value, the one with the higher priority wins; equals must not differ.
    pub priority: i64,
    pub span: Span,
}
