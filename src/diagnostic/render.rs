//! Findings as people read them: the message, the lines it is about, what to do.
//!
//! Colour and width are the caller's to decide; nothing here asks the terminal. Nothing that a
//! project's files hold reaches the terminal as an escape sequence, and no line of theirs is
//! printed at full length.

use annotate_snippets::{Element, Group, Level, Renderer};

use super::{Diagnostic, Severity, masked};
use crate::mask::Secrets;
use crate::source::Sources;

mod excerpt;
mod printable;
mod wrap;

pub(crate) use printable::{printable, printable_json, printable_line};
use wrap::wrap;

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Colours, by ANSI escape sequences.
    pub color: bool,
    /// Columns to fit into; `None` where there is no terminal, which leaves messages on one line.
    pub width: Option<usize>,
}

/// Columns that source lines get where the width is not known.
const DEFAULT_WIDTH: usize = 140;
/// Fewer columns than this cannot hold a line number, a source line and an underline.
const LEAST_WIDTH: usize = 40;
/// Findings shown in full before the rest is counted: nobody reads more, and a wrong default can make
/// millions. Machines get all of them.
const SHOWN: usize = 300;
/// Characters of a message; the list of all keys of a HelmRelease has a third of them.
const LONGEST: usize = 4000;
/// Clusters named in full before the rest is counted.
const NAMED_CLUSTERS: usize = 3;

impl Style {
    /// Without colour, 80 columns wide.
    pub const PLAIN: Style = Style {
        color: false,
        width: Some(80),
    };

    fn columns(&self) -> usize {
        self.width.unwrap_or(DEFAULT_WIDTH).max(LEAST_WIDTH)
    }

    fn renderer(&self) -> Renderer {
        let renderer = if self.color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.term_width(self.columns())
    }

    /// `text` in lines that fit behind `indent` columns, where a width is known.
    pub(crate) fn fit(&self, text: &str, indent: usize) -> String {
        let text = printable(short(text));
        let text = match self.width {
            Some(_) => wrap(&text, self.columns().saturating_sub(indent)),
            None => text.into_owned(),
        };
        // A line may begin with what was in the middle of one.
        printable(&text).into_owned()
    }
}

/// Renders findings in the order given, each followed by an empty line; empty without findings.
///
/// Where there are too many, errors go before the others: they decide.
pub fn human(diagnostics: &[Diagnostic], sources: &Sources, style: &Style) -> String {
    if diagnostics.is_empty() {
        return String::new();
    }
    let renderer = style.renderer();
    let secrets = Secrets::of(sources);
    let mut out = String::new();
    let is_error = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Error;
    let errors = diagnostics.iter().filter(|found| is_error(found)).count();
    let mut errors = errors.min(SHOWN);
    let mut others = SHOWN - errors;
    let (shown, hidden): (Vec<&Diagnostic>, Vec<&Diagnostic>) =
        diagnostics.iter().partition(|diagnostic| {
            let left = match is_error(diagnostic) {
                true => &mut errors,
                false => &mut others,
            };
            let is_shown = *left > 0;
            *left = left.saturating_sub(1);
            is_shown
        });
    let shown: Vec<Diagnostic> = shown.into_iter().cloned().collect();
    for diagnostic in masked(&shown, sources, &secrets) {
        out.push_str(&renderer.render(&[group(&diagnostic, sources, &secrets, style)]));
        out.push_str("\n\n");
    }
    if let Some(said) = summary_of(&hidden) {
        out.push_str(&format!("… and {said} that are not shown\n\n"));
    }
    out
}

/// `2 errors, 1 warning`; `None` if there is nothing to count.
pub fn summary(diagnostics: &[Diagnostic]) -> Option<String> {
    summary_of(&diagnostics.iter().collect::<Vec<_>>())
}

fn summary_of(diagnostics: &[&Diagnostic]) -> Option<String> {
    let counts = [
        (Severity::Error, "error"),
        (Severity::Warning, "warning"),
        (Severity::Note, "note"),
    ]
    .map(|(severity, word)| {
        let count = diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count();
        (count, word)
    });
    let said: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| counted(*count, word))
        .collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// `1 error`, `2 errors`.
pub(crate) fn counted(count: usize, word: &str) -> String {
    if count == 1 {
        format!("1 {word}")
    } else {
        format!("{count} {word}s")
    }
}

/// `in cluster a`, `in clusters a, b and c`, `in clusters a, b, c and 97 more`; `None` for none.
pub(crate) fn in_clusters(clusters: &[String]) -> Option<String> {
    match clusters {
        [] => None,
        [only] => Some(format!("in cluster {only}")),
        // Naming one more takes no more room than counting it.
        all if all.len() <= NAMED_CLUSTERS + 1 => {
            let (last, first) = all.split_last()?;
            Some(format!("in clusters {} and {last}", first.join(", ")))
        }
        many => Some(format!(
            "in clusters {} and {} more",
            many[..NAMED_CLUSTERS].join(", "),
            many.len() - NAMED_CLUSTERS
        )),
    }
}

/// A text without what would fill a screen: a name of a megabyte, say.
fn short(text: &str) -> &str {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

fn group<'a>(
    diagnostic: &'a Diagnostic,
    sources: &'a Sources,
    secrets: &Secrets,
    style: &Style,
) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    // The message is never wrapped: it is what people search their logs for.
    let mut group = level
        .primary_title(printable_line(short(&diagnostic.message)))
        .id(diagnostic.code)
        .elements(std::iter::empty::<Element<'_>>());
    let excerpts = excerpt::of(&diagnostic.labels, sources, secrets, style.columns());
    let indent = excerpts.gutter + "  = note: ".len();
    group = group.elements(excerpts.elements);
    let notes = excerpts
        .untold
        .iter()
        .chain(&diagnostic.notes)
        .cloned()
        .chain(in_clusters(&diagnostic.clusters));
    for note in notes {
        group = group.element(Level::NOTE.message(style.fit(&note, indent)));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(style.fit(help, indent)));
    }
    if let (Some(fix), true) = (&diagnostic.fix, diagnostic.help.is_empty()) {
        let help = match fix.replacement.is_empty() {
            true => "remove it".to_owned(),
            false => format!("write `{}`", fix.replacement),
        };
        group = group.element(Level::HELP.message(style.fit(&help, indent)));
    }
    group
}

#[cfg(test)]
mod tests;
