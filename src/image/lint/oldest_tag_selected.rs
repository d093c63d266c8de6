//! `order: desc` makes the least tag the latest.

use crate::diagnostic::Diagnostic;
use crate::image::evaluation::Outcome;
use crate::image::policy::Order;

use super::{Field, Lint, Subject};

pub(super) static LINT: Lint = Lint {
    code: "oldest-tag-selected",
    summary: "`order: desc` selects the oldest tag",
    page: "\
The order of an alphabetical or numerical policy says how the tags are sorted, and the last of them is
the latest. `asc`, the default, therefore selects the greatest tag: the newest build where the tags hold
a time or a counter. `desc` is often taken for \"newest first\"; it selects the least, the oldest build.

Leave `order` out, or write `asc`. Where the least tag is wanted, because the tags count down, say so
with `# fluxgen: ignore[oldest-tag-selected]` on the line.

Flux: <https://fluxcd.io/flux/components/image/imagepolicies/#policy>
",
    field: Field::Order,
    check,
};

fn check(subject: &Subject<'_>) -> Option<Diagnostic> {
    if subject.policy.order() != Some(Order::Desc) {
        return None;
    }
    let taking_part = subject
        .evaluation
        .tags
        .iter()
        .filter(|tag| tag.place.is_some())
        .count();
    let message = match &subject.evaluation.outcome {
        Outcome::Latest(tag) if taking_part > 1 => {
            format!("order `desc` selects `{tag}`, the least of {taking_part} tags")
        }
        _ => "order `desc` selects the least tag, which is the oldest build".to_owned(),
    };
    Some(
        Diagnostic::warning(LINT.code, message)
            .with_help("leave `order` out, or write `asc`: the greatest tag is then the latest"),
    )
}
