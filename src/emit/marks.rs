//! Marked values belong to the cluster: what stands in its tree is kept.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use crate::files::Bytes;
use crate::node::{Node, Value};
use crate::resource::{Identity, Resource};
use crate::{tree, yaml};

/// A step from a resource's root to one of its values.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    Key(String),
    /// An item of an array, by its position and, where it has one, its `name`.
    Item(usize, Option<String>),
}

/// A cluster's resources as they stand in its tree.
#[derive(Debug, Default)]
pub struct Standing {
    /// Those of files in which something is marked; equal files of several clusters share them.
    marked: HashMap<Arc<Identity>, Arc<Node>>,
    /// The other side of those that a merge left in conflict.
    theirs: HashMap<Arc<Identity>, Arc<Node>>,
    /// The other files of the tree, which are read only when a resource is looked for that is marked for the
    /// first time.
    files: Vec<Bytes>,
    others: OnceLock<HashMap<Identity, Node>>,
}

impl Standing {
    pub fn new(
        marked: HashMap<Arc<Identity>, Arc<Node>>,
        theirs: HashMap<Arc<Identity>, Arc<Node>>,
        files: Vec<Bytes>,
    ) -> Self {
        Self {
            marked,
            theirs,
            files,
            others: OnceLock::new(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.marked.is_empty() && self.files.is_empty()
    }

    fn get(&self, identity: &Identity) -> Option<There<'_>> {
        let theirs = self.theirs.get(identity).map(Arc::as_ref);
        if let Some(ours) = self.marked.get(identity) {
            return Some(There { ours, theirs });
        }
        if self.files.is_empty() {
            return None;
        }
        let others = self.others.get_or_init(|| {
            let resources = self.files.iter().flat_map(|bytes| tree::resources(bytes));
            resources
                .map(|resource| (resource.identity, resource.node))
                .collect()
        });
        let ours = others.get(identity)?;
        Some(There { ours, theirs })
    }
}

/// A resource as it stands in a tree.
#[derive(Debug, Clone, Copy)]
pub struct There<'a> {
    ours: &'a Node,
    /// What the branch that was merged made of it, where that is in conflict.
    theirs: Option<&'a Node>,
}

/// Says which of two values of a mark a policy picks; none where it does not tell them apart.
pub type Pick<'p> = dyn Fn(&str, &Value, &Value) -> Option<Value> + 'p;

/// What is kept of a marked value.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept {
    One(Value),
    /// A merge left two, and the policy picks the first of them.
    Picked(Value, Value),
    /// A merge left two, and nothing says which is newer.
    Disputed(Value, Value),
}

impl Kept {
    pub fn value(&self) -> &Value {
        match self {
            Self::One(value) | Self::Picked(value, _) | Self::Disputed(value, _) => value,
        }
    }
}

/// Where the resources of a cluster stood before, whatever they were called.
pub struct Former<'a, I> {
    standing: &'a Standing,
    /// What the cluster has now.
    identities: I,
    /// The same, once a resource is looked for that has another name in the tree.
    now: OnceCell<HashSet<&'a Identity>>,
}

impl<'a, I: Iterator<Item = &'a Identity> + Clone> Former<'a, I> {
    pub fn new(standing: &'a Standing, identities: I) -> Self {
        Self {
            standing,
            identities,
            now: OnceCell::new(),
        }
    }

    /// The resource as it stands in the tree: under its own name, the one of `renamedFrom`, or as the one
    /// resource of its kind that is gone and carried the same marks.
    pub fn find(&self, resource: &Resource, renamed_from: Option<&str>) -> Option<There<'a>> {
        if self.standing.is_empty() {
            return None;
        }
        let own = &resource.identity;
        if let Some(there) = self.standing.get(own) {
            return Some(there);
        }
        if let Some(former) = renamed_from {
            let (namespace, name) = match former.split_once('/') {
                Some((namespace, name)) => (namespace, name),
                None => (own.namespace.as_str(), former),
            };
            let former = Identity {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                ..own.clone()
            };
            if let Some(there) = self.standing.get(&former) {
                return Some(there);
            }
        }
        let own_marks = marks(&resource.node);
        let has_the_marks = |node: &Node| {
            own_marks.iter().all(|(path, marked)| {
                let found = find(&resource.node, node, path, &marked.policy);
                found.is_some_and(|found| policy_of(found) == Some(&marked.policy))
            })
        };
        let now = self.now.get_or_init(|| self.identities.clone().collect());
        let gone = self.standing.marked.iter().filter(|(identity, node)| {
            (&identity.group, &identity.kind) == (&own.group, &own.kind)
                && !now.contains(identity.as_ref())
                && has_the_marks(node)
        });
        let gone: Vec<&Identity> = gone.map(|(identity, _)| identity.as_ref()).collect();
        let mut namesakes = gone.iter().filter(|identity| identity.name == own.name);
        match (gone.as_slice(), namesakes.next(), namesakes.next()) {
            ([identity], _, _) | (_, Some(identity), None) => self.standing.get(identity),
            _ => None,
        }
    }
}

fn policy_of(node: &Node) -> Option<&String> {
    match &node.value {
        Value::Marked(marked) => Some(&marked.policy),
        _ => None,
    }
}

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

/// The value at a place of the resource itself.
pub fn value_at<'n>(node: &'n Node, path: &[Step]) -> Option<&'n Node> {
    path.iter().try_fold(node, |node, step| match step {
        Step::Key(key) => node.get(key),
        Step::Item(at, _) => node.as_array()?.get(*at),
    })
}

/// What stands for a marked value of `here` in `there`, an earlier form of the resource.
///
/// Items of lists are found by name; those without by what is in them beside marked values. Of the items that are
/// left over, edited ones, those at one position belong together, or all in their order where there are as many.
fn find<'n>(here: &Node, there: &'n Node, path: &[Step], policy: &str) -> Option<&'n Node> {
    let Some((step, rest)) = path.split_first() else {
        return Some(there);
    };
    match step {
        Step::Key(key) => find(here.get(key)?, there.get(key)?, rest, policy),
        Step::Item(at, name) => {
            let (items, others) = (here.as_array()?, there.as_array()?);
            let own = items.get(*at)?;
            let nth = |is_like: &dyn Fn(&Node) -> bool| {
                let before = items[..*at].iter().filter(|item| is_like(item)).count();
                others.iter().filter(|item| is_like(item)).nth(before)
            };
            if name.is_some() {
                let is_named =
                    |item: &Node| item.get("name").and_then(Node::as_str) == name.as_deref();
                return find(own, nth(&is_named)?, rest, policy);
            }
            if let Some(other) = nth(&|item| is_alike(own, item)) {
                return find(own, other, rest, policy);
            }
            // The item was edited, or is new: what is left of both lists may belong together.
            let is_left = |other: &&'n Node| {
                !items.iter().any(|item| is_alike(item, other))
                    && find(own, other, rest, policy)
                        .and_then(policy_of)
                        .is_some_and(|found| found == policy)
            };
            let is_new = |item: &&Node| !others.iter().any(|other| is_alike(item, other));
            let left: Vec<&'n Node> = others.iter().filter(is_left).collect();
            let other = match others.get(*at).filter(is_left) {
                Some(other) => Some(other),
                None if left.len() == items.iter().filter(is_new).count() => left
                    .get(items[..*at].iter().filter(is_new).count())
                    .copied(),
                None => None,
            };
            find(own, other?, rest, policy)
        }
    }
}

/// Whether two nodes are the same but for the values that `here` marks.
fn is_alike(here: &Node, there: &Node) -> bool {
    match (&here.value, &there.value) {
        (Value::Marked(own), Value::Marked(other)) => own.policy == other.policy,
        (Value::Marked(_), Value::Table(_) | Value::Array(_)) => false,
        // It was not marked then.
        (Value::Marked(own), other) => own.value.same(other),
        (Value::Table(own), Value::Table(other)) => {
            own.len() == other.len()
                && own.iter().all(|(key, entry)| {
                    other
                        .get(key)
                        .is_some_and(|other| is_alike(&entry.node, other))
                })
        }
        (Value::Array(own), Value::Array(other)) => {
            own.len() == other.len()
                && own
                    .iter()
                    .zip(other)
                    .all(|(own, other)| is_alike(own, other))
        }
        (own, other) => own.same(other),
    }
}

/// What is kept for a marked value of `resource`, which stood as `there`; none where nothing stands.
pub fn kept(resource: &Resource, there: There<'_>, path: &[Step], pick: &Pick<'_>) -> Option<Kept> {
    let Value::Marked(marked) = &value_at(&resource.node, path)?.value else {
        return None;
    };
    let in_tree = |node: &Node| {
        let found = find(&resource.node, node, path, &marked.policy)?;
        standing_value(&marked.value, found)
    };
    let ours = in_tree(there.ours);
    let theirs = there.theirs.and_then(in_tree);
    Some(match (ours, theirs) {
        (Some(ours), Some(theirs)) if !ours.same(&theirs) => {
            match pick(&marked.policy, &ours, &theirs) {
                Some(picked) if picked.same(&ours) => Kept::Picked(ours, theirs),
                Some(_) => Kept::Picked(theirs, ours),
                None => Kept::Disputed(ours, theirs),
            }
        }
        (Some(value), _) | (None, Some(value)) => Kept::One(value),
        (None, None) => return None,
    })
}

/// What a node of a tree says for a value that starts as `initial`.
fn standing_value(initial: &Value, found: &Node) -> Option<Value> {
    let value = match (initial, &found.value) {
        (_, Value::Null | Value::Table(_) | Value::Array(_)) => return None,
        // A tag without quotes, `6.10`, is the text that is written there.
        (Value::String(_), Value::Marked(other)) => match &other.bare {
            Some(bare) => Value::String(bare.clone()),
            None => other.value.clone(),
        },
        (Value::String(_), Value::String(text)) => Value::String(text.clone()),
        (Value::String(_), other) => Value::String(yaml::write_scalar(other)?),
        (_, other) => other.scalar().clone(),
    };
    (!matches!(value, Value::Null)).then_some(value)
}

/// The marked values of a resource that stand otherwise in the tree, in `there`, or stand there twice after a merge.
///
/// `reset` are the policies, as `namespace/name`, whose values are not kept.
pub(crate) fn changes(
    resource: &Resource,
    there: There<'_>,
    reset: &[String],
    pick: &Pick<'_>,
) -> Vec<(Vec<Step>, Kept)> {
    marks(&resource.node)
        .into_iter()
        .filter(|(_, marked)| !reset.iter().any(|policy| is_of(&marked.policy, policy)))
        .filter_map(|(path, marked)| {
            let kept = kept(resource, there, &path, pick)?;
            let is_there = matches!(&kept, Kept::One(value) if value.same(&marked.value));
            (!is_there).then_some((path, kept))
        })
        .collect()
}

/// The resource with what stands in the tree, ours where a merge left two; `None` where it has that already.
pub(crate) fn keep(resource: &Resource, there: There<'_>, reset: &[String]) -> Option<Resource> {
    let changes = changes(resource, there, reset, &|_, _, _| None);
    (!changes.is_empty()).then(|| with_changes(resource, &changes))
}

/// The resource with these values.
pub(crate) fn with_changes(resource: &Resource, changes: &[(Vec<Step>, Kept)]) -> Resource {
    let mut kept = resource.clone();
    for (path, value) in changes {
        if let Some(Value::Marked(marked)) =
            at_mut(&mut kept.node, path).map(|node| &mut node.value)
        {
            marked.value = value.value().clone();
        }
    }
    kept
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
