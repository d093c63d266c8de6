//! What a user's own file says that the generated one in its place would not.

use std::collections::HashMap;

use super::nodes;
use crate::emit::ClusterTree;
use crate::go::duration::Duration;
use crate::kustomize::normalised;
use crate::node::{Node, Value};
use crate::resource::Identity;

/// A field that adopting a file would lose or change.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Loss {
    /// `Kustomization flux-system/flux-system: spec.decryption`.
    pub field: String,
    /// What to type for the generated file to have it.
    pub help: Option<String>,
}

/// The documents that a build writes for a cluster, by identity, read when the first file is adopted.
pub(super) struct Generated<'a> {
    cluster: &'a ClusterTree,
    known: Option<HashMap<Identity, Node>>,
}

impl<'a> Generated<'a> {
    pub(super) fn new(cluster: &'a ClusterTree) -> Self {
        Self {
            cluster,
            known: None,
        }
    }

    fn find(&mut self, identity: &Identity) -> Option<&Node> {
        let files = &self.cluster.files;
        let known = self.known.get_or_insert_with(|| {
            let texts = files.values();
            let nodes = texts.flat_map(|text| nodes(text.as_bytes()).unwrap_or_default());
            nodes
                .filter_map(|node| Some((Identity::of(&node)?, node)))
                .collect()
        });
        known.get(identity)
    }

    /// What the bytes say that `text`, and the cluster's other files, do not; an error where they are not YAML.
    pub(super) fn losses(&mut self, bytes: &[u8], text: &str) -> Result<Vec<Loss>, ()> {
        let old = nodes(bytes).ok_or(())?;
        let new = nodes(text.as_bytes()).unwrap_or_default();
        let mut losses = Vec::new();
        for node in old.iter().filter(|node| node.value != Value::Null) {
            let Some(identity) = Identity::of(node) else {
                // Kustomize's own file has no name.
                match new.first() {
                    Some(new) if is_kustomize_file(node) && is_kustomize_file(new) => {
                        losses.extend(kustomize_file(node, new));
                    }
                    _ => losses.push(Loss {
                        field: "what it holds".to_owned(),
                        help: None,
                    }),
                }
                continue;
            };
            let Some(made) = self.find(&identity) else {
                losses.push(Loss {
                    field: identity.to_string(),
                    help: Some(
                        "define it in the TOML file, or move it to a file of its own".to_owned(),
                    ),
                });
                continue;
            };
            let mut fields = Vec::new();
            compare(node, made, "", &mut fields);
            if is_sync(&identity) {
                added(node, made, &mut fields);
            }
            losses.extend(fields.into_iter().map(|field| Loss {
                help: key_of(&identity, &field),
                field: format!("{identity}: {field}"),
            }));
        }
        Ok(losses)
    }
}

fn is_kustomize_file(node: &Node) -> bool {
    let api_version = node.get("apiVersion").and_then(Node::as_str);
    api_version.is_none_or(|text| text.starts_with("kustomize.config.k8s.io/"))
}

/// The fields of a kustomize file that the other lacks or says otherwise.
fn kustomize_file(old: &Node, new: &Node) -> Vec<Loss> {
    let mut losses = Vec::new();
    for (key, entry) in old.as_table().into_iter().flat_map(|table| table.iter()) {
        let help = match key {
            "apiVersion" | "kind" | "metadata" => continue,
            "resources" => {
                let items = |node: &Node| -> Vec<String> {
                    let items = node.as_array().unwrap_or_default().iter();
                    items.filter_map(Node::as_str).map(normalised).collect()
                };
                let made = new.get(key).map(items).unwrap_or_default();
                let lost = items(&entry.node).into_iter();
                losses.extend(lost.filter(|item| !made.contains(item)).map(|item| Loss {
                    field: format!("resources: {item}"),
                    help: None,
                }));
                continue;
            }
            "patches" => "copy them to `flux.patches`",
            "labels" => "write them as `flux.labels`",
            _ => "write it as a patch in `flux.patches`, or keep it in a folder of its own",
        };
        if !new
            .get(key)
            .is_some_and(|made| is_alike(key, &entry.node, made))
        {
            losses.push(Loss {
                field: key.to_owned(),
                help: Some(help.to_owned()),
            });
        }
    }
    losses
}

/// The paths of what `old` says and `new` does not.
fn compare(old: &Node, new: &Node, path: &str, found: &mut Vec<String>) {
    for (key, entry) in old.as_table().into_iter().flat_map(|table| table.iter()) {
        let here = match path {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        };
        // What the API server writes is not the user's.
        let is_passed_over =
            here == "status" || here == "metadata.creationTimestamp" || is_empty(&entry.node);
        if is_passed_over {
            continue;
        }
        match new.get(key) {
            Some(made) if entry.node.as_table().is_some() && made.as_table().is_some() => {
                compare(&entry.node, made, &here, found);
            }
            Some(made) if is_alike(key, &entry.node, made) => {}
            Some(_) | None => found.push(here),
        }
    }
}

/// What the generated objects that sync the repository say and the user's do not.
fn added(old: &Node, new: &Node, found: &mut Vec<String>) {
    let (Some(old), Some(new)) = (old.get("spec"), new.get("spec").and_then(Node::as_table)) else {
        return;
    };
    let more = new.keys().filter(|key| old.get(key).is_none());
    found.extend(more.map(|key| format!("spec.{key}")));
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Table(table) => table.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Whether two values mean the same: `1m` and `1m0s`, `./apps` and `apps/`.
fn is_alike(key: &str, old: &Node, new: &Node) -> bool {
    if old.value.same(&new.value) {
        return true;
    }
    let (Some(old), Some(new)) = (old.as_str(), new.as_str()) else {
        return false;
    };
    match (Duration::parse(old), Duration::parse(new)) {
        (Ok(old), Ok(new)) => old == new,
        _ => key == "path" && normalised(old) == normalised(new),
    }
}

fn is_sync(identity: &Identity) -> bool {
    let of_flux = [
        ("source.toolkit.fluxcd.io", "GitRepository"),
        ("kustomize.toolkit.fluxcd.io", "Kustomization"),
    ];
    identity.name == identity.namespace
        && of_flux.contains(&(identity.group.as_str(), identity.kind.as_str()))
}

/// The TOML key of a field of what syncs the repository.
fn key_of(identity: &Identity, field: &str) -> Option<String> {
    if !is_sync(identity) {
        return None;
    }
    let field = field.strip_prefix("spec.")?;
    let first = field.split('.').next()?;
    let key = match (identity.kind.as_str(), first) {
        ("GitRepository", "url") => "repo.url".to_owned(),
        ("GitRepository", "ref") if field == "ref.branch" => "repo.branch".to_owned(),
        ("GitRepository", "interval") => "flux.sync.interval".to_owned(),
        ("GitRepository", "secretRef") => "flux.sync.secret".to_owned(),
        ("GitRepository", "recurseSubmodules") => "flux.sync.submodules".to_owned(),
        ("GitRepository", "sparseCheckout" | "provider") => format!("flux.sync.{first}"),
        ("Kustomization", "interval") => "flux.sync.rootInterval".to_owned(),
        ("Kustomization", "path") => "clusters.NAME.path".to_owned(),
        ("Kustomization", first) if crate::settings::flux::ROOT.contains(&first) => {
            format!("flux.sync.{field}")
        }
        _ => {
            return Some(format!(
                "remove it from the file, and write it as a patch of the {} in `flux.patches`",
                identity.kind
            ));
        }
    };
    Some(format!("set `{key}`"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn losses(old: &str, new: &str) -> Vec<String> {
        let cluster = ClusterTree {
            name: "prod".to_owned(),
            folder: "clusters/prod".to_owned(),
            files: [(Arc::from("a.yaml"), Arc::from(new))].into(),
            left_alone: Vec::new(),
        };
        let found = Generated::new(&cluster).losses(old.as_bytes(), new);
        let found = found.expect("YAML").into_iter();
        found.map(|loss| loss.field).collect()
    }

    const OLD: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n";

    #[test]
    fn the_same_meaning_is_no_loss() {
        for (old, new) in [
            ("spec: {interval: 1m}", "spec: {interval: 1m0s}"),
            ("spec: {path: apps/}", "spec: {path: ./apps}"),
            ("spec: {x: null, y: {}}\nstatus: {a: b}", "spec: {z: 1}"),
            ("data: {a: b, c: d}", "data: {c: d, a: b, e: f}"),
        ] {
            let found = losses(&format!("{OLD}{old}"), &format!("{OLD}{new}"));
            assert_eq!(found, Vec::<String>::new(), "{old}");
        }
        assert_eq!(losses("# a comment\n---\n", OLD), Vec::<String>::new());
    }

    #[test]
    fn what_is_lost_or_changed_is_named() {
        for (old, new, field) in [
            ("data: {a: b}", "data: {a: c}", "data.a"),
            ("data: {a: b}", "", "data"),
            ("spec: {list: [1, 2]}", "spec: {list: [1]}", "spec.list"),
            (
                "spec: {interval: 1m}",
                "spec: {interval: 2m}",
                "spec.interval",
            ),
        ] {
            let found = losses(&format!("{OLD}{old}"), &format!("{OLD}{new}"));
            assert_eq!(found, [format!("ConfigMap b/a: {field}")], "{old}");
        }
        let other = OLD.replace("name: a", "name: other");
        assert_eq!(
            losses(&format!("{OLD}---\n{other}"), OLD),
            ["ConfigMap b/other"]
        );
        let kustomize = "kind: Kustomization\nresources: [./b.yaml, c.yaml]\nimages: [{name: x}]\n";
        let ours = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- b.yaml\n";
        assert_eq!(losses(kustomize, ours), ["resources: c.yaml", "images"]);
    }
}
