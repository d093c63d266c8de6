//! References by name: what a prefix, a suffix or a hash changed is changed where other objects name it.
//!
//! Source: <https://github.com/kubernetes-sigs/kustomize/blob/master/api/internal/konfig/builtinpluginconsts/namereference.go>

use std::collections::BTreeSet;

use super::item::{Id, Item, set, text_of};
use super::kustomization::{items_at, text_at};
use super::transform::has_no_namespace;
use crate::node::{Node, Value};

/// Fields in which objects name those of a kind.
#[derive(Debug, Clone)]
pub(super) struct NameReference {
    group: String,
    kind: String,
    fields: Vec<Field>,
}

#[derive(Debug, Clone)]
struct Field {
    group: String,
    kind: String,
    path: Vec<String>,
}

/// The `nameReference`s of a file of `configurations`; other settings in it are not followed.
pub(super) fn configured(node: &Node) -> (Vec<NameReference>, Option<String>) {
    let table = node.as_table().into_iter();
    let other = table
        .flat_map(|table| table.keys())
        .find(|key| *key != "nameReference")
        .map(|key| format!("`{key}` of `configurations` is not followed"));
    let text = |node: &Node, key: &str| text_at(node, key).unwrap_or_default();
    let references = items_at(node, "nameReference")
        .iter()
        .map(|reference| NameReference {
            group: text(reference, "group"),
            kind: text(reference, "kind"),
            fields: items_at(reference, "fieldSpecs")
                .iter()
                .map(|field| Field {
                    group: text(field, "group"),
                    kind: text(field, "kind"),
                    path: path_parts(&text(field, "path")),
                })
                .collect(),
        });
    (references.collect(), other)
}

/// A slash behind a backslash belongs to a key.
fn path_parts(path: &str) -> Vec<String> {
    let path = path.replace("\\/", "\u{0}");
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts
        .map(|part| part.replace('\u{0}', "/").trim_end_matches("[]").to_owned())
        .collect()
}

/// Where the specification of Pods is in the kinds that have one.
const POD_SPECS: &[(&str, &str)] = &[
    ("Pod", "spec"),
    ("PodTemplate", "template/spec"),
    ("Deployment", "spec/template/spec"),
    ("ReplicaSet", "spec/template/spec"),
    ("DaemonSet", "spec/template/spec"),
    ("StatefulSet", "spec/template/spec"),
    ("Job", "spec/template/spec"),
    ("CronJob", "spec/jobTemplate/spec/template/spec"),
];

/// What a Pod names, below its specification.
const IN_PODS: &[(&str, &str, &[&str])] = &[
    (
        "",
        "ConfigMap",
        &[
            "volumes/configMap/name",
            "volumes/projected/sources/configMap/name",
            "containers/env/valueFrom/configMapKeyRef/name",
            "initContainers/env/valueFrom/configMapKeyRef/name",
            "containers/envFrom/configMapRef/name",
            "initContainers/envFrom/configMapRef/name",
        ],
    ),
    (
        "",
        "Secret",
        &[
            "volumes/secret/secretName",
            "volumes/projected/sources/secret/name",
            "containers/env/valueFrom/secretKeyRef/name",
            "initContainers/env/valueFrom/secretKeyRef/name",
            "containers/envFrom/secretRef/name",
            "initContainers/envFrom/secretRef/name",
            "imagePullSecrets/name",
        ],
    ),
    ("", "ServiceAccount", &["serviceAccountName"]),
    (
        "",
        "PersistentVolumeClaim",
        &["volumes/persistentVolumeClaim/claimName"],
    ),
    ("scheduling.k8s.io", "PriorityClass", &["priorityClassName"]),
];

/// What else is named: group and kind of the target, kind of the one that names it, path.
const OTHERS: &[(&str, &str, &str, &str)] = &[
    (
        "apps",
        "Deployment",
        "HorizontalPodAutoscaler",
        "spec/scaleTargetRef/name",
    ),
    (
        "apps",
        "ReplicaSet",
        "HorizontalPodAutoscaler",
        "spec/scaleTargetRef/name",
    ),
    (
        "apps",
        "StatefulSet",
        "HorizontalPodAutoscaler",
        "spec/scaleTargetRef/name",
    ),
    ("", "ConfigMap", "Role", "rules/resourceNames"),
    ("", "ConfigMap", "ClusterRole", "rules/resourceNames"),
    ("", "Secret", "Role", "rules/resourceNames"),
    ("", "Secret", "ClusterRole", "rules/resourceNames"),
    ("", "Secret", "Ingress", "spec/tls/secretName"),
    ("", "Secret", "ServiceAccount", "imagePullSecrets/name"),
    ("", "Secret", "ServiceAccount", "secrets/name"),
    ("", "Service", "StatefulSet", "spec/serviceName"),
    (
        "",
        "Service",
        "Ingress",
        "spec/rules/http/paths/backend/service/name",
    ),
    ("", "Service", "Ingress", "spec/defaultBackend/service/name"),
    ("", "Service", "APIService", "spec/service/name"),
    (
        "",
        "Service",
        "ValidatingWebhookConfiguration",
        "webhooks/clientConfig/service",
    ),
    (
        "",
        "Service",
        "MutatingWebhookConfiguration",
        "webhooks/clientConfig/service",
    ),
    (
        "rbac.authorization.k8s.io",
        "Role",
        "RoleBinding",
        "roleRef/name",
    ),
    (
        "rbac.authorization.k8s.io",
        "ClusterRole",
        "RoleBinding",
        "roleRef/name",
    ),
    (
        "rbac.authorization.k8s.io",
        "ClusterRole",
        "ClusterRoleBinding",
        "roleRef/name",
    ),
    ("", "ServiceAccount", "RoleBinding", "subjects"),
    ("", "ServiceAccount", "ClusterRoleBinding", "subjects"),
    (
        "",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "spec/volumeName",
    ),
    (
        "storage.k8s.io",
        "StorageClass",
        "PersistentVolume",
        "spec/storageClassName",
    ),
    (
        "storage.k8s.io",
        "StorageClass",
        "PersistentVolumeClaim",
        "spec/storageClassName",
    ),
    (
        "storage.k8s.io",
        "StorageClass",
        "StatefulSet",
        "spec/volumeClaimTemplates/spec/storageClassName",
    ),
];

/// An object that may be named: all that it was called, and what it is called now.
struct Target {
    ids: Vec<Id>,
    name: String,
    namespace: String,
}

/// Changes references to the objects whose names changed.
pub(super) fn update(items: &mut [Item], configured: &[NameReference]) {
    let targets: Vec<Target> = items
        .iter()
        .map(|item| (item.ids(), item.id()))
        .filter(|(ids, id)| {
            ids.iter()
                .any(|old| old.name != id.name || old.namespace != id.namespace)
        })
        .map(|(ids, id)| Target {
            ids,
            name: id.name,
            namespace: id.namespace,
        })
        .collect();
    if targets.is_empty() {
        return;
    }
    let kinds: BTreeSet<(String, String)> = targets
        .iter()
        .flat_map(|target| &target.ids)
        .map(|id| (id.group.clone(), id.kind.clone()))
        .collect();
    for item in items {
        let own = item.id();
        for (group, kind, path) in fields(&own, configured) {
            let is_met = kinds.iter().any(|(of_group, of_kind)| {
                *of_kind == kind && (group.is_empty() || *of_group == group)
            });
            if !is_met {
                continue;
            }
            let role = role_of(item);
            let choose = |name: &str, namespace: Option<&str>| {
                chosen(
                    &targets,
                    (&group, &kind),
                    &own,
                    name,
                    namespace,
                    role.as_deref(),
                    &path,
                )
            };
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            visit(item.node_mut(), &path, &choose);
        }
    }
}

/// The kind that a binding's `roleRef` means.
fn role_of(item: &Item) -> Option<String> {
    let kind = item.node().at(&["roleRef", "kind"])?;
    Some(text_of(kind).into_owned())
}

/// Group and kind of what an object may name, and where.
fn fields(own: &Id, configured: &[NameReference]) -> Vec<(String, String, Vec<String>)> {
    let mut found = Vec::new();
    let mut add = |group: &str, kind: &str, path: &str| {
        found.push((group.to_owned(), kind.to_owned(), path_parts(path)));
    };
    for (_, spec) in POD_SPECS.iter().filter(|(kind, _)| own.kind == *kind) {
        for (group, kind, paths) in IN_PODS {
            for path in *paths {
                add(group, kind, &format!("{spec}/{path}"));
            }
        }
    }
    for (group, kind, _, path) in OTHERS.iter().filter(|(_, _, of, _)| own.kind == *of) {
        add(group, kind, path);
    }
    for reference in configured {
        for field in &reference.fields {
            let is_own = (field.kind.is_empty() || field.kind == own.kind)
                && (field.group.is_empty() || field.group == own.group);
            if is_own {
                let (group, kind) = (reference.group.clone(), reference.kind.clone());
                found.push((group, kind, field.path.clone()));
            }
        }
    }
    found
}

/// The object that a name means; none where several could be meant.
fn chosen<'t>(
    targets: &'t [Target],
    (group, kind): (&str, &str),
    own: &Id,
    name: &str,
    namespace: Option<&str>,
    role: Option<&str>,
    path: &[String],
) -> Option<&'t Target> {
    let is_role = path.first().is_some_and(|part| part == "roleRef");
    if is_role && role.is_some_and(|role| role != kind) {
        return None;
    }
    let is_cluster_scoped = |id: &Id| has_no_namespace(&id.group, &id.kind);
    let mut meant = targets.iter().filter(|target| {
        target.ids.iter().any(|id| {
            id.kind == kind
                && (group.is_empty() || id.group == group)
                && id.name == name
                && namespace.is_none_or(|it| it == id.namespace || it == target.namespace)
        }) && (namespace.is_some()
            || kind == "ServiceAccount"
            || is_cluster_scoped(own)
            || target.ids.iter().any(is_cluster_scoped)
            || target.namespace == own.namespace)
    });
    let first = meant.next()?;
    let is_one = meant.all(|other| other.name == first.name && other.namespace == first.namespace);
    is_one.then_some(first)
}

type Choose<'c> = &'c dyn Fn(&str, Option<&str>) -> Option<&'c Target>;

fn visit(node: &mut Node, path: &[&str], choose: Choose<'_>) {
    if let Value::Array(items) = &mut node.value {
        for item in items {
            visit(item, path, choose);
        }
        return;
    }
    if let Some((part, rest)) = path.split_first() {
        let below = node.as_table_mut().and_then(|table| table.get_mut(part));
        if let Some(below) = below {
            visit(below, rest, choose);
        }
        return;
    }
    if node.as_table().is_some() {
        let text = |key: &str| node.get(key).map(|node| text_of(node).into_owned());
        let Some(name) = text("name") else { return };
        if let Some(target) = choose(&name, text("namespace").as_deref()) {
            let span = node.span;
            set(node, &["name"], Node::new(target.name.as_str(), span));
            if node.get("namespace").is_some() && !target.namespace.is_empty() {
                set(
                    node,
                    &["namespace"],
                    Node::new(target.namespace.as_str(), span),
                );
            }
        }
        return;
    }
    let name = text_of(node).into_owned();
    if let Some(target) = choose(&name, None) {
        node.value = Value::String(target.name.clone());
    }
}
