//! A Flux Kustomization as far as the rules need it.

use super::view::{flag, text};
use crate::kustomize::Build;
use crate::node::Node;
use crate::resource::Resource;

#[derive(Debug, Clone)]
pub(crate) struct KustomizationSpec<'a> {
    pub(crate) path: &'a str,
    pub(super) source: SourceRef<'a>,
    pub(super) prune: bool,
    pub(super) deletion_policy: DeletionPolicy,
    pub(super) suspend: bool,
    pub(super) force: bool,
    pub(super) target_namespace: Option<&'a str>,
    pub(super) name_prefix: Option<&'a str>,
    pub(super) name_suffix: Option<&'a str>,
    resource: &'a Resource,
}

/// Whom a resource refers to; the namespace is its own where it names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceRef<'a> {
    pub(super) kind: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

/// What deleting the Kustomization does to what it applied.
///
/// Source: <https://fluxcd.io/flux/components/kustomize/kustomizations/#deletion-policy>;
/// `WaitForTermination` since Flux 2.6, the others since 2.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeletionPolicy {
    /// As `prune` says.
    MirrorPrune,
    Delete,
    WaitForTermination,
    Orphan,
}

impl<'a> SourceRef<'a> {
    pub(super) fn of(node: Option<&'a Node>, own_namespace: &'a str) -> Option<Self> {
        let node = node?;
        Some(Self {
            kind: text(node.get("kind"))?,
            namespace: text(node.get("namespace")).unwrap_or(own_namespace),
            name: text(node.get("name"))?,
        })
    }
}

impl<'a> KustomizationSpec<'a> {
    pub(crate) fn of(resource: &'a Resource) -> Self {
        let spec = |key: &str| resource.get(&["spec", key]);
        Self {
            path: text(spec("path")).unwrap_or("./"),
            source: SourceRef::of(spec("sourceRef"), &resource.identity.namespace).unwrap_or(
                SourceRef {
                    kind: "",
                    namespace: "",
                    name: "",
                },
            ),
            prune: flag(spec("prune")),
            deletion_policy: match text(spec("deletionPolicy")) {
                Some("Delete") => DeletionPolicy::Delete,
                Some("WaitForTermination") => DeletionPolicy::WaitForTermination,
                Some("Orphan") => DeletionPolicy::Orphan,
                _ => DeletionPolicy::MirrorPrune,
            },
            suspend: flag(spec("suspend")),
            force: flag(spec("force")),
            target_namespace: text(spec("targetNamespace")),
            name_prefix: text(spec("namePrefix")),
            name_suffix: text(spec("nameSuffix")),
            resource,
        }
    }

    /// Why what it applied stays when it is deleted; `None`: it is deleted too.
    pub(super) fn keeps_objects(&self) -> Option<&'static str> {
        match (self.suspend, self.deletion_policy, self.prune) {
            (true, _, _) => Some("it is suspended"),
            (_, DeletionPolicy::Orphan, _) => Some("its `deletionPolicy` is `Orphan`"),
            (_, DeletionPolicy::MirrorPrune, false) => Some("its `prune` is off"),
            (
                _,
                DeletionPolicy::MirrorPrune
                | DeletionPolicy::Delete
                | DeletionPolicy::WaitForTermination,
                _,
            ) => None,
        }
    }

    /// `commonMetadata` puts the mark on every object that garbage collection passes over.
    pub(super) fn keeps_all_from_pruning(&self) -> bool {
        ["annotations", "labels"].iter().any(|part| {
            let table = self.resource.get(&["spec", "commonMetadata", part]);
            let mut marks = table
                .and_then(Node::as_table)
                .into_iter()
                .flat_map(|it| it.iter());
            marks.any(|(key, entry)| {
                let value = entry.node.as_str();
                value.is_some_and(|value| crate::kustomize::keeps_from_pruning(key, value))
            })
        })
    }

    pub(super) fn has_kube_config(&self) -> bool {
        self.resource.get(&["spec", "kubeConfig"]).is_some()
    }

    /// What Flux builds from its folder.
    pub(crate) fn build(&self) -> Build {
        Build::of(self.resource)
    }
}

pub(super) fn items(node: Option<&Node>) -> &[Node] {
    node.and_then(Node::as_array).unwrap_or_default()
}
