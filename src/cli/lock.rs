//! `fluxgen lock`

use std::fmt::Write as _;

use super::{Place, Status, print, tell};
use crate::diagnostic::Diagnostics;
use crate::diagnostic::render::counted;
use crate::install::folder::refused;
use crate::install::{Mode, Options, Releases, Taken};
use crate::project;
use crate::settings::Install;
use crate::source::Sources;

/// Fetch the releases of Flux that the clusters pin, and record them in fluxgen.lock
///
/// Each release is fetched once, checked, and kept in the cache, so that builds need no network. What the
/// lock records already is held to it; what no cluster needs any more is dropped.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The cache is $XDG_CACHE_HOME/fluxgen/releases. Proxies come from HTTPS_PROXY, ALL_PROXY and NO_PROXY.

Exit codes: 0 the lock is right and all releases are at hand, 1 the TOML file has faults, 2 could not do it.

Examples:
  fluxgen lock             after a change of flux.version
  fluxgen lock --update    take what the mirror serves now
  fluxgen lock --offline   from the cache and local archives alone
  fluxgen lock --locked    in a pull-request check: fail if it would change")]
pub(super) struct Args {
    /// Fetch again what is locked already, and record what is found
    #[arg(long, conflicts_with_all = ["offline", "locked"])]
    update: bool,
    /// Download nothing: releases come from the cache
    #[arg(long)]
    offline: bool,
    /// Fail rather than change the lock
    #[arg(long)]
    locked: bool,
}

pub(super) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    let mode = Mode::of(args.offline, args.locked);
    let releases = place.releases(mode, args.locked)?;
    let mut releases = match args.update {
        true => releases.updating(),
        false => releases.without_trees(),
    };
    let config = project::find(&place.directory, place.config.as_deref())?;
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let settings = project::settings(&config, &mut sources, &mut diagnostics)?;
    let is_faulty = diagnostics.has_errors();
    for cluster in settings.iter().flat_map(|settings| &settings.clusters) {
        if is_faulty || cluster.flux.install != Install::Release {
            continue;
        }
        let Ok(options) = Options::of(&cluster.flux) else {
            continue;
        };
        let distribution = cluster.flux.distribution.as_ref();
        let distribution = distribution.map(|text| text.value.as_str());
        if let Err(refusal) = releases.text(distribution, &options, std::iter::empty()) {
            diagnostics.push(refused(cluster, refusal));
        }
    }
    let has_errors = diagnostics.has_errors();
    let found = diagnostics.into_sorted();
    tell(&found, &sources);
    if is_faulty {
        return Ok(Status::Found);
    }
    let name = releases.lock_file().file_name().unwrap_or_default();
    let name = name.to_owned();
    if has_errors {
        super::say(&format!("error: {name} is left as it was"));
        return Ok(Status::of_errors(&found));
    }
    releases.prune();
    let out = report(&releases);
    releases.check_locked().map_err(super::refusal)?;
    let is_written = releases.save().map_err(super::refusal)?;
    print(&super::readable(&out))?;
    let lock = releases.lock();
    let said = match (is_written, lock.is_empty()) {
        (true, false) => format!(
            "{name}: {}, {}",
            counted(lock.releases().count(), "release"),
            counted(lock.installs(), "install manifest")
        ),
        (true, true) => format!("{name}: empty, no cluster installs Flux from an archive"),
        (false, false) => format!("{name} is up to date"),
        (false, true) => "nothing to lock: no cluster installs Flux from an archive".to_owned(),
    };
    print(&format!("{said}\n"))?;
    Ok(Status::Done)
}

/// A line for each release that was not simply there, and for each that is dropped.
fn report(releases: &Releases) -> String {
    let (before, now) = (releases.before(), releases.lock());
    let mut out = String::new();
    for (version, url, taken) in releases.taken() {
        let Some(locked) = now.get(version, url) else {
            continue;
        };
        let change = match before.get(version, url) {
            None => "locked".to_owned(),
            Some(known) if known != locked => {
                format!("locked anew, sha256 was {}", known.sha256)
            }
            Some(_) if taken == Taken::Network => "fetched again".to_owned(),
            Some(_) => continue,
        };
        let _ = writeln!(
            out,
            "Flux {version}: {change}\n  {url}\n  {} bytes, sha256 {}",
            locked.size, locked.sha256
        );
    }
    for (version, url, _) in before.releases() {
        if now.get(version, url).is_none() {
            let _ = writeln!(out, "Flux {version}: dropped, no cluster needs it\n  {url}");
        }
    }
    out
}
