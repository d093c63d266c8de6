//! `fluxgen upgrade`

use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use semver::Version;

use super::{Place, Status, print, tell};
use crate::diagnostic::render::{counted, summary};
use crate::diagnostic::{Diagnostics, Severity};
use crate::files::{Snapshot, folder_of};
use crate::load::load;
use crate::project::{self, Project, check_names};
use crate::resolve::resolve;
use crate::schema::{FluxMinor, Pinned};
use crate::settings::{Install, Settings};
use crate::source::Sources;
use crate::upgrade::pins::{self, Pin};
use crate::upgrade::{downgrades, judge};

/// Raise flux.version in the TOML file, and say first what breaks or behaves differently
///
/// The version is changed where it stands: in [flux], a group or a cluster. Where that place decides for other
/// clusters too, the named ones get a version of their own. Comments and layout of the file are kept, and no
/// tree is written.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 nothing breaks, 1 something does or has to be looked at, 2 could
not do it. With 1 the version is raised all the same, but for a downgrade; `git
checkout` of the TOML file takes it back.

Examples:
  fluxgen upgrade --to 2.9.4 --dry-run            only say what breaks
  fluxgen upgrade --to 2.9.4 --cluster staging    one cluster first
  fluxgen upgrade --to 2.9.4                      every cluster")]
pub(super) struct Args {
    /// The release, with all three numbers
    #[arg(long, value_name = "VERSION", value_parser = release)]
    to: Version,
    /// Only this cluster; may be repeated
    #[arg(long, value_name = "NAME")]
    cluster: Vec<String>,
    /// Say what would be done and write nothing
    #[arg(long)]
    dry_run: bool,
}

fn release(text: &str) -> Result<Version, String> {
    let bare = text.strip_prefix('v').unwrap_or(text);
    let version =
        Version::parse(bare).map_err(|_| "write all three numbers, as in 2.9.4".to_owned())?;
    match FluxMinor::from_version(bare) {
        Ok(Pinned::Known(_) | Pinned::Newer) => Ok(version),
        Ok(Pinned::Older) | Err(_) => Err(format!(
            "Flux {version} is older than {}, the oldest that fluxgen knows",
            FluxMinor::OLDEST
        )),
    }
}

pub(super) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    let config = project::find(&place.directory, place.config.as_deref())?;
    let name = config.file_name().unwrap_or(project::CONFIG);
    let bytes = project::read_config(&Snapshot::on_disk(&folder_of(&config)), name)?
        .with_context(|| format!("there is no file `{config}`"))?;
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let read = load(name.into(), &bytes, &mut sources, &mut diagnostics);
    let read = read.filter(|_| !diagnostics.has_errors());
    let settings = read
        .as_ref()
        .map(|document| resolve(document, &mut diagnostics).settings);
    let (Some(document), Some(settings), false) = (read, settings, diagnostics.has_errors()) else {
        tell(&diagnostics.into_sorted(), &sources);
        return Ok(Status::Found);
    };
    let to = &args.to;
    let targets = targets(&settings, &args.cluster)?;
    let mut diagnostics = Diagnostics::default();
    downgrades(&settings, &targets, to, &mut diagnostics);
    if diagnostics.has_errors() {
        tell(&diagnostics.into_sorted(), &sources);
        eprintln!("nothing is written");
        return Ok(Status::Found);
    }
    let pins = pins::choose(&settings, &document.root, &targets, to);
    if pins.is_empty() {
        print(&format!("{} at {to} already\n", named(&settings, &targets)))?;
        return Ok(Status::Done);
    }
    if let Some(span) = pins::computed(&pins, &document.root) {
        let line = sources.position(span).map_or(0, |at| at.line);
        bail!(
            "`flux.version` is computed at {name}:{line}, and only a value or one `vars.NAME` can be raised; set by hand what it is made of"
        );
    }
    let text = std::str::from_utf8(&bytes).context("the TOML file is not UTF-8")?;
    let edited = pins::edit(text, &pins, to).map_err(anyhow::Error::msg)?;
    verify(&edited, name, &settings, &targets, to)?;

    let mut before = Project::open_changed(&config, &bytes, |_| {})?;
    let mut after = match args.dry_run {
        true => Project::open_changed(&config, &bytes, |document| {
            pins::set(&mut document.root, &pins, to);
        })?,
        false => Project::open_changed(&config, edited.as_bytes(), |_| {})?,
    };
    let judgement = judge(&mut before, &mut after, &pins, to);
    tell(&judgement.found, &after.sources);
    if let Some(summary) = summary(&judgement.found) {
        super::say(&summary.to_string());
    }
    if judgement.errors_before > 0 {
        let (errors, verb) = match judgement.errors_before {
            1 => ("1 other error".to_owned(), "is"),
            count => (counted(count, "other error"), "are"),
        };
        eprintln!("{errors} {verb} there at either version; `fluxgen check` tells more");
    }
    if !args.dry_run {
        super::edit::write(&config, &edited)?;
    }
    let mut out = String::new();
    for pin in &pins {
        out.push_str(&line(pin, &settings, &sources, name, to));
    }
    out.push_str(&judgement.news);
    if args.dry_run {
        out.push_str("nothing is written: --dry-run\n");
    } else {
        out.push_str(&format!("next: {}\n", next(&settings, &pins)));
    }
    print(&super::readable(&out))?;
    let is_found = judgement
        .found
        .iter()
        .any(|found| found.severity != Severity::Note);
    Ok(if is_found {
        Status::Found
    } else {
        Status::Done
    })
}

/// The clusters that are asked for: the named ones, or all.
fn targets(settings: &Settings, only: &[String]) -> anyhow::Result<Vec<usize>> {
    let names: Vec<String> = settings
        .clusters
        .iter()
        .map(|cluster| cluster.name.value.clone())
        .collect();
    check_names(only, names.iter().map(String::as_str))?;
    Ok((0..names.len())
        .filter(|at| only.is_empty() || only.contains(&names[*at]))
        .collect())
}

fn named(settings: &Settings, targets: &[usize]) -> String {
    let names: Vec<&str> = targets
        .iter()
        .map(|at| settings.clusters[*at].name.value.as_str())
        .collect();
    match names.as_slice() {
        [one] => format!("cluster {one} is"),
        all if all.len() == settings.clusters.len() => "every cluster is".to_owned(),
        all => format!("clusters {} are", all.join(", ")),
    }
}

/// The edited file says what was asked for, and nothing else changes.
fn verify(
    edited: &str,
    name: &str,
    before: &Settings,
    targets: &[usize],
    to: &Version,
) -> anyhow::Result<()> {
    let mut diagnostics = Diagnostics::default();
    let document = load(
        name.into(),
        edited.as_bytes(),
        &mut Sources::default(),
        &mut diagnostics,
    );
    let after = document
        .filter(|_| !diagnostics.has_errors())
        .map(|document| resolve(&document, &mut diagnostics).settings);
    match after {
        Some(after) if pins::holds(before, &after, targets, to) => Ok(()),
        _ => bail!(
            "`flux.version` cannot be set where it stands; nothing is written. Set it by hand"
        ),
    }
}

/// `fluxgen.toml:5: flux.version from 2.8.8 to 2.9.4, in staging`.
fn line(pin: &Pin, settings: &Settings, sources: &Sources, file: &str, to: &Version) -> String {
    let span = pin.standing.unwrap_or(pin.holder);
    let place = match sources.position(span) {
        Some(at) => format!("{file}:{}", at.line),
        None => file.to_owned(),
    };
    let mut keys = String::new();
    for key in &pin.keys {
        let is_bare = key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let dot = if keys.is_empty() { "" } else { "." };
        let _ = match is_bare {
            true => write!(keys, "{dot}{key}"),
            false => write!(keys, "{dot}\"{key}\""),
        };
    }
    let clusters: Vec<&str> = pin
        .clusters
        .iter()
        .map(|at| settings.clusters[*at].name.value.as_str())
        .collect();
    let clusters = match clusters.as_slice() {
        [many @ .., _] if many.len() > 8 => format!("{} clusters", clusters.len()),
        _ => clusters.join(", "),
    };
    let from = &pin.from;
    match pin.standing {
        Some(_) => format!("{place}: {keys} from {from} to {to}, in {clusters}\n"),
        None => format!("{place}: {keys} = \"{to}\" is new, was {from}, in {clusters}\n"),
    }
}

/// What to do after the versions are raised.
fn next(settings: &Settings, pins: &[Pin]) -> &'static str {
    let is_release = pins
        .iter()
        .flat_map(|pin| &pin.clusters)
        .any(|at| settings.clusters[*at].flux.install == Install::Release);
    match is_release {
        true => "fluxgen lock, fluxgen build, and a look at the diff of the trees",
        false => "fluxgen build, and a look at the diff of the trees",
    }
}
