//! A filter that matches a part of a tag, and so the tags of other builds.

use std::collections::HashSet;

use crate::diagnostic::Diagnostic;
use crate::go::regexp::{End, Regexp};
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
the policy's own tags shows the fault. A prefix such as `^RELEASE\\.` is not reported where the tags have
one width, nor is a pattern whose extracted part is a timestamp or has a fixed width, before a tag shows the
fault.

Flux: <https://fluxcd.io/flux/components/image/imagepolicies/#filter-tags>
",
    field: Field::Pattern,
    check,
};

/// Whether a filter is open on purpose, as far as the tags and the pattern show.
fn is_meant(subject: &Subject<'_>, start: End, passing: &[&str], in_part: &[&str]) -> bool {
    let Some(filter) = subject.filter.filter(|_| start == End::Held) else {
        return false;
    };
    let [first, rest @ ..] = passing else {
        return filter.extract.is_empty() || subject.is_of_one_width();
    };
    // Tags of one shape, each of which goes on after the match.
    let extracted = || {
        subject
            .passing()
            .filter_map(|judged| judged.extracted.as_deref())
    };
    let distinct: HashSet<&str> = extracted().collect();
    !rest.is_empty()
        && (in_part.is_empty() || in_part.len() == passing.len())
        && distinct.len() == passing.len()
        && rest.iter().all(|tag| tag.len() == first.len())
}

fn check(subject: &Subject<'_>) -> Option<Diagnostic> {
    let filter = subject.filter?;
    let (start, end) = filter.regexp.ends();
    let place = match (start, end) {
        (End::Held, End::Held) => return None,
        (End::Open, End::Open) => "start and end",
        (End::Open, End::Held) => "start",
        (End::Held, End::Open) => "end",
    };
    let passing: Vec<&str> = subject
        .passing()
        .map(|judged| judged.tag.as_str())
        .collect();
    let in_part: Vec<&str> = passing
        .iter()
        .copied()
        .filter(|tag| filter.regexp.find(tag) != Some((0, tag.len())))
        .collect();
    if is_meant(subject, start, &passing, &in_part) {
        return None;
    }
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
    let anchored = format!("{}{body}{}", anchor(start, "^"), anchor(end, "$"));
    let open = format!("{}{body}.*", anchor(start, "^"));
    // The closed pattern must still pass some of the policy's own tags.
    let passes_some = passing.is_empty()
        || Regexp::compile(&anchored)
            .is_ok_and(|closed| passing.iter().any(|tag| closed.is_match(tag)));
    let help = match passes_some {
        true => format!("write `{anchored}`"),
        false => format!("write `{open}` if whatever follows is meant"),
    };
    let message = format!("the filter is open at its {place} and {consequence}");
    Some(Diagnostic::warning(LINT.code, message).with_help(help))
}
