//! Marked values belong to the cluster: what stands in its tree is kept.

use std::collections::HashMap;

use crate::node::{Node, Value};
use crate::resource::{Identity, Resource};

/// A step from a resource's root to one of its values.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    Key(String),
    /// An item of an array, by its position and, where it has one, its `name`.
    Item(usize, Option<String>),
}

/// A cluster's resources as they stand in its tree, as far as marks may need them.
pub type Standing = HashMap<Identity, Node>;

/// The marked values of a resource with their places in it.
pub fn marks(node: &Node) -> Vec<(Vec<Step>, &crate::node::Marked)> {
    let mut found = Vec::new();
    collect(node, &mut Vec::new(), &mut found);
    found
}

/// Whether anything in a resource is marked.
pub fn has_marks(node: &Node) -> bool {
    match &node.value {
        Value::Marked(_) => true,
        Value::Table(table) => table.iter().any(|(_, entry)| has_marks(&entry.node)),
        Value::Array(items) => items.iter().any(has_marks),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_) => {
            false
        }
    }
}

fn collect<'n>(
    node: &'n Node,
    path: &mut Vec<Step>,
    found: &mut Vec<(Vec<Step>, &'n crate::node::Marked)>,
) {
    match &node.value {
        Value::Marked(marked) => found.push((path.clone(), marked)),
        Value::Table(table) => {
            for (key, entry) in table.iter() {
                path.push(Step::Key(key.to_owned()));
                collect(&entry.node, path, found);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let name = item.get("name").and_then(Node::as_str).map(str::to_owned);
                path.push(Step::Item(at, name));
                collect(item, path, found);
                path.pop();
            }
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_) => {}
    }
}

/// The value at a place of a resource; items are found by name before they are by position.
pub fn value_at<'n>(node: &'n Node, path: &[Step]) -> Option<&'n Node> {
    let mut node = node;
    for step in path {
        node = match step {
            Step::Key(key) => node.get(key)?,
            Step::Item(at, None) => node.as_array()?.get(*at)?,
            Step::Item(_, Some(name)) => node
                .as_array()?
                .iter()
                .find(|item| item.get("name").and_then(Node::as_str) == Some(name))?,
        };
    }
    Some(node)
}

/// The resource with what stands in the tree; `None` where that is what it has already.
///
/// `reset` are the policies, as `namespace/name`, whose values are not kept.
pub(crate) fn keep(resource: &Resource, standing: &Standing, reset: &[String]) -> Option<Resource> {
    let found = standing.get(&resource.identity)?;
    let changed: Vec<(Vec<Step>, Value)> = marks(&resource.node)
        .into_iter()
        .filter(|(_, marked)| !reset.iter().any(|policy| is_of(&marked.policy, policy)))
        .filter_map(|(path, marked)| {
            let value = value_at(found, &path)?.value.scalar();
            let is_scalar = matches!(
                value,
                Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Bool(_)
            );
            (is_scalar && !value.same(&marked.value)).then(|| (path, value.clone()))
        })
        .collect();
    if changed.is_empty() {
        return None;
    }
    let mut kept = resource.clone();
    for (path, value) in changed {
        if let Some(Value::Marked(marked)) =
            at_mut(&mut kept.node, &path).map(|node| &mut node.value)
        {
            marked.value = value;
        }
    }
    Some(kept)
}

/// Whether a marker, `namespace:name[:part]`, is of a policy, `namespace/name`.
fn is_of(marker: &str, policy: &str) -> bool {
    let mut parts = marker.split(':');
    policy.split_once('/').is_some_and(|(namespace, name)| {
        (parts.next(), parts.next()) == (Some(namespace), Some(name))
    })
}

fn at_mut<'n>(node: &'n mut Node, path: &[Step]) -> Option<&'n mut Node> {
    let mut node = node;
    for step in path {
        node = match (step, &mut node.value) {
            (Step::Key(key), Value::Table(table)) => table.get_mut(key)?,
            (Step::Item(at, _), Value::Array(items)) => items.get_mut(*at)?,
            _ => return None,
        };
    }
    Some(node)
}
