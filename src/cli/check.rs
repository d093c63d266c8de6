//! `fluxgen check`

use super::{Place, Status, tell};
use crate::tree;

/// Do everything that build does, short of writing
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fluxgen check
  fluxgen check --cluster staging")]
pub(super) struct Args {
    /// Only this cluster; may be repeated
    #[arg(long, value_name = "NAME")]
    cluster: Vec<String>,
}

pub(super) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    let mut project = place.open(&args.cluster)?;
    let mut diagnostics = std::mem::take(&mut project.diagnostics);
    if let Some(tree) = project.built.as_ref().and_then(|built| built.tree.as_ref()) {
        tree::plan(
            tree,
            &project.existing,
            &project.config,
            &[],
            &mut diagnostics,
        );
    }
    crate::image::scan::scan(&mut project, &mut diagnostics);
    let has_errors = diagnostics.has_errors();
    tell(&diagnostics.into_sorted(), &project.sources);
    Ok(if has_errors {
        Status::Found
    } else {
        Status::Done
    })
}
