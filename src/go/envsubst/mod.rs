//! `${var}` expressions as Flux's post-build substitution reads them: the grammar of
//! github.com/fluxcd/pkg/envsubst, a subset of bash with its own reading of malformed forms.
//!
//! Values may be unknown: a variable that a ConfigMap of the cluster may set makes the text unknown
//! and is never taken for unset.
//!
//! Source: <https://github.com/fluxcd/pkg/tree/main/envsubst>, v1.7.1. `tests/facts/envsubst.json` holds the
//! module's own answers.

mod apply;
mod parse;
mod scan;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

/// The longest text that a substitution may give, in bytes: larger ones are not computed.
const LONGEST: usize = 8 * 1024 * 1024;

/// A parsed text.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(Vec<u8>),
    Expansion(Expansion),
}

/// `${name}`, `${name:-default}`, `${#name}` …
#[derive(Debug, Clone, PartialEq)]
struct Expansion {
    name: String,
    operator: String,
    arguments: Vec<Part>,
}

/// Why a text cannot be read, in every version of Flux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Malformed {
    BadSubstitution,
    MissingClosingBrace,
    VariableName,
    Argument,
    DefaultOperator,
    /// More expressions inside of each other than are read here.
    TooDeep,
}

/// What is known of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup<'v> {
    Value(&'v str),
    /// It has no value, which strict substitution refuses. Lenient substitution has the empty value.
    Unset,
    /// Its value is not known here.
    Unknown,
}

/// A text after substitution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Substituted {
    /// Usually UTF-8; a slice may cut a letter. What depends on unknown values is between marks, which
    /// `shown` takes out.
    pub text: Vec<u8>,
    /// The variables whose values are not known here.
    pub unknown: BTreeSet<String>,
}

/// Around an expression whose value is not known here: two letters that no text has.
const UNKNOWN: (char, char) = ('\u{f8fe}', '\u{f8ff}');

/// Whether a part of a substituted text depends on an unknown value.
pub fn is_unknown(text: &str) -> bool {
    text.contains(UNKNOWN.0)
}

/// A part of a substituted text with `${name}` for what is not known.
pub fn shown(text: &str) -> Cow<'_, str> {
    match is_unknown(text) {
        false => Cow::Borrowed(text),
        true => Cow::Owned(text.replace(UNKNOWN.0, "${").replace(UNKNOWN.1, "}")),
    }
}

/// One use of a variable in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use<'t> {
    pub name: &'t str,
    /// The expression has a default, so that the variable may be unset.
    pub has_default: bool,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadSubstitution => "bad substitution",
            Self::MissingClosingBrace => "missing closing brace",
            Self::VariableName => "unable to parse variable name",
            Self::Argument => "unable to parse substitution within function",
            Self::DefaultOperator => "unable to parse default function",
            Self::TooDeep => "expressions are nested too deeply",
        })
    }
}

impl Template {
    /// Whether a text has anything to substitute or to unescape.
    pub fn is_needed(text: &str) -> bool {
        text.contains("${") || text.contains("$$")
    }

    pub fn parse(text: &str) -> Result<Self, Malformed> {
        parse::parse(text)
    }

    /// Every use of a variable, inner ones included, in the order of the text.
    pub fn uses(&self) -> Vec<Use<'_>> {
        let mut uses = Vec::new();
        let mut pending: Vec<&Part> = self.parts.iter().rev().collect();
        while let Some(part) = pending.pop() {
            if let Part::Expansion(expansion) = part {
                uses.push(Use {
                    name: &expansion.name,
                    has_default: apply::has_default(&expansion.operator),
                });
                pending.extend(expansion.arguments.iter().rev());
            }
        }
        uses
    }

    /// Variables without a value that strict substitution refuses. What is inside of a default counts,
    /// whether or not the default is needed.
    pub fn unset<'v>(&self, lookup: &dyn Fn(&str) -> Lookup<'v>) -> BTreeSet<&str> {
        self.uses()
            .iter()
            .filter(|one| !one.has_default && lookup(one.name) == Lookup::Unset)
            .map(|one| one.name)
            .collect()
    }

    /// Substitutes; a variable without a value is empty. `None`: the result is too large to be computed here.
    pub fn expand<'v>(&self, lookup: &dyn Fn(&str) -> Lookup<'v>) -> Option<Substituted> {
        let mut run = apply::Run::new(lookup, LONGEST);
        let mut text = Vec::new();
        run.parts(&self.parts, &mut text)?;
        Some(Substituted {
            text,
            unknown: run.unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str, values: &[(&str, &str)]) -> String {
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(why) => return format!("error: {why}"),
        };
        let lookup = |name: &str| match values.iter().find(|(key, _)| *key == name) {
            Some((_, "?")) => Lookup::Unknown,
            Some((_, value)) => Lookup::Value(value),
            None => Lookup::Unset,
        };
        let unset = template.unset(&lookup);
        if !unset.is_empty() {
            return format!("unset: {unset:?}");
        }
        match template.expand(&lookup) {
            Some(done) => shown(&String::from_utf8_lossy(&done.text)).into_owned(),
            None => "too large".to_owned(),
        }
    }

    /// `tests/oracle envsubst` asks the Go module itself.
    #[test]
    fn every_text_gives_what_the_go_module_gives() {
        #[derive(serde::Deserialize)]
        struct Facts {
            values: std::collections::BTreeMap<String, String>,
            answers: Vec<Answer>,
        }
        #[derive(serde::Deserialize)]
        struct Answer {
            text: String,
            lenient: String,
            strict: String,
        }
        let text = include_str!("../../../tests/facts/envsubst.json");
        let facts: Facts = serde_json::from_str(text).expect("facts");
        assert!(facts.answers.len() > 600);
        let ours = |text: &str, strict: bool| {
            let template = match Template::parse(text) {
                Ok(template) => template,
                Err(why) => return format!("error: {why}"),
            };
            let lookup = |name: &str| match facts.values.get(name) {
                Some(value) => Lookup::Value(value.as_str()),
                None if strict => Lookup::Unset,
                None => Lookup::Value(""),
            };
            if let Some(name) = template.unset(&lookup).first() {
                return format!("error: variable not set (strict mode): {name:?}");
            }
            // A slice may cut letters: Go's answers have one mark for each run of such bytes.
            let done = template.expand(&lookup).expect("a small result");
            String::from_utf8_lossy(&done.text).replace("\u{fffd}\u{fffd}", "\u{fffd}")
        };
        let mut wrong = Vec::new();
        for answer in &facts.answers {
            for (strict, theirs) in [(false, &answer.lenient), (true, &answer.strict)] {
                let ours = ours(&answer.text, strict);
                if ours != *theirs {
                    wrong.push(format!("{:?}: {ours:?}, not {theirs:?}", answer.text));
                }
            }
        }
        assert!(
            wrong.is_empty(),
            "{} wrong:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }

    #[test]
    fn a_default_is_evaluated_even_where_it_is_not_needed() {
        assert_eq!(expand("${A:-${B}}", &[("A", "a")]), "unset: {\"B\"}");
        assert_eq!(expand("${A:-${B}}", &[("B", "b")]), "b");
        assert_eq!(expand("${A:-x-${B:=c}-y}", &[]), "x-c-y");
    }

    #[test]
    fn an_unknown_value_makes_only_what_needs_it_unknown() {
        let values = [("A", "a"), ("S", "?")];
        assert_eq!(expand("${A}-${S:-x}", &values), "a-${S}");
        assert_eq!(expand("${A/a/${S}}", &values), "${A}");
        assert_eq!(
            expand("${none:-x${S}}", &[("none", ""), ("S", "?")]),
            "x${S}"
        );
        assert_eq!(expand("${A:-${S}}", &values), "a");
    }

    #[test]
    fn a_text_that_grows_without_bound_is_not_computed() {
        let mut text = "${A}".to_owned();
        for _ in 0..30 {
            text = format!("${{A//a/{text}}}");
        }
        let long = "a".repeat(1000);
        assert_eq!(expand(&text, &[("A", &long)]), "too large");
        let deep = format!("{}x{}", "${A:-".repeat(5000), "}".repeat(5000));
        assert_eq!(Template::parse(&deep), Err(Malformed::TooDeep));
    }
}
