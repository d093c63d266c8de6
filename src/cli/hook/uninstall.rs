//! `fluxgen hook uninstall`

use super::{Place, Status};
use crate::cli::print;
use crate::hook::Hook;
use crate::project;

/// Take fluxgen out of the repository's pre-commit hook
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A hook that was there before is put back as it was. Where the hook checks
several projects, only this one's check goes; called where no project is, all
of it goes.

Examples:
  fluxgen hook uninstall")]
pub(super) struct Args {}

pub(super) fn run(place: &Place, _args: &Args) -> anyhow::Result<Status> {
    let config = match &place.config {
        Some(config) => Some(place.directory.join(config)),
        None => project::find(&place.directory, None).ok(),
    };
    let hook = Hook::find(&place.directory)?;
    let done = hook.uninstall(config.as_deref())?;
    print(&super::install::told(&done))?;
    Ok(Status::Done)
}
