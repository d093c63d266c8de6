//! The changes of all clusters, each told once with the names of its clusters.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::fields::field_changes;
use super::pair::{ClusterChanges, Comparison};
use super::report::{Action, Change, ClusterSummary, FieldChange, Object};
use super::side::Entry;
use crate::diagnostic::replaced;
use crate::mask::masked_document;

/// All changes. A pair of resources that clusters share is compared once.
pub fn changes(comparison: &Comparison<'_>) -> Vec<Change> {
    let mut groups: BTreeMap<Vec<u8>, Change> = BTreeMap::new();
    let mut known: HashMap<(Action, usize, usize), Arc<Told>> = HashMap::new();
    for (cluster, changes) in &comparison.clusters {
        for (action, old, new) in steps(changes) {
            let address =
                |entry: Option<&Entry>| entry.map_or(0, |it| Arc::as_ptr(&it.resource).addr());
            let told = known
                .entry((action, address(old), address(new)))
                .or_insert_with(|| Arc::new(tell(action, old, new)));
            let told = Arc::clone(told);
            groups
                .entry(told.key.clone())
                .and_modify(|change| change.clusters.push((*cluster).to_owned()))
                .or_insert_with(|| {
                    let mut change = told.change.clone();
                    change.clusters.push((*cluster).to_owned());
                    change.place = new.or(old).and_then(|entry| entry.place().cloned());
                    change
                });
        }
    }
    let mut all: Vec<Change> = merge_by_cluster(groups.into_values().collect());
    all.sort_by(|a, b| {
        (a.action, &a.resource, &a.clusters, &a.id).cmp(&(
            b.action,
            &b.resource,
            &b.clusters,
            &b.id,
        ))
    });
    // What differs only behind a mask has one identifier: the clusters make it another.
    let mut seen = HashSet::new();
    for change in &mut all {
        while !seen.insert(change.id.clone()) {
            let text = format!("{} {}", change.id, change.clusters.join(" "));
            change.id = hexadecimal(&Sha256::digest(text));
        }
    }
    all
}

/// One summary a cluster, without the findings and the state of the trees.
pub fn summaries(comparison: &Comparison<'_>) -> Vec<ClusterSummary> {
    comparison
        .clusters
        .iter()
        .map(|(name, changes)| {
            let mut summary = ClusterSummary::new(*name, changes.presence);
            summary.created = changes.created.len();
            summary.changed = changes.changed.len();
            summary.deleted = changes.deleted.len();
            summary.renamed = changes.renamed.len();
            summary.unchanged = changes.unchanged;
            summary
        })
        .collect()
}

fn steps<'sides>(
    changes: &ClusterChanges<'sides>,
) -> impl Iterator<Item = (Action, Option<&'sides Entry>, Option<&'sides Entry>)> {
    let deleted = changes
        .deleted
        .iter()
        .map(|old| (Action::Deleted, Some(*old), None));
    let renamed = changes
        .renamed
        .iter()
        .map(|(old, new)| (Action::Renamed, Some(*old), Some(*new)));
    let changed = changes
        .changed
        .iter()
        .map(|(old, new)| (Action::Changed, Some(*old), Some(*new)));
    let created = changes
        .created
        .iter()
        .map(|new| (Action::Created, None, Some(*new)));
    deleted.chain(renamed).chain(changed).chain(created)
}

struct Told {
    key: Vec<u8>,
    change: Change,
}

fn tell(action: Action, old: Option<&Entry>, new: Option<&Entry>) -> Told {
    let fields = match (old, new) {
        (Some(old), Some(new)) => {
            let mut fields = field_changes(&old.resource, &new.resource);
            if action == Action::Renamed {
                fields.retain(|field| {
                    !matches!(field.path.as_str(), "metadata.name" | "metadata.namespace")
                });
            }
            fields
        }
        _ => Vec::new(),
    };
    let document = match (old, new) {
        (Some(_), Some(_)) => None,
        (one, other) => one.or(other).map(|entry| masked_document(&entry.resource)),
    };
    let resource = new.or(old).map_or_else(
        || Object::new("", "", "", ""),
        |entry| Object::from(entry.identity()),
    );
    let change = Change {
        id: String::new(),
        action,
        resource,
        renamed_from: match (action, old) {
            (Action::Renamed, Some(old)) => Some(Object::from(old.identity())),
            _ => None,
        },
        clusters: Vec::new(),
        by_cluster: false,
        fields,
        document,
        place: None,
    };
    let mut told = Told {
        key: fingerprint(&change),
        change,
    };
    // Two masked values look the same: what is behind them must still tell groups apart.
    if told.change.fields.iter().any(|field| field.masked) {
        told.key.extend(
            [old, new]
                .into_iter()
                .flatten()
                .flat_map(|entry| super::digest::digest(&entry.resource.node).to_be_bytes()),
        );
    }
    told.change.id = identifier(&told.change);
    told
}

fn fingerprint(change: &Change) -> Vec<u8> {
    let mut hasher = Sha256::new();
    let mut feed = |part: &str| {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    };
    feed(change.action.as_str());
    for object in [Some(&change.resource), change.renamed_from.as_ref()]
        .into_iter()
        .flatten()
    {
        for part in [&object.group, &object.kind, &object.namespace, &object.name] {
            feed(part);
        }
    }
    for field in &change.fields {
        feed(&field.path);
        for value in [&field.old, &field.new] {
            feed(&value.as_ref().map_or_else(String::new, Json::to_string));
        }
    }
    feed(
        &change
            .document
            .as_ref()
            .map_or_else(String::new, Json::to_string),
    );
    hasher.finalize().to_vec()
}

fn identifier(change: &Change) -> String {
    hexadecimal(&fingerprint(change))
}

fn hexadecimal(digest: &[u8]) -> String {
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Joins changes that differ only in the name of their cluster.
fn merge_by_cluster(changes: Vec<Change>) -> Vec<Change> {
    let mut alike: BTreeMap<Vec<u8>, Vec<(Change, Change)>> = BTreeMap::new();
    let mut done = Vec::new();
    for change in changes {
        let general = match change.clusters.as_slice() {
            [cluster] => generalised(&change, cluster),
            _ => None,
        };
        match general {
            Some(general) => alike
                .entry(fingerprint(&general))
                .or_default()
                .push((change, general)),
            None => done.push(change),
        }
    }
    for mut group in alike.into_values() {
        if group.len() == 1 {
            done.extend(group.pop().map(|(change, _)| change));
            continue;
        }
        let mut clusters: Vec<String> = group
            .iter()
            .flat_map(|(change, _)| change.clusters.iter().cloned())
            .collect();
        clusters.sort();
        let place = group.iter().find_map(|(change, _)| change.place.clone());
        if let Some((_, mut change)) = group.pop() {
            change.id = identifier(&change);
            change.clusters = clusters;
            change.by_cluster = true;
            change.place = place;
            done.push(change);
        }
    }
    done
}

/// The change with `<cluster>` for the cluster's name; `None` where the name is not in it.
fn generalised(change: &Change, cluster: &str) -> Option<Change> {
    let mut general = change.clone();
    let mut found = false;
    for FieldChange { old, new, text, .. } in &mut general.fields {
        for value in [old, new].into_iter().flatten() {
            found |= replace_in(value, cluster);
        }
        for line in text {
            if let Some(replaced) = replaced(&line.text, cluster) {
                line.text = replaced;
                found = true;
            }
        }
    }
    if let Some(document) = &mut general.document {
        found |= replace_in(document, cluster);
    }
    found.then_some(general)
}

fn replace_in(value: &mut Json, cluster: &str) -> bool {
    match value {
        Json::String(text) => match replaced(text, cluster) {
            Some(new) => {
                *text = new;
                true
            }
            None => false,
        },
        Json::Array(items) => items
            .iter_mut()
            .fold(false, |found, item| replace_in(item, cluster) | found),
        Json::Object(entries) => entries
            .values_mut()
            .fold(false, |found, item| replace_in(item, cluster) | found),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}
