//! The user's own files in a tree: what they mean for the generated ones beside them.
//!
//! Flux applies a folder as kustomize builds it. Without a kustomize file of the user's it takes every
//! YAML file; with one it takes what that names, and no more.
//!
//! Source: <https://fluxcd.io/flux/components/kustomize/kustomizations/#generating-a-kustomizationyaml-file>

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::emit::{ClusterTree, HEADER, Tree};
use crate::expand::include::normalize;
use crate::files::{EntryKind, Snapshot};
use crate::node::Node;
use crate::source::Span;
use crate::tree::{CLUSTERS, Existing, File, LARGEST_FOREIGN, Makers};
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

/// Trees that this TOML file, or one that is gone, made for clusters which it does not name any more.
pub(crate) fn left_over(
    snapshot: &Snapshot,
    config: &str,
    clusters: &[String],
    diagnostics: &mut Diagnostics,
) -> std::io::Result<()> {
    let entries = snapshot.files().list(&snapshot.from_root(CLUSTERS))?;
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
    for entry in entries.unwrap_or_default() {
        if entry.kind != EntryKind::Folder || clusters.contains(&entry.name) {
            continue;
        }
        let folder = format!("{CLUSTERS}/{}", entry.name);
        let mut made = false;
        for found in snapshot.walk(&folder) {
            let (path, found) = found?;
            made = found.kind == EntryKind::File && is_ours(&path).unwrap_or_default();
            if made {
                break;
            }
        }
        if made {
            diagnostics.push(
                Diagnostic::warning(
                    "left-over-tree",
                    format!(
                        "`{folder}` was generated, but no cluster is named `{}`",
                        entry.name
                    ),
                )
                .with_note("a cluster that still syncs the folder goes on applying it")
                .with_help(format!(
                    "remove the folder when the cluster is gone, or add `[clusters.{}]`",
                    entry.name
                )),
            );
        }
    }
    Ok(())
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
    let own = format!("{CLUSTERS}/{}/{name}", cluster.name);
    diagnostics.push(
        Diagnostic::warning(
            "not-applied",
            format!("`{own}` does not name `{first}`{others}"),
        )
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
