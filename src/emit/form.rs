//! What of a resource decides how its YAML is laid out: everything but its short everyday texts.
//!
//! The built-in template puts a resource into its file whole. Two resources of one form differ only in texts that
//! the writer treats alike, leaving both bare or putting both as they are between quotes, and that every reader
//! takes for themselves; what holds for the text of one holds for the other's. A fleet has few forms and many resources.

use std::fmt::Write as _;

use crate::node::{Node, Value};
use crate::yaml::is_plain;

/// The form of a resource as a text; of equal forms only short everyday texts differ.
pub(super) fn form(node: &Node) -> String {
    let mut form = String::new();
    add(&node.value, &mut form);
    form
}

fn add(value: &Value, form: &mut String) {
    match value {
        Value::Table(table) => {
            form.push('{');
            for (key, entry) in table.iter() {
                string(key, form);
                add(&entry.node.value, form);
            }
            form.push('}');
        }
        Value::Array(items) => {
            form.push('[');
            for item in items {
                add(&item.value, form);
            }
            form.push(']');
        }
        Value::String(text) => string(text, form),
        Value::Marked(marked) => {
            form.push('m');
            quoted(&marked.policy, form);
            match &marked.value {
                Value::String(text) => quoted(text, form),
                other => add(other, form),
            }
        }
        Value::Null => form.push('0'),
        Value::Bool(true) => form.push('t'),
        Value::Bool(false) => form.push('f'),
        Value::Integer(number) => write!(form, "i{number};").expect("a String takes everything"),
        Value::Float(number) => {
            write!(form, "d{:x};", number.to_bits()).expect("a String takes everything");
        }
    }
}

fn string(text: &str, form: &mut String) {
    match is_word(text) {
        true => form.push('w'),
        false if is_plain(text) => whole(text, form),
        false => quoted(text, form),
    }
}

/// A text that is written between quotes, most often without escapes.
fn quoted(text: &str, form: &mut String) {
    let is_verbatim = |byte: u8| matches!(byte, b' '..=b'~') && !b"\"\\".contains(&byte);
    match text.len() <= LONGEST && text.bytes().all(is_verbatim) {
        true => form.push('q'),
        false => whole(text, form),
    }
}

/// Its length first, so that no text can be taken for what follows it.
fn whole(text: &str, form: &mut String) {
    write!(form, "s{};{text}", text.len()).expect("a String takes everything");
}

/// What is longer may be laid out otherwise.
const LONGEST: usize = 256;

/// A short word of letters, digits and what names, paths and addresses have, which is written bare.
fn is_word(text: &str) -> bool {
    // A colon within an address ends no key.
    let rest = match text.split_once("://") {
        Some(("https" | "http" | "oci" | "ssh", rest)) => rest,
        _ => text,
    };
    text.len() <= LONGEST
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_./@".contains(&byte))
        && is_plain(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Marked, Table};
    use crate::source::Span;

    fn node(value: impl Into<Value>) -> Node {
        Node::new(value, Span::BUILT_IN)
    }

    fn with(key: &str, value: impl Into<Value>) -> String {
        let mut table = Table::new();
        table.set(key, node(value));
        form(&node(table))
    }

    #[test]
    fn only_short_everyday_texts_do_not_count() {
        let is_one_form = |texts: &[&str]| {
            let forms = texts.iter().map(|text| with("path", *text));
            forms.collect::<std::collections::HashSet<_>>().len() == 1
        };
        assert!(is_one_form(&["./apps/a", "prod-1", "ssh://git@a.io/b"]));
        assert!(is_one_form(&[
            "yes", "no", "1.10", ">=1.0 <2", "", "a: b", "*"
        ]));
        assert_eq!(with("a", true), with("b", true));
        let long = "1".repeat(LONGEST + 1);
        let forms = [
            with("path", "./apps"),
            with("name", true),
            with("path", "yes"),
            with("path", "two words"),
            with("path", "two other words"),
            with("path", "a:b"),
            with("path", "https://a:80"),
            with("path", "x://a"),
            with("path", "a\nb"),
            with("path", "a\nc"),
            with("path", "\"a"),
            with("path", "\\a"),
            with("path", "é"),
            with("path", long.as_str()),
            with("yes", true),
            with("path", false),
            with("path", 1),
            with("path", 11),
            with("path", Value::Float(1.0)),
            with("path", Value::Null),
            with("path", Table::new()),
            with("path", Vec::new()),
            with("path", vec![node("a")]),
            with("path", vec![node("a"), node("b")]),
            with("path", vec![node(vec![node("a")]), node("b")]),
            with("path", "s1;x"),
        ];
        for (at, form) in forms.iter().enumerate() {
            assert!(!forms[..at].contains(form), "{form}");
        }
    }

    #[test]
    fn a_marked_value_counts_as_what_stands_between_quotes() {
        let marked = |policy: &str, value: Value| {
            let marked = Marked {
                policy: policy.to_owned(),
                value,
                bare: None,
            };
            with("tag", Value::Marked(Box::new(marked)))
        };
        assert_eq!(marked("a:b", "v1".into()), marked("a:c", "1.0".into()));
        let forms = [
            marked("a:b", "v1".into()),
            marked("a:\"b", "v1".into()),
            marked("a:b", "v\"1".into()),
            marked("a:b", 1.into()),
            with("tag", "v1"),
        ];
        for (at, form) in forms.iter().enumerate() {
            assert!(!forms[..at].contains(form), "{form}");
        }
    }
}
