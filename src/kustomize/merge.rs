//! Strategic merge patches: a patch laid over an object, lists merged by the keys of their items where
//! Kubernetes' own schema names one.
//!
//! Source: <https://github.com/kubernetes-sigs/kustomize/tree/master/kyaml/yaml/merge2>

use crate::node::{Node, Table, Value};

/// What becomes of the value that was patched.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Merged {
    Kept,
    Removed,
}

/// A patch that cannot be laid over the object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KindMismatch {
    /// The field, `spec.ports`.
    pub(super) field: String,
}

/// Lays `patch` over `object`. Lists of kinds that are not Kubernetes' own are replaced.
pub(super) fn merge(object: &mut Node, patch: &Node) -> Result<Merged, KindMismatch> {
    let group = object.get("apiVersion").and_then(Node::as_str);
    let walk = Walk {
        is_built_in: group.is_some_and(is_built_in),
    };
    walk.value(object, patch, &mut Vec::new())
}

/// Whether Kubernetes' own schema, which names the keys of lists, has an API version.
fn is_built_in(api_version: &str) -> bool {
    match api_version.split_once('/') {
        None => true,
        Some(("apps" | "batch" | "autoscaling" | "policy" | "extensions", _)) => true,
        Some((group, _)) => BUILT_IN_GROUPS.contains(&group),
    }
}

const BUILT_IN_GROUPS: [&str; 15] = [
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// The keys by which Kubernetes merges the items of a list; an empty key merges scalars.
fn list_keys(field: &str, items: &[Node]) -> Option<&'static [&'static str]> {
    let has = |key: &str| items.iter().any(|item| item.get(key).is_some());
    Some(match field {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "secrets"
        | "webhooks"
        | "matchConditions"
        | "resourceClaims"
        | "schedulingGates" => &["name"],
        "volumeMounts" => &["mountPath"],
        "volumeDevices" => &["devicePath"],
        "hostAliases" => &["ip"],
        "topologySpreadConstraints" => &["topologyKey", "whenUnsatisfiable"],
        "conditions" => &["type"],
        "ownerReferences" => &["uid"],
        "finalizers" => &[""],
        "ports" if has("containerPort") => &["containerPort", "protocol"],
        "ports" if has("port") => &["port", "protocol"],
        _ => return None,
    })
}

#[derive(Clone, Copy)]
struct Walk {
    is_built_in: bool,
}

enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive(patch: &Node) -> Directive {
    match patch.get("$patch").and_then(Node::as_str) {
        Some("delete") => Directive::Delete,
        Some("replace") => Directive::Replace,
        _ => Directive::Merge,
    }
}

impl Walk {
    fn value(
        self,
        object: &mut Node,
        patch: &Node,
        path: &mut Vec<String>,
    ) -> Result<Merged, KindMismatch> {
        match (&mut object.value, &patch.value) {
            (_, Value::Null) => return Ok(Merged::Removed),
            (Value::Table(table), Value::Table(over)) => match directive(patch) {
                Directive::Delete => return Ok(Merged::Removed),
                Directive::Replace => *object = without_directives(patch),
                Directive::Merge => self.table(table, over, path)?,
            },
            (Value::Array(items), Value::Array(over)) => self.list(items, over, path)?,
            (Value::Null, _) => match added(patch) {
                Some(node) => *object = node,
                None => return Ok(Merged::Removed),
            },
            (Value::Table(_) | Value::Array(_), _) | (_, Value::Table(_) | Value::Array(_)) => {
                return Err(KindMismatch {
                    field: path.join("."),
                });
            }
            _ => *object = patch.clone(),
        }
        Ok(Merged::Kept)
    }

    fn table(
        self,
        table: &mut Table,
        over: &Table,
        path: &mut Vec<String>,
    ) -> Result<(), KindMismatch> {
        for (key, entry) in over.iter() {
            if key.starts_with("$patch") {
                continue;
            }
            path.push(key.to_owned());
            match table.get_mut(key) {
                Some(below) => {
                    if self.value(below, &entry.node, path)? == Merged::Removed {
                        table.remove(key);
                    }
                }
                None => {
                    if let Some(node) = added(&entry.node) {
                        table.insert(
                            key,
                            crate::node::Entry {
                                key: entry.key,
                                node,
                            },
                        );
                    }
                }
            }
            path.pop();
        }
        Ok(())
    }

    fn list(
        self,
        items: &mut Vec<Node>,
        over: &[Node],
        path: &mut Vec<String>,
    ) -> Result<(), KindMismatch> {
        let field = path.last().map(String::as_str).unwrap_or_default();
        let keys = match self.is_built_in {
            true => list_keys(field, over).or_else(|| list_keys(field, items)),
            false => None,
        };
        let Some(keys) = keys else {
            *items = over.to_vec();
            return Ok(());
        };
        // `- $patch: replace` replaces the whole list.
        if over
            .iter()
            .any(|item| matches!(directive(item), Directive::Replace))
        {
            *items = over
                .iter()
                .filter(|item| item.as_table().is_none_or(|table| table.len() > 1))
                .filter_map(added)
                .collect();
            return Ok(());
        }
        let mut first: Vec<Node> = Vec::new();
        for item in over {
            let at = items.iter().position(|old| is_same(old, item, keys));
            match at {
                Some(at) => {
                    let mut old = items.remove(at);
                    if self.value(&mut old, item, path)? == Merged::Kept {
                        first.push(old);
                    }
                }
                None => first.extend(added(item)),
            }
        }
        first.append(items);
        *items = first;
        Ok(())
    }
}

/// Whether two items of a list are one: a missing second key fits any value.
fn is_same(old: &Node, new: &Node, keys: &[&str]) -> bool {
    if let [""] = keys {
        return old.value.same(&new.value);
    }
    let mut is_any = false;
    for key in keys {
        match (old.get(key), new.get(key)) {
            (Some(old), Some(new)) if old.value.same(&new.value) => is_any = true,
            (Some(_), Some(_)) => return false,
            _ => {}
        }
    }
    is_any
}

/// What a patch adds where nothing was; `None` for nulls and deletions.
fn added(patch: &Node) -> Option<Node> {
    match &patch.value {
        Value::Null => None,
        Value::Table(_) if matches!(directive(patch), Directive::Delete) => None,
        _ => Some(without_directives(patch)),
    }
}

fn without_directives(patch: &Node) -> Node {
    let Value::Table(table) = &patch.value else {
        return patch.clone();
    };
    let entries = table.iter().filter(|(key, _)| !key.starts_with("$patch"));
    let table = entries.filter_map(|(key, entry)| {
        let node = added(&entry.node)?;
        Some((
            key.to_owned(),
            crate::node::Entry {
                key: entry.key,
                node,
            },
        ))
    });
    Node::new(Value::Table(table.collect()), patch.span)
}
