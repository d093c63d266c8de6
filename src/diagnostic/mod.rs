//! What fluxgen has to say about a project: plain data, rendered elsewhere.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use crate::budget;
use crate::source::{Sources, Span};

mod fold;
mod ignore;
mod masked;
pub mod nearest;
pub mod render;

pub(crate) use fold::replaced;
pub(crate) use ignore::Ignores;
pub(crate) use masked::masked;

/// A finding: what is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// A kebab-case name that states the fault: `dangling-source-ref`.
    pub code: &'static str,
    pub severity: Severity,
    /// A lower-case fragment without a full stop.
    pub message: String,
    /// The first label is where the fault is; others are what it should have met.
    pub labels: Vec<Label>,
    /// Why it matters, where that is not plain.
    pub notes: Vec<String>,
    /// What to type, in the imperative.
    pub help: Vec<String>,
    /// The clusters it holds for; empty where it holds for the whole project.
    pub clusters: Vec<String>,
    pub fix: Option<Fix>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Error,
    Warning,
    /// Something said aloud that is no fault: what was not checked.
    Note,
}

/// A place and what there is to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    /// May be empty.
    pub message: String,
}

/// A replacement of a range of the TOML file that mends the fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    pub span: Span,
    pub replacement: String,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

impl Diagnostic {
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message)
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message)
    }

    pub fn note(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Note, message)
    }

    fn new(code: &'static str, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
            clusters: Vec::new(),
            fix: None,
        }
    }

    /// Points at a place; the first call names the place of the fault. Built-in places are left out.
    pub fn at(mut self, span: Span, message: impl Into<String>) -> Self {
        if !span.is_built_in() {
            self.labels.push(Label {
                span,
                message: message.into(),
            });
        }
        self
    }

    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    pub fn in_cluster(mut self, cluster: impl Into<String>) -> Self {
        self.clusters.push(cluster.into());
        self
    }

    pub fn with_fix(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.fix = Some(Fix {
            span,
            replacement: replacement.into(),
        });
        self
    }

    /// Whether it only says what could not be judged: `check` reports that, other commands do not.
    pub(crate) fn is_not_checked(&self) -> bool {
        self.code == "not-checked"
    }

    /// Where the fault is, if it is in a file.
    pub fn primary(&self) -> Option<Span> {
        self.labels.first().map(|label| label.span)
    }
}

/// A finding's clusters are looked up one by one where they are fewer.
const MANY: usize = 16;

/// The most findings that are kept: a wrong default in a large fleet can make millions.
const MOST: usize = 50_000;

/// The code of the finding that says so.
const TOO_MANY: &str = "too-many-findings";

fn too_many(is_error: bool) -> Diagnostic {
    let message = format!("there are more than {MOST} findings; the others are not shown");
    match is_error {
        true => Diagnostic::error(TOO_MANY, message),
        false => Diagnostic::warning(TOO_MANY, format!("{message}: all warnings")),
    }
}

/// The findings of a run. The same finding in many clusters is one finding with their names.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    found: IndexMap<Key, Diagnostic>,
    /// The findings' clusters that are many, to look them up in.
    clusters: HashMap<usize, HashSet<String>>,
    ignores: Ignores,
    /// What is found does not change what would be written.
    is_judging: bool,
    /// The repository's own files that findings point into.
    texts: Sources,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    code: &'static str,
    message: String,
    primary: Option<Span>,
}

impl Diagnostics {
    /// Adds a finding, unless the TOML file says that it is to be ignored.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.ignores.take(&diagnostic, self.is_judging) {
            return;
        }
        if self.found.len() >= MOST && diagnostic.code != TOO_MANY {
            let is_error = diagnostic.severity == Severity::Error;
            return self.push(too_many(is_error));
        }
        let mut key = Key {
            code: diagnostic.code,
            message: diagnostic.message.clone(),
            primary: diagnostic.primary(),
        };
        if key.code == budget::CODE {
            // Every stage notices; what it says first is where the limit was reached.
            key.message.clear();
            key.primary = None;
        }
        match self.found.entry(key) {
            indexmap::map::Entry::Vacant(entry) => {
                entry.insert(diagnostic);
            }
            indexmap::map::Entry::Occupied(mut entry) => {
                let at = entry.index();
                let known = entry.get_mut();
                for cluster in diagnostic.clusters {
                    let is_new = if known.clusters.len() < MANY {
                        !known.clusters.contains(&cluster)
                    } else {
                        let all = || known.clusters.iter().cloned().collect();
                        let seen = self.clusters.entry(at).or_insert_with(all);
                        seen.insert(cluster.clone())
                    };
                    if is_new {
                        known.clusters.push(cluster);
                    }
                }
            }
        }
    }

    pub fn extend(&mut self, others: impl IntoIterator<Item = Diagnostic>) {
        for diagnostic in others {
            self.push(diagnostic);
        }
    }

    /// Takes the comments of the TOML file by which findings are ignored.
    pub(crate) fn ignore(&mut self, ignores: Ignores) {
        self.ignores = ignores;
    }

    /// Adds the texts of the repository's own files that findings point into; `add` has those of a place.
    pub(crate) fn add_texts(
        &mut self,
        add: impl FnOnce(&mut dyn Iterator<Item = Span>, &mut Sources),
    ) {
        let labels = self.found.values().flat_map(|found| &found.labels);
        let mut spans = labels.map(|label| label.span);
        add(&mut spans, &mut self.texts);
    }

    /// The texts that `add_texts` added, for those who show the findings.
    pub(crate) fn texts(&self) -> &Sources {
        &self.texts
    }

    /// Whether a comment at a place ignores findings of this code: for one finding about many places.
    pub(crate) fn is_ignored(&mut self, code: &'static str, span: Span) -> bool {
        let asked = Diagnostic::note(code, "").at(span, "");
        self.ignores.take(&asked, self.is_judging)
    }

    /// From here on what is asked for is known, and findings only judge it; or no longer.
    pub(crate) fn judge(&mut self, is_judging: bool) {
        self.is_judging = is_judging;
    }

    /// Tells of comments for what cannot be ignored.
    pub(crate) fn tell_refused_ignores(&mut self) {
        for told in self.ignores.refused() {
            self.push(told);
        }
    }

    /// Tells of comments that ignore nothing, those of codes that `is_judged` says no to excepted.
    pub(crate) fn tell_unused_ignores(&mut self, is_judged: impl Fn(&str) -> bool) {
        for told in self.ignores.told(is_judged) {
            self.push(told);
        }
    }

    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub fn len(&self) -> usize {
        self.found.len()
    }

    pub fn count(&self, severity: Severity) -> usize {
        self.iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.found.values()
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&Diagnostic) -> bool) {
        self.found.retain(|_, diagnostic| keep(diagnostic));
        self.clusters.clear();
    }

    /// In the order of the text, findings without a place first: the order people read them in. What is the same
    /// in several clusters but for their names is one finding.
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let mut all = fold::folded(self.found.into_values().collect());
        all.sort_by_key(|diagnostic| {
            let primary = diagnostic.primary();
            (primary.is_some(), primary, diagnostic.severity)
        });
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_fault_in_two_clusters_is_told_once() {
        let mut found = Diagnostics::default();
        found.push(Diagnostic::error("x", "wrong").in_cluster("a"));
        found.push(Diagnostic::error("x", "wrong").in_cluster("b"));
        found.push(Diagnostic::error("x", "wrong").in_cluster("a"));
        let all = found.into_sorted();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].clusters, ["a", "b"]);
    }
}
