//! `fluxgen bootstrap`

mod target;
mod terminal;

use std::time::Duration;

use anyhow::bail;
use camino::{Utf8Path, Utf8PathBuf};

use super::{Place, Status, print, tell};
use crate::bootstrap::{
    Environment, Error, Options, Outcome, Patience, PullRequest, World, run as carry_out,
};
use crate::go::duration::{self, Units};
use crate::install::Mode;
use terminal::Terminal;

/// Install Flux on a cluster and have it sync the repository
///
/// Prints the plan first: each step, what is there already, what it needs. Every step looks before it acts, so
/// that a run that was cut off goes on where it stopped, and a second run changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Tokens come from GITHUB_TOKEN, GITLAB_TOKEN, GITEA_TOKEN, BITBUCKET_TOKEN or, for a plain git remote over https, \
GIT_PASSWORD with GIT_USERNAME; or else from git's credential helpers. The login of `flux.imagePullSecret` comes from \
FLUXGEN_REGISTRY_USERNAME and FLUXGEN_REGISTRY_PASSWORD, the passphrase of --private-key from \
FLUXGEN_KEY_PASSPHRASE, or is asked for.

Exits with 1 if a --dry-run found something to do, with 2 if a step failed or a release could not be had.

There is no --uninstall: run `flux uninstall`, delete the deploy key, and take the cluster out of the TOML file \
(README, \"Taking Flux away\").

Examples:
  fluxgen bootstrap --cluster staging --dry-run            the plan alone
  fluxgen bootstrap --cluster staging
  fluxgen bootstrap --cluster prod --pull-request          once more when merged
  fluxgen bootstrap --cluster prod --age-key age.agekey    with the key of SOPS
  fluxgen bootstrap --cluster prod --rotate                a new key or token")]
pub(super) struct Args {
    /// The cluster, as the TOML file names it
    #[arg(long, value_name = "NAME", required_unless_present = "uninstall")]
    cluster: Option<String>,
    /// Print the plan and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Bring an existing repository's visibility, description and teams to what the TOML file says
    #[arg(long)]
    reconcile: bool,
    /// Push to a branch of its own, open a pull or merge request, and stop there
    #[arg(long)]
    pull_request: bool,
    /// The branch of the pull request; without it, fluxgen/bootstrap-NAME
    #[arg(long, value_name = "BRANCH", requires = "pull_request")]
    pull_request_branch: Option<String>,
    /// Wait until the pull request is merged, and go on
    #[arg(long, requires = "pull_request")]
    wait_merge: bool,
    /// The kubectl context; must be the cluster's `context` if the TOML file names one
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The kubeconfig; without it, kubectl's own
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<Utf8PathBuf>,
    /// The limit of each wait
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = limit)]
    timeout: Duration,
    /// Answer yes to what is asked, except about host keys
    #[arg(long)]
    yes: bool,
    /// Replace the cluster's deploy key or token
    #[arg(long)]
    rotate: bool,
    /// Take this OpenSSH private key as the deploy key instead of making one
    #[arg(long, value_name = "FILE")]
    private_key: Option<Utf8PathBuf>,
    /// Trust the host key with this fingerprint, `SHA256:…`; may be repeated
    #[arg(long, value_name = "FINGERPRINT")]
    host_key: Vec<String>,
    /// Store the age key of this file, as age-keygen writes it, for SOPS
    #[arg(long, value_name = "FILE")]
    age_key: Option<Utf8PathBuf>,
    /// The Secret of the age key; without it, the one that the cluster's Kustomizations decrypt with
    #[arg(long, value_name = "NAME", requires = "age_key")]
    age_secret: Option<String>,
    /// The subject of the commit
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Download nothing: the release of Flux comes from the cache or the committed trees
    #[arg(long)]
    offline: bool,
    /// Fail rather than change the lock
    #[arg(long)]
    locked: bool,
    /// Not offered
    #[arg(long, hide = true)]
    uninstall: bool,
}

/// The same in three sentences that the README has at length.
const UNINSTALL: &str = "`fluxgen bootstrap --uninstall` is not offered
  note: what a cluster loses with Flux cannot be brought back, so each part is a step of its own
  help: remove Flux and leave what it applied: `flux uninstall --context CONTEXT --namespace flux-system`
  help: delete the deploy key `flux clusters/NAME …` in the settings of the repository
  help: remove `[clusters.NAME]` from the TOML file, or set its `flux.install` to \"none\", build and commit";

pub(super) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    let name = match &args.cluster {
        Some(name) if !args.uninstall => name,
        _ => bail!(UNINSTALL),
    };
    let mode = Mode::of(args.offline, args.locked);
    let mut releases = place.releases(mode, args.locked)?;
    let mut project = place.open_with(std::slice::from_ref(name), &mut releases)?;
    let mut diagnostics = std::mem::take(&mut project.diagnostics);
    let plan = project.plan(&[], &mut diagnostics);
    let has_errors = diagnostics.has_errors();
    let found = diagnostics.into_sorted();
    tell(&found, &project.sources);
    let Some(plan) = plan.filter(|_| !has_errors) else {
        return Ok(Status::of_errors(&found));
    };
    releases.check_locked().map_err(super::refusal)?;

    let env = Environment::of_process(project.root.canonicalize_utf8()?);
    let mut target = target::of(&project, name, &plan, &releases, &env)?;
    target.add(args)?;
    let terminal = Terminal::new();
    if let Some(note) = &target.note {
        super::say(&format!("note: {note}"));
    }
    let releases = std::cell::RefCell::new(releases);
    let write_tree = || {
        let turn = place.turn();
        let _turn = turn.map_err(|error| Error::new(format!("{error:#}")))?;
        let written = plan.carry_out(&project.root);
        written.map_err(|error| Error::new(error.to_string()))?;
        let saved = releases.borrow_mut().save();
        saved.map_err(|error| Error::new(error.to_string()).help(error.help()))?;
        Ok(())
    };
    let world = World {
        env: &env,
        ui: &terminal,
        patience: Patience::default(),
        write_tree: Some(&write_tree),
        checkpoint: None,
    };
    let report = carry_out(&target.target, &args.options(), &world);
    terminal.finish();
    let report = report?;
    Ok(match report.outcome {
        Outcome::Planned if !report.plan.is_empty() => Status::Found,
        Outcome::Declined => Status::Found,
        Outcome::Planned | Outcome::Unchanged | Outcome::Waiting(_) => Status::Done,
        Outcome::Done => {
            let remote = &target.target.remote;
            print(&format!("cluster `{name}` syncs `{remote}`\n"))?;
            Status::Done
        }
    })
}

impl Args {
    fn options(&self) -> Options {
        Options {
            dry_run: self.dry_run,
            reconcile: self.reconcile,
            pull_request: self.pull_request.then(|| PullRequest {
                branch: self.pull_request_branch.clone(),
                wait: self.wait_merge,
            }),
            kubeconfig: self.kubeconfig.as_deref().map(absolute),
            context: self.context.clone(),
            timeout: self.timeout,
            rotate: self.rotate,
            yes: self.yes,
            host_keys: self.host_key.clone(),
            ..Options::default()
        }
    }
}

/// Programs are run in the project's folder; what the command line names is meant from here.
fn absolute(path: &Utf8Path) -> Utf8PathBuf {
    camino::absolute_utf8(path).unwrap_or_else(|_| path.to_owned())
}

/// A limit as Go writes durations, `90s` or `5m`.
fn limit(text: &str) -> Result<Duration, String> {
    let wrong = || "write a duration such as `90s`, `5m` or `1h30m`".to_owned();
    let read = duration::Duration::parse_flux(text, Units::Hours).map_err(|_| wrong())?;
    match u64::try_from(read.nanoseconds()) {
        Ok(nanoseconds) if nanoseconds > 0 => Ok(Duration::from_nanos(nanoseconds)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_duration_as_flux_writes_it() {
        assert_eq!(limit("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(limit("1h30m"), Ok(Duration::from_secs(5400)));
        for text in ["5", "-5m", "0s", "soon", ""] {
            assert!(limit(text).is_err(), "{text}");
        }
    }
}
