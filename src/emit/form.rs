//! What of a resource decides how its YAML is laid out: everything but its plain words.
//!
//! The built-in template puts a resource into its file whole. Two resources of one form differ only in words that
//! the writer leaves bare and that every reader takes for themselves; what holds for the text of one holds for the
//! other's. A fleet has few forms and many resources.

use std::fmt::Write as _;

use crate::node::{Node, Value};
use crate::yaml::is_plain;

/// The form of a resource as a text; of equal forms only plain words differ.
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
                text(key, form);
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
        Value::String(word) if is_word(word) => form.push('w'),
        Value::String(other) => text(other, form),
        Value::Marked(marked) => {
            form.push('m');
            text(&marked.policy, form);
            add(&marked.value, form);
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

/// Its length first, so that no text can be taken for what follows it.
fn text(text: &str, form: &mut String) {
    write!(form, "s{};{text}", text.len()).expect("a String takes everything");
}

/// A short word of letters, digits and what names and paths have, which is written bare.
fn is_word(text: &str) -> bool {
    text.len() <= 256
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
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
    fn only_plain_words_do_not_count() {
        assert_eq!(with("path", "./apps/a"), with("path", "clusters/prod-1"));
        let forms = [
            with("path", "./apps"),
            with("name", "./apps"),
            with("path", "yes"),
            with("path", "no"),
            with("path", "1.10"),
            with("path", "two words"),
            with("path", "two other words"),
            with("path", "a:b"),
            with("path", "a\nb"),
            with("path", ""),
            with("path", true),
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
    fn a_marked_value_counts_with_its_policy() {
        let marked = |policy: &str, value: &str| {
            let marked = Marked {
                policy: policy.to_owned(),
                value: value.into(),
                bare: None,
            };
            with("tag", Value::Marked(Box::new(marked)))
        };
        assert_ne!(marked("a:b", "v1"), marked("a:c", "v1"));
        assert_ne!(marked("a:b", "v1"), with("tag", "v1"));
    }
}
