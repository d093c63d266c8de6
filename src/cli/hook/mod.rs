//! `fluxgen hook`: git's pre-commit hook, for those without a hook manager.

mod install;
mod run;
mod uninstall;

use super::{Place, Status};

/// Check every commit before it is made, through git's pre-commit hook
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Install(install::Args),
    Uninstall(uninstall::Args),
    Run(run::Args),
}

pub(super) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    match &args.command {
        Command::Install(args) => install::run(place, args),
        Command::Uninstall(args) => uninstall::run(place, args),
        Command::Run(args) => run::run(place, args),
    }
}
