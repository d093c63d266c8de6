//! A range without an upper bound that holds a date from the image's past.

use crate::diagnostic::Diagnostic;
use crate::image::evaluation::{Key, Outcome};
use crate::image::policy::Policy;

use super::{Field, Lint, Subject};

pub(super) static LINT: Lint = Lint {
    code: "calendar-version-selected",
    summary: "a date such as `2017.3.14` wins over the releases",
    page: "\
Many images were once tagged by date. `2017.3.14` is a version with the major number 2017, greater than
any release since, and a range without an upper bound, `>=6.0.0` or `*`, selects it: a downgrade by years.

Bound the range, as in `>=6.0.0 <1000.0.0` or `6.x`, or filter the dates out.

Flux: <https://fluxcd.io/flux/components/image/imagepolicies/#semver>
",
    field: Field::Range,
    check,
};

/// Majors from here on are years, or dates in one number.
const FIRST_YEAR: u64 = 1970;

fn check(subject: &Subject<'_>) -> Option<Diagnostic> {
    let (Policy::SemVer { range, .. }, Outcome::Latest(latest)) =
        (subject.policy, &subject.evaluation.outcome)
    else {
        return None;
    };
    let mut date = None;
    let mut release: Option<(usize, &str)> = None;
    for judged in &subject.evaluation.tags {
        let (Some(place), Some(Key::Version(version))) = (judged.place, &judged.key) else {
            continue;
        };
        if place == 1 && version.major() >= FIRST_YEAR {
            date = Some(version);
        }
        if version.major() < FIRST_YEAR && release.is_none_or(|(best, _)| place < best) {
            release = Some((place, &judged.tag));
        }
    }
    let (_, (_, release)) = (date?, release?);
    let message =
        format!("the range `{range}` selects `{latest}`, a calendar version, over `{release}`");
    Some(
        Diagnostic::warning(LINT.code, message)
            .with_help("bound the range, as in `>=6.0.0 <1000.0.0`, or filter the dates out"),
    )
}
