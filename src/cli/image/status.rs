//! `fluxgen image status`

use clap::ValueEnum;
use serde_json::json;

use super::super::{Place, Status, print};
use super::values;
use crate::diagnostic::render::{printable_json, printable_line};
use crate::image::owned::{Owned, shown};
use crate::mask::Secrets;

/// List the marked values: policy, field, initial and current value per cluster
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fluxgen image status
  fluxgen image status podinfo --format json")]
pub(in crate::cli) struct Args {
    /// The policy: NAME or NAMESPACE/NAME; without it, all
    name: Option<String>,
    /// Only this cluster; may be repeated
    #[arg(long, value_name = "NAME")]
    cluster: Vec<String>,
    /// What to print
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

pub(in crate::cli) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    let project = super::open(place, &args.cluster)?;
    let owned = values(&project, args.name.as_deref(), &args.cluster)?;
    let secrets = Secrets::of(&project.sources);
    match args.format {
        Format::Human => print(&crate::cli::readable(&secrets.hide(&table(&owned))))?,
        Format::Json => {
            let marked: Vec<_> = owned
                .iter()
                .map(|owned| {
                    json!({
                        "policy": owned.policy(),
                        "marker": owned.marker,
                        "cluster": owned.cluster,
                        "resource": owned.resource.to_string(),
                        "field": owned.field,
                        "initial": shown(owned.initial),
                        "current": owned.current.as_ref().map(shown),
                        "place": project.sources.locate(owned.place),
                    })
                })
                .collect();
            let mut whole = json!({ "marked": marked });
            secrets.hide_in(&mut whole);
            print(&printable_json(&format!("{whole:#}\n")))?;
        }
    }
    Ok(Status::Done)
}

fn table(owned: &[Owned<'_>]) -> String {
    if owned.is_empty() {
        return "no value is marked with `imagePolicy`\n".to_owned();
    }
    let mut rows = vec![["POLICY", "CLUSTER", "FIELD", "INITIAL", "CURRENT"].map(str::to_owned)];
    for owned in owned {
        let current = owned.current.as_ref().map_or("not built".to_owned(), shown);
        rows.push([
            owned.marker.replacen(':', "/", 1),
            owned.cluster.to_owned(),
            format!("{} {}", owned.resource, owned.field),
            in_a_line(&shown(owned.initial)),
            in_a_line(&current),
        ]);
    }
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A text of several lines would break the table.
fn in_a_line(text: &str) -> String {
    printable_line(&text.replace('\n', "\\n")).into_owned()
}
