//! An object on its way through a build: what it is now, and what it was called before.

use std::borrow::Cow;
use std::sync::Arc;

use super::transform::has_no_namespace;
use crate::node::{Node, Table, Value};
use crate::resource::Resource;
use crate::source::Span;

/// An object and the names by which patches and merges may call it.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// The identity in it is kept up to date by `finish` alone.
    pub(super) resource: Arc<Resource>,
    /// The identities that it had, the first one first.
    previous: Vec<Id>,
    /// The file that it is from.
    pub(super) file: Arc<str>,
    /// Where its document begins.
    pub(super) place: Span,
    /// A generator made it, and its name gets a hash of its contents.
    pub(super) has_hash: bool,
    /// Why the object is not fully known.
    pub(super) uncertain: Vec<String>,
}

/// What kustomize tells objects apart by; unlike in a cluster, the version counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Id {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    /// `default` where none is written, and empty for kinds that have none.
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Id {
    pub(super) fn of(node: &Node) -> Self {
        let text = |path: &[&str]| node.at(path).map(text_of).unwrap_or_default();
        let api_version = text(&["apiVersion"]);
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        let kind = text(&["kind"]).into_owned();
        let namespace = text(&["metadata", "namespace"]);
        let namespace = match () {
            () if has_no_namespace(group, &kind) => "",
            () if namespace.is_empty() => "default",
            () => &namespace,
        };
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            namespace: namespace.to_owned(),
            name: text(&["metadata", "name"]).into_owned(),
            kind,
        }
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.namespace.as_str() {
            "" => write!(f, "{} `{}`", self.kind, self.name),
            namespace => write!(f, "{} `{namespace}/{}`", self.kind, self.name),
        }
    }
}

impl Item {
    pub(super) fn new(resource: Arc<Resource>, file: Arc<str>, place: Span) -> Self {
        Self {
            resource,
            previous: Vec::new(),
            file,
            place,
            has_hash: false,
            uncertain: Vec::new(),
        }
    }

    pub(super) fn node(&self) -> &Node {
        &self.resource.node
    }

    pub(super) fn node_mut(&mut self) -> &mut Node {
        &mut Arc::make_mut(&mut self.resource).node
    }

    pub(super) fn id(&self) -> Id {
        Id::of(self.node())
    }

    /// The identity that the file gives it.
    pub(super) fn original(&self) -> Cow<'_, Id> {
        match self.previous.first() {
            Some(id) => Cow::Borrowed(id),
            None => Cow::Owned(self.id()),
        }
    }

    /// Every identity, the current one included.
    pub(super) fn ids(&self) -> Vec<Id> {
        let mut ids = self.previous.clone();
        ids.push(self.id());
        ids
    }

    pub(super) fn is_called(&self, id: &Id) -> bool {
        self.previous.contains(id) || self.id() == *id
    }

    /// Remembers the identity before a change of it.
    pub(super) fn remember(&mut self) {
        let id = self.id();
        if self.previous.last() != Some(&id) {
            self.previous.push(id);
        }
    }

    /// Takes what the object that it replaces was called.
    pub(super) fn take_names(&mut self, other: &Item) {
        self.previous.clone_from(&other.previous);
    }

    pub(super) fn text(&self, path: &[&str]) -> Cow<'_, str> {
        self.node().at(path).map(text_of).unwrap_or_default()
    }

    /// The labels or annotations.
    pub(super) fn marks(&self, field: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        let table = self.node().at(&["metadata", field]);
        let table = table.and_then(Node::as_table).into_iter();
        table
            .flat_map(Table::iter)
            .map(|(key, entry)| (key, text_of(&entry.node)))
    }

    pub(super) fn mark(&self, field: &str, key: &str) -> Option<Cow<'_, str>> {
        self.node().at(&["metadata", field, key]).map(text_of)
    }

    /// Sets a text below tables, which are made where they are missing.
    pub(super) fn set(&mut self, path: &[&str], value: impl Into<Value>, span: Span) {
        set(self.node_mut(), path, Node::new(value, span));
    }
}

/// A scalar as text; nothing for what is none.
pub(super) fn text_of(node: &Node) -> Cow<'_, str> {
    match node.value.scalar() {
        Value::String(text) => Cow::Borrowed(text),
        Value::Bool(value) => Cow::Owned(value.to_string()),
        Value::Integer(value) => Cow::Owned(value.to_string()),
        Value::Float(value) => Cow::Owned(value.to_string()),
        Value::Null | Value::Array(_) | Value::Table(_) | Value::Marked(_) => Cow::Borrowed(""),
    }
}

/// Sets what is below tables, which are made where they are missing.
pub(super) fn set(node: &mut Node, path: &[&str], value: Node) {
    let Some((key, rest)) = path.split_first() else {
        node.value = value.value;
        node.span = value.span;
        return;
    };
    if node.as_table().is_none() {
        node.value = Value::Table(Table::new());
    }
    let Some(table) = node.as_table_mut() else {
        return;
    };
    match table.get_mut(key) {
        Some(below) => set(below, rest, value),
        None => {
            let span = value.span;
            let mut below = Node::new(Value::Null, span);
            set(&mut below, rest, value);
            table.set(*key, below);
        }
    }
}
