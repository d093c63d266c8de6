//! Values of resources as reviewers read them.

use serde_json::Value;

use crate::node::{self, Node, Table};
use crate::source::Span;
use crate::yaml;

/// A value on one line, at most `most` characters long and, if longer, said to be cut.
pub(super) fn line(value: &Value, most: usize) -> String {
    cut(&whole_line(value), most)
}

/// Whether a value reads well on one line of `most` characters.
pub(super) fn fits(value: &Value, most: usize) -> bool {
    match value {
        Value::String(text) if text.contains('\n') => false,
        Value::Array(_) | Value::Object(_) if nested(value) => false,
        other => whole_line(other).chars().count() <= most,
    }
}

/// A value as YAML, on as many lines as it takes; as our trees would have it.
pub(super) fn block(value: &Value) -> String {
    yaml::write(&node(value))
}

fn node(value: &Value) -> Node {
    let value = match value {
        Value::Null => node::Value::Null,
        Value::Bool(value) => node::Value::Bool(*value),
        Value::Number(number) => match number.as_i128() {
            Some(integer) => node::Value::Integer(integer),
            None => node::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => node::Value::String(text.clone()),
        Value::Array(items) => node::Value::Array(items.iter().map(node).collect()),
        Value::Object(fields) => {
            let mut table = Table::new();
            for (key, value) in fields {
                table.set(key.as_str(), node(value));
            }
            node::Value::Table(table)
        }
    };
    Node::new(value, Span::BUILT_IN)
}

/// `text` with at most `most` characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}… ({} characters)", &text[..at], text.chars().count()),
    }
}

/// The first `most` characters of `text`.
pub(super) fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

fn nested(value: &Value) -> bool {
    let is_deep = |value: &Value| match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => false,
    };
    match value {
        Value::Array(items) => items.iter().any(is_deep),
        Value::Object(fields) => fields.values().any(is_deep),
        _ => false,
    }
}

fn whole_line(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(whole_line).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", quoted(key), whole_line(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

/// A string as YAML has it, bare where it can be taken for nothing else.
fn quoted(text: &str) -> String {
    let json = || Value::String(text.to_owned()).to_string();
    // These end an item of the lists and tables that we write on one line.
    if text.contains(['\n', ',', '[', ']', '{', '}']) {
        return json();
    }
    yaml::write_scalar(&node::Value::String(text.to_owned())).unwrap_or_else(json)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn strings_are_bare_only_where_nothing_else_could_be_meant() {
        let cases = [
            (json!("apps"), "apps"),
            (json!("./apps"), "./apps"),
            (json!("10m"), "10m"),
            (json!("https://a.example/x"), "https://a.example/x"),
            // these would be taken for another type
            (json!("true"), r#""true""#),
            (json!("Yes"), r#""Yes""#),
            (json!("1.0"), r#""1.0""#),
            (json!(""), r#""""#),
            (json!("a, b"), r#""a, b""#),
            (json!("6.5.0"), r#""6.5.0""#),
            (json!("a\nb"), r#""a\nb""#),
            (json!(true), "true"),
            (json!(null), "null"),
            (json!({"a": [1, "x"]}), "{a: [1, x]}"),
        ];
        for (value, expected) in cases {
            assert_eq!(line(&value, 80), expected);
        }
    }

    #[test]
    fn a_long_value_is_cut_and_said_to_be() {
        assert_eq!(line(&json!("aaaaa"), 3), "aaa… (5 characters)");
        assert!(!fits(&json!("aaaaa"), 4));
        assert!(fits(&json!("aaaaa"), 5));
        assert!(!fits(&json!({"a": {"b": 1}}), 80));
    }
}
