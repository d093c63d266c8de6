//! Numerical order over values that are not numbers, or are so by accident.

use crate::diagnostic::Diagnostic;
use crate::image::evaluation::{Reason, Verdict};
use crate::image::policy::Policy;

use super::{Field, Lint, Subject, listed};

pub(super) static LINT: Lint = Lint {
    code: "numerical-order-over-text",
    summary: "numerical order over commit hashes or other text",
    page: "\
A numerical policy reads every value as a number, as Go's `strconv.ParseFloat` does. One value that is
no number fails the policy as a whole: no tag is selected, not even among the others. And a hash may be
a number by accident: `1e3` is a thousand, `12e5` more than a million, `0x1p4` sixteen.

Extract the part that counts up, a time or a build number, and let its group hold digits only:
`^main-[a-f0-9]+-(?P<ts>[0-9]+)$` with the extract `$ts`. Hashes have no order: put a time before them
when the image is tagged.

Flux: <https://fluxcd.io/flux/components/image/imagepolicies/#numerical>
",
    field: Field::Policy,
    check,
};

fn check(subject: &Subject<'_>) -> Option<Diagnostic> {
    if !matches!(subject.policy, Policy::Numerical { .. }) {
        return None;
    }
    let warning = |message: String| {
        Some(
            Diagnostic::warning(LINT.code, message)
                .with_help("extract a group of digits only, such as `(?P<ts>[0-9]+)`"),
        )
    };
    let values = |is_wanted: fn(&Verdict) -> bool| {
        let wanted = subject
            .passing()
            .filter(move |judged| is_wanted(&judged.verdict));
        wanted.filter_map(|judged| judged.extracted.as_deref())
    };
    let unreadable: Vec<&str> =
        values(|verdict| *verdict == Verdict::Loses(Reason::NotANumber)).collect();
    if !unreadable.is_empty() {
        let are = if unreadable.len() == 1 {
            "is no number, which fails"
        } else {
            "are no numbers, which fail"
        };
        return warning(format!(
            "{} {are} the numerical policy as a whole",
            listed(unreadable)
        ));
    }
    let has_letters = |value: &&str| value.bytes().any(|byte| byte.is_ascii_alphabetic());
    let accidental: Vec<&str> = values(|verdict| *verdict != Verdict::Loses(Reason::Filtered))
        .filter(has_letters)
        .collect();
    if !accidental.is_empty() {
        return warning(format!(
            "{} counts as a number by accident",
            listed(accidental)
        ));
    }
    let characters = subject
        .filter?
        .regexp
        .group_characters(subject.ordered_group()?)?;
    // Without an extract the whole tag is ordered, which has its own lint.
    if characters.letters && !characters.anything && !subject.filter?.extract.is_empty() {
        let extract = &subject.filter?.extract;
        return warning(format!(
            "numerical order over `{extract}`, which may hold letters"
        ));
    }
    None
}
