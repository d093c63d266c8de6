//! A Kustomization of a folder that Flux syncs already.

use std::collections::HashMap;

use super::{Facts, Rule, builds_the_repository};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::files::Snapshot;
use crate::kustomize::normalised;
use crate::link::{Graph, ResourceId};
use crate::node::Node;
use crate::resource::Resource;
use crate::settings::folder::Folders;
use crate::settings::{Cluster, Settings};

pub(super) const RULE: Rule = Rule {
    code: "applied-twice",
    summary: "a Kustomization applies a folder that Flux syncs already",
    page: "\
The root Kustomization of a cluster applies all of the cluster's folder. Another Kustomization of this folder, of a
folder inside it or of one that holds it applies the same objects again, itself among them: both take the objects for
theirs, and when the second one is removed, Flux prunes what it applied, which is the whole cluster. So is one whose
`path` is the folder of another cluster: it would bring that cluster's Flux objects here. `path` without a value is
the root of the repository.

Nothing is said of a Kustomization that is suspended, that applies to a remote cluster by `kubeConfig`, or whose
source is not this repository; nor where a kustomization.yaml on the way may leave the folder out.

Put the manifests into a folder of their own beside the clusters' folders, such as `./apps`, and name that.

Flux: <https://fluxcd.io/flux/guides/repository-structure/>",
    check,
};

/// The names that kustomize finds its file by.
const KUSTOMIZE_FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

fn check(graph: &Graph, facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    let Some(repository) = facts.repository else {
        return;
    };
    let settings = graph.settings();
    let folders = Folders::of(settings, repository);
    // Most clusters have the same Kustomizations.
    let mut paths: HashMap<ResourceId, Option<String>> = HashMap::new();
    for (cluster, of_cluster) in settings.clusters.iter().zip(&graph.clusters) {
        let synced = Synced::of(cluster, &folders, settings, repository);
        for id in &of_cluster.resources {
            let resource = graph.resource(*id);
            let path = paths.entry(*id);
            let path = path.or_insert_with(|| applied(resource, settings, &folders));
            let Some(path) = path else { continue };
            let Some(found) = synced.twice(path) else {
                continue;
            };
            let node = resource.get(&["spec", "path"]);
            let place = node.map(|node| node.span);
            let place = place.filter(|span| !span.is_built_in());
            diagnostics.push(
                found
                    .told(resource, node.and_then(Node::as_str), cluster)
                    .at(place.unwrap_or(graph.variant(*id).span), ""),
            );
        }
    }
}

/// The folder of this repository that a Kustomization applies to its own cluster, if it has to do with those of
/// clusters.
fn applied(resource: &Resource, settings: &Settings, folders: &Folders) -> Option<String> {
    if !builds_the_repository(resource, settings) {
        return None;
    }
    let spec = |key: &str| resource.get(&["spec", key]);
    let path = match spec("path") {
        Some(node) => node.as_str()?,
        None => "",
    };
    let is_suspended = spec("suspend").and_then(Node::as_bool) == Some(true);
    if is_suspended || spec("kubeConfig").is_some() || path.contains("${") {
        return None;
    }
    let path = normalised(path);
    folders.touch(&path).then_some(path)
}

/// What Flux syncs in a cluster, and what it must not.
struct Synced<'a> {
    /// The folder of the root Kustomization; `None` where it is not known what applies the cluster's files.
    root: Option<String>,
    own: String,
    folders: &'a Folders,
    settings: &'a Settings,
    repository: &'a Snapshot,
    cluster: &'a str,
}

/// How a Kustomization meets a cluster's folder.
enum Twice {
    /// It is the folder, or inside it.
    Inside(String),
    /// It holds the folder.
    Around(String),
    /// It is or holds the folder of another cluster.
    Other(String, String),
}

impl<'a> Synced<'a> {
    fn of(
        cluster: &'a Cluster,
        folders: &'a Folders,
        settings: &'a Settings,
        repository: &'a Snapshot,
    ) -> Self {
        let own = repository.from_root(&cluster.folder);
        let root = match &cluster.flux.sync.path {
            None => Some(own.clone()),
            Some(path) => {
                let path = normalised(path.value.as_str());
                is_within(&own, &path).then_some(path)
            }
        };
        Self {
            root,
            own,
            folders,
            settings,
            repository,
            cluster: &cluster.name.value,
        }
    }

    fn twice(&self, path: &str) -> Option<Twice> {
        if let Some(root) = &self.root {
            if path == root {
                return Some(Twice::Inside(root.clone()));
            }
            if is_within(path, root) {
                let is_decided = self.is_decided(root, path);
                return (!is_decided).then(|| Twice::Inside(self.shown(root)));
            }
            if is_within(root, path) && !self.is_decided(path, root) {
                return Some(Twice::Around(self.shown(root)));
            }
        }
        let others = self.folders.inside(path).chain(self.folders.exact(path));
        let mut others = others
            .map(|(folder, at)| (folder, self.settings.clusters[at].name.value.as_str()))
            .filter(|(folder, name)| *name != self.cluster && !self.is_decided(path, folder));
        let (folder, name) = others.next()?;
        Some(Twice::Other(folder.to_owned(), name.to_owned()))
    }

    /// The folder as people know it: that of the cluster where Flux syncs one above it.
    fn shown(&self, root: &str) -> String {
        match root {
            "" => self.own.clone(),
            root => root.to_owned(),
        }
    }

    /// Whether a kustomize file in `outer`, or between it and `inner`, says what is applied of `inner`.
    fn is_decided(&self, outer: &str, inner: &str) -> bool {
        let mut folders = vec![outer];
        let start = if outer.is_empty() { 0 } else { outer.len() + 1 };
        if let Some(rest) = inner.get(start..) {
            let between = rest.match_indices('/').map(|(at, _)| &inner[..start + at]);
            folders.extend(between);
        }
        let files = self.repository.files();
        folders
            .iter()
            .filter(|folder| **folder != inner)
            .any(|folder| {
                KUSTOMIZE_FILES.iter().any(|name| {
                    let path = match *folder {
                        "" => (*name).to_owned(),
                        folder => format!("{folder}/{name}"),
                    };
                    matches!(files.kind(&path), Ok(Some(_)))
                })
            })
    }
}

/// Whether a folder is another or inside it; `""` is the root.
fn is_within(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Twice {
    fn told(&self, resource: &Resource, written: Option<&str>, cluster: &Cluster) -> Diagnostic {
        let name = &resource.identity.name;
        let what = match written {
            Some(written) => format!("`{written}`"),
            None => "the root of the repository".to_owned(),
        };
        let cluster_name = &cluster.name.value;
        let (message, note) = match self {
            Self::Inside(folder) => (
                format!(
                    "the Kustomization `{name}` applies {what}, which is in `{folder}`, the folder that cluster `{cluster_name}` syncs"
                ),
                "two Kustomizations would own the same objects; removing one prunes them",
            ),
            Self::Around(folder) => (
                format!(
                    "the Kustomization `{name}` applies {what}, which holds `{folder}`, the folder that cluster `{cluster_name}` syncs"
                ),
                "two Kustomizations would own the same objects; removing one prunes the whole cluster",
            ),
            Self::Other(folder, other) => (
                format!(
                    "the Kustomization `{name}` applies {what} with `{folder}`, the folder of cluster `{other}`, in cluster `{cluster_name}`"
                ),
                "Flux would sync that cluster's resources here too",
            ),
        };
        Diagnostic::error(RULE.code, message)
            .in_cluster(cluster_name.as_str())
            .with_note(note)
            .with_help("name a folder beside the clusters' folders, such as `./apps`")
    }
}
