//! `fluxgen completions`

use super::{Status, command, print};

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fluxgen completions bash > ~/.local/share/bash-completion/completions/fluxgen")]
pub(super) struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Status> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "fluxgen", &mut text);
    print(&String::from_utf8(text)?)?;
    Ok(Status::Done)
}
