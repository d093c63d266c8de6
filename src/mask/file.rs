//! The secrets of a file that messages quote: the project's TOML file and files of YAML.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use toml::de::{DeTable, DeValue};

use super::inside::{Inside, address, hides_number, is_hidden};
use super::ranges::merged;
use super::spot::Spot;
use super::text;
use crate::node::{Entry, Node, Table, Value};
use crate::source::{FileId, Span};

/// The variables that an expression names: `vars.adminPassword`, `inputs.token`.
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(?:vars|inputs?)\.(?:\w+\.)*(?P<name>\w+)").expect("it is tested")
});

static EXPRESSION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$\{\{[^}]*\}\}").expect("it is tested"));

/// The longest line that is read for itself.
const LONGEST_LINE: usize = 64 * 1024;

/// Nesting that TOML files are read to; what is deeper is refused when they are compiled.
const DEEPEST: usize = 128;

/// What of a file is secret, and the secrets themselves.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    pub(super) ranges: Vec<Range<usize>>,
    pub(super) values: Vec<String>,
}

impl Hidden {
    pub(super) fn of(path: &str, text: &str, file: FileId) -> Self {
        match path.ends_with(".toml") {
            true => Self::toml(text, file),
            false => Self::yaml(text),
        }
    }

    pub(super) fn yaml(text: &str) -> Self {
        let ranges = Inside::file(text).ranges;
        let values = ranges.iter().flat_map(|range| lines(&text[range.clone()]));
        Self {
            values: values.collect(),
            ranges,
        }
    }

    fn toml(text: &str, file: FileId) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        let root = table(root.get_ref(), file, 0);
        let mut walk = Walk {
            text,
            variables: HashSet::new(),
            found: Self::default(),
        };
        walk.fields(&root, Spot::toml(), false);
        if !walk.variables.is_empty() {
            walk.found = Self::default();
            walk.fields(&root, Spot::toml(), false);
        }
        let mut hidden = walk.found;
        hidden.ranges.extend(text::shapes(text));
        // What could not be parsed is in no table, and a comment may be what was a value.
        match errors.is_empty() {
            false => {
                hidden.ranges.extend(text::values(text));
                hidden.add_lines(text, file);
            }
            true => {
                let comments = Lines { text, at: 0 }
                    .filter(|line| text[line.clone()].trim_start().starts_with('#'));
                for line in comments {
                    let found = text::values(text[line.clone()].trim_end());
                    hidden.ranges.extend(
                        found
                            .into_iter()
                            .map(|it| it.start + line.start..it.end + line.start),
                    );
                }
            }
        }
        hidden.ranges = merged(hidden.ranges);
        hidden
    }
}

impl Hidden {
    /// Reads each line for itself: of a key that is there twice, a table keeps one value.
    fn add_lines(&mut self, text: &str, file: FileId) {
        for line in (Lines { text, at: 0 }) {
            let at = line.start;
            let text = &text[line];
            if !text.contains('=') || text.len() > LONGEST_LINE {
                continue;
            }
            let (root, _) = DeTable::parse_recoverable(text);
            let mut walk = Walk {
                text,
                variables: HashSet::new(),
                found: Self::default(),
            };
            walk.fields(&table(root.get_ref(), file, 0), Spot::toml(), false);
            let ranges = walk.found.ranges.into_iter();
            self.ranges
                .extend(ranges.map(|it| it.start + at..it.end + at));
            self.values.extend(walk.found.values);
        }
    }
}

/// The lines of a text, as ranges.
struct Lines<'t> {
    text: &'t str,
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').map_or(rest.len(), |at| at + 1);
        let line = self.at..self.at + length;
        self.at += length;
        Some(line)
    }
}

/// A secret as it may be met in another place: a text of several lines also line by line.
fn lines(value: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    if value.trim().contains('\n') {
        all.extend(value.lines().map(|line| line.trim().to_owned()));
    }
    all.push(value.trim().to_owned());
    all
}

struct Walk<'t> {
    text: &'t str,
    /// Names of variables from which secrets are made.
    variables: HashSet<String>,
    found: Hidden,
}

impl Walk<'_> {
    /// The fields of a table; `is_given` where they are variables or inputs.
    fn fields(&mut self, table: &Table, spot: Spot<'_>, is_given: bool) {
        for (name, entry) in table.iter() {
            let inner = match is_given && self.variables.contains(name) {
                true => spot.field(table, name).hidden(),
                false => spot.field(table, name),
            };
            let is_given = is_given || matches!(name, "vars" | "inputs");
            self.node(&entry.node, inner, is_given);
        }
    }

    fn node(&mut self, node: &Node, spot: Spot<'_>, is_given: bool) {
        match &node.value {
            Value::Table(table) => self.fields(table, spot, is_given),
            Value::Array(items) => {
                let spots = spot.items(items);
                for item in items {
                    self.node(item, spots.of(item), is_given);
                }
            }
            Value::String(value) => self.string(value, node, spot),
            Value::Integer(number) if hides_number(&node.value, spot) => {
                self.whole(&number.to_string(), node);
            }
            Value::Float(number) if hides_number(&node.value, spot) => {
                self.whole(&number.to_string(), node);
            }
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Marked(_) => {}
        }
    }

    fn string(&mut self, value: &str, node: &Node, spot: Spot<'_>) {
        if value.is_empty() {
            return;
        }
        if value.contains("${{") {
            self.variables_in(value, spot);
        }
        if is_hidden(value, spot) {
            self.whole(value, node);
            return;
        }
        let (ranges, is_read) = match spot.is_sensitive {
            true => (address(value), true),
            false => {
                let inside = Inside::of(value, spot.patches_secret);
                (inside.ranges, inside.is_read)
            }
        };
        if ranges.is_empty() {
            return;
        }
        for range in &ranges {
            self.found.values.extend(lines(&value[range.clone()]));
        }
        if !is_read {
            self.found.values.extend(lines(value));
        }
        let place = self.place(node);
        // The same letters, or escapes in between.
        match self.text[place.clone()].find(value).filter(|_| is_read) {
            Some(shift) => {
                let at = place.start + shift;
                self.found
                    .ranges
                    .extend(ranges.iter().map(|it| it.start + at..it.end + at));
            }
            None => self.found.ranges.push(place),
        }
    }

    /// Notes the variables from which an expression makes a secret or a part of one.
    fn variables_in(&mut self, value: &str, spot: Spot<'_>) {
        let mut names = Vec::new();
        // A word in place of each expression: what is secret of it, the expression is.
        let text = EXPRESSION.replace_all(value, |found: &Captures<'_>| {
            names.push(found[0].to_owned());
            format!("Expression{}Value", names.len() - 1)
        });
        let ranges = match (is_hidden(&text, spot), spot.is_sensitive) {
            (true, _) => std::iter::once(0..text.len()).collect(),
            (false, true) => address(&text),
            (false, false) => Inside::of(&text, spot.patches_secret).ranges,
        };
        let is_whole = |word: &str| {
            let at = text.find(word);
            at.is_some_and(|at| ranges.iter().any(|range| *range == (at..at + word.len())))
        };
        for (number, expression) in names.iter().enumerate() {
            if is_whole(&format!("Expression{number}Value")) {
                let found = VARIABLE.captures_iter(expression);
                self.variables
                    .extend(found.map(|found| found["name"].to_owned()));
            }
        }
    }

    fn whole(&mut self, value: &str, node: &Node) {
        self.found.values.extend(lines(value));
        let place = self.place(node);
        self.found.ranges.push(place);
    }

    /// Where a scalar is, without the quotes around it.
    fn place(&self, node: &Node) -> Range<usize> {
        let range = node.span.range();
        let raw = self.text.get(range.clone()).unwrap_or_default();
        for quote in ["\"\"\"", "'''", "\"", "'"] {
            if raw.len() >= 2 * quote.len() && raw.starts_with(quote) && raw.ends_with(quote) {
                return range.start + quote.len()..range.end - quote.len();
            }
        }
        match raw.is_empty() {
            true => 0..0,
            false => range,
        }
    }
}

fn table(table: &DeTable<'_>, file: FileId, depth: usize) -> Table {
    table
        .iter()
        .map(|(key, value)| {
            let entry = Entry {
                key: Span::new(file, key.span()),
                node: node(value.get_ref(), Span::new(file, value.span()), depth + 1),
            };
            (key.get_ref().to_string(), entry)
        })
        .collect()
}

fn node(value: &DeValue<'_>, span: Span, depth: usize) -> Node {
    let value = match value {
        _ if depth > DEEPEST => Value::Null,
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Integer(integer) => Value::String(integer.as_str().to_owned()),
        DeValue::Float(float) => Value::String(float.as_str().to_owned()),
        DeValue::Datetime(datetime) => Value::String(datetime.to_string()),
        DeValue::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| node(item.get_ref(), Span::new(span.file, item.span()), depth + 1))
                .collect(),
        ),
        DeValue::Table(inner) => Value::Table(table(inner, span.file, depth + 1)),
    };
    Node { value, span }
}
