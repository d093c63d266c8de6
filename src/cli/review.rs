//! `fluxgen diff --against`: the two sides, read and compared.

use std::mem::ManuallyDrop;

use anyhow::bail;
use camino::{Utf8Path, Utf8PathBuf};

use super::diff::Args;
use super::{Place, Status, say, tell, unreadable};
use crate::compare::report::SideState;
use crate::diagnostic::nearest::nearest;
use crate::diagnostic::render::counted;
use crate::files::{Snapshot, folder_of};
use crate::project::{self, Asker, Project};
use crate::report::Format;
use crate::repository::{Head, Repository, Revision};
use crate::review::{Review, Reviewed, State};

/// The state that would be merged.
struct Chosen {
    name: String,
    revision: Option<Revision>,
    snapshot: Snapshot,
}

pub(super) fn run(place: &Place, args: &Args, against: &str) -> anyhow::Result<Status> {
    let config = config(place, args)?;
    // The projects and what is open of the repository stay until the process ends: a large fleet takes longer to
    // be given back piece by piece than to be compared.
    let repository =
        ManuallyDrop::new(Repository::around(&folder_of(&config)).map_err(unreadable)?);
    let mut base = repository.revision(against).map_err(unreadable)?;
    let chosen = head(&repository, args, &config)?;
    // What is not committed yet was made on top of HEAD.
    let parted = match &chosen.revision {
        Some(revision) => Some(revision.clone()),
        None => repository.revision("HEAD").ok(),
    };
    let mut notes = Vec::new();
    if let Some(parted) = &parted {
        if args.merge_base {
            base = repository.merge_base(&base, parted).map_err(unreadable)?;
        } else {
            let ahead = repository.ahead(&base, parted);
            if ahead > 0 {
                notes.push(format!(
                    "`{against}` has {} that {} lacks, shown as taken back; `--merge-base` leaves them out",
                    counted(ahead, "commit"),
                    chosen.name
                ));
            }
        }
    }
    let before = repository.at(&base);
    let kind = match (&chosen.revision, args.staged) {
        (Some(revision), _) => Head::Commit(revision),
        (None, true) => Head::Index,
        (None, false) => Head::WorkingTree,
    };
    let (folders_changed, (base_project, head_project)) = rayon::join(
        || {
            repository.differs_outside(
                (&base, &before),
                (kind, &chosen.snapshot),
                &project::tree_folders(&before, &chosen.snapshot, &config),
            )
        },
        || Project::read_both(&before, &chosen.snapshot, &config, looked_at),
    );
    let mut base_project = ManuallyDrop::new(base_project?);
    if let Some(base) = &mut *base_project {
        base.hold_manifests();
    }
    let (head_project, looked) = head_project?.unzip();
    looked.transpose()?;
    let head_project = ManuallyDrop::new(head_project);
    check_names(&args.cluster, [&base_project, &head_project])?;
    let name = config.file_name().unwrap_or_default();
    let shown = match (&*head_project, &*base_project) {
        (Some(project), _) | (None, Some(project)) => project.snapshot.from_root(name),
        (None, None) => bail!("neither `{against}` nor {} has a `{name}`", chosen.name),
    };
    let review = Review {
        base: State {
            name: base.name.clone(),
            commit: Some(base.commit.to_string()),
            project: base_project.as_ref(),
            snapshot: Some(&before),
        },
        head: State {
            name: chosen.name,
            commit: chosen.revision.map(|revision| revision.commit.to_string()),
            project: head_project.as_ref(),
            snapshot: Some(&chosen.snapshot),
        },
        only: &args.cluster,
        folders_changed,
        deny: args.deny.map(Into::into),
        wants_graphs: args.output.has(Format::Html) || args.output.has(Format::Json),
    };
    let Reviewed {
        report,
        found,
        found_in_base,
    } = review.run(&shown)?;
    if args.output.tells_people() {
        for note in notes {
            say(&format!("note: {note}\n"));
        }
        if let Some(project) = &*base_project
            && !found_in_base.is_empty()
        {
            say(&format!("in {}:", base.name));
            tell(&found_in_base, &project.sources);
        }
    }
    let nowhere = crate::source::Sources::default();
    let sources = head_project.as_ref().map_or(&nowhere, |it| &it.sources);
    args.output.write(&report, &found, sources, args.stat)?;
    let is_unjudged = report
        .base
        .as_ref()
        .is_some_and(|base| base.state == SideState::Broken);
    if let Some(deny) = report.deny.filter(|_| is_unjudged) {
        bail!(
            "what is {} cannot be denied: {} does not compile, and nothing could be compared\n  help: compare with a commit that compiles, as in `--against {against}~1`",
            deny.as_str(),
            base.name
        );
    }
    let totals = &report.totals;
    let has_errors = found
        .iter()
        .any(|it| it.severity == crate::diagnostic::Severity::Error);
    let differs = totals.created + totals.changed + totals.deleted + totals.renamed > 0;
    let is_found = has_errors
        || totals.denied > 0
        || report.head.state != SideState::Compiled
        || (args.exit_code && differs);
    Ok(match is_found {
        true => Status::Found,
        false => Status::Done,
    })
}

/// Looks at the head; what is found stays with it.
fn looked_at(head: &mut Project) -> anyhow::Result<()> {
    let (found, _) = head.look(&Asker::Diff, &[])?;
    head.diagnostics = found;
    Ok(())
}

/// The TOML file's path on disk, where it need not be: the sides may have it.
fn config(place: &Place, args: &Args) -> anyhow::Result<Utf8PathBuf> {
    match project::find(&place.directory, place.config.as_deref()) {
        Err(error) if args.head.is_none() && !args.staged && place.config.is_none() => {
            // A base may still have what was removed.
            let here = place.directory.join(project::CONFIG);
            if folder_of(&here).is_dir() {
                Ok(here)
            } else {
                Err(error)
            }
        }
        Err(_) => Ok(place.directory.join(
            place
                .config
                .as_deref()
                .unwrap_or(Utf8Path::new(project::CONFIG)),
        )),
        found => found,
    }
}

fn head(repository: &Repository, args: &Args, config: &Utf8Path) -> anyhow::Result<Chosen> {
    if let Some(name) = &args.head {
        let revision = repository.revision(name).map_err(unreadable)?;
        return Ok(Chosen {
            name: name.clone(),
            snapshot: repository.at(&revision),
            revision: Some(revision),
        });
    }
    Ok(match args.staged {
        true => Chosen {
            name: "the index".to_owned(),
            revision: None,
            snapshot: repository.staged().map_err(unreadable)?,
        },
        false => Chosen {
            name: "the working tree".to_owned(),
            revision: None,
            snapshot: Snapshot::on_disk(&folder_of(config)),
        },
    })
}

/// Whether every name is a cluster's on either side.
fn check_names(only: &[String], sides: [&Option<Project>; 2]) -> anyhow::Result<()> {
    let known: Vec<&str> = sides
        .into_iter()
        .flatten()
        .flat_map(|project| project.existing.keys().map(String::as_str))
        .collect();
    for name in only {
        if known.is_empty() || known.contains(&name.as_str()) {
            continue;
        }
        match nearest(name, known.iter().copied()) {
            Some(near) => {
                bail!("no cluster is named `{name}` on either side; did you mean `{near}`?")
            }
            None => bail!("no cluster is named `{name}` on either side"),
        }
    }
    Ok(())
}
