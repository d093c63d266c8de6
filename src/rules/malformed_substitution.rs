//! An expression in a manifest that post-build substitution cannot read.

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kustomize::FaultKind;
use crate::link::Graph;
use crate::survey::Contents;

pub(super) const RULE: Rule = Rule {
    code: "malformed-substitution",
    summary: "a manifest has a `${…}` that substitution cannot read",
    page: "\
A Kustomization with `postBuild` substitutes variables in every manifest it builds. What begins with `${` and
is not an expression of its grammar fails the build, in every version of Flux: `${hosts[@]}`, `${client-id}`,
`${x.y}`, a brace without its end. Nothing of the Kustomization is applied then. The same holds where the
text is not YAML any longer once the values are in it.

The grammar is a part of bash's: `${var}`, `${var:-default}`, `${var:=default}`, `${#var}`, `${var:1:2}`,
`${var/a/b}`, `${var#prefix}`, `${var%suffix}`, `${var^^}`, `${var,,}`.

Write `$${…}` for a text that is meant as it is, as in a script, or leave the whole object alone with the
annotation `kustomize.toolkit.fluxcd.io/substitute: disabled`.

Flux: <https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution>",
    check,
};

fn check(graph: &Graph, facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    let Some(survey) = facts.survey else {
        return;
    };
    for (at, cluster) in graph.settings().clusters.iter().enumerate() {
        for applier in &survey.cluster(at).appliers {
            let (Some(resource), Contents::Folder(_, contents)) =
                (&applier.resource, &applier.contents)
            else {
                continue;
            };
            let Some(fault) = &contents.fault else {
                continue;
            };
            if fault.kind != FaultKind::Substitution || applier.is_suspended {
                continue;
            }
            let post_build = resource.get(&["spec", "postBuild"]).map(|node| node.span);
            let own = post_build.filter(|span| !span.is_built_in());
            let own = own.unwrap_or(applier.place);
            let found =
                Diagnostic::error(RULE.code, format!("substitution fails: {}", fault.message));
            let found = match fault.span {
                Some(span) => found.at(span, "").at(own, "substituted by this"),
                None => found.at(own, ""),
            };
            let name = &resource.identity.name;
            diagnostics.push(
                found
                    .with_note(format!("the Kustomization `{name}` applies nothing until it succeeds"))
                    .with_help("write `$${…}` for the text itself, or annotate the object with `kustomize.toolkit.fluxcd.io/substitute: disabled`")
                    .in_cluster(cluster.name.value.as_str()),
            );
        }
    }
}
