//! A parsed part of a pattern: its translation, and the figures by which Go limits patterns.

/// How a translation may be put beside another or repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One character, class, assertion or group.
    Atom,
    Sequence,
    Alternatives,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) text: String,
    shape: Shape,
    /// The height of Go's tree.
    pub(super) height: usize,
    /// The greatest product of nested counted repetitions.
    pub(super) copies: u64,
    /// The instructions Go would compile it to, about.
    pub(super) size: u64,
}

/// `{least,most}`; no `most` where it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) least: u64,
    pub(super) most: Option<u64>,
}

impl Node {
    pub(super) fn atom(text: String) -> Self {
        Self {
            text,
            shape: Shape::Atom,
            height: 1,
            copies: 1,
            size: 1,
        }
    }

    fn empty() -> Self {
        Self {
            text: String::new(),
            shape: Shape::Sequence,
            height: 1,
            copies: 1,
            size: 1,
        }
    }

    pub(super) fn sequence(mut parts: Vec<Node>) -> Self {
        match parts.len() {
            0 => return Self::empty(),
            1 => return parts.remove(0),
            _ => {}
        }
        let mut whole = Self {
            size: 0,
            ..Self::empty()
        };
        for part in &parts {
            match part.shape {
                Shape::Alternatives => whole.text.push_str(&format!("(?:{})", part.text)),
                Shape::Atom | Shape::Sequence => whole.text.push_str(&part.text),
            }
            whole.take_figures(part);
        }
        whole
    }

    pub(super) fn alternatives(mut parts: Vec<Node>) -> Self {
        if parts.len() == 1 {
            return parts.remove(0);
        }
        let mut whole = Self {
            shape: Shape::Alternatives,
            size: parts.len() as u64,
            ..Self::empty()
        };
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                whole.text.push('|');
            }
            whole.text.push_str(&part.text);
            whole.take_figures(part);
        }
        whole
    }

    fn take_figures(&mut self, part: &Node) {
        // A sequence in a sequence is one sequence, and so with alternatives.
        let own = usize::from(self.shape != part.shape || part.height == 1);
        self.height = self.height.max(part.height + own);
        self.copies = self.copies.max(part.copies);
        self.size = self.size.saturating_add(part.size);
    }

    pub(super) fn group(self) -> Self {
        Self {
            text: format!("({})", self.text),
            shape: Shape::Atom,
            height: self.height + 1,
            copies: self.copies,
            size: self.size.saturating_add(2),
        }
    }

    /// `operator` is `*`, `+`, `?` or the count as written; `is_lazy` adds the question mark.
    pub(super) fn repeat(self, operator: &str, count: Option<Count>, is_lazy: bool) -> Self {
        let body = match self.shape {
            Shape::Atom => self.text,
            Shape::Sequence | Shape::Alternatives => format!("(?:{})", self.text),
        };
        let lazy = if is_lazy { "?" } else { "" };
        let (copies, size) = match count {
            None => (1, self.size.saturating_add(2)),
            // Nothing inside a repetition by zero counts for Go.
            Some(Count { most: Some(0), .. }) => (0, 1),
            Some(count) => {
                let copies = count.most.unwrap_or(count.least).max(1);
                (copies, self.size.saturating_add(1).saturating_mul(copies))
            }
        };
        Self {
            // A repetition is wrapped, lest the next operator attach to this one.
            text: format!("(?:{body}{operator}{lazy})"),
            shape: Shape::Atom,
            height: self.height + 1,
            copies: if copies == 0 {
                1
            } else {
                self.copies.saturating_mul(copies)
            },
            size,
        }
    }
}
