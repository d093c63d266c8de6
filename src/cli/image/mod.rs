//! `fluxgen image`: policies tried out, and the values that image automation owns.

mod adopt;
mod reset;
mod status;
mod test;

use std::mem::ManuallyDrop;

use anyhow::bail;

use super::{Place, Status, tell};
use crate::image::owned::{self, Owned};
use crate::project::Project;

/// Try image policies, and look after the values that image automation commits
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Test(test::Args),
    Status(status::Args),
    Adopt(adopt::Args),
    Reset(reset::Args),
}

pub(super) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    match &args.command {
        Command::Test(args) => test::run(place, args),
        Command::Status(args) => status::run(place, args),
        Command::Adopt(args) => adopt::run(place, args),
        Command::Reset(args) => reset::run(place, args),
    }
}

/// The project, where it compiles.
fn open(place: &Place, only: &[String]) -> anyhow::Result<Project> {
    let mut project = place.open(only)?;
    let has_graph = project
        .built
        .as_ref()
        .is_some_and(|built| built.graph().is_some());
    if !has_graph {
        let diagnostics = std::mem::take(&mut project.diagnostics);
        tell(&diagnostics.into_sorted(), &project.sources);
        bail!("nothing is known of the marked values before the errors above are mended");
    }
    Ok(ManuallyDrop::into_inner(project))
}

/// The marked values that a command is about.
fn values<'a>(
    project: &'a Project,
    name: Option<&str>,
    only: &[String],
) -> anyhow::Result<Vec<Owned<'a>>> {
    let Some(graph) = project.built.as_ref().and_then(|built| built.graph()) else {
        return Ok(Vec::new());
    };
    let mut owned = owned::owned(graph, &project.standing, name)?;
    owned.retain(|owned| only.is_empty() || only.iter().any(|name| name == owned.cluster));
    Ok(owned)
}
