//! The shorter ways to write a field, built-in defaults, and the output order of fields.

use serde_json::Value as Json;

use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::node::{Entry, Marked, Node, Table, Value};
use crate::resolve::merge::merge;
use crate::resource::{Resource, group_of};
use crate::schema::{Registry, SchemaNode, Scope, Shorthand};
use crate::settings::fields::{unknown_key, wrong_type};
use crate::source::Span;
use crate::yaml;

/// What a resource's fields are filled in from.
pub(super) struct Filling<'a> {
    /// Namespace and name of the repository's GitRepository.
    pub repository: (&'a str, &'a str),
    /// The namespace of what does not name one.
    pub default_namespace: &'a str,
    /// The resource's own namespace, which references need not name.
    pub namespace: &'a str,
    pub diagnostics: &'a mut Diagnostics,
}

/// `namespace/name` or `name`.
pub(crate) fn split_key(key: &str) -> (Option<&str>, &str) {
    match key.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, key),
    }
}

impl Filling<'_> {
    /// Writes out shorthands and built-in defaults, turns marks into values, and puts fields in order.
    pub(super) fn table(&mut self, table: Table, schema: &SchemaNode) -> Table {
        let mut table = table;
        for (field, property) in &schema.properties {
            if property.shorthand == Some(Shorthand::Source) {
                self.source(&mut table, field, property);
            }
            if property.fills_repository && !table.contains(field) {
                let node = self.repository();
                table.set(field.as_str(), node);
            }
            if let Some(fill) = &property.fill
                && !table.contains(field)
            {
                table.set(field.as_str(), from_json(fill));
            }
        }
        let mut ordered = Table::new();
        for (field, property) in &schema.properties {
            if let Some(entry) = table.remove(field) {
                let entry = Entry {
                    key: entry.key,
                    node: self.node(entry.node, Some(property)),
                };
                ordered.insert(field.as_str(), entry);
            }
        }
        let rest = self.sorted(table, |key| schema.child(key).map(|node| node.as_ref()));
        for (key, entry) in rest {
            ordered.insert(key, entry);
        }
        ordered
    }

    /// Fields in the order of their names: where no schema gives another.
    pub(super) fn free(&mut self, table: Table) -> Table {
        self.sorted(table, |_| None)
    }

    /// Any other Kubernetes object, as it stands, with the metadata that its key gives.
    pub(super) fn manifest(
        &mut self,
        name: &str,
        mut table: Table,
        labels: Option<&Node>,
        annotations: Option<&Node>,
        span: Span,
    ) -> Option<Resource> {
        let mut node = Table::new();
        for key in ["apiVersion", "kind"] {
            match table.remove(key) {
                Some(entry) if entry.node.as_str().is_some() => {
                    node.insert(key, entry);
                }
                Some(entry) => {
                    let path = format!("manifests.{name}.{key}");
                    self.diagnostics
                        .push(wrong_type(&path, &entry.node, "a string"));
                    return None;
                }
                None => {
                    self.diagnostics.push(
                        Diagnostic::error(
                            "missing-field",
                            format!("`manifests.{name}` needs `{key}`"),
                        )
                        .at(span, "")
                        .with_help(format!("add `{key} = \"…\"`")),
                    );
                    return None;
                }
            }
        }
        let kind = node.get("kind").and_then(Node::as_str).unwrap_or_default();
        let mut metadata = Table::new();
        metadata.set("name", Node::new(name, span));
        let api_version = node.get("apiVersion").and_then(Node::as_str);
        let group = group_of(api_version.unwrap_or_default());
        if !self.namespace.is_empty() && Scope::of(group, kind) != Scope::Cluster {
            metadata.set("namespace", Node::new(self.namespace, span));
        }
        if let Some(own) = table
            .remove("metadata")
            .and_then(|entry| match entry.node.value {
                Value::Table(own) => Some(own),
                _ => None,
            })
        {
            merge(&mut metadata, &own);
        }
        for (key, more) in [("labels", labels), ("annotations", annotations)] {
            if let Some(more) = more {
                let mut over = Table::new();
                over.set(key, more.clone());
                merge(&mut metadata, &over);
            }
        }
        let metadata = self.metadata(metadata);
        node.set("metadata", Node::new(metadata, span));
        for (key, entry) in self.free(table) {
            node.insert(key, entry);
        }
        Resource::from_node(Node::new(node, span))
    }

    /// `name` and `namespace` first, the rest in the order of their names.
    fn metadata(&mut self, mut metadata: Table) -> Table {
        let mut ordered = Table::new();
        for key in ["name", "namespace"] {
            if let Some(entry) = metadata.remove(key) {
                ordered.insert(key, entry);
            }
        }
        for (key, entry) in self.free(metadata) {
            ordered.insert(key, entry);
        }
        ordered
    }

    fn sorted<'s>(
        &mut self,
        table: Table,
        shape: impl Fn(&str) -> Option<&'s SchemaNode>,
    ) -> Table {
        let mut entries: Vec<(String, Entry)> = table.into_iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries
            .into_iter()
            .map(|(key, entry)| {
                let node = self.node(entry.node, shape(&key));
                let entry = Entry {
                    key: entry.key,
                    node,
                };
                (key, entry)
            })
            .collect()
    }

    fn node(&mut self, node: Node, schema: Option<&SchemaNode>) -> Node {
        if let Some(marked) = self.mark(&node) {
            return marked;
        }
        let span = node.span;
        let value = match (node.value, schema) {
            (Value::Table(table), Some(schema)) if !schema.is_free() => {
                Value::Table(self.table(table, schema))
            }
            (Value::Table(table), _) => Value::Table(self.free(table)),
            (Value::Array(items), _) => {
                let shape = schema.and_then(|schema| schema.items.as_deref());
                let is_name = shape.is_some_and(|shape| shape.shorthand == Some(Shorthand::Name));
                let items = items
                    .into_iter()
                    .map(|item| match &item.value {
                        Value::String(text) if is_name => {
                            let named = self.named(text, item.span);
                            self.node(named, shape)
                        }
                        _ => self.node(item, shape),
                    })
                    .collect();
                Value::Array(items)
            }
            (other, _) => other,
        };
        Node::new(value, span)
    }

    /// `"infra"` or `"ns/infra"` where a reference stands.
    fn named(&self, text: &str, span: Span) -> Node {
        let (namespace, name) = split_key(text);
        let mut table = Table::new();
        table.set("name", Node::new(name, span));
        if let Some(namespace) = namespace.filter(|namespace| *namespace != self.namespace) {
            table.set("namespace", Node::new(namespace, span));
        }
        Node::new(table, span)
    }

    /// The repository itself, as a source.
    fn repository(&self) -> Node {
        let mut table = Table::new();
        table.set("kind", Node::new("GitRepository", Span::BUILT_IN));
        let (namespace, name) = self.repository;
        table.set("name", Node::new(name, Span::BUILT_IN));
        if namespace != self.namespace {
            table.set("namespace", Node::new(namespace, Span::BUILT_IN));
        }
        Node::new(table, Span::BUILT_IN)
    }

    /// `source = "git.podinfo"` becomes `field`.
    fn source(&mut self, table: &mut Table, field: &str, property: &SchemaNode) {
        if property.properties.contains_key("source") || !table.contains("source") {
            return;
        }
        let Some(entry) = table.remove("source") else {
            return;
        };
        let span = entry.node.span;
        if let Some(long) = table.entry(field) {
            self.diagnostics.push(
                Diagnostic::error(
                    "source-twice",
                    format!("both `source` and `{field}` are set"),
                )
                .at(entry.key, "the shorthand")
                .at(long.key, "the long form")
                .with_help("remove one of them"),
            );
            return;
        }
        let Some(text) = entry.node.as_str() else {
            self.diagnostics
                .push(wrong_type("source", &entry.node, "a string"));
            return;
        };
        let registry = Registry::get();
        let (prefix, key) = text.split_once('.').unwrap_or((text, ""));
        let Some(kind) = registry.source(prefix).filter(|_| !key.is_empty()) else {
            let prefixes: Vec<&str> = registry
                .sources()
                .filter_map(|kind| kind.shorthand.as_deref())
                .collect();
            let diagnostic =
                Diagnostic::error("wrong-value", format!("`{text}` names no source")).at(span, "");
            let diagnostic = match nearest(prefix, prefixes.iter().copied()) {
                Some(near) if !key.is_empty() => {
                    diagnostic.with_help(format!("did you mean `{near}.{key}`?"))
                }
                _ => {
                    let prefixes: Vec<String> = prefixes
                        .iter()
                        .map(|prefix| format!("`{prefix}.NAME`"))
                        .collect();
                    diagnostic.with_help(format!("write one of {}", prefixes.join(", ")))
                }
            };
            self.diagnostics.push(diagnostic);
            return;
        };
        let accepted = property
            .reference
            .as_ref()
            .map_or(&[][..], |reference| reference.kinds.as_slice());
        if !accepted.is_empty() && !accepted.contains(&kind.kind) {
            let prefixes: Vec<String> = registry
                .sources()
                .filter(|known| accepted.contains(&known.kind))
                .filter_map(|known| known.shorthand.as_deref())
                .map(|prefix| format!("`{prefix}.NAME`"))
                .collect();
            self.diagnostics.push(
                Diagnostic::error(
                    "wrong-source-kind",
                    format!("a {} cannot be the `{field}` here", kind.kind),
                )
                .at(span, "")
                .with_help(format!("accepted: {}", prefixes.join(", "))),
            );
            return;
        }
        let (namespace, name) = split_key(key);
        let namespace = namespace.unwrap_or(self.default_namespace);
        let mut reference = Table::new();
        reference.set("kind", Node::new(kind.kind.as_str(), span));
        reference.set("name", Node::new(name, span));
        if namespace != self.namespace {
            reference.set("namespace", Node::new(namespace, span));
        }
        let entry = Entry {
            key: entry.key,
            node: Node::new(reference, span),
        };
        table.insert(field, entry);
    }

    /// `{ imagePolicy = "name:tag", initial = "…" }` as a marked value.
    fn mark(&mut self, node: &Node) -> Option<Node> {
        let table = node.as_table()?;
        let policy = table.get("imagePolicy")?;
        let Some(text) = policy.as_str() else {
            if table.len() == 2 && table.contains("initial") {
                self.diagnostics
                    .push(wrong_type("imagePolicy", policy, "a string"));
            }
            return None;
        };
        const KEYS: [&str; 2] = ["imagePolicy", "initial"];
        let others: Vec<&str> = table.keys().filter(|key| !KEYS.contains(key)).collect();
        if let Some(other) = others.first() {
            // A chart may have a value of this name; with `initial`, or what looks like it, it is a mark.
            let is_mark = table.contains("initial")
                || others.len() == 1 && nearest(other, ["initial"].into_iter()).is_some();
            if !is_mark {
                return None;
            }
            for other in others {
                let place = table.entry(other).map_or(node.span, |entry| entry.key);
                let mut diagnostic = unknown_key("", other, place, KEYS.into_iter());
                diagnostic.message = format!("unknown key `{other}` beside `imagePolicy`");
                self.diagnostics.push(diagnostic);
            }
            return Some(Node::new(Value::Null, node.span));
        }
        let (key, part) = match text.split_once(':') {
            Some((key, part)) => (key, Some(part)),
            None => (text, None),
        };
        if let Some(part) = part.filter(|part| !["tag", "name", "digest"].contains(part)) {
            self.diagnostics.push(
                Diagnostic::error("wrong-value", format!("`{part}` is no part of an image"))
                    .at(policy.span, "")
                    .with_help("write `NAME`, `NAME:tag`, `NAME:name` or `NAME:digest`"),
            );
        }
        let (namespace, name) = split_key(key);
        let namespace = namespace.unwrap_or(self.default_namespace);
        if name.is_empty() || namespace.is_empty() || name.contains(['/', '"', '\\', '\n']) {
            self.diagnostics.push(
                Diagnostic::error("wrong-value", format!("`{text}` names no policy"))
                    .at(policy.span, "")
                    .with_help("write `NAME` or `NAMESPACE/NAME`, perhaps with `:tag`, `:name` or `:digest`"),
            );
        }
        let part = part.map_or(String::new(), |part| format!(":{part}"));
        let initial = match table.get("initial") {
            Some(initial) if matches!(initial.value, Value::Table(_) | Value::Array(_)) => {
                self.diagnostics.push(
                    Diagnostic::error("wrong-type", "`initial` must be a scalar").at(
                        initial.span,
                        format!("this is {}", initial.value.type_name()),
                    ),
                );
                Value::Null
            }
            Some(initial) if matches!(initial.value, Value::String(_)) => initial.value.clone(),
            // The setter writes texts, and keeps the tag of what stood there: `!!int 1.2.0`, which is no YAML.
            Some(initial) => {
                let diagnostic = wrong_type("initial", initial, "a string");
                let text = yaml::write_scalar(&initial.value).unwrap_or_default();
                self.diagnostics.push(
                    diagnostic
                        .with_note("image automation writes texts")
                        .with_help(format!("write it as a string: `initial = \"{text}\"`")),
                );
                Value::Null
            }
            None => {
                self.diagnostics.push(
                    Diagnostic::error("missing-field", "a marked value needs `initial`")
                        .at(node.span, "")
                        .with_help("add the value to start from: `initial = \"1.0.0\"`"),
                );
                Value::Null
            }
        };
        let marked = Marked {
            policy: format!("{namespace}:{name}{part}"),
            value: initial,
            bare: None,
        };
        Some(Node::new(Value::Marked(Box::new(marked)), policy.span))
    }
}

/// A built-in default of a schema.
pub(crate) fn from_json(value: &Json) -> Node {
    let value = match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Integer(number.into()),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(from_json).collect()),
        Json::Object(map) => {
            let mut table = Table::new();
            for (key, value) in map {
                table.set(key.as_str(), from_json(value));
            }
            Value::Table(table)
        }
    };
    Node::new(value, Span::BUILT_IN)
}
