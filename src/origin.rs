//! Who decided each value of a resource in a cluster, for `fluxgen explain CLUSTER RESOURCE FIELD`.
//!
//! A value carries the place it was written at; the layer that has this place decided it, and the layers
//! below it are what it overrides.

use serde_json::Value as Json;

use crate::diagnostic::nearest::nearest;
use crate::expand::{Variant, layers_of};
use crate::link::Graph;
use crate::mask::masked_field;
use crate::node::{Node, Table};
use crate::resolve::merge::is_unset;
use crate::resolve::{Layer, Origin, Resolved};
use crate::resource::{Identity, Resource};
use crate::source::Span;
use crate::validate::schema_of;

/// A field of a resource and what decides it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    pub resource: Identity,
    /// As in the TOML file: `postBuild.substitute.domain`, `labels.team`.
    pub path: String,
    /// The deciding place first, then what it overrides.
    pub values: Vec<Said>,
}

/// What one layer says of a field.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// As TOML; `None` where the layer removes the field.
    pub value: Option<String>,
    pub span: Span,
    /// `defaults.kustomizations`, `clusters.staging`; `built-in` where no layer says it.
    pub by: String,
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    #[error("no resource `{resource}` in cluster `{cluster}`{}", hint(nearest))]
    Resource {
        resource: String,
        cluster: String,
        nearest: Option<String>,
    },
    #[error(
        "`{resource}` has no field `{field}` in cluster `{cluster}`{}",
        hint(nearest)
    )]
    Field {
        resource: String,
        field: String,
        cluster: String,
        nearest: Option<String>,
    },
}

fn hint(nearest: &Option<String>) -> String {
    match nearest {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    }
}

/// The fields of a resource that `field` names (all of them where it is `None`), with their origins.
///
/// `resource` is a section and a key (`kustomizations.apps`, `helmReleases.web/podinfo`) or a kind and a
/// name (`Kustomization/apps`, `HelmRelease/web/podinfo`).
pub fn origins(
    resolved: &Resolved,
    graph: &Graph,
    cluster: usize,
    resource: &str,
    field: Option<&str>,
) -> Result<Vec<Decided>, Unknown> {
    let name = &resolved.settings.clusters[cluster].name.value;
    let (variant, asked) = find(graph, cluster, resource).map_err(|nearest| Unknown::Resource {
        resource: resource.to_owned(),
        cluster: name.clone(),
        nearest,
    })?;
    let layers = layers_of(resolved, variant, cluster).unwrap_or_default();
    let asking = Asking {
        resolved,
        layers: &layers,
        variant,
    };
    let wanted = field.map(plain);
    let mut known = Vec::new();
    let mut found = Vec::new();
    for resource in asked {
        for leaf in leaves(resource) {
            let path = plain(&leaf.path());
            if wanted
                .as_ref()
                .is_none_or(|wanted| is_within(&path, wanted))
            {
                found.push(asking.decided(resource, &leaf));
            }
            known.push(path);
        }
    }
    if let (true, Some(wanted)) = (found.is_empty(), &wanted) {
        found.extend(asking.removed(wanted));
    }
    if found.is_empty() && field.is_some() {
        let field = field.unwrap_or_default();
        return Err(Unknown::Field {
            resource: resource.to_owned(),
            field: field.to_owned(),
            cluster: name.clone(),
            nearest: nearest(field, known.iter().map(String::as_str)).map(str::to_owned),
        });
    }
    Ok(found)
}

/// The variant that makes the resource, and those of its resources that were asked for.
fn find<'a>(
    graph: &'a Graph,
    cluster: usize,
    asked: &str,
) -> Result<(&'a Variant, Vec<&'a Resource>), Option<String>> {
    let mut names = Vec::new();
    let variants = &graph.validated.expanded.clusters[cluster];
    for variant in variants
        .iter()
        .map(|at| &graph.validated.expanded.variants[*at as usize])
    {
        let section = variant.section.as_str();
        let key = asked
            .strip_prefix(section)
            .and_then(|rest| rest.strip_prefix('.'));
        if let Some(first) = variant.resources.first() {
            let short = short(&first.identity, variant);
            if key.is_some_and(|key| names_it(key, &first.identity, variant)) {
                let all = variant.resources.iter();
                return Ok((variant, all.map(AsRef::as_ref).collect()));
            }
            names.push(format!("{section}.{short}"));
        }
        for resource in &variant.resources {
            let identity = &resource.identity;
            let name = asked
                .strip_prefix(identity.kind.as_str())
                .and_then(|rest| rest.strip_prefix('/'));
            if name.is_some_and(|name| names_it(name, identity, variant)) {
                return Ok((variant, vec![resource]));
            }
            names.push(format!("{}/{}", identity.kind, short(identity, variant)));
        }
    }
    Err(nearest(asked, names.iter().map(String::as_str)).map(str::to_owned))
}

fn names_it(key: &str, identity: &Identity, variant: &Variant) -> bool {
    match key.trim_matches('"').split_once('/') {
        Some((namespace, name)) => (namespace, name) == (&identity.namespace, &identity.name),
        None => {
            key.trim_matches('"') == identity.name
                && ["", &variant.flux_namespace].contains(&identity.namespace.as_str())
        }
    }
}

fn short(identity: &Identity, variant: &Variant) -> String {
    match identity.namespace.as_str() {
        "" => identity.name.clone(),
        namespace if namespace == variant.flux_namespace => identity.name.clone(),
        namespace => format!("{namespace}/{}", identity.name),
    }
}

/// A path as it is compared: without quotes, `spec.` or `metadata.`.
fn plain(path: &str) -> String {
    let path = path.replace('"', "");
    for prefix in ["spec.", "metadata."] {
        if let Some(rest) = path.strip_prefix(prefix) {
            return rest.to_owned();
        }
    }
    path
}

/// Whether a leaf is what was asked for, is below it, or holds it as an array does.
fn is_within(leaf: &str, wanted: &str) -> bool {
    let below = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    below(leaf, wanted) || below(wanted, leaf)
}

/// A value that is no table: what one place decides.
struct Leaf<'a> {
    keys: Vec<&'a str>,
    node: &'a Node,
}

impl Leaf<'_> {
    /// A value of this field as people write it, secrets masked.
    fn shown(&self, resource: &Resource, node: &Node) -> String {
        let is_spec = resource.get(&["spec", self.keys[0]]).is_some();
        let holder = match self.keys[0] {
            "labels" | "annotations" => Some("metadata"),
            _ if is_spec => Some("spec"),
            _ => None,
        };
        let keys: Vec<&str> = holder
            .into_iter()
            .chain(self.keys.iter().copied())
            .collect();
        match masked_field(resource, &keys, node) {
            Json::String(text) if !text.contains('\n') && !text.is_empty() => text,
            other => other.to_string(),
        }
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for key in &self.keys {
            if !path.is_empty() {
                path.push('.');
            }
            if key.contains('.') {
                path.push_str(&format!("\"{key}\""));
            } else {
                path.push_str(key);
            }
        }
        path
    }
}

fn leaves(resource: &Resource) -> Vec<Leaf<'_>> {
    let mut found = Vec::new();
    for (key, entry) in resource.node.as_table().into_iter().flat_map(Table::iter) {
        match (key, entry.node.as_table()) {
            ("apiVersion" | "kind", _) => {}
            ("metadata", Some(metadata)) => {
                for key in ["labels", "annotations"] {
                    if let Some((key, entry)) = metadata.iter().find(|(name, _)| *name == key) {
                        collect(&entry.node, vec![key], &mut found);
                    }
                }
            }
            ("spec", Some(spec)) => {
                for (key, entry) in spec.iter() {
                    collect(&entry.node, vec![key], &mut found);
                }
            }
            _ => collect(&entry.node, vec![key], &mut found),
        }
    }
    found
}

fn collect<'a>(node: &'a Node, keys: Vec<&'a str>, found: &mut Vec<Leaf<'a>>) {
    match node.as_table() {
        Some(table) if !table.is_empty() => {
            for (key, entry) in table.iter() {
                let mut keys = keys.clone();
                keys.push(key);
                collect(&entry.node, keys, found);
            }
        }
        _ => found.push(Leaf { keys, node }),
    }
}

struct Asking<'a> {
    resolved: &'a Resolved,
    /// Lowest first.
    layers: &'a [Layer],
    variant: &'a Variant,
}

impl Asking<'_> {
    fn decided(&self, resource: &Resource, leaf: &Leaf<'_>) -> Decided {
        let decided = self
            .layers
            .iter()
            .enumerate()
            .rev()
            .find_map(|(at, layer)| Some((at, path_to(&layer.table, leaf.node.span)?)));
        let (rank, path) = match decided {
            Some(found) => found,
            None => {
                let path = leaf.keys.iter().map(|key| (*key).to_owned()).collect();
                let rank = self.layers.iter().rposition(|layer| {
                    at(&layer.table, &leaf.keys).is_some_and(|node| !is_unset(node))
                });
                (rank.unwrap_or(usize::MAX), path)
            }
        };
        let is_ours = leaf.node.span.is_built_in();
        let mut values = vec![Said {
            value: Some(leaf.shown(resource, leaf.node)),
            span: leaf.node.span,
            by: match self.layers.get(rank) {
                Some(layer) if !is_ours => self.name(layer.origin),
                _ if is_ours => self.name(Origin::BuiltIn),
                _ => self.name(Origin::Resource),
            },
        }];
        let keys: Vec<&str> = path.iter().map(String::as_str).collect();
        let below = if is_ours {
            0
        } else {
            rank.min(self.layers.len())
        };
        values.extend(self.beneath(&self.layers[..below], &keys, resource, leaf));
        if let (false, Some(fill)) = (is_ours, self.built_in(resource, leaf)) {
            values.push(Said {
                value: Some(fill),
                span: Span::BUILT_IN,
                by: self.name(Origin::BuiltIn),
            });
        }
        Decided {
            resource: resource.identity.clone(),
            path: leaf.path(),
            values,
        }
    }

    /// What fluxgen fills in where nobody says anything.
    fn built_in(&self, resource: &Resource, leaf: &Leaf<'_>) -> Option<String> {
        let kind = schema_of(resource, self.variant.minor)?;
        let [field] = leaf.keys.as_slice() else {
            return None;
        };
        match kind.root().property(field)?.fill.as_ref()? {
            Json::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// What layers say of a field, the highest first.
    fn beneath(
        &self,
        layers: &[Layer],
        keys: &[&str],
        resource: &Resource,
        leaf: &Leaf<'_>,
    ) -> Vec<Said> {
        let said = |layer: &Layer| {
            let node = at(&layer.table, keys)?;
            Some(Said {
                value: (!is_unset(node)).then(|| leaf.shown(resource, node)),
                span: node.span,
                by: self.name(layer.origin),
            })
        };
        layers.iter().rev().filter_map(said).collect()
    }

    /// A field that some layer sets and a higher one removes.
    fn removed(&self, wanted: &str) -> Option<Decided> {
        let leaf = Leaf {
            keys: wanted.split('.').collect(),
            node: &self.variant.resources.first()?.node,
        };
        let resource = self.variant.resources.first()?;
        let values = self.beneath(self.layers, &leaf.keys, resource, &leaf);
        let is_removed = values.first().is_some_and(|first| first.value.is_none());
        is_removed.then(|| Decided {
            resource: resource.identity.clone(),
            path: wanted.to_owned(),
            values,
        })
    }

    fn name(&self, origin: Origin) -> String {
        let settings = &self.resolved.settings;
        let section = self.variant.section.as_str();
        match origin {
            Origin::BuiltIn => "built-in".to_owned(),
            Origin::Defaults => "defaults".to_owned(),
            Origin::SectionDefaults => format!("defaults.{section}"),
            Origin::Resource => match self.variant.resources.first() {
                Some(resource) => format!("{section}.{}", short(&resource.identity, self.variant)),
                None => section.to_owned(),
            },
            Origin::Group(at) => format!("groups.{}", settings.groups[at].name.value),
            Origin::Cluster(at) => format!("clusters.{}", settings.clusters[at].name.value),
        }
    }
}

/// What a table says at a path: the value there, or the value in whose place it stands.
fn at<'a>(table: &'a Table, keys: &[&str]) -> Option<&'a Node> {
    let (first, rest) = keys.split_first()?;
    let mut node = table.get(first)?;
    for key in rest {
        match node.as_table() {
            Some(table) if !is_unset(node) => node = table.get(key)?,
            _ => return Some(node),
        }
    }
    Some(node)
}

/// Where in a table the value of a place stands.
fn path_to(table: &Table, span: Span) -> Option<Vec<String>> {
    if span.is_built_in() {
        return None;
    }
    for (key, entry) in table.iter() {
        let holds = entry.node.span.file == span.file
            && entry.node.span.start <= span.start
            && span.end <= entry.node.span.end;
        let below = entry.node.as_table().and_then(|table| path_to(table, span));
        if let Some(mut path) = below {
            path.insert(0, key.to_owned());
            return Some(path);
        }
        if holds && entry.node.as_table().is_none() || entry.node.span == span {
            return Some(vec![key.to_owned()]);
        }
    }
    None
}
