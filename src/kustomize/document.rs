//! YAML documents of a folder, read for the names in them.

use serde::Deserialize;
use serde_yaml::Value as Yaml;

use super::keeps_from_pruning;
use super::substitute::required;
use crate::immutable::has_immutable_fields;
use crate::node::{Node, Table, Value};
use crate::resource::{Identity, Resource};
use crate::source::Span;

/// An object as a file gives it, before transformers.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) identity: Identity,
    pub(super) prune_disabled: bool,
    pub(super) substitute_disabled: bool,
    /// Variables that have to have a value in `postBuild`.
    pub(super) variables: Vec<Variable>,
    /// A patch may have removed some of what stands here.
    pub(super) is_patched: bool,
    /// Only for the kinds of Flux that own other objects.
    pub(super) flux: Option<Resource>,
}

/// `${name}` in an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) place: Place,
}

/// Where a variable stands: some places are written over by transformers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Namespace,
    Image,
    Elsewhere,
}

/// The variables below a value, keys among them.
pub(super) fn variables(yaml: &Yaml) -> Vec<Variable> {
    let mut found = Vec::new();
    collect(yaml, Place::Elsewhere, &mut found);
    found
}

fn collect(yaml: &Yaml, place: Place, found: &mut Vec<Variable>) {
    let mut add = |text: &str| {
        for name in required(text) {
            let variable = Variable { name, place };
            if !found.contains(&variable) {
                found.push(variable);
            }
        }
    };
    match yaml {
        Yaml::String(text) => add(text),
        Yaml::Sequence(items) => items.iter().for_each(|item| collect(item, place, found)),
        Yaml::Mapping(entries) => {
            for (key, value) in entries {
                let place = match key.as_str() {
                    Some("namespace") => Place::Namespace,
                    Some("image") => Place::Image,
                    _ => Place::Elsewhere,
                };
                collect(key, Place::Elsewhere, found);
                collect(value, place, found);
            }
        }
        Yaml::Tagged(tagged) => collect(&tagged.value, place, found),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => {}
    }
}

/// Whether a label or annotation keeps an object from being substituted.
pub(super) fn disables_substitution(key: &str, value: &str) -> bool {
    key == "kustomize.toolkit.fluxcd.io/substitute" && value.eq_ignore_ascii_case("disabled")
}

/// What a YAML text holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Documents {
    pub(super) objects: Vec<Document>,
    /// Why kustomize would refuse the file.
    pub(super) fault: Option<String>,
}

/// Reads all documents of a text. Objects in a `List` count one by one; local configuration and
/// kustomization files are left out.
pub(super) fn read(text: &str) -> Documents {
    let mut found = Documents::default();
    for part in serde_yaml::Deserializer::from_str(text) {
        match Yaml::deserialize(part) {
            Ok(Yaml::Null) => {}
            Ok(yaml) => take(&yaml, &mut found, 0),
            Err(error) => {
                found.fault = Some(format!("it is not YAML: {error}"));
                break;
            }
        }
    }
    found
}

fn take(yaml: &Yaml, found: &mut Documents, depth: usize) {
    let text = |key: &str| yaml.get(key).and_then(Yaml::as_str);
    let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
        found.fault = Some("a document has no `apiVersion` or no `kind`".to_owned());
        return;
    };
    let items = yaml.get("items").and_then(Yaml::as_sequence);
    if let (true, Some(items)) = (kind.ends_with("List") && depth < 4, items) {
        for item in items {
            take(item, found, depth + 1);
        }
        return;
    }
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    if group == "kustomize.config.k8s.io" {
        return;
    }
    let metadata = yaml.get("metadata");
    let field = |key: &str| metadata.and_then(|it| it.get(key)).and_then(Yaml::as_str);
    let Some(name) = field("name") else {
        found.fault = Some(format!("a {kind} has no `metadata.name`"));
        return;
    };
    let has = |wanted: &dyn Fn(&str, &str) -> bool| {
        ["annotations", "labels"]
            .iter()
            .filter_map(|key| metadata?.get(*key)?.as_mapping())
            .flatten()
            .any(|(key, value)| match (key.as_str(), value.as_str()) {
                (Some(key), Some(value)) => wanted(key, value),
                _ => false,
            })
    };
    if has(&|key, value| key == "config.kubernetes.io/local-config" && value == "true") {
        return;
    }
    let identity = Identity {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: field("namespace").unwrap_or_default().to_owned(),
        name: name.to_owned(),
    };
    let keeps_document = has_immutable_fields(group, kind)
        || matches!(
            (group, kind),
            ("kustomize.toolkit.fluxcd.io", "Kustomization")
                | ("helm.toolkit.fluxcd.io", "HelmRelease")
                | ("source.toolkit.fluxcd.io", _)
        );
    found.objects.push(Document {
        prune_disabled: has(&keeps_from_pruning),
        substitute_disabled: has(&disables_substitution),
        variables: variables(yaml),
        is_patched: false,
        flux: keeps_document
            .then(|| Resource::from_node(node(yaml)))
            .flatten(),
        identity,
    });
}

/// A node without places; keys that are no strings are left out.
fn node(yaml: &Yaml) -> Node {
    let value = match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(*value),
        Yaml::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(value), _, _) => Value::Integer(value.into()),
            (_, Some(value), _) => Value::Integer(value.into()),
            (_, _, value) => Value::Float(value.unwrap_or(f64::NAN)),
        },
        Yaml::String(text) => Value::String(text.clone()),
        Yaml::Sequence(items) => Value::Array(items.iter().map(node).collect()),
        Yaml::Mapping(entries) => {
            let mut table = Table::new();
            for (key, value) in entries {
                if let Some(key) = key.as_str() {
                    table.set(key, node(value));
                }
            }
            Value::Table(table)
        }
        Yaml::Tagged(tagged) => return node(&tagged.value),
    };
    Node {
        value,
        span: Span::BUILT_IN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_opened_and_local_configuration_is_left_out() {
        let found = read(
            "apiVersion: v1\nkind: List\nitems:\n\
             - {apiVersion: v1, kind: Service, metadata: {name: a, namespace: web}}\n\
             - {apiVersion: v1, kind: ConfigMap, metadata: {name: b, annotations: {config.kubernetes.io/local-config: 'true'}}}\n\
             ---\n# empty\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: c\n  labels: {kustomize.toolkit.fluxcd.io/prune: disabled}\n",
        );
        assert_eq!(found.fault, None);
        let names: Vec<_> = found
            .objects
            .iter()
            .map(|it| (it.identity.to_string(), it.prune_disabled))
            .collect();
        assert_eq!(
            names,
            [
                ("Service web/a".to_owned(), false),
                ("Deployment c".to_owned(), true)
            ]
        );
    }

    #[test]
    fn a_document_that_kustomize_refuses_is_a_fault() {
        assert!(read("a: 1").fault.is_some());
        assert!(read("apiVersion: v1\nkind: Service\n").fault.is_some());
        assert!(read("a: [").fault.is_some());
    }
}
