//! Values of resources as reviewers read them.

use serde_json::Value;

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

/// A value as YAML, on as many lines as it takes.
pub(super) fn block(value: &Value) -> String {
    match serde_yaml::to_string(value) {
        Ok(text) => text,
        Err(_) => whole_line(value),
    }
}

/// `text` with at most `most` characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}… ({} characters)", &text[..at], text.chars().count()),
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
        Value::String(text) if is_bare(text) => text.clone(),
        Value::String(text) => Value::String(text.clone()).to_string(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(whole_line).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(key, value)| {
                    let key = whole_line(&Value::String(key.clone()));
                    format!("{key}: {}", whole_line(value))
                })
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

/// Whether a string can be shown without quotes and be taken for nothing else.
fn is_bare(text: &str) -> bool {
    let starts_well = text
        .chars()
        .next()
        .is_some_and(|first| first.is_alphabetic() || matches!(first, '.' | '/' | '*'));
    let is_word = !matches!(
        text.to_ascii_lowercase().as_str(),
        "true"
            | "false"
            | "null"
            | "yes"
            | "no"
            | "on"
            | "off"
            | "y"
            | "n"
            | "nan"
            | ".nan"
            | ".inf"
    );
    let is_duration = text.ends_with(['h', 'm', 's'])
        && text
            .chars()
            .next()
            .is_some_and(|first| first.is_ascii_digit());
    let is_plain = text
        .chars()
        .all(|letter| letter.is_alphanumeric() || "-_./:@+*".contains(letter));
    is_plain && is_word && (starts_well || is_duration)
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
            (json!("a b"), r#""a b""#),
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
        assert_eq!(line(&json!("üüüüü"), 3), "üüü… (5 characters)");
        assert!(!fits(&json!("üüüüü"), 4));
        assert!(fits(&json!("üüüüü"), 5));
        assert!(!fits(&json!({"a": {"b": 1}}), 80));
    }
}
