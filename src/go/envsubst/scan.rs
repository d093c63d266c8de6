//! The scanner of the grammar: which bytes of a text belong to a token.
//!
//! It follows the Go module step by step, its widths of steps back included, so that malformed texts
//! fail, and odd ones pass, as they do there.

/// What the scanner found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    End,
    Text,
    /// `${`
    Open,
    /// `}`
    Close,
    Other,
}

/// What `scan` may recognise.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mode {
    pub(super) text: bool,
    pub(super) open: bool,
    pub(super) close: bool,
    pub(super) escape: bool,
}

/// Whether a letter belongs to a text; `length` is that of the text in bytes, the letter included.
pub(super) type Accept = fn(letter: char, length: usize) -> bool;

pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// How far `unread` goes back.
    width: usize,
    pub(super) mode: Mode,
    pub(super) accept: Accept,
    /// A backslash escapes `/` and itself where escapes are read at all.
    pub(super) backslash: bool,
    /// The text of the last token.
    token: Vec<u8>,
}

/// Ends the text, as the end does.
const END: char = '\0';

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            width: 0,
            mode: Mode::default(),
            accept: |_, _| true,
            backslash: false,
            token: Vec::new(),
        }
    }

    pub(super) fn read(&mut self) -> char {
        // A step back may end inside of a letter: Go reads the rest of it as a letter of one byte.
        let Some(rest) = self
            .text
            .as_bytes()
            .get(self.at..)
            .filter(|it| !it.is_empty())
        else {
            self.width = 0;
            return END;
        };
        let letter = match self.text.get(self.at..) {
            Some(rest) => rest.chars().next(),
            None => None,
        };
        debug_assert!(!rest.is_empty());
        self.width = letter.map_or(1, char::len_utf8);
        self.at += self.width;
        letter.unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    pub(super) fn unread(&mut self) {
        self.at = self.at.saturating_sub(self.width);
    }

    pub(super) fn peek(&mut self) -> char {
        let letter = self.read();
        self.unread();
        letter
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.token)
    }

    pub(super) fn scan(&mut self) -> Token {
        self.token.clear();
        let start = self.at;
        let letter = self.read();
        if letter == END {
            return Token::End;
        }
        if self.opens(letter) {
            return Token::Open;
        }
        if self.mode.close && letter == '}' {
            return Token::Close;
        }
        match self.text_from(start, letter) {
            true => Token::Text,
            false => Token::Other,
        }
    }

    fn text_from(&mut self, start: usize, letter: char) -> bool {
        if !self.mode.text {
            return false;
        }
        if self.is_escape(letter) {
            self.take_escaped();
        } else if (self.accept)(letter, self.at - start) {
            self.keep(start);
        } else {
            return false;
        }
        loop {
            let start = self.at;
            let letter = self.read();
            if letter == END {
                self.unread();
                break;
            }
            if self.opens(letter) {
                self.at = start;
                break;
            }
            if self.is_escape(letter) {
                self.take_escaped();
                continue;
            }
            if !(self.accept)(letter, self.token.len() + (self.at - start)) {
                self.unread();
                break;
            }
            self.keep(start);
        }
        true
    }

    fn keep(&mut self, start: usize) {
        self.token
            .extend_from_slice(&self.text.as_bytes()[start..self.at]);
    }

    /// The letter behind the escaping one is taken whatever it is.
    fn take_escaped(&mut self) {
        let start = self.at;
        self.at = (self.at + 1).min(self.text.len());
        self.keep(start);
    }

    fn opens(&mut self, letter: char) -> bool {
        if !self.mode.open || letter != '$' {
            return false;
        }
        if self.read() == '{' {
            return true;
        }
        self.unread();
        false
    }

    fn is_escape(&mut self, letter: char) -> bool {
        if !self.mode.escape {
            return false;
        }
        match letter {
            '$' => self.peek() == '$',
            '\\' if self.backslash => matches!(self.peek(), '/' | '\\'),
            _ => false,
        }
    }
}
