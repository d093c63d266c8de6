//! Kustomize's transformers: namespace, names, labels, annotations, images, replicas.

use regex::Regex;

use super::Fault;
use super::item::{Item, set, text_of};
use super::kustomization::{Image, Labels};
use crate::node::{Node, Value};
use crate::source::Span;

/// The kinds without a namespace for kustomize, which knows those of an older Kubernetes alone: it gives a
/// namespace to every other object.
///
/// Source: <https://github.com/kubernetes-sigs/kustomize/blob/master/kyaml/openapi/openapi.go>
const WITHOUT_NAMESPACE: [(&str, &str); 19] = [
    ("", "ComponentStatus"),
    ("", "Namespace"),
    ("", "Node"),
    ("", "PersistentVolume"),
    (
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("certificates.k8s.io", "CertificateSigningRequest"),
    ("networking.k8s.io", "IngressClass"),
    ("node.k8s.io", "RuntimeClass"),
    ("policy", "PodSecurityPolicy"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("storage.k8s.io", "CSIDriver"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "VolumeAttachment"),
];

pub(super) fn has_no_namespace(group: &str, kind: &str) -> bool {
    WITHOUT_NAMESPACE.contains(&(group, kind))
}

/// Sets the namespace. A `Namespace` object is renamed: kustomize's built-in field list says so,
/// which has cost people the namespace that the objects were to go to.
///
/// Source: <https://github.com/fluxcd/flux2/issues/3949>
pub(super) fn namespace(items: &mut [Item], namespace: &str, span: Span) -> Result<(), Fault> {
    for item in items.iter_mut() {
        item.remember();
        let id = item.id();
        if !has_no_namespace(&id.group, &id.kind) {
            item.set(&["metadata", "namespace"], namespace, span);
        }
        match (id.group.as_str(), id.version.as_str(), id.kind.as_str()) {
            ("", "v1", "Namespace") => item.set(&["metadata", "name"], namespace, span),
            ("apiregistration.k8s.io", _, "APIService") => {
                item.set(&["spec", "service", "namespace"], namespace, span);
            }
            ("apiextensions.k8s.io", _, "CustomResourceDefinition") => {
                let webhook = ["spec", "conversion", "webhook", "clientConfig", "service"];
                if item.node().at(&webhook).is_some() {
                    let path: Vec<&str> = webhook.into_iter().chain(["namespace"]).collect();
                    item.set(&path, namespace, span);
                }
            }
            (_, _, "RoleBinding" | "ClusterRoleBinding") => {
                let subjects = item.node_mut().as_table_mut();
                let subjects = subjects.and_then(|table| table.get_mut("subjects"));
                if let Some(Value::Array(subjects)) = subjects.map(|node| &mut node.value) {
                    for subject in subjects {
                        if subject.get("name").and_then(Node::as_str) == Some("default") {
                            set(subject, &["namespace"], Node::new(namespace, span));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    let mut seen = std::collections::HashSet::new();
    for item in items.iter() {
        let id = item.id();
        if let Some(id) = seen.replace(id) {
            return Err(Fault::at(
                format!("the namespace `{namespace}` makes one of two: {id}"),
                span,
            ));
        }
    }
    Ok(())
}

/// Adds a prefix or a suffix to the names, except where kustomize leaves names alone.
pub(super) fn names(items: &mut [Item], prefix: &str, suffix: &str, span: Span) {
    if prefix.is_empty() && suffix.is_empty() {
        return;
    }
    for item in items {
        let original = item.original();
        let is_kept = matches!(
            (original.group.as_str(), original.kind.as_str()),
            (_, "Namespace" | "CustomResourceDefinition")
                | ("apiregistration.k8s.io", "APIService")
        );
        if is_kept {
            continue;
        }
        item.remember();
        let name = format!("{prefix}{}{suffix}", item.text(&["metadata", "name"]));
        item.set(&["metadata", "name"], name, span);
    }
}

/// Where the labels of Pods and of claims are.
const TEMPLATES: &[(&str, &str, &[&str])] = &[
    (
        "",
        "ReplicationController",
        &["spec", "template", "metadata", "labels"],
    ),
    (
        "apps",
        "Deployment",
        &["spec", "template", "metadata", "labels"],
    ),
    (
        "apps",
        "ReplicaSet",
        &["spec", "template", "metadata", "labels"],
    ),
    (
        "apps",
        "DaemonSet",
        &["spec", "template", "metadata", "labels"],
    ),
    (
        "apps",
        "StatefulSet",
        &["spec", "template", "metadata", "labels"],
    ),
    ("batch", "Job", &["spec", "template", "metadata", "labels"]),
    (
        "batch",
        "CronJob",
        &["spec", "jobTemplate", "metadata", "labels"],
    ),
    (
        "batch",
        "CronJob",
        &[
            "spec",
            "jobTemplate",
            "spec",
            "template",
            "metadata",
            "labels",
        ],
    ),
];

/// Where selectors are, and whether one is made where there is none.
const SELECTORS: &[(&str, &str, &[&str], bool)] = &[
    ("", "Service", &["spec", "selector"], true),
    ("", "ReplicationController", &["spec", "selector"], true),
    (
        "apps",
        "Deployment",
        &["spec", "selector", "matchLabels"],
        true,
    ),
    (
        "apps",
        "ReplicaSet",
        &["spec", "selector", "matchLabels"],
        true,
    ),
    (
        "apps",
        "DaemonSet",
        &["spec", "selector", "matchLabels"],
        true,
    ),
    (
        "apps",
        "StatefulSet",
        &["spec", "selector", "matchLabels"],
        true,
    ),
    ("batch", "Job", &["spec", "selector", "matchLabels"], false),
    (
        "batch",
        "CronJob",
        &["spec", "jobTemplate", "spec", "selector", "matchLabels"],
        false,
    ),
    (
        "policy",
        "PodDisruptionBudget",
        &["spec", "selector", "matchLabels"],
        false,
    ),
    (
        "networking.k8s.io",
        "NetworkPolicy",
        &["spec", "podSelector", "matchLabels"],
        false,
    ),
];

pub(super) fn labels(items: &mut [Item], labels: &Labels) {
    for item in items {
        let id = item.id();
        let is_of = |group: &str, kind: &str| id.group == group && id.kind == kind;
        mark(item, &["metadata", "labels"], &labels.pairs);
        if labels.in_templates || labels.in_selectors {
            for (group, kind, path) in TEMPLATES {
                if is_of(group, kind) {
                    mark(item, path, &labels.pairs);
                }
            }
        }
        if labels.in_selectors {
            for (group, kind, path, is_made) in SELECTORS {
                if is_of(group, kind) && (*is_made || item.node().at(path).is_some()) {
                    mark(item, path, &labels.pairs);
                }
            }
        }
    }
}

pub(super) fn annotations(items: &mut [Item], pairs: &[(String, Node)]) {
    for item in items {
        let id = item.id();
        mark(item, &["metadata", "annotations"], pairs);
        for (group, kind, path) in TEMPLATES {
            let above = &path[..path.len() - 1];
            if id.group == *group && id.kind == *kind && above.first() == Some(&"spec") {
                let path: Vec<&str> = above.iter().copied().chain(["annotations"]).collect();
                mark(item, &path, pairs);
            }
        }
    }
}

fn mark(item: &mut Item, path: &[&str], pairs: &[(String, Node)]) {
    for (key, value) in pairs {
        let path: Vec<&str> = path.iter().copied().chain([key.as_str()]).collect();
        set(item.node_mut(), &path, value.clone());
    }
}

pub(super) fn replicas(items: &mut [Item], name: &str, count: &Node) -> Result<(), Fault> {
    let mut is_found = false;
    for item in items {
        let id = item.id();
        let is_scaled = matches!(
            (id.group.as_str(), id.kind.as_str()),
            ("", "ReplicationController") | (_, "Deployment" | "ReplicaSet" | "StatefulSet")
        );
        if is_scaled && (id.name == name || item.original().name == name) {
            is_found = true;
            set(item.node_mut(), &["spec", "replicas"], count.clone());
        }
    }
    match is_found {
        true => Ok(()),
        false => Err(Fault::at(
            format!("`replicas` names no Deployment, StatefulSet or ReplicaSet `{name}`"),
            count.span,
        )),
    }
}

pub(super) fn images(items: &mut [Item], images: &[Image]) {
    // The name is a regular expression for kustomize.
    let images: Vec<(Regex, &Image)> = images
        .iter()
        .filter_map(|image| {
            let word = "[a-zA-Z0-9_.{}-]*";
            let pattern = format!("^{}(:{word})?(@sha256:{word})?$", image.name);
            Some((Regex::new(&pattern).ok()?, image))
        })
        .collect();
    for item in items {
        if item.id().kind == "CustomResourceDefinition" || !has_containers(item.node()) {
            continue;
        }
        for (name, image) in &images {
            containers(item.node_mut(), name, image);
        }
    }
}

fn has_containers(node: &Node) -> bool {
    match &node.value {
        Value::Table(table) => table.iter().any(|(key, entry)| {
            matches!(key, "containers" | "initContainers") || has_containers(&entry.node)
        }),
        Value::Array(items) => items.iter().any(has_containers),
        _ => false,
    }
}

fn containers(node: &mut Node, name: &Regex, image: &Image) {
    match &mut node.value {
        Value::Table(table) => {
            for (key, entry) in table.iter_mut() {
                containers(&mut entry.node, name, image);
                let (true, Value::Array(items)) = (
                    matches!(key, "containers" | "initContainers"),
                    &mut entry.node.value,
                ) else {
                    continue;
                };
                for item in items {
                    let own = item.as_table_mut().and_then(|table| table.get_mut("image"));
                    if let Some(own) = own {
                        let text = replaced(&text_of(own), name, image);
                        if let Some(text) = text {
                            own.value = Value::String(text);
                        }
                    }
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| containers(item, name, image)),
        _ => {}
    }
}

/// What an image is replaced by; `None` where it has another name.
fn replaced(text: &str, pattern: &Regex, image: &Image) -> Option<String> {
    if !pattern.is_match(text) {
        return None;
    }
    let (name, tag, digest) = image_parts(text);
    let name = match image.new_name.is_empty() {
        true => name,
        false => &image.new_name,
    };
    let (tag, digest) = match image.new_tag.is_empty() && image.digest.is_empty() {
        true => (tag, digest),
        false => (image.new_tag.as_str(), image.digest.as_str()),
    };
    let mut text = name.to_owned();
    for (mark, part) in [(':', tag), ('@', digest)] {
        if !part.is_empty() {
            text.push(mark);
            text.push_str(part);
        }
    }
    Some(text)
}

/// Name, tag and digest; a colon before the last slash is that of a port.
fn image_parts(text: &str) -> (&str, &str, &str) {
    let (rest, digest) = text.split_once('@').unwrap_or((text, ""));
    let slash = rest.rfind('/').map_or(0, |at| at + 1);
    match rest[slash..].find(':') {
        Some(at) => (&rest[..slash + at], &rest[slash + at + 1..], digest),
        None => (rest, "", digest),
    }
}
