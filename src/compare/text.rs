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
pub(super) fn lines(old: &str, new: &str) -> Vec<TextLine> {
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
    let all: Vec<(TextTag, String)> = diff
        .iter_all_changes()
        .map(|change| {
            let tag = match change.tag() {
                ChangeTag::Equal => TextTag::Equal,
                ChangeTag::Delete => TextTag::Removed,
                ChangeTag::Insert => TextTag::Added,
            };
            (
                tag,
                change.value().trim_end_matches(['\n', '\r']).to_owned(),
            )
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
        let lines = lines(&old, &new);
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
