//! A policy that may select one tag now and another at the next interval.

use crate::diagnostic::Diagnostic;
use crate::image::evaluation::{Cause, Outcome};

use super::{Field, Lint, Subject, listed};

pub(super) static LINT: Lint = Lint {
    code: "unstable-policy",
    summary: "a policy may select any of several tags",
    page: "\
Two tags may be equal to a policy: the filter extracts one value from both, or their values are equal
in its order (`1` and `1.0`, `v1.2.3` and `1.2.3`). The controller then selects whichever it meets last
or first, and the order in which it meets them may change from one reconciliation to the next. With an
ImageUpdateAutomation each change is a commit.

Narrow the filter until it passes one of them, or extract enough of the tag to tell them apart.

Flux: <https://fluxcd.io/flux/components/image/imagepolicies/>
",
    field: Field::Policy,
    check,
};

fn check(subject: &Subject<'_>) -> Option<Diagnostic> {
    let Outcome::Unstable { tags, cause } = &subject.evaluation.outcome else {
        return None;
    };
    let (note, help) = match cause {
        Cause::OneValue => (
            "the filter extracts one value from them",
            "narrow the filter until it passes one of them, or extract what tells them apart",
        ),
        Cause::EqualKeys => (
            "they are equal in the policy's order",
            "narrow the filter until it passes one of them",
        ),
        Cause::NotANumber => (
            "`NaN` is neither greater nor less than a number",
            "extract a group of digits only",
        ),
    };
    let any = listed(tags.iter().map(String::as_str));
    let diagnostic = Diagnostic::warning(
        LINT.code,
        format!("the policy is unstable: it may select any of {any}"),
    );
    Some(diagnostic.with_note(note).with_help(help))
}
