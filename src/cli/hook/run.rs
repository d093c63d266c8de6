//! `fluxgen hook run`

use camino::Utf8PathBuf;

use super::{Place, Status};
use crate::cli::{build, check, tell};
use crate::project::Project;
use crate::tree::{CLUSTERS, Plan};

/// The most files that are named; the others are counted.
const MOST_NAMED: usize = 10;

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
    if plan.is_empty() {
        return Ok(Status::Done);
    }
    eprint!("{}", stale(&plan, &project.config));
    let add = format!("git add --all {}", trees(&project));
    if args.build {
        build::run(place, &build::Args::default())?;
        eprintln!("  help: they are built now; stage them with `{add}`, and commit again");
    } else {
        eprintln!("  help: run `fluxgen build`, stage the trees with `{add}`, and commit again");
    }
    Ok(Status::Found)
}

/// The trees' folder as git takes it from where the user is: `:/` starts at the top.
fn trees(project: &Project) -> String {
    let root = project.root.canonicalize_utf8();
    let folder = root.unwrap_or_else(|_| project.root.clone()).join(CLUSTERS);
    let here = std::env::current_dir()
        .ok()
        .and_then(|here| Utf8PathBuf::from_path_buf(here).ok());
    let below = here.and_then(|here| Some(folder.strip_prefix(here).ok()?.to_string()));
    let below = below.filter(|below| !below.is_empty());
    below.unwrap_or_else(|| format!(":/{}", project.snapshot.from_root(CLUSTERS)))
}

/// Which staged files are not what a build gives.
fn stale(plan: &Plan, config: &str) -> String {
    let mut text = format!("error: the staged trees are not what the staged `{config}` gives\n");
    let mut files = Vec::new();
    for cluster in &plan.clusters {
        let written = cluster
            .write
            .iter()
            .map(|(path, _)| ("build", path.as_ref()));
        let removed = cluster.remove.iter().map(|path| ("remove", path.as_str()));
        for (verb, path) in written.chain(removed) {
            files.push(format!("  {verb} {CLUSTERS}/{}/{path}\n", cluster.name));
        }
    }
    let left = files.len().saturating_sub(MOST_NAMED);
    text.extend(files.into_iter().take(MOST_NAMED));
    if left > 0 {
        text.push_str(&format!("  and {left} more\n"));
    }
    text
}
