//! A compiled project as one side of a comparison.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::Utf8Path;
use rayon::prelude::*;

use super::own::{Own, Owns};
use super::trees::{Edited, EditedFile};
use crate::compare::report::{Place, Side as Which};
use crate::compare::{Cluster, Entry, Remarks, Root, Side};
use crate::emit::Standing;
use crate::emit::marks::{Former, has_marks, keep};
use crate::expand::Variant;
use crate::files::Snapshot;
use crate::install::folder::{COMPONENTS_FILE, INSTANCE_FILE, KUSTOMIZATION_FILE, SYNC_FILE};
use crate::kustomize::normalised;
use crate::link::{Graph, ResourceId};
use crate::node::Node;
use crate::project::Project;
use crate::report::place;
use crate::source::Span;
use crate::tree::{Existing, File};

/// A resource of a variant, shared by the clusters that have it.
struct Shared {
    entry: Entry,
    has_marks: bool,
}

/// The resources of every cluster, marked values as they stand in its tree.
///
/// Of a generated file that was changed by hand it is what the file holds, not what the TOML file gives.
pub(super) fn side(
    project: &Project,
    graph: &Graph,
    own: &Owns,
    edited: &Edited,
    which: Which,
) -> Side {
    let variants: Vec<Vec<Shared>> = graph
        .validated
        .expanded
        .variants
        .par_iter()
        .map(|variant| shared(project, variant, which))
        .collect();
    let ranks = ranks(&variants);
    let clusters: Vec<(String, Cluster)> = graph
        .settings()
        .clusters
        .par_iter()
        .zip(&graph.clusters)
        .map(|(settings, of_cluster)| {
            let name = settings.name.value.as_str();
            let existing = project.existing.get(name);
            let ids = of_cluster.resources.as_slice();
            let standing = project.standing.get(name);
            let mut entries = entries(graph, ids, &variants, &ranks, standing);
            for file in edited.of(name).iter().filter(|it| !is_of_flux(&it.path)) {
                replace(&mut entries, file, which);
            }
            // What the user keeps in the folder is applied with the rest. Of one identity the first counts.
            entries.extend(own.get(name).into_iter().flat_map(Own::entries));
            let mut cluster = Cluster::new(entries);
            cluster.flux = Some(settings.flux.minor.pair());
            cluster.root = root(&project.snapshot, &settings.folder, existing);
            (name.to_owned(), cluster)
        })
        .collect();
    Side {
        clusters: clusters.into_iter().collect(),
    }
}

/// A side without a TOML file: the YAML that is in the clusters' folders.
pub(super) fn side_of_yaml(
    snapshot: &Snapshot,
    existing: &BTreeMap<String, Existing>,
    own: &Owns,
) -> Side {
    let clusters = own.iter().map(|(name, own)| {
        let mut cluster = Cluster::new(own.entries().collect());
        let folder = existing.get(name).map_or("", |it| it.folder.as_str());
        cluster.root = root(snapshot, folder, existing.get(name));
        (name.clone(), cluster)
    });
    Side {
        clusters: clusters.collect(),
    }
}

/// The folders of clusters that a side without a TOML file has.
pub(super) fn folders(
    snapshot: &Snapshot,
    head: &Graph,
) -> std::io::Result<BTreeMap<String, Existing>> {
    let mut found = BTreeMap::new();
    for cluster in &head.settings().clusters {
        let name = &cluster.name.value;
        let existing = crate::tree::read(snapshot, &cluster.folder)?;
        if !existing.files.is_empty() {
            found.insert(name.clone(), existing);
        }
    }
    Ok(found)
}

/// What installs Flux and makes it sync is compared apart.
fn is_of_flux(path: &str) -> bool {
    path.split_once('/').is_some_and(|(_, file)| {
        [
            COMPONENTS_FILE,
            SYNC_FILE,
            INSTANCE_FILE,
            KUSTOMIZATION_FILE,
        ]
        .contains(&file)
    })
}

fn replace(entries: &mut Vec<Entry>, file: &EditedFile, which: Which) {
    let given = crate::tree::resources(file.given.as_bytes());
    entries.retain(|entry| {
        given
            .iter()
            .all(|given| given.identity != *entry.identity())
    });
    let bytes = match which {
        Which::Base => &file.before,
        Which::Head => &file.after,
    };
    let there = bytes.iter().flat_map(|bytes| crate::tree::resources(bytes));
    entries.extend(there.map(|resource| Entry::new(Arc::new(resource), None)));
}

/// The place of each resource in the order of the identities: comparing texts once is enough for all clusters.
fn ranks(variants: &[Vec<Shared>]) -> Vec<Vec<u32>> {
    let places = variants.iter().enumerate().flat_map(|(variant, shared)| {
        let places = shared.iter().enumerate();
        places.map(move |(at, shared)| (shared.entry.identity(), variant, at))
    });
    let mut sorted: Vec<_> = places.collect();
    sorted.par_sort();
    let mut ranks: Vec<Vec<u32>> = variants.iter().map(|all| vec![0; all.len()]).collect();
    for (rank, (_, variant, at)) in (0..).zip(sorted) {
        ranks[variant][at] = rank;
    }
    ranks
}

/// The resources of one cluster that the TOML file gives, in the order of the identities.
fn entries(
    graph: &Graph,
    ids: &[ResourceId],
    variants: &[Vec<Shared>],
    ranks: &[Vec<u32>],
    standing: Option<&Standing>,
) -> Vec<Entry> {
    let of = |id: ResourceId| &variants[id.variant as usize][id.resource as usize];
    let mut sorted = ids.to_vec();
    sorted.sort_unstable_by_key(|id| ranks[id.variant as usize][id.resource as usize]);
    let identities = ids.iter().map(|id| &graph.resource(*id).identity);
    let former = standing.map(|standing| Former::new(standing, identities));
    let in_cluster = |id: ResourceId| {
        let Shared { entry, has_marks } = of(id);
        let former = former.as_ref().filter(|_| *has_marks)?;
        let renamed_from = entry.remarks.as_ref()?.renamed_from.as_deref();
        let there = former.find(&entry.resource, renamed_from)?;
        let kept = keep(&entry.resource, there, &[])?;
        Some(Entry::new(Arc::new(kept), entry.remarks.clone()))
    };
    let sorted = sorted.into_iter();
    sorted
        .map(|id| in_cluster(id).unwrap_or_else(|| of(id).entry.clone()))
        .collect()
}

fn shared(project: &Project, variant: &Variant, which: Which) -> Vec<Shared> {
    let text = |said: &Option<crate::source::Spanned<String>>| {
        said.as_ref().map(|said| said.value.clone())
    };
    let remarks = Arc::new(Remarks {
        acknowledge: text(&variant.acknowledge),
        renamed_from: text(&variant.renamed_from),
        place: place_of(project, variant.span, which),
    });
    variant
        .resources
        .iter()
        .map(|resource| Shared {
            has_marks: has_marks(&resource.node),
            entry: Entry::new(Arc::clone(resource), Some(Arc::clone(&remarks))),
        })
        .collect()
}

pub(super) fn place_of(project: &Project, span: Span, which: Which) -> Option<Place> {
    let folder = Utf8Path::new(project.snapshot.folder());
    place(span, &project.sources, which, folder)
}

/// The largest file that is looked at for the root Kustomization, in bytes.
const LARGEST_SYNC: usize = 256 * 1024;

/// The Kustomization that applies the cluster's folder, as far as the folder itself tells.
fn root(snapshot: &Snapshot, own: &str, existing: Option<&Existing>) -> Root {
    let folder = snapshot.from_root(own);
    let mut root = Root {
        folder,
        ..Root::default()
    };
    let Some(existing) = existing else {
        return root;
    };
    root.has_own_files = has_own_files(existing);
    for file in existing.files.values() {
        let File::Foreign(Some(bytes)) = file else {
            continue;
        };
        // As a rule it is in `flux-system/gotk-sync.yaml`, which `flux bootstrap` wrote.
        let text = match std::str::from_utf8(bytes) {
            Ok(text) if text.len() <= LARGEST_SYNC && text.contains("kustomize.toolkit") => text,
            _ => continue,
        };
        for resource in crate::tree::resources(text.as_bytes()) {
            let of = |key: &str| resource.get(&["spec", key]);
            let path = of("path").and_then(Node::as_str).map(normalised);
            let applies = path.is_some_and(|path| path == root.folder || path == own);
            if resource.identity.kind == "Kustomization" && applies {
                root.prune = of("prune").and_then(Node::as_bool).unwrap_or(false);
                root.suspended = of("suspend").and_then(Node::as_bool).unwrap_or(false);
                return root;
            }
        }
    }
    root
}

fn has_own_files(existing: &Existing) -> bool {
    existing
        .files
        .values()
        .any(|file| matches!(file, File::Foreign(_) | File::Link))
}

/// Of clusters that only the base has: whether something of the user's own stays in the folder.
pub(super) fn look_at_what_stays(base: &mut Side, head: &Project) -> std::io::Result<()> {
    let gone: BTreeMap<&String, _> = base
        .clusters
        .iter_mut()
        .filter(|(name, _)| !head.existing.contains_key(*name))
        .collect();
    for cluster in gone.into_values() {
        let folder = Utf8Path::new(&cluster.root.folder);
        let own = folder
            .strip_prefix(head.snapshot.folder())
            .unwrap_or(folder);
        cluster.root.has_own_files =
            has_own_files(&crate::tree::read(&head.snapshot, own.as_str())?);
    }
    Ok(())
}
