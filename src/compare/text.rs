//! The inner diff of texts of several lines.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use super::report::{TextLine, TextTag};

/// After this a diff is made that is right, but not the shortest: two long texts without a line in common would take for
/// ever.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

/// Equal lines kept around a change.
const CONTEXT: usize = 3;

/// Line by line; equal lines far from a change are counted and left out.
///
/// Each side is a text and what is shown of it, which has as many lines: two secrets that differ look the
/// same, and are a change.
pub(super) fn lines(old: (&str, &str), new: (&str, &str)) -> Vec<TextLine> {
    let diff = TextDiff::configure()
        .timeout(PATIENCE)
        .diff_lines(old.0, new.0);
    let shown_before: Vec<&str> = old.1.split('\n').collect();
    let shown_after: Vec<&str> = new.1.split('\n').collect();
    let all: Vec<(TextTag, String)> = diff
        .iter_all_changes()
        .map(|change| {
            let line = |shown: &[&str], at: Option<usize>| {
                let line = at.and_then(|at| shown.get(at)).copied();
                line.unwrap_or_default().trim_end_matches('\r').to_owned()
            };
            match change.tag() {
                ChangeTag::Equal => (TextTag::Equal, line(&shown_after, change.new_index())),
                ChangeTag::Delete => (TextTag::Removed, line(&shown_before, change.old_index())),
                ChangeTag::Insert => (TextTag::Added, line(&shown_after, change.new_index())),
            }
        })
        .collect();
    let changed: Vec<usize> = (0..all.len())
        .filter(|at| all[*at].0 != TextTag::Equal)
        .collect();
    let mut lines = Vec::new();
    let mut skipped = 0;
    for (at, (tag, text)) in all.into_iter().enumerate() {
        let next = changed.partition_point(|other| *other < at);
        let is_near =
            |other: Option<&usize>| other.is_some_and(|other| other.abs_diff(at) <= CONTEXT);
        if !is_near(changed.get(next))
            && !is_near(next.checked_sub(1).and_then(|it| changed.get(it)))
        {
            skipped += 1;
            continue;
        }
        flush(&mut skipped, &mut lines);
        lines.push(TextLine {
            tag,
            text,
            skipped: 0,
        });
    }
    flush(&mut skipped, &mut lines);
    lines
}

fn flush(skipped: &mut usize, lines: &mut Vec<TextLine>) {
    if *skipped > 0 {
        lines.push(TextLine {
            tag: TextTag::Skipped,
            text: String::new(),
            skipped: std::mem::take(skipped),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lines_far_from_a_change_are_counted() {
        let old: String = (1..=20).map(|line| format!("{line}\n")).collect();
        let new = old.replace("10\n", "ten\n");
        let lines = lines((&old, &old), (&new, &new));
        assert_eq!(lines.first().map(|line| line.skipped), Some(6));
        assert_eq!(lines.last().map(|line| line.skipped), Some(7));
        let tags: Vec<_> = lines
            .iter()
            .filter(|line| !matches!(line.tag, TextTag::Equal | TextTag::Skipped))
            .map(|line| (line.tag, line.text.as_str()))
            .collect();
        assert_eq!(tags, [(TextTag::Removed, "10"), (TextTag::Added, "ten")]);
    }
}
