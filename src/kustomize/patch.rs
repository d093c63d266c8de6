//! Patches of a kustomization file or of a Flux Kustomization: which objects they are for, and what
//! becomes of these.

use super::Fault;
use super::document::objects;
use super::item::{Id, Item, text_of};
use super::json_patch::JsonPatch;
use super::merge::{KindMismatch, Merged, merge};
use super::selector::{Selector, Target};
use crate::node::{Node, Table, Value};
use crate::source::{FileId, Span};
use crate::yaml::{ReadError, read_all, read_manifests};

#[derive(Debug, Clone, Default)]
pub(super) struct Patch {
    pub(super) text: Text,
    pub(super) target: Option<Target>,
    pub(super) may_change_name: bool,
    pub(super) may_change_kind: bool,
}

/// Where a patch is written.
#[derive(Debug, Clone)]
pub(super) enum Text {
    Inline(String, Span),
    File(String, Span),
    /// As a mapping or a list in the place of a text.
    Read(Node),
}

impl Default for Text {
    fn default() -> Self {
        Self::Inline(String::new(), Span::BUILT_IN)
    }
}

/// A patch that was read.
pub(super) enum Change {
    Merge(Vec<std::sync::Arc<crate::resource::Resource>>),
    Json(JsonPatch),
}

/// Reads a patch. `place` is what messages point at.
pub(super) fn read(text: &str, file: FileId, place: Span) -> Result<Change, Fault> {
    let refused = |error: ReadError| {
        let span = match error.span.is_built_in() {
            true => place,
            false => error.span,
        };
        Fault::at(format!("a patch is not YAML: {}", error.message), span)
    };
    let nodes = read_manifests(text, file).map_err(refused)?;
    // Operations are read by another reader, to which `yes` is a boolean.
    let nodes = match nodes.first().is_some_and(|node| node.as_array().is_some()) {
        true => read_all(text, file).map_err(refused)?,
        false => nodes,
    };
    change(nodes, place)
}

pub(super) fn change(nodes: Vec<Node>, place: Span) -> Result<Change, Fault> {
    if let Some(patch) = nodes.first().and_then(JsonPatch::read) {
        return Ok(Change::Json(patch));
    }
    if nodes.is_empty() {
        return Err(Fault::at("a patch is empty".to_owned(), place));
    }
    let objects = objects(nodes).map_err(|why| {
        let message = format!(
            "a patch is neither an object nor a list of operations: {}",
            why.message
        );
        Fault::at(message, place)
    })?;
    Ok(Change::Merge(objects))
}

/// Applies a patch to the objects that it is for.
pub(super) fn apply(
    change: &Change,
    patch: &Patch,
    place: Span,
    items: &mut Vec<Item>,
) -> Result<(), Fault> {
    let fault = |message: String| Fault::at(message, place);
    let selector = match &patch.target {
        Some(target) => Some(Selector::new(target).map_err(|pattern| {
            fault(format!(
                "the patch's target has an invalid expression `{pattern}`"
            ))
        })?),
        None => None,
    };
    match (change, selector) {
        (Change::Json(_), None) => Err(fault("a JSON patch has no `target`".to_owned())),
        (Change::Json(json), Some(selector)) => {
            for item in items.iter_mut().filter(|item| selector.selects(item)) {
                item.remember();
                let id = item.id();
                // Kustomize keeps notes of its own there while it builds, so the table exists.
                let annotations = ["metadata", "annotations"];
                if item.node().at(&annotations).is_none() {
                    item.set(&annotations, Table::new(), place);
                }
                json.apply(item.node_mut())
                    .map_err(|why| fault(format!("the patch of {id}: {why}")))?;
                tidy_annotations(item);
            }
            Ok(())
        }
        (Change::Merge(objects), Some(selector)) => {
            let [object] = objects.as_slice() else {
                return Err(fault(
                    "a patch with a `target` has several documents".to_owned(),
                ));
            };
            let selected: Vec<bool> = items.iter().map(|item| selector.selects(item)).collect();
            let mut at = 0;
            let mut result = Ok(());
            items.retain_mut(|item| {
                at += 1;
                if !selected[at - 1] || result.is_err() {
                    return true;
                }
                match lay(item, &object.node, patch) {
                    Ok(merged) => merged == Merged::Kept,
                    Err(why) => {
                        result = Err(fault(format!("the patch of {}: {why}", item.id())));
                        true
                    }
                }
            });
            result
        }
        (Change::Merge(objects), None) => {
            for object in objects {
                let id = Id::of(&object.node);
                let mut called = (0..items.len()).filter(|&at| items[at].is_called(&id));
                let (Some(at), None) = (called.next(), called.next()) else {
                    let count = match items.iter().any(|item| item.is_called(&id)) {
                        true => "several objects are",
                        false => "no object is",
                    };
                    return Err(fault(format!("{count} the patch's target {id}")));
                };
                let merged = lay(&mut items[at], &object.node, patch)
                    .map_err(|why| fault(format!("the patch of {id}: {why}")))?;
                if merged == Merged::Removed {
                    items.remove(at);
                }
            }
            Ok(())
        }
    }
}

/// Annotations are strings whatever a patch says, and an empty table of them is left out.
fn tidy_annotations(item: &mut Item) {
    let metadata = item.node_mut().as_table_mut();
    let metadata = metadata.and_then(|table| table.get_mut("metadata"));
    let Some(metadata) = metadata.and_then(Node::as_table_mut) else {
        return;
    };
    let Some(annotations) = metadata.get_mut("annotations").and_then(Node::as_table_mut) else {
        return;
    };
    for (_, entry) in annotations.iter_mut() {
        let text = text_of(&entry.node).into_owned();
        if matches!(
            entry.node.value,
            Value::Bool(_) | Value::Integer(_) | Value::Float(_)
        ) {
            entry.node.value = Value::String(text);
        }
    }
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
}

/// A merged patch changes neither kind nor name unless it may, and never the namespace.
fn lay(item: &mut Item, patch: &Node, options: &Patch) -> Result<Merged, String> {
    if options.may_change_name || options.may_change_kind {
        item.remember();
    }
    let keep = |item: &Item, path: &[&str]| item.node().at(path).cloned();
    let api_version = keep(item, &["apiVersion"]);
    let kind = keep(item, &["kind"]);
    let name = keep(item, &["metadata", "name"]);
    let namespace = keep(item, &["metadata", "namespace"]);
    let merged = merge(item.node_mut(), patch)
        .map_err(|KindMismatch { field }| format!("`{field}` is of another type in the object"))?;
    if merged == Merged::Removed {
        return Ok(merged);
    }
    let node = item.node_mut();
    if let Some(api_version) = api_version {
        super::item::set(node, &["apiVersion"], api_version);
    }
    if let (Some(kind), false) = (kind, options.may_change_kind) {
        super::item::set(node, &["kind"], kind);
    }
    if let (Some(name), false) = (name, options.may_change_name) {
        super::item::set(node, &["metadata", "name"], name);
    }
    match namespace {
        Some(namespace) => super::item::set(node, &["metadata", "namespace"], namespace),
        None => {
            if let Some(Value::Table(metadata)) = node
                .as_table_mut()
                .and_then(|table| table.get_mut("metadata"))
                .map(|metadata| &mut metadata.value)
            {
                metadata.remove("namespace");
            }
        }
    }
    Ok(merged)
}
