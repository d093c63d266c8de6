//! `${var}` in a resource of the TOML, where nothing substitutes it.

use std::collections::HashMap;

use rayon::prelude::*;

use super::{Facts, Rule};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::Diagnostics;
use crate::expand::Variant;
use crate::files::{EntryKind, Snapshot};
use crate::kustomize::normalised;
use crate::link::{Graph, ResourceId};
use crate::node::{Node, Value};
use crate::resource::Resource;
use crate::schema::SchemaNode;
use crate::settings::{Cluster, Install};
use crate::source::{Sources, Span};
use crate::validate::{is_open, schema_of};
use crate::yaml;

pub(super) const RULE: Rule = Rule {
    code: "not-substituted",
    summary: "a field uses a variable that Flux does not substitute",
    page: "\
`${NAME}` is Flux's syntax for a variable that a Kustomization substitutes in what it applies. The resources of
fluxgen.toml are applied by the cluster's root Kustomization, which substitutes nothing unless it has `postBuild`:
the field would keep the text `${NAME}`, which the API server or the controller refuses, or takes for a name.

For a value that is known when the tree is built, use a variable of fluxgen: `${{ vars.NAME }}`. For a value that
only the cluster knows, give the root Kustomization a `postBuild`: `flux.sync.postBuild.substituteFrom`. Fields
with variables are then not checked.

Texts in which `${` can have another meaning are left alone: Helm values, patches, patterns, templates, and the
values of `postBuild.substitute`.

Flux: <https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution>",
    check,
};

/// The largest file that is searched for the cluster's root Kustomization, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// A field with a variable.
struct Field {
    path: String,
    variable: String,
    span: Span,
}

fn check(graph: &Graph, facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    let settings = graph.settings();
    let variants = graph.validated.expanded.variants.par_iter().enumerate();
    let found: HashMap<ResourceId, Vec<Field>> = variants.flat_map_iter(in_variant).collect();
    if found.is_empty() {
        return;
    }
    for (at, cluster) in graph.clusters.iter().enumerate() {
        let own = &settings.clusters[at];
        let mut is_substituted = None;
        let fields = cluster.resources.iter().filter_map(|id| found.get(id));
        for field in fields.flatten() {
            if *is_substituted.get_or_insert_with(|| root_substitutes(own, facts)) {
                break;
            }
            diagnostics.push(tell(field).in_cluster(own.name.value.as_str()));
        }
    }
}

fn tell(field: &Field) -> Diagnostic {
    let Field {
        path,
        variable,
        span,
    } = field;
    Diagnostic::warning(
        RULE.code,
        format!("nothing substitutes `${{{variable}}}` in `{path}`"),
    )
    .at(*span, "")
    .with_note("the root Kustomization applies this resource, and has no `postBuild`")
    .with_help(format!(
        "write `${{{{ vars.{variable} }}}}` for a value that is known here, or set `flux.sync.postBuild`"
    ))
}

fn in_variant((at, variant): (usize, &Variant)) -> Vec<(ResourceId, Vec<Field>)> {
    let resources = variant.resources.iter().enumerate();
    let found = resources.filter_map(|(index, resource)| {
        let fields = in_resource(resource, variant);
        let id = ResourceId {
            variant: u32::try_from(at).ok()?,
            resource: u32::try_from(index).ok()?,
        };
        (!fields.is_empty()).then_some((id, fields))
    });
    found.collect()
}

fn in_resource(resource: &Resource, variant: &Variant) -> Vec<Field> {
    let mut found = Vec::new();
    let own = variant.span;
    if let Some(kind) = schema_of(resource, variant.minor)
        && let Some(spec) = resource.get(&["spec"])
    {
        collect(spec, kind.root(), "", own, &mut found);
    }
    let labels = resource.get(&["metadata", "labels"]);
    if let Some(labels) = labels.and_then(Node::as_table) {
        for (key, entry) in labels.iter() {
            note(&entry.node, &format!("labels.{key}"), own, &mut found);
        }
    }
    found
}

fn collect(node: &Node, schema: &SchemaNode, path: &str, own: Span, found: &mut Vec<Field>) {
    match &node.value {
        Value::String(_) if schema.takes_variables() => note(node, path, own, found),
        Value::Table(table) => {
            for (key, entry) in table.iter() {
                let Some(child) = schema.child(key) else {
                    continue;
                };
                let path = match path {
                    "" => key.to_owned(),
                    path => format!("{path}.{key}"),
                };
                collect(&entry.node, child, &path, own, found);
            }
        }
        Value::Array(items) => {
            if let Some(shape) = &schema.items {
                for (at, item) in items.iter().enumerate() {
                    collect(item, shape, &format!("{path}[{at}]"), own, found);
                }
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Marked(_) => {}
    }
}

fn note(node: &Node, path: &str, own: Span, found: &mut Vec<Field>) {
    let Some(text) = node.as_str().filter(|text| is_open(text)) else {
        return;
    };
    let rest = text.split_once("${").map_or("", |(_, rest)| rest);
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
    found.push(Field {
        path: path.to_owned(),
        variable: rest[..end].to_owned(),
        span: match node.span.is_built_in() {
            true => own,
            false => node.span,
        },
    });
}

/// Whether the Kustomization that applies the cluster's folder has `postBuild`.
fn root_substitutes(cluster: &Cluster, facts: &Facts<'_>) -> bool {
    let has_values = |node: &Node| node.as_table().is_some_and(|table| !table.is_empty());
    if cluster
        .flux
        .sync
        .root
        .get("postBuild")
        .is_some_and(has_values)
    {
        return true;
    }
    let own = facts
        .repository
        .filter(|_| cluster.flux.install == Install::None);
    own.is_some_and(|repository| own_root_substitutes(cluster, repository))
}

/// The same for a root that the user's own YAML in the cluster's folder describes.
fn own_root_substitutes(cluster: &Cluster, repository: &Snapshot) -> bool {
    let folder = normalised(&repository.from_root(&cluster.folder));
    let files = repository.walk(&cluster.folder).filter_map(Result::ok);
    let mut files = files.filter(|(path, entry)| {
        entry.kind == EntryKind::File && (path.ends_with(".yaml") || path.ends_with(".yml"))
    });
    files.any(|(path, _)| {
        let bytes = repository.read_own(&path, LARGEST).ok().flatten();
        let text = bytes
            .as_deref()
            .and_then(|bytes| std::str::from_utf8(bytes).ok());
        let Some(text) = text.filter(|text| text.contains("postBuild")) else {
            return false;
        };
        let file = Sources::default().add("", "");
        let documents = yaml::read_all(text, file).unwrap_or_default();
        documents
            .into_iter()
            .any(|document| is_substituting_root(document, &folder))
    })
}

fn is_substituting_root(document: Node, folder: &str) -> bool {
    // A patch of the root, which a kustomization.yaml or a FluxInstance holds.
    let Some(resource) = Resource::from_node(document) else {
        return true;
    };
    if resource
        .identity
        .is_kind("kustomize.toolkit.fluxcd.io", "Kustomization")
    {
        let path = resource.get(&["spec", "path"]).and_then(Node::as_str);
        let is_root = path.is_some_and(|path| normalised(path) == folder);
        return is_root && resource.get(&["spec", "postBuild"]).is_some();
    }
    true
}
