//! `${var}` without a value in manifests of the repository.

use std::collections::BTreeMap;

use super::{Facts, Rule, builds_the_repository};
use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::expand::Variant;
use crate::files::Snapshot;
use crate::forecast::kustomization_spec::KustomizationSpec;
use crate::kustomize::{Contents, Resolver, Unset, normalised};
use crate::link::Graph;
use crate::node::Node;
use crate::resource::Resource;
use crate::schema::FluxMinor;
use crate::settings::Settings;
use crate::settings::folder::Folders;
use crate::source::Span;

pub(super) const RULE: Rule = Rule {
    code: "unset-variable",
    summary: "a manifest uses a variable that has no value",
    page: "\
From Flux 2.9 on kustomize-controller refuses to build a Kustomization whose manifests use `${var}` when
`postBuild` gives `var` no value and the text no default. Older versions wrote an empty string.

What is looked at: the folders of this repository that a Kustomization with `postBuild.substitute`
builds, generated ConfigMaps and patches among it, in clusters of Flux 2.9 or newer. With
`substituteFrom` the values are in the cluster, so nothing is said. Objects with the label or annotation
`kustomize.toolkit.fluxcd.io/substitute: disabled` are left alone by Flux and here, and so is a cluster
whose `flux.patches` turn the feature gate `StrictPostBuildSubstitutions` off. Where a `.sourceignore`
decides what Flux sees, nothing is looked at.

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
    let Some(repository) = facts.repository else {
        return;
    };
    let settings = graph.settings();
    let resolver = Resolver::new(&**repository.files());
    let trees = Folders::of(settings, repository);
    let mut unjudged = 0;
    for variant in &graph.validated.expanded.variants {
        let is_strict = "2.9"
            .parse()
            .is_ok_and(|strict: FluxMinor| variant.minor >= strict);
        if !is_strict {
            continue;
        }
        for resource in &variant.resources {
            let Some(spec) = judged(resource, settings, &trees) else {
                continue;
            };
            if facts.controllers_are_told(settings, variant.cluster, GATE) {
                continue;
            }
            let contents = resolver.contents(&spec.build());
            if contents
                .unknown
                .iter()
                .any(|reason| reason.contains(".sourceignore"))
            {
                continue;
            }
            unjudged += contents.unjudged;
            tell(variant, resource, &contents, repository, diagnostics);
        }
    }
    if unjudged > 0 {
        let (s, verb) = if unjudged == 1 {
            ("", "is")
        } else {
            ("s", "are")
        };
        diagnostics.push(Diagnostic::note(
            "not-checked",
            format!("variables of {unjudged} object{s} that patches change {verb} not checked"),
        ));
    }
}

/// A Kustomization whose variables are all known, over manifests that are there to be seen.
fn judged<'a>(
    resource: &'a Resource,
    settings: &Settings,
    trees: &Folders,
) -> Option<KustomizationSpec<'a>> {
    let spec = |path: &[&str]| resource.get(&["spec"])?.at(path);
    let text = |path: &[&str]| spec(path).and_then(Node::as_str);
    let has_values = spec(&["postBuild", "substitute"])
        .and_then(Node::as_table)
        .is_some_and(|values| !values.is_empty());
    let substitutes = has_values || text(&["postBuild", "substituteStrategy"]) == Some("Always");
    let is_known = spec(&["postBuild", "substituteFrom"]).is_none();
    if !builds_the_repository(resource, settings) || !substitutes || !is_known {
        return None;
    }
    let spec = KustomizationSpec::of(resource);
    // What stands in the trees is made by this very run.
    let path = normalised(spec.path);
    (!trees.touch(&path)).then_some(spec)
}

fn tell(
    variant: &Variant,
    resource: &Resource,
    contents: &Contents,
    repository: &Snapshot,
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
        .unwrap_or(variant.span);
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
