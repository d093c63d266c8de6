//! Secrets inside of a value that is a text: YAML or JSON as far as it is, letters else.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::ranges::merged;
use super::spot::{Secrecy, Spot};
use super::text::{self, is_public, is_reference};
use crate::node::{Node, Value};
use crate::source::{FileId, Sources, Span};
use crate::yaml;

/// The longest text that is read as YAML; a longer one is looked at line by line.
const MOST: usize = 4 * 1024 * 1024;
/// Texts in texts.
const DEEPEST: usize = 4;

/// A line of `.properties`, `.env`, INI and TOML files.
static PROPERTY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^\s*(?:[#;!].*|\[[^\]]*\]\s*|(?:export\s+)?["']?[\w./-]+["']?\s*[:=].*)?$"#)
        .expect("it is tested")
});

/// What of a text is secret.
#[derive(Debug, Default)]
pub(super) struct Inside {
    pub(super) ranges: Vec<Range<usize>>,
    /// Every line was understood: those outside of the ranges can be shown.
    pub(super) is_read: bool,
}

impl Inside {
    pub(super) fn of(text: &str, patches_secret: bool) -> Self {
        Self::at(text, Spot::patch(patches_secret), 0)
    }

    fn at(text: &str, spot: Spot<'_>, depth: usize) -> Self {
        if let Some(documents) = documents(text, depth) {
            let mut found = structured(text, &documents, spot, depth);
            found.extend(text::shapes(text));
            found.extend(comments(text));
            return Self {
                ranges: merged(found),
                is_read: true,
            };
        }
        let is_read = !text.contains('\n') || text.lines().all(|line| PROPERTY.is_match(line));
        Self {
            ranges: merged(text::values(text)),
            is_read,
        }
    }

    /// The same of a whole file of YAML.
    pub(super) fn file(text: &str) -> Self {
        Self::at(text, Spot::root(), 0)
    }
}

/// The documents of a text that is YAML or JSON, and more than a sentence with a colon.
fn documents(text: &str, depth: usize) -> Option<Vec<Node>> {
    let start = text.trim_start();
    let is_candidate = start.starts_with(['{', '[']) || text.contains('\n');
    if !is_candidate || depth > DEEPEST || text.len() > MOST || !text.contains(':') {
        return None;
    }
    let documents = yaml::read_all(text, nowhere()).ok()?;
    let is_structure = |node: &Node| matches!(node.value, Value::Table(_) | Value::Array(_));
    (!documents.is_empty() && documents.iter().all(is_structure)).then_some(documents)
}

fn nowhere() -> FileId {
    static FILE: LazyLock<FileId> = LazyLock::new(|| Sources::default().add("", ""));
    *FILE
}

/// What comments assign: values that were there before.
fn comments(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let hash = match line.trim_start().starts_with('#') {
            true => line.find('#'),
            false => line.find(" #"),
        };
        if let Some(hash) = hash {
            let offset = at + hash + 1;
            let ranges = text::values(&text[offset..at + line.len()]);
            found.extend(
                ranges
                    .into_iter()
                    .map(|it| it.start + offset..it.end + offset),
            );
        }
        at += line.len();
    }
    found
}

fn structured(text: &str, documents: &[Node], spot: Spot<'_>, depth: usize) -> Vec<Range<usize>> {
    let mut walk = Walk {
        text,
        depth,
        found: Vec::new(),
    };
    for document in documents {
        walk.node(document, spot, document.span);
    }
    walk.found
}

struct Walk<'t> {
    text: &'t str,
    depth: usize,
    found: Vec<Range<usize>>,
}

impl Walk<'_> {
    /// `key` is the place of the key that the value is under.
    fn node(&mut self, node: &Node, spot: Spot<'_>, key: Span) {
        match node.value.scalar() {
            Value::Table(table) => {
                for (name, entry) in table.iter() {
                    self.node(&entry.node, spot.field(table, name), entry.key);
                }
            }
            Value::Array(items) => {
                let spots = spot.items(items);
                for item in items {
                    self.node(item, spots.of(item), key);
                }
            }
            Value::String(value) => self.string(value, node, spot, key),
            number @ (Value::Integer(_) | Value::Float(_)) if hides_number(number, spot) => {
                let place = self.place(node, key);
                self.found.push(place);
            }
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Marked(_) => {}
        }
    }

    fn string(&mut self, value: &str, node: &Node, spot: Spot<'_>, key: Span) {
        if value.is_empty() {
            return;
        }
        if is_hidden(value, spot) {
            let place = self.place(node, key);
            self.found.push(place);
            return;
        }
        let inside = match spot.is_sensitive {
            true => Inside {
                ranges: address(value),
                is_read: true,
            },
            false => Inside::at(value, Spot::patch(spot.patches_secret), self.depth + 1),
        };
        if inside.ranges.is_empty() {
            return;
        }
        let place = self.place(node, key);
        let raw = self.text.get(place.clone()).unwrap_or_default();
        if !inside.is_read {
            self.found.push(place);
        } else if raw == value {
            let ranges = inside.ranges.into_iter();
            self.found
                .extend(ranges.map(|it| it.start + place.start..it.end + place.start));
        } else {
            match in_block(value, &inside.ranges, raw, place.start) {
                Some(ranges) => self.found.extend(ranges),
                None => self.found.push(place),
            }
        }
    }

    /// The part of the text that a value takes: its own place, or what is below its key.
    fn place(&self, node: &Node, key: Span) -> Range<usize> {
        if node.span != key && !node.span.range().is_empty() {
            return node.span.range();
        }
        extent(self.text, key.range())
    }
}

/// Whether a string is a secret as a whole.
pub(super) fn is_hidden(value: &str, spot: Spot<'_>) -> bool {
    match spot.secrecy {
        Secrecy::Open => false,
        Secrecy::Named => !is_reference(value) && !is_public(spot.vague(), value),
        Secrecy::Whole => true,
    }
}

/// The same of a number; other values are not.
pub(super) fn hides_number(value: &Value, spot: Spot<'_>) -> bool {
    match value {
        Value::Integer(value) => is_hidden(&value.to_string(), spot),
        Value::Float(value) => is_hidden(&value.to_string(), spot),
        Value::Null
        | Value::Bool(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Table(_)
        | Value::Marked(_) => false,
    }
}

/// What of a sensitive address is not shown: all but scheme and host.
pub(super) fn address(text: &str) -> Vec<Range<usize>> {
    if is_reference(text) {
        return Vec::new();
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return std::iter::once(0..text.len()).collect();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let start = scheme.len() + "://".len();
    let mut ranges = Vec::new();
    if let Some(sign) = rest[..end].rfind('@') {
        ranges.push(start..start + sign);
    }
    let path = start + end + usize::from(rest[end..].starts_with('/'));
    ranges.push(path.min(text.len())..text.len());
    merged(ranges)
}

/// From behind a key to the end of its value: the rest of the line and the lines that are indented deeper.
fn extent(text: &str, key: Range<usize>) -> Range<usize> {
    let line_start = text[..key.start.min(text.len())]
        .rfind('\n')
        .map_or(0, |at| at + 1);
    let column = key.start - line_start;
    let after = text.get(key.end..).unwrap_or_default();
    let skipped = after.len() - after.trim_start_matches(['"', '\'', ' ', ':']).len();
    let start = key.end + skipped;
    let mut end = start;
    for (number, line) in text
        .get(start..)
        .unwrap_or_default()
        .split_inclusive('\n')
        .enumerate()
    {
        let depth = line.len() - line.trim_start_matches(' ').len();
        let is_blank = line.trim().is_empty();
        if number > 0 && !is_blank && depth <= column {
            break;
        }
        if !is_blank {
            let shift = line.as_ptr() as usize - text.as_ptr() as usize;
            end = shift + line.trim_end_matches(['\n', '\r']).len();
        }
    }
    start..end.max(start)
}

/// Ranges of a value in the lines of the block that holds it; `None` where the lines are not the value's.
fn in_block(
    value: &str,
    ranges: &[Range<usize>],
    raw: &str,
    at: usize,
) -> Option<Vec<Range<usize>>> {
    let mut starts = Vec::new();
    let mut raw_lines = raw.split('\n').scan(at, |start, line| {
        let found = (*start, line);
        *start += line.len() + 1;
        Some(found)
    });
    let (_, header) = raw_lines.next()?;
    if !header.trim_start().starts_with('|') {
        return None;
    }
    let mut offset = 0;
    for line in value.trim_end_matches('\n').split('\n') {
        let (start, raw) = raw_lines.next()?;
        let raw = raw.trim_end_matches('\r');
        if !raw.ends_with(line) {
            return None;
        }
        starts.push((offset, start + raw.len() - line.len(), line.len()));
        offset += line.len() + 1;
    }
    let mut found = Vec::new();
    for range in ranges {
        for (offset, start, length) in &starts {
            let from = range.start.max(*offset);
            let to = range.end.min(offset + length);
            if from < to {
                found.push(start + from - offset..start + to - offset);
            }
        }
    }
    Some(found)
}
