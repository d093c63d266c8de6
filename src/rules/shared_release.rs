//! HelmReleases that manage one release.

use std::collections::{BTreeMap, HashMap};

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::expand::Variant;
use crate::forecast::{Release, release};
use crate::link::{Graph, ResourceId};
use crate::node::Node;
use crate::resource::Resource;

pub(super) const RULE: Rule = Rule {
    code: "helm-release-shared",
    summary: "HelmReleases of one cluster have the same release name and storage namespace",
    page: "\
To Helm a release is its name and the namespace that its records are in: `releaseName`, or
`[targetNamespace-]name`, and `storageNamespace`, or the HelmRelease's own namespace. HelmReleases
that share them upgrade one release in turn, each to its own chart and values, and the first that
is deleted uninstalls it for all.

Give each its own `releaseName`. One that is suspended does not count, nor one for another cluster
(`kubeConfig`).

Flux: <https://fluxcd.io/flux/components/helm/helmreleases/#release-name>",
    check,
};

fn check(graph: &Graph, _facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    let variants = &graph.validated.expanded.variants;
    let releases: HashMap<ResourceId, Release> = (0..)
        .zip(variants)
        .flat_map(|(variant, made)| {
            let resources = (0..).zip(&made.resources);
            resources.filter_map(move |(resource, it)| {
                let id = ResourceId { variant, resource };
                Some((id, managed(it)?))
            })
        })
        .collect();
    if releases.len() < 2 {
        return;
    }
    for (at, cluster) in graph.clusters.iter().enumerate() {
        let mut by_key: HashMap<(&str, &str), Vec<ResourceId>> = HashMap::new();
        for id in &cluster.resources {
            if let Some(release) = releases.get(id) {
                let key = (release.storage.as_str(), release.name.as_str());
                by_key.entry(key).or_default().push(*id);
            }
        }
        let shared = by_key.into_iter().filter(|(_, ids)| ids.len() > 1);
        let shared: BTreeMap<_, _> = shared.collect();
        let name = &graph.settings().clusters[at].name.value;
        for ids in shared.into_values() {
            let of = |id: &ResourceId| graph.resource(*id);
            let first = &of(&ids[0]).identity;
            let has_one_namespace = ids
                .iter()
                .all(|id| of(id).identity.namespace == first.namespace);
            let shown = |id: &ResourceId| match has_one_namespace {
                true => format!("`{}`", of(id).identity.name),
                false => format!("`{}/{}`", of(id).identity.namespace, of(id).identity.name),
            };
            let names: Vec<_> = ids.iter().map(shown).collect();
            let mut diagnostic = Diagnostic::error(
                "helm-release-shared",
                format!(
                    "HelmReleases {} manage the same {}",
                    names.join(" and "),
                    releases[&ids[0]]
                ),
            );
            for id in &ids {
                let variant: &Variant = &variants[id.variant as usize];
                let place = variant.input.unwrap_or(variant.span);
                diagnostic = diagnostic.at(place, shown(id));
            }
            diagnostics.push(
                diagnostic
                    .in_cluster(name)
                    .with_help("give each its own `releaseName`"),
            );
        }
    }
}

/// The release that a HelmRelease of this cluster manages.
fn managed(resource: &Resource) -> Option<Release> {
    let is_it = resource.identity.group == "helm.toolkit.fluxcd.io"
        && resource.identity.kind == "HelmRelease";
    let is_suspended = resource.get(&["spec", "suspend"]).and_then(Node::as_bool) == Some(true);
    let is_elsewhere = resource.get(&["spec", "kubeConfig"]).is_some();
    (is_it && !is_suspended && !is_elsewhere).then(|| release(resource))
}
