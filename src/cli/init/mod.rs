//! `fluxgen init`

mod repository;
mod standing;
mod synced;
mod text;

use anyhow::bail;
use camino::Utf8Path;

use super::{Place, Status, print};
use crate::files::writer::{Folder, Rights};
use crate::project::CONFIG;
use repository::Repository;
use standing::Standing;

/// Write a commented fluxgen.toml that builds as it is
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Takes the repository's remote and branch, and the clusters whose Flux syncs it:
the folder, address, branch and version that `flux bootstrap` wrote or that a
FluxInstance has. Without them, the folders of clusters/ are the clusters.
Never overwrites a file.

Examples:
  fluxgen init
  fluxgen -C fleet init
  fluxgen --config staging.toml init")]
pub(super) struct Args {}

pub(super) fn run(place: &Place, _args: &Args) -> anyhow::Result<Status> {
    let path = place
        .directory
        .join(place.config.as_deref().unwrap_or(Utf8Path::new(CONFIG)));
    let folder = match path.parent() {
        Some(folder) if !folder.as_str().is_empty() => folder,
        _ => Utf8Path::new("."),
    };
    let standing = Standing::read(folder)?;
    let mut repository = Repository::around(folder);
    if let Some(synced) = &standing.synced {
        repository.follow(synced);
    }
    let text = text::text(&repository, &standing);
    let Some(name) = path.file_name() else {
        bail!("`{path}` is not a path of a file");
    };
    match Folder::open(folder)?.create(name, text.as_bytes(), Rights::Kept) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("`{path}` is there already; init never overwrites");
        }
        Err(error) => return Err(error.into()),
    }
    for note in repository.notes.iter().chain(&standing.notes) {
        super::say(&format!("note: {note}"));
    }
    print(&format!(
        "wrote {path}\nnext: edit it, then run `fluxgen build`\n"
    ))?;
    Ok(Status::Done)
}
