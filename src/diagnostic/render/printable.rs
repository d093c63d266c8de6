//! Text of others, made fit for a terminal and for the log of a CI runner.
//!
//! What a TOML file or a YAML tree holds may be meant for a terminal: escape sequences that clear
//! the screen, carriage returns and direction marks that show another text than the one that is
//! there (<https://trojansource.codes/>). Or for a runner that reads commands in its log: `::name::` at
//! the start of a line, also after spaces, `##[name]` and `##vso[name]` anywhere in one. Everything printed
//! for people goes through here.

use std::borrow::Cow;

/// `text` with every character that acts instead of being seen replaced by one that is seen, and
/// a `\\` before what a runner would read as a command. Line breaks stay, and tabs become a space.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) && !commands(text) {
        return Cow::Borrowed(text);
    }
    let shown: String = text
        .chars()
        .map(|letter| if letter == '\n' { letter } else { seen(letter) })
        .collect();
    Cow::Owned(without_commands(&shown))
}

/// Like [`printable`], on one line.
pub(crate) fn printable_line(text: &str) -> Cow<'_, str> {
    if !text.contains(|letter| letter == '\n' || acts(letter)) && !commands(text) {
        return Cow::Borrowed(text);
    }
    let shown: String = text.chars().map(seen).collect();
    Cow::Owned(without_commands(&shown))
}

/// JSON that a reader can print as it is: characters that act are escaped as JSON escapes them.
pub(crate) fn printable_json(json: &str) -> Cow<'_, str> {
    if !json.contains(acts) && !json.contains("##") {
        return Cow::Borrowed(json);
    }
    // Outside of strings JSON has none of these but line breaks and tabs.
    let mut shown = String::with_capacity(json.len() + 16);
    let mut before = ' ';
    for letter in json.chars() {
        match letter {
            '\n' | '\t' => shown.push(letter),
            '#' if before == '#' => shown.push_str("\\u0023"),
            _ if acts(letter) => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    shown.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => shown.push(letter),
        }
        before = letter;
    }
    Cow::Owned(shown)
}

/// The visible stand-in of one character; most stand for themselves.
pub(super) fn seen(letter: char) -> char {
    match letter {
        '\t' => ' ',
        '\n' => '␤',
        '\u{7f}' => '␡',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(letter)).unwrap_or('\u{fffd}'),
        _ if acts(letter) => '\u{fffd}',
        other => other,
    }
}

/// Whether a character acts instead of being seen; a line break does what it is there for.
fn acts(letter: char) -> bool {
    matches!(
        letter,
        '\0'..='\u{9}' | '\u{b}'..='\u{1f}' | '\u{7f}'
        // C1 controls: U+009B starts an escape sequence on some terminals
        | '\u{80}'..='\u{9f}'
        // line and paragraph separators
        | '\u{2028}' | '\u{2029}'
        // marks, embeddings, overrides and isolates of direction
        | '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
        // characters without width
        | '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}' | '\u{034f}'
        | '\u{180e}' | '\u{fff9}'..='\u{fffb}'
        // invisible tags
        | '\u{e0000}'..='\u{e007f}'
    )
}

/// Whether a runner might read a command in a text.
fn commands(text: &str) -> bool {
    text.contains("##") || text.contains("::")
}

fn without_commands(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 8);
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            shown.push('\n');
        }
        let start = line.len() - line.trim_start().len();
        shown.push_str(&line[..start]);
        if line[start..].starts_with("::") {
            shown.push('\\');
        }
        let mut rest = &line[start..];
        while let Some(at) = rest.find("##") {
            let after = &rest[at + 2..];
            let word = after.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric());
            shown.push_str(&rest[..=at]);
            if word.starts_with('[') {
                shown.push('\\');
            }
            rest = &rest[at + 1..];
        }
        shown.push_str(rest);
    }
    shown
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
        assert!(matches!(
            printable("Grüße, 世界 👋 a::b # ##"),
            Cow::Borrowed(_) | Cow::Owned(_)
        ));
        assert_eq!(
            printable("Grüße, 世界 👋 a::b # ##"),
            "Grüße, 世界 👋 a::b # ##"
        );
    }

    #[test]
    fn a_runner_reads_no_command() {
        for (text, shown) in [
            ("::error::x", "\\::error::x"),
            ("a\n  ::error::x\n::", "a\n  \\::error::x\n\\::"),
            ("std::fmt and a ::x::", "std::fmt and a ::x::"),
            ("x ##vso[task.setvariable]y", "x #\\#vso[task.setvariable]y"),
            ("##[error]x ###[add-mask]", "#\\#[error]x ##\\#[add-mask]"),
            ("##teamcity[x", "#\\#teamcity[x"),
            ("## a heading [1]", "## a heading [1]"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    #[test]
    fn json_stays_what_it_is_and_prints_no_control() {
        let text = serde_json::json!({"a": "\u{202e}x\u{9b}\u{7f}\u{e0041}##vso[y]\n\u{1b}"});
        let json = serde_json::to_string_pretty(&text).expect("it is JSON");
        let shown = printable_json(&json);
        assert!(!shown.contains(acts) && !shown.contains("##"), "{shown}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).ok(),
            Some(text)
        );
    }
}
