//! `fluxgen hook install`

use camino::Utf8PathBuf;

use super::{Place, Status};
use crate::cli::print;
use crate::hook::{Done, Hook};
use crate::project;

/// Put the check of this project into the repository's pre-commit hook
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The hook goes where git looks for it: `core.hooksPath` and linked worktrees are
respected. A hook that is there already is kept, and runs first; `fluxgen hook
uninstall` puts it back as it was.

With pre-commit (https://pre-commit.com), use the hooks `fluxgen-check` and
`fluxgen-build` instead.

Examples:
  fluxgen hook install
  fluxgen -C fleet hook install      a project in a folder")]
pub(super) struct Args {}

pub(super) fn run(place: &Place, _args: &Args) -> anyhow::Result<Status> {
    let config = project::find(&place.directory, place.config.as_deref())?;
    let hook = Hook::find(config.parent().unwrap_or(&place.directory))?;
    let program = std::env::current_exe()
        .ok()
        .and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
    let done = hook.install(&config, program.as_deref())?;
    print(&told(&done))?;
    Ok(Status::Done)
}

/// What was done, in words.
pub(super) fn told(done: &Done) -> String {
    match done {
        Done::Installed {
            hook,
            kept,
            is_in_work_tree,
        } => {
            let mut text = format!("installed {hook}: every commit is checked as it is staged\n");
            if let Some(kept) = kept {
                text.push_str(&format!(
                    "the hook that was there runs first, kept as {kept}\n"
                ));
            }
            if *is_in_work_tree {
                text.push_str("it lies in the work tree: commit it, and it serves whoever sets `core.hooksPath`\n");
            }
            text
        }
        Done::InstalledBefore { hook } => format!("{hook} checks this project already\n"),
        Done::Removed { hook } => format!("removed {hook}\n"),
        Done::Restored { hook } => format!("removed; {hook} is again what it was before\n"),
        Done::Left { hook, configs } => format!("{hook} stays for {}\n", configs.join(", ")),
        Done::NothingToRemove { hook } => format!("nothing of fluxgen's is at {hook}\n"),
    }
}
