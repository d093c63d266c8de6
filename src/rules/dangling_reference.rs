//! A reference that meets nothing.

use super::{Facts, Rule};
use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::link::{ClusterGraph, Form, Graph, Met, Reference, makes};
use crate::resource::Identity;
use crate::schema::Registry;

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
            .with_help(in_other_namespace(reference, other));
    }
    if let Some((other, span)) = all.iter().find(|(identity, _)| {
        identity.name == target.name && identity.namespace == target.namespace
    }) {
        return diagnostic
            .at(*span, format!("this is {}", a(&other.kind)))
            .with_help(format!(
                "{} of this name exists; {} is asked for",
                a(&other.kind),
                a(&target.kind)
            ));
    }
    let names = of_kind()
        .filter(|(identity, _)| identity.namespace == target.namespace)
        .map(|(identity, _)| identity.name.as_str());
    let made: Vec<Identity> = cluster
        .resources
        .iter()
        .flat_map(|id| makes(graph.resource(*id)))
        .filter(|made| made.kind == target.kind && made.namespace == target.namespace)
        .collect();
    let near = nearest(
        &target.name,
        names.chain(made.iter().map(|made| made.name.as_str())),
    );
    let repo = &graph.settings().repo;
    let near = near.or_else(|| {
        let is_repo = target.kind == "GitRepository" && target.namespace == repo.namespace;
        is_repo
            .then(|| nearest(&target.name, [repo.name.as_str()].into_iter()))
            .flatten()
    });
    if let Some(near) = near {
        return diagnostic.with_help(format!(
            "{} named `{near}` exists in this namespace",
            a(&target.kind)
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

/// What to type to mean a resource of another namespace.
fn in_other_namespace(reference: &Reference, other: &Identity) -> String {
    let Identity {
        kind,
        namespace,
        name,
        ..
    } = other;
    let prefix = Registry::get()
        .kind(kind)
        .and_then(|kind| kind.shorthand.as_deref());
    match (reference.form, prefix) {
        (Form::Source, Some(prefix)) => format!("write `\"{prefix}.{namespace}/{name}\"`"),
        (Form::Name, _) => format!("write `\"{namespace}/{name}\"`"),
        (Form::Source | Form::Table, _) => format!("set `namespace = \"{namespace}\"` beside it"),
        (Form::OwnNamespace, _) => {
            format!(
                "`{}` reaches its own namespace only: put both in one",
                reference.field
            )
        }
    }
}

/// A kind with its article.
fn a(kind: &str) -> String {
    match kind.starts_with(['A', 'E', 'I', 'O']) {
        true => format!("an {kind}"),
        false => format!("a {kind}"),
    }
}
