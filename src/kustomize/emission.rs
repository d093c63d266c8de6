//! An object as the text in which Flux substitutes variables: kustomize's own YAML, keys in order.
//!
//! Quotes decide what a value becomes: `${port}` is bare in this text whatever quotes the file has, so that
//! 8080 is read back as a number. Nothing else is written with this.
//!
//! Source: `AsYAML` of kustomize's resources, which is <https://github.com/yaml/go-yaml> version 2.

use std::fmt::Write as _;

use crate::node::{Node, Value};
use crate::yaml::bare;

/// The whole object, with its keys in order.
pub(super) fn as_yaml(node: &Node) -> String {
    let mut out = String::new();
    value(node, 0, false, &mut out);
    out
}

/// Writes a value behind `key:` or `- `; `is_item` for the latter, where a mapping begins on the same line.
fn value(node: &Node, indent: usize, is_item: bool, out: &mut String) {
    match node.value.scalar() {
        Value::Table(table) if table.is_empty() => out.push_str("{}\n"),
        Value::Array(items) if items.is_empty() => out.push_str("[]\n"),
        Value::Table(table) => {
            let mut entries: Vec<_> = table.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            for (at, (key, entry)) in entries.into_iter().enumerate() {
                if !(is_item && at == 0) {
                    spaces(indent, out);
                }
                text(key, indent, true, out);
                out.push(':');
                below(&entry.node, indent, out);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                if !(is_item && at == 0) {
                    spaces(indent, out);
                }
                out.push_str("- ");
                value(item, indent + 2, true, out);
            }
        }
        scalar => {
            match scalar {
                Value::String(string) => text(string, indent, false, out),
                Value::Null => out.push_str("null"),
                Value::Bool(flag) => {
                    let _ = write!(out, "{flag}");
                }
                Value::Integer(number) => {
                    let _ = write!(out, "{number}");
                }
                Value::Float(number) => out.push_str(&crate::yaml::float_text(*number)),
                Value::Array(_) | Value::Table(_) | Value::Marked(_) => {}
            }
            out.push('\n');
        }
    }
}

/// What is behind a key: collections begin on the next line, lists as far to the left as the key.
fn below(node: &Node, indent: usize, out: &mut String) {
    let is_block = match node.value.scalar() {
        Value::Table(table) => !table.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        out.push('\n');
        let deeper = match node.value.scalar() {
            Value::Array(_) => indent,
            _ => indent + 2,
        };
        value(node, deeper, false, out);
    } else {
        out.push(' ');
        value(node, indent + 2, true, out);
    }
}

fn spaces(count: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', count));
}

/// What a scalar allows, as libyaml analyses it.
struct Analysis {
    plain: bool,
    single: bool,
    block: bool,
    is_multiline: bool,
}

fn analyse(text: &str) -> Analysis {
    let mut found = Analysis {
        plain: true,
        single: true,
        block: true,
        is_multiline: false,
    };
    if text.starts_with("---") || text.starts_with("...") {
        found.plain = false;
    }
    let letters: Vec<char> = text.chars().collect();
    let is_break =
        |letter: char| matches!(letter, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let (mut after_space, mut after_break) = (false, false);
    for (at, &letter) in letters.iter().enumerate() {
        let next = letters.get(at + 1).copied();
        let before_blank = next.is_none_or(|next| matches!(next, ' ' | '\t') || is_break(next));
        let is_last = next.is_none();
        let after_blank = at == 0 || letters[at - 1] == '\t' || after_space || after_break;
        if at == 0 {
            found.plain &= !"#,[]{}&*!|>'\"%@`".contains(letter);
            found.plain &= !(matches!(letter, '?' | ':' | '-') && before_blank);
        } else {
            found.plain &= !(letter == ':' && before_blank);
            found.plain &= !(letter == '#' && after_blank);
        }
        if !is_printable(letter) {
            (found.plain, found.single, found.block) = (false, false, false);
        }
        if letter == ' ' {
            found.plain &= at != 0 && !is_last && !after_break;
            found.block &= !is_last;
            found.single &= !after_break;
            (after_space, after_break) = (true, false);
        } else if is_break(letter) {
            found.is_multiline = true;
            found.plain = false;
            if after_space {
                (found.single, found.block) = (false, false);
            }
            (after_space, after_break) = (false, true);
        } else {
            (after_space, after_break) = (false, false);
        }
    }
    found
}

fn is_printable(letter: char) -> bool {
    matches!(letter, '\n' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && letter != '\u{feff}'
        || letter > '\u{ffff}'
}

fn text(text: &str, indent: usize, is_key: bool, out: &mut String) {
    let is_string = is_string(text);
    let found = analyse(text);
    if text.contains('\n') && !is_key {
        match found.block {
            true => literal(text, indent, out),
            false => double_quoted(text, out),
        }
    } else if text.is_empty() || (is_string && found.plain) {
        out.push_str(if text.is_empty() { "\"\"" } else { text });
    } else if is_string && found.single && !found.is_multiline {
        let _ = write!(out, "'{}'", text.replace('\'', "''"));
    } else {
        double_quoted(text, out);
    }
}

/// Whether a bare word is a string to the reader, and does not look like a date or a number of base 60.
fn is_string(text: &str) -> bool {
    if text == "<<" || bare(text).is_some() {
        return false;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_of = |letters: &str| {
        unsigned
            .chars()
            .all(|it| it.is_ascii_digit() || letters.contains(it))
    };
    let has_digit = unsigned.starts_with(|it: char| it.is_ascii_digit());
    let is_base_60 = has_digit && unsigned.contains(':') && is_of("_:.");
    let is_date = has_digit && unsigned.matches('-').count() >= 2 && is_of("-:.TtZz+ ");
    !is_base_60 && !is_date
}

fn literal(text: &str, indent: usize, out: &mut String) {
    out.push('|');
    if text.starts_with([' ', '\n']) {
        out.push('2');
    }
    let body = match text.strip_suffix('\n') {
        None => {
            out.push('-');
            text
        }
        Some(body) => {
            if body.is_empty() || body.ends_with('\n') {
                out.push('+');
            }
            body
        }
    };
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            spaces(indent.max(2), out);
            out.push_str(line);
        }
    }
}

fn double_quoted(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            letter if is_printable(letter) => out.push(letter),
            letter if u32::from(letter) <= 0xff => {
                let _ = write!(out, "\\x{:02X}", u32::from(letter));
            }
            letter => {
                let _ = write!(out, "\\u{:04X}", u32::from(letter));
            }
        }
    }
    out.push('"');
}
