//! Resources that wait for each other.

use std::collections::HashSet;

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::link::{ClusterGraph, Edge, Graph, Met};

pub(super) const RULE: Rule = Rule {
    code: "dependency-cycle",
    summary: "resources wait for each other through `dependsOn`",
    page: "\
Each Kustomization or HelmRelease of the cycle waits until another one of it is ready, so none of
them is ever reconciled. Remove one `dependsOn`.

Flux: <https://fluxcd.io/flux/components/kustomize/kustomizations/#dependencies>",
    check,
};

fn check(graph: &Graph, _facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    for (at, cluster) in graph.clusters.iter().enumerate() {
        let mut next: Vec<Vec<&Edge>> = vec![Vec::new(); cluster.resources.len()];
        for edge in &cluster.edges {
            let waits = graph.reference(cluster, edge).relation.as_deref() == Some("dependsOn");
            if waits && matches!(edge.to, Met::Resource(_)) {
                next[edge.from as usize].push(edge);
            }
        }
        if next.iter().all(Vec::is_empty) {
            continue;
        }
        let name = &graph.settings().clusters[at].name.value;
        for cycle in cycles(&next) {
            diagnostics.push(told(graph, cluster, &cycle, name));
        }
    }
}

/// One cycle for each knot of the graph, without recursion: a chain may be long.
fn cycles<'e>(next: &[Vec<&'e Edge>]) -> Vec<Vec<&'e Edge>> {
    let mut found = Vec::new();
    let mut done: HashSet<usize> = HashSet::new();
    for start in 0..next.len() {
        if done.contains(&start) {
            continue;
        }
        // The path from the start, and how many edges of each node on it were followed.
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        let mut edges: Vec<&Edge> = Vec::new();
        let mut on_path: HashSet<usize> = HashSet::from([start]);
        while let Some((node, followed)) = path.last_mut() {
            let Some(edge) = next[*node].get(*followed).copied() else {
                done.insert(*node);
                on_path.remove(node);
                path.pop();
                edges.pop();
                continue;
            };
            *followed += 1;
            let Met::Resource(to) = edge.to else { continue };
            let to = to as usize;
            if on_path.contains(&to) {
                let first = path.iter().position(|(node, _)| *node == to).unwrap_or(0);
                let mut cycle: Vec<&Edge> = edges[first..].to_vec();
                cycle.push(edge);
                found.push(cycle);
            } else if !done.contains(&to) {
                path.push((to, 0));
                on_path.insert(to);
                edges.push(edge);
            }
        }
    }
    found
}

fn told(graph: &Graph, cluster: &ClusterGraph, cycle: &[&Edge], name: &str) -> Diagnostic {
    let of = |at: u32| &graph.resource(cluster.resources[at as usize]).identity;
    let first = of(cycle[0].from);
    let mut words: Vec<String> = cycle
        .iter()
        .map(|edge| format!("`{}`", of(edge.from).name))
        .collect();
    words.push(format!("`{}`", first.name));
    let mut diagnostic = match cycle {
        [_] => Diagnostic::error("dependency-cycle", format!("{first} depends on itself")),
        _ => Diagnostic::error(
            "dependency-cycle",
            format!(
                "{}s wait for each other: {}",
                first.kind,
                words.join(" -> ")
            ),
        ),
    };
    for edge in cycle {
        let reference = graph.reference(cluster, edge);
        let label = format!(
            "`{}` waits for `{}`",
            of(edge.from).name,
            reference.target.name
        );
        diagnostic = diagnostic.at(reference.span, label);
    }
    diagnostic
        .in_cluster(name)
        .with_help("remove one of these dependencies")
}
