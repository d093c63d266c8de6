//! Text of others inside a page, where it must stay text.

use crate::diagnostic::render::printable;

/// For the content of an element.
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in printable(text).chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// For the value of an attribute in double quotes.
pub(super) fn attribute(value: &str) -> String {
    text(value).replace('\n', "&#10;")
}

/// A message of ours: what stands between backticks becomes code.
pub(super) fn message(message: &str) -> String {
    let parts: Vec<&str> = message.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return text(message);
    }
    parts
        .iter()
        .enumerate()
        .map(|(number, part)| match number % 2 {
            0 => text(part),
            _ => format!("<code>{}</code>", text(part)),
        })
        .collect()
}

/// A link to a page, if `url` is one.
pub(super) fn link(url: &str, label: &str) -> String {
    let label = text(label);
    if url.starts_with("https://") {
        format!(
            "<a href=\"{}\" rel=\"noreferrer\"><code>{label}</code></a>",
            attribute(url)
        )
    } else {
        format!("<code>{label}</code>")
    }
}

/// JSON inside a `<script>`, which `</script>` or `<!--` would end. Inside JSON only strings hold
/// such letters, so that each may be written as its number.
pub(super) fn json(value: &serde_json::Value) -> String {
    let mut out = String::new();
    for letter in value.to_string().chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{7f}'..='\u{9f}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_opens_and_ends_nothing() {
        assert_eq!(text("<b a='\"'>&"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;");
        assert_eq!(attribute("a\nb\u{1b}"), "a&#10;b␛");
        assert_eq!(message("no `<x>` here"), "no <code>&lt;x&gt;</code> here");
        assert_eq!(link("javascript:alert(1)", "x"), "<code>x</code>");
        assert_eq!(
            json(&serde_json::json!(["</script>"])),
            "[\"\\u003c/script\\u003e\"]"
        );
    }
}
