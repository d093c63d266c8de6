//! What refers to what, cluster by cluster, in the plain form that is drawn and written as JSON.
//!
//! It is the model of the report's page too: there with what a change does to it.

mod dot;
mod mermaid;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::compare::report::{EdgeState, Graph as Picture, GraphEdge, GraphNode, Object};
use crate::link::{ClusterGraph, Graph, Met};

pub use dot::dot;
pub use mermaid::mermaid;

/// From, to and the field that says so.
pub(crate) type Edge = (Object, Object, String);

/// One graph for each set of clusters whose graphs are the same; `only` limits it to some clusters.
///
/// What a reference leads to is there too, marked where the TOML file does not make it. Any number of
/// resources is one node with the name `*`.
pub fn pictures(graph: &Graph, only: &[String]) -> Vec<Picture> {
    let mut pictures: Vec<Picture> = Vec::new();
    let mut known: HashMap<(BTreeMap<Object, bool>, BTreeSet<Edge>), usize> = HashMap::new();
    for (settings, cluster) in graph.settings().clusters.iter().zip(&graph.clusters) {
        let name = &settings.name.value;
        if !only.is_empty() && !only.contains(name) {
            continue;
        }
        let mut nodes: BTreeMap<Object, bool> = cluster
            .resources
            .iter()
            .map(|id| (Object::from(&graph.resource(*id).identity), false))
            .collect();
        let mut edges: BTreeSet<Edge> = BTreeSet::new();
        for (edge, met) in edges_of(graph, cluster) {
            let to = edge.1.clone();
            nodes.entry(to).or_insert(met != Met::Many);
            edges.insert(edge);
        }
        let key = (nodes, edges);
        match known.get(&key) {
            Some(at) => pictures[*at].clusters.push(name.clone()),
            None => {
                pictures.push(picture(name, &key.0, &key.1));
                known.insert(key, pictures.len() - 1);
            }
        }
    }
    for picture in &mut pictures {
        picture.clusters.sort();
    }
    pictures.sort_by(|a, b| a.clusters.cmp(&b.clusters));
    pictures
}

/// What refers to what in a cluster, and what was met there.
pub(crate) fn edges_of<'a>(
    graph: &'a Graph,
    cluster: &'a ClusterGraph,
) -> impl Iterator<Item = (Edge, Met)> + 'a {
    let object = |at: u32| Object::from(&graph.resource(cluster.resources[at as usize]).identity);
    cluster.edges.iter().map(move |edge| {
        let reference = graph.reference(cluster, edge);
        let mut to = Object::from(&reference.target);
        match edge.to {
            Met::Resource(at) => to = object(at),
            Met::Many => to.name = "*".to_owned(),
            Met::Outside | Met::NotLookedFor | Met::Nothing => {}
        }
        ((object(edge.from), to, field(&reference.field)), edge.to)
    })
}

fn picture(name: &str, nodes: &BTreeMap<Object, bool>, edges: &BTreeSet<Edge>) -> Picture {
    let numbers: HashMap<&Object, usize> = nodes.keys().zip(0..).collect();
    Picture {
        clusters: vec![name.to_owned()],
        nodes: nodes
            .iter()
            .map(|(object, external)| GraphNode {
                object: object.clone(),
                action: None,
                severity: None,
                external: *external,
            })
            .collect(),
        edges: edges
            .iter()
            .map(|(from, to, field)| GraphEdge {
                from: numbers[from],
                to: numbers[to],
                field: field.clone(),
                state: EdgeState::Unchanged,
            })
            .collect(),
    }
}

/// A field without the places in its lists: `dependsOn` of `dependsOn[0]`.
fn field(path: &str) -> String {
    let mut field = String::new();
    let mut is_inside = false;
    for letter in path.chars() {
        match letter {
            '[' => is_inside = true,
            ']' => is_inside = false,
            letter if !is_inside => field.push(letter),
            _ => {}
        }
    }
    field
}

/// The lines of a node's label: kind, then namespace and name.
fn label(object: &Object) -> [String; 2] {
    let name = match object.namespace.as_str() {
        "" => object.name.clone(),
        namespace => format!("{namespace}/{}", object.name),
    };
    [object.kind.clone(), name]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_told_without_places_in_lists() {
        assert_eq!(field("dependsOn[12]"), "dependsOn");
        assert_eq!(field("chart.spec.sourceRef"), "chart.spec.sourceRef");
        assert_eq!(
            field("postBuild.substituteFrom[0].name"),
            "postBuild.substituteFrom.name"
        );
    }
}
