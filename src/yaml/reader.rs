//! Reads YAML as Kubernetes reads it: bare `yes` is a boolean, `0777` is 511, `<<` merges.
//!
//! Every string and key keeps its place; a number, boolean or null has the place of its key, and
//! what is reached through an alias has the place of its anchor.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{
    self, DeserializeSeed, Deserializer as _, EnumAccess, MapAccess, SeqAccess, Visitor,
};

use crate::node::{Entry, Node, Table, Value};
use crate::source::{FileId, Span};
use crate::yaml::scalar::resolve;

/// The longest text that is read, in bytes: twenty times what the API server takes for one object.
pub const MAX_TEXT: usize = 32 * 1024 * 1024;

/// Brackets that may stand open at once, and list items that may open on one line, in any text.
/// Well above the nesting that is accepted (128); keeps the time for a hostile text short.
const MAX_OPEN: usize = 10_000;
const MAX_OPEN_ON_A_LINE: usize = 200;

/// How far before a bare word a tag for it may begin, in bytes: `!!str &anchor yes`.
const LONGEST_TAG: usize = 200;

/// What aliases may add to a document, in values and bytes of text.
const ALIAS_ALLOWANCE: usize = 4 * 1024 * 1024;

/// Why a text is not YAML that Kubernetes would take, and where.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message} at line {line} column {column}")]
pub struct ReadError {
    /// A lower-case fragment without the place.
    pub message: String,
    /// Counted from one, in characters.
    pub line: usize,
    pub column: usize,
    pub span: Span,
}

/// Reads all documents of a text; documents without content are left out.
///
/// Refused are: what YAML refuses, a key twice in one mapping, a key that is a collection or null,
/// tags other than YAML's own, nesting over 128 levels, aliases that would swell the document, and
/// texts over [`MAX_TEXT`]. Keys that are numbers or booleans become the strings they are in JSON.
pub fn read_all(text: &str, file: FileId) -> Result<Vec<Node>, ReadError> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let reader = Reader {
        text,
        file,
        budget: Cell::new(0),
        failure: RefCell::new(None),
    };
    reader.guard(body)?;
    let mut nodes = Vec::new();
    for document in serde_yaml::Deserializer::from_str(body) {
        reader
            .budget
            .set(body.len().saturating_add(ALIAS_ALLOWANCE));
        let seed = NodeSeed {
            reader: &reader,
            place: reader.span(0..0),
        };
        match document.deserialize_any(seed) {
            Ok(node) if node.value == Value::Null => {}
            Ok(node) => nodes.push(node),
            Err(error) => return Err(reader.failure(&error)),
        }
    }
    Ok(nodes)
}

struct Reader<'t> {
    text: &'t str,
    file: FileId,
    /// Values and bytes that may still be read.
    budget: Cell<usize>,
    /// A fault whose place is better known than the deserializer could tell.
    failure: RefCell<Option<(String, Span)>>,
}

impl<'t> Reader<'t> {
    fn span(&self, range: std::ops::Range<usize>) -> Span {
        Span::new(self.file, range)
    }

    /// The place of a string that is a part of the text, quotes not included.
    fn place(&self, part: &str) -> Span {
        let start = (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        if start > self.text.len() {
            return self.span(0..0);
        }
        self.span(start..start + part.len())
    }

    /// Whether a part of the text is a bare word without a tag. A quoted string always ends before
    /// its quote; a bare word never does.
    fn is_bare(&self, place: Span) -> bool {
        let range = place.range();
        let after = self.text.as_bytes().get(range.end);
        if matches!(after, Some(b'"' | b'\'')) {
            return false;
        }
        let before = &self.text.as_bytes()[..range.start];
        let before = &before[before.len().saturating_sub(LONGEST_TAG)..];
        let line = before
            .rsplit(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        !line
            .rsplit(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .take(2)
            .any(|word| {
                let tag = word.iter().find(|byte| !b"[{,".contains(byte));
                tag == Some(&b'!')
            })
    }

    /// What a string of the text means; `None` if it is the string that it looks like.
    fn meaning(&self, part: &str) -> Option<(Value, Span)> {
        let value = resolve(part)?;
        let place = self.place(part);
        self.is_bare(place).then_some((value, place))
    }

    fn spend<E: de::Error>(&self, cost: usize) -> Result<(), E> {
        match self.budget.get().checked_sub(cost) {
            Some(rest) => {
                self.budget.set(rest);
                Ok(())
            }
            None => Err(E::custom("aliases repeat more than a document may hold")),
        }
    }

    fn fail<E: de::Error>(&self, message: String, span: Span) -> E {
        let error = E::custom(&message);
        self.failure.replace(Some((message, span)));
        error
    }

    /// Refuses in one pass what would take a parser more than linear time or memory.
    fn guard(&self, body: &str) -> Result<(), ReadError> {
        let skipped = self.text.len() - body.len();
        let refuse = |message: String, at: usize| Err(self.error_at(message, at + skipped));
        if body.len() > MAX_TEXT {
            return refuse(
                format!("text of {} bytes is longer than {MAX_TEXT}", body.len()),
                0,
            );
        }
        let mut open = 0_usize;
        let mut markers = 0_usize;
        let mut before = b'\n';
        for (at, &byte) in body.as_bytes().iter().enumerate() {
            match byte {
                b'[' | b'{' => open += 1,
                b']' | b'}' => open = open.saturating_sub(1),
                b'\n' => markers = 0,
                b' ' | b'\t' if matches!(before, b'-' | b'?' | b':') => markers += 1,
                b' ' | b'\t' | b'-' | b'?' | b':' => {}
                _ => markers = 0,
            }
            if open > MAX_OPEN || markers > MAX_OPEN_ON_A_LINE {
                return refuse("nesting is deeper than 128 levels".to_owned(), at);
            }
            before = byte;
        }
        Ok(())
    }

    fn failure(&self, error: &serde_yaml::Error) -> ReadError {
        if let Some((message, span)) = self.failure.take() {
            return self.error_at(message, span.range().start);
        }
        let place = error.location();
        let line = place.as_ref().map_or(1, serde_yaml::Location::line);
        let column = place.as_ref().map_or(1, serde_yaml::Location::column);
        let start: usize = self
            .text
            .split_inclusive('\n')
            .take(line - 1)
            .map(str::len)
            .sum();
        let rest = &self.text[start..];
        let within = rest
            .char_indices()
            .nth(column - 1)
            .map_or(rest.trim_end_matches('\n').len(), |(at, _)| at);
        ReadError {
            message: wording(error),
            line,
            column,
            span: self.span(start + within..start + within),
        }
    }

    fn error_at(&self, message: String, at: usize) -> ReadError {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |line_break| line_break + 1);
        ReadError {
            message,
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            span: self.span(at..at),
        }
    }
}

/// The message of the reader without its place and without the path that some messages start with.
fn wording(error: &serde_yaml::Error) -> String {
    let text = error.to_string();
    let text = match text.find(" at line ") {
        Some(end) => &text[..end],
        None => &text,
    };
    match text {
        "recursion limit exceeded" => "nesting is deeper than 128 levels".to_owned(),
        "repetition limit exceeded" => "aliases repeat more than a document may hold".to_owned(),
        text => text
            .rsplit_once(": ")
            .map_or(text, |(_, last)| last)
            .to_owned(),
    }
}

#[derive(Clone, Copy)]
struct NodeSeed<'r, 't> {
    reader: &'r Reader<'t>,
    /// The place for what has none of its own: that of the key.
    place: Span,
}

impl NodeSeed<'_, '_> {
    fn node<E: de::Error>(self, value: impl Into<Value>) -> Result<Node, E> {
        self.reader.spend(1)?;
        Ok(Node::new(value, self.place))
    }

    fn integer<E: de::Error>(self, value: i128) -> Result<Node, E> {
        let fits = (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&value);
        #[expect(
            clippy::cast_precision_loss,
            reason = "JSON readers lose the same digits"
        )]
        let value = if fits {
            Value::Integer(value)
        } else {
            Value::Float(value as f64)
        };
        self.node(value)
    }
}

impl<'de> DeserializeSeed<'de> for NodeSeed<'_, '_> {
    type Value = Node;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_, '_> {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        self.node(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        self.node(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Node, E> {
        self.node(value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Node, E> {
        self.node(value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Node, E> {
        self.integer(value.into())
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Node, E> {
        self.integer(value)
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Node, E> {
        self.integer(i128::try_from(value).unwrap_or(i128::MAX))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        self.node(Value::Float(value))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Node, E> {
        self.reader.spend(text.len())?;
        self.node(text)
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Node, E> {
        self.reader.spend(text.len() + 1)?;
        Ok(match self.reader.meaning(text) {
            Some((value, place)) => Node::new(value, place),
            None => Node::new(text, self.reader.place(text)),
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element_seed(self)? {
            nodes.push(node);
        }
        self.node(nodes)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut table = Table::new();
        let mut merged = Vec::new();
        while let Some(key) = entries.next_key_seed(KeySeed(self))? {
            let node = entries.next_value_seed(NodeSeed {
                place: key.place,
                ..self
            })?;
            if key.is_merge {
                merged.push((key.place, node));
                continue;
            }
            if table.contains(&key.text) {
                let message = format!("key `{}` is there twice", key.text);
                return Err(self.reader.fail(message, key.place));
            }
            table.insert(
                key.text,
                Entry {
                    key: key.place,
                    node,
                },
            );
        }
        let place = table
            .iter()
            .next()
            .map_or(self.place, |(_, first)| first.key);
        for (key, node) in merged {
            self.merge(&mut table, key, node)?;
        }
        NodeSeed { place, ..self }.node(table)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Node, A::Error> {
        let (tag, _) = access.variant::<String>()?;
        let tag = tag.trim_start_matches('!');
        Err(de::Error::custom(format!(
            "tag `!{tag}` has no meaning in Kubernetes"
        )))
    }
}

impl NodeSeed<'_, '_> {
    /// Adds what `<<` names, which never replaces what the mapping says itself.
    ///
    /// Source: <https://yaml.org/type/merge.html>
    fn merge<E: de::Error>(self, table: &mut Table, key: Span, node: Node) -> Result<(), E> {
        match node.value {
            Value::Table(more) => {
                for (key, entry) in more {
                    if !table.contains(&key) {
                        table.insert(key, entry);
                    }
                }
                Ok(())
            }
            Value::Array(items) if items.iter().all(|item| item.as_table().is_some()) => items
                .into_iter()
                .try_for_each(|item| self.merge(table, key, item)),
            _ => Err(self
                .reader
                .fail("`<<` merges mappings only".to_owned(), key)),
        }
    }
}

struct Key {
    text: String,
    place: Span,
    is_merge: bool,
}

struct KeySeed<'r, 't>(NodeSeed<'r, 't>);

impl<'de> DeserializeSeed<'de> for KeySeed<'_, '_> {
    type Value = Key;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl KeySeed<'_, '_> {
    fn key<E: de::Error>(self, text: String) -> Result<Key, E> {
        self.0.reader.spend(text.len() + 1)?;
        Ok(Key {
            text,
            place: self.0.place,
            is_merge: false,
        })
    }

    /// The string that a key is in JSON.
    fn named<E: de::Error>(self, value: &Value) -> Result<Key, E> {
        match value {
            Value::Bool(value) => self.key(value.to_string()),
            Value::Integer(value) => self.key(value.to_string()),
            Value::Float(value) => self.key(value.to_string()),
            Value::String(value) => self.key(value.clone()),
            Value::Null | Value::Array(_) | Value::Table(_) | Value::Marked(_) => Err(E::custom(
                format!("key is {}; write a string", value.type_name()),
            )),
        }
    }
}

impl<'de> Visitor<'de> for KeySeed<'_, '_> {
    type Value = Key;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string as key")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Key, E> {
        self.named(&Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Key, E> {
        self.named(&Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Key, E> {
        self.named(&Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Key, E> {
        self.named(&Value::Integer(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Key, E> {
        self.named(&Value::Integer(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Key, E> {
        self.named(&Value::Float(value))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Key, E> {
        self.key(text.to_owned())
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Key, E> {
        let reader = self.0.reader;
        let place = reader.place(text);
        let seed = KeySeed(NodeSeed { reader, place });
        match reader.meaning(text) {
            Some((value, _)) => seed.named(&value),
            None => Ok(Key {
                is_merge: text == "<<" && reader.is_bare(place),
                ..seed.key(text.to_owned())?
            }),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Key, A::Error> {
        self.named(&Value::Array(Vec::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Key, A::Error> {
        self.named(&Value::Table(Table::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    fn read(text: &str) -> Result<Vec<Node>, ReadError> {
        read_all(text, Sources::default().add("a.yaml", text))
    }

    fn refused(text: &str) -> String {
        read(text).expect_err(text).to_string()
    }

    #[test]
    fn documents_without_content_are_left_out() {
        assert_eq!(read("").unwrap(), []);
        assert_eq!(
            read("# nothing\n---\n---\n# here\n---\na: 1\n---\n")
                .unwrap()
                .len(),
            1
        );
    }

    #[test]
    fn bare_words_are_read_as_kubernetes_reads_them() {
        let nodes = read("a: yes\nb: \"yes\"\nc: 'off'\nd: 0777\ne: !!str yes\nf: [no, 'no', !!str no]\ng: \"\\\n  yes\"\n").unwrap();
        let value = |key| &nodes[0].get(key).unwrap().value;
        assert_eq!(value("a"), &Value::Bool(true));
        assert_eq!(value("b"), &Value::from("yes"));
        assert_eq!(value("c"), &Value::from("off"));
        assert_eq!(value("d"), &Value::Integer(511));
        assert_eq!(value("e"), &Value::from("yes"));
        assert_eq!(value("g"), &Value::from("yes"));
        let list: Vec<_> = nodes[0]
            .get("f")
            .unwrap()
            .as_array()
            .unwrap()
            .iter()
            .map(|node| &node.value)
            .collect();
        assert_eq!(
            list,
            [&Value::Bool(false), &Value::from("no"), &Value::from("no")]
        );
    }

    #[test]
    fn keys_become_the_strings_that_json_has() {
        let nodes = read("1: a\ntrue: b\n1.5: c\non: d\n").unwrap_err();
        assert_eq!(
            nodes.to_string(),
            "key `true` is there twice at line 4 column 1"
        );
        let nodes = read("1: a\ntrue: b\n1.5: c\n0x10: d\n").unwrap();
        let keys: Vec<_> = nodes[0].as_table().unwrap().keys().collect();
        assert_eq!(keys, ["1", "true", "1.5", "16"]);
    }

    #[test]
    fn strings_and_keys_know_their_places() {
        let text = "\u{feff}é: x\nlist:\n- name: \"foo\"\n- 5\n";
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", text);
        let nodes = read_all(text, file).unwrap();
        let list = nodes[0].as_table().unwrap().entry("list").unwrap();
        assert_eq!(sources.locate(list.key), "a.yaml:2:1");
        let name = list.node.as_array().unwrap()[0].get("name").unwrap();
        assert_eq!(&text[name.span.range()], "foo");
        assert_eq!(sources.locate(name.span), "a.yaml:3:10");
        assert_eq!(
            sources.locate(list.node.as_array().unwrap()[1].span),
            "a.yaml:2:1"
        );
    }

    #[test]
    fn merges_add_what_is_not_there() {
        let nodes = read(
            "a: &a {x: 1, w: 2}\nb:\n  <<: *a\n  w: 3\nc: {<<: [*a, {z: 4}]}\nd: {\"<<\": 1}\n",
        )
        .unwrap();
        assert_eq!(nodes[0].at(&["b", "x"]).unwrap().as_integer(), Some(1));
        assert_eq!(nodes[0].at(&["b", "w"]).unwrap().as_integer(), Some(3));
        assert_eq!(nodes[0].at(&["c", "z"]).unwrap().as_integer(), Some(4));
        assert_eq!(nodes[0].at(&["d", "<<"]).unwrap().as_integer(), Some(1));
        assert_eq!(
            refused("<<: 1\n"),
            "`<<` merges mappings only at line 1 column 1"
        );
    }

    #[test]
    fn faults_name_line_and_column() {
        assert_eq!(
            refused("a: 1\nb: 2\na: 3\n"),
            "key `a` is there twice at line 3 column 1"
        );
        assert_eq!(
            refused("a: !secret x\n"),
            "tag `!secret` has no meaning in Kubernetes at line 1 column 4"
        );
        assert_eq!(
            refused("~: 1\n"),
            "key is null; write a string at line 1 column 1"
        );
        assert_eq!(
            refused("[a]: 1\n"),
            "key is an array; write a string at line 1 column 1"
        );
        assert_eq!(refused("a: *x\n"), "unknown anchor at line 1 column 4");
        assert!(refused("a: b: c\n").ends_with("at line 1 column 5"));
        assert!(refused("a: 1\n\tb: 2\n").contains("line 2 column 1"));
        assert!(refused("a: \"x\u{0}\"\n").contains("control characters"));
    }

    #[test]
    fn hostile_nesting_and_aliases_are_refused_soon() {
        for text in [
            "[".repeat(10_000_000),
            "- ".repeat(10_000_000),
            "{a: ".repeat(200),
            "? ".repeat(1_000_000),
        ] {
            assert!(refused(&text).contains("nesting is deeper"), "{:.20}", text);
        }
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let below = format!("*a{}, ", level - 1).repeat(10);
            text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        assert!(refused(&text).contains("aliases repeat"));
        let long = format!(
            "a: &a {}\nb: [{}]\n",
            "x".repeat(100_000),
            "*a, ".repeat(2000)
        );
        assert!(refused(&long).contains("aliases repeat"));
        assert!(refused(&" ".repeat(MAX_TEXT + 1)).contains("is longer than"));
    }
}
