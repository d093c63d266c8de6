//! A reference that meets nothing.

use super::{Facts, Rule};
use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::link::{ClusterGraph, Graph, Met, Reference};
use crate::resource::Identity;

pub(super) const RULE: Rule = Rule {
    code: "dangling-reference",
    summary: "a field names a resource that is not there",
    page: "\
A `sourceRef`, `chartRef`, `dependsOn`, `imageRepositoryRef`, `providerRef`, an event source or a
receiver's resource names a Flux resource that the cluster will not have. Its controller would wait
for it, or fail, for ever.

What counts as there: what the TOML file makes for the cluster, the repository itself, what the
YAML of your own under `clusters/<name>/` defines, what an ArtifactGenerator or a HelmRelease makes,
and what `external = [\"Kind/namespace/name\"]` declares. Secrets, ConfigMaps and service accounts
are not looked for.",
    check,
};

fn check(graph: &Graph, _facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    for (at, cluster) in graph.clusters.iter().enumerate() {
        let name = &graph.settings().clusters[at].name.value;
        for edge in cluster.edges.iter().filter(|edge| edge.to == Met::Nothing) {
            let reference = graph.reference(cluster, edge);
            if !reference.is_optional {
                diagnostics.push(dangling(graph, cluster, reference, name));
            }
        }
    }
}

fn dangling(
    graph: &Graph,
    cluster: &ClusterGraph,
    reference: &Reference,
    name: &str,
) -> Diagnostic {
    let target = &reference.target;
    let mut diagnostic = Diagnostic::error(
        "dangling-reference",
        format!(
            "no {} `{}` is defined in namespace `{}`",
            target.kind, target.name, target.namespace
        ),
    )
    .at(reference.span, "referenced here")
    .in_cluster(name);
    let all: Vec<(&Identity, crate::source::Span)> = cluster
        .resources
        .iter()
        .map(|id| (&graph.resource(*id).identity, graph.variant(*id).span))
        .collect();
    let of_kind = || {
        all.iter()
            .filter(|(identity, _)| identity.kind == target.kind)
    };
    if let Some((other, span)) = of_kind().find(|(identity, _)| identity.name == target.name) {
        return diagnostic
            .at(
                *span,
                format!("this one is in namespace `{}`", other.namespace),
            )
            .with_help(format!("name it `{}/{}`", other.namespace, other.name));
    }
    if let Some((other, span)) = all.iter().find(|(identity, _)| {
        identity.name == target.name && identity.namespace == target.namespace
    }) {
        return diagnostic
            .at(*span, format!("this is a {}", other.kind))
            .with_help(format!(
                "a {} `{}` exists; a {} is asked for",
                other.kind, other.name, target.kind
            ));
    }
    let names = of_kind()
        .filter(|(identity, _)| identity.namespace == target.namespace)
        .map(|(identity, _)| identity.name.as_str());
    let near = nearest(&target.name, names);
    let repo = &graph.settings().repo;
    let near = near.or_else(|| {
        let is_repo = target.kind == "GitRepository" && target.namespace == repo.namespace;
        is_repo
            .then(|| nearest(&target.name, [repo.name.as_str()].into_iter()))
            .flatten()
    });
    if let Some(near) = near {
        return diagnostic.with_help(format!(
            "a {} named `{near}` exists in this namespace",
            target.kind
        ));
    }
    let elsewhere = graph.validated.expanded.variants.iter().find(|variant| {
        variant
            .resources
            .iter()
            .any(|resource| resource.identity == *target)
    });
    if let Some(elsewhere) = elsewhere {
        diagnostic = diagnostic
            .at(elsewhere.span, "defined here, but not for this cluster")
            .with_help("let both go to the same clusters");
        return diagnostic;
    }
    diagnostic.with_help(format!(
        "define it, or declare what is made elsewhere: `external = [\"{}/{}/{}\"]`",
        target.kind, target.namespace, target.name
    ))
}
