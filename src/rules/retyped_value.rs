//! A string of a manifest that substitution turns into a number or a boolean.

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::link::Graph;
use crate::resource::Identity;
use crate::survey::Contents;

pub(super) const RULE: Rule = Rule {
    code: "retyped-value",
    summary: "substitution turns a string into a number or a boolean",
    page: "\
Flux substitutes variables in the text of an object and reads that text as YAML again. Quotes around the whole
value do not survive: `\"${port}\"` with the value `8080` becomes the number 8080, and `\"${debug}\"` with
`true` a boolean. The API server refuses numbers and booleans in the data of ConfigMaps and Secrets and in
the environment and arguments of containers; a label or an annotation that becomes one is lost.

Checked are these fields, in the folders of this repository that a Kustomization with `postBuild` builds.

Put quotes into the value that survive, `'\"${port}\"'`. More text beside the variable, as in `x${port}`, keeps
it a string as well.

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
            for (identity, retyped) in &contents.retyped {
                // An empty value is an empty string in the end.
                if retyped.becomes == "null" {
                    continue;
                }
                let consequence = consequence(identity, &retyped.field);
                let Some(consequence) = consequence.filter(|_| !applier.is_suspended) else {
                    continue;
                };
                let message = format!(
                    "`{}` of {identity} becomes {} after substitution, `{}`",
                    retyped.field, retyped.becomes, retyped.text
                );
                let found = match consequence {
                    Consequence::Refused => Diagnostic::error(RULE.code, message)
                        .with_note("the field is a string, so the API server refuses the object"),
                    Consequence::Lost => Diagnostic::warning(RULE.code, message)
                        .with_note("a label or an annotation that is not a string is lost"),
                };
                // A patch of the Kustomization itself has no lines of its own.
                let place = match retyped.span.is_built_in() {
                    true => applier.place,
                    false => retyped.span,
                };
                let name = &resource.identity.name;
                let written = retyped.written.trim();
                diagnostics.push(
                    found
                        .at(place, "")
                        .with_note(format!(
                            "the text is read as YAML again after `{name}` substituted its variables"
                        ))
                        .with_help(format!("write `'\"{written}\"'`: the inner quotes survive"))
                        .in_cluster(cluster.name.value.as_str()),
                );
            }
        }
    }
}

enum Consequence {
    Refused,
    Lost,
}

/// What becomes of an object whose field is not a string.
fn consequence(identity: &Identity, field: &str) -> Option<Consequence> {
    let is_core = identity.group.is_empty();
    let holder = field.split('.').next().unwrap_or_default();
    let is_data = match identity.kind.as_str() {
        "ConfigMap" => holder == "data",
        "Secret" => matches!(holder, "data" | "stringData"),
        _ => false,
    };
    if is_core && is_data {
        return Some(Consequence::Refused);
    }
    let marks = ["metadata.labels.", "metadata.annotations."];
    if marks.iter().any(|start| field.starts_with(start)) {
        return Some(Consequence::Lost);
    }
    let is_workload = matches!(identity.group.as_str(), "apps" | "batch")
        || is_core && matches!(identity.kind.as_str(), "Pod" | "ReplicationController");
    let is_of_container = field.contains("containers[") || field.contains("Containers[");
    let last = field.rsplit('.').next().unwrap_or_default();
    let is_text = last == "value" && field.contains(".env[")
        || ["args[", "command["]
            .iter()
            .any(|list| last.starts_with(list));
    (is_workload && is_of_container && is_text).then_some(Consequence::Refused)
}
