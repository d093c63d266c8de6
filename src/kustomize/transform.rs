//! What kustomize's namespace and name transformers make of an identity.

use crate::resource::Identity;

/// The kinds of Kubernetes itself, and of the add-ons met most, that have no namespace.
/// A kind that is not here is taken for a namespaced one, as kustomize does.
const CLUSTER_SCOPED: &[(&str, &str)] = &[
    ("", "ComponentStatus"),
    ("", "Namespace"),
    ("", "Node"),
    ("", "PersistentVolume"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
    (
        "admissionregistration.k8s.io",
        "MutatingAdmissionPolicyBinding",
    ),
    (
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
    ),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    (
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicyBinding",
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("certificates.k8s.io", "CertificateSigningRequest"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("networking.k8s.io", "IngressClass"),
    ("networking.k8s.io", "IPAddress"),
    ("networking.k8s.io", "ServiceCIDR"),
    ("node.k8s.io", "RuntimeClass"),
    ("policy", "PodSecurityPolicy"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("resource.k8s.io", "DeviceClass"),
    ("resource.k8s.io", "ResourceSlice"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("storage.k8s.io", "CSIDriver"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "VolumeAttachment"),
    ("storage.k8s.io", "VolumeAttributesClass"),
];

/// Whether objects of this kind have no namespace.
pub fn is_cluster_scoped(group: &str, kind: &str) -> bool {
    CLUSTER_SCOPED.contains(&(group, kind))
}

/// Sets the namespace. A `Namespace` object is renamed: kustomize's built-in field list says so,
/// which has cost people the namespace that the objects were to go to.
///
/// Source: <https://github.com/fluxcd/flux2/issues/3949>
pub(super) fn set_namespace(identity: &mut Identity, namespace: &str) {
    if identity.group.is_empty() && identity.kind == "Namespace" {
        namespace.clone_into(&mut identity.name);
    } else if !is_cluster_scoped(&identity.group, &identity.kind) {
        namespace.clone_into(&mut identity.namespace);
    }
}

/// Adds prefix and suffix to the name, except where kustomize leaves names alone.
pub(super) fn set_name(identity: &mut Identity, prefix: &str, suffix: &str) {
    let kept = matches!(
        (identity.group.as_str(), identity.kind.as_str()),
        ("", "Namespace")
            | ("apiextensions.k8s.io", "CustomResourceDefinition")
            | ("apiregistration.k8s.io", "APIService")
    );
    if !kept {
        identity.name = format!("{prefix}{}{suffix}", identity.name);
    }
}
