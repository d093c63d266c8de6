//! `fluxgen diff`

use std::fmt::Write as _;

use similar::TextDiff;

use super::{Place, Status, print, tell};
use crate::tree::{self, CLUSTERS, Existing, File};

/// Show what build would change in the trees, as a unified diff
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exits with 1 where there are differences.

Examples:
  fluxgen diff
  fluxgen diff --cluster staging --stat")]
pub(super) struct Args {
    /// Only this cluster; may be repeated
    #[arg(long, value_name = "NAME")]
    cluster: Vec<String>,
    /// A line a file instead of its changes
    #[arg(long)]
    stat: bool,
}

pub(super) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    let mut project = place.open(&args.cluster)?;
    let mut diagnostics = std::mem::take(&mut project.diagnostics);
    let tree = project.built.as_ref().and_then(|built| built.tree.as_ref());
    let plan = tree.map(|tree| {
        tree::plan(
            tree,
            &project.existing,
            &project.config,
            &[],
            &mut diagnostics,
        )
    });
    let has_errors = diagnostics.has_errors();
    tell(&diagnostics.into_sorted(), &project.sources);
    let Some(plan) = plan.filter(|_| !has_errors) else {
        return Ok(Status::Found);
    };
    let nothing = Existing::default();
    let mut out = String::new();
    for cluster in &plan.clusters {
        let existing = project.existing.get(&cluster.name).unwrap_or(&nothing);
        let old = |path: &str| match existing.files.get(path) {
            Some(File::Ours(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        };
        let written = cluster
            .write
            .iter()
            .map(|(path, text)| (path.as_ref(), text.as_ref()));
        let removed = cluster.remove.iter().map(|path| (path.as_str(), ""));
        for (path, new) in written.chain(removed) {
            let old = old(path);
            let name = format!("{CLUSTERS}/{}/{path}", cluster.name);
            let diff = TextDiff::from_lines(old.as_str(), new);
            if args.stat {
                let word = match (old.is_empty(), new.is_empty()) {
                    (true, _) => "new",
                    (_, true) => "removed",
                    _ => "changed",
                };
                writeln!(out, "{word:8} {name}")?;
                continue;
            }
            let from = if old.is_empty() {
                "/dev/null".to_owned()
            } else {
                format!("a/{name}")
            };
            let to = if new.is_empty() {
                "/dev/null".to_owned()
            } else {
                format!("b/{name}")
            };
            write!(out, "{}", diff.unified_diff().header(&from, &to))?;
        }
    }
    print(&out)?;
    Ok(if plan.is_empty() {
        Status::Done
    } else {
        Status::Found
    })
}
