//! One cluster as the rules see it: before, after, and the folders that it applies.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Input;
use super::kustomization_spec::KustomizationSpec;
use crate::compare::{Cluster, ClusterChanges, Entry, Root};
use crate::kustomize::{Contents, Resolver};
use crate::node::Node;
use crate::resource::Identity;

pub(super) const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io";
pub(super) const HELM: &str = "helm.toolkit.fluxcd.io";
pub(super) const SOURCE: &str = "source.toolkit.fluxcd.io";

pub(super) struct View<'a> {
    pub(super) cluster: &'a str,
    pub(super) changes: &'a ClusterChanges<'a>,
    input: &'a Input<'a>,
    base: Option<&'a Resolver<'a>>,
    head: Option<&'a Resolver<'a>>,
    owners: [OnceCell<Owners>; 2],
}

/// Which Kustomizations apply an object, sorted.
pub(super) type Owners = BTreeMap<Identity, Vec<Identity>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    Before,
    After,
}

impl<'a> View<'a> {
    pub(super) fn new(
        cluster: &'a str,
        changes: &'a ClusterChanges<'a>,
        input: &'a Input<'a>,
        base: Option<&'a Resolver<'a>>,
        head: Option<&'a Resolver<'a>>,
    ) -> Self {
        Self {
            cluster,
            changes,
            input,
            base,
            head,
            owners: [OnceCell::new(), OnceCell::new()],
        }
    }

    /// The cluster left the TOML and nothing is left of its folder: the root Kustomization finds
    /// no path to build and deletes nothing.
    pub(super) fn is_abandoned(&self) -> bool {
        self.changes.head.is_none() && !self.root().has_own_files
    }

    /// The root Kustomization as it acts on this change: the head's, or the base's where the
    /// cluster is gone.
    pub(super) fn root(&self) -> &'a Root {
        static DEFAULT: std::sync::LazyLock<Root> = std::sync::LazyLock::new(Root::default);
        self.changes
            .head
            .or(self.changes.base)
            .map_or(&DEFAULT, |cluster| &cluster.root)
    }

    /// The Flux minor after the merge; the newest where it is not known.
    pub(super) fn flux(&self) -> (u64, u64) {
        self.changes
            .head
            .or(self.changes.base)
            .and_then(|cluster| cluster.flux)
            .unwrap_or((2, u64::MAX))
    }

    pub(super) fn side(&self, time: Time) -> Option<&'a Cluster> {
        match time {
            Time::Before => self.changes.base,
            Time::After => self.changes.head,
        }
    }

    /// All resources of a kind.
    pub(super) fn all(
        &self,
        time: Time,
        group: &'a str,
        kind: &'a str,
    ) -> impl Iterator<Item = &'a Entry> + use<'a> {
        self.side(time)
            .into_iter()
            .flat_map(Cluster::entries)
            .filter(move |entry| entry.identity().kind == kind && entry.identity().group == group)
    }

    pub(super) fn deleted(&self, group: &str, kind: &str) -> Vec<&'a Entry> {
        let is = |entry: &&&Entry| entry.identity().kind == kind && entry.identity().group == group;
        self.changes.deleted.iter().filter(is).copied().collect()
    }

    pub(super) fn renamed(&self, group: &str, kind: &str) -> Vec<(&'a Entry, &'a Entry)> {
        of_kind(&self.changes.renamed, group, kind)
    }

    pub(super) fn changed(&self, group: &str, kind: &str) -> Vec<(&'a Entry, &'a Entry)> {
        of_kind(&self.changes.changed, group, kind)
    }

    /// Before and after of every resource of a kind that keeps its name, changed or not.
    pub(super) fn kept(&self, group: &'a str, kind: &'a str) -> Vec<(&'a Entry, &'a Entry)> {
        if !self.input.folders_changed {
            return self.changed(group, kind);
        }
        let base = self.changes.base;
        self.all(Time::After, group, kind)
            .filter_map(|new| Some((base?.get(new.identity())?, new)))
            .collect()
    }

    pub(super) fn is_this_repository(&self, spec: &KustomizationSpec<'_>) -> bool {
        let (namespace, name) = self.input.repository;
        spec.source.kind == "GitRepository"
            && spec.source.namespace == namespace
            && spec.source.name == name
    }

    /// What a Kustomization applies, as far as this repository tells.
    pub(super) fn contents(&self, time: Time, spec: &KustomizationSpec<'_>) -> Arc<Contents> {
        let resolver = match time {
            Time::Before => self.base,
            Time::After => self.head,
        };
        let unknown = |reason: String| {
            Arc::new(Contents {
                unknown: [reason].into(),
                ..Contents::default()
            })
        };
        if !self.is_this_repository(spec) {
            let source = &spec.source;
            return unknown(format!(
                "what {} `{}/{}` holds under `{}`",
                source.kind, source.namespace, source.name, spec.path
            ));
        }
        match resolver {
            Some(resolver) => resolver.contents(&spec.build()),
            None => unknown(format!("what is under `{}`", spec.path)),
        }
    }

    /// Who applies what, over all Kustomizations of the cluster that are not suspended.
    pub(super) fn owners(&self, time: Time) -> &Owners {
        let at = usize::from(time == Time::After);
        self.owners[at].get_or_init(|| {
            let mut owners = Owners::new();
            for entry in self.all(time, KUSTOMIZE, "Kustomization") {
                let spec = KustomizationSpec::of(&entry.resource);
                if spec.suspend || spec.has_kube_config() {
                    continue;
                }
                for identity in self.contents(time, &spec).objects.keys() {
                    owners
                        .entry(identity.clone())
                        .or_default()
                        .push(entry.identity().clone());
                }
            }
            owners
        })
    }

    /// Whether the root Kustomization leaves a resource in the cluster that is gone from its
    /// folder, and why.
    pub(super) fn stays(&self, entry: &Entry) -> Option<String> {
        if self.root().suspended {
            return Some("the root Kustomization is suspended".to_owned());
        }
        if !self.root().prune {
            return Some("the root Kustomization does not prune".to_owned());
        }
        let metadata = entry.get(&["metadata"])?;
        ["annotations", "labels"].iter().find_map(|key| {
            let table = metadata.get(key)?.as_table()?;
            table
                .iter()
                .filter_map(|(key, entry)| Some((key, entry.node.as_str()?)))
                .find(|(key, value)| crate::kustomize::keeps_from_pruning(key, value))
                .map(|(key, value)| format!("it carries `{key}: {value}`"))
        })
    }
}

fn of_kind<'a>(
    pairs: &[(&'a Entry, &'a Entry)],
    group: &str,
    kind: &str,
) -> Vec<(&'a Entry, &'a Entry)> {
    pairs
        .iter()
        .filter(|(_, new)| new.identity().kind == kind && new.identity().group == group)
        .copied()
        .collect()
}

/// Text, or nothing where it is empty.
pub(super) fn text(node: Option<&Node>) -> Option<&str> {
    node.and_then(Node::as_str).filter(|text| !text.is_empty())
}

pub(super) fn flag(node: Option<&Node>) -> bool {
    node.and_then(Node::as_bool).unwrap_or(false)
}
