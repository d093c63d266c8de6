//! One side of a comparison: the compiled resources of each cluster.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::digest::digest;
use super::report::Place;
use crate::node::Node;
use crate::resource::{Identity, Resource};

/// All clusters of a compiled project.
#[derive(Debug, Clone, Default)]
pub struct Side {
    pub clusters: BTreeMap<String, Cluster>,
}

#[derive(Debug, Clone, Default)]
pub struct Cluster {
    /// In the order of the identities.
    entries: Vec<Entry>,
    /// The Flux minor that the cluster pins: `(2, 9)`. `None`: not known.
    pub flux: Option<(u64, u64)>,
    pub root: Root,
}

/// The Kustomization that applies the cluster's own folder, `flux-system` as a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    pub prune: bool,
    pub suspended: bool,
    /// The cluster's folder from the repository's root: `clusters/prod`.
    pub folder: String,
    /// Something of the user's own is in the folder besides what is generated, so that the folder
    /// stays when the cluster leaves the TOML.
    pub has_own_files: bool,
}

/// A resource in one cluster.
#[derive(Debug, Clone)]
pub struct Entry {
    pub resource: Arc<Resource>,
    pub remarks: Option<Arc<Remarks>>,
    digest: u64,
}

/// What the TOML says of a resource that is not part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remarks {
    /// `acknowledge = "…"`.
    pub acknowledge: Option<String>,
    /// `renamedFrom = "…"`: the former name, or namespace and name with a `/`.
    pub renamed_from: Option<String>,
    pub place: Option<Place>,
}

/// Builds a side; a resource that many clusters share is digested once.
#[derive(Debug, Default)]
pub struct SideBuilder {
    side: Side,
    /// By address. The resource is kept, so that no other can have its address.
    digests: HashMap<usize, (Arc<Resource>, u64)>,
}

impl Default for Root {
    /// As `flux bootstrap` writes it.
    fn default() -> Self {
        Self {
            prune: true,
            suspended: false,
            folder: String::new(),
            has_own_files: false,
        }
    }
}

impl Cluster {
    /// Of two resources of one identity the first counts.
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by(|a, b| a.identity().cmp(b.identity()));
        entries.dedup_by(|later, earlier| later.identity() == earlier.identity());
        Self {
            entries,
            ..Self::default()
        }
    }

    /// In the order of the identities.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn get(&self, identity: &Identity) -> Option<&Entry> {
        let at = self
            .entries
            .binary_search_by(|entry| entry.identity().cmp(identity))
            .ok()?;
        self.entries.get(at)
    }

    /// The resource of this kind, wherever its group's version stands.
    pub fn find(&self, group: &str, kind: &str, namespace: &str, name: &str) -> Option<&Entry> {
        let at = self
            .entries
            .binary_search_by(|entry| {
                let it = entry.identity();
                (
                    it.group.as_str(),
                    it.kind.as_str(),
                    it.namespace.as_str(),
                    it.name.as_str(),
                )
                    .cmp(&(group, kind, namespace, name))
            })
            .ok()?;
        self.entries.get(at)
    }
}

impl Entry {
    /// One that many clusters share is made once and cloned.
    pub fn new(resource: Arc<Resource>, remarks: Option<Arc<Remarks>>) -> Self {
        Self {
            digest: digest(&resource.node),
            resource,
            remarks,
        }
    }

    pub fn identity(&self) -> &Identity {
        &self.resource.identity
    }

    /// The value at a path of keys.
    pub fn get(&self, path: &[&str]) -> Option<&Node> {
        self.resource.get(path)
    }

    pub fn acknowledge(&self) -> Option<&str> {
        self.remarks.as_ref()?.acknowledge.as_deref()
    }

    pub fn place(&self) -> Option<&Place> {
        self.remarks.as_ref()?.place.as_ref()
    }

    /// Whether it is, for certain, what the other is.
    pub(super) fn is_same(&self, other: &Entry) -> bool {
        Arc::ptr_eq(&self.resource, &other.resource) || self.digest == other.digest
    }
}

impl SideBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a cluster without resources, or finds the one that is there.
    pub fn cluster(&mut self, name: &str) -> &mut Cluster {
        if !self.side.clusters.contains_key(name) {
            self.side
                .clusters
                .insert(name.to_owned(), Cluster::default());
        }
        self.side
            .clusters
            .get_mut(name)
            .expect("it was added just now")
    }

    pub fn add(&mut self, cluster: &str, resource: Arc<Resource>, remarks: Option<Arc<Remarks>>) {
        let address = Arc::as_ptr(&resource).addr();
        let digest = self
            .digests
            .entry(address)
            .or_insert_with(|| (Arc::clone(&resource), digest(&resource.node)))
            .1;
        self.cluster(cluster).entries.push(Entry {
            resource,
            remarks,
            digest,
        });
    }

    /// Of two resources of one identity the first counts.
    pub fn finish(self) -> Side {
        let mut side = self.side;
        for cluster in side.clusters.values_mut() {
            let entries = std::mem::take(&mut cluster.entries);
            cluster.entries = Cluster::new(entries).entries;
        }
        side
    }
}
