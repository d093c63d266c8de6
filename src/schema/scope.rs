//! Whether the objects of a kind have a namespace: a matter of API group and kind.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

/// Where the objects of a kind live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// They have no namespace.
    Cluster,
    Namespaced,
    /// A custom resource that is not listed.
    Unknown,
}

/// Per group, its cluster-scoped kinds, and whether that is all of them.
#[derive(Default)]
struct Group {
    cluster_scoped: HashSet<&'static str>,
    is_whole: bool,
}

fn groups() -> &'static HashMap<&'static str, Group> {
    static GROUPS: OnceLock<HashMap<&'static str, Group>> = OnceLock::new();
    GROUPS.get_or_init(|| {
        let mut groups: HashMap<&str, Group> = HashMap::new();
        let lines = include_str!("../../schemas/scopes.txt").lines();
        for line in lines.filter(|line| !line.starts_with('#')) {
            let Some((group, kind)) = line.split_once(' ') else {
                continue;
            };
            let group = groups.entry(if group == "core" { "" } else { group });
            let group = group.or_default();
            match kind {
                "*" => group.is_whole = true,
                kind => {
                    group.cluster_scoped.insert(kind);
                }
            }
        }
        groups
    })
}

impl Scope {
    /// The scope of a kind; the core group is `""`.
    pub fn of(group: &str, kind: &str) -> Self {
        match groups().get(group) {
            Some(known) if known.cluster_scoped.contains(kind) => Self::Cluster,
            Some(known) if known.is_whole => Self::Namespaced,
            Some(_) | None => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_decides_with_the_kind() {
        for (group, kind, scope) in [
            ("", "Namespace", Scope::Cluster),
            ("", "ConfigMap", Scope::Namespaced),
            ("storage.k8s.io", "VolumeAttributesClass", Scope::Cluster),
            ("storage.k8s.io", "CSIStorageCapacity", Scope::Namespaced),
            ("networking.k8s.io", "IPAddress", Scope::Cluster),
            ("networking.k8s.io", "Ingress", Scope::Namespaced),
            (
                "source.toolkit.fluxcd.io",
                "GitRepository",
                Scope::Namespaced,
            ),
            ("cert-manager.io", "ClusterIssuer", Scope::Cluster),
            // namesakes of other groups, and groups of which only some kinds are listed
            ("longhorn.io", "Node", Scope::Unknown),
            ("cert-manager.io", "Certificate", Scope::Unknown),
            ("example.com", "Namespace", Scope::Unknown),
            ("core", "Node", Scope::Unknown),
        ] {
            assert_eq!(Scope::of(group, kind), scope, "{group}/{kind}");
        }
    }

    #[test]
    fn every_kind_with_a_schema_is_namespaced() {
        for kind in crate::schema::Registry::get().kinds() {
            assert_eq!(
                Scope::of(&kind.group, &kind.kind),
                Scope::Namespaced,
                "{}",
                kind.kind
            );
        }
    }
}
