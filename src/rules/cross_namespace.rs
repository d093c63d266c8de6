//! References across namespaces that Flux refuses.

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::image::spec::GROUP as IMAGE;
use crate::link::{Graph, Met, Reference};
use crate::node::Node;
use crate::resource::Resource;
use crate::schema::Registry;
use crate::source::Span;

pub(super) const RULE: Rule = Rule {
    code: "cross-namespace",
    summary: "two resources that must share a namespace do not",
    page: "\
An ImageUpdateAutomation looks for ImagePolicies in its own namespace only: policies in another
namespace are never applied, and nothing says so in the cluster.

An ImagePolicy may use an ImageRepository of another namespace only where the repository's `accessFrom`
selects the policy's namespace by its labels.

With `flux.watchAllNamespaces = false` the controllers look at their own namespace alone. With
`--no-cross-namespace-refs=true` among their arguments, as multi-tenant clusters have it, they refuse
every reference to a source, a chart, an image repository or an event source of another namespace.

Flux: <https://fluxcd.io/flux/components/image/imageupdateautomations/>,
<https://fluxcd.io/flux/components/image/imagerepositories/#access-from>,
<https://fluxcd.io/flux/installation/configuration/multitenancy/>",
    check,
};

/// The argument by which controllers refuse what leads out of a namespace.
const LOCK: &str = "--no-cross-namespace-refs=true";

fn check(graph: &Graph, facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    for (at, cluster) in graph.clusters.iter().enumerate() {
        let name = &graph.settings().clusters[at].name.value;
        watched(graph, at, diagnostics);
        let is_locked = facts.controllers_are_told(graph.settings(), at, LOCK);
        for edge in &cluster.edges {
            let from = graph.resource(cluster.resources[edge.from as usize]);
            let reference = graph.reference(cluster, edge);
            if reference.target.namespace == from.identity.namespace {
                continue;
            }
            // Secrets and the like cannot be named across namespaces; `dependsOn` is free.
            let is_source = reference.relation.is_none() && edge.to != Met::NotLookedFor;
            if is_locked && is_source && !reference.target.namespace.is_empty() {
                diagnostics.push(locked(reference, from, name));
            }
            if let Met::Resource(to) = edge.to
                && from.identity.is_kind(IMAGE, "ImagePolicy")
            {
                let repository = graph.resource(cluster.resources[to as usize]);
                let place = graph.variant(cluster.resources[to as usize]).span;
                diagnostics.extend(denied(reference, from, repository, place, name));
            }
        }
        let of_kind = |kind: &'static str| {
            cluster
                .resources
                .iter()
                .filter(move |id| graph.resource(**id).identity.is_kind(IMAGE, kind))
        };
        for automation in of_kind("ImageUpdateAutomation") {
            let own = &graph.resource(*automation).identity;
            let mut policies = of_kind("ImagePolicy").peekable();
            let Some(first) = policies.peek().copied().copied() else {
                continue;
            };
            if policies.any(|id| graph.resource(*id).identity.namespace == own.namespace) {
                continue;
            }
            diagnostics.push(
                Diagnostic::error(
                    "cross-namespace",
                    format!(
                        "no ImagePolicy is in namespace `{}`, where ImageUpdateAutomation `{}` looks for them",
                        own.namespace, own.name
                    ),
                )
                .at(graph.variant(*automation).span, "the automation")
                .at(
                    graph.variant(first).span,
                    format!("a policy in `{}`", graph.resource(first).identity.namespace),
                )
                .in_cluster(name)
                .with_help("put both in one namespace: name them `namespace/name`"),
            );
        }
    }
}

/// Resources that no controller looks at.
fn watched(graph: &Graph, at: usize, diagnostics: &mut Diagnostics) {
    let settings = &graph.settings().clusters[at];
    if settings.flux.watch_all_namespaces {
        return;
    }
    for id in &graph.clusters[at].resources {
        let identity = &graph.resource(*id).identity;
        let is_of_flux = Registry::get()
            .kind(&identity.kind)
            .is_some_and(|kind| kind.group == identity.group);
        if is_of_flux && identity.namespace != settings.flux.namespace {
            diagnostics.push(
                Diagnostic::error(
                    "cross-namespace",
                    format!("{identity} is in a namespace that the controllers do not watch"),
                )
                .at(graph.variant(*id).span, "")
                .in_cluster(settings.name.value.as_str())
                .with_note("`flux.watchAllNamespaces` is false")
                .with_help(format!(
                    "put it into `{}`, or let Flux watch all namespaces",
                    settings.flux.namespace
                )),
            );
        }
    }
}

fn locked(reference: &Reference, from: &Resource, cluster: &str) -> Diagnostic {
    Diagnostic::error(
        "cross-namespace",
        format!(
            "`{}` leads from namespace `{}` to {}, which the controllers refuse",
            reference.field, from.identity.namespace, reference.target
        ),
    )
    .at(reference.span, "")
    .in_cluster(cluster)
    .with_note(format!("they run with `{LOCK}`"))
    .with_help("put both into one namespace")
}

/// A policy whose namespace the image's repository does not let in.
fn denied(
    reference: &Reference,
    policy: &Resource,
    repository: &Resource,
    place: Span,
    cluster: &str,
) -> Option<Diagnostic> {
    let namespace = policy.identity.namespace.as_str();
    let selectors = repository
        .get(&["spec", "accessFrom", "namespaceSelectors"])
        .and_then(Node::as_array)
        .unwrap_or_default();
    let lets_in = |selector: &Node| {
        // The one label that every namespace has; others are not known here.
        let name = selector.at(&["matchLabels", "kubernetes.io/metadata.name"]);
        name.and_then(Node::as_str)
            .is_none_or(|name| name == namespace)
    };
    if selectors.iter().any(lets_in) {
        return None;
    }
    let message = format!(
        "the ImageRepository `{}` lets no ImagePolicy of namespace `{namespace}` use it",
        repository.identity.name
    );
    let help = format!(
        "add `accessFrom.namespaceSelectors = [{{ matchLabels.\"kubernetes.io/metadata.name\" = \"{namespace}\" }}]` to the image, or put both into one namespace"
    );
    Some(
        Diagnostic::error("cross-namespace", message)
            .at(reference.span, "the policy refers to it here")
            .at(place, "the repository")
            .in_cluster(cluster)
            .with_help(help),
    )
}
