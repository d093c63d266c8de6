//! `${var}` without a value in manifests of the repository.

use std::collections::BTreeMap;

use super::{Facts, Rule};
use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::files::Snapshot;
use crate::kustomize::{self, Unset};
use crate::link::Graph;
use crate::node::Node;
use crate::resource::Resource;
use crate::schema::FluxMinor;
use crate::source::Span;
use crate::survey::{Applier, Contents};

pub(super) const RULE: Rule = Rule {
    code: "unset-variable",
    summary: "a manifest uses a variable that has no value",
    page: "\
From Flux 2.9 on kustomize-controller refuses to build a Kustomization whose manifests use `${var}` when
`postBuild` gives `var` no value and the text no default. Older versions wrote an empty string.

Checked are the folders of this repository that a Kustomization with `postBuild.substitute` builds, also one
in the repository's own YAML, in clusters of Flux 2.9 or newer: the objects as kustomize builds them, with
what is inside of defaults, which Flux evaluates whether or not it needs them. With
`substituteFrom` the values are in the cluster, so nothing is said. Objects with the label or annotation
`kustomize.toolkit.fluxcd.io/substitute: disabled` are left alone by Flux and here, and so is a cluster
whose `flux.patches` turn the feature gate `StrictPostBuildSubstitutions` off.

Give the variable a value in `postBuild.substitute`, or the text a default: `${var:=value}`. Where the
text itself is meant, as in a script, write `$${var}`.

Flux: <https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution>",
    check,
};

/// The feature gate that brings the old ways back.
const GATE: &str = "StrictPostBuildSubstitutions=false";

/// Places that are named one by one.
const PLACES: usize = 3;

fn check(graph: &Graph, facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    let (Some(survey), Some(repository)) = (facts.survey, facts.repository) else {
        return;
    };
    let settings = graph.settings();
    for (at, cluster) in settings.clusters.iter().enumerate() {
        let is_strict = "2.9"
            .parse()
            .is_ok_and(|strict: FluxMinor| cluster.flux.minor >= strict);
        if !is_strict || facts.controllers_are_told(settings, at, GATE) {
            continue;
        }
        for applier in &survey.cluster(at).appliers {
            let (Some(resource), Contents::Folder(build, contents)) =
                (&applier.resource, &applier.contents)
            else {
                continue;
            };
            if applier.is_suspended || !build.substitutes || build.substitutes_from_cluster {
                continue;
            }
            let cluster = cluster.name.value.as_str();
            tell(
                applier,
                resource,
                contents,
                (cluster, repository),
                diagnostics,
            );
        }
    }
}

fn tell(
    applier: &Applier,
    resource: &Resource,
    contents: &kustomize::Contents,
    (cluster, repository): (&str, &Snapshot),
    diagnostics: &mut Diagnostics,
) {
    let mut by_variable: BTreeMap<&str, Vec<&Unset>> = BTreeMap::new();
    for unset in &contents.unset {
        by_variable.entry(&unset.variable).or_default().push(unset);
    }
    let values = resource.get(&["spec", "postBuild", "substitute"]);
    let known: Vec<&str> = values
        .and_then(Node::as_table)
        .map(|table| table.keys().collect())
        .unwrap_or_default();
    let span = resource
        .get(&["spec", "postBuild"])
        .map(|node| node.span)
        .filter(|span: &Span| !span.is_built_in())
        .unwrap_or(applier.place);
    for (variable, uses) in by_variable {
        let name = &resource.identity.name;
        let mut diagnostic = Diagnostic::error(
            "unset-variable",
            format!("`${{{variable}}}` has no value in the Kustomization `{name}`"),
        )
        .at(span, "");
        for unset in uses.iter().take(PLACES) {
            let place = place(unset, repository);
            diagnostic = diagnostic.with_note(format!("used by {} in `{place}`", unset.object));
        }
        if uses.len() > PLACES {
            let more = uses.len() - PLACES;
            diagnostic = diagnostic.with_note(format!("and in {more} more"));
        }
        diagnostic = match nearest(variable, known.iter().copied()) {
            Some(near) => diagnostic.with_help(format!("did you mean `${{{near}}}`?")),
            None => diagnostic,
        };
        let diagnostic = diagnostic.in_cluster(cluster);
        diagnostics.push(diagnostic.with_help(format!(
            "set `postBuild.substitute.{variable}`, write a default, `${{{variable}:=…}}`, or `$${{{variable}}}` for the text itself"
        )));
    }
}

/// The file, and the first line of it that has the variable.
fn place(unset: &Unset, repository: &Snapshot) -> String {
    let wanted = format!("${{{}", unset.variable);
    let text = repository.files().read(&unset.file, 1 << 23).ok().flatten();
    let line = text.and_then(|text| {
        let text = String::from_utf8_lossy(&text);
        let at = text.lines().position(|line| line.contains(&wanted))?;
        Some(at + 1)
    });
    match line {
        Some(line) => format!("{}:{line}", unset.file),
        None => unset.file.clone(),
    }
}
