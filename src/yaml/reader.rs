//! Reads YAML as Kubernetes reads it: a bare `yes` is a boolean, `0777` is 511, `<<` merges.
//!
//! Every key and every scalar on one line has its own place. A block of text has the place of its key, an array
//! has that of its key and a table that of its first key; an alias has the place of its anchor.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, StrInput, Tag};
use serde::Deserialize as _;
use serde::de::IgnoredAny;

use crate::node::{Entry, Node, Table, Value};
use crate::source::{FileId, Span};
use crate::yaml::printable::first_control;
use crate::yaml::scalar::{bare, tagged};

/// The longest text that is read, in bytes: twenty times the API server's limit for one object.
pub const MAX_TEXT: usize = 32 * 1024 * 1024;

/// Levels of nested collections in a document.
const MAX_DEPTH: usize = 128;

/// What aliases may add to a document, in values and bytes of text.
const ALIAS_ALLOWANCE: usize = 4 * 1024 * 1024;

/// Why Kubernetes would refuse a text as YAML, and where.
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
/// Refused are: invalid YAML, a key twice in one mapping, a key that is a collection or null, tags that are not
/// YAML's own, control characters, nesting over 128 levels, aliases that would swell the document, and texts over
/// [`MAX_TEXT`]. Keys that are numbers or booleans become the strings they are in JSON.
pub fn read_all(text: &str, file: FileId) -> Result<Vec<Node>, ReadError> {
    read(text, file, true)
}

/// The same as kustomize reads files: `yes`, `on`, `y` and the like are strings.
pub(crate) fn read_manifests(text: &str, file: FileId) -> Result<Vec<Node>, ReadError> {
    read(text, file, false)
}

fn read(text: &str, file: FileId, has_words: bool) -> Result<Vec<Node>, ReadError> {
    let mut reader = Reader::new(text, file);
    reader.has_words = has_words;
    if text.len() > MAX_TEXT {
        let message = format!("text of {} bytes is longer than {MAX_TEXT}", text.len());
        return Err(reader.error(message, 0));
    }
    if let Some(at) = first_control(text) {
        return Err(reader.error("control characters are not allowed".to_owned(), at));
    }
    if text
        .lines()
        .any(|line| line.trim_start_matches(' ').starts_with('\t'))
    {
        reader.check_tabs()?;
    }
    let mut nodes = Vec::new();
    while let Some(event) = reader.next()? {
        match event.event {
            Event::DocumentStart(..) => reader.start_document(),
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            _ => {
                let node = reader.node(event, reader.span(0..0), 0)?;
                if node.value != Value::Null {
                    nodes.push(node);
                }
            }
        }
    }
    Ok(nodes)
}

struct Reader<'t> {
    text: &'t str,
    file: FileId,
    /// `yes` and `no` are booleans, as in YAML 1.1.
    has_words: bool,
    /// The length of a byte order mark, which the parser does not get.
    skipped: usize,
    events: Parser<'t, StrInput<'t>>,
    /// Values and bytes that may still be read of this document.
    budget: usize,
    /// The anchored nodes of this document by their number, and what each costs.
    anchors: HashMap<usize, (Node, usize)>,
}

/// An event and the bytes of the text that it stands for.
struct Located<'t> {
    event: Event<'t>,
    range: std::ops::Range<usize>,
    /// Where its tag begins; without a tag, where it begins itself.
    tag: usize,
}

/// A key of a mapping as it is in JSON.
struct Key {
    text: String,
    span: Span,
    is_merge: bool,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, file: FileId) -> Self {
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let options = granit_parser::options! {
            emit_comments: false,
            flow_nesting_limit: MAX_DEPTH + 1,
            block_nesting_limit: MAX_DEPTH + 1,
            // As libyaml and Go's port of it, which Kubernetes uses.
            block_scalar_eof_without_line_feed: true,
        };
        Self {
            text,
            file,
            has_words: true,
            skipped: text.len() - body.len(),
            events: Parser::new_from_str_with_options(body, options),
            budget: 0,
            anchors: HashMap::new(),
        }
    }

    /// Refuses tabs where libyaml, which Kubernetes' reader is a port of, expects indentation. The parser of this
    /// reader lets some of them pass.
    fn check_tabs(&self) -> Result<(), ReadError> {
        let documents = serde_yaml::Deserializer::from_str(&self.text[self.skipped..]);
        let read: Result<Vec<IgnoredAny>, _> = documents.map(IgnoredAny::deserialize).collect();
        let Err(error) = read else {
            return Ok(());
        };
        let message = error.to_string();
        let is_about_tabs = message.contains("tab") || message.contains("start any token");
        match error.location().filter(|_| is_about_tabs) {
            Some(place) => {
                let message = "a tab where indentation is expected".to_owned();
                Err(self.error(message, place.index() + self.skipped))
            }
            None => Ok(()),
        }
    }

    fn start_document(&mut self) {
        self.budget = self.text.len().saturating_add(ALIAS_ALLOWANCE);
        self.anchors.clear();
    }

    fn next(&mut self) -> Result<Option<Located<'t>>, ReadError> {
        match self.events.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                let range = span.byte_range().unwrap_or_default();
                let tag = span.tag_start().and_then(|start| start.byte_offset());
                Ok(Some(Located {
                    event,
                    tag: tag.unwrap_or(range.start) + self.skipped,
                    range: range.start + self.skipped..range.end + self.skipped,
                }))
            }
            Some(Err(error)) => Err(self.syntax(&error)),
        }
    }

    /// The next event inside a collection that is not closed.
    fn inner(&mut self) -> Result<Located<'t>, ReadError> {
        let end = self.text.len();
        self.next()?
            .ok_or_else(|| self.error("the text ends in the middle".to_owned(), end))
    }

    /// The meaning of a bare word that is not a string.
    fn bare(&self, text: &str) -> Option<Value> {
        let is_word = || !matches!(text.as_bytes().first(), Some(b't' | b'T' | b'f' | b'F'));
        bare(text).filter(|value| self.has_words || !matches!(value, Value::Bool(_) if is_word()))
    }

    /// Reads the node that begins with an event. `place` is that of its key.
    fn node(&mut self, at: Located<'t>, place: Span, depth: usize) -> Result<Node, ReadError> {
        let start = at.range.start;
        let before = self.budget;
        let (node, anchor) = match at.event {
            Event::Alias(anchor) => return self.alias(anchor, start),
            Event::Scalar(text, style, anchor, tag) => {
                self.spend(text.len() + 1, start)?;
                let value = match tag.as_deref() {
                    None if style == ScalarStyle::Plain => self.bare(&text),
                    None => None,
                    Some(tag) => Some(self.tagged(&text, tag, at.tag)?),
                };
                if matches!(value, Some(Value::Float(number)) if !number.is_finite()) {
                    let message =
                        format!("`{text}` is not a number in JSON; quote it if it is a string");
                    return Err(self.error(message, start));
                }
                let value = value.unwrap_or_else(|| Value::String(text.into_owned()));
                (
                    Node::new(value, self.place_of(style, at.range, place)),
                    anchor,
                )
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_collection(tag.as_deref(), "seq", at.tag)?;
                self.check_depth(depth, start)?;
                (self.sequence(place, depth + 1, start)?, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_collection(tag.as_deref(), "map", at.tag)?;
                self.check_depth(depth, start)?;
                (self.mapping(place, depth + 1, start)?, anchor)
            }
            _ => return Err(self.error("a value is missing".to_owned(), start)),
        };
        if anchor > 0 {
            let cost = before.saturating_sub(self.budget);
            self.spend(cost, start)?;
            self.anchors.insert(anchor, (node.clone(), cost));
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, start: usize) -> Result<Node, ReadError> {
        let Some((_, cost)) = self.anchors.get(&anchor) else {
            return Err(self.error("an alias inside of its own anchor".to_owned(), start));
        };
        let cost = *cost;
        self.spend(cost, start)?;
        Ok(self.anchors[&anchor].0.clone())
    }

    fn sequence(&mut self, place: Span, depth: usize, start: usize) -> Result<Node, ReadError> {
        self.spend(1, start)?;
        let mut items = Vec::new();
        loop {
            let at = self.inner()?;
            if at.event == Event::SequenceEnd {
                return Ok(Node::new(items, place));
            }
            items.push(self.node(at, place, depth)?);
        }
    }

    fn mapping(&mut self, place: Span, depth: usize, start: usize) -> Result<Node, ReadError> {
        self.spend(1, start)?;
        let mut table = Table::new();
        let mut merged = Vec::new();
        loop {
            let at = self.inner()?;
            if at.event == Event::MappingEnd {
                break;
            }
            let key = self.key(at, depth)?;
            let value = self.inner()?;
            let node = self.node(value, key.span, depth)?;
            if key.is_merge {
                merged.push((key.span, node));
                continue;
            }
            if table.contains(&key.text) {
                let message = format!("key `{}` is there twice", key.text);
                return Err(self.error(message, key.span.range().start));
            }
            table.insert(
                key.text,
                Entry {
                    key: key.span,
                    node,
                },
            );
        }
        let first = table.iter().next();
        let place = first.map_or(place, |(_, first)| first.key);
        for (key, node) in merged {
            self.merge(&mut table, key, node)?;
        }
        Ok(Node::new(table, place))
    }

    /// Adds what `<<` names, which never replaces what the mapping says itself.
    ///
    /// Source: <https://yaml.org/type/merge.html>
    fn merge(&self, table: &mut Table, key: Span, node: Node) -> Result<(), ReadError> {
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
            _ => {
                let at = key.range().start;
                Err(self.error("`<<` merges mappings only".to_owned(), at))
            }
        }
    }

    fn key(&mut self, at: Located<'t>, depth: usize) -> Result<Key, ReadError> {
        let is_merge = matches!(
            &at.event,
            Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<"
        );
        let start = at.range.start;
        let key_of = |node: &Node| match &node.value {
            Value::Bool(value) => Ok(value.to_string()),
            Value::Integer(value) => Ok(value.to_string()),
            Value::Float(value) => Ok(value.to_string()),
            Value::String(value) => Ok(value.clone()),
            Value::Null | Value::Array(_) | Value::Table(_) | Value::Marked(_) => {
                Err(format!("key is {}; write a string", node.value.type_name()))
            }
        };
        let place = self.span(start..start);
        let node = self.node(at, place, depth)?;
        let text = key_of(&node).map_err(|message| self.error(message, start))?;
        let span = match node.span {
            // A key of several lines.
            span if span.range().is_empty() => place,
            span => span,
        };
        Ok(Key {
            text,
            span,
            is_merge,
        })
    }

    fn tagged(&self, text: &str, tag: &Tag, start: usize) -> Result<Value, ReadError> {
        match core_type(tag).and_then(|core| tagged(text, &core)) {
            Some(Ok(value)) => Ok(value),
            Some(Err(message)) => Err(self.error(message, start)),
            None => Err(self.unknown_tag(tag, start)),
        }
    }

    /// The place of a scalar without its quotes; that of its key where it is empty or goes over several lines.
    fn place_of(&self, style: ScalarStyle, range: std::ops::Range<usize>, key: Span) -> Span {
        let inner = match style {
            ScalarStyle::Plain => range,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                range.start + 1..range.end.saturating_sub(1).max(range.start + 1)
            }
            ScalarStyle::Literal | ScalarStyle::Folded => return key,
        };
        let part = self.text.get(inner.clone()).unwrap_or_default();
        if part.contains('\n') || (part.is_empty() && style == ScalarStyle::Plain) {
            return key;
        }
        self.span(inner)
    }

    fn check_collection(
        &self,
        tag: Option<&Tag>,
        core: &str,
        start: usize,
    ) -> Result<(), ReadError> {
        match tag {
            Some(tag) if core_type(tag).is_none_or(|own| own != core && !own.is_empty()) => {
                Err(self.unknown_tag(tag, start))
            }
            _ => Ok(()),
        }
    }

    fn check_depth(&self, depth: usize, start: usize) -> Result<(), ReadError> {
        match depth < MAX_DEPTH {
            true => Ok(()),
            false => Err(self.error(TOO_DEEP.to_owned(), start)),
        }
    }

    fn spend(&mut self, cost: usize, start: usize) -> Result<(), ReadError> {
        match self.budget.checked_sub(cost) {
            Some(rest) => {
                self.budget = rest;
                Ok(())
            }
            None => {
                let message = "aliases repeat more than a document may hold";
                Err(self.error(message.to_owned(), start))
            }
        }
    }

    fn span(&self, range: std::ops::Range<usize>) -> Span {
        Span::new(self.file, range)
    }

    fn unknown_tag(&self, tag: &Tag, start: usize) -> ReadError {
        let tag = tag.original();
        self.error(format!("tag `{tag}` has no meaning in Kubernetes"), start)
    }

    fn syntax(&self, error: &ScanError) -> ReadError {
        let at = error
            .marker()
            .byte_offset()
            .map_or(0, |at| at + self.skipped);
        let info = error.info();
        let message = match info.split_once(", ") {
            Some((context, fault)) if context.starts_with("while ") => {
                fault.trim_start_matches("found ").to_owned()
            }
            _ => info,
        };
        let is_too_deep = message.contains("nesting") || message.contains("recursion");
        let message = if is_too_deep {
            TOO_DEEP.to_owned()
        } else {
            message
        };
        self.error(message, at)
    }

    fn error(&self, message: String, at: usize) -> ReadError {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |line_break| line_break + 1);
        ReadError {
            message,
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before[line_start..]
                .trim_start_matches('\u{feff}')
                .chars()
                .count()
                + 1,
            span: self.span(at..at),
        }
    }
}

const TOO_DEEP: &str = "nesting is deeper than 128 levels";

/// The name of a type of YAML itself, `str` of `!!str`; empty for `!`, which means "a string or a collection".
fn core_type(tag: &Tag) -> Option<String> {
    if tag.original() == "!" {
        return Some(String::new());
    }
    let name = tag.suffix_in_namespace("tag:yaml.org,2002:")?;
    Some(name.into_owned())
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
    fn tags_decide_wherever_they_are() {
        let text = "a: !!str\n  yes\nb: !!str &x\n  0777\nc: &y !!str # a comment\n  # and another\n  no\nd: !<tag:yaml.org,2002:str> 1\ne: ! on\nf: [!!str 1, !!int \"2\", ! 3]\ng: !!binary aGVs\nh: !!binary |\n  aGVs\n  bG8=\ni: !!float 1\nj: !!null ''\nk: !!bool \"yes\"\nl: *x\nm: *y\n? !!str 5\n: !!str\n";
        let nodes = read(text).unwrap();
        let value = |key| &nodes[0].get(key).expect(key).value;
        for (key, text) in [
            ("a", "yes"),
            ("b", "0777"),
            ("c", "no"),
            ("d", "1"),
            ("e", "on"),
            ("g", "hel"),
            ("h", "hello"),
            ("l", "0777"),
            ("m", "no"),
            ("5", ""),
        ] {
            assert_eq!(value(key), &Value::from(text), "{key}");
        }
        let list = nodes[0].get("f").unwrap().as_array().unwrap().iter();
        let list: Vec<_> = list.map(|node| node.value.clone()).collect();
        assert_eq!(
            list,
            [Value::from("1"), Value::Integer(2), Value::from("3")]
        );
        assert_eq!(value("i"), &Value::Float(1.0));
        assert_eq!(value("j"), &Value::Null);
        assert_eq!(value("k"), &Value::Bool(true));
        assert_eq!(
            refused("a: 1\nb:\n- !!int x\n"),
            "`x` is not an integer, as its tag says at line 3 column 3"
        );
        assert_eq!(
            refused("a: [1, -.INF]\n"),
            "`-.INF` is not a number in JSON; quote it if it is a string at line 1 column 8"
        );
        assert!(refused("a: !!binary /w==\n").contains("not UTF-8"));
        assert!(refused("a: !!binary '?'\n").contains("not base64"));
        assert!(refused("a: !!set {a, b}\n").starts_with("tag `!!set` has no meaning"));
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
            "a.yaml:4:3"
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
