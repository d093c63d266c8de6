//! The user's own files in a tree: what they mean for the generated ones beside them.
//!
//! Flux applies a folder as kustomize builds it. Without a kustomize file of the user's it takes every
//! YAML file; with one it takes what that names, and no more.
//!
//! Source: <https://fluxcd.io/flux/components/kustomize/kustomizations/#generating-a-kustomizationyaml-file>

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::emit::{ClusterTree, HEADER, Tree};
use crate::expand::include::normalize;
use crate::files::{EntryKind, Snapshot};
use crate::install::folder::COMPONENTS_FILE;
use crate::node::Node;
use crate::settings::folder::{CLUSTERS, ClusterFolder, above};
use crate::source::Span;
use crate::tree::{Existing, File, LARGEST_FOREIGN, Makers};
use crate::yaml;

/// The names that kustomize finds its file by.
const KUSTOMIZE_FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Holds each cluster's tree against the kustomize file of the user's own at its root.
pub(crate) fn check(
    tree: &Tree,
    existing: &BTreeMap<String, Existing>,
    diagnostics: &mut Diagnostics,
) {
    for cluster in &tree.clusters {
        let Some(standing) = existing.get(&cluster.name) else {
            continue;
        };
        let own = KUSTOMIZE_FILES
            .iter()
            .find_map(|name| Some((*name, standing.files.get(*name)?)));
        if let Some((name, File::Foreign(Some(bytes)))) = own {
            left_out(cluster, name, bytes, diagnostics);
        }
    }
}

/// Reports trees that this TOML file, or one that no longer exists, made for clusters it does not name, or in
/// folders its clusters no longer have.
pub(crate) fn left_over(
    snapshot: &Snapshot,
    config: &str,
    clusters: &[ClusterFolder],
    diagnostics: &mut Diagnostics,
) -> std::io::Result<()> {
    let mut makers = Makers::of(config, &BTreeMap::new(), snapshot);
    let mut is_ours = |path: &str| -> std::io::Result<bool> {
        let file = path.ends_with(".yaml") || path.ends_with(".yml");
        let bytes = match file {
            true => snapshot.read_own(path, LARGEST_FOREIGN)?,
            false => None,
        };
        Ok(bytes.is_some_and(|bytes| {
            makers.meet(&bytes, snapshot);
            bytes.starts_with(HEADER.as_bytes()) && makers.is_own(&bytes)
        }))
    };
    let current: BTreeSet<&str> = clusters.iter().map(|it| it.folder.as_str()).collect();
    // Of a cluster's folder the part above it, so that what is inside another tree is passed over.
    let is_current = |path: &str| above(path).any(|folder| current.contains(folder));
    for (name, folder) in previous_folders(snapshot, clusters)? {
        let mut made = false;
        for found in snapshot.walk(&folder) {
            let (path, found) = found?;
            made = found.kind == EntryKind::File
                && !is_current(&path)
                && is_ours(&path).unwrap_or_default();
            if made {
                break;
            }
        }
        if made {
            let current = clusters.iter().find(|cluster| cluster.name == name);
            diagnostics.push(left_over_tree(&name, &folder, current));
        }
    }
    Ok(())
}

/// The folders that clusters no longer have may have had, with the names of the clusters: all of `clusters/`,
/// and what differs from a cluster's folder in the cluster's name alone, as `k8s/old/flux` from `k8s/prod/flux`.
fn previous_folders(
    snapshot: &Snapshot,
    clusters: &[ClusterFolder],
) -> std::io::Result<BTreeSet<(String, String)>> {
    let mut shapes = BTreeSet::from([(CLUSTERS.to_owned(), String::new())]);
    for cluster in clusters {
        let parts: Vec<&str> = cluster.folder.split('/').collect();
        if let Some(at) = parts.iter().rposition(|part| *part == cluster.name) {
            shapes.insert((parts[..at].join("/"), parts[at + 1..].join("/")));
        }
    }
    let current: BTreeSet<&str> = clusters.iter().map(|it| it.folder.as_str()).collect();
    let mut found = BTreeSet::new();
    for (start, end) in shapes {
        let entries = snapshot.files().list(&snapshot.from_root(&start))?;
        for entry in entries.unwrap_or_default() {
            let folders = [&start, &entry.name, &end];
            let parts = folders.into_iter().filter(|part| !part.is_empty());
            let folder = parts.map(String::as_str).collect::<Vec<_>>().join("/");
            if entry.kind == EntryKind::Folder
                && !current.contains(folder.as_str())
                && snapshot.kind(&folder)? == Some(EntryKind::Folder)
            {
                found.insert((entry.name, folder));
            }
        }
    }
    Ok(found)
}

fn left_over_tree(name: &str, folder: &str, current: Option<&ClusterFolder>) -> Diagnostic {
    let (message, help) = match current {
        Some(cluster) => (
            format!(
                "`{folder}` was generated, but the folder of cluster `{name}` is `{}`",
                cluster.folder
            ),
            format!("remove `{folder}` when nothing syncs it any longer"),
        ),
        None => (
            format!("`{folder}` was generated, but no cluster is named `{name}`"),
            format!("remove the folder when the cluster is gone, or add `[clusters.{name}]`"),
        ),
    };
    Diagnostic::warning("left-over-tree", message)
        .with_note("a cluster that still syncs the folder continues to apply it")
        .with_help(help)
}

/// Whether Flux takes a file of a tree as it stands: no folder on the way to it has a kustomize file.
pub(crate) fn is_applied(path: &str, standing: &Existing) -> bool {
    let folders = path.match_indices('/').map(|(at, _)| &path[..=at]);
    !std::iter::once("").chain(folders).any(|folder| {
        KUSTOMIZE_FILES
            .iter()
            .any(|name| standing.files.contains_key(&format!("{folder}{name}")))
    })
}

/// What Flux applies of a cluster's folder, as far as the folder itself says.
#[derive(Debug, Default)]
pub(crate) struct Applied<'a> {
    /// Files whose objects are applied as they are written.
    pub as_written: BTreeSet<&'a str>,
    /// Files from which kustomize makes something that is not worked out here: patched, renamed, generated, or
    /// from outside of the folder.
    pub built: BTreeSet<&'a str>,
}

/// What Flux applies of a folder: what a kustomize file lists, else all YAML.
pub(crate) fn applied(existing: &Existing) -> Applied<'_> {
    let mut applied = Applied::default();
    visit("", existing, &mut BTreeSet::new(), &mut applied);
    applied
}

/// `folder` is empty or ends in `/`.
fn visit<'a>(
    folder: &str,
    existing: &'a Existing,
    seen: &mut BTreeSet<String>,
    applied: &mut Applied<'a>,
) {
    if !seen.insert(folder.to_owned()) {
        return;
    }
    let files = &existing.files;
    let decides = KUSTOMIZE_FILES
        .iter()
        .find_map(|name| files.get_key_value(&format!("{folder}{name}")));
    let Some((path, file)) = decides else {
        for path in below(folder, existing) {
            match path[folder.len()..].split_once('/') {
                None if is_yaml(path) => {
                    applied.as_written.insert(path);
                }
                None => {}
                Some((inner, _)) => visit(&format!("{folder}{inner}/"), existing, seen, applied),
            }
        }
        return;
    };
    // Patches of that folder are for the controllers; the objects beside them stay what they are.
    let installs_flux = files.contains_key(&format!("{folder}{COMPONENTS_FILE}"));
    let listed = match file {
        File::Ours(bytes) | File::Foreign(Some(bytes)) => listed(bytes, installs_flux),
        File::Foreign(None) | File::Link | File::Temporary => None,
    };
    let Some(listed) = listed else {
        applied.built.extend(below(folder, existing));
        return;
    };
    if installs_flux && matches!(file, File::Foreign(_)) {
        applied.built.insert(path);
    }
    for entry in listed {
        let place = normalize(&format!("{folder}{entry}"));
        let place = place.map(|place| place.as_str().trim_end_matches('/').to_owned());
        let known = place
            .as_ref()
            .and_then(|place| files.get_key_value(place.as_str()));
        match (known, place) {
            (Some((path, _)), _) => {
                applied.as_written.insert(path);
            }
            (None, Some(place)) if below(&format!("{place}/"), existing).next().is_some() => {
                visit(&format!("{place}/"), existing, seen, applied);
            }
            // What it lists is not in this folder.
            (None, _) => {
                applied.built.insert(path);
            }
        }
    }
}

/// The paths below a folder that is empty or ends in `/`.
fn below<'a>(folder: &str, existing: &'a Existing) -> impl Iterator<Item = &'a str> {
    let folder = folder.to_owned();
    let from = existing.files.range(folder.clone()..);
    from.map(|(path, _)| path.as_str())
        .take_while(move |path| path.starts_with(&folder))
}

fn is_yaml(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".yml")
}

/// What a kustomize file lists, if that is all it does; `None` where it changes or generates something.
fn listed(bytes: &[u8], lists_only: bool) -> Option<Vec<String>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let documents = yaml::read_all(text, Span::BUILT_IN.file).ok()?;
    let table = documents.first()?.as_table()?;
    let is_plain = |key: &str| matches!(key, "apiVersion" | "kind" | "metadata" | "resources");
    if !lists_only && !table.keys().all(is_plain) {
        return None;
    }
    let Some(resources) = table.get("resources") else {
        return Some(Vec::new());
    };
    let entries = resources.as_array()?.iter();
    entries
        .map(|entry| entry.as_str().map(str::to_owned))
        .collect()
}

/// Generated files that the user's own kustomize file does not name.
fn left_out(cluster: &ClusterTree, name: &str, bytes: &[u8], diagnostics: &mut Diagnostics) {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let documents = yaml::read_all(text, Span::BUILT_IN.file).unwrap_or_default();
    let entries = documents
        .first()
        .and_then(|document| document.get("resources")?.as_array())
        .unwrap_or_default();
    let named: Vec<_> = entries
        .iter()
        .filter_map(|entry| normalize(Node::as_str(entry)?))
        .collect();
    let missing: Vec<&str> = cluster
        .files
        .keys()
        .map(AsRef::as_ref)
        .filter(|path| {
            !named
                .iter()
                .any(|named| named.as_str() == *path || is_below(path, named.as_str()))
        })
        .collect();
    let Some(first) = missing.first() else {
        return;
    };
    let others = match missing.len() - 1 {
        0 => String::new(),
        1 => " and one other generated file".to_owned(),
        others => format!(" and {others} other generated files"),
    };
    let own = format!("{}/{name}", cluster.folder);
    diagnostics.push(
        Diagnostic::warning(
            "not-applied",
            format!("`{own}` does not name `{first}`{others}"),
        )
        .in_cluster(cluster.name.as_str())
        .with_note("Flux applies of this folder only what that file names")
        .with_help(format!(
            "remove `{own}`, for Flux to take every file, or add to its `resources`: {}",
            missing.join(", ")
        )),
    );
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}
