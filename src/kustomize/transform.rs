//! What kustomize's namespace and name transformers make of an identity.

use crate::resource::Identity;
use crate::schema::Scope;

/// Sets the namespace. A `Namespace` object is renamed: kustomize's built-in field list says so,
/// which has cost people the namespace that the objects were to go to.
///
/// Source: <https://github.com/fluxcd/flux2/issues/3949>
pub(super) fn set_namespace(identity: &mut Identity, namespace: &str) {
    if identity.group.is_empty() && identity.kind == "Namespace" {
        namespace.clone_into(&mut identity.name);
    } else if Scope::of(&identity.group, &identity.kind) != Scope::Cluster {
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
