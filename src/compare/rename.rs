//! Recognises a resource under another name.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::pair::ClusterChanges;
use super::side::Entry;
use crate::node::{Node, Value};
use crate::resource::Resource;

/// Above this many pairs only `renamedFrom` and equal specs are looked for.
const PAIRS: usize = 10_000;
/// How much of two specs must be the same, of all that is in either.
const LIKENESS: f64 = 0.8;

/// Moves what was renamed out of `created` and `deleted`.
pub(super) fn take(changes: &mut ClusterChanges<'_>) {
    if changes.created.is_empty() || changes.deleted.is_empty() {
        return;
    }
    pair_up(changes, is_declared);
    pair_up(changes, |old, new| spec_digest(old) == spec_digest(new));
    if changes.created.len().saturating_mul(changes.deleted.len()) <= PAIRS {
        pair_up(changes, is_nearly_same);
    }
    changes
        .renamed
        .sort_by(|a, b| a.1.identity().cmp(b.1.identity()));
}

/// Pairs what fits one and only one: two candidates are no rename but a guess, unless one of them
/// carries the old name on.
fn pair_up<'sides>(
    changes: &mut ClusterChanges<'sides>,
    fits: impl Fn(&'sides Entry, &'sides Entry) -> bool,
) {
    let mut pairs = Vec::new();
    for (at, old) in changes.deleted.iter().enumerate() {
        for (to, new) in changes.created.iter().enumerate() {
            let (old_id, new_id) = (old.identity(), new.identity());
            if old_id.group == new_id.group && old_id.kind == new_id.kind && fits(old, new) {
                pairs.push((at, to));
            }
        }
    }
    let is_likely = |(at, to): &(usize, usize)| {
        let rivals =
            |same: &dyn Fn(&(usize, usize)) -> bool| pairs.iter().filter(|it| same(it)).count();
        let alone = rivals(&|it| it.0 == *at) == 1 && rivals(&|it| it.1 == *to) == 1;
        alone || changes.deleted[*at].identity().name == changes.created[*to].identity().name
    };
    let mut gone = HashSet::new();
    let mut come = HashSet::new();
    let mut renamed = Vec::new();
    for (at, to) in pairs.iter().copied().filter(is_likely) {
        if !gone.contains(&at) && !come.contains(&to) {
            gone.insert(at);
            come.insert(to);
            renamed.push((changes.deleted[at], changes.created[to]));
        }
    }
    retain_others(&mut changes.deleted, &gone);
    retain_others(&mut changes.created, &come);
    changes.renamed.extend(renamed);
}

fn retain_others(entries: &mut Vec<&Entry>, taken: &HashSet<usize>) {
    let mut at = 0;
    entries.retain(|_| {
        at += 1;
        !taken.contains(&(at - 1))
    });
}

/// `renamedFrom = "old"`, or `"namespace/old"`.
fn is_declared(old: &Entry, new: &Entry) -> bool {
    let Some(former) = new
        .remarks
        .as_ref()
        .and_then(|remarks| remarks.renamed_from.as_deref())
    else {
        return false;
    };
    match former.split_once('/') {
        Some((namespace, name)) => {
            old.identity().namespace == namespace && old.identity().name == name
        }
        None => {
            old.identity().name == former && old.identity().namespace == new.identity().namespace
        }
    }
}

/// The digest of a document without its name and namespace.
fn spec_digest(entry: &Entry) -> u64 {
    let mut leaves = leaves(&entry.resource);
    leaves.sort_unstable();
    let mut hasher = DefaultHasher::new();
    leaves.hash(&mut hasher);
    hasher.finish()
}

fn is_nearly_same(old: &Entry, new: &Entry) -> bool {
    // What a resource is about must be the same, or two of one template would be taken for one.
    let subject: &[&[&str]] = match old.identity().kind.as_str() {
        "Kustomization" => &[
            &["spec", "path"],
            &["spec", "sourceRef", "kind"],
            &["spec", "sourceRef", "name"],
        ],
        "HelmRelease" => &[&["spec", "chart", "spec", "chart"], &["spec", "chartRef"]],
        "GitRepository" | "OCIRepository" | "HelmRepository" => &[&["spec", "url"]],
        "Bucket" => &[&["spec", "bucketName"], &["spec", "endpoint"]],
        "ImageRepository" => &[&["spec", "image"]],
        _ => &[],
    };
    let same = |path: &&[&str]| match (old.get(path), new.get(path)) {
        (None, None) => true,
        (Some(old), Some(new)) => old.value.same(&new.value),
        _ => false,
    };
    if !subject.iter().all(same) {
        return false;
    }
    let (old, new): (HashSet<u64>, HashSet<u64>) = (
        leaves(&old.resource).into_iter().collect(),
        leaves(&new.resource).into_iter().collect(),
    );
    let (common, all) = (old.intersection(&new).count(), old.union(&new).count());
    #[expect(clippy::cast_precision_loss, reason = "documents have few leaves")]
    let likeness = common as f64 / all.max(1) as f64;
    let has_subject = !subject.is_empty() && common > 0;
    likeness
        >= if has_subject {
            LIKENESS / 2.0
        } else {
            LIKENESS
        }
}

/// One number for each leaf and its path, name and namespace left out.
fn leaves(resource: &Resource) -> Vec<u64> {
    let mut found = Vec::new();
    let Some(table) = resource.node.as_table() else {
        return found;
    };
    for (key, entry) in table.iter() {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        if key != "metadata" {
            collect(&entry.node, &hasher, &mut found);
            continue;
        }
        for (inner, entry) in entry.node.as_table().into_iter().flat_map(|it| it.iter()) {
            if !matches!(inner, "name" | "namespace") {
                let mut hasher = hasher.clone();
                inner.hash(&mut hasher);
                collect(&entry.node, &hasher, &mut found);
            }
        }
    }
    found
}

fn collect(node: &Node, path: &DefaultHasher, found: &mut Vec<u64>) {
    let mut hasher = path.clone();
    match &node.value {
        Value::Table(table) => {
            for (key, entry) in table.iter() {
                let mut inner = path.clone();
                key.hash(&mut inner);
                collect(&entry.node, &inner, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(item, path, found);
            }
        }
        Value::Null => found.push(hasher.finish()),
        Value::Bool(value) => {
            value.hash(&mut hasher);
            found.push(hasher.finish());
        }
        Value::Integer(value) => {
            value.hash(&mut hasher);
            found.push(hasher.finish());
        }
        Value::Float(value) => {
            value.to_bits().hash(&mut hasher);
            found.push(hasher.finish());
        }
        Value::String(text) => {
            text.hash(&mut hasher);
            found.push(hasher.finish());
        }
        Value::Marked(marked) => {
            marked.policy.hash(&mut hasher);
            found.push(hasher.finish());
        }
    }
}
