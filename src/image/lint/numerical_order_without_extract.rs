//! A filter that picks tags but extracts nothing to count by.

use crate::diagnostic::Diagnostic;
use crate::image::evaluation::Key;
use crate::image::policy::Policy;

use super::{Field, Lint, Subject};

pub(super) static LINT: Lint = Lint {
    code: "numerical-order-without-extract",
    summary: "numerical order over whole tags that hold more than a number",
    page: "\
A filter without `extract` leaves the tag as it is, and a numerical policy then reads the whole tag as a
number. `main-a1b2c3d-1611906956` is none, and one such tag fails the policy.

Give the number's group a name and extract it: `pattern = '^main-[a-f0-9]+-(?P<ts>[0-9]+)$'` and
`extract = '$ts'`.

Flux: <https://fluxcd.io/flux/components/image/imagepolicies/#filter-tags>
",
    field: Field::Extract,
    check,
};

fn check(subject: &Subject<'_>) -> Option<Diagnostic> {
    let filter = subject.filter.filter(|filter| filter.extract.is_empty())?;
    if !matches!(subject.policy, Policy::Numerical { .. }) {
        return None;
    }
    let characters = filter.regexp.characters();
    if !characters.letters && !characters.anything {
        return None;
    }
    // The policy's own tags may show that the pattern passes numbers only.
    let mut passing = subject.passing().peekable();
    if passing.peek().is_some() && passing.all(|judged| matches!(judged.key, Some(Key::Number(_))))
    {
        return None;
    }
    let names = filter.regexp.group_names();
    let help = match names.iter().skip(1).find(|name| !name.is_empty()) {
        Some(name) => format!("add `extract = \"${name}\"`"),
        None if names.len() > 1 => {
            "add `extract = \"$1\"`, or name the group of the number and extract it".to_owned()
        }
        None => "put the number in a group, `(?P<n>[0-9]+)`, and add `extract = \"$n\"`".to_owned(),
    };
    let message =
        "the filter extracts nothing, so that numerical order reads the whole tag as a number";
    Some(Diagnostic::warning(LINT.code, message).with_help(help))
}
