//! What patches do to the set of objects: `$patch: delete`, and marks that keep from pruning.

use regex::Regex;
use serde::Deserialize;
use serde_yaml::Value as Yaml;

use super::document::{Variable, disables_substitution, variables};
use super::{Target, keeps_from_pruning};
use crate::resource::Identity;

/// One document of a patch.
#[derive(Debug)]
pub(super) struct Effect {
    selector: Selector,
    pub(super) deletes: bool,
    pub(super) disables_pruning: bool,
    pub(super) disables_substitution: bool,
    /// Variables that it writes.
    pub(super) variables: Vec<Variable>,
    /// It can only be told in the cluster whether the patch is for an object.
    pub(super) is_uncertain: bool,
}

#[derive(Debug)]
enum Selector {
    Target {
        group: Option<String>,
        kind: Option<Regex>,
        namespace: Option<Regex>,
        name: Option<Regex>,
    },
    /// The object that the patch names.
    Named {
        kind: String,
        namespace: String,
        name: String,
    },
}

impl Effect {
    pub(super) fn is_for(&self, identity: &Identity) -> bool {
        match &self.selector {
            Selector::Target {
                group,
                kind,
                namespace,
                name,
            } => {
                let fits = |pattern: &Option<Regex>, text: &str| {
                    pattern.as_ref().is_none_or(|it| it.is_match(text))
                };
                group.as_ref().is_none_or(|it| *it == identity.group)
                    && fits(kind, &identity.kind)
                    && fits(namespace, &identity.namespace)
                    && fits(name, &identity.name)
            }
            Selector::Named {
                kind,
                namespace,
                name,
            } => {
                *kind == identity.kind
                    && *name == identity.name
                    && (namespace.is_empty()
                        || identity.namespace.is_empty()
                        || *namespace == identity.namespace)
            }
        }
    }
}

/// Reads a patch, strategic or JSON 6902. `None` where it cannot be read.
pub(super) fn effects(text: &str, target: Option<&Target>) -> Option<Vec<Effect>> {
    let mut effects = Vec::new();
    for part in serde_yaml::Deserializer::from_str(text) {
        let yaml = Yaml::deserialize(part).ok()?;
        if yaml.is_null() {
            continue;
        }
        let field = |key: &str| yaml.get("metadata").and_then(|it| it.get(key));
        let selector = match target {
            Some(target) => Selector::Target {
                group: target.group.clone(),
                kind: anchored(target.kind.as_deref())?,
                namespace: anchored(target.namespace.as_deref())?,
                name: anchored(target.name.as_deref())?,
            },
            None => Selector::Named {
                kind: yaml.get("kind").and_then(Yaml::as_str)?.to_owned(),
                namespace: field("namespace")
                    .and_then(Yaml::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                name: field("name").and_then(Yaml::as_str)?.to_owned(),
            },
        };
        let merged = |wanted: fn(&str, &str) -> bool| {
            ["annotations", "labels"]
                .iter()
                .filter_map(|key| field(key)?.as_mapping())
                .flatten()
                .any(|(key, value)| is_mark(wanted, key.as_str(), value.as_str()))
        };
        let operation = |wanted: fn(&str, &str) -> bool, operation: &Yaml| {
            let text = |key: &str| operation.get(key).and_then(Yaml::as_str);
            let key = text("path")
                .and_then(|path| {
                    path.strip_prefix("/metadata/annotations/")
                        .or_else(|| path.strip_prefix("/metadata/labels/"))
                })
                .map(|key| key.replace("~1", "/").replace("~0", "~"));
            let is_set = matches!(text("op"), Some("add" | "replace"));
            is_set && is_mark(wanted, key.as_deref(), text("value"))
        };
        let marks = |wanted: fn(&str, &str) -> bool| {
            let operations = yaml.as_sequence().into_iter().flatten();
            merged(wanted) || operations.into_iter().any(|one| operation(wanted, one))
        };
        effects.push(Effect {
            selector,
            deletes: yaml.get("$patch").and_then(Yaml::as_str) == Some("delete"),
            disables_pruning: marks(keeps_from_pruning),
            disables_substitution: marks(disables_substitution),
            variables: variables(&yaml),
            is_uncertain: target.is_some_and(|target| target.has_selector),
        });
    }
    Some(effects)
}

fn is_mark(wanted: fn(&str, &str) -> bool, key: Option<&str>, value: Option<&str>) -> bool {
    matches!((key, value), (Some(key), Some(value)) if wanted(key, value))
}

/// Kustomize anchors the patterns of a target at both ends.
fn anchored(pattern: Option<&str>) -> Option<Option<Regex>> {
    match pattern {
        None => Some(None),
        Some(pattern) => Regex::new(&format!("^(?:{pattern})$")).ok().map(Some),
    }
}
