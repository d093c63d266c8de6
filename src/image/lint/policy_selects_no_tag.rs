//! A policy that selects none of the tags it is tried on.

use crate::diagnostic::Diagnostic;
use crate::image::evaluation::{Outcome, Reason, Verdict};

use super::{Field, Lint, Subject};

pub(super) static LINT: Lint = Lint {
    code: "policy-selects-no-tag",
    summary: "a policy selects none of its own `tags`",
    page: "\
The `tags` of an image are the list that its policy is tried on. If the filter passes none of them, or
none of what passes is in the range, then the ImagePolicy is never ready and its automation has nothing
to write; the message is the one that the controller would show.

`fluxgen image test` tells for each tag why it is not selected. Mend the filter or the range, or list the
tags that the repository really has.

Flux: <https://fluxcd.io/flux/components/image/imagepolicies/>
",
    field: Field::Policy,
    check,
};

fn check(subject: &Subject<'_>) -> Option<Diagnostic> {
    let Outcome::Error { message, .. } = &subject.evaluation.outcome else {
        return None;
    };
    let tags = &subject.evaluation.tags;
    let count = |is_counted: fn(&Reason) -> bool| {
        tags.iter()
            .filter(|tag| matches!(&tag.verdict, Verdict::Loses(reason) if is_counted(reason)))
            .count()
    };
    // Values that are no numbers have their own lint.
    if tags.is_empty() || count(|reason| *reason == Reason::NotANumber) > 0 {
        return None;
    }
    let reasons = [
        (
            count(|reason| *reason == Reason::Filtered),
            "not matched by the filter",
        ),
        (
            count(|reason| matches!(reason, Reason::NotAVersion(_))),
            "not a version",
        ),
        (
            count(|reason| *reason == Reason::OutsideRange),
            "outside the range",
        ),
        (
            count(|reason| *reason == Reason::IgnoredPrerelease),
            "a prerelease that the range ignores",
        ),
    ];
    let told = reasons
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, reason)| format!("{count} {reason}"));
    let told: Vec<String> = told.collect();
    let diagnostic = Diagnostic::warning(
        LINT.code,
        format!("the policy selects none of its tags: {}", told.join(", ")),
    );
    Some(
        diagnostic
            .with_note(format!("the controller would say: {message}"))
            .with_help("see `fluxgen image test` for each tag, and mend the filter or the range"),
    )
}
