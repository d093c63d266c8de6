//! Regular expressions as Go's `regexp` package reads them, run by the `regex` crate.
//!
//! The two engines agree on what a pattern means once it is parsed; they disagree on what is a
//! pattern. `\d`, `\w`, `\s` and `\b` are ASCII in Go, `[a&&b]` holds an ampersand, `\Q..\E` quotes,
//! `(?U)` swaps greediness, two groups may share a name. So the pattern is parsed here as Go parses it,
//! and written out anew in words that mean the same to `regex` whatever its flags.
//!
//! Source: <https://pkg.go.dev/regexp/syntax>

mod class;
mod expand;
mod node;
mod parse;
mod shape;
#[cfg(test)]
mod tests;

pub use expand::Template;
pub use shape::{Characters, End};

use std::fmt;

/// A pattern that Go compiles.
#[derive(Debug, Clone)]
pub struct Regexp {
    matcher: regex::Regex,
    /// The name of each group, the whole match first; empty where it has none.
    names: Vec<String>,
    pattern: String,
}

/// Why a pattern was not compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegexpError {
    /// Go refuses it too.
    Refused(SyntaxError),
    /// Go may take it; why it cannot be judged here.
    NotChecked(String),
}

/// Go's error: its words, and the part of the pattern that they are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    pub fault: SyntaxFault,
    pub fragment: String,
    /// Offset in bytes of the fragment in the pattern.
    pub position: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyntaxFault {
    ClassRange,
    Escape,
    NamedCapture,
    PerlSyntax,
    NestedRepetition,
    RepeatCount,
    MissingBracket,
    MissingParenthesis,
    MissingArgument,
    TrailingBackslash,
    UnexpectedParenthesis,
    Nesting,
}

impl SyntaxFault {
    /// Go's own words.
    fn as_str(self) -> &'static str {
        match self {
            Self::ClassRange => "invalid character class range",
            Self::Escape => "invalid escape sequence",
            Self::NamedCapture => "invalid named capture",
            Self::PerlSyntax => "invalid or unsupported Perl syntax",
            Self::NestedRepetition => "invalid nested repetition operator",
            Self::RepeatCount => "invalid repeat count",
            Self::MissingBracket => "missing closing ]",
            Self::MissingParenthesis => "missing closing )",
            Self::MissingArgument => "missing argument to repetition operator",
            Self::TrailingBackslash => "trailing backslash at end of expression",
            Self::UnexpectedParenthesis => "unexpected )",
            Self::Nesting => "expression nests too deeply",
        }
    }
}

impl SyntaxError {
    /// What to write instead, for what other engines take and Go does not.
    pub fn help(&self) -> Option<&'static str> {
        let fragment = self.fragment.as_str();
        match self.fault {
            SyntaxFault::PerlSyntax
                if ["(?=", "(?!", "(?<"]
                    .iter()
                    .any(|look| fragment.starts_with(look)) =>
            {
                Some(
                    "Go has no look-around: match the whole text and extract the part with a group",
                )
            }
            SyntaxFault::NamedCapture
                if fragment.starts_with("(?<=") || fragment.starts_with("(?<!") =>
            {
                Some(
                    "Go has no look-around: match the whole text and extract the part with a group",
                )
            }
            SyntaxFault::NamedCapture => {
                Some("name a group with letters, digits and `_`: `(?P<name>…)`")
            }
            SyntaxFault::Escape if fragment == r"\Z" => {
                Some(r"write `$` or `\z` for the end of the text")
            }
            SyntaxFault::Escape if fragment.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => {
                Some("Go has no back-references")
            }
            SyntaxFault::NestedRepetition => {
                Some("Go has no possessive repetition: one operator is enough")
            }
            SyntaxFault::RepeatCount => {
                Some("repeat at most 1000 times, nested repetitions multiplied")
            }
            SyntaxFault::MissingArgument => Some("write what is repeated; for any text write `.*`"),
            _ => None,
        }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "error parsing regexp: {}: `{}`",
            self.fault.as_str(),
            self.fragment
        )
    }
}

impl fmt::Display for RegexpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::NotChecked(reason) => write!(f, "not checked: {reason}"),
        }
    }
}

impl std::error::Error for SyntaxError {}
impl std::error::Error for RegexpError {}

/// Longer patterns are not checked: their translation may grow a thousandfold.
const MAX_PATTERN: usize = 10_000;
const MAX_TRANSLATION: usize = 1 << 20;
const MAX_PROGRAM: usize = 32 << 20;
/// The `regex` crate's compiler recurses; Go's limit of 1000 would overflow a small stack.
const MAX_NESTING: u32 = 250;

impl Regexp {
    /// Compiles a pattern as `regexp.Compile` does.
    pub fn compile(pattern: &str) -> Result<Self, RegexpError> {
        let not_checked = |reason: String| Err(RegexpError::NotChecked(reason));
        if pattern.len() > MAX_PATTERN {
            return not_checked(format!(
                "the pattern has {} bytes, more than {MAX_PATTERN}",
                pattern.len()
            ));
        }
        let parsed = parse::parse(pattern)?;
        if parsed.translation.len() > MAX_TRANSLATION {
            return not_checked("the pattern's character classes are too large".into());
        }
        let matcher = regex::RegexBuilder::new(&parsed.translation)
            .size_limit(MAX_PROGRAM)
            .nest_limit(MAX_NESTING)
            .build();
        match matcher {
            Ok(matcher) => Ok(Self {
                matcher,
                names: parsed.names,
                pattern: pattern.to_owned(),
            }),
            Err(regex::Error::CompiledTooBig(_)) => {
                not_checked("the pattern is too large when compiled".into())
            }
            Err(_) => not_checked("the pattern nests too deeply".into()),
        }
    }

    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Whether the pattern matches anywhere in the text.
    pub fn is_match(&self, text: &str) -> bool {
        self.matcher.is_match(text)
    }

    /// The first match as byte offsets of its start and end.
    pub fn find(&self, text: &str) -> Option<(usize, usize)> {
        self.matcher
            .find(text)
            .map(|found| (found.start(), found.end()))
    }

    /// The name of each group, the whole match first; empty where it has none.
    pub fn group_names(&self) -> &[String] {
        &self.names
    }

    /// What `Expand` makes of a template for the first match in the text; none where nothing matches.
    pub fn extract(&self, text: &str, template: &Template) -> Option<String> {
        let groups = self.matcher.captures(text)?;
        Some(template.expand(&groups))
    }

    /// A template such as `${major}.$2`, ready for [`Regexp::extract`] of this pattern.
    pub fn template(&self, template: &str) -> Template {
        Template::new(template, &self.names)
    }

    /// The group that a template is a single reference to, `$ts` or `${1}`, if it is one.
    pub fn single_group(&self, template: &str) -> Option<usize> {
        expand::single_group(template, &self.names)
    }

    /// The references of a template that name no group of the pattern, as `$name` is read: they expand to nothing.
    pub fn unknown_references(&self, template: &str) -> Vec<String> {
        expand::references(template)
            .into_iter()
            .filter(|reference| !expand::is_known(reference, &self.names))
            .map(|reference| reference.name.to_owned())
            .collect()
    }
}
