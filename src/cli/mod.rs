//! The command line: one file a command.

mod bootstrap;
mod build;
mod check;
mod completions;
mod diff;
mod edit;
mod explain;
mod graph;
mod hook;
mod image;
mod init;
mod lock;
mod man;
mod output;
mod pending;
mod plan_rename;
mod progress;
mod review;
mod schema;
mod unified;
mod upgrade;

use std::io::Write as _;
use std::mem::ManuallyDrop;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use camino::Utf8PathBuf;
use clap::{Parser, Subcommand, ValueHint};

use crate::diagnostic::render;
use crate::diagnostic::{Diagnostic, Severity};
use crate::files::folder_of;
use crate::install::{InstallError, Mode, Releases};
use crate::mask::hide;
use crate::project::{self, Project};
use crate::repository::{Repository, RepositoryError};
use crate::source::Sources;
use crate::tree::Turn;

/// Compiles one TOML file into the committed cluster trees that Flux syncs
#[derive(Debug, Parser)]
#[command(
    name = "fluxgen",
    version,
    about,
    max_term_width = 80,
    after_help = "\
Exit codes: 0 done and nothing found, 1 findings or differences, 2 could not
do it.

Examples:
  fluxgen init                    start a project in this repository
  fluxgen check                   tell what is wrong, and where
  fluxgen build                   write clusters/<name> for every cluster
  fluxgen explain helmReleases    tell what a section takes"
)]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

/// Where the project is.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
struct Place {
    /// Run as if started in DIR
    #[arg(
        short = 'C',
        value_name = "DIR",
        global = true,
        default_value = ".",
        hide_default_value = true,
        value_hint = ValueHint::DirPath
    )]
    directory: Utf8PathBuf,
    /// The TOML file; without it, fluxgen.toml here or in a folder above
    #[arg(long, value_name = "FILE", global = true, value_hint = ValueHint::FilePath)]
    config: Option<Utf8PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Build(build::Args),
    Check(check::Args),
    Diff(diff::Args),
    Bootstrap(bootstrap::Args),
    Explain(explain::Args),
    Graph(graph::Args),
    Hook(hook::Args),
    Image(image::Args),
    Lock(lock::Args),
    Upgrade(upgrade::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    Man(man::Args),
    PlanRename(plan_rename::Args),
}

/// How a command ended; the exit code follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Done,
    Found,
    /// The faults are told, and they are of what the run needed, not of the TOML file.
    Failed,
}

impl Status {
    /// How a run ends that these errors stopped.
    fn of_errors(found: &[Diagnostic]) -> Self {
        let is_failed = |it: &Diagnostic| {
            it.severity == Severity::Error && it.code == crate::install::folder::UNAVAILABLE
        };
        match found.iter().any(is_failed) {
            true => Self::Failed,
            false => Self::Found,
        }
    }
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    let place = &cli.place;
    let outcome = match cli.command {
        Command::Init(args) => init::run(place, &args),
        Command::Build(args) => build::run(place, &args),
        Command::Check(args) => check::run(place, &args),
        Command::Diff(args) => diff::run(place, &args),
        Command::Bootstrap(args) => bootstrap::run(place, &args),
        Command::Explain(args) => explain::run(place, &args),
        Command::Graph(args) => graph::run(place, &args),
        Command::Hook(args) => hook::run(place, &args),
        Command::Image(args) => image::run(place, &args),
        Command::Lock(args) => lock::run(place, &args),
        Command::Upgrade(args) => upgrade::run(place, &args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::PlanRename(args) => plan_rename::run(place, &args),
    };
    match outcome {
        Ok(Status::Done) => ExitCode::SUCCESS,
        Ok(Status::Found) => ExitCode::from(1),
        Ok(Status::Failed) => ExitCode::from(2),
        Err(error) => {
            // A reader that has seen enough, as `head` has, is no failure.
            let is_closed_pipe = error.chain().any(|cause| {
                cause
                    .downcast_ref::<std::io::Error>()
                    .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
            });
            if is_closed_pipe {
                return ExitCode::SUCCESS;
            }
            say(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Help that was asked for, or what is wrong with the arguments, which may quote anything.
fn refused(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if error.use_stderr() && readable(&text) != text {
        eprint!("{}", readable(&text));
    } else if error.print().is_err() {
        return ExitCode::SUCCESS;
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

impl Place {
    /// The project, which stays in memory until the process ends: a command opens one, and a large fleet takes
    /// longer to be given back piece by piece than to be compiled.
    fn open(&self, only: &[String]) -> anyhow::Result<ManuallyDrop<Project>> {
        let mut releases = self.releases(Mode::Offline, false)?;
        self.open_with(only, &mut releases)
    }

    fn open_with(
        &self,
        only: &[String],
        releases: &mut Releases,
    ) -> anyhow::Result<ManuallyDrop<Project>> {
        let config = project::find(&self.directory, self.config.as_deref())?;
        Project::open_with(&config, only, releases).map(ManuallyDrop::new)
    }

    /// The project as it is staged.
    fn open_staged(&self, only: &[String]) -> anyhow::Result<ManuallyDrop<Project>> {
        let config = project::find(&self.directory, self.config.as_deref())?;
        let repository = Repository::around(&folder_of(&config)).map_err(unreadable)?;
        let snapshot = repository.staged().map_err(unreadable)?;
        let name = snapshot.from_root(config.file_name().unwrap_or_default());
        let releases = Releases::read(&snapshot, &config, Mode::Offline, false);
        let mut releases = releases.map_err(refusal)?.staged(&snapshot);
        Project::read(snapshot, &config, only, Some(&mut releases), &[])?
            .map(ManuallyDrop::new)
            .with_context(|| format!("`{name}` is not staged\n  help: `git add {name}`"))
    }

    /// The turn to write this project's trees, after other builds.
    fn turn(&self) -> anyhow::Result<Turn> {
        let config = project::find(&self.directory, self.config.as_deref())?;
        let root = folder_of(&config);
        let waiting = || say(&format!("waiting for another build in `{root}` to end"));
        Ok(Turn::take(&root, waiting)?)
    }

    /// The releases of Flux that the project pins.
    fn releases(&self, mode: Mode, is_locked: bool) -> anyhow::Result<Releases> {
        let config = project::find(&self.directory, self.config.as_deref())?;
        let releases = Releases::open(&config, mode, is_locked).map_err(refusal)?;
        Ok(match progress::is_watched() {
            true => releases.watched(Arc::new(progress::Downloads::default())),
            false => releases,
        })
    }
}

/// What went wrong with a release, and what to do about it.
fn refusal(error: InstallError) -> anyhow::Error {
    anyhow::anyhow!("{error}\n  help: {}", error.help())
}

/// What is in the way of reading a repository, and what to do about it.
fn unreadable(error: RepositoryError) -> anyhow::Error {
    anyhow::anyhow!("{error}\n  help: {}", error.help())
}

/// Tells findings to people, on stderr.
/// What was not checked is `check`'s to report.
fn tell(found: &[Diagnostic], sources: &Sources) {
    let style = output::style(&std::io::stderr());
    let found = found.iter().filter(|one| !one.is_not_checked());
    let found: Vec<Diagnostic> = found.cloned().collect();
    eprint!("{}", render::human(&found, sources, &style));
}

/// A line for people on stderr.
fn say(text: &str) {
    eprintln!("{}", readable(text));
}

/// Text for people that is not made of findings: without secrets, and without what acts on a terminal or is
/// a command to a CI runner.
fn readable(text: &str) -> String {
    render::printable(&hide(text)).into_owned()
}

/// Data for stdout.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}
