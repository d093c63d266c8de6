//! Patterns of cluster and group names: `*` is any text, `?` any one character.

/// A pattern, taken apart once for many names.
#[derive(Debug)]
pub(crate) struct Pattern<'p> {
    /// The texts between the stars; one where there is no star.
    pieces: Vec<&'p str>,
}

/// Whether a name is a pattern.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

impl<'p> Pattern<'p> {
    pub(crate) fn new(text: &'p str) -> Self {
        let mut pieces: Vec<&str> = text.split('*').collect();
        // Stars in a row are one; the first and the last piece are where the name begins and ends.
        let last = pieces.len() - 1;
        let mut at = 0;
        pieces.retain(|piece| {
            at += 1;
            at == 1 || at == last + 1 || !piece.is_empty()
        });
        Self { pieces }
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        let [first, between @ .., last] = self.pieces.as_slice() else {
            let piece = self.pieces.first().copied().unwrap_or_default();
            return starts_with(name, piece).is_some_and(str::is_empty);
        };
        let Some(mut rest) = starts_with(name, first) else {
            return false;
        };
        for piece in between {
            let Some(after) = find(rest, piece) else {
                return false;
            };
            rest = after;
        }
        let wanted = last.chars().count();
        let Some(from) = rest.chars().count().checked_sub(wanted) else {
            return false;
        };
        let from = rest
            .char_indices()
            .nth(from)
            .map_or(rest.len(), |(at, _)| at);
        starts_with(&rest[from..], last).is_some()
    }
}

/// What follows a piece at the start of a text.
fn starts_with<'t>(text: &'t str, piece: &str) -> Option<&'t str> {
    if !piece.contains('?') {
        return text.strip_prefix(piece);
    }
    let mut rest = text.chars();
    for wanted in piece.chars() {
        let found = rest.next()?;
        if wanted != '?' && wanted != found {
            return None;
        }
    }
    Some(rest.as_str())
}

/// What follows the first place of a piece in a text. The first is as good as any: what is left of the text is the most.
fn find<'t>(text: &'t str, piece: &str) -> Option<&'t str> {
    if !piece.contains('?') {
        return text.find(piece).map(|at| &text[at + piece.len()..]);
    }
    let mut starts = text.char_indices().map(|(at, _)| &text[at..]);
    starts.find_map(|rest| starts_with(rest, piece))
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn stars_and_question_marks_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("prod-*", "prod-eu", true),
            ("prod-*", "prod-", true),
            ("prod-*", "prod", false),
            ("*-eu", "prod-eu", true),
            ("*", "", true),
            ("**", "a", true),
            ("", "", true),
            ("", "a", false),
            ("p?od", "prod", true),
            ("p?od", "pod", false),
            ("a*b*c", "axxbyybzc", true),
            ("a*b*c", "axxbyybz", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "ac", false),
            ("a*a", "a", false),
            ("*aab*", "aaab", true),
            ("*a?b*", "aaxb", true),
            ("*?", "", false),
            ("*?", "\u{e4}", true),
            ("?*?", "\u{e4}", false),
            ("*ab*ab", "ab", false),
            ("*ab*ab", "abxab", true),
            ("prod", "Prod", false),
        ] {
            assert_eq!(
                Pattern::new(pattern).matches(name),
                expected,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn many_stars_take_bounded_time() {
        assert!(!Pattern::new(&"*a".repeat(500)).matches(&"b".repeat(5000)));
        assert!(!Pattern::new(&"*?a".repeat(500)).matches(&"ab".repeat(5000)));
    }
}
