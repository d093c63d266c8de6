//! Which characters YAML lets into a text.

/// The place of the first character that YAML refuses, even in a comment.
///
/// Source: <https://yaml.org/spec/1.1/#id868524>, as `go.yaml.in/yaml` checks it.
pub(super) fn first_control(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| is_suspect(*byte)) {
        at += found;
        let letter = text[at..].chars().next()?;
        if !is_printable(letter) {
            return Some(at);
        }
        at += letter.len_utf8();
    }
    None
}

/// Whether a byte is a control character or starts a character that may be one.
fn is_suspect(byte: u8) -> bool {
    matches!(byte, 0..=0x08 | 0x0b | 0x0c | 0x0e..=0x1f | 0x7f | 0xc2 | 0xef)
}

fn is_printable(letter: char) -> bool {
    !matches!(u32::from(letter), 0..=0x1f | 0x7f..=0x84 | 0x86..=0x9f | 0xfffe | 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_found_and_letters_are_not() {
        for text in [
            "",
            "a\tb\r\n",
            "é\u{85}\u{a0}",
            "日本語 ｆ",
            "\u{1f600}\u{feff}",
        ] {
            assert_eq!(first_control(text), None, "{text:?}");
        }
        for (text, at) in [("a\0", 1), ("é\u{7f}", 2), ("x\u{9b}", 1), ("ﬀ\u{ffff}", 3)] {
            assert_eq!(first_control(text), Some(at), "{text:?}");
        }
    }
}
