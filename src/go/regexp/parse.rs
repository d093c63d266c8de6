//! The parser: Go's Perl-like syntax in, a pattern of the `regex` crate out.

use regex_syntax::hir::ClassUnicode;

use super::class::{self, Named};
use super::node::{Count, Node};
use super::{RegexpError, SyntaxError, SyntaxFault};

pub(super) struct Parsed {
    pub(super) translation: String,
    pub(super) names: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    ignores_case: bool,
    is_multi_line: bool,
    dot_takes_newline: bool,
    is_lazy: bool,
}

/// What is open: the pattern as a whole, or a group.
struct Frame {
    alternatives: Vec<Node>,
    sequence: Vec<Node>,
    is_capture: bool,
    /// The flags to go back to after the group.
    flags_outside: Flags,
}

impl Frame {
    fn new(is_capture: bool, flags_outside: Flags) -> Self {
        Self {
            alternatives: Vec::new(),
            sequence: Vec::new(),
            is_capture,
            flags_outside,
        }
    }

    fn end_alternative(&mut self) {
        let sequence = std::mem::take(&mut self.sequence);
        self.alternatives.push(Node::sequence(sequence));
    }

    fn close(mut self) -> Node {
        self.end_alternative();
        Node::alternatives(self.alternatives)
    }
}

struct Parser<'p> {
    pattern: &'p str,
    at: usize,
    flags: Flags,
    open: Vec<Frame>,
    names: Vec<String>,
}

type Result<T> = std::result::Result<T, RegexpError>;

/// Go's limit on the height of the tree is 1000. It joins characters and factors alternatives first, which
/// shifts the height a little; what is between is refused by our own limit on nesting, as not checked.
const MAX_HEIGHT: usize = 1020;
/// Go's limit on the program: 128 MB of instructions of 40 bytes.
const MAX_SIZE: u64 = (128 << 20) / 40;
const MAX_REPEAT: u64 = 1000;

pub(super) fn parse(pattern: &str) -> Result<Parsed> {
    let mut parser = Parser {
        pattern,
        at: 0,
        flags: Flags::default(),
        open: vec![Frame::new(false, Flags::default())],
        names: vec![String::new()],
    };
    parser.run()?;
    let Some(whole) = parser.open.pop().filter(|_| parser.open.is_empty()) else {
        return parser.refuse(SyntaxFault::MissingParenthesis, 0, pattern.len());
    };
    let whole = whole.close();
    parser.check_limits(&whole)?;
    Ok(Parsed {
        translation: whole.text,
        names: parser.names,
    })
}

impl<'p> Parser<'p> {
    fn rest(&self) -> &'p str {
        &self.pattern[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, text: &str) -> bool {
        let is_there = self.rest().starts_with(text);
        if is_there {
            self.at += text.len();
        }
        is_there
    }

    fn refuse<T>(&self, fault: SyntaxFault, start: usize, end: usize) -> Result<T> {
        Err(RegexpError::Refused(SyntaxError {
            fault,
            fragment: self.pattern.get(start..end).unwrap_or_default().to_owned(),
            position: start,
        }))
    }

    fn frame(&mut self) -> &mut Frame {
        self.open
            .last_mut()
            .expect("the pattern as a whole is closed only at its end")
    }

    fn push(&mut self, node: Node) {
        self.frame().sequence.push(node);
    }

    fn run(&mut self) -> Result<()> {
        // Where the last token was a repetition, its place: a second operator may not follow.
        let mut last_repeat: Option<usize> = None;
        while let Some(c) = self.peek() {
            let start = self.at;
            let mut repeat = None;
            match c {
                '(' => self.open_group()?,
                '|' => {
                    self.at += 1;
                    self.frame().end_alternative();
                }
                ')' => self.close_group()?,
                '^' => {
                    self.at += 1;
                    let text = if self.flags.is_multi_line {
                        "(?m:^)"
                    } else {
                        r"\A"
                    };
                    self.push(Node::atom(text.into()));
                }
                '$' => {
                    self.at += 1;
                    let text = if self.flags.is_multi_line {
                        "(?m:$)"
                    } else {
                        r"\z"
                    };
                    self.push(Node::atom(text.into()));
                }
                '.' => {
                    self.at += 1;
                    let text = if self.flags.dot_takes_newline {
                        "(?s:.)"
                    } else {
                        r"[^\n]"
                    };
                    self.push(Node::atom(text.into()));
                }
                '[' => self.class()?,
                '*' | '+' | '?' => {
                    self.at += 1;
                    self.repeat(None, start, last_repeat)?;
                    repeat = Some(start);
                }
                '{' => match self.count() {
                    Some(Ok(count)) => {
                        self.repeat(Some(count), start, last_repeat)?;
                        repeat = Some(start);
                    }
                    Some(Err(())) => return self.refuse(SyntaxFault::RepeatCount, start, self.at),
                    None => {
                        self.at += 1;
                        self.literal('{');
                    }
                },
                '\\' => self.escape()?,
                c => {
                    self.at += c.len_utf8();
                    self.literal(c);
                }
            }
            last_repeat = repeat;
        }
        Ok(())
    }

    fn literal(&mut self, c: char) {
        self.set(class::range(c.into(), c.into()), self.flags.ignores_case);
    }

    fn set(&mut self, mut set: ClassUnicode, fold: bool) {
        if fold {
            class::fold(&mut set);
        }
        self.push(Node::atom(class::write(&set)));
    }

    fn open_group(&mut self) -> Result<()> {
        if self.rest().starts_with("(?") {
            return self.perl_group();
        }
        self.at += 1;
        self.open_capture(String::new());
        Ok(())
    }

    fn open_capture(&mut self, name: String) {
        self.names.push(name);
        let flags = self.flags;
        self.open.push(Frame::new(true, flags));
    }

    /// `(?P<name>`, `(?<name>`, `(?flags)` and `(?flags:`.
    fn perl_group(&mut self) -> Result<()> {
        let start = self.at;
        let rest = self.rest();
        let name_at = match () {
            () if rest.starts_with("(?P<") && rest.len() > 4 => Some(4),
            () if rest.starts_with("(?<") && rest.len() > 3 => Some(3),
            () => None,
        };
        if let Some(name_at) = name_at {
            let Some(end) = rest.find('>') else {
                return self.refuse(SyntaxFault::NamedCapture, start, self.pattern.len());
            };
            let name = &rest[name_at..end];
            self.at += end + 1;
            if name.is_empty()
                || !name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            {
                return self.refuse(SyntaxFault::NamedCapture, start, self.at);
            }
            self.open_capture(name.to_owned());
            return Ok(());
        }
        self.at += 2;
        let mut flags = self.flags;
        let (mut sets, mut saw_flag) = (true, false);
        while let Some(c) = self.bump() {
            match c {
                'i' => flags.ignores_case = sets,
                'm' => flags.is_multi_line = sets,
                's' => flags.dot_takes_newline = sets,
                'U' => flags.is_lazy = sets,
                '-' if sets => {
                    sets = false;
                    saw_flag = false;
                    continue;
                }
                ':' | ')' if sets || saw_flag => {
                    if c == ':' {
                        let outside = self.flags;
                        self.open.push(Frame::new(false, outside));
                    }
                    self.flags = flags;
                    return Ok(());
                }
                _ => break,
            }
            saw_flag = true;
        }
        self.refuse(SyntaxFault::PerlSyntax, start, self.at)
    }

    fn close_group(&mut self) -> Result<()> {
        if self.open.len() < 2 {
            return self.refuse(SyntaxFault::UnexpectedParenthesis, 0, self.pattern.len());
        }
        let frame = self.open.pop().expect("two frames are open");
        self.at += 1;
        self.flags = frame.flags_outside;
        let is_capture = frame.is_capture;
        let inner = frame.close();
        self.check_limits(&inner)?;
        self.push(if is_capture { inner.group() } else { inner });
        Ok(())
    }

    /// Repeats what was pushed last. `start` is where the operator stands; the cursor is behind it.
    fn repeat(
        &mut self,
        count: Option<Count>,
        start: usize,
        last_repeat: Option<usize>,
    ) -> Result<()> {
        let operator = &self.pattern[start..self.at];
        let is_lazy = self.eat("?") != self.flags.is_lazy;
        if let Some(last) = last_repeat {
            return self.refuse(SyntaxFault::NestedRepetition, last, self.at);
        }
        let Some(node) = self.frame().sequence.pop() else {
            return self.refuse(SyntaxFault::MissingArgument, start, self.at);
        };
        let repeated = node.repeat(operator, count, is_lazy);
        let is_counted =
            count.is_some_and(|count| count.least >= 2 || count.most.is_some_and(|most| most >= 2));
        if is_counted && repeated.copies > MAX_REPEAT {
            return self.refuse(SyntaxFault::RepeatCount, start, self.at);
        }
        self.check_limits(&repeated)?;
        self.push(repeated);
        Ok(())
    }

    fn check_limits(&self, node: &Node) -> Result<()> {
        if node.height > MAX_HEIGHT {
            return self.refuse(SyntaxFault::Nesting, 0, self.pattern.len());
        }
        if node.size > MAX_SIZE {
            let reason = "the pattern is near Go's limit on the size of a program";
            return Err(RegexpError::NotChecked(reason.into()));
        }
        Ok(())
    }

    /// `{2}`, `{2,}` or `{2,5}` under the cursor, which it passes; nothing where the brace is a brace.
    fn count(&mut self) -> Option<std::result::Result<Count, ()>> {
        let start = self.at;
        let count = self.count_after_brace();
        if count.is_none() {
            self.at = start;
        }
        count
    }

    fn count_after_brace(&mut self) -> Option<std::result::Result<Count, ()>> {
        self.at += 1;
        let least = self.decimal()?;
        let most = match self.eat(",") {
            false => Some(least),
            true if self.peek() == Some('}') => None,
            true => Some(self.decimal()?),
        };
        if !self.eat("}") {
            return None;
        }
        let is_valid =
            least <= MAX_REPEAT && most.is_none_or(|most| most <= MAX_REPEAT && least <= most);
        Some(if is_valid {
            Ok(Count { least, most })
        } else {
            Err(())
        })
    }

    /// Digits without a zero in front; a number too large for any use becomes the largest.
    fn decimal(&mut self) -> Option<u64> {
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let text = &self.rest()[..digits];
        if text.is_empty() || text.len() > 1 && text.starts_with('0') {
            return None;
        }
        self.at += digits;
        Some(text.parse().unwrap_or(u64::MAX))
    }

    fn escape(&mut self) -> Result<()> {
        let start = self.at;
        let node = match self.rest().as_bytes().get(1) {
            Some(b'A') => r"\A",
            Some(b'z') => r"\z",
            Some(b'b') => r"(?-u:\b)",
            Some(b'B') => r"(?-u:\B)",
            Some(b'C') => return self.refuse(SyntaxFault::Escape, start, start + 2),
            Some(b'Q') => {
                self.at += 2;
                let quoted = self.rest();
                let (literal, after) = match quoted.find(r"\E") {
                    Some(end) => (&quoted[..end], end + 2),
                    None => (quoted, quoted.len()),
                };
                for c in literal.chars() {
                    self.literal(c);
                }
                self.at += after;
                return Ok(());
            }
            _ => {
                let set = match self.class_escape()? {
                    Some(set) => set,
                    None => {
                        let mut set = self.character_escape()?;
                        if self.flags.ignores_case {
                            class::fold(&mut set.0);
                        }
                        set.0
                    }
                };
                self.set(set, false);
                return Ok(());
            }
        };
        self.at += 2;
        self.push(Node::atom(node.into()));
        Ok(())
    }

    /// `\d`, `\pL`, `\p{Greek}` and the like under the cursor.
    fn class_escape(&mut self) -> Result<Option<ClassUnicode>> {
        let start = self.at;
        let mut characters = self.rest().chars();
        if characters.next() != Some('\\') {
            return Ok(None);
        }
        let Some(letter) = characters.next() else {
            return Ok(None);
        };
        if let Some(found) = class::perl(letter) {
            self.at += 2;
            return Ok(Some(self.group(found)));
        }
        if !matches!(letter, 'p' | 'P') {
            return Ok(None);
        }
        self.at += 2;
        let name_at = self.at;
        let mut name = match self.bump() {
            Some('{') => {
                let Some(length) = self.rest().find('}') else {
                    return self.refuse(SyntaxFault::ClassRange, start, self.pattern.len());
                };
                self.at += length + 1;
                &self.pattern[name_at + 1..self.at - 1]
            }
            _ => &self.pattern[name_at..self.at],
        };
        let mut is_negated = letter == 'P';
        if let Some(rest) = name.strip_prefix('^') {
            is_negated = !is_negated;
            name = rest;
        }
        match class::unicode(name) {
            Named::Class(class) => Ok(Some(self.group((class, is_negated)))),
            Named::Doubtful(reason) => Err(RegexpError::NotChecked(format!("{reason}: `{name}`"))),
            Named::Unknown => self.refuse(SyntaxFault::ClassRange, start, self.at),
        }
    }

    /// Folds before it negates, as Go does.
    fn group(&self, (mut class, is_negated): (ClassUnicode, bool)) -> ClassUnicode {
        if self.flags.ignores_case {
            class::fold(&mut class);
        }
        if is_negated {
            class.negate();
        }
        class
    }

    /// A backslash and one character. A surrogate has a code but is in no class, so both are returned.
    fn character_escape(&mut self) -> Result<(ClassUnicode, u32)> {
        let start = self.at;
        self.at += 1;
        let Some(c) = self.bump() else {
            return self.refuse(SyntaxFault::TrailingBackslash, self.at, self.at);
        };
        let code = match c {
            '0' => Some(self.octal(0)),
            '1'..='7' if self.peek().is_some_and(|next| next.is_digit(8)) => {
                Some(self.octal(c.to_digit(8).unwrap_or_default()))
            }
            'x' => self.hexadecimal(),
            'a' => Some(0x07),
            'f' => Some(0x0c),
            'n' => Some(0x0a),
            'r' => Some(0x0d),
            't' => Some(0x09),
            'v' => Some(0x0b),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(c.into()),
            _ => None,
        };
        match code {
            Some(code) => Ok((class::range(code, code), code)),
            None => self.refuse(SyntaxFault::Escape, start, self.at),
        }
    }

    /// Up to two more octal digits.
    fn octal(&mut self, mut code: u32) -> u32 {
        for _ in 0..2 {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else {
                break;
            };
            self.at += 1;
            code = code * 8 + digit;
        }
        code
    }

    /// Two hexadecimal digits, or any number of them in braces up to the last code point.
    fn hexadecimal(&mut self) -> Option<u32> {
        let first = self.bump()?;
        if first != '{' {
            let second = self.bump();
            return Some(first.to_digit(16)? * 16 + second?.to_digit(16)?);
        }
        let (mut code, mut digits) = (0, 0);
        loop {
            match self.bump()? {
                '}' if digits > 0 => return Some(code),
                c => code = code * 16 + c.to_digit(16)?,
            }
            if code > 0x10FFFF {
                return None;
            }
            digits += 1;
        }
    }

    fn class(&mut self) -> Result<()> {
        let start = self.at;
        self.at += 1;
        let is_negated = self.eat("^");
        let mut set = class::empty();
        let mut is_first = true;
        while is_first || self.peek() != Some(']') {
            is_first = false;
            if let Some(found) = self.posix_class()? {
                set.union(&found);
                continue;
            }
            if let Some(found) = self.class_escape()? {
                set.union(&found);
                continue;
            }
            let range_at = self.at;
            let low = self.class_character(start)?;
            let mut high = low;
            let rest = self.rest();
            if rest.starts_with('-') && rest.len() >= 2 && !rest.starts_with("-]") {
                self.at += 1;
                high = self.class_character(start)?;
                if high < low {
                    return self.refuse(SyntaxFault::ClassRange, range_at, self.at);
                }
            }
            let mut range = class::range(low, high);
            if self.flags.ignores_case {
                class::fold(&mut range);
            }
            set.union(&range);
        }
        self.at += 1;
        if is_negated {
            set.negate();
        }
        self.set(set, false);
        Ok(())
    }

    fn posix_class(&mut self) -> Result<Option<ClassUnicode>> {
        let rest = self.rest();
        let Some(inner) = rest.strip_prefix("[:") else {
            return Ok(None);
        };
        let Some(end) = inner.find(":]") else {
            return Ok(None);
        };
        let start = self.at;
        self.at += end + 4;
        match class::posix(&inner[..end]) {
            Some(found) => Ok(Some(self.group(found))),
            None => self.refuse(SyntaxFault::ClassRange, start, self.at),
        }
    }

    fn class_character(&mut self, class_at: usize) -> Result<u32> {
        match self.peek() {
            None => self.refuse(SyntaxFault::MissingBracket, class_at, self.pattern.len()),
            Some('\\') => self.character_escape().map(|(_, code)| code),
            Some(c) => {
                self.at += c.len_utf8();
                Ok(c.into())
            }
        }
    }
}
