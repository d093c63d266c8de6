//! What can be read off a pattern without a text: its anchors, and the characters of its parts.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::Regexp;

/// How a pattern holds to one end of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// `^` or `$`, or `.*`, which reaches the end by itself.
    Held,
    /// Anything may stand beyond the match.
    Open,
}

/// The characters that a part of a pattern names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Characters {
    pub digits: bool,
    pub letters: bool,
    /// ASCII beside digits and letters.
    pub others: bool,
    /// `.`, a negated class and the like: nearly everything.
    pub anything: bool,
}

impl Characters {
    pub fn are_digits_only(self) -> bool {
        self.digits && !self.letters && !self.others && !self.anything
    }
}

impl Regexp {
    /// How the pattern holds to the start and to the end of a text.
    pub fn ends(&self) -> (End, End) {
        let hir = self.hir();
        let of = |is_held: bool| if is_held { End::Held } else { End::Open };
        (of(is_held(&hir, true)), of(is_held(&hir, false)))
    }

    /// The characters of the whole pattern.
    pub fn characters(&self) -> Characters {
        let mut characters = Characters::default();
        collect(&self.hir(), &mut characters);
        characters
    }

    /// The characters of a group; the whole match is group 0.
    pub fn group_characters(&self, group: usize) -> Option<Characters> {
        if group == 0 {
            return Some(self.characters());
        }
        let hir = self.hir();
        let mut characters = Characters::default();
        collect(find_group(&hir, group)?, &mut characters);
        Some(characters)
    }

    /// Whether a group, or the whole match for 0, may have several lengths.
    pub fn group_varies_in_length(&self, group: usize) -> bool {
        let hir = self.hir();
        let part = if group == 0 {
            Some(&hir)
        } else {
            find_group(&hir, group)
        };
        part.is_some_and(|part| part.properties().minimum_len() != part.properties().maximum_len())
    }

    fn hir(&self) -> Hir {
        regex_syntax::ParserBuilder::new()
            .nest_limit(super::MAX_NESTING)
            .utf8(true)
            .build()
            .parse(self.matcher.as_str())
            .expect("the translation has been compiled")
    }
}

fn is_held(hir: &Hir, at_start: bool) -> bool {
    match hir.kind() {
        HirKind::Look(Look::Start | Look::StartLF) => at_start,
        HirKind::Look(Look::End | Look::EndLF) => !at_start,
        HirKind::Capture(capture) => is_held(&capture.sub, at_start),
        HirKind::Concat(parts) => {
            let part = if at_start {
                parts.first()
            } else {
                parts.last()
            };
            part.is_some_and(|part| is_held(part, at_start))
        }
        HirKind::Alternation(parts) => parts.iter().all(|part| is_held(part, at_start)),
        HirKind::Repetition(repetition) if repetition.max.is_none() => {
            let mut characters = Characters::default();
            collect(&repetition.sub, &mut characters);
            characters.anything && (at_start || repetition.greedy)
        }
        HirKind::Empty
        | HirKind::Literal(_)
        | HirKind::Class(_)
        | HirKind::Look(_)
        | HirKind::Repetition(_) => false,
    }
}

fn find_group(hir: &Hir, group: usize) -> Option<&Hir> {
    match hir.kind() {
        HirKind::Capture(capture) if capture.index as usize == group => Some(&capture.sub),
        HirKind::Capture(capture) => find_group(&capture.sub, group),
        HirKind::Repetition(repetition) => find_group(&repetition.sub, group),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().find_map(|part| find_group(part, group))
        }
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => None,
    }
}

fn collect(hir: &Hir, into: &mut Characters) {
    match hir.kind() {
        HirKind::Literal(literal) => {
            for c in String::from_utf8_lossy(&literal.0).chars() {
                note(c, c, into);
            }
        }
        HirKind::Class(Class::Unicode(class)) => {
            let size: u64 = class.ranges().iter().map(|range| range.len() as u64).sum();
            if size > 1_000 {
                into.anything = true;
                return;
            }
            for range in class.ranges() {
                note(range.start(), range.end(), into);
            }
        }
        HirKind::Class(Class::Bytes(_)) => into.anything = true,
        HirKind::Capture(capture) => collect(&capture.sub, into),
        HirKind::Repetition(repetition) => collect(&repetition.sub, into),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            for part in parts {
                collect(part, into);
            }
        }
        HirKind::Empty | HirKind::Look(_) => {}
    }
}

/// Takes down what a range of characters holds.
fn note(low: char, high: char, into: &mut Characters) {
    let meets = |from: char, to: char| low <= to && from <= high;
    into.digits |= meets('0', '9');
    into.letters |= meets('A', 'Z') || meets('a', 'z');
    into.others |= meets('\0', '/') || meets(':', '@') || meets('[', '`') || high > 'z';
}
