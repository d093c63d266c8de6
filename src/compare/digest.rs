//! A number that is the same for documents that mean the same.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::node::{Node, Value};

/// The digest of a document: whatever its places, the order of its keys and what image automation
/// wrote behind a mark. The order of lists counts here; `fields` decides whether it matters.
pub(super) fn digest(node: &Node) -> u64 {
    let mut hasher = DefaultHasher::new();
    feed(node, &mut hasher);
    hasher.finish()
}

fn feed(node: &Node, hasher: &mut DefaultHasher) {
    match &node.value {
        Value::Null => 0u8.hash(hasher),
        Value::Bool(value) => (1u8, value).hash(hasher),
        Value::Integer(value) => (2u8, value).hash(hasher),
        Value::Float(value) => {
            let value = if *value == 0.0 { 0.0 } else { *value };
            (3u8, value.to_bits()).hash(hasher);
        }
        Value::String(text) => (4u8, text).hash(hasher),
        Value::Array(items) => {
            (5u8, items.len()).hash(hasher);
            for item in items {
                feed(item, hasher);
            }
        }
        Value::Table(table) => {
            (6u8, table.len()).hash(hasher);
            // A sum forgets the order; each summand is a hash of its own.
            let sum = table.iter().fold(0u64, |sum, (key, entry)| {
                let mut inner = DefaultHasher::new();
                key.hash(&mut inner);
                feed(&entry.node, &mut inner);
                sum.wrapping_add(inner.finish())
            });
            sum.hash(hasher);
        }
        Value::Marked(marked) => (7u8, &marked.policy).hash(hasher),
    }
}
