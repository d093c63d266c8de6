//! How a side's committed tree stands to what its TOML file gives.

use std::collections::{BTreeMap, BTreeSet};

use crate::compare::report::TreeSummary;
use crate::emit::marks::{Former, has_marks, keep};
use crate::emit::path::Paths;
use crate::emit::{ClusterTree, Tree, header};
use crate::expand::Variant;
use crate::link::Graph;
use crate::project::Project;
use crate::resource::Resource;
use crate::tree::{CLUSTERS, Existing, File, resources};

/// One side: what its TOML file gives and what is committed.
#[derive(Clone, Copy)]
pub(super) struct Committed<'a> {
    pub project: &'a Project,
    pub graph: &'a Graph,
    pub tree: &'a Tree,
}

/// The files of each cluster that are not what the TOML file gives; `before` is the other side, which
/// tells a tree that was changed from a TOML file that was.
pub(super) fn states(
    side: Committed<'_>,
    before: Option<Committed<'_>>,
) -> BTreeMap<String, TreeSummary> {
    let nothing = Existing::default();
    let ours = header(&side.project.config);
    let mut states = BTreeMap::new();
    for (at, cluster) in side.tree.clusters.iter().enumerate() {
        let name = cluster.name.as_str();
        let existing = side.project.existing.get(name).unwrap_or(&nothing);
        let automated = automated(side, at, name);
        let mut summary = TreeSummary::default();
        let ours_only = existing.files.iter().filter(|(path, file)| {
            matches!(file, File::Ours(bytes) if bytes.starts_with(ours.as_bytes()))
                && !cluster.files.contains_key(path.as_str())
                && !cluster.left_alone.iter().any(|left| **left == ***path)
        });
        let paths = cluster.files.keys().map(AsRef::as_ref);
        let paths: BTreeSet<&str> = paths
            .chain(ours_only.map(|(path, _)| path.as_str()))
            .collect();
        for path in paths {
            let standing = existing.files.get(path);
            let is_marked = automated.contains(path);
            let list = match stands(standing, cluster, path) {
                Stands::AsGiven if is_marked => &mut summary.automated,
                Stands::AsGiven => continue,
                Stands::Rewritten => &mut summary.automated,
                Stands::Otherwise => match before {
                    Some(before) if was_edited(before, name, path, standing, cluster) => {
                        &mut summary.hand_edited
                    }
                    _ => &mut summary.stale,
                },
            };
            let path = format!("{CLUSTERS}/{name}/{path}");
            list.push(side.project.snapshot.from_root(&path));
        }
        states.insert(name.to_owned(), summary);
    }
    states
}

enum Stands {
    AsGiven,
    /// In other bytes and with the same meaning, as image automation writes it back.
    Rewritten,
    Otherwise,
}

fn stands(standing: Option<&File>, cluster: &ClusterTree, path: &str) -> Stands {
    match (standing, cluster.files.get(path)) {
        (Some(File::Ours(bytes)), Some(text)) if **bytes == *text.as_bytes() => Stands::AsGiven,
        (Some(File::Ours(bytes)), Some(text))
            if text.contains("$imagepolicy") && mean_the_same(bytes, text.as_bytes()) =>
        {
            Stands::Rewritten
        }
        // A file of the user's own in the way is an error of its own.
        (Some(File::Foreign(_) | File::Link | File::Temporary), _) => Stands::AsGiven,
        _ => Stands::Otherwise,
    }
}

fn mean_the_same(a: &[u8], b: &[u8]) -> bool {
    let (a, b): (Vec<Resource>, Vec<Resource>) = (resources(a), resources(b));
    let same = |(a, b): (&Resource, &Resource)| {
        a.identity == b.identity && a.node.value.same(&b.node.value)
    };
    !a.is_empty() && a.len() == b.len() && a.iter().zip(&b).all(same)
}

/// Whether the file changed while what the TOML file gives for it did not.
fn was_edited(
    before: Committed<'_>,
    name: &str,
    path: &str,
    standing: Option<&File>,
    cluster: &ClusterTree,
) -> bool {
    let known = before
        .tree
        .clusters
        .binary_search_by(|known| known.name.as_str().cmp(name));
    let Ok(known) = known else { return false };
    let given_before = before.tree.clusters[known].files.get(path);
    let stood = before
        .project
        .existing
        .get(name)
        .and_then(|existing| existing.files.get(path));
    let bytes = |file: Option<&File>| match file {
        Some(File::Ours(bytes)) => Some(std::sync::Arc::clone(bytes)),
        _ => None,
    };
    given_before == cluster.files.get(path) && bytes(stood) != bytes(standing)
}

/// The files whose marked values are not what the TOML file starts from.
fn automated(side: Committed<'_>, at: usize, name: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    let expanded = &side.graph.validated.expanded;
    let variants = || {
        expanded.clusters[at]
            .iter()
            .map(|id| &expanded.variants[*id as usize])
    };
    let is_marked = |variant: &Variant| {
        let mut resources = variant.resources.iter();
        resources.any(|resource| has_marks(&resource.node))
    };
    if !variants().any(is_marked) {
        return paths;
    }
    let Some(standing) = side.project.standing.get(name).filter(|it| !it.is_empty()) else {
        return paths;
    };
    let Ok(chosen) = Paths::new(&side.graph.settings().layout) else {
        return paths;
    };
    let ids = side.graph.clusters[at].resources.iter();
    let former = Former::new(standing, ids.map(|id| &side.graph.resource(*id).identity));
    for variant in variants() {
        for (place, resource) in variant.resources.iter().enumerate() {
            let renamed_from = variant
                .renamed_from
                .as_ref()
                .map(|text| text.value.as_str());
            let is_kept = has_marks(&resource.node)
                && former
                    .find(resource, renamed_from)
                    .is_some_and(|there| keep(resource, there, &side.project.reset).is_some());
            if is_kept && let Ok(path) = chosen.of(variant, place) {
                paths.insert(path);
            }
        }
    }
    paths
}
