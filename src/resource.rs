//! A Kubernetes resource as fluxgen writes it or finds it in a tree.

use std::fmt;

use crate::node::{Node, Table, Value};
use crate::source::Span;

/// What makes a resource the one it is in a cluster. Versions of one API group do not tell apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// The API group without its version; empty for the core group.
    pub group: String,
    pub kind: String,
    /// Empty where the resource names none.
    pub namespace: String,
    pub name: String,
}

/// A whole resource: `apiVersion`, `kind`, `metadata` and the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    pub identity: Identity,
    pub api_version: String,
    /// The whole document, a table.
    pub node: Node,
}

impl fmt::Display for Identity {
    /// `Kustomization flux-system/apps`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// The API group in an `apiVersion`; empty for the core group.
pub(crate) fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

impl Identity {
    /// Whether it is of this kind: group and name, for other groups have kinds of the same names.
    pub fn is_kind(&self, group: &str, kind: &str) -> bool {
        self.kind == kind && self.group == group
    }

    /// The identity of a document; `None` where `apiVersion`, `kind` or `metadata.name` is missing.
    pub fn of(node: &Node) -> Option<Self> {
        let text = |path: &[&str]| node.at(path).and_then(Node::as_str).map(str::to_owned);
        let api_version = node.get("apiVersion")?.as_str()?;
        Some(Self {
            group: group_of(api_version).to_owned(),
            kind: text(&["kind"])?,
            namespace: text(&["metadata", "namespace"]).unwrap_or_default(),
            name: text(&["metadata", "name"])?,
        })
    }
}

impl Resource {
    /// Reads the identity off a document; `None` where `apiVersion`, `kind` or `metadata.name` is missing.
    pub fn from_node(node: Node) -> Option<Self> {
        let api_version = node.get("apiVersion")?.as_str()?.to_owned();
        Some(Self {
            identity: Identity::of(&node)?,
            api_version,
            node,
        })
    }

    /// The value at a dotted path from the root: `resource.get(&["spec", "interval"])`.
    pub fn get(&self, path: &[&str]) -> Option<&Node> {
        self.node.at(path)
    }

    /// An empty document of this identity, to be filled in output order.
    pub fn metadata(identity: &Identity, span: Span) -> Table {
        let mut metadata = Table::new();
        metadata.set("name", Node::new(identity.name.as_str(), span));
        if !identity.namespace.is_empty() {
            metadata.set(
                "namespace",
                Node::new(Value::from(identity.namespace.as_str()), span),
            );
        }
        metadata
    }
}
