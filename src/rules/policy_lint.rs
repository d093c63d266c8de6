//! What is likely wrong with the policies: the lints of `image::lint`, at their places.

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::image::evaluation::evaluate;
use crate::image::lint::lint;
use crate::image::spec::{self, Spec};
use crate::link::Graph;

pub(super) const RULE: Rule = Rule {
    code: "policy-not-judged",
    summary: "an image policy could not be judged",
    page: "\
The filter's pattern is one that fluxgen cannot match as Go does, so that neither the policy's test nor
its lints have been run. The controller decides.

Flux: <https://fluxcd.io/flux/components/image/imagepolicies/>",
    check,
};

fn check(graph: &Graph, _facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    for variant in &graph.validated.expanded.variants {
        let policies = variant.resources.iter();
        for policy in policies.filter(|resource| resource.identity.is_kind(spec::GROUP, spec::KIND))
        {
            let Spec {
                policy: rule,
                filter,
            } = match spec::read(policy) {
                Some(Ok(read)) => read,
                Some(Err(error)) if error.is_not_checked() => {
                    let message = format!("the policy `{}`: {error}", policy.identity.name);
                    diagnostics
                        .push(Diagnostic::note("policy-not-judged", message).at(variant.span, ""));
                    continue;
                }
                // Its schema has told.
                Some(Err(_)) | None => continue,
            };
            let test = variant
                .tests
                .iter()
                .find(|test| test.policy == policy.identity);
            let tags: Vec<String> = test
                .map(|test| test.tags.iter().map(|tag| tag.value.clone()).collect())
                .unwrap_or_default();
            let evaluation = evaluate(&rule, filter.as_ref(), &tags);
            let is_told = test.is_some_and(|test| test.expect.is_some());
            for finding in lint(&rule, filter.as_ref(), &evaluation) {
                // What the policy's own test fails for is told once.
                if is_told
                    && evaluation.outcome.candidates().len() != 1
                    && is_of_outcome(finding.diagnostic.code)
                {
                    continue;
                }
                let span = spec::place(policy, finding.field).unwrap_or(variant.span);
                let span = if span.is_built_in() {
                    variant.span
                } else {
                    span
                };
                diagnostics.push(finding.diagnostic.at(span, ""));
            }
        }
    }
}

/// Whether a lint says of the policy's own tags what its failed test says.
fn is_of_outcome(code: &str) -> bool {
    matches!(code, "policy-selects-no-tag" | "unstable-policy")
}
