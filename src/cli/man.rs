//! `fluxgen man`

use anyhow::bail;

use super::{Status, command, print};
use crate::diagnostic::nearest::nearest;

/// Print the manual page of fluxgen, or of one of its commands
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fluxgen man | man -l -
  fluxgen man build > ~/.local/share/man/man1/fluxgen-build.1
  fluxgen man image test | man -l -")]
pub(super) struct Args {
    /// The command, such as `build` or `image test`
    command: Vec<String>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Status> {
    let mut whole = command();
    // Gives the commands below their full names.
    whole.build();
    let mut found = &whole;
    for name in &args.command {
        let names = found.get_subcommands().map(clap::Command::get_name);
        let near = nearest(name, names);
        found = match (found.find_subcommand(name), near) {
            (Some(below), _) => below,
            (None, Some(near)) => bail!("there is no command `{name}`; did you mean `{near}`?"),
            (None, None) => bail!("there is no command `{name}`"),
        };
    }
    let mut text = Vec::new();
    clap_mangen::Man::new(found.clone()).render(&mut text)?;
    print(&String::from_utf8(text)?)?;
    Ok(Status::Done)
}
