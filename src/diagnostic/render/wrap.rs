//! Breaking a message into lines that fit.

/// Breaks `text` at spaces into lines of at most `width` characters.
///
/// A word longer than a line gets a line of its own: paths and commands stay whole, to be copied.
/// So does what stands between backticks, unless it alone is longer than a line.
pub(crate) fn wrap(text: &str, width: usize) -> String {
    let width = width.max(1);
    let mut out = String::with_capacity(text.len() + text.len() / width);
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        wrap_line(line, width, &mut out);
    }
    out
}

fn wrap_line(line: &str, width: usize, out: &mut String) {
    let mut used = 0;
    for (number, word) in words(line, width).into_iter().enumerate() {
        let letters = word.chars().count();
        if number > 0 {
            if used + 1 + letters > width {
                out.push('\n');
                used = 0;
            } else {
                out.push(' ');
                used += 1;
            }
        }
        out.push_str(word);
        used += letters;
    }
}

/// The pieces between which a line may be broken.
fn words(line: &str, width: usize) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut quote: Option<usize> = None;
    for (at, letter) in line.char_indices() {
        match letter {
            '`' => quote = quote.is_none().then_some(at),
            ' ' => {
                let is_quoted = quote.is_some_and(|open| {
                    let inner = &line[open + 1..];
                    inner
                        .char_indices()
                        .take(width)
                        .any(|(_, letter)| letter == '`')
                });
                if !is_quoted {
                    words.push(&line[start..at]);
                    start = at + 1;
                }
            }
            _ => {}
        }
    }
    words.push(&line[start..]);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_outside_backticks() {
        assert_eq!(wrap("one two three", 8), "one two\nthree");
        assert_eq!(
            wrap("run `fluxgen build` now", 16),
            "run\n`fluxgen build`\nnow"
        );
        assert_eq!(wrap("a\nb c", 2), "a\nb\nc");
        assert_eq!(wrap("averylongword x", 4), "averylongword\nx");
        assert_eq!(wrap("a ` b c d e f g", 6), "a ` b\nc d e\nf g");
        assert_eq!(wrap("", 0), "");
    }

    #[test]
    fn wrapping_changes_spaces_alone() {
        let text = "the `value of` this is `never closed and goes on";
        for width in 0..60 {
            assert_eq!(wrap(text, width).replace('\n', " "), text, "{width}");
        }
    }
}
