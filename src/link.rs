//! `Resource`s -> `Graph`: what names what, cluster by cluster.
//!
//! References are found by `x-ref` in the schemas, once per variant, and met in every cluster.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rayon::prelude::*;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::emit::path::Paths;
use crate::expand::Variant;
use crate::node::{Node, Value};
use crate::resource::{Identity, Resource};
use crate::schema::{Reference as SchemaReference, Registry, SchemaNode, Shorthand, Target};
use crate::settings::{Cluster, Settings};
use crate::source::Span;
use crate::validate::{Validated, is_open, schema_of};

/// Resources that exist in a cluster though the TOML file does not make them, by cluster name.
///
/// They come from the user's own YAML under `clusters/<name>/`.
pub type Foreign = BTreeMap<String, Vec<ForeignResource>>;

/// A resource in a user's own YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignResource {
    pub identity: Identity,
    /// The file, from the project's folder.
    pub path: String,
    /// Flux takes the file as it stands, and no kustomize file decides what becomes of it.
    pub is_applied: bool,
}

/// All clusters' resources and what they name.
#[derive(Debug, Clone)]
pub struct Graph {
    pub validated: Validated,
    /// Per variant and resource of it, what it names.
    pub references: Vec<Vec<Vec<Reference>>>,
    /// Per cluster of the settings.
    pub clusters: Vec<ClusterGraph>,
}

/// One cluster's resources.
#[derive(Debug, Clone, Default)]
pub struct ClusterGraph {
    pub resources: Vec<ResourceId>,
    pub edges: Vec<Edge>,
}

/// A resource of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId {
    pub variant: u32,
    pub resource: u32,
}

/// A reference in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// An index into the cluster's resources.
    pub from: u32,
    /// An index into the references of that resource.
    pub reference: u32,
    pub to: Met,
}

/// What a reference meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// An index into the cluster's resources.
    Resource(u32),
    /// Something outside of the TOML file that is known to be there.
    Outside,
    /// Any number of resources, by labels or `*`.
    Many,
    /// A kind that is not looked for, as Secrets are not in Git.
    NotLookedFor,
    Nothing,
}

/// A value that names a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// The field, as in `dependsOn[0]`.
    pub field: String,
    pub target: Identity,
    pub span: Span,
    pub is_many: bool,
    pub is_optional: bool,
    /// `dependsOn`, where the relation is more than "refers to".
    pub relation: Option<String>,
    pub form: Form,
}

/// How a reference is written: what has to be typed to name another namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `source = "git.podinfo"`.
    Source,
    /// `"infrastructure"`, where a table could stand.
    Name,
    /// A table with a field for the namespace.
    Table,
    /// It can name nothing outside of its own namespace.
    OwnNamespace,
}

/// Links every cluster.
pub fn link(validated: Validated, foreign: &Foreign, diagnostics: &mut Diagnostics) -> Graph {
    let expanded = &validated.expanded;
    let references: Vec<Vec<Vec<Reference>>> = expanded
        .variants
        .par_iter()
        .map(|variant| {
            let of = |resource: &Arc<Resource>| references_of(resource, variant);
            variant.resources.iter().map(of).collect()
        })
        .collect();
    let made: Vec<Vec<Identity>> = expanded
        .variants
        .par_iter()
        .map(|variant| {
            let resources = variant.resources.iter();
            resources.flat_map(|resource| makes(resource)).collect()
        })
        .collect();
    let linked: Vec<(ClusterGraph, Vec<Diagnostic>)> = expanded
        .clusters
        .par_iter()
        .enumerate()
        .map(|(at, variants)| {
            let name = &expanded.settings.clusters[at].name.value;
            let foreign = foreign.get(name).map_or(&[][..], Vec::as_slice);
            let linking = Linking {
                settings: &expanded.settings,
                cluster: &expanded.settings.clusters[at],
                variants: &expanded.variants,
                references: &references,
                made: &made,
                broken: &expanded.broken[at],
                foreign,
            };
            linking.cluster(name, variants)
        })
        .collect();
    let mut clusters = Vec::with_capacity(linked.len());
    for (cluster, found) in linked {
        clusters.push(cluster);
        diagnostics.extend(found);
    }
    Graph {
        validated,
        references,
        clusters,
    }
}

impl Graph {
    pub fn settings(&self) -> &Settings {
        &self.validated.expanded.settings
    }

    pub fn variant(&self, id: ResourceId) -> &Variant {
        &self.validated.expanded.variants[id.variant as usize]
    }

    pub fn resource(&self, id: ResourceId) -> &Resource {
        &self.variant(id).resources[id.resource as usize]
    }

    pub fn references(&self, id: ResourceId) -> &[Reference] {
        &self.references[id.variant as usize][id.resource as usize]
    }

    /// The reference behind an edge of a cluster.
    pub fn reference(&self, cluster: &ClusterGraph, edge: &Edge) -> &Reference {
        &self.references(cluster.resources[edge.from as usize])[edge.reference as usize]
    }
}

struct Linking<'a> {
    settings: &'a Settings,
    cluster: &'a Cluster,
    variants: &'a [Variant],
    references: &'a [Vec<Vec<Reference>>],
    made: &'a [Vec<Identity>],
    broken: &'a [Identity],
    foreign: &'a [ForeignResource],
}

impl Linking<'_> {
    fn cluster(&self, name: &str, variants: &[u32]) -> (ClusterGraph, Vec<Diagnostic>) {
        let mut found = Vec::new();
        let mut cluster = ClusterGraph::default();
        let mut by_identity: HashMap<&Identity, u32> = HashMap::new();
        for &variant in variants {
            let resources = &self.variants[variant as usize].resources;
            for (at, resource) in resources.iter().enumerate() {
                let index = index(cluster.resources.len());
                cluster.resources.push(ResourceId {
                    variant,
                    resource: crate::link::index(at),
                });
                if let Some(other) = by_identity.insert(&resource.identity, index) {
                    let other = cluster.resources[other as usize];
                    found.push(self.twice(name, &resource.identity, variant, other.variant));
                }
            }
        }
        let repo = repository(self.settings, self.cluster);
        let externals: Vec<Identity> = self.settings.externals_in(self.cluster).collect();
        // Below a kustomize file it may be a patch, or not be applied at all.
        for foreign in self.foreign.iter().filter(|one| one.is_applied) {
            if let Some(own) = by_identity.get(&foreign.identity) {
                let ResourceId { variant, resource } = cluster.resources[*own as usize];
                let path = Paths::new(self.settings).and_then(|paths| {
                    paths.of(&self.variants[variant as usize], resource as usize)
                });
                if path.is_ok_and(|path| foreign.path == format!("{}/{path}", self.cluster.folder))
                {
                    // It is in the way, which is told where files are compared: it may be taken over.
                    continue;
                }
                found.push(self.twice_with(
                    name,
                    &foreign.identity,
                    variant,
                    &format!("`{}` defines it too", foreign.path),
                    "remove it there, or rename this one",
                ));
            }
        }
        for identity in &repo {
            if let Some(own) = by_identity.get(identity)
                && !self
                    .foreign
                    .iter()
                    .any(|known| known.is_applied && known.identity == *identity)
            {
                let variant = cluster.resources[*own as usize].variant;
                found.push(self.twice_with(
                    name,
                    identity,
                    variant,
                    "it is what syncs the repository itself: Flux has it already",
                    "rename this one; a source for the repository is there without it",
                ));
            }
        }
        let mut outside: Vec<&Identity> = self.foreign.iter().map(|one| &one.identity).collect();
        outside.extend(&externals);
        for &variant in variants {
            outside.extend(&self.made[variant as usize]);
        }
        outside.extend(&repo);
        let mut outside: HashMap<&Identity, ()> =
            outside.into_iter().map(|one| (one, ())).collect();
        outside.retain(|identity, ()| !by_identity.contains_key(identity));
        for (from, id) in cluster.resources.iter().enumerate() {
            let references = &self.references[id.variant as usize][id.resource as usize];
            for (at, reference) in references.iter().enumerate() {
                let to = if reference.is_many {
                    Met::Many
                } else if let Some(to) = by_identity.get(&reference.target) {
                    Met::Resource(*to)
                } else if outside.contains_key(&reference.target) {
                    Met::Outside
                } else if Registry::get().kind(&reference.target.kind).is_none() {
                    Met::NotLookedFor
                } else if self.is_broken(&reference.target) {
                    Met::Outside
                } else {
                    Met::Nothing
                };
                cluster.edges.push(Edge {
                    from: index(from),
                    reference: index(at),
                    to,
                });
            }
        }
        (cluster, found)
    }

    /// Whether it is one whose own faults were told already.
    fn is_broken(&self, target: &Identity) -> bool {
        self.broken.iter().any(|broken| {
            broken == target
                || (broken.name.is_empty()
                    && (&broken.group, &broken.kind) == (&target.group, &target.kind))
        })
    }

    fn twice(&self, cluster: &str, identity: &Identity, a: u32, b: u32) -> Diagnostic {
        let (a, b) = (&self.variants[a as usize], &self.variants[b as usize]);
        let diagnostic = Diagnostic::error(
            "duplicate-resource",
            format!("two resources are {identity}"),
        )
        .at(a.span, "");
        let diagnostic = match (a.span == b.span, a.input, b.input) {
            (false, ..) => diagnostic.at(b.span, "the other one"),
            (true, Some(one), Some(other)) if one != other => diagnostic
                .at(one, "with this entry of `inputs`")
                .at(other, "and with this one"),
            (true, ..) => diagnostic.with_note("both come from this table"),
        };
        diagnostic
            .in_cluster(cluster)
            .with_help("rename one of them, or keep them in different clusters with `clusters`")
    }

    fn twice_with(
        &self,
        cluster: &str,
        identity: &Identity,
        variant: u32,
        note: &str,
        help: &str,
    ) -> Diagnostic {
        Diagnostic::error(
            "duplicate-resource",
            format!("two resources are {identity}"),
        )
        .at(self.variants[variant as usize].span, "")
        .in_cluster(cluster)
        .with_note(note)
        .with_help(help)
    }
}

fn index(at: usize) -> u32 {
    u32::try_from(at).expect("fewer than 2^32 resources")
}

/// What the root of every cluster has: the repository and the Kustomization that syncs it.
fn repository(settings: &Settings, cluster: &Cluster) -> [Identity; 2] {
    let (namespace, name) = settings.repo.in_namespace(&cluster.flux.namespace);
    [
        ("source.toolkit.fluxcd.io", "GitRepository"),
        ("kustomize.toolkit.fluxcd.io", "Kustomization"),
    ]
    .map(|(group, kind)| Identity {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    })
}

/// What a controller makes of a resource, under a name that is known beforehand.
///
/// Sources: <https://fluxcd.io/flux/components/source/artifactgenerators/>,
/// <https://fluxcd.io/flux/components/helm/helmreleases/#chart-template>.
pub(crate) fn makes(resource: &Resource) -> Vec<Identity> {
    let identity = &resource.identity;
    let source = "source.toolkit.fluxcd.io".to_owned();
    match (identity.group.as_str(), identity.kind.as_str()) {
        ("source.extensions.fluxcd.io", "ArtifactGenerator") => resource
            .get(&["spec", "artifacts"])
            .and_then(Node::as_array)
            .unwrap_or_default()
            .iter()
            .filter_map(|artifact| artifact.get("name")?.as_str())
            .map(|name| Identity {
                group: source.clone(),
                kind: "ExternalArtifact".to_owned(),
                namespace: identity.namespace.clone(),
                name: name.to_owned(),
            })
            .collect(),
        ("helm.toolkit.fluxcd.io", "HelmRelease") => resource
            .get(&["spec", "chart", "spec", "sourceRef"])
            .map(|source_ref| Identity {
                group: source,
                kind: "HelmChart".to_owned(),
                namespace: source_ref
                    .get("namespace")
                    .and_then(Node::as_str)
                    .unwrap_or(&identity.namespace)
                    .to_owned(),
                name: format!("{}-{}", identity.namespace, identity.name),
            })
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

fn references_of(resource: &Resource, variant: &Variant) -> Vec<Reference> {
    let mut found = Vec::new();
    let Some(kind) = schema_of(resource, variant.minor) else {
        return found;
    };
    if let Some(spec) = resource.get(&["spec"]) {
        collect(spec, kind.root(), "", &resource.identity, &mut found);
    }
    found
}

fn collect(
    node: &Node,
    schema: &SchemaNode,
    path: &str,
    own: &Identity,
    found: &mut Vec<Reference>,
) {
    if let Some(reference) = &schema.reference {
        found.extend(read(node, schema, reference, path, own));
    }
    match &node.value {
        Value::Table(table) => {
            for (key, entry) in table.iter() {
                if let Some(child) = schema.child(key) {
                    let path = if path.is_empty() {
                        key.to_owned()
                    } else {
                        format!("{path}.{key}")
                    };
                    collect(&entry.node, child, &path, own, found);
                }
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

fn read(
    node: &Node,
    schema: &SchemaNode,
    reference: &SchemaReference,
    path: &str,
    own: &Identity,
) -> Option<Reference> {
    let text = |key: &str| node.get(key).and_then(Node::as_str);
    let named = match &node.value {
        Value::String(_) => Some(node),
        _ => node.get(&reference.name_field),
    };
    let name = named.and_then(Node::as_str).unwrap_or_default();
    let is_many = reference.wildcard && (name == "*" || node.get("matchLabels").is_some());
    // What a variable stands for is not known here.
    if name.is_empty() && !is_many || is_open(name) {
        return None;
    }
    let kind = match &reference.target {
        Target::Kind(kind) => kind.clone(),
        Target::KindField(field) => match text(field) {
            Some(kind) => kind.to_owned(),
            None => schema
                .property(field)?
                .default
                .as_ref()?
                .as_str()?
                .to_owned(),
        },
    };
    let namespace = reference
        .namespace_field
        .as_deref()
        .and_then(text)
        .unwrap_or(&own.namespace);
    if is_open(namespace) {
        return None;
    }
    let group = match text("apiVersion").and_then(|version| version.split_once('/')) {
        Some((group, _)) => group.to_owned(),
        None => Registry::get()
            .kind(&kind)
            .map_or(String::new(), |kind| kind.group.clone()),
    };
    Some(Reference {
        field: path.to_owned(),
        target: Identity {
            group,
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        },
        span: named.map_or(node.span, |named| named.span),
        is_many,
        is_optional: reference
            .optional_field
            .as_deref()
            .and_then(|field| node.get(field))
            .and_then(Node::as_bool)
            .unwrap_or(false),
        relation: reference.relation.clone(),
        form: match (&reference.namespace_field, schema.shorthand) {
            (None, _) => Form::OwnNamespace,
            // What a shorthand stands for has one place.
            (_, Some(Shorthand::Source)) if named.is_some_and(|name| name.span == node.span) => {
                Form::Source
            }
            (_, Some(Shorthand::Name)) if named.is_some_and(|name| name.span == node.span) => {
                Form::Name
            }
            _ => Form::Table,
        },
    })
}
