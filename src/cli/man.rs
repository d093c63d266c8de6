//! `fluxgen man`

use super::{Status, command, print};

/// Print the manual page
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fluxgen man | man -l -")]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> anyhow::Result<Status> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command()).render(&mut text)?;
    print(&String::from_utf8(text)?)?;
    Ok(Status::Done)
}
