//! A folder of a Kustomization that kustomize refuses to build.

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kustomize::FaultKind;
use crate::link::Graph;
use crate::node::Node;
use crate::survey::Contents;

pub(super) const RULE: Rule = Rule {
    code: "unbuildable-folder",
    summary: "kustomize cannot build what a Kustomization applies",
    page: "\
kustomize-controller builds the folder of a Kustomization with kustomize. Where that fails, nothing of it is
applied, and what was applied before stays as it is.

Reported are files that are listed and missing, YAML that cannot be read, documents without `kind` or
`metadata.name`, two objects of one identity, bases that contain each other, patches without a target or
with operations that do not fit, generators and replacements without their sources. Checked are the folders
of this repository that a Kustomization applies, also one in the repository's own YAML, unless it is
suspended. Remote bases, Helm charts and plugins are not followed; what needs them is not judged.

`kubectl kustomize FOLDER` shows the fault in kustomize's own words.

Flux: <https://fluxcd.io/flux/components/kustomize/kustomizations/#path>",
    check,
};

fn check(graph: &Graph, facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    let Some(survey) = facts.survey else {
        return;
    };
    for (at, cluster) in graph.settings().clusters.iter().enumerate() {
        for applier in &survey.cluster(at).appliers {
            let (Some(resource), Contents::Folder(build, contents)) =
                (&applier.resource, &applier.contents)
            else {
                continue;
            };
            let Some(fault) = &contents.fault else {
                continue;
            };
            // What is not known may be what is missing.
            let is_judged = fault.kind == FaultKind::Build && contents.unknown.is_empty();
            let mut patches = build.patches.iter();
            // What a variable of Flux stands for decides what such a patch does.
            let is_open = patches.any(|patch| crate::validate::is_open(&patch.patch));
            if !is_judged || applier.is_suspended || is_open {
                continue;
            }
            let path = resource.get(&["spec", "path"]);
            let span = path.map(|node| node.span);
            let own = span
                .filter(|span| !span.is_built_in())
                .unwrap_or(applier.place);
            let written = path.and_then(Node::as_str).unwrap_or(&build.path);
            let found = Diagnostic::error(
                RULE.code,
                format!(
                    "`{written}` of the Kustomization `{}` cannot be built: {}",
                    resource.identity.name, fault.message
                ),
            );
            let found = match fault.span {
                Some(span) => found.at(span, "").at(own, "applied by this"),
                None => found.at(own, ""),
            };
            diagnostics.push(
                found
                    .with_note("Flux applies nothing of it until it can be built")
                    .in_cluster(cluster.name.value.as_str()),
            );
        }
    }
}
