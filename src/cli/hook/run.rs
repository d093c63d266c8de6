//! `fluxgen hook run`

use super::{Place, Status};
use crate::cli::{build, check, stale, tell};

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
    let mut diagnostics = std::mem::take(&mut project.diagnostics);
    let plan = project.plan(&[], &mut diagnostics);
    crate::tree::tell_conflicts(&project.existing, &mut diagnostics);
    crate::image::scan::scan(&mut project, &mut diagnostics);
    diagnostics.extend(check::renamed_in_one_step(&project)?);
    let has_errors = diagnostics.has_errors();
    let found = diagnostics.into_sorted();
    tell(&found, &project.sources);
    let Some(plan) = plan.filter(|_| !has_errors) else {
        return Ok(Status::of_errors(&found));
    };
    let Some(stale) = stale::stale(&project, &plan) else {
        return Ok(Status::Done);
    };
    let help = match args.build {
        true => match build::run(place, &build::Args::default())? {
            Status::Done => stale::stage_them(&project),
            Status::Found | Status::Failed => {
                "nothing is built: mend the TOML file as it stands in the working tree, and commit again"
                    .to_owned()
            }
        },
        false => stale::build_them(&project),
    };
    tell(&[stale.with_help(help)], &project.sources);
    Ok(Status::Found)
}
