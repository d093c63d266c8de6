//! Graphs for Mermaid, which forges draw inside of Markdown: a subgraph for each set of clusters.

use std::fmt::Write as _;

use super::{Picture, label};
use crate::diagnostic::render::printable_line;

/// One flowchart.
///
/// Source: <https://mermaid.js.org/syntax/flowchart.html>.
pub fn mermaid(pictures: &[Picture]) -> String {
    let mut out = String::from("flowchart LR\n");
    let mut external = Vec::new();
    for (number, picture) in pictures.iter().enumerate() {
        let clusters = escaped(&picture.clusters.join(", "));
        let _ = writeln!(out, "  subgraph c{number}[\"{clusters}\"]");
        for (node, at) in picture.nodes.iter().zip(0..) {
            let label = label(&node.object).map(|line| escaped(&line)).join("<br/>");
            let _ = writeln!(out, "    c{number}n{at}[\"{label}\"]");
            if node.external {
                external.push(format!("c{number}n{at}"));
            }
        }
        for edge in &picture.edges {
            let _ = writeln!(
                out,
                "    c{number}n{} -->|\"{}\"| c{number}n{}",
                edge.from,
                escaped(&edge.field),
                edge.to
            );
        }
        out.push_str("  end\n");
    }
    if !external.is_empty() {
        out.push_str("  classDef external stroke-dasharray: 4 3\n");
        let _ = writeln!(out, "  class {} external", external.join(","));
    }
    out
}

/// Text for a quoted label: entities, which Mermaid begins with `#`, for all that it or HTML reads
/// as something else.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in printable_line(text).chars() {
        match letter {
            '#' | '"' | '&' | '<' | '>' | '`' | '\\' | ';' | '*' | '_' | '~' | '$' | '%' => {
                let _ = write!(out, "#{};", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out
}
