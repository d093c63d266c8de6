//! Fields of Kubernetes' own kinds that the API server does not let change.
//!
//! Source: the API server's validation of updates, as in
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/core/validation/validation.go>.

use crate::node::{Node, Value};
use crate::resource::Resource;

/// What the API server takes a field for that is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absent {
    /// Nothing: giving it or leaving it out is a change.
    Nothing,
    Means(&'static str),
    /// A value that is not known here: only two given values can be compared.
    NotKnown,
}

type Field = (&'static [&'static str], Absent);

/// The immutable fields of a kind. Those of ConfigMaps and Secrets depend on `immutable`, and of a
/// Pod all fields count but a few.
fn fields(group: &str, kind: &str) -> &'static [Field] {
    match (group, kind) {
        ("", "Secret") => &[(&["type"], Absent::Means("Opaque"))],
        ("", "Service") => &[(&["spec", "clusterIP"], Absent::Means(""))],
        ("", "PersistentVolumeClaim") => &[
            (&["spec", "accessModes"], Absent::Nothing),
            (&["spec", "storageClassName"], Absent::NotKnown),
            (&["spec", "volumeName"], Absent::NotKnown),
            (&["spec", "volumeMode"], Absent::Means("Filesystem")),
            (&["spec", "selector"], Absent::Nothing),
            (&["spec", "dataSource"], Absent::NotKnown),
            (&["spec", "dataSourceRef"], Absent::NotKnown),
        ],
        ("", "PersistentVolume") => &[
            (&["spec", "volumeMode"], Absent::Means("Filesystem")),
            (&["spec", "csi"], Absent::Nothing),
            (&["spec", "nfs"], Absent::Nothing),
            (&["spec", "hostPath"], Absent::NotKnown),
            (&["spec", "local"], Absent::Nothing),
        ],
        ("apps", "Deployment" | "DaemonSet" | "ReplicaSet") => {
            &[(&["spec", "selector"], Absent::Nothing)]
        }
        ("apps", "StatefulSet") => &[
            (&["spec", "selector"], Absent::Nothing),
            (&["spec", "serviceName"], Absent::Nothing),
            (
                &["spec", "podManagementPolicy"],
                Absent::Means("OrderedReady"),
            ),
            (&["spec", "volumeClaimTemplates"], Absent::Nothing),
        ],
        ("batch", "Job") => &[
            (&["spec", "template"], Absent::Nothing),
            (&["spec", "selector"], Absent::NotKnown),
            (&["spec", "completionMode"], Absent::Means("NonIndexed")),
            (&["spec", "podFailurePolicy"], Absent::Nothing),
            (&["spec", "successPolicy"], Absent::Nothing),
            (&["spec", "backoffLimitPerIndex"], Absent::Nothing),
            (&["spec", "managedBy"], Absent::NotKnown),
        ],
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => &[
            (&["roleRef", "kind"], Absent::Nothing),
            (&["roleRef", "name"], Absent::Nothing),
        ],
        ("storage.k8s.io", "StorageClass") => &[
            (&["provisioner"], Absent::Nothing),
            (&["parameters"], Absent::Nothing),
            (&["reclaimPolicy"], Absent::Means("Delete")),
            (&["volumeBindingMode"], Absent::Means("Immediate")),
        ],
        ("storage.k8s.io", "VolumeAttributesClass") => &[
            (&["driverName"], Absent::Nothing),
            (&["parameters"], Absent::Nothing),
        ],
        ("storage.k8s.io", "CSIDriver") => &[
            (&["spec", "attachRequired"], Absent::Means("true")),
            (&["spec", "volumeLifecycleModes"], Absent::NotKnown),
        ],
        ("scheduling.k8s.io", "PriorityClass") => &[
            (&["value"], Absent::Nothing),
            (&["preemptionPolicy"], Absent::Means("PreemptLowerPriority")),
        ],
        ("networking.k8s.io", "IngressClass") => &[(&["spec", "controller"], Absent::Nothing)],
        ("node.k8s.io", "RuntimeClass") => &[(&["handler"], Absent::Nothing)],
        ("discovery.k8s.io", "EndpointSlice") => &[(&["addressType"], Absent::Nothing)],
        ("resource.k8s.io", "ResourceClaim" | "ResourceClaimTemplate") => {
            &[(&["spec"], Absent::Nothing)]
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            &[(&["spec", "scope"], Absent::Nothing)]
        }
        _ => &[],
    }
}

/// Whether the documents of a kind have to be kept to see immutable fields change.
pub(crate) fn has_immutable_fields(group: &str, kind: &str) -> bool {
    matches!((group, kind), ("", "ConfigMap" | "Pod")) || !fields(group, kind).is_empty()
}

/// The immutable fields that differ.
pub(crate) fn changed_fields(old: &Resource, new: &Resource) -> Vec<String> {
    let (group, kind) = (new.identity.group.as_str(), new.identity.kind.as_str());
    let is_external = |resource: &Resource| {
        resource.get(&["spec", "type"]).and_then(Node::as_str) == Some("ExternalName")
    };
    if (group, kind) == ("", "Service") && (is_external(old) || is_external(new)) {
        return Vec::new();
    }
    let mut changed: Vec<String> = fields(group, kind)
        .iter()
        .filter(|(path, absent)| differs(old.get(path), new.get(path), *absent))
        .map(|(path, _)| path.join("."))
        .collect();
    let is_frozen = |it: &Resource| it.get(&["immutable"]).and_then(Node::as_bool) == Some(true);
    if matches!((group, kind), ("", "ConfigMap" | "Secret")) && is_frozen(old) {
        let texts = ["data", "binaryData", "stringData"];
        let names = texts
            .iter()
            .filter(|key| differs(old.get(&[**key]), new.get(&[**key]), Absent::Nothing));
        changed.extend(names.map(|key| (*key).to_owned()));
        if !is_frozen(new) {
            changed.push("immutable".to_owned());
        }
    }
    if (group, kind) == ("", "Pod") && differs_in_more_than_images(old, new) {
        changed.push("spec".to_owned());
    }
    changed
}

fn differs(old: Option<&Node>, new: Option<&Node>, absent: Absent) -> bool {
    match (old, new, absent) {
        (Some(old), Some(new), _) => !cleaned(old).value.same(&cleaned(new).value),
        (None, None, _) | (_, _, Absent::NotKnown) => false,
        (Some(given), None, Absent::Means(default))
        | (None, Some(given), Absent::Means(default)) => {
            match &given.value {
                Value::Bool(flag) => flag.to_string() != default,
                // An address that the cluster gave is not known; that it gave one is.
                Value::String(text) if default.is_empty() => old.is_none() && text == "None",
                Value::String(text) => text != default,
                _ => false,
            }
        }
        (Some(node), None, Absent::Nothing) | (None, Some(node), Absent::Nothing) => {
            !is_empty(node)
        }
    }
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Table(table) => table.iter().next().is_none(),
        Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Marked(_) => false,
    }
}

/// Without what means nothing in the templates of a StatefulSet.
fn cleaned(node: &Node) -> Node {
    let mut node = node.clone();
    if let Value::Array(items) = &mut node.value {
        for item in items {
            let Value::Table(table) = &mut item.value else {
                continue;
            };
            for key in ["apiVersion", "kind", "status"] {
                table.remove(key);
            }
        }
    }
    node
}

fn differs_in_more_than_images(old: &Resource, new: &Resource) -> bool {
    let without = |resource: &Resource| {
        let mut spec = resource.get(&["spec"])?.clone();
        let Value::Table(table) = &mut spec.value else {
            return None;
        };
        for key in [
            "activeDeadlineSeconds",
            "tolerations",
            "terminationGracePeriodSeconds",
        ] {
            table.remove(key);
        }
        for (key, entry) in table.iter_mut() {
            let Value::Array(containers) = &mut entry.node.value else {
                continue;
            };
            for container in containers.iter_mut().filter(|_| key.ends_with("ontainers")) {
                if let Value::Table(container) = &mut container.value {
                    container.remove("image");
                }
            }
        }
        Some(spec)
    };
    match (without(old), without(new)) {
        (Some(old), Some(new)) => !old.value.same(&new.value),
        _ => false,
    }
}
