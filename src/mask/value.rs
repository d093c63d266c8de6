//! Values of resources without their secrets, as reports hold them.

use std::borrow::Cow;

use serde_json::{Map, Number, Value as Json};

use super::MASK;
use super::inside::{Inside, address, hides_number, is_hidden};
use super::ranges::without;
use super::spot::Spot;
use crate::node::{Node, Value};
use crate::resource::Resource;

/// Any value fit to be shown, and whether anything was taken from it.
pub(crate) fn json(node: &Node, spot: Spot<'_>) -> (Json, bool) {
    match &node.value {
        Value::Table(table) => {
            let mut masked = false;
            let mut object = Map::new();
            for (key, entry) in table.iter() {
                let (value, hidden) = json(&entry.node, spot.field(table, key));
                masked |= hidden;
                object.insert(key.to_owned(), value);
            }
            (Json::Object(object), masked)
        }
        Value::Array(items) => {
            let mut masked = false;
            let spots = spot.items(items);
            let values = items
                .iter()
                .map(|item| {
                    let (value, hidden) = json(item, spots.of(item));
                    masked |= hidden;
                    value
                })
                .collect();
            (Json::Array(values), masked)
        }
        other => scalar(other, spot),
    }
}

/// A text in a resource without what is secret in it, line by line; whole `***` where its lines are
/// not understood, for the secret may go on in the next.
pub(crate) fn text<'t>(text: &'t str, spot: Spot<'_>) -> Cow<'t, str> {
    if text.is_empty() {
        return Cow::Borrowed(text);
    }
    if is_hidden(text, spot) {
        return Cow::Borrowed(MASK);
    }
    if spot.is_sensitive {
        return without(text, &address(text));
    }
    let inside = Inside::of(text, spot.patches_secret);
    match inside.ranges.is_empty() || inside.is_read {
        true => without(text, &inside.ranges),
        false => Cow::Borrowed(MASK),
    }
}

fn scalar(value: &Value, spot: Spot<'_>) -> (Json, bool) {
    match value {
        Value::Marked(marked) => {
            let (shown, masked) = scalar(&marked.value, spot);
            let text = match shown {
                Json::String(text) => text,
                other => other.to_string(),
            };
            let marker = format!("{text} # {{\"$imagepolicy\": \"{}\"}}", marked.policy);
            (Json::from(marker), masked)
        }
        Value::String(value) => {
            let shown = text(value, spot);
            let masked = shown != *value;
            (Json::from(shown), masked)
        }
        number if hides_number(number, spot) => (Json::from(MASK), true),
        Value::Null | Value::Array(_) | Value::Table(_) => (Json::Null, false),
        Value::Bool(value) => (Json::from(*value), false),
        Value::Integer(value) => {
            let number = i64::try_from(*value)
                .map(Number::from)
                .or_else(|_| u64::try_from(*value).map(Number::from));
            let json = number.map_or_else(|_| Json::from(value.to_string()), Json::Number);
            (json, false)
        }
        Value::Float(value) => {
            let json = Number::from_f64(*value)
                .map_or_else(|| Json::from(value.to_string()), Json::Number);
            (json, false)
        }
    }
}

/// A whole resource, secrets masked.
pub fn masked_document(resource: &Resource) -> Json {
    json(&resource.node, Spot::root()).0
}

/// A value for the field of a resource at a path from the document's root, secrets masked.
pub(crate) fn masked_field(resource: &Resource, path: &[&str], node: &Node) -> Json {
    let mut spot = Spot::root();
    let mut at = Some(&resource.node);
    let nothing = crate::node::Table::new();
    for name in path {
        let table = at.and_then(Node::as_table).unwrap_or(&nothing);
        spot = spot.field(table, name);
        at = table.get(name);
    }
    json(node, spot).0
}
