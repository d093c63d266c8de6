//! From a line of what a template rendered to the line of the template that it came from.

use std::fmt::Write as _;

/// Around the line numbers put into the text; characters that no template has.
const MARK: (char, char) = ('\u{f8f0}', '\u{f8f1}');

/// The template with the number of each of its lines at the line's end, where that is plain text.
///
/// Inside of `{{ }}`, `{% %}` and `{# #}` nothing can be put.
pub(super) fn numbered(template: &str) -> String {
    let mut out = String::with_capacity(template.len() * 2);
    let mut number = 1;
    let mut closing: Option<&str> = None;
    let mut at = 0;
    while let Some(c) = template[at..].chars().next() {
        let rest = &template[at..];
        if let Some(close) = closing {
            if let Some(after) = rest.strip_prefix(close) {
                out.push_str(close);
                at = template.len() - after.len();
                closing = None;
                continue;
            }
        } else {
            let opened = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")]
                .into_iter()
                .find(|(open, _)| rest.starts_with(open));
            if let Some((open, close)) = opened {
                out.push_str(open);
                at += open.len();
                closing = Some(close);
                continue;
            }
        }
        if c == '\n' {
            if closing.is_none() {
                let _ = write!(out, "{}{number}{}", MARK.0, MARK.1);
            }
            number += 1;
        }
        out.push(c);
        at += c.len_utf8();
    }
    let _ = write!(out, "{}{number}{}", MARK.0, MARK.1);
    out
}

/// The template's line for a line of the text, both counted from one, by what [`numbered`] rendered.
pub(super) fn origin(rendered: &str, line: usize) -> usize {
    let mut last = 1;
    for (at, text) in rendered.split('\n').enumerate() {
        let numbers = text.split(MARK.0).skip(1);
        let number = numbers
            .filter_map(|part| part.split(MARK.1).next()?.parse().ok())
            .next();
        last = number.unwrap_or(last);
        // A value of several lines ends where the next number stands.
        if at + 1 >= line && number.is_some() {
            return last;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(template: &str) -> String {
        minijinja::render!(&numbered(template), value => "one: 1\ntwo: 2\nthree: 3", items => [1, 2])
    }

    #[test]
    fn lines_after_a_value_of_many_lines_are_found() {
        let text = rendered("---\n{{ value }}\nextra: 1\n");
        for (line, expected) in [(1, 1), (2, 2), (3, 2), (4, 2), (5, 3)] {
            assert_eq!(origin(&text, line), expected, "line {line} of {text}");
        }
    }

    #[test]
    fn lines_of_a_loop_are_the_line_in_it() {
        let text = rendered("---\n{% for item in items %}\n- {{ item }}\n{% endfor %}\nend: 1\n");
        let line = text
            .lines()
            .position(|line| line.starts_with("- 2"))
            .expect("there");
        assert_eq!(origin(&text, line + 1), 3);
        let line = text
            .lines()
            .position(|line| line.starts_with("end"))
            .expect("there");
        assert_eq!(origin(&text, line + 1), 5);
    }
}
