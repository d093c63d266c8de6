//! Which resources of two sides belong together.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::rename;
use super::report::Presence;
use super::side::{Cluster, Entry, Side};

/// What became of each cluster's resources.
#[derive(Debug, Clone, Default)]
pub struct Comparison<'sides> {
    pub clusters: BTreeMap<&'sides str, ClusterChanges<'sides>>,
}

#[derive(Debug, Clone)]
pub struct ClusterChanges<'sides> {
    pub presence: Presence,
    pub base: Option<&'sides Cluster>,
    pub head: Option<&'sides Cluster>,
    pub created: Vec<&'sides Entry>,
    pub deleted: Vec<&'sides Entry>,
    /// Before and after.
    pub changed: Vec<(&'sides Entry, &'sides Entry)>,
    /// Before and after: same kind, other name or namespace, same spec or nearly.
    pub renamed: Vec<(&'sides Entry, &'sides Entry)>,
    pub unchanged: usize,
}

impl ClusterChanges<'_> {
    pub fn is_empty(&self) -> bool {
        self.created.is_empty()
            && self.deleted.is_empty()
            && self.changed.is_empty()
            && self.renamed.is_empty()
    }
}

/// Pairs the resources of two sides, cluster by cluster.
pub fn compare<'sides>(base: &'sides Side, head: &'sides Side) -> Comparison<'sides> {
    let mut comparison = Comparison::default();
    let names = base.clusters.keys().chain(head.clusters.keys());
    for name in names {
        if !comparison.clusters.contains_key(name.as_str()) {
            let changes = pair(base.clusters.get(name), head.clusters.get(name));
            comparison.clusters.insert(name, changes);
        }
    }
    comparison
}

fn pair<'sides>(
    base: Option<&'sides Cluster>,
    head: Option<&'sides Cluster>,
) -> ClusterChanges<'sides> {
    let mut changes = ClusterChanges {
        presence: match (base, head) {
            (None, _) => Presence::Added,
            (_, None) => Presence::Removed,
            (Some(_), Some(_)) => Presence::Both,
        },
        base,
        head,
        created: Vec::new(),
        deleted: Vec::new(),
        changed: Vec::new(),
        renamed: Vec::new(),
        unchanged: 0,
    };
    let mut old = base.map_or(&[][..], Cluster::entries).iter().peekable();
    let mut new = head.map_or(&[][..], Cluster::entries).iter().peekable();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.identity().cmp(new.identity()),
        };
        let before = order.is_le().then(|| old.next()).flatten();
        let after = order.is_ge().then(|| new.next()).flatten();
        match (before, after) {
            (Some(before), Some(after)) if before.is_same(after) => changes.unchanged += 1,
            (Some(before), Some(after)) => changes.changed.push((before, after)),
            (Some(before), None) => changes.deleted.push(before),
            (None, Some(after)) => changes.created.push(after),
            (None, None) => break,
        }
    }
    rename::take(&mut changes);
    // What differs only in an order that means nothing is not changed.
    let before = changes.changed.len();
    changes
        .changed
        .retain(|(old, new)| super::fields::differ(&old.resource, &new.resource));
    changes.unchanged += before - changes.changed.len();
    changes
}
