//! References across namespaces that Flux refuses.

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::link::Graph;

pub(super) const RULE: Rule = Rule {
    code: "cross-namespace",
    summary: "two resources that must share a namespace do not",
    page: "\
An ImageUpdateAutomation looks for ImagePolicies in its own namespace only: policies in another
namespace are never applied, and nothing says so in the cluster.

Flux: <https://fluxcd.io/flux/components/image/imageupdateautomations/>",
    check,
};

fn check(graph: &Graph, _facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    for (at, cluster) in graph.clusters.iter().enumerate() {
        let name = &graph.settings().clusters[at].name.value;
        let of_kind = |kind: &'static str| {
            cluster
                .resources
                .iter()
                .filter(move |id| graph.resource(**id).identity.kind == kind)
        };
        for automation in of_kind("ImageUpdateAutomation") {
            let own = &graph.resource(*automation).identity;
            let mut policies = of_kind("ImagePolicy").peekable();
            let Some(first) = policies.peek().copied().copied() else {
                continue;
            };
            if policies.any(|id| graph.resource(*id).identity.namespace == own.namespace) {
                continue;
            }
            diagnostics.push(
                Diagnostic::error(
                    "cross-namespace",
                    format!(
                        "no ImagePolicy is in namespace `{}`, where ImageUpdateAutomation `{}` looks for them",
                        own.namespace, own.name
                    ),
                )
                .at(graph.variant(*automation).span, "the automation")
                .at(
                    graph.variant(first).span,
                    format!("a policy in `{}`", graph.resource(first).identity.namespace),
                )
                .in_cluster(name)
                .with_help("put both in one namespace: name them `namespace/name`"),
            );
        }
    }
}
