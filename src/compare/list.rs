//! Which items of two lists belong together: by their natural key, not by their position.

use std::collections::{HashMap, HashSet, VecDeque};

use super::digest::digest;
use crate::node::{Node, Value};

/// The fields that name an item, the most telling set first. Those after the first that are
/// missing on an item do not count.
const KEYS: &[&[&str]] = &[
    &["name"],
    &["kind", "name"],
    &["kind", "namespace", "name"],
    &["apiVersion", "kind", "namespace", "name"],
    &["kind", "name", "valuesKey", "targetPath"],
    &["apiVersion", "kind"],
    &["kind"],
    &["alias"],
    &["target"],
    &["id"],
    &["key"],
    &["mountPath"],
    &["containerPort", "protocol"],
    &["port", "protocol"],
    &["host"],
    &["ip"],
    &["path"],
    &["url"],
    &["from", "to"],
];

/// A pairing of two lists.
#[derive(Debug, Default)]
pub(super) struct Matching<'lists> {
    /// What each pair is called, and the items: one of them may be missing.
    pub(super) pairs: Vec<Pair<'lists>>,
    /// The items are all there, only in another order.
    pub(super) is_reordered: bool,
}

#[derive(Debug)]
pub(super) struct Pair<'lists> {
    /// `infra` in `dependsOn[infra]`, or a position.
    pub(super) label: String,
    pub(super) old: Option<&'lists Node>,
    pub(super) new: Option<&'lists Node>,
}

pub(super) fn match_up<'lists>(old: &'lists [Node], new: &'lists [Node]) -> Matching<'lists> {
    match natural_keys(old, new) {
        Some((old_keys, new_keys)) => by_key(old, &old_keys, new, &new_keys),
        None => by_value(old, new),
    }
}

fn by_key<'lists>(
    old: &'lists [Node],
    old_keys: &[String],
    new: &'lists [Node],
    new_keys: &[String],
) -> Matching<'lists> {
    let mut before: HashMap<&str, &Node> = HashMap::new();
    before.extend(old_keys.iter().map(String::as_str).zip(old));
    let mut matching = Matching::default();
    let kept: HashSet<&str> = new_keys.iter().map(String::as_str).collect();
    for (key, node) in old_keys.iter().zip(old) {
        if !kept.contains(key.as_str()) {
            matching.pairs.push(Pair {
                label: key.clone(),
                old: Some(node),
                new: None,
            });
        }
    }
    for (key, node) in new_keys.iter().zip(new) {
        matching.pairs.push(Pair {
            label: key.clone(),
            old: before.get(key.as_str()).copied(),
            new: Some(node),
        });
    }
    let common_old = old_keys.iter().filter(|key| kept.contains(key.as_str()));
    let common_new = new_keys
        .iter()
        .filter(|key| before.contains_key(key.as_str()));
    matching.is_reordered = !common_old.eq(common_new);
    matching
}

/// Equal items belong together; what is left is paired in order where both sides have tables.
fn by_value<'lists>(old: &'lists [Node], new: &'lists [Node]) -> Matching<'lists> {
    let mut places: HashMap<u64, VecDeque<usize>> = HashMap::new();
    for (at, item) in new.iter().enumerate() {
        places.entry(digest(item)).or_default().push_back(at);
    }
    let mut taken = vec![false; new.len()];
    let mut gone = Vec::new();
    let mut last = None;
    let mut is_reordered = false;
    for (at, item) in old.iter().enumerate() {
        match places.get_mut(&digest(item)).and_then(VecDeque::pop_front) {
            Some(to) => {
                taken[to] = true;
                is_reordered |= last.is_some_and(|last| to < last);
                last = Some(to);
            }
            None => gone.push((at, item)),
        }
    }
    let come: Vec<_> = new
        .iter()
        .enumerate()
        .filter(|(at, _)| !taken[*at])
        .collect();
    let mut matching = Matching {
        pairs: Vec::new(),
        is_reordered,
    };
    for index in 0..gone.len().max(come.len()) {
        let (old, new) = (gone.get(index), come.get(index));
        let at = new.map(|(at, _)| *at).or(old.map(|(at, _)| *at));
        matching.pairs.push(Pair {
            label: at.unwrap_or(index).to_string(),
            old: old.map(|(_, item)| *item),
            new: new.map(|(_, item)| *item),
        });
    }
    matching
}

/// The keys of all items, if one set of fields tells the items of both lists apart.
fn natural_keys(old: &[Node], new: &[Node]) -> Option<(Vec<String>, Vec<String>)> {
    if old.iter().chain(new).any(|item| item.as_table().is_none()) {
        return None;
    }
    KEYS.iter().find_map(|fields| {
        let old = keys_by(old, fields)?;
        let new = keys_by(new, fields)?;
        Some((old, new))
    })
}

fn keys_by(items: &[Node], fields: &[&str]) -> Option<Vec<String>> {
    let keys: Vec<String> = items
        .iter()
        .map(|item| {
            let first = item.get(fields.first()?).and_then(word)?;
            let rest = fields[1..]
                .iter()
                .filter_map(|field| item.get(field).and_then(word));
            Some(rest.fold(first, |key, word| format!("{key}/{word}")))
        })
        .collect::<Option<_>>()?;
    let distinct: HashSet<&String> = keys.iter().collect();
    (distinct.len() == keys.len()).then_some(keys)
}

/// A scalar as it is, a table such as a patch's target as its words.
fn word(node: &Node) -> Option<String> {
    match node.value.scalar() {
        Value::String(text) => Some(text.clone()),
        Value::Integer(value) => Some(value.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Table(table) => {
            let mut words: Vec<_> = table
                .iter()
                .filter_map(|(key, entry)| Some(format!("{key}={}", word(&entry.node)?)))
                .collect();
            words.sort();
            Some(words.join(" "))
        }
        Value::Null | Value::Float(_) | Value::Array(_) | Value::Marked(_) => None,
    }
}
