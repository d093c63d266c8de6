//! Templates such as `${major}.$2`, expanded as Go's `Regexp.Expand` does.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// A `$name` or `${name}` of a template.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference<'t> {
    pub(super) name: &'t str,
    /// Set where the name is a decimal number without a zero in front.
    number: Option<usize>,
}

enum Piece<'t> {
    Text(&'t str),
    Reference(Reference<'t>),
}

/// Letters, digits and `_` of any script: the longest such run is the name, so `$1x` is the group `1x`.
static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[\p{L}\p{Nd}_]+").expect("a valid pattern"));

/// A template made ready for one pattern: it is read once, however many texts are expanded.
#[derive(Debug, Clone)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    /// Of several groups of one name the first that took part counts.
    Groups(Vec<usize>),
}

impl Template {
    pub(super) fn new(template: &str, names: &[String]) -> Self {
        let part = |piece| match piece {
            Piece::Text(text) => Part::Text(str::to_owned(text)),
            Piece::Reference(Reference {
                number: Some(number),
                ..
            }) => Part::Groups(vec![number]),
            Piece::Reference(Reference { name, number: None }) => {
                let named = names.iter().enumerate().filter(|(_, of)| *of == name);
                Part::Groups(named.map(|(at, _)| at).collect())
            }
        };
        Self {
            parts: pieces(template).into_iter().map(part).collect(),
        }
    }

    pub(super) fn expand(&self, groups: &Captures<'_>) -> String {
        let mut expanded = String::new();
        for part in &self.parts {
            expanded.push_str(match part {
                Part::Text(text) => text,
                Part::Groups(numbers) => numbers
                    .iter()
                    .find_map(|number| groups.get(*number))
                    .map_or("", |group| group.as_str()),
            });
        }
        expanded
    }
}

pub(super) fn references(template: &str) -> Vec<Reference<'_>> {
    let references = pieces(template)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Reference(reference) => Some(reference),
            Piece::Text(_) => None,
        });
    references.collect()
}

pub(super) fn is_known(reference: &Reference<'_>, names: &[String]) -> bool {
    match reference.number {
        Some(number) => number < names.len(),
        None => names.iter().any(|name| name == reference.name),
    }
}

/// The group that a template without any other text refers to.
pub(super) fn single_group(template: &str, names: &[String]) -> Option<usize> {
    let mut only = None;
    for piece in pieces(template) {
        match piece {
            Piece::Text("") => {}
            Piece::Reference(reference) if only.is_none() => only = Some(reference),
            Piece::Text(_) | Piece::Reference(_) => return None,
        }
    }
    let reference = only?;
    match reference.number {
        Some(number) => (number < names.len()).then_some(number),
        None => names.iter().position(|name| name == reference.name),
    }
}

fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        pieces.push(Piece::Text(before));
        rest = match (after.strip_prefix('$'), reference(after)) {
            (Some(after), _) => {
                pieces.push(Piece::Text("$"));
                after
            }
            (None, Some((reference, after))) => {
                pieces.push(Piece::Reference(reference));
                after
            }
            // Malformed: the dollar is text.
            (None, None) => {
                pieces.push(Piece::Text("$"));
                after
            }
        };
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// The reference right after a `$`, and what follows it.
fn reference(text: &str) -> Option<(Reference<'_>, &str)> {
    let (text, is_braced) = match text.strip_prefix('{') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let name = NAME.find(text)?.as_str();
    let rest = &text[name.len()..];
    let rest = if is_braced {
        rest.strip_prefix('}')?
    } else {
        rest
    };
    Some((
        Reference {
            name,
            number: number(name),
        },
        rest,
    ))
}

/// Go reads at most nine digits as a number; a longer run is a name, and no group has it.
fn number(name: &str) -> Option<usize> {
    let is_number =
        name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    if !is_number || name.len() > 9 {
        return None;
    }
    name.parse().ok()
}
