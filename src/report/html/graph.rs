//! The dependency graph as a picture: what is referred to stands left of what refers to it.
//!
//! The picture is made here, not in the browser, so that it is there without a script and the same
//! in every run. Graphs of more nodes than can be looked at show the changed ones first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use super::super::value;
use super::super::wording::sign;
use super::escape::{attribute, text};
use crate::compare::report::{EdgeState, Graph, GraphNode};

/// Nodes of one picture, and edges.
const MOST_NODES: usize = 160;
const MOST_EDGES: usize = 1_200;
/// Characters of a name inside its box; the whole name is in the tooltip.
const MOST_NAME: usize = 25;
/// Nodes of one column before the next begins.
const MOST_IN_COLUMN: usize = 20;
/// Characters of a kind and its namespace.
const MOST_KIND: usize = 32;
/// Bends of edges in one picture; what is beyond passes behind the nodes.
const MOST_BENDS: usize = 400;
const WIDTH: usize = 224;
/// The height that a passing edge gets in a column.
const BEND: usize = 12;
const HEIGHT: usize = 40;
const GAP_X: usize = 72;
const GAP_Y: usize = 14;
const MARGIN: usize = 8;

pub(super) struct Picture {
    pub svg: String,
    pub left_out: usize,
}

/// Where the nodes stand, and the bends of the edges that pass a column.
struct Layout {
    /// Nodes by their number in the graph, bends by numbers beyond.
    columns: Vec<Vec<usize>>,
    /// The bends of each edge, from the node that refers to the node that is meant.
    bends: Vec<Vec<usize>>,
}

/// Draws `graph`. `set` is the number of its clusters' set, which the filter asks for.
pub(super) fn draw(graph: &Graph, set: usize) -> Picture {
    let kept = choose(graph);
    let edges = edges_between(graph, &kept);
    let layout = lay_out(graph.nodes.len(), &kept, &edges);
    let rows = |item: &usize| {
        if *item < graph.nodes.len() {
            HEIGHT + GAP_Y
        } else {
            BEND + GAP_Y
        }
    };
    let high = |column: &Vec<usize>| column.iter().map(rows).sum::<usize>();
    let tallest = layout.columns.iter().map(high).max().unwrap_or(0);
    let mut places: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for (number, column) in layout.columns.iter().enumerate() {
        // a short column stands in the middle
        let mut y = MARGIN + (tallest - high(column)) / 2;
        for item in column {
            places.insert(*item, (MARGIN + number * (WIDTH + GAP_X), y));
            y += rows(item);
        }
    }
    let width = 2 * MARGIN + (layout.columns.len() * (WIDTH + GAP_X)).saturating_sub(GAP_X);
    let height = 2 * MARGIN + tallest.saturating_sub(GAP_Y);
    let mut svg = format!(
        "<svg role=\"img\" aria-label=\"dependency graph\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <defs><marker id=\"tip{set}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"tip\" d=\"M0 0 8 4 0 8z\"/></marker></defs>\n"
    );
    for ((from, to, number), bends) in edges.iter().zip(&layout.bends) {
        let bends: Vec<_> = bends.iter().map(|bend| places[bend]).collect();
        let path = path(places[from], &bends, places[to]);
        edge(graph, *number, &path, set, &mut svg);
    }
    for (number, place) in places.range(..graph.nodes.len()) {
        node(&graph.nodes[*number], *place, set, &mut svg);
    }
    svg.push_str("</svg>\n");
    Picture {
        svg,
        left_out: graph.nodes.len() - kept.len(),
    }
}

/// The nodes to show, sorted: the changed ones, then their neighbours, then the others.
fn choose(graph: &Graph) -> BTreeSet<usize> {
    let count = graph.nodes.len();
    if count <= MOST_NODES {
        return (0..count).collect();
    }
    let mut near: Vec<Vec<usize>> = vec![Vec::new(); count];
    for edge in &graph.edges {
        if edge.from < count && edge.to < count {
            near[edge.from].push(edge.to);
            near[edge.to].push(edge.from);
        }
    }
    let is_marked = |node: &GraphNode| node.action.is_some() || node.severity.is_some();
    let mut queue: VecDeque<usize> = (0..count).filter(|n| is_marked(&graph.nodes[*n])).collect();
    queue.extend((0..count).filter(|n| !is_marked(&graph.nodes[*n])).take(1));
    let mut kept = BTreeSet::new();
    let mut rest = 0..count;
    while kept.len() < MOST_NODES {
        let Some(next) = queue.pop_front().or_else(|| rest.next()) else {
            break;
        };
        if kept.insert(next) {
            queue.extend(near[next].iter().filter(|other| !kept.contains(other)));
        }
    }
    kept
}

/// `(from, to, number)` of the edges whose ends are shown.
fn edges_between(graph: &Graph, kept: &BTreeSet<usize>) -> Vec<(usize, usize, usize)> {
    graph
        .edges
        .iter()
        .enumerate()
        .filter(|(_, edge)| {
            edge.from != edge.to && kept.contains(&edge.from) && kept.contains(&edge.to)
        })
        .take(MOST_EDGES)
        .map(|(number, edge)| (edge.from, edge.to, number))
        .collect()
}

/// The columns from left to right; a node is right of everything that it refers to, except where
/// references go round in a circle. `bend` is the first number that no node has.
fn lay_out(bend: usize, kept: &BTreeSet<usize>, edges: &[(usize, usize, usize)]) -> Layout {
    let depth = depths(kept, edges);
    // What neither refers nor is referred to stands apart, where no edge passes.
    let joined: BTreeSet<usize> = edges
        .iter()
        .flat_map(|(from, to, _)| [*from, *to])
        .collect();
    let alone: Vec<usize> = kept.difference(&joined).copied().collect();
    let deepest = depth.values().max().map_or(0, |deepest| deepest + 1);
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); deepest];
    for (node, layer) in depth.iter().filter(|(node, _)| joined.contains(node)) {
        layers[*layer].push(*node);
    }
    let mut next = bend;
    let mut bends: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
    let mut targets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut sources: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for ((from, to, _), bends) in edges.iter().zip(&mut bends) {
        let mut last = *from;
        let passed = (depth[to] + 1)..depth[from].max(depth[to] + 1);
        for layer in passed.rev() {
            if next - bend == MOST_BENDS {
                break;
            }
            layers[layer].push(next);
            bends.push(next);
            targets.entry(last).or_default().push(next);
            sources.entry(next).or_default().push(last);
            last = next;
            next += 1;
        }
        targets.entry(last).or_default().push(*to);
        sources.entry(*to).or_default().push(last);
    }
    order(&mut layers, &targets, &sources);
    Layout {
        columns: layers
            .iter()
            .chain([&alone])
            .flat_map(|layer| layer.chunks(MOST_IN_COLUMN).map(<[usize]>::to_vec))
            .collect(),
        bends,
    }
}

/// How many references lead on from each node, at most.
fn depths(kept: &BTreeSet<usize>, edges: &[(usize, usize, usize)]) -> BTreeMap<usize, usize> {
    let mut targets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut sources: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (from, to, _) in edges {
        targets.entry(*from).or_default().push(*to);
        sources.entry(*to).or_default().push(*from);
    }
    let mut depth: BTreeMap<usize, usize> = BTreeMap::new();
    let mut waiting: BTreeMap<usize, usize> = kept
        .iter()
        .map(|node| (*node, targets.get(node).map_or(0, Vec::len)))
        .collect();
    let mut ready: VecDeque<usize> = kept.iter().copied().filter(|n| waiting[n] == 0).collect();
    while !waiting.is_empty() {
        // With nothing ready there is a circle: its first node breaks it.
        let next = ready.pop_front().or_else(|| waiting.keys().next().copied());
        let Some(node) = next else { break };
        if waiting.remove(&node).is_none() {
            continue;
        }
        let below = targets.get(&node).into_iter().flatten();
        let own = below
            .filter_map(|target| depth.get(target))
            .max()
            .map_or(0, |deepest| deepest + 1);
        depth.insert(node, own);
        for source in sources.get(&node).into_iter().flatten() {
            if let Some(left) = waiting.get_mut(source) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    ready.push_back(*source);
                }
            }
        }
    }
    depth
}

/// Puts nodes beside their neighbours, to and fro a few times, so that few edges cross.
fn order(
    layers: &mut [Vec<usize>],
    targets: &BTreeMap<usize, Vec<usize>>,
    sources: &BTreeMap<usize, Vec<usize>>,
) {
    let mut rank: BTreeMap<usize, usize> = BTreeMap::new();
    let set = |layer: &[usize], rank: &mut BTreeMap<usize, usize>| {
        for (place, node) in layer.iter().enumerate() {
            rank.insert(*node, place);
        }
    };
    layers.iter().for_each(|layer| set(layer, &mut rank));
    for round in 0..6 {
        let neighbours = if round % 2 == 0 { targets } else { sources };
        let count = layers.len();
        for step in 0..count {
            let number = if round % 2 == 0 {
                step
            } else {
                count - 1 - step
            };
            let layer = &mut layers[number];
            layer.sort_by_cached_key(|node| {
                let near: Vec<usize> = neighbours
                    .get(node)
                    .into_iter()
                    .flatten()
                    .filter_map(|other| rank.get(other).copied())
                    .collect();
                // thousandths of the mean place; whole numbers sort the same everywhere
                let mean = match near.len() {
                    0 => rank[node] * 1000,
                    count => near.iter().sum::<usize>() * 1000 / count,
                };
                (mean, rank[node])
            });
            set(layer, &mut rank);
        }
    }
}

/// From the left side of a node through the bends to the right side of another.
fn path(from: (usize, usize), bends: &[(usize, usize)], to: (usize, usize)) -> String {
    let (mut x, mut y) = (from.0, from.1 + HEIGHT / 2);
    let mut path = format!("M{x} {y}");
    let mut curve = |to_x: usize, to_y: usize, x: usize, y: usize| {
        let bend = if x > to_x { (x - to_x) / 2 } else { GAP_X };
        let _ = write!(
            path,
            "C{} {y} {} {to_y} {to_x} {to_y}",
            x.saturating_sub(bend),
            to_x + bend
        );
    };
    let mut through = Vec::new();
    for (left, top) in bends {
        through.push((left + WIDTH, top + BEND / 2));
        through.push((*left, top + BEND / 2));
    }
    through.push((to.0 + WIDTH, to.1 + HEIGHT / 2));
    for (to_x, to_y) in through {
        curve(to_x, to_y, x, y);
        (x, y) = (to_x, to_y);
    }
    path
}

fn edge(graph: &Graph, number: usize, path: &str, set: usize, svg: &mut String) {
    let edge = &graph.edges[number];
    let class = match edge.state {
        EdgeState::Unchanged => "",
        EdgeState::Added => " class=\"added\"",
        EdgeState::Removed => " class=\"removed\"",
    };
    let _ = writeln!(
        svg,
        "<path{class} marker-end=\"url(#tip{set})\" d=\"{path}\"><title>{} refers to {} ({})</title></path>",
        text(&graph.nodes[edge.from].object.to_string()),
        text(&graph.nodes[edge.to].object.to_string()),
        text(&edge.field),
    );
}

fn node(node: &GraphNode, (x, y): (usize, usize), set: usize, svg: &mut String) {
    let mut class = String::new();
    if let Some(action) = node.action {
        class = format!("is-{}", action.as_str());
    }
    if node.external {
        class.push_str(" external");
    }
    let name = node.object.to_string();
    let mut about = name.clone();
    if let Some(action) = node.action {
        about = format!("{about}: {}", action.as_str());
    }
    if let Some(severity) = node.severity {
        about = format!("{about}, {}", severity.as_str());
    }
    if node.external {
        about.push_str(", not in the TOML");
    }
    let _ = writeln!(
        svg,
        "<g class=\"{}\" data-node=\"{}\" data-set=\"{set}\"><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\"/>",
        class.trim(),
        attribute(&name),
        text(&about),
    );
    let kind = match node.object.namespace.as_str() {
        "" => node.object.kind.clone(),
        namespace => format!("{} · {namespace}", node.object.kind),
    };
    let _ = writeln!(
        svg,
        "<text class=\"kind\" x=\"{0}\" y=\"{1}\">{2}</text><text class=\"name\" x=\"{0}\" y=\"{3}\">{4}</text>",
        x + 10,
        y + 15,
        text(&value::clip(&kind, MOST_KIND)),
        y + 31,
        text(&short(&node.object.name)),
    );
    if let Some(action) = node.action {
        let _ = writeln!(
            svg,
            "<text class=\"sign\" x=\"{}\" y=\"{}\">{}</text>",
            x + WIDTH - 9,
            y + 17,
            text(&sign(action).to_string())
        );
    }
    if node.severity == Some(crate::compare::report::Severity::Destructive) {
        let _ = writeln!(
            svg,
            "<circle class=\"worst\" cx=\"{}\" cy=\"{y}\" r=\"5\"/>",
            x + WIDTH
        );
    }
    svg.push_str("</g>\n");
}

/// A name that fits into a box: of a long one the end, which tells it from others.
fn short(name: &str) -> String {
    let letters = name.chars().count();
    match letters > MOST_NAME {
        false => name.to_owned(),
        true => {
            let end: String = name.chars().skip(letters - (MOST_NAME - 1)).collect();
            format!("…{end}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::report::{GraphEdge, Object};

    fn graph(count: usize, edges: &[(usize, usize)]) -> Graph {
        Graph {
            clusters: vec!["a".to_owned()],
            nodes: (0..count)
                .map(|n| GraphNode {
                    object: Object::new("", "Kind", "space", format!("n{n}")),
                    action: (n == count - 1).then_some(crate::compare::report::Action::Changed),
                    severity: None,
                    external: false,
                })
                .collect(),
            edges: edges
                .iter()
                .map(|(from, to)| GraphEdge {
                    from: *from,
                    to: *to,
                    field: "dependsOn".to_owned(),
                    state: EdgeState::Unchanged,
                })
                .collect(),
        }
    }

    fn columns_of(graph: &Graph) -> Vec<Vec<usize>> {
        let kept = choose(graph);
        let mut columns = lay_out(graph.nodes.len(), &kept, &edges_between(graph, &kept)).columns;
        for column in &mut columns {
            column.retain(|item| *item < graph.nodes.len());
        }
        columns
    }

    #[test]
    fn an_edge_bends_around_what_it_passes() {
        let graph = graph(3, &[(2, 1), (1, 0), (2, 0)]);
        let kept = choose(&graph);
        let layout = lay_out(3, &kept, &edges_between(&graph, &kept));
        assert_eq!(layout.bends, [vec![], vec![], vec![3]]);
        assert!(layout.columns[1].contains(&1) && layout.columns[1].contains(&3));
    }

    #[test]
    fn what_is_referred_to_stands_left() {
        let graph = graph(4, &[(3, 2), (2, 1), (1, 0), (3, 0)]);
        assert_eq!(columns_of(&graph), [[0], [1], [2], [3]]);
    }

    #[test]
    fn a_circle_is_drawn_too() {
        let graph = graph(4, &[(0, 1), (1, 2), (2, 0), (3, 3)]);
        let mut all: Vec<usize> = columns_of(&graph).concat();
        // the one that refers to itself alone stands apart, on the right
        assert_eq!(all.pop(), Some(3));
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2]);
        assert_eq!(draw(&graph, 0).svg.matches("<g ").count(), 4);
    }

    #[test]
    fn edges_to_nowhere_are_left_out() {
        assert_eq!(
            draw(&graph(1, &[(0, 7), (9, 0)]), 0)
                .svg
                .matches("<path ")
                .count(),
            1
        );
        assert_eq!(draw(&graph(0, &[]), 0).left_out, 0);
    }

    #[test]
    fn of_a_large_graph_the_changed_nodes_and_their_neighbours_are_shown() {
        let last = 9_999;
        let edges: Vec<_> = (0..last).map(|n| (n, n + 1)).collect();
        let graph = graph(last + 1, &edges);
        let kept = choose(&graph);
        assert_eq!(kept.len(), MOST_NODES);
        assert!(kept.contains(&last) && kept.contains(&(last - 1)));
        assert_eq!(draw(&graph, 0).left_out, last + 1 - MOST_NODES);
    }
}
