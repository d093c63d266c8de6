//! Markers as image-automation-controller finds them: a comment of JSON alone, `{"$imagepolicy": "…"}`, after a
//! scalar.
//!
//! Source: `fieldmeta.FieldMeta` of <https://github.com/kubernetes-sigs/kustomize/tree/master/kyaml>, by which the
//! controller reads comments.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::node::{Marked, Node, Value};
use crate::source::{FileId, Span};
use crate::yaml::{self, ReadError};

/// What every marked line holds; files without it are not looked at.
///
/// Source: `internal/update` of <https://github.com/fluxcd/image-automation-controller>.
pub const TOKEN: &str = "\"$imagepolicy\"";

const OTHER_WORDS: &str = "other words stand in its comment";

/// A marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Counted from zero.
    pub line: usize,
    /// The bytes of the marker's policy in the text.
    pub start: usize,
    pub end: usize,
    /// `namespace:name`, with `:tag`, `:name` or `:digest` after it.
    pub policy: String,
    pub target: Target,
}

/// What a marker marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Scalar(Scalar),
    /// A block of text, `|` or `>`, which the setter replaces as a whole.
    Block,
    /// A part of a list or table that goes over several lines between brackets: not told from here.
    Unclear,
    /// Nothing that a setter sets, and why.
    Nothing(&'static str),
}

/// A scalar on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// Its bytes in the text, quotes included.
    pub range: Range<usize>,
    pub is_bare: bool,
    /// What it says, without quotes.
    pub text: String,
}

impl Scalar {
    /// Its bytes in the text without quotes.
    fn inner(&self) -> Range<usize> {
        let quote = usize::from(!self.is_bare);
        self.range.start + quote..self.range.end - quote
    }
}

impl Marker {
    /// Namespace, name, and the part that is set: empty for the whole image.
    pub fn parts(&self) -> Option<(&str, &str, &str)> {
        let mut parts = self.policy.split(':');
        let (namespace, name) = (parts.next()?, parts.next()?);
        let part = parts.next().unwrap_or_default();
        let is_known = ["", "tag", "name", "digest"].contains(&part) && parts.next().is_none();
        (is_known && !namespace.is_empty() && !name.is_empty()).then_some((namespace, name, part))
    }

    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.target {
            Target::Scalar(scalar) => Some(scalar),
            Target::Block | Target::Unclear | Target::Nothing(_) => None,
        }
    }
}

/// The markers of a text, in their order. What is commented out is passed over.
pub fn markers(text: &str) -> Vec<Marker> {
    let mut found = Vec::new();
    let mut offset = 0;
    let mut lines = text.split_inclusive('\n').enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        let next = lines.peek().map(|(_, next)| *next);
        if line.contains(TOKEN)
            && let Some(marker) = marker(line, next, at, offset)
        {
            found.push(marker);
        }
        offset += line.len();
    }
    found
}

fn marker(line: &str, next: Option<&str>, at: usize, offset: usize) -> Option<Marker> {
    let comments = line.match_indices('#').map(|(at, _)| at);
    let comments: Vec<usize> = comments
        .filter(|at| {
            line[..*at]
                .chars()
                .next_back()
                .is_none_or(char::is_whitespace)
        })
        .collect();
    let alone = comments.iter().find_map(|at| {
        let json = line[*at..].trim_start_matches('#');
        let fields: BTreeMap<String, String> = serde_json::from_str(json).ok()?;
        fields.contains_key("$imagepolicy").then_some(*at)
    });
    let comment = alone.or_else(|| comments.first().copied())?;
    let before = &line[..comment];
    let token = comment + line[comment..].find(TOKEN)?;
    let after = token + TOKEN.len();
    let opening = after + line[after..].find('"')?;
    let policy = line[opening + 1..].split_once('"')?.0;
    let start = offset + opening + 1;
    let is_own_line = before.trim().is_empty();
    let target = match (alone, is_own_line) {
        // A line that is commented out, or a sentence about markers.
        (_, false) if before.trim_start().starts_with('#') => return None,
        (None, true) => return None,
        (None, false) => Target::Nothing(OTHER_WORDS),
        (Some(_), false) => target(before, offset),
        // Above an item of a list the comment belongs to the item.
        (Some(_), true) => match next.filter(|next| is_item(next)) {
            Some(next) => target(next, offset + line.len()),
            None => Target::Nothing("it stands on a line of its own"),
        },
    };
    Some(Marker {
        line: at,
        start,
        end: start + policy.len(),
        policy: policy.to_owned(),
        target,
    })
}

/// Whether a line is an item of a list that is a scalar and has no comment of its own.
fn is_item(line: &str) -> bool {
    let Some(item) = line.trim().strip_prefix("- ") else {
        return false;
    };
    !item.contains(" #") && key_end(item.trim()).is_none()
}

/// What stands in a line, or in the part of it before a comment. `offset` is the line's place in the text.
fn target(line: &str, offset: usize) -> Target {
    let line = line.trim_end();
    let mut at = line.len() - line.trim_start().len();
    while ["- ", "? ", ": "]
        .iter()
        .any(|prefix| line[at..].starts_with(prefix))
    {
        at = skip_spaces(line, at + 2);
    }
    if let Some(end) = key_end(&line[at..]) {
        at = skip_spaces(line, at + end);
    }
    // An anchor, a tag.
    while line[at..].starts_with(['&', '!']) {
        let Some(space) = line[at..].find(' ') else {
            return Target::Nothing("no value stands before it");
        };
        at = skip_spaces(line, at + space);
    }
    let rest = &line[at..];
    let scalar = |length: usize, is_bare: bool| {
        let source = &rest[..length];
        let text = match is_bare {
            true => source.to_owned(),
            false => unquoted(source),
        };
        let start = offset + at;
        Target::Scalar(Scalar {
            range: start..start + length,
            is_bare,
            text,
        })
    };
    match rest.bytes().next() {
        None | Some(b'-' | b'?' | b':') if rest.len() < 2 => {
            Target::Nothing("no value stands before it")
        }
        Some(b'*') => Target::Nothing("it stands after an alias"),
        Some(b'|' | b'>') => Target::Block,
        Some(b'"' | b'\'') => match quoted_end(rest) {
            Some(end) if ["", ","].contains(&rest[end..].trim()) => scalar(end, false),
            Some(end) if rest[end..].trim_start().starts_with('#') => Target::Nothing(OTHER_WORDS),
            _ => Target::Unclear,
        },
        Some(b'[' | b'{') if rest.ends_with([']', '}']) => {
            Target::Nothing("it stands after a list or table on one line")
        }
        _ => {
            let bare = rest.trim_end_matches(',');
            let is_part = rest.starts_with(['[', '{', ']', '}'])
                || bare.ends_with([']', '}'])
                || bare.contains(", ");
            match is_part {
                _ if bare.contains(" #") => Target::Nothing(OTHER_WORDS),
                true => Target::Unclear,
                false => scalar(bare.len(), true),
            }
        }
    }
}

fn skip_spaces(line: &str, at: usize) -> usize {
    line.len() - line[at..].trim_start().len()
}

/// Where the value begins of what starts with a key.
fn key_end(text: &str) -> Option<usize> {
    let from = match text.bytes().next()? {
        b'"' | b'\'' => quoted_end(text)?,
        b'[' | b'{' => return None,
        _ => 0,
    };
    let rest = &text[from..];
    if from > 0 && !rest.trim_start().starts_with(':') {
        return None;
    }
    let colon = rest.match_indices(':').map(|(at, _)| at + 1);
    let mut ends =
        colon.filter(|end| matches!(rest.as_bytes().get(*end), None | Some(b' ' | b'\t')));
    Some(from + ends.next()?)
}

/// The end of the quoted scalar that a text starts with.
fn quoted_end(text: &str) -> Option<usize> {
    let quote = text.bytes().next()?;
    let mut bytes = text.bytes().enumerate().skip(1).peekable();
    while let Some((at, byte)) = bytes.next() {
        if byte == b'\\' && quote == b'"' {
            bytes.next();
        } else if byte == quote {
            let is_doubled = quote == b'\'' && bytes.peek().is_some_and(|(_, next)| *next == quote);
            if !is_doubled {
                return Some(at + 1);
            }
            bytes.next();
        }
    }
    None
}

fn unquoted(source: &str) -> String {
    let inner = || source[1..source.len() - 1].to_owned();
    if !source.contains('\\') && !source[1..].contains("''") {
        return inner();
    }
    let file = crate::source::Sources::default().add("", "");
    let read = yaml::read_all(source, file).unwrap_or_default();
    let text = read.first().and_then(Node::as_str).map(str::to_owned);
    text.unwrap_or_else(inner)
}

/// Reads YAML with its markers: marked scalars are [`Value::Marked`], and their place is the scalar's, quotes
/// included.
pub fn read_all(text: &str, file: FileId) -> Result<Vec<Node>, ReadError> {
    let mut documents = yaml::read_all(text, file)?;
    if !text.contains(TOKEN) {
        return Ok(documents);
    }
    let markers = markers(text);
    let mut by_place: Vec<(Range<usize>, &Marker)> = markers
        .iter()
        .filter_map(|marker| Some((marker.scalar()?.inner(), marker)))
        .collect();
    by_place.sort_by_key(|(place, _)| place.start);
    for document in &mut documents {
        mark(document, &by_place, file);
    }
    Ok(documents)
}

/// Marks the scalars at the places of `by_place`, which is sorted.
fn mark(node: &mut Node, by_place: &[(Range<usize>, &Marker)], file: FileId) {
    match &mut node.value {
        Value::Table(table) => {
            for (_, entry) in table.iter_mut() {
                mark(&mut entry.node, by_place, file);
            }
        }
        Value::Array(items) => {
            for item in items {
                mark(item, by_place, file);
            }
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_) => {
            let place = node.span.range();
            let at = by_place.binary_search_by_key(&place.start, |(place, _)| place.start);
            if let Some((range, marker)) = at.ok().map(|at| &by_place[at])
                && let Some(scalar) = marker.scalar()
                && *range == place
            {
                set_marked(node, marker, scalar, file);
            }
        }
        Value::Marked(_) => {}
    }
}

fn set_marked(node: &mut Node, marker: &Marker, scalar: &Scalar, file: FileId) {
    let own = std::mem::replace(&mut node.value, Value::Null);
    let is_text = matches!(own, Value::String(_));
    node.value = Value::Marked(Box::new(Marked {
        policy: marker.policy.clone(),
        value: own,
        bare: (!is_text).then(|| scalar.text.clone()),
    }));
    node.span = Span::new(file, scalar.range.clone());
}

/// Makes marked numbers and the like the texts that they are for image automation: `6.10` stays `6.10`.
pub(crate) fn as_texts(node: &mut Node) {
    match &mut node.value {
        Value::Marked(marked) => {
            if let Some(text) = marked.bare.take() {
                marked.value = Value::String(text);
            }
        }
        Value::Table(table) => table
            .iter_mut()
            .for_each(|(_, entry)| as_texts(&mut entry.node)),
        Value::Array(items) => items.iter_mut().for_each(as_texts),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    #[test]
    fn a_marker_is_read_with_its_scalar() {
        let line =
            |before: &str, policy: &str| format!("{before}{{\"$imagepolicy\": \"{policy}\"}}");
        for (before, value, is_bare) in [
            ("  tag: 1.0.0 # ", "1.0.0", true),
            ("- image: \"a/b:1\" # ", "a/b:1", false),
            ("  - a/b:1 #", "a/b:1", true),
            ("\"a: #b\": 'it''s' ## ", "it's", false),
            ("  - - k: &x !!str 6.10 # ", "6.10", true),
            ("  \"a\\\"b\", # ", "a\"b", false),
        ] {
            for (end, policy) in [("", "apps:app"), ("\r\n", "flux-system:app:tag")] {
                let line = line(before, policy) + end;
                let found = markers(&line);
                assert_eq!(found.len(), 1, "{line}");
                let scalar = found[0].scalar().expect(&line);
                assert_eq!((scalar.text.as_str(), scalar.is_bare), (value, is_bare));
                assert_eq!(
                    line[scalar.range.clone()].starts_with(['"', '\'']),
                    !is_bare
                );
                assert_eq!(&line[found[0].start..found[0].end], policy);
                assert!(found[0].parts().is_some());
            }
        }
        // Above an item of a list it is the item's.
        let found = markers(&(line("# ", "a:b") + "\n  - v1\n"));
        assert_eq!(found[0].scalar().expect("an item").text, "v1");
        for line in [
            "# {\"$imagepolicy\"",
            "\"$imagepolicy\": \"a:b\"",
            "é # {\"$imagepolicy\": \"é",
            // Commented out, and prose.
            "# image: a/b:1 # {\"$imagepolicy\": \"a:b\"}",
            "# mark it with {\"$imagepolicy\": \"a:b\"}",
        ] {
            assert!(markers(line).is_empty(), "{line}");
        }
        for policy in ["a", "a:b:c", "a:b:tag:x", ":b"] {
            let line = format!("a: b # {{\"$imagepolicy\": \"{policy}\"}}");
            assert_eq!(markers(&line)[0].parts(), None, "{policy}");
        }
    }

    /// As kyaml's setters answer, see `tests/setter`.
    #[test]
    fn what_no_setter_sets_is_told_apart() {
        for (line, sets) in [
            ("a: {b: c, tag: d}", false),
            ("a: [b, c]", false),
            ("a: *b", false),
            ("a:", false),
            ("-", false),
            ("a: b # pinned", false),
            ("", false),
            ("a: b", true),
            ("- 'b'", true),
        ] {
            let line = format!("{line} # {{\"$imagepolicy\": \"a:b\"}}\nk: v\n");
            let found = markers(line.trim_start());
            assert_eq!(found[0].scalar().is_some(), sets, "{line}");
            assert_eq!(
                matches!(found[0].target, Target::Nothing(_)),
                !sets,
                "{line}"
            );
        }
        let block = markers("a: | # {\"$imagepolicy\": \"a:b\"}\n  b\n");
        assert_eq!(block[0].target, Target::Block);
        for line in ["\"a\", b", "a, b", "a]", "[ a,"] {
            let line = format!("{line} # {{\"$imagepolicy\": \"a:b\"}}\n");
            assert_eq!(markers(&line)[0].target, Target::Unclear, "{line}");
        }
    }

    fn marked(node: &Node, found: &mut Vec<String>) {
        match &node.value {
            Value::Table(table) => table
                .iter()
                .for_each(|(_, entry)| marked(&entry.node, found)),
            Value::Array(items) => items.iter().for_each(|item| marked(item, found)),
            Value::Marked(marked) => match &marked.value {
                Value::String(text) => found.push(text.clone()),
                other => found.push(format!("{other:?}")),
            },
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::String(_) => {}
        }
    }

    #[test]
    fn every_marked_scalar_is_found_whatever_its_style() {
        let mark = "# {\"$imagepolicy\": \"a:b:tag\"}";
        let file = Sources::default().add("", "");
        for (text, values) in [
            (
                "a: v1 MARK\nb: 'v1' MARK\nc:\n- \"v1\" MARK\nd: v1\n",
                "v1 v1 v1",
            ),
            (
                "\u{feff}a: é:1 MARK\n---\nb: {c: v1, MARK\n  d: w }\n",
                "é:1",
            ),
            // An alias is what its anchor is.
            (
                "a: &x v1 MARK\nb: *x\nc: |\n  a: v1 MARK\nd: !!str 5 MARK\n",
                "v1 v1 5",
            ),
            (
                "a: \"v\\u0031\" MARK\nb: it''s MARK\nc: 'it''s' MARK\n",
                "v1 it''s it's",
            ),
            (
                "a: 5 MARK\nb: on MARK\nc: [1.5] \nd: ~ MARK\n",
                "Integer(5) Bool(true) Null",
            ),
            // Keys are not set, and words beside the marker disable it.
            ("k: k # MARK\n? v1 MARK\n: w\n? w MARK\n: \"\\u0077\"\n", ""),
        ] {
            let text = text.replace("MARK", mark);
            let mut found = Vec::new();
            for document in read_all(&text, file).expect(&text) {
                marked(&document, &mut found);
            }
            assert_eq!(found.join(" "), values, "{text}");
        }
    }

    #[test]
    fn marked_scalars_are_read_with_their_places_and_their_own_spelling() {
        let mark = |part: &str| format!("# {{\"$imagepolicy\": \"a:b{part}\"}}");
        let text = format!(
            "a: 6.10 {tag}\nb:\n- \"x\" {tag}\n- 5 {tag}\nc: [\n  \"v1\", {tag}\n  w\n]\nd: |\n  e: f {tag}\n",
            tag = mark(":tag")
        );
        let file = Sources::default().add("", "");
        let documents = read_all(&text, file).expect("YAML");
        let at = |path: &[&str], item: Option<usize>| {
            let node = documents[0].at(path).expect("there");
            let node = item.map_or(node, |item| &node.as_array().expect("a list")[item]);
            match &node.value {
                Value::Marked(marked) => (
                    marked.value.clone(),
                    marked.bare.clone(),
                    text[node.span.range()].to_owned(),
                ),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(
            at(&["a"], None),
            (Value::Float(6.1), Some("6.10".into()), "6.10".into())
        );
        assert_eq!(at(&["b"], Some(0)), ("x".into(), None, "\"x\"".into()));
        assert_eq!(
            at(&["b"], Some(1)),
            (Value::Integer(5), Some("5".into()), "5".into())
        );
        assert_eq!(at(&["c"], Some(0)), ("v1".into(), None, "\"v1\"".into()));
        assert!(matches!(
            documents[0].get("d").expect("there").value,
            Value::String(_)
        ));
    }
}
