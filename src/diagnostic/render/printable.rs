//! Text of others, made fit for a terminal.
//!
//! What a TOML file or a YAML tree holds may be meant for a terminal: escape sequences that clear
//! the screen, carriage returns and direction marks that show another text than the one that is
//! there (<https://trojansource.codes/>). Everything printed for people goes through here.

use std::borrow::Cow;

/// `text` with every character that acts instead of being seen replaced by one that is seen.
/// Line breaks stay, and tabs become a space.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text
        .chars()
        .all(|letter| letter == '\n' || seen(letter) == letter)
    {
        return Cow::Borrowed(text);
    }
    text.chars()
        .map(|letter| if letter == '\n' { letter } else { seen(letter) })
        .collect()
}

/// Like [`printable`], on one line.
pub(crate) fn printable_line(text: &str) -> Cow<'_, str> {
    if text.chars().all(|letter| seen(letter) == letter) {
        return Cow::Borrowed(text);
    }
    text.chars().map(seen).collect()
}

/// The visible stand-in of one character; most stand for themselves.
pub(super) fn seen(letter: char) -> char {
    match letter {
        '\t' => ' ',
        '\n' => '␤',
        '\u{7f}' => '␡',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(letter)).unwrap_or('\u{fffd}'),
        // C1 controls: U+009B starts an escape sequence on some terminals
        '\u{80}'..='\u{9f}'
        // line and paragraph separators
        | '\u{2028}' | '\u{2029}'
        // marks, embeddings, overrides and isolates of direction
        | '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        // characters without width
        | '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\u{034f}'
        // invisible tags
        | '\u{e0000}'..='\u{e007f}' => '\u{fffd}',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_shown_instead() {
        assert_eq!(printable("\u{1b}[2J\r\u{7}x\u{7f}"), "␛[2J␍␇x␡");
        assert_eq!(printable("a\tb\nc"), "a b\nc");
        assert_eq!(printable_line("a\nb"), "a␤b");
        assert_eq!(
            printable("\u{9b}31m\u{202e}\u{200b}\u{e0041}"),
            "\u{fffd}31m\u{fffd}\u{fffd}\u{fffd}"
        );
        assert!(matches!(printable("Grüße, 世界 👋"), Cow::Borrowed(_)));
    }
}
