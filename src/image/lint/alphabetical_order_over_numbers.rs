//! Alphabetical order over numbers of different width: 9 comes after 10.

use std::collections::HashMap;

use crate::diagnostic::Diagnostic;
use crate::image::policy::Policy;

use super::{Field, Lint, Subject};

pub(super) static LINT: Lint = Lint {
    code: "alphabetical-order-over-numbers",
    summary: "alphabetical order over numbers of different width",
    page: "\
Alphabetical order compares values character by character: `build-9` comes after `build-10`, and
`1.9.0` after `1.10.0`. Numbers are ordered correctly only if they all have the same width, as in
`2023-01-04` or in Unix times; a group named `ts`, `timestamp`, `time` or `date` is taken for one of these.

Extract the number and order numerically; for versions use a semver policy; or tag with zeros in front.

Flux: <https://fluxcd.io/flux/components/image/imagepolicies/#alphabetical>
",
    field: Field::Policy,
    check,
};

fn check(subject: &Subject<'_>) -> Option<Diagnostic> {
    if !matches!(subject.policy, Policy::Alphabetical { .. }) {
        return None;
    }
    let tags = subject.passing().count();
    let values = subject
        .passing()
        .filter_map(|judged| judged.extracted.as_deref());
    let message = match different_widths(values) {
        Some((left, right)) => {
            let (first, second) = if left < right {
                (left, right)
            } else {
                (right, left)
            };
            format!("alphabetical order puts `{second}` after `{first}`")
        }
        None => {
            let group = subject.ordered_group()?;
            let regexp = &subject.filter?.regexp;
            let characters = regexp.group_characters(group)?;
            // The policy's tags show the width better than the pattern.
            if !characters.are_digits_only() || subject.is_of_one_width() || tags > 1 {
                return None;
            }
            "alphabetical order over a number of any width: `9` comes after `10`".to_owned()
        }
    };
    let help = "order numerically, with an extract of the number alone; for versions use `semver`";
    Some(Diagnostic::warning(LINT.code, message).with_help(help))
}

/// Two values that are alike up to a number, which has more digits in one than in the other.
fn different_widths<'v>(values: impl Iterator<Item = &'v str>) -> Option<(&'v str, &'v str)> {
    let mut widths: HashMap<&str, (usize, &str)> = HashMap::new();
    for value in values {
        for (start, end) in numbers(value) {
            let (width, other) = *widths
                .entry(&value[..start])
                .or_insert((end - start, value));
            if width != end - start {
                return Some((other, value));
            }
        }
    }
    None
}

/// The runs of digits that no letter follows, which in a commit hash are few.
fn numbers(value: &str) -> Vec<(usize, usize)> {
    let bytes = value.as_bytes();
    let mut runs = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = at
            + bytes[at..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
        if end > at && !bytes.get(end).is_some_and(u8::is_ascii_alphabetic) {
            runs.push((at, end));
        }
        at = end.max(at + 1);
    }
    runs
}
