//! `fluxgen check`

use camino::Utf8Path;

use super::output::Output;
use super::{Place, Status, stale};
use crate::compare::report::{
    ClusterSummary, Command, Presence, Report, Side, SideState, SideSummary,
};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::install::folder;
use crate::project::Project;
use crate::report::problems;
use crate::repository::Repository;
use crate::review::{declares_renames, unsafe_renames};
use crate::tree;

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
    let mut diagnostics = std::mem::take(&mut project.diagnostics);
    let plan = project.plan(&[], &mut diagnostics);
    diagnostics.extend(renamed_in_one_step(&project)?);
    tree::tell_conflicts(&project.existing, &mut diagnostics);
    if let Some(built) = &project.built {
        folder::missing(
            &built.resolved.settings,
            &project.existing,
            &args.cluster,
            &mut diagnostics,
        );
    }
    crate::image::scan::scan(&mut project, &mut diagnostics);
    if !diagnostics.has_errors() {
        diagnostics.tell_unused_ignores(|_| true);
    }
    let name = match args.staged {
        true => "the index",
        false => "the working tree",
    };
    let mut report = report(&project, &diagnostics, name, &args.cluster);
    if let Some(plan) = plan.filter(|_| args.staged) {
        // What is staged is committed as it is.
        let stale = stale::stale(&project, &plan);
        diagnostics.extend(stale.map(|stale| stale.with_help(stale::build_them(&project))));
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

/// The renames of a project whose gate is on, held against what is committed. Without a commit there is
/// nothing that Flux could have applied.
pub(super) fn renamed_in_one_step(project: &Project) -> anyhow::Result<Vec<Diagnostic>> {
    if !declares_renames(project) {
        return Ok(Vec::new());
    }
    let Ok(repository) = Repository::around(&project.root) else {
        return Ok(Vec::new());
    };
    let Ok(revision) = repository.revision("HEAD") else {
        return Ok(Vec::new());
    };
    let config = project.root.join(&project.config);
    let base = Project::read(repository.at(&revision), &config, &[], None, &[])?;
    Ok(base.map_or_else(Vec::new, |base| unsafe_renames(&base, project)))
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
