//! `fluxgen diff`

use super::output::Output;
use super::{Place, Status, review, unified};
use crate::compare::report::{Command, Severity};

/// Show what build would change in the trees, or what a change of the TOML file makes Flux do
///
/// Without --against: the files that build would write, as a unified diff; exits with 1 where there are any.
///
/// With --against: both sides are compiled, and their resources are compared: what is created, changed,
/// renamed and deleted in which clusters, and what the controllers will do when it is merged. Differences
/// are no failure: it exits with 1 where the head has errors or a finding is denied, by --deny or by
/// `diff.deny` of either side's TOML file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 nothing to tell or, with --against, nothing denied; 1 differences
without --against or with --exit-code, errors, denied findings; 2 could not do
it.

Examples:
  fluxgen diff                                what build would write
  fluxgen diff --cluster staging --stat
  fluxgen diff --against main                 the working tree against a branch
  fluxgen diff --against main --merge-base    what this branch alone changes
  fluxgen diff --against HEAD --staged        what is about to be committed
  fluxgen diff --against v1.2 --head v1.3 --stat
  fluxgen diff --against main --deny destructive --format sarif=out.sarif")]
pub(super) struct Args {
    /// Only this cluster; may be repeated
    #[arg(long, value_name = "NAME")]
    pub cluster: Vec<String>,
    /// A line a file, or with --against a line a cluster, instead of the changes
    #[arg(long)]
    pub stat: bool,
    /// Compare with a commit, branch or tag
    #[arg(long, value_name = "REF")]
    pub against: Option<String>,
    /// What would be merged: a commit, branch or tag instead of the working tree
    #[arg(
        long,
        value_name = "REF",
        requires = "against",
        conflicts_with = "staged"
    )]
    pub head: Option<String>,
    /// What would be merged: git's index instead of the working tree
    #[arg(long, requires = "against")]
    pub staged: bool,
    /// Compare with the commit where the two sides parted
    #[arg(long, requires = "against")]
    pub merge_base: bool,
    /// Exit with 1 for findings of this severity or a worse one
    #[arg(long, value_name = "SEVERITY", requires = "against")]
    pub deny: Option<Denied>,
    /// Exit with 1 where there are differences, as git does
    #[arg(long, requires = "against")]
    pub exit_code: bool,
    #[command(flatten)]
    pub output: Output,
}

/// What `--deny` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Denied {
    /// Something that runs is deleted, replaced or uninstalled
    Destructive,
    /// This too: it stalls, is left alone or comes under another owner
    Notice,
}

impl From<Denied> for Severity {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Destructive => Severity::Destructive,
            Denied::Notice => Severity::Notice,
        }
    }
}

pub(super) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    match &args.against {
        Some(against) => {
            args.output.check(Command::Diff)?;
            review::run(place, args, against)
        }
        None => {
            args.output.check_without_report()?;
            unified::run(place, args)
        }
    }
}
