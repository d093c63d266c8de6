//! `fluxgen init`

use anyhow::bail;
use camino::Utf8Path;

use super::{Place, Status, print};
use crate::project::CONFIG;
use crate::tree::CLUSTERS;

/// Write a commented fluxgen.toml that builds as it is
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Takes the repository's remote, branch and existing clusters. Never overwrites a file.

Examples:
  fluxgen init
  fluxgen -C fleet init")]
pub(super) struct Args {}

pub(super) fn run(place: &Place, _args: &Args) -> anyhow::Result<Status> {
    let path = place
        .directory
        .join(place.config.as_deref().unwrap_or(Utf8Path::new(CONFIG)));
    let (url, branch) = repository(&place.directory);
    let text = text(&url, &branch, &clusters(&place.directory));
    let mut options = fs_err::OpenOptions::new();
    let mut file = match options.write(true).create_new(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("`{path}` is there already; init never overwrites");
        }
        Err(error) => return Err(error.into()),
    };
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    print(&format!(
        "wrote {path}\nnext: edit it, then run `fluxgen build`\n"
    ))?;
    Ok(Status::Done)
}

/// Remote and branch of the repository around, or an example's.
fn repository(folder: &Utf8Path) -> (String, String) {
    let example = (
        "ssh://git@github.com/acme/fleet".to_owned(),
        "main".to_owned(),
    );
    let Ok(repository) = git2::Repository::discover(folder) else {
        return example;
    };
    let url = repository
        .find_remote("origin")
        .ok()
        .and_then(|remote| remote.url().ok().map(flux_url))
        .unwrap_or(example.0);
    let branch = std::fs::read_to_string(repository.path().join("HEAD"))
        .ok()
        .and_then(|head| Some(head.trim().strip_prefix("ref: refs/heads/")?.to_owned()))
        .unwrap_or(example.1);
    (url, branch)
}

/// `git@host:owner/repository.git`, which git takes and Flux does not, as a URL; without a password.
fn flux_url(remote: &str) -> String {
    if let Some((scheme, rest)) = remote.split_once("://") {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        let user = if scheme == "ssh" { "git@" } else { "" };
        return match scheme {
            "http" | "https" | "ssh" => format!("{scheme}://{user}{host}/{path}"),
            _ => "ssh://git@github.com/acme/fleet".to_owned(),
        };
    }
    match remote.split_once(':') {
        Some((host, path)) if !host.contains('/') => {
            format!("ssh://{host}/{}", path.trim_end_matches(".git"))
        }
        _ => "ssh://git@github.com/acme/fleet".to_owned(),
    }
}

fn clusters(folder: &Utf8Path) -> Vec<String> {
    let entries = folder.join(CLUSTERS).read_dir_utf8();
    let mut names: Vec<String> = entries
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.file_name().to_owned())
        .collect();
    names.sort();
    if names.is_empty() {
        names.push("staging".to_owned());
    }
    names
}

fn text(url: &str, branch: &str, clusters: &[String]) -> String {
    let clusters: String = clusters
        .iter()
        .map(|name| format!("[clusters.\"{name}\"]\n"))
        .collect();
    format!(
        "\
# What fluxgen compiles into clusters/<name>. `fluxgen explain kustomizations` tells the fields.

[repo]
url    = {url:?}
branch = {branch:?}

[flux]
version = \"{version}\"            # pinned; a cluster may pin its own

[defaults.kustomizations]
interval = \"10m\"

# One table a cluster. `[clusters.NAME.kustomizations.apps]` changes a resource there alone.
{clusters}
# A Kustomization without a source syncs this repository.
[kustomizations.apps]
path = \"./apps\"
",
        version = crate::settings::flux::DEFAULT_VERSION,
    )
}
