//! `fluxgen image`: policies tried out, and the values that image automation owns.

mod test;

use super::{Place, Status};

/// Try image policies, and look after the values that image automation commits
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Test(test::Args),
}

pub(super) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    match &args.command {
        Command::Test(args) => test::run(place, args),
    }
}
