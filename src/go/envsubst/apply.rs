//! What operators do to values.

use std::collections::BTreeSet;

use super::{Expansion, Lookup, Part, UNKNOWN};
use crate::go::glob::{letter_width, without_prefix, without_suffix};

/// Patterns are tried on every prefix of a value; longer values are left to the cluster.
const LONGEST_MATCHED: usize = 4096;

/// Operators that have a default for a variable without a value. `:+` and `:?` are read as defaults, too.
pub(super) fn has_default(operator: &str) -> bool {
    matches!(operator, "=" | ":-" | ":=" | ":?" | ":+")
}

pub(super) struct Run<'r, 'v> {
    lookup: &'r dyn Fn(&str) -> Lookup<'v>,
    /// Bytes that may still be written.
    budget: usize,
    pub(super) unknown: BTreeSet<String>,
}

impl<'r, 'v> Run<'r, 'v> {
    pub(super) fn new(lookup: &'r dyn Fn(&str) -> Lookup<'v>, budget: usize) -> Self {
        Self {
            lookup,
            budget,
            unknown: BTreeSet::new(),
        }
    }

    /// `None`: the budget is spent.
    pub(super) fn parts(&mut self, parts: &[Part], out: &mut Vec<u8>) -> Option<()> {
        for part in parts {
            let before = out.len();
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Expansion(expansion) => self.expansion(expansion, out)?,
            }
            self.budget = self.budget.checked_sub(out.len() - before)?;
        }
        Some(())
    }

    fn expansion(&mut self, expansion: &Expansion, out: &mut Vec<u8>) -> Option<()> {
        let value = match (self.lookup)(&expansion.name) {
            Lookup::Value(value) => value.as_bytes(),
            Lookup::Unset => b"",
            Lookup::Unknown => {
                self.unknown.insert(expansion.name.clone());
                unknown(&expansion.name, out);
                return Some(());
            }
        };
        // What an unneeded default holds decides nothing.
        if has_default(&expansion.operator) && !value.is_empty() {
            out.extend_from_slice(value);
            return Some(());
        }
        let mut arguments = Vec::new();
        for argument in &expansion.arguments {
            let mut text = Vec::new();
            self.parts(std::slice::from_ref(argument), &mut text)?;
            arguments.push(text);
        }
        // A default is copied; everything else would read what is not known.
        let is_read = !has_default(&expansion.operator);
        if is_read && arguments.iter().any(|argument| is_marked(argument)) {
            unknown(&expansion.name, out);
            return Some(());
        }
        let room = self.budget;
        let done = apply(value, &expansion.operator, &arguments, room)?;
        out.extend_from_slice(&done);
        Some(())
    }
}

fn unknown(name: &str, out: &mut Vec<u8>) {
    let mut letters = [0; 4];
    out.extend_from_slice(UNKNOWN.0.encode_utf8(&mut letters).as_bytes());
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(UNKNOWN.1.encode_utf8(&mut letters).as_bytes());
}

fn is_marked(text: &[u8]) -> bool {
    let mut letters = [0; 4];
    let mark = UNKNOWN.0.encode_utf8(&mut letters).as_bytes();
    text.windows(mark.len()).any(|part| part == mark)
}

fn apply(value: &[u8], operator: &str, arguments: &[Vec<u8>], room: usize) -> Option<Vec<u8>> {
    let first = arguments.first().map(Vec::as_slice);
    let second = arguments.get(1).map(Vec::as_slice);
    Some(match (operator, first) {
        (",", _) => first_letter(value, lower),
        (",,", _) => all_letters(value, lower),
        ("^", _) => first_letter(value, upper),
        ("^^", _) => all_letters(value, upper),
        ("#", None) => value.len().to_string().into_bytes(),
        ("#" | "##" | "%" | "%%", Some(pattern)) => {
            if value.len() > LONGEST_MATCHED || pattern.len() > LONGEST_MATCHED {
                return None;
            }
            match operator {
                "#" => without_prefix(value, pattern, true),
                "##" => without_prefix(value, pattern, false),
                "%" => without_suffix(value, pattern, true),
                _ => without_suffix(value, pattern, false),
            }
        }
        (":", Some(offset)) => slice(value, offset, second).to_vec(),
        ("/#", Some(wanted)) => match second {
            Some(new) if value.starts_with(wanted) => replace(value, wanted, new, 1, room)?,
            _ => value.to_vec(),
        },
        ("/%", Some(wanted)) => match (second, value.strip_suffix(wanted)) {
            (Some(new), Some(rest)) => [rest, new].concat(),
            _ => value.to_vec(),
        },
        ("/", Some(wanted)) => replace(value, wanted, second.unwrap_or_default(), 1, room)?,
        ("//", Some(wanted)) => {
            replace(value, wanted, second.unwrap_or_default(), usize::MAX, room)?
        }
        _ if value.is_empty() => arguments.concat(),
        _ => value.to_vec(),
    })
}

/// Go's `strings.Replace`: an empty `wanted` is found before every letter and at the end.
fn replace(value: &[u8], wanted: &[u8], new: &[u8], most: usize, room: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut at = 0;
    let mut done = 0;
    while done < most && at <= value.len() {
        let found = match wanted.is_empty() {
            true if done == 0 => Some(0),
            true if at == value.len() => break,
            true => Some(letter_width(&value[at..])),
            false => find(&value[at..], wanted),
        };
        let Some(found) = found else { break };
        out.extend_from_slice(&value[at..at + found]);
        out.extend_from_slice(new);
        if out.len() > room {
            return None;
        }
        at += found + wanted.len();
        done += 1;
    }
    out.extend_from_slice(&value[at..]);
    Some(out)
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = wanted.first()?;
    let last = text.len().checked_sub(wanted.len())?;
    (0..=last).find(|&at| text[at] == *first && text[at..].starts_with(wanted))
}

/// As bash slices, in bytes; what is no number leaves the value as it is.
fn slice<'v>(value: &'v [u8], offset: &[u8], length: Option<&[u8]>) -> &'v [u8] {
    let size = i64::try_from(value.len()).unwrap_or(i64::MAX);
    let at = |place: i64| usize::try_from(place).unwrap_or(0).min(value.len());
    let Some(offset) = number(offset) else {
        return value;
    };
    let start = if offset < 0 {
        size.saturating_add(offset).max(0)
    } else {
        offset
    };
    let Some(length) = length else {
        return &value[at(start)..];
    };
    let Some(length) = number(length) else {
        return value;
    };
    let end = match length < 0 {
        true => size.saturating_add(length),
        false => start.saturating_add(length),
    };
    value.get(at(start)..at(end)).unwrap_or_default()
}

/// Go's `strconv.Atoi`.
fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn first_letter(value: &[u8], change: fn(char) -> char) -> Vec<u8> {
    let (first, rest) = value.split_at(letter_width(value));
    let first: String = String::from_utf8_lossy(first).chars().map(change).collect();
    [first.as_bytes(), rest].concat()
}

fn all_letters(value: &[u8], change: fn(char) -> char) -> Vec<u8> {
    let text = String::from_utf8_lossy(value);
    text.chars().map(change).collect::<String>().into_bytes()
}

/// Go maps one letter to one letter; what would be several stays.
fn upper(letter: char) -> char {
    let mut letters = letter.to_uppercase();
    match (letters.next(), letters.next()) {
        (Some(one), None) => one,
        _ => letter,
    }
}

fn lower(letter: char) -> char {
    let mut letters = letter.to_lowercase();
    match (letters.next(), letters.next()) {
        (Some(one), None) => one,
        // The only one that has several: the dotted capital I.
        _ => 'i',
    }
}
