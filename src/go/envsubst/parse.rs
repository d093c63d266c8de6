//! The parser of the grammar.

use std::sync::LazyLock;

use regex::Regex;

use super::scan::{Accept, Mode, Scanner, Token};
use super::{Expansion, Malformed, Part, Template};

/// Expressions inside of each other.
const DEEPEST: usize = 200;

const TEXT: Mode = Mode {
    text: true,
    open: false,
    close: false,
    escape: false,
};

pub(super) fn parse(text: &str) -> Result<Template, Malformed> {
    let mut parser = Parser {
        scanner: Scanner::new(text),
        depth: 0,
    };
    let mut parts = Vec::new();
    loop {
        let scanner = &mut parser.scanner;
        scanner.accept = |_, _| true;
        scanner.mode = Mode {
            open: true,
            escape: true,
            ..TEXT
        };
        scanner.backslash = false;
        match scanner.scan() {
            Token::Text => parts.push(Part::Text(scanner.take())),
            Token::Open => parts.push(Part::Expansion(parser.expansion()?)),
            Token::End => return Ok(Template { parts }),
            Token::Close | Token::Other => return Err(Malformed::BadSubstitution),
        }
    }
}

struct Parser<'t> {
    scanner: Scanner<'t>,
    depth: usize,
}

impl Parser<'_> {
    /// What is behind `${`.
    fn expansion(&mut self) -> Result<Expansion, Malformed> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Malformed::TooDeep);
        }
        let read = self.expression();
        self.depth -= 1;
        read
    }

    fn expression(&mut self) -> Result<Expansion, Malformed> {
        self.scanner.backslash = true;
        if self.scanner.peek() == '#' {
            return self.length();
        }
        let name = self.text(is_name, Malformed::VariableName)?;
        match self.scanner.peek() {
            ':' => self.default_or_slice(name),
            '=' => self.default(name),
            ',' | '^' => self.case(name),
            '/' => self.replacement(name),
            '#' => self.removal(name, |letter, length| letter == '#' && length < 3),
            '%' => self.removal(name, |letter, length| letter == '%' && length < 3),
            _ => {
                self.close(Malformed::MissingClosingBrace)?;
                Ok(Expansion {
                    name,
                    operator: String::new(),
                    arguments: Vec::new(),
                })
            }
        }
    }

    fn text(&mut self, accept: Accept, otherwise: Malformed) -> Result<String, Malformed> {
        self.scanner.accept = accept;
        self.scanner.mode = TEXT;
        match self.scanner.scan() {
            Token::Text => Ok(String::from_utf8_lossy(&self.scanner.take()).into_owned()),
            Token::End | Token::Open | Token::Close | Token::Other => Err(otherwise),
        }
    }

    fn close(&mut self, otherwise: Malformed) -> Result<(), Malformed> {
        self.scanner.mode = Mode {
            close: true,
            ..Mode::default()
        };
        match self.scanner.scan() {
            Token::Close => Ok(()),
            Token::End | Token::Open | Token::Text | Token::Other => Err(otherwise),
        }
    }

    fn argument(&mut self, accept: Accept, escape: bool) -> Result<Part, Malformed> {
        self.scanner.accept = accept;
        self.scanner.mode = Mode {
            open: true,
            escape,
            ..TEXT
        };
        match self.scanner.scan() {
            Token::Open => Ok(Part::Expansion(self.expansion()?)),
            Token::Text => Ok(Part::Text(self.scanner.take())),
            Token::End | Token::Close | Token::Other => Err(Malformed::Argument),
        }
    }

    fn default_or_slice(&mut self, name: String) -> Result<Expansion, Malformed> {
        self.scanner.read();
        let next = self.scanner.peek();
        // As far as the letter just looked at is wide, not as the colon is: a wide letter fails below.
        self.scanner.unread();
        match next {
            '=' | '-' | '?' | '+' => self.default(name),
            _ => self.slice(name),
        }
    }

    /// `${name:offset}` and `${name:offset:length}`.
    fn slice(&mut self, name: String) -> Result<Expansion, Malformed> {
        let operator = self.text(
            |letter, length| length == 1 && letter == ':',
            Malformed::BadSubstitution,
        )?;
        let mut arguments = vec![self.argument(|letter, _| !matches!(letter, ':' | '}'), false)?];
        self.scanner.accept = |letter, _| letter == ':';
        self.scanner.mode = Mode {
            close: true,
            ..TEXT
        };
        match self.scanner.scan() {
            Token::Close => {}
            Token::Text => {
                arguments.push(self.argument(is_inside, false)?);
                self.close(Malformed::BadSubstitution)?;
            }
            Token::End | Token::Open | Token::Other => return Err(Malformed::BadSubstitution),
        }
        Ok(Expansion {
            name,
            operator,
            arguments,
        })
    }

    /// `${name#pattern}`, `##`, `%`, `%%`.
    fn removal(&mut self, name: String, accept: Accept) -> Result<Expansion, Malformed> {
        let operator = self.text(accept, Malformed::BadSubstitution)?;
        let arguments = vec![self.argument(is_inside, false)?];
        self.close(Malformed::BadSubstitution)?;
        Ok(Expansion {
            name,
            operator,
            arguments,
        })
    }

    /// `${name/text/replacement}`, `//`, `/#`, `/%`.
    fn replacement(&mut self, name: String) -> Result<Expansion, Malformed> {
        let operator = self.text(
            |letter, length| match length {
                1 => letter == '/',
                2 => matches!(letter, '/' | '#' | '%'),
                _ => false,
            },
            Malformed::BadSubstitution,
        )?;
        let mut arguments = vec![self.argument(|letter, _| letter != '/', true)?];
        self.text(|letter, _| letter == '/', Malformed::BadSubstitution)?;
        if self.scanner.peek() != '}' {
            arguments.push(self.argument(is_inside, true)?);
        }
        self.close(Malformed::BadSubstitution)?;
        Ok(Expansion {
            name,
            operator,
            arguments,
        })
    }

    /// `${name:-default}`, `:=`, `:?`, `:+` and `=`.
    fn default(&mut self, name: String) -> Result<Expansion, Malformed> {
        let accept: Accept = match self.scanner.peek() {
            '=' => |letter, length| length == 1 && letter == '=',
            _ => |letter, length| match length {
                1 => letter == ':',
                2 => matches!(letter, '=' | '-' | '?' | '+'),
                _ => false,
            },
        };
        let operator = self.text(accept, Malformed::DefaultOperator)?;
        let mut arguments = Vec::new();
        while self.scanner.peek() != '}' {
            arguments.push(self.argument(is_inside, false)?);
        }
        self.close(Malformed::BadSubstitution)?;
        Ok(Expansion {
            name,
            operator,
            arguments,
        })
    }

    /// `${name,}`, `,,`, `^`, `^^`.
    fn case(&mut self, name: String) -> Result<Expansion, Malformed> {
        let operator = self.text(
            |letter, length| matches!(letter, ',' | '^') && length < 3,
            Malformed::BadSubstitution,
        )?;
        self.close(Malformed::BadSubstitution)?;
        Ok(Expansion {
            name,
            operator,
            arguments: Vec::new(),
        })
    }

    /// `${#name}`.
    fn length(&mut self) -> Result<Expansion, Malformed> {
        let operator = self.text(
            |letter, length| letter == '#' && length == 1,
            Malformed::BadSubstitution,
        )?;
        let name = self.text(is_name, Malformed::BadSubstitution)?;
        self.close(Malformed::BadSubstitution)?;
        Ok(Expansion {
            name,
            operator,
            arguments: Vec::new(),
        })
    }
}

fn is_inside(letter: char, _length: usize) -> bool {
    letter != '}'
}

/// Go's `unicode.IsLetter`, `unicode.IsDigit` and the underscore.
fn is_name(letter: char, _length: usize) -> bool {
    static WIDE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^[\p{L}\p{Nd}]$").expect("a fixed pattern"));
    match letter.is_ascii() {
        true => letter.is_ascii_alphanumeric() || letter == '_',
        false => WIDE.is_match(letter.encode_utf8(&mut [0; 4])),
    }
}
