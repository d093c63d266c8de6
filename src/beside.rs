//! The user's own files in a tree: what they mean for the generated ones beside them.
//!
//! Flux applies a folder as kustomize builds it. Without a kustomize file of the user's it takes every
//! YAML file; with one it takes what that names, and no more.
//!
//! Source: <https://fluxcd.io/flux/components/kustomize/kustomizations/#generating-a-kustomizationyaml-file>

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::emit::{ClusterTree, Tree};
use crate::expand::include::normalize;
use crate::node::Node;
use crate::source::Span;
use crate::tree::{CLUSTERS, Existing, File};
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
