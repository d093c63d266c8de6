//! The tokens of a CEL expression.

use super::{CelError, Type};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub at: usize,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Name(String),
    Literal(Type),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// Longest first.
const SIGNS: &[&str] = &[
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!",
    "?", ":", "+", "*", "/", "%",
];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, CelError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn next(&mut self) -> Result<Option<Token>, CelError> {
        loop {
            let rest = self.rest();
            let blank = rest.len()
                - rest
                    .trim_start_matches([' ', '\t', '\r', '\n', '\u{c}'])
                    .len();
            self.at += blank;
            if !self.rest().starts_with("//") {
                break;
            }
            let comment = self.rest().find('\n').unwrap_or(self.rest().len());
            self.at += comment;
        }
        let at = self.at;
        let Some(first) = self.rest().chars().next() else {
            return Ok(None);
        };
        let kind = if let Some(quoted) = self.quoted()? {
            quoted
        } else if first.is_ascii_alphabetic() || first == '_' {
            self.name()
        } else if first.is_ascii_digit()
            || (first == '.' && self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()))
        {
            self.number()?
        } else {
            let sign = SIGNS.iter().find(|sign| self.rest().starts_with(**sign));
            let Some(sign) = sign else {
                return Err(match first {
                    '&' | '|' => CelError::new(at, format!("`{first}` alone is not an operator"))
                        .with_help(format!("write `{first}{first}`")),
                    '=' => {
                        CelError::new(at, "`=` alone is not an operator").with_help("write `==`")
                    }
                    '"' | '\'' => CelError::new(
                        at,
                        format!("the string that starts with `{first}` does not end"),
                    ),
                    _ => CelError::new(at, format!("unexpected `{first}`")),
                });
            };
            self.at += sign.len();
            Kind::Sign(sign)
        };
        Ok(Some(Token { at, kind }))
    }

    fn name(&mut self) -> Kind {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        self.at += end;
        match name.as_str() {
            "true" | "false" => Kind::Literal(Type::Bool),
            "null" => Kind::Literal(Type::Null),
            "in" => Kind::Sign("in"),
            _ => Kind::Name(name),
        }
    }

    fn number(&mut self) -> Result<Kind, CelError> {
        let at = self.at;
        let rest = self.rest().to_owned();
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        if let Some(hex) = rest.strip_prefix("0x") {
            let count = hex.bytes().take_while(u8::is_ascii_hexdigit).count();
            if count > 0 {
                self.at += 2 + count;
                let is_unsigned = self.rest().starts_with(['u', 'U']);
                self.at += usize::from(is_unsigned);
                return self.integer(at, u64::from_str_radix(&hex[..count], 16).ok(), is_unsigned);
            }
        }
        let whole = digits(&rest);
        let mut end = whole;
        let fraction = rest[end..].strip_prefix('.').map_or(0, digits);
        if fraction > 0 {
            end += 1 + fraction;
        }
        let exponent = rest[end..].strip_prefix(['e', 'E']).map_or(0, |after| {
            let sign = usize::from(after.starts_with(['+', '-']));
            match digits(&after[sign..]) {
                0 => 0,
                count => 1 + sign + count,
            }
        });
        end += exponent;
        self.at += end;
        if fraction > 0 || exponent > 0 {
            return Ok(Kind::Literal(Type::Double));
        }
        let is_unsigned = self.rest().starts_with(['u', 'U']);
        self.at += usize::from(is_unsigned);
        self.integer(at, rest[..whole].parse().ok(), is_unsigned)
    }

    fn integer(&self, at: usize, value: Option<u64>, is_unsigned: bool) -> Result<Kind, CelError> {
        // The minus of the lowest integer is a sign of its own.
        let is_negative = self.text[..at].trim_end().ends_with('-');
        let most = match (is_unsigned, is_negative) {
            (true, _) => u64::MAX,
            (false, true) => i64::MIN.unsigned_abs(),
            (false, false) => i64::MAX.unsigned_abs(),
        };
        if value.is_none_or(|value| value > most) {
            let number = &self.text[at..self.at];
            return Err(CelError::new(at, format!("`{number}` is out of range")));
        }
        Ok(Kind::Literal(if is_unsigned {
            Type::Uint
        } else {
            Type::Int
        }))
    }

    /// A string or bytes, with their prefixes.
    fn quoted(&mut self) -> Result<Option<Kind>, CelError> {
        let start = self.at;
        let mut rest = self.rest();
        let is_bytes = rest.starts_with(['b', 'B']);
        if is_bytes {
            rest = &rest[1..];
        }
        let is_raw = rest.starts_with(['r', 'R']);
        if is_raw {
            rest = &rest[1..];
        }
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            return Ok(None);
        };
        let triple = quote.to_string().repeat(3);
        let is_triple = rest.starts_with(&triple);
        let close = if is_triple { triple } else { quote.to_string() };
        let mut at = self.text.len() - rest.len() + close.len();
        loop {
            let rest = &self.text[at..];
            if rest.starts_with(&close) {
                break at += close.len();
            }
            let Some(next) = rest.chars().next() else {
                return Err(unclosed(start, quote));
            };
            if !is_triple && matches!(next, '\n' | '\r') {
                return Err(unclosed(start, quote));
            }
            at += match next {
                '\\' if !is_raw => escape(rest).ok_or_else(|| bad_escape(at, rest))?,
                other => other.len_utf8(),
            };
        }
        self.at = at;
        Ok(Some(Kind::Literal(if is_bytes {
            Type::Bytes
        } else {
            Type::String
        })))
    }
}

fn unclosed(at: usize, quote: char) -> CelError {
    CelError::new(at, "the string does not end").with_help(format!("close it with `{quote}`"))
}

fn bad_escape(at: usize, rest: &str) -> CelError {
    let escape: String = rest.chars().take(2).collect();
    CelError::new(at, format!("unknown escape `{escape}` in a string"))
        .with_help("write `\\\\` for a backslash, or a raw string: `r'…'`")
}

/// The length of the escape that `rest` starts with.
fn escape(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let hex = |count: usize| {
        let digits = bytes.get(2..2 + count)?;
        let value = digits
            .iter()
            .all(u8::is_ascii_hexdigit)
            .then(|| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())??;
        (count == 2 || char::from_u32(value).is_some()).then_some(2 + count)
    };
    match bytes.get(1)? {
        b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'"' | b'\'' | b'\\' | b'?' | b'`' => {
            Some(2)
        }
        b'x' | b'X' => hex(2),
        b'u' => hex(4),
        b'U' => hex(8),
        b'0'..=b'3' => {
            let octal = bytes.get(2..4)?;
            octal
                .iter()
                .all(|digit| matches!(digit, b'0'..=b'7'))
                .then_some(4)
        }
        _ => None,
    }
}
