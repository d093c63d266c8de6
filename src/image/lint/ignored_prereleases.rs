//! A filter that lets prereleases through to a range that ignores them.

use crate::diagnostic::Diagnostic;
use crate::go::semver::{Constraint, Version};
use crate::image::evaluation::{Judged, Key};
use crate::image::policy::Policy;

use super::{Field, Lint, Subject, listed};

pub(super) static LINT: Lint = Lint {
    code: "ignored-prereleases",
    summary: "a range without `-0` ignores the prereleases that the filter passes",
    page: "\
A semver range holds a prerelease only if it has one itself: `>=1.0.0` never selects `1.1.0-rc.1`,
whatever the filter says. A filter that is there to pass prereleases and a range that ignores them
select nothing, or an older release.

Let the lower bound have the least prerelease there is: `>=1.0.0-0`, or `^1.0.0-0`. Mind that `<2.0.0` then
holds `2.0.0-rc.1`, which comes before 2.0.0; write `<2.0.0-0` to leave it out.

Flux: <https://fluxcd.io/flux/components/image/imagepolicies/#semver>
",
    field: Field::Range,
    check,
};

/// Prereleases as people tag them; a filter that passes one of these and no release is made for prereleases.
const PRERELEASES: &[&str] = &[
    "1.2.3-rc.1",
    "1.2.3-rc1",
    "1.2.3-alpha.1",
    "1.2.3-alpha1",
    "1.2.3-alpha",
    "1.2.3-beta.1",
    "1.2.3-beta1",
    "1.2.3-beta",
    "1.2.3-dev",
    "1.2.3-dev.1",
    "1.2.3-pre.1",
    "1.2.3-preview.1",
    "1.2.3-snapshot",
    "1.2.3-SNAPSHOT",
    "1.2.3-nightly",
    "1.2.3-0",
];

fn check(subject: &Subject<'_>) -> Option<Diagnostic> {
    let filter = subject.filter?;
    let Policy::SemVer { range, constraint } = subject.policy else {
        return None;
    };
    let ignored: Vec<&str> = subject
        .passing()
        .filter(|judged| is_ignored(judged, constraint))
        .map(|judged| judged.tag.as_str())
        .collect();
    let what = if !ignored.is_empty() {
        listed(ignored)
    } else if !constraint.takes_prereleases() && filter.extract.is_empty() {
        let passes = |version: &str| {
            filter.regexp.is_match(version) || filter.regexp.is_match(&format!("v{version}"))
        };
        let example = PRERELEASES.iter().find(|version| passes(version))?;
        if passes("1.2.3") {
            return None;
        }
        format!("such as `{example}`")
    } else {
        return None;
    };
    let message =
        format!("the range `{range}` ignores the prereleases that the filter passes: {what}");
    let help = "let the lower bound take prereleases, as in `>=1.0.0-0`; or pass releases only";
    Some(Diagnostic::warning(LINT.code, message).with_help(help))
}

/// A prerelease whose release the range holds, where the range takes no prereleases at all.
fn is_ignored(judged: &Judged, constraint: &Constraint) -> bool {
    let Some(Key::Version(version)) = &judged.key else {
        return false;
    };
    let release = format!(
        "{}.{}.{}",
        version.major(),
        version.minor(),
        version.patch()
    );
    version.is_prerelease()
        && !constraint.takes_prereleases()
        && Version::parse(&release).is_ok_and(|release| constraint.check(&release))
}
