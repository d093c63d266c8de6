//! YAML files as kustomize reads them: every document is an object.

use std::sync::Arc;

use super::Fault;
use crate::node::{Node, Value};
use crate::resource::{Identity, Resource};
use crate::source::{FileId, Span};
use crate::yaml::read_manifests;

/// What a YAML text holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Documents {
    /// The objects and where each document begins.
    pub(super) objects: Vec<(Arc<Resource>, Span)>,
    /// Why kustomize would refuse the file.
    pub(super) fault: Option<Fault>,
}

/// Lists inside of lists.
const DEPTH: usize = 4;

/// Reads all documents of a text. Objects in a `List` count one by one.
pub(super) fn read(text: &str, file: FileId) -> Documents {
    let mut found = Documents::default();
    match read_manifests(text, file) {
        Ok(nodes) => {
            for node in nodes {
                if let Err(fault) = take(node, &mut found.objects, 0) {
                    found.fault = Some(fault);
                    break;
                }
            }
        }
        Err(error) => {
            found.fault = Some(Fault::at(
                format!("it is not YAML: {}", error.message),
                error.span,
            ));
        }
    }
    found
}

/// The documents of a patch, which have to be objects as well.
pub(super) fn objects(nodes: Vec<Node>) -> Result<Vec<Arc<Resource>>, Fault> {
    let mut objects = Vec::new();
    for node in nodes {
        take(node, &mut objects, 0)?;
    }
    Ok(objects.into_iter().map(|(object, _)| object).collect())
}

fn take(mut node: Node, found: &mut Vec<(Arc<Resource>, Span)>, depth: usize) -> Result<(), Fault> {
    let place = node.span;
    let refuse = |why: &str| Err(Fault::at(why.to_owned(), place));
    let Some(table) = node.as_table_mut() else {
        return refuse("a document is not an object");
    };
    if table.is_empty() {
        return Ok(());
    }
    let Some(kind) = table.get("kind").and_then(Node::as_str).map(str::to_owned) else {
        return refuse("a document has no `kind`");
    };
    if kind.ends_with("List")
        && depth < DEPTH
        && let Some(items) = table.get_mut("items")
    {
        return match std::mem::replace(&mut items.value, Value::Null) {
            Value::Null => Ok(()),
            Value::Array(items) => {
                for item in items {
                    take(item, found, depth + 1)?;
                }
                Ok(())
            }
            _ => refuse("`items` of a List is not a list"),
        };
    }
    let Some(name) = node.at(&["metadata", "name"]).map(super::item::text_of) else {
        return refuse(&format!("a {kind} has no `metadata.name`"));
    };
    if name.is_empty() {
        return refuse(&format!("a {kind} has no `metadata.name`"));
    }
    let resource = Resource {
        identity: identity(&node),
        api_version: node
            .get("apiVersion")
            .map(super::item::text_of)
            .unwrap_or_default()
            .into_owned(),
        node,
    };
    found.push((Arc::new(resource), place));
    Ok(())
}

/// The identity of an object, which has a kind and a name.
pub(super) fn identity(node: &Node) -> Identity {
    let text = |path: &[&str]| node.at(path).map(super::item::text_of).unwrap_or_default();
    let api_version = text(&["apiVersion"]);
    Identity {
        group: api_version
            .split_once('/')
            .map_or("", |(group, _)| group)
            .to_owned(),
        kind: text(&["kind"]).into_owned(),
        namespace: text(&["metadata", "namespace"]).into_owned(),
        name: text(&["metadata", "name"]).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_opened_and_empty_documents_are_left_out() {
        let found = read(
            "apiVersion: v1\nkind: List\nitems:\n\
             - {apiVersion: v1, kind: Service, metadata: {name: a, namespace: web}}\n\
             ---\n# empty\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: c\n",
            Span::BUILT_IN.file,
        );
        assert_eq!(found.fault, None);
        let names: Vec<_> = found
            .objects
            .iter()
            .map(|(object, _)| object.identity.to_string())
            .collect();
        assert_eq!(names, ["Service web/a", "Deployment c"]);
    }

    #[test]
    fn a_document_that_kustomize_refuses_is_a_fault() {
        for text in ["a: 1", "apiVersion: v1\nkind: Service\n", "a: [", "- a"] {
            assert!(read(text, Span::BUILT_IN.file).fault.is_some(), "{text}");
        }
    }
}
