//! `fluxgen graph`

use serde::Serialize;

use super::{Place, Status, print, tell};
use crate::compare::report::{Graph, VERSION};
use crate::diagnostic::render::printable_json;
use crate::graph::{dot, mermaid, pictures};
use crate::mask::Secrets;

/// Show what refers to what, cluster by cluster
///
/// Every resource is a node, and so is what it refers to. What the TOML file does not make, a Secret or
/// a source in your own YAML, is external and drawn with dashes. An arrow goes from the resource that
/// refers to the one that is meant, and names the field. Clusters whose graphs are the same share one.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
JSON is { version, graphs }, each graph as in schemas/report.schema.json: the
names of its clusters, its nodes (object, external), and edges between nodes by
their place in that list (from, to, field).

Examples:
  fluxgen graph               for a block of `mermaid` in a Markdown file
  fluxgen graph --cluster staging --format dot | dot -Tsvg -o staging.svg
  fluxgen graph --format json | jq '.graphs[].nodes[].object'")]
pub(super) struct Args {
    /// Only this cluster; may be repeated
    #[arg(long, value_name = "NAME")]
    cluster: Vec<String>,
    #[arg(long, value_enum, default_value = "mermaid")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A flowchart that forges draw inside of Markdown
    Mermaid,
    /// For Graphviz
    Dot,
    Json,
}

#[derive(Serialize)]
struct Written {
    version: u32,
    graphs: Vec<Graph>,
}

pub(super) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    let mut project = place.open(&args.cluster)?;
    let diagnostics = std::mem::take(&mut project.diagnostics);
    let has_errors = diagnostics.has_errors();
    let found = diagnostics.into_sorted();
    if has_errors {
        tell(&found, &project.sources);
    }
    let graph = project.built.as_ref().and_then(|built| built.graph());
    let Some(graph) = graph else {
        return Ok(Status::of_errors(&found));
    };
    let mut graphs = pictures(graph, &args.cluster);
    hide(&mut graphs, &Secrets::of(&project.sources));
    print(&match args.format {
        Format::Mermaid => mermaid(&graphs),
        Format::Dot => dot(&graphs),
        Format::Json => {
            let written = Written {
                version: VERSION,
                graphs,
            };
            printable_json(&(serde_json::to_string_pretty(&written)? + "\n")).into_owned()
        }
    })?;
    Ok(match has_errors {
        true => Status::of_errors(&found),
        false => Status::Done,
    })
}

/// Takes secrets out of what is drawn: a name may be made of one.
fn hide(graphs: &mut [Graph], secrets: &Secrets) {
    for graph in graphs {
        for node in &mut graph.nodes {
            secrets.hide_text(&mut node.object.name);
            secrets.hide_text(&mut node.object.namespace);
        }
        for edge in &mut graph.edges {
            secrets.hide_text(&mut edge.field);
        }
    }
}
