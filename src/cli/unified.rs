//! `fluxgen diff` without `--against`: what build would write, line by line.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;

use similar::{ChangeTag, TextDiff};

use crate::compare::text::PATIENCE;

use super::diff::Args;
use super::output::style;
use super::{Place, Status, print, tell};
use crate::diagnostic::render::printable_line;
use crate::mask::{MASK, Secrets, hide_file};
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
    let mut secrets = Secrets::default();
    // Nothing else of what is printed could hold one.
    if !args.stat && !plan.is_empty() {
        secrets = Secrets::of(&project.sources);
        let before = plan.clusters.iter().filter_map(|cluster| {
            let existing = project.existing.get(&cluster.name)?;
            let written = cluster.write.iter().map(|(path, _)| path.as_ref());
            let changed = written.chain(cluster.remove.iter().map(AsRef::as_ref));
            Some(
                changed.filter_map(|path: &str| match existing.files.get(path)? {
                    File::Ours(bytes) => std::str::from_utf8(bytes).ok(),
                    _ => None,
                }),
            )
        });
        secrets = secrets.and_yaml(before.flatten());
    }
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
                false => diff.shown(&secrets, color, &mut out),
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

/// A line of YAML up to the colon of its key.
fn key_of(line: &str) -> Option<&str> {
    line.split_once(": ").map(|(key, _)| key)
}

/// A file before and after; a text that is empty is a file that is not there.
pub(super) struct FileDiff<'a> {
    pub name: &'a str,
    pub old: &'a str,
    pub new: &'a str,
}

impl FileDiff<'_> {
    /// As `git diff` shows it, for people: without secrets and without what acts on a terminal.
    pub(super) fn shown(&self, secrets: &Secrets, color: bool, out: &mut String) {
        let (old, new) = (
            hide_file(self.name, self.old),
            hide_file(self.name, self.new),
        );
        let lines: [Vec<&str>; 2] = [old.split('\n').collect(), new.split('\n').collect()];
        // The secret that a field had before is in no file that was read; that it has one now is known.
        let fields = lines[1].iter().copied();
        let traced: HashSet<&str> = fields
            .filter(|line: &&str| matches!(secrets.hide(line), Cow::Owned(_)))
            .filter_map(key_of)
            .collect();
        self.write(color, out, |at, side| {
            let line = lines[side].get(at).copied().unwrap_or_default();
            match key_of(line).filter(|key| side == 0 && traced.contains(key)) {
                Some(key) => format!("{}: {MASK}", printable_line(key)),
                None => printable_line(&secrets.hide(line)).into_owned(),
            }
        });
    }

    /// The same as a patch that `git apply` takes, secrets and all.
    pub(super) fn patch(&self, out: &mut String) {
        let lines: [Vec<&str>; 2] = [
            self.old.split('\n').collect(),
            self.new.split('\n').collect(),
        ];
        self.write(false, out, |at, side| {
            lines[side].get(at).copied().unwrap_or_default().to_owned()
        });
    }

    /// `line` gives the text of a line by its number and its side: 0 before, 1 after.
    fn write(&self, color: bool, out: &mut String, line: impl Fn(usize, usize) -> String) {
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
                let text = |at: Option<usize>, side| line(at.unwrap_or_default(), side);
                match change.tag() {
                    ChangeTag::Equal => {
                        let _ = writeln!(out, " {}", text(change.new_index(), 1));
                    }
                    ChangeTag::Delete => {
                        paint("31", &format!("-{}", text(change.old_index(), 0)), out);
                    }
                    ChangeTag::Insert => {
                        paint("32", &format!("+{}", text(change.new_index(), 1)), out);
                    }
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
