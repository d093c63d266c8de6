//! Flux's kinds in the user's own YAML, held to the same schemas as those of the TOML file.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Facts, Rule};
use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::link::Graph;
use crate::resource::{Identity, Resource};
use crate::schema::Registry;
use crate::settings::Cluster;
use crate::source::Span;
use crate::survey::Object;
use crate::validate::validate_yaml;

pub(super) const RULE: Rule = Rule {
    code: "stale-api-version",
    summary: "a YAML file uses an API version that the cluster's Flux does not serve",
    page: "\
Each minor release of Flux may stop serving old versions of its APIs. kustomize-controller applies nothing of a
Kustomization that holds an object of such a version: `no matches for kind`.

Checked are the objects of Flux's kinds that a cluster applies from the repository's own YAML, against the
version that `flux.version` pins for it. They are held to the same schemas as the TOML file: unknown fields,
types, formats, and what the controllers refuse, after kustomize and substitution. A text with a variable
whose value is only in the cluster is not judged.

Write the version that the message shows; `flux migrate -f PATH` rewrites whole files.

Flux: <https://fluxcd.io/flux/cmd/flux_migrate/>",
    check,
};

/// Groups that hold nothing but Flux's own kinds end in this.
const GROUPS: &str = ".toolkit.fluxcd.io";

/// An object and the Flux that judges it; clusters share most of both.
type Judged<'s> = (*const Resource, &'s str);

fn check(graph: &Graph, facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    let Some(survey) = facts.survey else {
        return;
    };
    let mut judged: HashMap<Judged<'_>, Vec<Diagnostic>> = HashMap::new();
    for (at, cluster) in graph.settings().clusters.iter().enumerate() {
        for object in survey.cluster(at).objects() {
            // The API takes an object of Flux without a `spec`, and other tools complete such ones.
            let is_whole = object.resource.get(&["spec"]).is_some();
            if object.id.is_some() || !is_flux(object.identity) || !is_whole {
                continue;
            }
            let key = (
                Arc::as_ptr(object.resource),
                cluster.flux.version.value.as_str(),
            );
            let found = judged.entry(key).or_insert_with(|| judge(&object, cluster));
            let name = cluster.name.value.as_str();
            let found = found.iter().cloned();
            diagnostics.extend(found.map(|one| one.in_cluster(name)));
        }
    }
}

fn is_flux(identity: &Identity) -> bool {
    let kind = Registry::get().kind(&identity.kind);
    identity.group.ends_with(GROUPS) || kind.is_some_and(|kind| kind.group == identity.group)
}

fn judge(object: &Object<'_>, cluster: &Cluster) -> Vec<Diagnostic> {
    let mut found = validate_yaml(object.resource, cluster, object.place);
    found.extend(unknown_kind(object));
    found
}

/// A kind that none of Flux's groups has.
fn unknown_kind(object: &Object<'_>) -> Option<Diagnostic> {
    let Identity { group, kind, .. } = object.identity;
    let registry = Registry::get();
    if registry.kind(kind).is_some_and(|it| it.group == *group) || kind.contains("${") {
        return None;
    }
    let of_group: Vec<_> = registry.kinds().filter(|it| it.group == *group).collect();
    if of_group.is_empty() {
        return None;
    }
    let place = object.resource.get(&["kind"]).map(|node| node.span);
    let place = place.filter(|place: &Span| !place.is_built_in());
    let diagnostic = Diagnostic::error(
        "wrong-value",
        format!("`{kind}` is not a kind of `{group}`"),
    )
    .at(place.unwrap_or(object.place), "")
    .with_note(
        "the API server refuses it, and Flux applies nothing of the Kustomization that holds it",
    );
    let names = of_group.iter().map(|it| it.kind.as_str());
    Some(match (nearest(kind, names), registry.kind(kind)) {
        (Some(near), _) => diagnostic.with_help(format!("did you mean `{near}`?")),
        (None, Some(other)) => diagnostic.with_help(format!("its group is `{}`", other.group)),
        (None, None) => {
            let names: Vec<_> = of_group.iter().map(|it| format!("`{}`", it.kind)).collect();
            diagnostic.with_help(format!("the group has {}", names.join(", ")))
        }
    })
}
