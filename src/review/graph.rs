//! The dependency graphs of both sides in one, for the page.

use std::collections::BTreeMap;

use crate::compare::Comparison;
use crate::compare::report::{
    Action, EdgeState, Finding, Graph as Picture, GraphEdge, GraphNode, Object, Severity,
};
use crate::graph::{Edge, edges_of};
use crate::link::{Graph, Met};

/// What refers to what in a cluster: from, to, the field.
type Edges = BTreeMap<Edge, EdgeState>;

/// One graph for each set of clusters whose graphs are the same.
pub(super) fn graphs(
    comparison: &Comparison<'_>,
    sides: [Option<&Graph>; 2],
    forecast: &[Finding],
) -> Vec<Picture> {
    let mut pictures: Vec<Picture> = Vec::new();
    for (name, changes) in &comparison.clusters {
        let mut nodes: BTreeMap<Object, GraphNode> = BTreeMap::new();
        let mut node = |object: &Object, action: Option<Action>, external: bool| {
            let known = nodes.entry(object.clone()).or_insert_with(|| GraphNode {
                object: object.clone(),
                action: None,
                severity: None,
                external,
            });
            known.action = known.action.or(action);
            known.external &= external;
        };
        let gone = changes.deleted.iter().map(|old| (old, Action::Deleted));
        let come = changes.created.iter().map(|new| (new, Action::Created));
        for (entry, action) in gone.chain(come) {
            node(&Object::from(entry.identity()), Some(action), false);
        }
        for (_, new) in &changes.changed {
            node(&Object::from(new.identity()), Some(Action::Changed), false);
        }
        let mut renamed: BTreeMap<Object, Object> = BTreeMap::new();
        for (old, new) in &changes.renamed {
            let new = Object::from(new.identity());
            node(&new, Some(Action::Renamed), false);
            renamed.insert(Object::from(old.identity()), new);
        }
        for cluster in [changes.head, changes.base].into_iter().flatten() {
            for entry in cluster.entries() {
                let object = Object::from(entry.identity());
                if !renamed.contains_key(&object) {
                    node(&object, None, false);
                }
            }
        }
        let of = |graph: Option<&Graph>| {
            graph.map_or_else(BTreeMap::new, |it| edges(it, name, &renamed))
        };
        let [before, after] = sides.map(of);
        let mut all: Edges = Edges::new();
        for (edge, external) in &after {
            let state = match before.contains_key(edge) {
                true => EdgeState::Unchanged,
                false => EdgeState::Added,
            };
            node(&edge.1, None, *external);
            all.insert(edge.clone(), state);
        }
        for (edge, external) in &before {
            node(&edge.1, None, *external);
            all.entry(edge.clone()).or_insert(EdgeState::Removed);
        }
        for finding in forecast {
            if finding.clusters.iter().any(|cluster| cluster == name)
                && let Some(node) = nodes.get_mut(&finding.resource)
            {
                let worst: Option<Severity> = node.severity.max(Some(finding.severity));
                node.severity = worst;
            }
        }
        add(&mut pictures, name, nodes, &all);
    }
    pictures
}

/// The edges of a cluster, and whether what they lead to is not in the TOML file.
fn edges(graph: &Graph, name: &str, renamed: &BTreeMap<Object, Object>) -> BTreeMap<Edge, bool> {
    let clusters = &graph.settings().clusters;
    let Some(at) = clusters.iter().position(|it| it.name.value == name) else {
        return BTreeMap::new();
    };
    let now = |object: Object| renamed.get(&object).cloned().unwrap_or(object);
    let mut found = BTreeMap::new();
    for ((from, to, field), met) in edges_of(graph, &graph.clusters[at]) {
        let external = match met {
            Met::Resource(_) => false,
            Met::Outside => true,
            Met::Many | Met::NotLookedFor | Met::Nothing => continue,
        };
        let to = if external { to } else { now(to) };
        found.insert((now(from), to, field), external);
    }
    found
}

fn add(pictures: &mut Vec<Picture>, name: &str, nodes: BTreeMap<Object, GraphNode>, edges: &Edges) {
    let objects: Vec<&Object> = nodes.keys().collect();
    let index = |object: &Object| objects.binary_search(&object).unwrap_or_default();
    let mut edges: Vec<GraphEdge> = edges
        .iter()
        .map(|((from, to, field), state)| GraphEdge {
            from: index(from),
            to: index(to),
            field: field.clone(),
            state: *state,
        })
        .collect();
    edges.sort();
    let nodes: Vec<GraphNode> = nodes.values().cloned().collect();
    let same = |picture: &&mut Picture| picture.nodes == nodes && picture.edges == edges;
    match pictures.iter_mut().find(same) {
        Some(picture) => picture.clusters.push(name.to_owned()),
        None => pictures.push(Picture {
            clusters: vec![name.to_owned()],
            nodes,
            edges,
        }),
    }
}
