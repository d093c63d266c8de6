//! One cluster as the rules see it: before, after, and the folders that it applies.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Input;
use super::kustomization_spec::{KustomizationSpec, SourceRef};
use super::repository::{Chart, Repository};
use crate::compare::{Cluster, ClusterChanges, Entry, Root, differ};
use crate::kustomize::{Contents, Resolver, normalised};
use crate::node::Node;
use crate::resource::Identity;
use crate::settings::repo::address;

pub(super) const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io";
pub(super) const HELM: &str = "helm.toolkit.fluxcd.io";
pub(super) const SOURCE: &str = "source.toolkit.fluxcd.io";

pub(super) struct View<'a> {
    pub(super) cluster: &'a str,
    pub(super) changes: &'a ClusterChanges<'a>,
    input: &'a Input<'a>,
    pub(super) repository: &'a Repository<'a>,
    resolvers: [Option<&'a Resolver<'a>>; 2],
    owners: [OnceCell<Owners>; 2],
    nested: [OnceCell<BTreeMap<Identity, Nested>>; 2],
}

/// A resource of Flux that a Kustomization applies from a folder.
pub(super) struct Nested {
    pub(super) entry: Entry,
    /// The Kustomization that applies it.
    parent: Identity,
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
        repository: &'a Repository<'a>,
        resolvers: [Option<&'a Resolver<'a>>; 2],
    ) -> Self {
        Self {
            cluster,
            changes,
            input,
            repository,
            resolvers,
            owners: [OnceCell::new(), OnceCell::new()],
            nested: [OnceCell::new(), OnceCell::new()],
        }
    }

    /// The cluster left the TOML and nothing is left of its folder: the root Kustomization finds
    /// no path to build and deletes nothing.
    pub(super) fn is_abandoned(&self) -> bool {
        self.changes.head.is_none() && !self.root().has_own_files
    }

    /// The root Kustomization as it acts on this change: it builds the new revision with the spec
    /// that it has, so the base's, where the cluster is not new.
    pub(super) fn root(&self) -> &'a Root {
        static DEFAULT: std::sync::LazyLock<Root> = std::sync::LazyLock::new(Root::default);
        self.changes
            .base
            .or(self.changes.head)
            .map_or(&DEFAULT, |cluster| &cluster.root)
    }

    pub(super) fn root_identity(&self) -> Identity {
        let (namespace, name) = self.input.repository;
        Identity {
            group: KUSTOMIZE.to_owned(),
            kind: "Kustomization".to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
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

    /// All resources of a kind, in the cluster's folder and in those that it applies.
    pub(super) fn all<'v>(
        &'v self,
        time: Time,
        group: &'v str,
        kind: &'v str,
    ) -> impl Iterator<Item = &'v Entry> + use<'v, 'a> {
        let own = self.side(time).into_iter().flat_map(Cluster::entries);
        let nested = self.nested(time).values().map(|nested| &nested.entry);
        own.chain(nested)
            .filter(move |entry| entry.identity().kind == kind && entry.identity().group == group)
    }

    pub(super) fn get(&self, time: Time, identity: &Identity) -> Option<&Entry> {
        let own = self.side(time).and_then(|side| side.get(identity));
        own.or_else(|| Some(&self.nested(time).get(identity)?.entry))
    }

    /// Gone from the cluster's folder, and not applied from another one.
    pub(super) fn deleted(&self, group: &str, kind: &str) -> Vec<&'a Entry> {
        let is = |entry: &&&Entry| {
            let identity = entry.identity();
            identity.kind == kind && identity.group == group && self.moved_to(identity).is_none()
        };
        self.changes.deleted.iter().filter(is).copied().collect()
    }

    pub(super) fn renamed(&self, group: &str, kind: &str) -> Vec<(&'a Entry, &'a Entry)> {
        of_kind(&self.changes.renamed, group, kind)
    }

    /// Before and after of the resources of a kind that changed.
    pub(super) fn changed<'v>(
        &'v self,
        group: &'v str,
        kind: &'v str,
    ) -> Vec<(&'v Entry, &'v Entry)> {
        let mut changed = of_kind(&self.changes.changed, group, kind);
        changed.extend(
            self.nested_pairs(group, kind)
                .filter(|(old, new)| differ(&old.resource, &new.resource)),
        );
        changed
    }

    /// All of `changes.changed`, and what changed in the folders that the cluster applies.
    pub(super) fn all_changed(&self) -> Vec<(&Entry, &Entry)> {
        let mut changed = self.changes.changed.clone();
        let nested = self.nested(Time::After).keys();
        changed.extend(
            nested
                .filter_map(|identity| self.nested_pair(identity))
                .filter(|(old, new)| differ(&old.resource, &new.resource)),
        );
        changed
    }

    /// Before and after of every resource of a kind that keeps its name, changed or not.
    pub(super) fn kept<'v>(&'v self, group: &'v str, kind: &'v str) -> Vec<(&'v Entry, &'v Entry)> {
        // What a source gives may change what refers to it.
        let is_source = |(old, _): &(&Entry, &Entry)| old.identity().group == SOURCE;
        if !self.input.folders_changed && !self.changes.changed.iter().any(is_source) {
            return self.changed(group, kind);
        }
        let base = self.changes.base;
        let own = self
            .side(Time::After)
            .into_iter()
            .flat_map(Cluster::entries);
        own.filter(|entry| entry.identity().kind == kind && entry.identity().group == group)
            .filter_map(|new| Some((base?.get(new.identity())?, new)))
            .chain(self.nested_pairs(group, kind))
            .collect()
    }

    /// Pairs of which at least one is in a folder that the cluster applies.
    fn nested_pairs<'v>(
        &'v self,
        group: &'v str,
        kind: &'v str,
    ) -> impl Iterator<Item = (&'v Entry, &'v Entry)> + use<'v, 'a> {
        let before = self.nested(Time::Before).keys();
        let after = self.nested(Time::After).keys();
        let only_before =
            before.filter(|identity| !self.nested(Time::After).contains_key(*identity));
        after
            .chain(only_before)
            .filter(move |identity| identity.kind == kind && identity.group == group)
            .filter_map(|identity| self.nested_pair(identity))
    }

    fn nested_pair(&self, identity: &Identity) -> Option<(&Entry, &Entry)> {
        let old = self.get(Time::Before, identity)?;
        if let Some(new) = self.get(Time::After, identity) {
            return Some((old, new));
        }
        // One whose parent stops applying keeps the spec that it has.
        let parent = &self.nested(Time::Before).get(identity)?.parent;
        let parent = KustomizationSpec::of(&self.get(Time::After, parent)?.resource);
        let stops = parent.suspend || self.contents(Time::After, &parent).broken.is_some();
        stops.then_some((old, old))
    }

    /// What the Kustomizations of the cluster apply of Flux's own kinds, and what that applies.
    fn nested(&self, time: Time) -> &BTreeMap<Identity, Nested> {
        static NONE: BTreeMap<Identity, Nested> = BTreeMap::new();
        let has_changes = !self.of_kustomizations_changed().is_empty();
        if !self.input.folders_changed && !has_changes {
            return &NONE;
        }
        self.nested[usize::from(time == Time::After)].get_or_init(|| {
            let mut nested = BTreeMap::new();
            let Some(side) = self.side(time) else {
                return nested;
            };
            let is_applier = |it: &Identity| it.kind == "Kustomization" && it.group == KUSTOMIZE;
            let mut pending: Vec<Entry> = side
                .entries()
                .iter()
                .filter(|entry| is_applier(entry.identity()))
                .cloned()
                .collect();
            while let Some(applier) = pending.pop() {
                let spec = KustomizationSpec::of(&applier.resource);
                if spec.suspend || spec.has_kube_config() {
                    continue;
                }
                for (identity, built) in &self.contents(time, &spec).objects {
                    let Some(resource) = &built.resource else {
                        continue;
                    };
                    if !identity.group.ends_with(".fluxcd.io")
                        || side.get(identity).is_some()
                        || nested.contains_key(identity)
                    {
                        continue;
                    }
                    let entry = Entry::new(Arc::clone(resource), None);
                    if is_applier(identity) {
                        pending.push(entry.clone());
                    }
                    let parent = applier.identity().clone();
                    nested.insert(identity.clone(), Nested { entry, parent });
                }
            }
            nested
        })
    }

    fn of_kustomizations_changed(&self) -> Vec<(&'a Entry, &'a Entry)> {
        of_kind(&self.changes.changed, KUSTOMIZE, "Kustomization")
    }

    /// Whether a source gives this repository as it is compared: its own GitRepository, or another one
    /// of its address and branch.
    pub(super) fn is_this_repository(&self, time: Time, source: &SourceRef<'_>) -> bool {
        if source.kind != "GitRepository" {
            return false;
        }
        if (source.namespace, source.name) == self.input.repository {
            return true;
        }
        let Some((url, branch)) = self.input.address else {
            return false;
        };
        let entry = self
            .side(time)
            .and_then(|side| side.find(SOURCE, source.kind, source.namespace, source.name));
        let Some(entry) = entry else { return false };
        let spec = |key: &str| entry.get(&["spec", key]);
        let narrows = ["ignore", "sparseCheckout", "include"];
        let reference = spec("ref").and_then(Node::as_table);
        // Without a reference it is `master`, whatever the repository's default branch is.
        let follows = match reference {
            Some(table) => {
                table.iter().all(|(key, _)| key == "branch") && {
                    text(entry.get(&["spec", "ref", "branch"])).unwrap_or("master") == branch
                }
            }
            None => branch == "master",
        };
        follows
            && narrows.iter().all(|key| spec(key).is_none())
            && text(spec("url")).is_some_and(|other| address(other) == address(url))
    }

    pub(super) fn repository_url(&self) -> Option<&'a str> {
        self.input.address.map(|(url, _)| url)
    }

    pub(super) fn folders_changed(&self) -> bool {
        self.input.folders_changed
    }

    /// The folder of a chart that is in this repository.
    pub(super) fn chart_folder(
        &self,
        time: Time,
        source: &SourceRef<'_>,
        chart: &str,
    ) -> Option<String> {
        self.is_this_repository(time, source)
            .then(|| normalised(chart))
    }

    pub(super) fn chart(&self, time: Time, source: &SourceRef<'_>, chart: &str) -> Option<Chart> {
        let folder = self.chart_folder(time, source, chart)?;
        self.repository.chart(time, &folder)
    }

    /// What a Kustomization applies, as far as this repository tells.
    pub(super) fn contents(&self, time: Time, spec: &KustomizationSpec<'_>) -> Arc<Contents> {
        let resolver = self.resolvers[usize::from(time == Time::After)];
        let unknown = |reason: String| {
            Arc::new(Contents {
                unknown: [reason].into(),
                ..Contents::default()
            })
        };
        if spec.path.contains("${") {
            return unknown(format!("what is under `{}`", spec.path));
        }
        if !self.is_this_repository(time, &spec.source) {
            let source = &spec.source;
            return unknown(format!(
                "what {} `{}/{}` holds under `{}`",
                source.kind, source.namespace, source.name, spec.path
            ));
        }
        match resolver {
            Some(resolver) => {
                let contents = resolver.contents(&spec.build());
                if spec.keeps_all_from_pruning() {
                    return Arc::new(kept_from_pruning(&contents));
                }
                contents
            }
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

    /// Who else applies an object: another Kustomization, or the root, where it is in the cluster's folder.
    pub(super) fn other_owner(
        &self,
        time: Time,
        identity: &Identity,
        owner: &Identity,
    ) -> Option<Identity> {
        // What is applied to another cluster is not what this one holds.
        let applier = self
            .get(time, owner)
            .or_else(|| self.get(Time::Before, owner));
        if applier.is_some_and(|it| it.get(&["spec", "kubeConfig"]).is_some()) {
            return None;
        }
        let owners = self.owners(time).get(identity).into_iter().flatten();
        if let Some(other) = owners.into_iter().find(|other| *other != owner) {
            return Some(other.clone());
        }
        let root = self.root_identity();
        let is_in_folder = self
            .side(time)
            .is_some_and(|side| side.get(identity).is_some());
        (is_in_folder && root != *owner).then_some(root)
    }

    /// The Kustomization that applies what is gone from the cluster's folder.
    pub(super) fn moved_to(&self, identity: &Identity) -> Option<Identity> {
        let owners = self.owners(Time::After).get(identity)?;
        owners.first().cloned()
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

fn kept_from_pruning(contents: &Contents) -> Contents {
    let mut contents = contents.clone();
    for built in contents.objects.values_mut() {
        built.prune_disabled = true;
    }
    contents
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
