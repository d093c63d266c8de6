//! Text of others inside Markdown, where it must stay text.
//!
//! A name or a message may hold anything: HTML, a table's `|`, `@someone` who would be notified,
//! `#1` which would leave a trace in another issue, a fence that ends ours.

use crate::diagnostic::render::{printable, printable_line};

/// `text` as text, wherever it stands: in a heading, a table, a list or an HTML element.
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in printable_line(text).chars() {
        push(letter, &mut out);
        // A comment parts the sign from the name without being seen.
        if matches!(letter, '@' | '#') {
            out.push_str("<!-- -->");
        }
    }
    out
}

/// `text` in a fixed-width font, in one line.
pub(super) fn code(text: &str) -> String {
    let mut out = String::from("<code>");
    for letter in printable_line(text).chars() {
        push(letter, &mut out);
    }
    out.push_str("</code>");
    out
}

/// A message of ours: what stands between backticks becomes code, a line break stays one.
pub(super) fn message(message: &str) -> String {
    message
        .lines()
        .map(|line| {
            let parts: Vec<&str> = line.split('`').collect();
            if parts.len().is_multiple_of(2) {
                return text(line);
            }
            parts
                .iter()
                .enumerate()
                .map(|(number, part)| match number % 2 {
                    0 => text(part),
                    _ => code(part),
                })
                .collect()
        })
        .collect::<Vec<String>>()
        .join("<br>")
}

/// A link to a page, if `url` is one.
pub(super) fn link(url: &str, label: &str) -> String {
    let is_page = url.starts_with("https://")
        && url
            .chars()
            .all(|letter| letter.is_ascii_graphic() && !"\"'<>()[]\\`".contains(letter));
    if is_page {
        format!(
            "<a href=\"{}\">{}</a>",
            url.replace('&', "&amp;"),
            code(label)
        )
    } else {
        code(label)
    }
}

/// A fenced block of `language` that its content cannot end.
pub(super) fn fenced(language: &str, content: &str) -> String {
    let content = printable(content);
    let longest = content
        .split(|letter| letter != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let content = content.trim_end_matches('\n');
    format!("{fence}{language}\n{content}\n{fence}\n")
}

fn push(letter: char, out: &mut String) {
    match letter {
        ' ' | '-' | '.' | ',' | ':' | ';' | '/' | '(' | ')' | '=' | '+' | '?' | '!' | '\''
        | '@' => {
            out.push(letter);
        }
        letter if letter.is_ascii_punctuation() => {
            out.push_str(&format!("&#{};", u32::from(letter)));
        }
        letter => out.push(letter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_stays_text() {
        assert_eq!(text("<b>|*_x"), "&#60;b&#62;&#124;&#42;&#95;x");
        assert_eq!(text("@you see #1"), "@<!-- -->you see &#35;<!-- -->1");
        assert_eq!(text("a\nb"), "a␤b");
        assert_eq!(code("@you `x`"), "<code>@you &#96;x&#96;</code>");
        assert_eq!(
            message("no `a<b` here\nx"),
            "no <code>a&#60;b</code> here<br>x"
        );
        assert_eq!(message("one ` alone"), "one &#96; alone");
    }

    #[test]
    fn a_fence_is_longer_than_any_inside() {
        assert_eq!(fenced("diff", "+a\n"), "```diff\n+a\n```\n");
        assert_eq!(fenced("diff", "````\n"), "`````diff\n````\n`````\n");
    }

    #[test]
    fn only_a_page_is_linked() {
        assert_eq!(
            link("https://a.example/?a=1&b", "x"),
            "<a href=\"https://a.example/?a=1&amp;b\"><code>x</code></a>"
        );
        assert_eq!(link("javascript:alert(1)", "x"), "<code>x</code>");
        assert_eq!(link("https://a\" onclick=\"x", "x"), "<code>x</code>");
    }
}
