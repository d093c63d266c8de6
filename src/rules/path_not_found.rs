//! A Kustomization of a folder that the repository does not have.

use std::collections::HashMap;

use super::{Facts, Rule, builds_the_repository};
use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::files::{EntryKind, Snapshot};
use crate::kustomize::normalised;
use crate::link::{Graph, ResourceId};
use crate::node::Node;
use crate::resource::Resource;
use crate::settings::folder::Folders;
use crate::settings::{Cluster, Settings};

pub(super) const RULE: Rule = Rule {
    code: "path-not-found",
    summary: "a Kustomization's `path` is no folder of the repository",
    page: "\
kustomize-controller looks for `path` in what it fetched, from the root of the repository, and stalls with
`kustomization path not found` where there is no such folder.

What is looked at: Kustomizations whose source is the repository of `[repo]`, when the project is in a git
repository: its working tree, its index with `--staged`, or the commit that is compared. Nothing is said
where the folder may come from elsewhere: of another source, below a cluster's own tree, in a submodule or
behind a link, with `${var}` in the path, where the TOML file defines the GitRepository itself, where the
Kustomization is suspended, or where the cluster's folder is not the one that `flux.sync.path` says: then
the root of this repository is not what Flux sees.

Correct `path`, or commit the folder with its manifests: git keeps no empty folders. Where another
branch brings it, `# fluxgen: ignore[path-not-found]` on its line says so.

Flux: <https://fluxcd.io/flux/components/kustomize/kustomizations/#path>",
    check,
};

fn check(graph: &Graph, facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    let Some(repository) = facts.repository.filter(|it| it.is_of_git()) else {
        return;
    };
    let settings = graph.settings();
    // Most clusters have the same Kustomizations.
    let mut paths: HashMap<ResourceId, Option<String>> = HashMap::new();
    let mut known: HashMap<String, Looked> = HashMap::new();
    let trees = Folders::of(settings, repository);
    for (at, cluster) in graph.clusters.iter().enumerate() {
        let own = &settings.clusters[at];
        if !is_synced_from_here(own, repository) {
            continue;
        }
        let mut resources = cluster.resources.iter();
        let is_defined = resources.any(|id| {
            let identity = &graph.resource(*id).identity;
            identity.is_kind("source.toolkit.fluxcd.io", "GitRepository")
                && settings.repo.is_named(&identity.namespace, &identity.name)
        });
        if is_defined {
            continue;
        }
        for id in &cluster.resources {
            let resource = graph.resource(*id);
            let path = paths.entry(*id);
            let path = path.or_insert_with(|| looked_for(resource, settings, &trees));
            let Some(path) = path else { continue };
            let node = resource.get(&["spec", "path"]);
            let looked = known
                .entry(path.clone())
                .or_insert_with(|| look(path, repository));
            let (Looked::Missing { .. } | Looked::NoFolder, Some(node)) = (&*looked, node) else {
                continue;
            };
            let place = match node.span.is_built_in() {
                true => graph.variant(*id).span,
                false => node.span,
            };
            let written = node.as_str().unwrap_or_default();
            let diagnostic = tell(written, looked, repository)
                .at(place, "")
                .in_cluster(own.name.value.as_str());
            diagnostics.push(diagnostic);
        }
    }
}

/// Whether Flux syncs the cluster from the tree that is made here: else paths start at another root.
fn is_synced_from_here(cluster: &Cluster, repository: &Snapshot) -> bool {
    let own = repository.from_root(&cluster.folder);
    let synced = cluster.flux.sync.path.as_ref();
    synced.is_none_or(|path| normalised(path.value.as_str()) == own)
}

/// The path of a Kustomization, if it is one that the repository itself must have.
fn looked_for(resource: &Resource, settings: &Settings, trees: &Folders) -> Option<String> {
    if !builds_the_repository(resource, settings) {
        return None;
    }
    let spec = |key: &str| resource.get(&["spec", key]);
    let path = spec("path").and_then(Node::as_str)?;
    let is_suspended = spec("suspend").and_then(Node::as_bool) == Some(true);
    if is_suspended || path.contains("${") {
        return None;
    }
    let path = normalised(path);
    (!path.is_empty() && !trees.touch(&path)).then_some(path)
}

/// What stands at a path.
enum Looked {
    /// A folder, or nothing that can be judged.
    Fine,
    /// Something that is no folder.
    NoFolder,
    Missing {
        /// The nearest folder, from the root of the repository.
        near: Option<String>,
    },
}

fn look(path: &str, repository: &Snapshot) -> Looked {
    let files = repository.files();
    let mut above = String::new();
    for part in path.split('/') {
        let here = match above.as_str() {
            "" => part.to_owned(),
            above => format!("{above}/{part}"),
        };
        match files.kind(&here) {
            Ok(Some(EntryKind::Folder)) => above = here,
            Ok(Some(EntryKind::File)) => return Looked::NoFolder,
            Ok(Some(EntryKind::Link | EntryKind::Other)) | Err(_) => return Looked::Fine,
            Ok(None) => {
                let near = near(path, &above, part, repository);
                return Looked::Missing { near };
            }
        }
    }
    Looked::Fine
}

/// The folder that was probably meant.
fn near(path: &str, above: &str, part: &str, repository: &Snapshot) -> Option<String> {
    let files = repository.files();
    let is_folder = |path: &String| matches!(files.kind(path), Ok(Some(EntryKind::Folder)));
    // Paths of Flux start at the root of the repository, those of the TOML file in its folder.
    let from_toml = repository.from_root(path);
    if from_toml != path && is_folder(&from_toml) {
        return Some(from_toml);
    }
    let entries = files.list(above).ok().flatten()?;
    let folders = entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::Folder)
        .map(|entry| entry.name.as_str());
    let name = nearest(part, folders)?;
    let start = match above {
        "" => 0,
        above => above.len() + 1,
    };
    let rest = &path[start + part.len()..];
    let whole = format!("{}{name}{rest}", &path[..start]);
    match is_folder(&whole) {
        true => Some(whole),
        false => Some(format!("{}{name}", &path[..start])),
    }
}

fn tell(written: &str, looked: &Looked, repository: &Snapshot) -> Diagnostic {
    let message = match looked {
        Looked::NoFolder => format!("`{written}` is a file of the repository, not a folder"),
        Looked::Fine | Looked::Missing { .. } => {
            format!("the repository has no folder `{written}`")
        }
    };
    let mut diagnostic = Diagnostic::warning(RULE.code, message)
        .with_note("Flux would say `kustomization path not found` and apply nothing");
    if !repository.folder().is_empty() {
        diagnostic = diagnostic.with_note("it is looked for from the root of the repository");
    }
    match looked {
        Looked::Missing { near: Some(near) } => {
            let dot = if written.starts_with("./") { "./" } else { "" };
            diagnostic.with_help(format!("did you mean `{dot}{near}`?"))
        }
        Looked::NoFolder => diagnostic.with_help("name the folder that it is in"),
        Looked::Missing { near: None } | Looked::Fine => {
            diagnostic.with_help("correct `path`, or add the folder with its manifests")
        }
    }
}
