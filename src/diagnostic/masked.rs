//! Findings without the secrets that they quote.

use super::{Diagnostic, Label};
use crate::mask::Secrets;
use crate::source::Sources;

/// The findings as every output has them.
pub(crate) fn masked(
    found: &[Diagnostic],
    sources: &Sources,
    secrets: &Secrets,
) -> Vec<Diagnostic> {
    found.iter().map(|it| one(it, sources, secrets)).collect()
}

fn one(found: &Diagnostic, sources: &Sources, secrets: &Secrets) -> Diagnostic {
    let at: Vec<&str> = found
        .labels
        .iter()
        .filter_map(|label| Some((label.span, sources.get(label.span.file)?)))
        .flat_map(|(span, source)| secrets.at(span, source))
        .collect();
    let shown = |text: &String| Secrets::hide_quotes(&secrets.hide(text), &at);
    let label = |label: &Label| Label {
        span: label.span,
        message: shown(&label.message),
    };
    // A replacement with a mask in it would be written to the file.
    let is_shown = |text: &str| at.is_empty() && secrets.hide(text) == text;
    Diagnostic {
        code: found.code,
        severity: found.severity,
        message: shown(&found.message),
        labels: found.labels.iter().map(label).collect(),
        notes: found.notes.iter().map(shown).collect(),
        help: found.help.iter().map(shown).collect(),
        clusters: found.clusters.clone(),
        fix: found.fix.clone().filter(|fix| is_shown(&fix.replacement)),
    }
}
