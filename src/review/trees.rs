//! How a side's committed tree stands to what its TOML file gives.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::compare::report::TreeSummary;
use crate::emit::marks::{Former, has_marks, keep};
use crate::emit::path::Paths;
use crate::emit::{ClusterTree, Tree};
use crate::expand::Variant;
use crate::files::Bytes;
use crate::image::rewritten::is_rewritten;
use crate::link::Graph;
use crate::project::Project;
use crate::tree::{Existing, File, Makers, is_left_over};

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
    let project = side.project;
    let makers = Makers::of(&project.config, &project.existing, &project.snapshot);
    let variants = side.graph.validated.expanded.variants.par_iter();
    let marked: Vec<bool> = variants
        .map(|variant| {
            let mut resources = variant.resources.iter();
            resources.any(|resource| has_marks(&resource.node))
        })
        .collect();
    let clusters = side.tree.clusters.par_iter().enumerate();
    clusters
        .map(|(at, cluster)| {
            let automated = automated(side, at, &cluster.name, &marked);
            let summary = state(side, before, cluster, &makers, &automated);
            (cluster.name.clone(), summary)
        })
        .collect::<Vec<_>>()
        .into_iter()
        .collect()
}

fn state(
    side: Committed<'_>,
    before: Option<Committed<'_>>,
    cluster: &ClusterTree,
    makers: &Makers,
    automated: &BTreeSet<String>,
) -> TreeSummary {
    let name = cluster.name.as_str();
    let nothing = Existing::default();
    let existing = side.project.existing.get(name).unwrap_or(&nothing);
    let mut summary = TreeSummary::default();
    for (path, text, standing) in both(cluster, existing) {
        let is_kept = |file| !is_left_over(cluster, path, file, makers);
        if text.is_none() && standing.is_none_or(is_kept) {
            continue;
        }
        let list = match stands(standing, text) {
            Stands::AsGiven if automated.contains(path) => &mut summary.automated,
            Stands::AsGiven => continue,
            Stands::Rewritten => &mut summary.automated,
            Stands::Otherwise => match before {
                Some(before) if was_edited(before, name, path, standing, cluster) => {
                    &mut summary.hand_edited
                }
                _ => &mut summary.stale,
            },
        };
        let path = format!("{}/{path}", cluster.folder);
        list.push(side.project.snapshot.from_root(&path));
    }
    summary
}

/// Every path of a tree, as given and as it stands, in the order of the paths.
fn both<'a>(
    cluster: &'a ClusterTree,
    existing: &'a Existing,
) -> impl Iterator<Item = (&'a str, Option<&'a str>, Option<&'a File>)> {
    let mut given = cluster.files.iter().peekable();
    let mut standing = existing.files.iter().peekable();
    std::iter::from_fn(move || {
        let order = match (given.peek(), standing.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((given, _)), Some((standing, _))) => given.as_ref().cmp(standing.as_str()),
        };
        let text = order.is_le().then(|| given.next()).flatten();
        let file = order.is_ge().then(|| standing.next()).flatten();
        let path = text.map(|(path, _)| path.as_ref());
        let path = path.or(file.map(|(path, _)| path.as_str()))?;
        Some((
            path,
            text.map(|(_, text)| text.as_ref()),
            file.map(|(_, file)| file),
        ))
    })
}

/// What Flux applies in place of what the TOML files of both sides give alike: generated files that were changed
/// or removed by hand in between.
#[derive(Debug, Default)]
pub(super) struct Edited {
    /// Per cluster, what is given, and what was and is there instead.
    pub files: BTreeMap<String, Vec<EditedFile>>,
}

#[derive(Debug)]
pub(super) struct EditedFile {
    /// Below the cluster's folder.
    pub path: Arc<str>,
    pub given: Arc<str>,
    pub before: Option<Bytes>,
    pub after: Option<Bytes>,
}

impl Edited {
    pub(super) fn find(base: Committed<'_>, head: Committed<'_>) -> Self {
        let clusters = head.tree.clusters.par_iter().filter_map(|new| {
            // In another folder all files are new.
            let old = base.of(&new.name).filter(|old| old.folder == new.folder)?;
            let files: Vec<EditedFile> = new
                .files
                .iter()
                .filter(|(path, given)| old.files.get(*path) == Some(*given))
                .filter_map(|(path, given)| {
                    let [before, after] = [base, head].map(|side| side.ours(&new.name, path));
                    if before == after || before.is_none() && is_given(after.as_ref(), given) {
                        return None;
                    }
                    let differs = |bytes: &Option<Bytes>| !is_given(bytes.as_ref(), given);
                    (differs(&before) || differs(&after)).then(|| EditedFile {
                        path: Arc::clone(path),
                        given: Arc::clone(given),
                        before,
                        after,
                    })
                })
                .collect();
            (!files.is_empty()).then(|| (new.name.clone(), files))
        });
        Self {
            files: clusters.collect::<Vec<_>>().into_iter().collect(),
        }
    }

    pub(super) fn of(&self, cluster: &str) -> &[EditedFile] {
        self.files.get(cluster).map_or(&[], Vec::as_slice)
    }
}

fn is_given(bytes: Option<&Bytes>, given: &str) -> bool {
    bytes.is_some_and(|bytes| **bytes == *given.as_bytes() || is_rewritten(bytes, given))
}

impl<'a> Committed<'a> {
    pub(super) fn of(self, cluster: &str) -> Option<&'a ClusterTree> {
        let clusters = &self.tree.clusters;
        let at = clusters.binary_search_by(|known| known.name.as_str().cmp(cluster));
        clusters.get(at.ok()?)
    }

    /// A generated file as it is committed.
    fn ours(self, cluster: &str, path: &str) -> Option<Bytes> {
        match self.project.existing.get(cluster)?.files.get(path)? {
            File::Ours(bytes) => Some(bytes.clone()),
            File::Foreign(_) | File::Link | File::Temporary => None,
        }
    }
}

enum Stands {
    AsGiven,
    /// In other bytes and with the same meaning, as image automation writes it back.
    Rewritten,
    Otherwise,
}

fn stands(standing: Option<&File>, text: Option<&str>) -> Stands {
    match (standing, text) {
        (Some(File::Ours(bytes)), Some(text)) if **bytes == *text.as_bytes() => Stands::AsGiven,
        (Some(File::Ours(bytes)), Some(text)) if is_rewritten(bytes, text) => Stands::Rewritten,
        // A file of the user's own in the way is an error of its own.
        (Some(File::Foreign(_) | File::Link | File::Temporary), _) => Stands::AsGiven,
        _ => Stands::Otherwise,
    }
}

/// Whether the file changed while what the TOML file gives for it did not.
fn was_edited(
    before: Committed<'_>,
    name: &str,
    path: &str,
    standing: Option<&File>,
    cluster: &ClusterTree,
) -> bool {
    let Some(known) = before.of(name) else {
        return false;
    };
    let given_before = known.files.get(path);
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

/// The files whose marked values are not what the TOML file starts from; `marked` are the variants that have any.
fn automated(side: Committed<'_>, at: usize, name: &str, marked: &[bool]) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    let expanded = &side.graph.validated.expanded;
    let of_cluster = expanded.clusters[at].iter().map(|id| *id as usize);
    let variants: Vec<&Variant> = of_cluster
        .filter(|id| marked[*id])
        .map(|id| &expanded.variants[id])
        .collect();
    if variants.is_empty() {
        return paths;
    }
    let Some(standing) = side.project.standing.get(name).filter(|it| !it.is_empty()) else {
        return paths;
    };
    let Ok(chosen) = Paths::new(side.graph.settings()) else {
        return paths;
    };
    let ids = side.graph.clusters[at].resources.iter();
    let former = Former::new(standing, ids.map(|id| &side.graph.resource(*id).identity));
    for variant in variants {
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
