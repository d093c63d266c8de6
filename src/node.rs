//! The value tree between TOML and YAML: every key and value keeps the place it was written at.
//!
//! Nothing here knows of Flux; what the values mean is told by `schema`.

use indexmap::IndexMap;

use crate::source::Span;

/// A value and the place that decided it.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub value: Value,
    pub span: Span,
}

/// What TOML, YAML and JSON have in common, and a value that image automation owns.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    /// Wide enough for TOML's signed and YAML's unsigned 64-bit integers.
    Integer(i128),
    Float(f64),
    String(String),
    Array(Vec<Node>),
    Table(Table),
    /// A scalar whose value belongs to the cluster: written with a `$imagepolicy` comment.
    Marked(Box<Marked>),
}

/// `{ imagePolicy = "namespace:name[:field]", initial = … }` once it is known which policy is meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Marked {
    /// The text after `$imagepolicy`: `namespace:name`, `namespace:name:tag`, `:name` or `:digest`.
    pub policy: String,
    /// The value to write: what stands in the tree, or else the initial one. A scalar.
    pub value: Value,
    /// How a text spells the value, where it stands there without quotes and is no string: `6.10`.
    pub bare: Option<String>,
}

/// A map in the order of insertion, whose hash is cheap for the short keys of tables and still keyed at random.
pub(crate) type OrderedMap<K, V> = IndexMap<K, V, foldhash::fast::RandomState>;

/// A table in the order its keys were written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    entries: OrderedMap<String, Entry>,
}

/// A key's place and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: Span,
    pub node: Node,
}

impl Node {
    pub fn new(value: impl Into<Value>, span: Span) -> Self {
        Self {
            value: value.into(),
            span,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self.value.scalar() {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self.value.scalar() {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_integer(&self) -> Option<i128> {
        match self.value.scalar() {
            Value::Integer(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    pub fn as_table_mut(&mut self) -> Option<&mut Table> {
        match &mut self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The value of `key`, if this is a table that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_table()?.get(key)
    }

    /// Follows keys through tables: `node.at(&["spec", "sourceRef", "name"])`.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }
}

impl Value {
    /// The scalar behind a mark, or the value itself.
    pub fn scalar(&self) -> &Value {
        match self {
            Value::Marked(marked) => &marked.value,
            other => other,
        }
    }

    /// The word that messages use for this value's type.
    pub fn type_name(&self) -> &'static str {
        match self.scalar() {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a float",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
            Value::Marked(_) => "a marked value",
        }
    }

    /// Whether two values are the same whatever their places, order of keys and marks.
    pub fn same(&self, other: &Value) -> bool {
        match (self.scalar(), other.scalar()) {
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.value.same(&b.value))
            }
            (Value::Table(a), Value::Table(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(key, entry)| {
                        b.get(key)
                            .is_some_and(|other| entry.node.value.same(&other.value))
                    })
            }
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits() || a == b,
            (a, b) => a == b,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Integer(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::String(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::String(value)
    }
}

impl From<Vec<Node>> for Value {
    fn from(value: Vec<Node>) -> Self {
        Value::Array(value)
    }
}

impl From<Table> for Value {
    fn from(value: Table) -> Self {
        Value::Table(value)
    }
}

impl Table {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.get(key).map(|entry| &entry.node)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.get_mut(key).map(|entry| &mut entry.node)
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    pub fn contains(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Sets `key`, keeping its position if it is there already. Key and value get one place.
    pub fn set(&mut self, key: impl Into<String>, node: Node) {
        let entry = Entry {
            key: node.span,
            node,
        };
        self.insert(key, entry);
    }

    pub fn insert(&mut self, key: impl Into<String>, entry: Entry) -> Option<Entry> {
        self.entries.insert(key.into(), entry)
    }

    /// Removes `key`; the order of the others stays.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        self.entries.shift_remove(key)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Entry)> {
        self.entries
            .iter()
            .map(|(key, entry)| (key.as_str(), entry))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Entry)> {
        self.entries
            .iter_mut()
            .map(|(key, entry)| (key.as_str(), entry))
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }
}

impl IntoIterator for Table {
    type Item = (String, Entry);
    type IntoIter = indexmap::map::IntoIter<String, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl FromIterator<(String, Entry)> for Table {
    fn from_iter<I: IntoIterator<Item = (String, Entry)>>(entries: I) -> Self {
        Self {
            entries: entries.into_iter().collect(),
        }
    }
}
