//! `fluxgen build`

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use indexmap::IndexMap;

use super::pending::Pending;
use super::{Place, Status, print, tell, unreadable};
use crate::commit::Committer;
use crate::diagnostic::render::printable_line;
use crate::expand::include::normalize;
use crate::files::folder_of;
use crate::install::Mode;
use crate::project::stale::Differing;
use crate::project::{self, Asker};
use crate::repository::Repository;
use crate::settings::folder::usual;
use crate::tree::{Existing, Plan};

/// Write clusters/<name> for every cluster
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "\
A commit holds the generated files that are not as in HEAD, and fluxgen.lock.
What else is staged stays staged and out of it. It is yours, and signed where
git is set to sign; git's hooks are not run.

Examples:
  fluxgen build                          every cluster
  fluxgen build --cluster staging        one cluster
  fluxgen build --dry-run                say what would be written
  fluxgen build --offline --locked       in a pull-request check
  fluxgen build --adopt clusters/staging/apps.yaml
  fluxgen build --adopt clusters/staging/flux-system
  fluxgen build --commit -m \"staging: podinfo 6.6\"")]
pub(super) struct Args {
    /// Only this cluster; may be repeated
    #[arg(long, value_name = "NAME")]
    cluster: Vec<String>,
    /// Say what would be done and write nothing; exit 1 if there is something to do
    #[arg(long)]
    dry_run: bool,
    /// Take over a file that is not fluxgen's, or a folder of them, such as what `flux bootstrap`
    /// wrote; the path as messages print it
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    adopt: Vec<Utf8PathBuf>,
    /// Download nothing: releases of Flux come from the cache or the committed trees
    #[arg(long)]
    offline: bool,
    /// Fail rather than change the lock
    #[arg(long)]
    locked: bool,
    /// Commit the generated files
    #[arg(long, requires = "message", conflicts_with = "dry_run")]
    commit: bool,
    /// The message of the commit; several are paragraphs
    #[arg(short, long, value_name = "MESSAGE", requires = "commit")]
    message: Vec<String>,
}

pub(super) fn run(place: &Place, args: &Args) -> anyhow::Result<Status> {
    let mode = Mode::of(args.offline, args.locked);
    let committer = match args.commit {
        true => {
            let config = project::find(&place.directory, place.config.as_deref())?;
            let folder = folder_of(&config);
            Repository::around(&folder).map_err(unreadable)?;
            Some(Committer::open(&folder, &args.message)?)
        }
        false => None,
    };
    // Before anything is read, so that what is read is what stands there when it is written.
    let _turn = match args.dry_run {
        true => None,
        false => Some(place.turn()?),
    };
    let mut releases = place.releases(mode, args.locked)?;
    let mut project = place.open_with(&args.cluster, &mut releases)?;
    let adopted: Vec<Utf8PathBuf> = args
        .adopt
        .iter()
        .map(|path| adoptable(path, &project.existing))
        .collect::<anyhow::Result<_>>()?;
    let (diagnostics, plan) = project.look(&Asker::Build(&adopted), &args.cluster)?;
    let has_errors = diagnostics.has_errors();
    let found = diagnostics.into_sorted();
    tell(&found, &project.sources);
    let Some(plan) = plan.filter(|_| !has_errors) else {
        return Ok(Status::of_errors(&found));
    };
    if args.cluster.is_empty() {
        releases.prune();
    }
    releases.check_locked().map_err(super::refusal)?;
    let tree = project.built.as_ref().and_then(|built| built.tree.as_ref());
    let pending = match (&committer, tree) {
        (Some(committer), Some(tree)) => {
            let pending = Pending::find(&project, tree)?;
            committer.check(&pending.with_lock(&releases))?;
            Some((committer, pending))
        }
        _ => None,
    };
    tell_taken_back(&Differing::find(&project, &plan), args.dry_run);
    if !args.dry_run {
        releases.save().map_err(super::refusal)?;
        project.sweep()?;
        plan.carry_out(&project.root)?;
    }
    let mut out = summary(&plan);
    if args.dry_run {
        for cluster in &plan.clusters {
            let folder = &cluster.folder;
            for (path, _) in &cluster.write {
                out.push_str(&format!("write {folder}/{path}\n"));
            }
            for path in &cluster.remove {
                out.push_str(&format!("remove {folder}/{path}\n"));
            }
        }
    }
    if args.dry_run && releases.is_changed() {
        out.push_str(&format!("write {}\n", releases.lock_file()));
    }
    print(&out)?;
    if let Some((committer, pending)) = pending {
        print(&pending.commit(committer, &releases)?)?;
        if pending.differs(&project.config) {
            eprintln!(
                "note: `{}` has changes that are not in HEAD",
                project.config
            );
        }
    }
    let is_pending = args.dry_run && (!plan.is_empty() || releases.is_changed());
    Ok(if is_pending {
        Status::Found
    } else {
        Status::Done
    })
}

/// Names each file whose change by hand the build takes back: it would be lost in silence.
fn tell_taken_back(differing: &Differing, is_dry: bool) {
    let verb = if is_dry { "would take" } else { "takes" };
    for path in &differing.edited {
        let path = printable_line(path);
        eprintln!("note: this build {verb} back what was changed by hand in {path}");
    }
    for path in &differing.differs_in_head {
        let path = printable_line(path);
        eprintln!(
            "note: this build {verb} back what is committed in {path}: it was changed by hand, or made by another fluxgen"
        );
    }
}

/// A path of `--adopt`, as the trees name it; refused where nothing stands there.
fn adoptable(
    path: &Utf8Path,
    existing: &BTreeMap<String, Existing>,
) -> anyhow::Result<Utf8PathBuf> {
    let stands = |normal: &Utf8PathBuf| {
        let trees = existing.values();
        let mut inside =
            trees.filter_map(|tree| Some((tree, normal.strip_prefix(&tree.folder).ok()?)));
        let (tree, below) = inside.next()?;
        let mut files = tree.files.keys();
        files
            .any(|file| Utf8Path::new(file).starts_with(below))
            .then(|| normal.clone())
    };
    let example = existing.values().next();
    let example = example.map_or_else(|| usual("NAME"), |tree| tree.folder.clone());
    let normal = normalize(path.as_str());
    normal.as_ref().and_then(stands).ok_or_else(|| {
        anyhow::anyhow!(
            "there is nothing to adopt at `{path}`\n  help: write the path from the folder of the TOML file: `{example}/apps.yaml`"
        )
    })
}

/// More clusters than these are told in groups.
const LISTED: usize = 20;

/// A line a cluster; where there are many, a line for all clusters with the same figures. Last the sum.
fn summary(plan: &Plan) -> String {
    let mut groups: IndexMap<(usize, usize, usize), Vec<&str>> = IndexMap::new();
    let mut lines = String::new();
    let mut sum = (0, 0, 0);
    for cluster in &plan.clusters {
        let figures = (cluster.write.len(), cluster.remove.len(), cluster.unchanged);
        sum = (sum.0 + figures.0, sum.1 + figures.1, sum.2 + figures.2);
        lines.push_str(&line(&cluster.name, figures));
        groups.entry(figures).or_default().push(&cluster.name);
    }
    if plan.clusters.len() > LISTED {
        lines = groups
            .iter()
            .map(|(figures, names)| match names.as_slice() {
                [first, second, third, others @ ..] if others.len() > 1 => {
                    let others = format!("{first}, {second}, {third} and {} others", others.len());
                    line(&format!("{others}, each"), *figures)
                }
                [only] => line(only, *figures),
                names => line(&format!("{}, each", names.join(", ")), *figures),
            })
            .collect();
    }
    if plan.clusters.len() > 1 {
        lines.push_str(&line(&format!("{} clusters", plan.clusters.len()), sum));
    }
    lines
}

fn line(name: &str, (written, removed, unchanged): (usize, usize, usize)) -> String {
    format!("{name}: {written} written, {removed} removed, {unchanged} unchanged\n")
}
