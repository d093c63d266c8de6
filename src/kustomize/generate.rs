//! ConfigMaps and Secrets that a kustomization file generates, and the hash in their names.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::Fault;
use super::document::identity;
use super::item::{Item, text_of};
use super::kustomization::{text_at, texts_at};
use crate::node::{Node, Table, Value};
use crate::resource::Resource;
use crate::source::Span;

/// One of `configMapGenerator` or `secretGenerator`.
#[derive(Debug, Clone)]
pub(super) struct Generator {
    pub(super) span: Span,
    kind: &'static str,
    pub(super) name: String,
    namespace: String,
    pub(super) behavior: Behavior,
    pub(super) has_hash: bool,
    secret_type: String,
    is_immutable: bool,
    pub(super) files: Vec<(String, Span)>,
    pub(super) envs: Vec<(String, Span)>,
    literals: Vec<(String, Span)>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

/// Reads a file of the kustomization's folder: its bytes, and its place where it is a text.
pub(super) type Load<'l> = &'l mut dyn FnMut(&str) -> Result<(Vec<u8>, Option<Span>), String>;

/// Keys, and texts with their places.
type Entries = BTreeMap<String, (String, Span)>;

/// What becomes of an object that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behavior {
    Create,
    Merge,
    Replace,
}

pub(super) fn generator(node: &Node, kind: &'static str, global: Option<&Node>) -> Generator {
    let own = node.get("options");
    let flag = |key: &str| {
        [global, own]
            .into_iter()
            .flatten()
            .any(|options| options.get(key).and_then(Node::as_bool) == Some(true))
    };
    let marks = |key: &str| {
        let mut marks = BTreeMap::new();
        for options in [global, own].into_iter().flatten() {
            let table = options.get(key).and_then(Node::as_table).into_iter();
            marks.extend(
                table
                    .flat_map(Table::iter)
                    .map(|(key, entry)| (key.to_owned(), text_of(&entry.node).into_owned())),
            );
        }
        marks
    };
    let mut envs = texts_at(node, "envs");
    if let Some(env) = node.get("env") {
        envs.push((text_of(env).into_owned(), env.span));
    }
    let text = |key: &str| text_at(node, key).unwrap_or_default();
    Generator {
        span: node.span,
        kind,
        name: text("name"),
        namespace: text("namespace"),
        behavior: match text("behavior").as_str() {
            "merge" => Behavior::Merge,
            "replace" => Behavior::Replace,
            _ => Behavior::Create,
        },
        has_hash: !flag("disableNameSuffixHash"),
        secret_type: text_at(node, "type").unwrap_or_else(|| "Opaque".to_owned()),
        is_immutable: flag("immutable"),
        files: texts_at(node, "files"),
        envs,
        literals: texts_at(node, "literals"),
        labels: marks("labels"),
        annotations: marks("annotations"),
    }
}

impl Generator {
    /// The object.
    pub(super) fn make(&self, file: &Arc<str>, load: Load<'_>) -> Result<Item, Fault> {
        let data = self.data(load)?;
        let text = |text: &str| Node::new(text, self.span);
        let mut table = Table::new();
        table.set("apiVersion", text("v1"));
        table.set("kind", text(self.kind));
        let mut metadata = Table::new();
        metadata.set("name", text(&self.name));
        if !self.namespace.is_empty() {
            metadata.set("namespace", text(&self.namespace));
        }
        for (field, marks) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            if !marks.is_empty() {
                let marks = marks.iter().map(|(key, value)| (key.clone(), text(value)));
                metadata.set(field, table_of(marks, self.span));
            }
        }
        table.set("metadata", Node::new(metadata, self.span));
        if self.kind == "Secret" {
            table.set("type", text(&self.secret_type));
        }
        for (field, entries) in data {
            // A Secret has its `data` even if it is empty.
            if !entries.is_empty() || field == "data" && self.kind == "Secret" {
                let entries = entries.into_iter().map(|(key, value)| {
                    let span = value.1;
                    (key, Node::new(value.0, span))
                });
                table.set(field, table_of(entries, self.span));
            }
        }
        if self.is_immutable {
            table.set("immutable", Node::new(true, self.span));
        }
        let node = Node::new(table, self.span);
        let resource = Resource {
            identity: identity(&node),
            api_version: "v1".to_owned(),
            node,
        };
        let mut item = Item::new(Arc::new(resource), Arc::clone(file), self.span);
        item.has_hash = self.has_hash;
        Ok(item)
    }

    /// `data` and `binaryData`.
    fn data(&self, load: Load<'_>) -> Result<[(&'static str, Entries); 2], Fault> {
        let mut data = BTreeMap::new();
        let mut binary = BTreeMap::new();
        for (key, bytes, span) in self.pairs(load)? {
            if data.contains_key(&key) || binary.contains_key(&key) {
                let message = format!("{} `{}` has the key `{key}` twice", self.kind, self.name);
                return Err(Fault::at(message, span));
            }
            match String::from_utf8(bytes) {
                Ok(text) if self.kind == "ConfigMap" => {
                    data.insert(key, (text, span));
                }
                Ok(text) => {
                    data.insert(key, (encoded(text.as_bytes()), span));
                }
                Err(error) if self.kind == "ConfigMap" => {
                    binary.insert(key, (encoded(error.as_bytes()), span));
                }
                Err(error) => {
                    data.insert(key, (encoded(error.as_bytes()), span));
                }
            }
        }
        Ok([("data", data), ("binaryData", binary)])
    }

    fn pairs(&self, load: Load<'_>) -> Result<Vec<(String, Vec<u8>, Span)>, Fault> {
        let mut pairs = Vec::new();
        for (path, span) in &self.envs {
            let (bytes, place) = load(path).map_err(|why| Fault::at(why, *span))?;
            let text = String::from_utf8(bytes)
                .map_err(|_| Fault::at(format!("`{path}` is not UTF-8"), *span))?;
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            for line in text.lines().map(str::trim_start) {
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let (key, value) = line.split_once('=').unwrap_or((line, ""));
                pairs.push((
                    key.to_owned(),
                    value.as_bytes().to_vec(),
                    place.unwrap_or(*span),
                ));
            }
        }
        for (literal, span) in &self.literals {
            let Some((key, value)) = literal.split_once('=').filter(|(key, _)| !key.is_empty())
            else {
                let message = format!("the literal `{literal}` is not `key=value`");
                return Err(Fault::at(message, *span));
            };
            pairs.push((key.to_owned(), unquoted(value).as_bytes().to_vec(), *span));
        }
        for (source, span) in &self.files {
            let (key, path) = match source.split_once('=') {
                Some((key, path)) if !path.contains('=') && !key.is_empty() && !path.is_empty() => {
                    (key, path)
                }
                Some(_) => {
                    let message = format!("the file `{source}` is not `key=path`");
                    return Err(Fault::at(message, *span));
                }
                None => (
                    source.rsplit('/').next().unwrap_or_default(),
                    source.as_str(),
                ),
            };
            let (bytes, place) = load(path).map_err(|why| Fault::at(why, *span))?;
            pairs.push((key.to_owned(), bytes, place.unwrap_or(*span)));
        }
        Ok(pairs)
    }
}

/// Without the quotes around the whole of it.
fn unquoted(text: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(text)
}

/// Base 64 in lines of 70 letters, as kustomize writes it where there is more than one.
fn encoded(bytes: &[u8]) -> String {
    const LINE: usize = 70;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    if text.len() < LINE {
        return text;
    }
    let mut lines = String::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(LINE));
        lines.push_str(line);
        lines.push('\n');
        rest = behind;
    }
    lines
}

fn table_of(entries: impl Iterator<Item = (String, Node)>, span: Span) -> Node {
    let mut table = Table::new();
    for (key, node) in entries {
        table.set(key, node);
    }
    Node::new(table, span)
}

/// Adds what a generator made to the objects, or merges it into the one that is meant.
pub(super) fn absorb(
    mut made: Item,
    behavior: Behavior,
    items: &mut Vec<Item>,
) -> Result<(), String> {
    let id = made.id();
    let mut called = (0..items.len()).filter(|&at| items[at].is_called(&id));
    match (called.next(), called.next(), behavior) {
        (Some(_), Some(_), _) => Err(format!(
            "several objects are {id}, which a generator changes"
        )),
        (Some(_), None, Behavior::Create) => Err(format!(
            "{id} exists; a generator has to `merge` or `replace` it"
        )),
        (None, _, Behavior::Merge | Behavior::Replace) => Err(format!(
            "there is no {id} for a generator to merge or replace"
        )),
        (None, _, Behavior::Create) => {
            items.push(made);
            Ok(())
        }
        (Some(at), None, Behavior::Merge | Behavior::Replace) => {
            let old = &items[at];
            for field in ["labels", "annotations"] {
                merge_below(made.node_mut(), &["metadata", field], old.node());
            }
            if behavior == Behavior::Merge {
                merge_below(made.node_mut(), &["data"], old.node());
                merge_below(made.node_mut(), &["binaryData"], old.node());
            }
            for field in ["name", "namespace"] {
                if let Some(own) = old.node().at(&["metadata", field]) {
                    let own = own.clone();
                    super::item::set(made.node_mut(), &["metadata", field], own);
                }
            }
            made.take_names(old);
            made.has_hash &= old.has_hash;
            made.uncertain.extend(old.uncertain.iter().cloned());
            items[at] = made;
            Ok(())
        }
    }
}

/// Adds the entries of `old` that `new` does not have.
fn merge_below(new: &mut Node, path: &[&str], old: &Node) {
    for (key, entry) in old
        .at(path)
        .and_then(Node::as_table)
        .into_iter()
        .flat_map(Table::iter)
    {
        let path: Vec<&str> = path.iter().copied().chain([key]).collect();
        if new.at(&path).is_none() {
            super::item::set(new, &path, entry.node.clone());
        }
    }
}

/// The letters that kustomize adds to the name of a generated object.
///
/// Source: <https://github.com/kubernetes-sigs/kustomize/blob/master/api/hasher/hasher.go>
pub(super) fn hash(node: &Node) -> String {
    let text = |path: &[&str]| node.at(path).map(text_of).unwrap_or_default().into_owned();
    let is_secret = text(&["kind"]) == "Secret";
    let mut encoded = BTreeMap::new();
    let string = |text: String| json_string(&text);
    encoded.insert("kind", string(text(&["kind"])));
    // Kustomize looks for the name where it never is.
    encoded.insert("name", string(String::new()));
    encoded.insert(
        "data",
        json_map(node.get("data")).unwrap_or_else(|| "\"\"".to_owned()),
    );
    let more = match is_secret {
        true => {
            encoded.insert("type", string(text(&["type"])));
            "stringData"
        }
        false => "binaryData",
    };
    if let Some(map) = json_map(node.get(more)) {
        encoded.insert(more, map);
    }
    let fields: Vec<String> = encoded
        .iter()
        .map(|(key, value)| format!("\"{key}\":{value}"))
        .collect();
    let sum = Sha256::digest(format!("{{{}}}", fields.join(",")));
    let hex: String = sum
        .iter()
        .take(5)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    hex.chars()
        .map(|letter| match letter {
            '0' => 'g',
            '1' => 'h',
            '3' => 'k',
            'a' => 'm',
            'e' => 't',
            other => other,
        })
        .collect()
}

fn json_map(node: Option<&Node>) -> Option<String> {
    let table = node?.as_table()?;
    let sorted: BTreeMap<&str, &Value> = table
        .iter()
        .map(|(key, entry)| (key, entry.node.value.scalar()))
        .collect();
    let entries: Vec<String> = sorted
        .into_iter()
        .map(|(key, value)| {
            let value = match value {
                Value::String(text) => json_string(text),
                Value::Bool(value) => value.to_string(),
                Value::Integer(value) => value.to_string(),
                Value::Float(value) => value.to_string(),
                _ => "null".to_owned(),
            };
            format!("{}:{value}", json_string(key))
        })
        .collect();
    Some(format!("{{{}}}", entries.join(",")))
}

/// As Go's `json.Marshal` writes a string.
fn json_string(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter if letter < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}
