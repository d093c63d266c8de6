//! The values that image automation owns: where they are marked, what they start from, what stands in the trees.

use std::collections::BTreeMap;

use anyhow::bail;

use crate::diagnostic::nearest::nearest;
use crate::emit::Standing;
use crate::emit::marks::{Former, Step, kept, marks, value_at};
use crate::link::Graph;
use crate::node::{Node, Table, Value};
use crate::resource::Identity;
use crate::source::Span;
use crate::yaml;

use super::dispute;

/// A marked field of a resource in a cluster.
#[derive(Debug, Clone)]
pub struct Owned<'a> {
    pub cluster: &'a str,
    pub resource: &'a Identity,
    /// `spec.values.image.tag`
    pub field: String,
    /// `namespace:name`, with `:tag`, `:name` or `:digest` after it.
    pub marker: &'a str,
    /// The place of `imagePolicy` in the TOML file.
    pub place: Span,
    /// The entry of a set's `inputs` that the resource was made for.
    pub input: Option<Span>,
    pub initial: &'a Value,
    /// What stands in the tree; none where the resource has not been built yet.
    pub current: Option<Value>,
}

impl Owned<'_> {
    /// `namespace/name` of the policy.
    pub fn policy(&self) -> String {
        let mut parts = self.marker.split(':');
        let namespace = parts.next().unwrap_or_default();
        format!("{namespace}/{}", parts.next().unwrap_or_default())
    }
}

/// A scalar as people read it.
pub fn shown(value: &Value) -> String {
    match value.scalar() {
        Value::String(text) => text.clone(),
        other => yaml::write_scalar(other).unwrap_or_default(),
    }
}

/// The marked fields of all clusters, or those of one policy: `NAME` or `NAMESPACE/NAME`. By policy, then
/// cluster, then resource.
pub fn owned<'a>(
    graph: &'a Graph,
    standing: &BTreeMap<String, Standing>,
    name: Option<&str>,
) -> anyhow::Result<Vec<Owned<'a>>> {
    let mut found = Vec::new();
    let nothing = Standing::default();
    let expanded = &graph.validated.expanded;
    let clusters = graph.settings().clusters.iter().zip(&expanded.clusters);
    for (at, (cluster, ids)) in clusters.enumerate() {
        let cluster = cluster.name.value.as_str();
        let pick = |marker: &str, ours: &Value, theirs: &Value| {
            dispute::pick(graph, at, marker, ours, theirs)
        };
        let variants = || ids.iter().map(|id| &expanded.variants[*id as usize]);
        let resources = variants().flat_map(|variant| &variant.resources);
        let former = Former::new(
            standing.get(cluster).unwrap_or(&nothing),
            resources.map(|resource| &resource.identity),
        );
        for variant in variants() {
            let renamed_from = variant.renamed_from.as_ref();
            let renamed_from = renamed_from.map(|name| name.value.as_str());
            for resource in &variant.resources {
                let marks = marks(&resource.node);
                if marks.is_empty() {
                    continue;
                }
                let there = former.find(resource, renamed_from);
                for (path, marked) in marks {
                    let place =
                        value_at(&resource.node, &path).map_or(Span::BUILT_IN, |node| node.span);
                    found.push(Owned {
                        cluster,
                        resource: &resource.identity,
                        field: field(&path),
                        marker: &marked.policy,
                        place,
                        input: variant.input,
                        initial: &marked.value,
                        current: there
                            .and_then(|there| kept(resource, there, &path, &pick))
                            .map(|kept| kept.value().clone()),
                    });
                }
            }
        }
    }
    found.sort_by(|a, b| {
        (a.marker, a.cluster, a.resource, &a.field)
            .cmp(&(b.marker, b.cluster, b.resource, &b.field))
    });
    let Some(name) = name else { return Ok(found) };
    let mut names: Vec<String> = Vec::new();
    found.retain(|owned| {
        let policy = owned.policy();
        let short = policy.split('/').next_back().unwrap_or_default().to_owned();
        let is_meant = name == policy || name == short;
        names.extend([short, policy]);
        is_meant
    });
    if found.is_empty() {
        match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => {
                bail!("no value is marked with the policy `{name}`; did you mean `{near}`?")
            }
            None => bail!("no value is marked with the policy `{name}`"),
        }
    }
    Ok(found)
}

/// `spec.values.sidecars[cache].image`; items of lists by their name where they have one.
fn field(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if key.contains(['.', '[', ' ']) => text.push_str(&format!("[{key:?}]")),
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            Step::Item(_, Some(name)) => text.push_str(&format!("[{name}]")),
            Step::Item(at, None) => text.push_str(&format!("[{at}]")),
        }
    }
    text
}

/// The `initial` beside an `imagePolicy` that stands at `place` of the file whose table this is.
pub fn initial_of(table: &Table, place: Span) -> Option<&Node> {
    if let Some(policy) = table.get("imagePolicy")
        && policy.span.range() == place.range()
    {
        return table.get("initial");
    }
    table
        .iter()
        .find_map(|(_, entry)| initial_in(&entry.node, place))
}

fn initial_in(node: &Node, place: Span) -> Option<&Node> {
    match &node.value {
        Value::Table(table) => initial_of(table, place),
        Value::Array(items) => items.iter().find_map(|item| initial_in(item, place)),
        Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Marked(_) => None,
    }
}
