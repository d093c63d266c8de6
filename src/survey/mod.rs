//! The repository as Flux sees it: per cluster, every object that is applied, and through whom.
//!
//! The root Kustomization applies the cluster's folder: what the TOML makes and the user's own YAML there.
//! Kustomizations among these apply their folders, Kustomizations found in there theirs, and so on, as far
//! as the folders are in this repository. What is elsewhere is `NotKnown`, with the reason.
//!
//! A check asks for one cluster and goes over its objects:
//!
//! ```ignore
//! let Some(survey) = facts.survey else { return };
//! for (at, cluster) in graph.settings().clusters.iter().enumerate() {
//!     let surveyed = survey.cluster(at);
//!     for object in surveyed.objects() {
//!         // object.identity, object.resource (the whole object), object.file, object.place, object.applier
//!     }
//!     for applier in &surveyed.appliers {
//!         if let Contents::NotKnown(why) = &applier.contents { /* a finding has to stay silent */ }
//!     }
//!     let knows_all = surveyed.unknown().next().is_none();
//! }
//! ```
//!
//! Places of the user's own files are `Span`s like those of the TOML: give them to `Diagnostic::at`, and the
//! message shows the line. A cluster is surveyed when it is asked for, a folder is built once for all
//! clusters that build it alike, and a file is read and parsed once.

#[allow(dead_code, reason = "for the checks that are written on it")]
mod cluster;
mod source;

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

#[allow(unused_imports, reason = "for the checks that are written on it")]
pub(crate) use cluster::{Applier, ClusterSurvey, Contents, Object};

use crate::files::Snapshot;
use crate::kustomize::{self, Resolver};
use crate::link::{Graph, ResourceId};
use crate::settings::folder::Folders;
use crate::source::Sources;
use crate::tree::Existing;

/// What the clusters of a project apply, cluster by cluster.
pub(crate) struct Survey<'a> {
    graph: &'a Graph,
    repository: &'a Snapshot,
    trees: Option<&'a BTreeMap<String, Existing>>,
    /// The folders of all clusters.
    folders: Folders,
    resolver: Resolver<'a>,
    clusters: Vec<OnceCell<ClusterSurvey>>,
    /// What the Kustomizations of the TOML build; most clusters have the same ones.
    built: RefCell<HashMap<ResourceId, Arc<kustomize::Build>>>,
}

/// Prepares the survey of a graph; nothing is read before it is asked for.
pub(crate) fn survey<'a>(
    graph: &'a Graph,
    repository: &'a Snapshot,
    trees: Option<&'a BTreeMap<String, Existing>>,
) -> Survey<'a> {
    Survey {
        graph,
        repository,
        trees,
        folders: Folders::of(graph.settings(), repository),
        resolver: Resolver::new(&**repository.files()),
        clusters: graph.clusters.iter().map(|_| OnceCell::new()).collect(),
        built: RefCell::default(),
    }
}

impl std::fmt::Debug for Survey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Survey").finish_non_exhaustive()
    }
}

impl Survey<'_> {
    /// What a cluster applies; `at` is its place in the settings.
    pub(crate) fn cluster(&self, at: usize) -> &ClusterSurvey {
        self.clusters[at].get_or_init(|| cluster::survey(self, at))
    }

    /// Adds the texts of the repository's own files that `spans` point into, for messages to show.
    pub(crate) fn add_sources(
        &self,
        spans: impl Iterator<Item = crate::source::Span>,
        sources: &mut Sources,
    ) {
        for span in spans {
            if sources.get(span.file).is_some() {
                continue;
            }
            let Some((path, text)) = self.resolver.source(span.file) else {
                continue;
            };
            let folder = self.repository.folder();
            let shown = path.strip_prefix(folder).filter(|_| !folder.is_empty());
            let shown = shown
                .and_then(|rest| rest.strip_prefix('/'))
                .unwrap_or(&path);
            sources.add_of_repository(span.file, shown, &*text);
        }
    }
}
