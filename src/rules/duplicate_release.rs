//! Two HelmReleases that are one release to Helm.

use std::collections::HashMap;

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::link::Graph;
use crate::node::Node;
use crate::resource::Resource;
use crate::source::Span;

pub(super) const RULE: Rule = Rule {
    code: "duplicate-release",
    summary: "two HelmReleases have the same Helm release",
    page: "\
Helm knows a release by its name and by the namespace in which its history is stored. Two HelmReleases that
share both upgrade one release in turns, each to its own chart and values, for as long as both exist.

The name is `releaseName`; without it, the HelmRelease's name, after `targetNamespace` and a hyphen if that
is set. The history is in `storageNamespace`; without it, in the HelmRelease's namespace. Give one of them
another `releaseName`.

Flux: <https://fluxcd.io/flux/components/helm/helmreleases/#release-name>",
    check,
};

/// The cluster that a release is in, the namespace of its history, and its name.
type Release<'r> = (Option<&'r str>, &'r str, String);

fn check(graph: &Graph, _facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    for (at, cluster) in graph.clusters.iter().enumerate() {
        let mut seen: HashMap<Release<'_>, (&Resource, Span)> = HashMap::new();
        for id in &cluster.resources {
            let resource = graph.resource(*id);
            let Some(release) = release_of(resource) else {
                continue;
            };
            let span = resource
                .get(&["spec", "releaseName"])
                .map(|name| name.span)
                .filter(|span| !span.is_built_in())
                .unwrap_or(graph.variant(*id).span);
            let name = release.2.clone();
            let Some((other, other_span)) = seen.insert(release, (resource, span)) else {
                continue;
            };
            let message = format!(
                "HelmRelease `{}` and HelmRelease `{}` both manage the Helm release `{name}`",
                other.identity.name, resource.identity.name
            );
            diagnostics.push(
                Diagnostic::error("duplicate-release", message)
                    .at(span, "")
                    .at(other_span, "the other one")
                    .in_cluster(graph.settings().clusters[at].name.value.as_str())
                    .with_note("each would undo the upgrades of the other")
                    .with_help("give one of them another `releaseName`"),
            );
        }
    }
}

/// `None` for another kind, a suspended release, and names that a substitution completes.
fn release_of(resource: &Resource) -> Option<Release<'_>> {
    if !resource
        .identity
        .is_kind("helm.toolkit.fluxcd.io", "HelmRelease")
    {
        return None;
    }
    let text = |path: &[&str]| {
        let spec = resource.get(&["spec"])?;
        spec.at(path)?.as_str().filter(|text| !text.is_empty())
    };
    let is_suspended = resource.get(&["spec", "suspend"]).and_then(Node::as_bool);
    let own = resource.identity.name.as_str();
    let name = match (text(&["releaseName"]), text(&["targetNamespace"])) {
        (Some(name), _) => name.to_owned(),
        (None, Some(namespace)) => format!("{namespace}-{own}"),
        (None, None) => own.to_owned(),
    };
    let remote = text(&["kubeConfig", "secretRef", "name"])
        .or_else(|| text(&["kubeConfig", "configMapRef", "name"]));
    let storage = text(&["storageNamespace"]).unwrap_or(&resource.identity.namespace);
    let is_open = name.contains("${") || storage.contains("${");
    (is_suspended != Some(true) && !is_open).then_some((remote, storage, name))
}
