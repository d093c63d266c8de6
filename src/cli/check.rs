//! `fluxgen check`

use camino::Utf8Path;

use super::output::Output;
use super::{Place, Status};
use crate::compare::report::{
    ClusterSummary, Command, Presence, Report, Side, SideState, SideSummary,
};
use crate::diagnostic::Diagnostics;
use crate::project::stale::{self, Differing};
use crate::project::{Asker, Project};
use crate::report::problems;

/// Do everything that build does, short of writing
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Findings for people go to stderr, other formats to stdout or their file.

Examples:
  fluxgen check
  fluxgen check --cluster staging
  fluxgen check --staged         what is about to be committed
  fluxgen check --format json
  fluxgen check --format human --format sarif=fluxgen.sarif")]
pub(super) struct Args {
    /// Only this cluster; may be repeated
    #[arg(long, value_name = "NAME")]
    cluster: Vec<String>,
    /// Read everything from git's index, so that what is not staged hides no fault
    #[arg(long)]
    staged: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    args.output.check(Command::Check)?;
    let mut project = match args.staged {
        true => place.open_staged(&args.cluster)?,
        false => place.open(&args.cluster)?,
    };
    let (mut diagnostics, plan) = project.look(&Asker::Check, &args.cluster)?;
    let name = match args.staged {
        true => "the index",
        false => "the working tree",
    };
    let mut report = report(&project, &diagnostics, name, &args.cluster);
    match plan {
        // What is staged is committed as it is.
        Some(plan) if args.staged => {
            let stale = stale::staged(&project, &plan);
            diagnostics.extend(stale.map(|stale| stale.with_help(stale::build_them(&project))));
        }
        Some(plan) if !diagnostics.has_errors() => {
            let plan = stale::built_before(&project, plan, &mut diagnostics);
            Differing::find(&project, &plan).tell(&project, &mut diagnostics);
        }
        Some(_) | None => {}
    }
    let has_errors = diagnostics.has_errors();
    let found = diagnostics.into_sorted();
    let folder = Utf8Path::new(project.snapshot.folder());
    report.problems = problems(&found, &project.sources, Side::Head, folder);
    report.count();
    args.output
        .write(&report, &found, &project.sources, false)?;
    Ok(if has_errors {
        Status::of_errors(&found)
    } else {
        Status::Done
    })
}

/// A report without its problems.
fn report(project: &Project, diagnostics: &Diagnostics, name: &str, only: &[String]) -> Report {
    let state = match diagnostics.has_errors() {
        true => SideState::Broken,
        false => SideState::Compiled,
    };
    let mut report = Report::new(
        Command::Check,
        project.snapshot.from_root(&project.config),
        SideSummary::new(name, state),
    );
    if let Some(built) = &project.built {
        let clusters = built.resolved.settings.clusters.iter();
        let names = clusters.map(|cluster| cluster.name.value.as_str());
        report.clusters = names
            .filter(|name| only.is_empty() || only.iter().any(|only| only == name))
            .map(|name| ClusterSummary::new(name, Presence::Both))
            .collect();
    }
    report
}
