//! A reference that meets nothing.

use std::collections::HashMap;

use super::{Facts, Rule};
use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::link::{ClusterGraph, Form, Graph, Met, Reference, makes};
use crate::resource::Identity;
use crate::schema::Registry;
use crate::source::Span;

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

/// References whose nearest name is looked for: comparing all names for each of many would take for ever.
const COMPARED: usize = 300;

fn check(graph: &Graph, _facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    let mut compared = 0;
    let mut defined: Option<HashMap<&Identity, Span>> = None;
    for (at, cluster) in graph.clusters.iter().enumerate() {
        let name = &graph.settings().clusters[at].name.value;
        let mut known: Option<Known<'_>> = None;
        for edge in cluster.edges.iter().filter(|edge| edge.to == Met::Nothing) {
            let reference = graph.reference(cluster, edge);
            if reference.is_optional {
                continue;
            }
            let known = known.get_or_insert_with(|| Known::of(graph, cluster));
            let defined = defined.get_or_insert_with(|| defined_anywhere(graph));
            compared += 1;
            let target = &reference.target;
            let diagnostic = Diagnostic::error(
                "dangling-reference",
                format!(
                    "no {} `{}` is defined in namespace `{}`",
                    target.kind, target.name, target.namespace
                ),
            )
            .at(reference.span, "referenced here")
            .in_cluster(name);
            diagnostics.push(match known.other(reference, diagnostic) {
                Ok(diagnostic) => diagnostic,
                Err(diagnostic) => {
                    let near = match compared <= COMPARED {
                        true => known.nearest(graph, target),
                        false => None,
                    };
                    remedy(diagnostic, target, near, defined.get(target).copied())
                }
            });
        }
    }
}

/// What a cluster has, for what a reference may have meant.
struct Known<'g> {
    by_name: HashMap<&'g str, Vec<(&'g Identity, Span)>>,
    /// Names by kind and namespace.
    names: HashMap<(String, String), Vec<String>>,
}

impl<'g> Known<'g> {
    fn of(graph: &'g Graph, cluster: &'g ClusterGraph) -> Self {
        let mut known = Self {
            by_name: HashMap::new(),
            names: HashMap::new(),
        };
        for id in &cluster.resources {
            let resource = graph.resource(*id);
            let identity = &resource.identity;
            let span = graph.variant(*id).span;
            let same = known.by_name.entry(&identity.name).or_default();
            same.push((identity, span));
            for made in makes(resource).into_iter().chain([identity.clone()]) {
                let names = known.names.entry((made.kind, made.namespace)).or_default();
                names.push(made.name);
            }
        }
        known
    }

    /// A resource of the same name in another namespace, or of another kind.
    fn other(
        &self,
        reference: &Reference,
        diagnostic: Diagnostic,
    ) -> Result<Diagnostic, Diagnostic> {
        let target = &reference.target;
        let Some(same) = self.by_name.get(target.name.as_str()) else {
            return Err(diagnostic);
        };
        if let Some((other, span)) = same.iter().find(|(other, _)| other.kind == target.kind) {
            let label = format!("this one is in namespace `{}`", other.namespace);
            return Ok(diagnostic
                .at(*span, label)
                .with_help(in_other_namespace(reference, other)));
        }
        let other = same
            .iter()
            .find(|(other, _)| other.namespace == target.namespace);
        let Some((other, span)) = other else {
            return Err(diagnostic);
        };
        Ok(diagnostic
            .at(*span, format!("this is {}", a(&other.kind)))
            .with_help(format!(
                "{} of this name exists; {} is asked for",
                a(&other.kind),
                a(&target.kind)
            )))
    }

    fn nearest(&self, graph: &Graph, target: &Identity) -> Option<String> {
        let key = (target.kind.clone(), target.namespace.clone());
        let names = self.names.get(&key).map(Vec::as_slice).unwrap_or_default();
        let repo = &graph.settings().repo;
        let repo = repo
            .identities()
            .filter(|(namespace, _)| {
                target.is_kind("source.toolkit.fluxcd.io", "GitRepository")
                    && target.namespace == *namespace
            })
            .map(|(_, name)| name);
        let names = names.iter().map(String::as_str).chain(repo);
        nearest(&target.name, names).map(str::to_owned)
    }
}

/// Where each resource is defined, whatever clusters it goes to.
fn defined_anywhere(graph: &Graph) -> HashMap<&Identity, Span> {
    let mut defined = HashMap::new();
    for variant in &graph.validated.expanded.variants {
        for resource in &variant.resources {
            defined.entry(&resource.identity).or_insert(variant.span);
        }
    }
    defined
}

fn remedy(
    diagnostic: Diagnostic,
    target: &Identity,
    near: Option<String>,
    elsewhere: Option<Span>,
) -> Diagnostic {
    if let Some(near) = near {
        return diagnostic.with_help(format!(
            "{} named `{near}` exists in this namespace",
            a(&target.kind)
        ));
    }
    if let Some(elsewhere) = elsewhere {
        return diagnostic
            .at(elsewhere, "defined here, but not for this cluster")
            .with_help("let both go to the same clusters");
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
