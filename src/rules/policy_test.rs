//! A policy carries its own test: `tags` and what to `expect` of them.

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::image::evaluation::evaluate;
use crate::image::policy::{Filter, Policy};
use crate::link::Graph;
use crate::node::Node;
use crate::resource::Resource;

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
            let Some((policy, filter)) = read(policy) else {
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
                    .with_help("mend the policy or its filter, or change `expect`"),
            );
        }
    }
}

/// The policy and filter of a spec; what is no policy has been told by its schema.
fn read(resource: &Resource) -> Option<(Policy, Option<Filter>)> {
    let text = |path: &[&str]| resource.get(path).and_then(Node::as_str);
    let choice = resource.get(&["spec", "policy"])?;
    let order = |kind: &str| {
        choice.get(kind).map(|table| {
            table
                .get("order")
                .and_then(Node::as_str)
                .unwrap_or("asc")
                .to_uppercase()
        })
    };
    let policy = if let Some(range) = text(&["spec", "policy", "semver", "range"]) {
        Policy::semver(range)
    } else if let Some(order) = order("alphabetical") {
        Policy::alphabetical(&order)
    } else {
        Policy::numerical(&order("numerical")?)
    };
    let filter = match text(&["spec", "filterTags", "pattern"]) {
        Some(pattern) => {
            let extract = text(&["spec", "filterTags", "extract"]).unwrap_or_default();
            Some(Filter::new(pattern, extract).ok()?)
        }
        None => None,
    };
    Some((policy.ok()?, filter))
}
