//! A policy carries its own test: `tags` and what to `expect` of them.

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::image::evaluation::evaluate;
use crate::image::report::summary;
use crate::image::spec::{self, Spec};
use crate::link::Graph;

pub(super) const RULE: Rule = Rule {
    code: "policy-test",
    summary: "an image policy does not pick what its test expects",
    page: "\
`tags` and `expect` of an image are a test of its policy: of these tags the policy must pick that
one, as image-reflector-controller would. A policy that cannot be evaluated, or whose pick is not
stable, fails its test.

Flux: <https://fluxcd.io/flux/components/image/imagepolicies/>",
    check,
};

fn check(graph: &Graph, _facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    for variant in &graph.validated.expanded.variants {
        for test in &variant.tests {
            let policy = variant
                .resources
                .iter()
                .find(|resource| resource.identity == test.policy);
            let (Some(policy), Some(expect)) = (policy, &test.expect) else {
                continue;
            };
            let Some(Ok(Spec { policy, filter })) = spec::read(policy) else {
                continue;
            };
            let tags: Vec<String> = test.tags.iter().map(|tag| tag.value.clone()).collect();
            let evaluation = evaluate(&policy, filter.as_ref(), &tags);
            let picked = evaluation.outcome.candidates();
            if picked == std::slice::from_ref(&expect.value) {
                continue;
            }
            let message = match picked {
                [] => format!("the policy `{}` picks none of its `tags`", test.policy.name),
                [one] => format!(
                    "the policy `{}` picks `{one}` of its `tags`",
                    test.policy.name
                ),
                many => format!(
                    "the policy `{}` picks any of `{}`: the result is not stable",
                    test.policy.name,
                    many.join("`, `")
                ),
            };
            diagnostics.push(
                Diagnostic::error("policy-test", message)
                    .at(expect.span, "expected this one")
                    .at(test.span, "of these")
                    .with_note(summary(&evaluation))
                    .with_help("mend the policy or its filter, or change `expect`"),
            );
        }
    }
}
