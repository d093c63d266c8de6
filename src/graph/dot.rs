//! Graphs for Graphviz: a box of dashes for each set of clusters.

use std::fmt::Write as _;

use super::{Picture, label};
use crate::diagnostic::render::printable_line;

/// One directed graph in the DOT language.
///
/// Source: <https://graphviz.org/doc/info/lang.html>.
pub fn dot(pictures: &[Picture]) -> String {
    let mut out = String::from(
        "digraph fluxgen {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n  edge [fontsize=10];\n",
    );
    for (number, picture) in pictures.iter().enumerate() {
        let clusters = quoted(&printable_line(&picture.clusters.join(", ")));
        let _ = writeln!(
            out,
            "  subgraph cluster_{number} {{\n    label={clusters};\n    style=dashed;"
        );
        for (node, at) in picture.nodes.iter().zip(0..) {
            let style = match node.external {
                true => ", style=\"rounded,dashed\"",
                false => "",
            };
            let label = quoted(
                &label(&node.object)
                    .map(|line| printable_line(&line).into_owned())
                    .join("\n"),
            );
            let _ = writeln!(out, "    c{number}n{at} [label={label}{style}];");
        }
        for edge in &picture.edges {
            let field = quoted(&printable_line(&edge.field));
            let _ = writeln!(
                out,
                "    c{number}n{} -> c{number}n{} [label={field}];",
                edge.from, edge.to
            );
        }
        out.push_str("  }\n");
    }
    out.push_str("}\n");
    out
}

/// A quoted string; a label's line break is `\n` in it.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}
