//! An extract that refers to a group which the pattern has not.

use crate::diagnostic::Diagnostic;
use crate::diagnostic::nearest::nearest;

use super::{Field, Lint, Subject};

pub(super) static LINT: Lint = Lint {
    code: "unknown-filter-group",
    summary: "an extract refers to a group that the pattern has not",
    page: "\
A reference in `extract` to a group that is not in the pattern stands for nothing: no error, an empty
value. The longest run of letters, digits and `_` is the name, so `$1x` is the group `1x`, not group 1
and an `x`; write `${1}x`.

Flux: <https://fluxcd.io/flux/components/image/imagepolicies/#filter-tags>; Go: <https://pkg.go.dev/regexp#Regexp.Expand>
",
    field: Field::Extract,
    check,
};

fn check(subject: &Subject<'_>) -> Option<Diagnostic> {
    let filter = subject.filter?;
    let unknown = filter
        .regexp
        .unknown_references(&filter.extract)
        .into_iter()
        .next()?;
    let names: Vec<&str> = filter
        .regexp
        .group_names()
        .iter()
        .map(String::as_str)
        .filter(|name| !name.is_empty())
        .collect();
    let longest = names
        .iter()
        .filter(|name| unknown.starts_with(**name))
        .max_by_key(|name| name.len());
    let digits: &str = &unknown[..unknown.bytes().take_while(u8::is_ascii_digit).count()];
    let help = if let Some(name) = longest {
        format!(
            "write `${{{name}}}{}`: the longest name counts",
            &unknown[name.len()..]
        )
    } else if !digits.is_empty() && digits.len() < unknown.len() {
        format!(
            "write `${{{digits}}}{}`: the longest name counts",
            &unknown[digits.len()..]
        )
    } else if let Some(name) = nearest(&unknown, names.iter().copied()) {
        format!("did you mean `${name}`?")
    } else if names.is_empty() {
        format!("name a group of the pattern: `(?P<{unknown}>…)`")
    } else {
        format!("the pattern's groups are `{}`", names.join("`, `"))
    };
    let message = format!(
        "the extract refers to `{unknown}`, which is no group of the pattern and stands for nothing"
    );
    Some(Diagnostic::warning(LINT.code, message).with_help(help))
}
