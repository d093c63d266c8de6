//! The items of a template: text, and what is between `{{` and `}}`.

use super::TemplateError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub at: usize,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Open,
    Close,
    Space,
    Bool,
    Nil,
    Dot,
    Number,
    /// A character such as `'x'`.
    Char,
    /// A string, quoted or raw.
    String,
    /// `.Name`
    Field(String),
    /// `$name`, or `$` alone.
    Variable(String),
    Name(String),
    Keyword(Keyword),
    Assign,
    Declare,
    Pipe,
    ParenOpen,
    ParenClose,
    Comma,
    /// Another printable character, which no rule takes.
    Other(char),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
}

const KEYWORDS: &[(&str, Keyword)] = &[
    ("block", Keyword::Block),
    ("break", Keyword::Break),
    ("continue", Keyword::Continue),
    ("define", Keyword::Define),
    ("else", Keyword::Else),
    ("end", Keyword::End),
    ("if", Keyword::If),
    ("range", Keyword::Range),
    ("template", Keyword::Template),
    ("with", Keyword::With),
];

impl Keyword {
    pub(super) fn as_str(self) -> &'static str {
        KEYWORDS
            .iter()
            .find_map(|(word, keyword)| (*keyword == self).then_some(*word))
            .unwrap_or_default()
    }
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

pub(super) fn items(text: &str) -> Result<Vec<Item>, TemplateError> {
    let mut lexer = Lexer {
        text,
        at: 0,
        items: Vec::new(),
        opened: 0,
        parens: 0,
    };
    lexer.whole()?;
    Ok(lexer.items)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    items: Vec<Item>,
    /// Where the current action starts.
    opened: usize,
    parens: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn push(&mut self, length: usize, kind: Kind) {
        self.items.push(Item { at: self.at, kind });
        self.at += length;
    }

    fn whole(&mut self) -> Result<(), TemplateError> {
        while !self.rest().is_empty() {
            match self.rest().find("{{") {
                Some(0) => self.action()?,
                Some(length) => self.push(length, Kind::Text),
                None => self.push(self.rest().len(), Kind::Text),
            }
        }
        Ok(())
    }

    fn action(&mut self) -> Result<(), TemplateError> {
        self.opened = self.at;
        self.parens = 0;
        let inside = &self.rest()[2..];
        let trim = usize::from(inside.starts_with('-') && inside[1..].starts_with(SPACES)) * 2;
        if inside[trim..].starts_with("/*") {
            return self.comment(2 + trim);
        }
        self.push(2 + trim, Kind::Open);
        loop {
            if let Some(length) = self.closing() {
                if self.parens > 0 {
                    return Err(self.fault("`(` without `)`").with_help("add `)`"));
                }
                self.push(length, Kind::Close);
                return Ok(());
            }
            self.inside()?;
        }
    }

    /// The length of the end of the action, if it is here.
    fn closing(&self) -> Option<usize> {
        let rest = self.rest();
        if rest.starts_with(SPACES) && rest[1..].starts_with("-}}") {
            return Some(4);
        }
        rest.starts_with("}}").then_some(2)
    }

    fn comment(&mut self, start: usize) -> Result<(), TemplateError> {
        let Some(end) = self.rest()[start + 2..].find("*/") else {
            return Err(self
                .fault("the comment does not end")
                .with_help("close it with `*/}}`"));
        };
        self.at += start + 2 + end + 2;
        match self.closing() {
            Some(length) => {
                self.at += length;
                Ok(())
            }
            None => Err(self
                .fault("`}}` is missing after the comment")
                .with_help("close it with `*/}}`; a comment is alone between `{{` and `}}`")),
        }
    }

    fn fault(&self, message: impl Into<String>) -> TemplateError {
        TemplateError::new(self.at, message)
    }

    fn inside(&mut self) -> Result<(), TemplateError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Err(
                TemplateError::new(self.opened, "the action `{{` does not end")
                    .with_help("close it with `}}`"),
            );
        };
        match first {
            _ if SPACES.contains(&first) => {
                let mut length = rest.len() - rest.trim_start_matches(SPACES).len();
                // The last space can belong to `-}}`.
                if rest[length..].starts_with("-}}") {
                    length -= 1;
                }
                match length {
                    // Unreachable: `closing` has taken it.
                    0 => {}
                    _ => self.push(length, Kind::Space),
                }
            }
            '=' => self.push(1, Kind::Assign),
            ':' if rest[1..].starts_with('=') => self.push(2, Kind::Declare),
            ':' => return Err(self.fault("`:` without `=`").with_help("write `:=`")),
            '|' => self.push(1, Kind::Pipe),
            ',' => self.push(1, Kind::Comma),
            '(' => {
                self.parens += 1;
                self.push(1, Kind::ParenOpen);
            }
            ')' => {
                self.parens = self
                    .parens
                    .checked_sub(1)
                    .ok_or_else(|| TemplateError::new(self.at, "`)` without `(`"))?;
                self.push(1, Kind::ParenClose);
            }
            '"' | '\'' => return self.quoted(first),
            '`' => {
                let Some(end) = rest[1..].find('`') else {
                    return Err(self.fault("the raw string does not end"));
                };
                self.push(end + 2, Kind::String);
            }
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => return self.number(),
            '+' | '-' => return self.number(),
            _ if first.is_ascii_digit() => return self.number(),
            '.' | '$' => return self.field_or_variable(first),
            _ if is_word(first) => return self.word(),
            _ if first.is_ascii_graphic() => self.push(1, Kind::Other(first)),
            _ => return Err(self.fault(format!("unexpected `{}`", first.escape_debug()))),
        }
        Ok(())
    }

    fn word_length(&self, after: usize) -> usize {
        let rest = &self.rest()[after..];
        after + rest.find(|c| !is_word(c)).unwrap_or(rest.len())
    }

    fn field_or_variable(&mut self, first: char) -> Result<(), TemplateError> {
        let length = self.word_length(1);
        self.terminated(length)?;
        let name = self.rest()[1..length].to_owned();
        self.push(
            length,
            match (first, name.is_empty()) {
                ('.', true) => Kind::Dot,
                ('.', false) => Kind::Field(name),
                _ => Kind::Variable(name),
            },
        );
        Ok(())
    }

    fn word(&mut self) -> Result<(), TemplateError> {
        let length = self.word_length(0);
        self.terminated(length)?;
        let word = &self.rest()[..length];
        let keyword = KEYWORDS.iter().find(|(name, _)| *name == word);
        let kind = match (word, keyword) {
            (_, Some((_, keyword))) => Kind::Keyword(*keyword),
            ("true" | "false", None) => Kind::Bool,
            ("nil", None) => Kind::Nil,
            _ => Kind::Name(word.to_owned()),
        };
        self.push(length, kind);
        Ok(())
    }

    /// What may follow a name.
    fn terminated(&self, length: usize) -> Result<(), TemplateError> {
        let rest = &self.rest()[length..];
        let is_end = rest.is_empty()
            || rest.starts_with("}}")
            || rest.starts_with(SPACES)
            || rest.starts_with(['.', ',', '|', ':', ')', '(']);
        match rest.chars().next() {
            Some(next) if !is_end => Err(TemplateError::new(
                self.at + length,
                format!("unexpected `{next}` after `{}`", &self.rest()[..length]),
            )),
            _ => Ok(()),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<(), TemplateError> {
        let rest = self.rest();
        let mut at = 1;
        let mut characters = 0;
        loop {
            let Some(next) = rest[at..].chars().next().filter(|c| *c != '\n') else {
                return Err(self
                    .fault("the string does not end")
                    .with_help(format!("close it with `{quote}`")));
            };
            at += match next {
                _ if next == quote => break,
                '\\' => match escape(&rest[at..], quote) {
                    Some(length) => length,
                    None => {
                        let escape: String = rest[at..].chars().take(2).collect();
                        let escape = escape.replace('\n', "␊");
                        return Err(TemplateError::new(
                            self.at + at,
                            format!("unknown escape `{escape}` in a string"),
                        )
                        .with_help("write `\\\\` for a backslash, or a raw string in backquotes"));
                    }
                },
                other => other.len_utf8(),
            };
            characters += 1;
        }
        if quote == '\'' && characters != 1 {
            return Err(self
                .fault("single quotes hold one character")
                .with_help("put strings in double quotes"));
        }
        let kind = if quote == '"' {
            Kind::String
        } else {
            Kind::Char
        };
        self.push(at + 1, kind);
        Ok(())
    }

    fn number(&mut self) -> Result<(), TemplateError> {
        let rest = self.rest();
        let sign = usize::from(rest.starts_with(['+', '-']));
        let mut end = sign;
        let bytes = rest.as_bytes();
        let lower = rest[sign..].to_ascii_lowercase();
        let is_hex = lower.starts_with("0x");
        while let Some(byte) = bytes.get(end) {
            let exponent = match bytes[end - usize::from(end > 0)].to_ascii_lowercase() {
                b'p' => true,
                b'e' => !is_hex,
                _ => false,
            };
            let is_sign = matches!(byte, b'+' | b'-') && exponent && end > sign;
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || is_sign) {
                break;
            }
            end += 1;
        }
        let number = &rest[..end];
        if !is_number(&number[sign..]) {
            return Err(self.fault(format!("`{number}` is not a number")));
        }
        self.terminated_number(end)?;
        self.push(end, Kind::Number);
        Ok(())
    }

    fn terminated_number(&self, length: usize) -> Result<(), TemplateError> {
        match self.rest()[length..]
            .chars()
            .next()
            .filter(|next| is_word(*next))
        {
            Some(_) => Err(self.fault("not a number")),
            None => Ok(()),
        }
    }
}

fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// A number of Go without its sign: integers of four bases, floats and imaginary numbers.
fn is_number(text: &str) -> bool {
    let text = text.strip_suffix('i').unwrap_or(text);
    let lower = text.to_ascii_lowercase();
    let (digits, base): (&str, u32) = match lower.get(..2) {
        Some("0x") => (&lower[2..], 16),
        Some("0b") => (&lower[2..], 2),
        Some("0o") => (&lower[2..], 8),
        _ => (&lower, 10),
    };
    let (mantissa, exponent) = match digits.split_once(if base == 16 { 'p' } else { 'e' }) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let is_exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && exponent.bytes().all(|byte| byte.is_ascii_digit())
    });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_float = mantissa.contains('.') || exponent.is_some();
    let are_digits = |part: &str| part.chars().all(|c| c.is_digit(base) || c == '_');
    let has_digit = mantissa.chars().any(|c| c.is_digit(base));
    let is_octal_like = base == 10 && !is_float && whole.len() > 1 && whole.starts_with('0');
    has_digit
        && is_exponent
        && are_digits(whole)
        && are_digits(fraction)
        && !(is_float && matches!(base, 2 | 8))
        && !(base == 16 && mantissa.contains('.') && exponent.is_none())
        && !(is_octal_like && whole.contains(['8', '9']))
        && !mantissa.ends_with('_')
        && !mantissa.contains("__")
}

/// The length of the escape that `rest` starts with.
fn escape(rest: &str, quote: char) -> Option<usize> {
    let bytes = rest.as_bytes();
    let digits = |from: usize, count: usize, base: u32| {
        let digits = std::str::from_utf8(bytes.get(from..from + count)?).ok()?;
        u32::from_str_radix(digits, base)
            .ok()
            .filter(|_| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    match bytes.get(1)? {
        b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'\\' => Some(2),
        byte if char::from(*byte) == quote => Some(2),
        b'x' => digits(2, 2, 16).map(|_| 4),
        b'u' => digits(2, 4, 16).and_then(char::from_u32).map(|_| 6),
        b'U' => digits(2, 8, 16).and_then(char::from_u32).map(|_| 10),
        b'0'..=b'7' => digits(1, 3, 8).filter(|value| *value < 256).map(|_| 4),
        _ => None,
    }
}
