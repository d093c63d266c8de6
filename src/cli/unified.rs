//! `fluxgen diff` without `--against`: what build would write, line by line.

use std::fmt::Write as _;

use similar::{ChangeTag, TextDiff};

use crate::compare::text::PATIENCE;

use super::diff::Args;
use super::output::style;
use super::{Place, Status, print, tell};
use crate::tree::{Existing, File};

pub(super) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    let mut project = place.open(&args.cluster)?;
    let mut diagnostics = std::mem::take(&mut project.diagnostics);
    let plan = project.plan(&[], &mut diagnostics);
    let has_errors = diagnostics.has_errors();
    let found = diagnostics.into_sorted();
    tell(&found, &project.sources);
    let Some(plan) = plan.filter(|_| !has_errors) else {
        return Ok(Status::of_errors(&found));
    };
    let color = style(&std::io::stdout()).color;
    let nothing = Existing::default();
    let mut out = String::new();
    for cluster in &plan.clusters {
        let existing = project.existing.get(&cluster.name).unwrap_or(&nothing);
        let old = |path: &str| match existing.files.get(path) {
            Some(File::Ours(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        };
        let written = cluster
            .write
            .iter()
            .map(|(path, text)| (path.as_ref(), text.as_ref()));
        let removed = cluster.remove.iter().map(|path| (path.as_str(), ""));
        for (path, new) in written.chain(removed) {
            let name = format!("{}/{path}", cluster.folder);
            let diff = FileDiff {
                name: &name,
                old: &old(path),
                new,
            };
            match args.stat {
                true => diff.stat(&mut out),
                false => diff.unified(color, &mut out),
            }
        }
    }
    print(&out)?;
    Ok(if plan.is_empty() {
        Status::Done
    } else {
        Status::Found
    })
}

/// A file before and after; a text that is empty is a file that is not there.
pub(super) struct FileDiff<'a> {
    pub name: &'a str,
    pub old: &'a str,
    pub new: &'a str,
}

impl FileDiff<'_> {
    /// As `git diff` shows it.
    pub(super) fn unified(&self, color: bool, out: &mut String) {
        let paint = |code: &str, line: &str, out: &mut String| {
            let _ = match color {
                true => writeln!(out, "\u{1b}[{code}m{line}\u{1b}[m"),
                false => writeln!(out, "{line}"),
            };
        };
        let side = |text: &str, prefix: char| match text.is_empty() {
            true => "/dev/null".to_owned(),
            false => format!("{prefix}/{}", self.name),
        };
        paint("1", &format!("--- {}", side(self.old, 'a')), out);
        paint("1", &format!("+++ {}", side(self.new, 'b')), out);
        let diff = TextDiff::configure()
            .timeout(PATIENCE)
            .diff_lines(self.old, self.new);
        for hunk in diff.unified_diff().iter_hunks() {
            paint("36", &hunk.header().to_string(), out);
            for change in hunk.iter_changes() {
                let line = change.value().trim_end_matches('\n');
                match change.tag() {
                    ChangeTag::Equal => {
                        let _ = writeln!(out, " {line}");
                    }
                    ChangeTag::Delete => paint("31", &format!("-{line}"), out),
                    ChangeTag::Insert => paint("32", &format!("+{line}"), out),
                }
                if change.missing_newline() {
                    let _ = writeln!(out, "\\ No newline at end of file");
                }
            }
        }
    }

    fn stat(&self, out: &mut String) {
        let word = match (self.old.is_empty(), self.new.is_empty()) {
            (true, _) => "new",
            (_, true) => "removed",
            _ => "changed",
        };
        let _ = writeln!(out, "{word:8} {}", self.name);
    }
}
