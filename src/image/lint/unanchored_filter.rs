//! A filter that matches a part of a tag, and so the tags of other builds.

use crate::diagnostic::Diagnostic;
use crate::go::regexp::End;
use crate::image::policy::Policy;

use super::{Field, Lint, Subject, listed};

pub(super) static LINT: Lint = Lint {
    code: "unanchored-filter",
    summary: "a filter without `^` and `$` matches the tags of other builds",
    page: "\
A filter passes a tag as soon as its pattern matches somewhere in it. `^main-[a-f0-9]+-(?P<ts>[0-9]+)`
is meant for `main-a1b2c3d-1611906956` and passes `main-a1b2c3d-1611906956-arm64` as well; both yield one
value, and the policy may select either.

Begin the pattern with `^` and end it with `$`. A pattern that ends in `.*` takes whatever follows on
purpose and is not reported; neither is a filter of whole versions under a semver policy, unless one of
the policy's own tags shows the fault.

Flux: <https://fluxcd.io/flux/components/image/imagepolicies/#filter-tags>
",
    field: Field::Pattern,
    check,
};

fn check(subject: &Subject<'_>) -> Option<Diagnostic> {
    let filter = subject.filter?;
    let (start, end) = filter.regexp.ends();
    let place = match (start, end) {
        (End::Held, End::Held) => return None,
        (End::Open, End::Open) => "start and end",
        (End::Open, End::Held) => "start",
        (End::Held, End::Open) => "end",
    };
    let in_part: Vec<&str> = subject
        .passing()
        .map(|judged| judged.tag.as_str())
        .filter(|tag| filter.regexp.find(tag) != Some((0, tag.len())))
        .collect();
    let consequence = if !in_part.is_empty() {
        format!("matches only a part of {}", listed(in_part))
    } else if matches!(subject.policy, Policy::SemVer { .. }) && filter.extract.is_empty() {
        // A tag is then a version as a whole, or takes no part.
        return None;
    } else if end == End::Open {
        "passes a tag with anything after the match, such as `-arm64`".to_owned()
    } else {
        "passes a tag with anything before the match, such as `dev-`".to_owned()
    };
    let pattern = filter.regexp.pattern();
    let body = if pattern.contains('|') {
        format!("(?:{pattern})")
    } else {
        pattern.to_owned()
    };
    let anchor = |end: End, sign: &'static str| if end == End::Open { sign } else { "" };
    let help = format!("write `{}{body}{}`", anchor(start, "^"), anchor(end, "$"));
    let message = format!("the filter is open at its {place} and {consequence}");
    Some(Diagnostic::warning(LINT.code, message).with_help(help))
}
