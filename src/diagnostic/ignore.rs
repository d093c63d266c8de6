//! `# fluxgen: ignore[code]`: findings of a line of the TOML file that its writer knows and keeps.
//!
//! After a value the comment is for its own line; on a line of its own it is for the next line that
//! is no comment. What cannot be compiled, or would be another resource than the one that was asked
//! for, cannot be ignored.

use toml_parser::lexer::TokenKind;

use super::nearest::nearest;
use super::{Diagnostic, Severity};
use crate::forecast;
use crate::image::lint::LINTS;
use crate::pages;
use crate::rules::RULES;
use crate::source::{FileId, Span};

/// What every comment of this kind starts with.
const WORD: &str = "fluxgen:";

/// Errors of the schemas: the resource can be written all the same, and a newer Flux or Kubernetes may accept it.
const OF_SCHEMAS: &[&str] = &[
    "cannot-work",
    "duplicate-item",
    "flux-version",
    "kubernetes-version",
    "missing-field",
    "refused-combination",
    "secret-in-url",
    "unknown-key",
    "unknown-kind",
    "wrong-api-version",
    "wrong-label",
    "wrong-value",
];

/// The comments of one TOML file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ignores {
    comments: Vec<Ignore>,
    /// Comments that cannot be read.
    broken: Vec<Span>,
}

/// One code of a comment.
#[derive(Debug, Clone)]
struct Ignore {
    code: String,
    span: Span,
    /// The bytes of the line that it is for.
    line: std::ops::Range<u32>,
    met: Met,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    Nothing,
    Finding,
    /// Something that cannot be ignored.
    Fault,
}

impl Ignores {
    /// Finds the comments of a TOML text.
    pub(crate) fn read(file: FileId, text: &str) -> Self {
        let mut ignores = Self::default();
        if !text.contains(WORD) {
            return ignores;
        }
        // Many comments above one another are for one line, which is looked for once.
        let mut next: Option<std::ops::Range<u32>> = None;
        for token in toml_parser::Source::new(text).lex() {
            if token.kind() != TokenKind::Comment {
                continue;
            }
            let (start, end) = (token.span().start(), token.span().end());
            let comment = &text[start..end];
            let said = comment.trim_start_matches('#').trim_start();
            let Some(said) = said.strip_prefix(WORD).map(str::trim_start) else {
                continue;
            };
            let codes = said
                .strip_prefix("ignore")
                .and_then(|rest| rest.trim_start().strip_prefix('['))
                .and_then(|rest| rest.split_once(']'));
            let Some((codes, _)) = codes.filter(|(codes, _)| !codes.trim().is_empty()) else {
                ignores.broken.push(Span::new(file, start..end));
                continue;
            };
            let line = match next {
                Some(line) if is_alone(text, start) && start < line.start as usize => line,
                _ => line_for(text, start),
            };
            next = Some(line.clone());
            for code in codes.split(',') {
                let from = code.as_ptr().addr() - text.as_ptr().addr();
                let from = from + (code.len() - code.trim_start().len());
                let code = code.trim();
                ignores.comments.push(Ignore {
                    code: code.to_owned(),
                    span: Span::new(file, from..from + code.len()),
                    line: line.clone(),
                    met: Met::Nothing,
                });
            }
        }
        ignores
    }

    /// Whether a finding is ignored. `is_judging`: what was asked for can be written as it stands.
    pub(super) fn take(&mut self, found: &Diagnostic, is_judging: bool) -> bool {
        let Some(place) = found.primary() else {
            return false;
        };
        let mut is_taken = false;
        // Comments are in the order of the text, and so are the lines that they are for.
        let first = self
            .comments
            .partition_point(|ignore| ignore.line.end <= place.start);
        for ignore in &mut self.comments[first..] {
            if ignore.line.start > place.start {
                break;
            }
            if ignore.code != found.code || ignore.span.file != place.file {
                continue;
            }
            is_taken = found.severity != Severity::Error || may_ignore(found.code, is_judging);
            ignore.met = match (is_taken, ignore.met) {
                (false, _) => Met::Fault,
                (true, Met::Nothing) => Met::Finding,
                (true, met) => met,
            };
        }
        is_taken
    }

    /// The comments for what cannot be ignored.
    pub(super) fn refused(&self) -> Vec<Diagnostic> {
        let refused = self.comments.iter().filter(|one| one.met == Met::Fault);
        refused.filter_map(|ignore| ignore.told(true)).collect()
    }

    /// What the comments say that met nothing; each is told once. `is_judged`: whether the run looks
    /// for findings of this code at all.
    pub(super) fn told(&mut self, is_judged: impl Fn(&str) -> bool) -> Vec<Diagnostic> {
        let mut told: Vec<Diagnostic> = std::mem::take(&mut self.broken)
            .into_iter()
            .map(|span| {
                Diagnostic::warning(
                    "unused-ignore",
                    "a comment for fluxgen that is not understood",
                )
                .at(span, "")
                .with_help("write `# fluxgen: ignore[CODE]`, or `ignore[CODE, CODE]`")
            })
            .collect();
        self.comments.retain(|ignore| {
            let known = pages::page(&ignore.code);
            if known.is_some() && !is_judged(&ignore.code) {
                return true;
            }
            told.extend(ignore.told(known.is_some()));
            false
        });
        told
    }
}

impl Ignore {
    fn told(&self, is_known: bool) -> Option<Diagnostic> {
        let code = &self.code;
        let warning = |message: String| Diagnostic::warning("unused-ignore", message);
        if !is_known {
            let diagnostic =
                warning(format!("`{code}` is the code of no finding")).at(self.span, "");
            return Some(match nearest(code, pages::codes()) {
                Some(near) => diagnostic
                    .with_help(format!("did you mean `{near}`?"))
                    .with_fix(self.span, near),
                None => diagnostic
                    .with_help("write the code that stands in brackets after `error` or `warning`"),
            });
        }
        match self.met {
            Met::Finding => None,
            Met::Fault => Some(
                warning(format!("`{code}` cannot be ignored here"))
                    .at(self.span, "")
                    .with_note("what is wrong there decides what would be written")
                    .with_help("mend the fault, and remove the comment"),
            ),
            Met::Nothing if forecast::RULES.iter().any(|rule| rule.name == code) => Some(
                warning(format!(
                    "`{code}` is told by `fluxgen diff` and cannot be ignored"
                ))
                .at(self.span, "")
                .with_help("say on the resource why it is meant: `acknowledge = \"…\"`"),
            ),
            Met::Nothing => Some(
                warning(format!("nothing on its line is `{code}`"))
                    .at(self.span, "this comment ignores nothing")
                    .with_help("remove it"),
            ),
        }
    }
}

/// Whether an error of this code may be ignored.
fn may_ignore(code: &str, is_judging: bool) -> bool {
    (is_judging && OF_SCHEMAS.contains(&code))
        || code.starts_with("image-")
        || RULES.iter().any(|rule| rule.code == code)
        || LINTS.iter().any(|lint| lint.code == code)
}

/// Whether nothing is before a comment on its line.
fn is_alone(text: &str, comment: usize) -> bool {
    let start = text[..comment].rfind('\n').map_or(0, |at| at + 1);
    let before = text[start..comment].trim_start_matches('\u{feff}');
    before.trim().is_empty()
}

/// The line that a comment is for, by the byte where it starts.
fn line_for(text: &str, comment: usize) -> std::ops::Range<u32> {
    let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let start = text[..comment].rfind('\n').map_or(0, |at| at + 1);
    let mut from = start;
    let end = |from: usize| {
        text[from..]
            .find('\n')
            .map_or(text.len(), |at| from + at + 1)
    };
    if is_alone(text, comment) {
        from = end(from);
        while from < text.len() {
            let line = text[from..end(from)].trim();
            if !line.is_empty() && !line.starts_with('#') {
                break;
            }
            from = end(from);
        }
    }
    clamp(from)..clamp(end(from).max(from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    fn ignores(text: &str) -> (Ignores, FileId) {
        let file = Sources::default().add("fluxgen.toml", text);
        (Ignores::read(file, text), file)
    }

    fn lines(text: &str) -> Vec<(String, String)> {
        let (ignores, _) = ignores(text);
        let line = |ignore: &Ignore| &text[ignore.line.start as usize..ignore.line.end as usize];
        ignores
            .comments
            .iter()
            .map(|ignore| (ignore.code.clone(), line(ignore).trim().to_owned()))
            .collect()
    }

    #[test]
    fn a_comment_after_a_value_is_for_its_line_and_one_alone_for_the_next() {
        let found = lines(
            "a = 1 # fluxgen: ignore[x]\n\
             # fluxgen: ignore[y, z]\n\
             # because\n\
             \n\
             b = 2\n\
             c = \"# fluxgen: ignore[no]\"\n\
             d = '''\n# fluxgen: ignore[no]\n'''\n",
        );
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(code, line)| (code.as_str(), line.split('#').next().unwrap_or_default()))
            .collect();
        assert_eq!(found, [("x", "a = 1 "), ("y", "b = 2"), ("z", "b = 2")]);
    }

    #[test]
    fn a_code_is_placed_where_it_stands_and_a_comment_that_is_not_understood_is_told() {
        let text = "# fluxgen: ignore[ a ,bc ]\n# fluxgen: ignored\n# fluxgen: ignore[]\nx = 1";
        let (mut ignores, _) = ignores(text);
        let words: Vec<&str> = ignores
            .comments
            .iter()
            .map(|ignore| &text[ignore.span.range()])
            .collect();
        assert_eq!(words, ["a", "bc"]);
        assert_eq!(ignores.told(|_| true).len(), 4);
        assert_eq!(ignores.told(|_| true).len(), 0);
    }

    #[test]
    fn a_comment_at_the_end_of_the_file_is_for_nothing() {
        for text in [
            "# fluxgen: ignore[x]",
            "a = 1\n# fluxgen: ignore[x]\n# more",
        ] {
            assert_eq!(lines(text), [("x".to_owned(), String::new())], "{text}");
        }
    }

    #[test]
    fn an_error_of_the_schema_is_ignored_only_while_what_is_written_stands() {
        let text = "a = 1 # fluxgen: ignore[wrong-value, wrong-type]\n";
        let (mut ignores, file) = ignores(text);
        let place = Span::new(file, 4..5);
        let value = Diagnostic::error("wrong-value", "").at(place, "");
        let kind = Diagnostic::error("wrong-type", "").at(place, "");
        assert!(!ignores.take(&value, false));
        assert!(ignores.take(&value, true));
        assert!(!ignores.take(&kind, true));
        assert!(ignores.take(&Diagnostic::warning("wrong-type", "").at(place, ""), false));
    }
}
