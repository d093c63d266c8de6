//! `fluxgen hook run`

use super::{Place, Status};
use crate::cli::{build, tell};
use crate::project::{Asker, stale};

/// Check what is staged, and that the staged trees are built from it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
This is what the installed hook calls, and what another program's hook may
call. It reads git's index alone, so what is not staged neither hides a fault
nor makes one.

Examples:
  fluxgen hook run
  fluxgen hook run --build     also build, where the staged trees are old")]
pub(super) struct Args {
    /// Build the trees where the staged ones are old; fails all the same, until they are staged
    #[arg(long)]
    build: bool,
}

pub(super) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    let mut project = place.open_staged(&[])?;
    let (diagnostics, plan) = project.look(&Asker::Check, &[])?;
    let has_errors = diagnostics.has_errors();
    let found = diagnostics.into_sorted();
    tell(&found, &project.sources);
    let Some(plan) = plan.filter(|_| !has_errors) else {
        return Ok(Status::of_errors(&found));
    };
    let Some(stale) = stale::staged(&project, &plan) else {
        return Ok(Status::Done);
    };
    let help = match args.build {
        true => match build::run(place, &build::Args::default())? {
            Status::Done => stale::stage_them(&project),
            Status::Found | Status::Failed => {
                "nothing is built: fix the TOML file in the working tree, and commit again"
                    .to_owned()
            }
        },
        false => stale::build_them(&project),
    };
    tell(&[stale.with_help(help)], &project.sources);
    Ok(Status::Found)
}
