//! The Git repository around a new project, as Flux would name it.

use camino::{Utf8Path, Utf8PathBuf};

use super::synced::Synced;
use crate::files::open::discover;
use crate::mask::hide;

/// Where the file stands when nothing says otherwise.
const EXAMPLE_URL: &str = "ssh://git@github.com/acme/fleet";
const EXAMPLE_BRANCH: &str = "main";

/// What `[repo]` says.
#[derive(Debug)]
pub(super) struct Repository {
    pub url: String,
    pub branch: String,
    /// `repo.name`, where Flux does not name it after its namespace.
    pub name: Option<String>,
    /// The project's folder below the repository's; empty where it is the same.
    pub below: Utf8PathBuf,
    /// What the user has to know.
    pub notes: Vec<String>,
}

impl Repository {
    /// The repository that holds `folder`; an example where there is none.
    pub(super) fn around(folder: &Utf8Path) -> Self {
        let mut found = Self {
            url: EXAMPLE_URL.to_owned(),
            branch: EXAMPLE_BRANCH.to_owned(),
            name: None,
            below: Utf8PathBuf::new(),
            notes: Vec::new(),
        };
        let Ok(repository) = discover(folder) else {
            found.notes.push(
                "this is no Git repository; `repo.url` and `repo.branch` are examples".into(),
            );
            return found;
        };
        match remote(&repository) {
            None => found
                .notes
                .push("the repository has no remote; `repo.url` is an example".into()),
            Some(remote) => match flux_url(&remote) {
                Some(url) => found.url = url,
                None => found.notes.push(format!(
                    "Flux cannot fetch from the remote `{}`; `repo.url` is an example",
                    hide(&remote)
                )),
            },
        }
        if let Some(branch) = branch(&repository) {
            found.branch = branch;
        }
        let workdir = repository
            .workdir()
            .and_then(|workdir| Utf8Path::from_path(workdir)?.canonicalize_utf8().ok());
        if let (Some(workdir), Ok(folder)) = (workdir, folder.canonicalize_utf8())
            && let Ok(below) = folder.strip_prefix(workdir)
        {
            found.below = below.to_owned();
        }
        found
    }

    /// What a cluster syncs is truer than what is checked out here.
    pub(super) fn follow(&mut self, synced: &Synced) {
        self.notes.clear();
        self.url = flux_url(&synced.url).unwrap_or_else(|| synced.url.clone());
        if let Some(branch) = &synced.branch {
            self.branch.clone_from(branch);
        }
        if synced.name != synced.namespace {
            self.name = Some(format!("{}/{}", synced.namespace, synced.name));
        }
    }
}

/// The address of `origin`, else of the first remote.
fn remote(repository: &git2::Repository) -> Option<String> {
    let url = |name: &str| {
        let remote = repository.find_remote(name).ok()?;
        remote.url().ok().map(str::to_owned)
    };
    url("origin").or_else(|| {
        let names = repository.remotes().ok()?;
        names.iter().flatten().flatten().find_map(url)
    })
}

/// The branch that the remote calls its default; the one checked out where it is not known.
fn branch(repository: &git2::Repository) -> Option<String> {
    let default = repository
        .find_reference("refs/remotes/origin/HEAD")
        .ok()
        .and_then(|head| {
            let target = head.symbolic_target().ok()??;
            Some(target.strip_prefix("refs/remotes/origin/")?.to_owned())
        });
    default.or_else(|| {
        // Read as text: a branch without a commit is no reference yet.
        let head = std::fs::read_to_string(repository.path().join("HEAD")).ok()?;
        Some(head.trim().strip_prefix("ref: refs/heads/")?.to_owned())
    })
}

/// An address of git's as a URL that a GitRepository takes, without a password, in the query neither.
///
/// `git@host:owner/repository.git`, which git takes and Flux does not, becomes `ssh://`. `None` for
/// local paths and schemes that Flux does not know.
fn flux_url(remote: &str) -> Option<String> {
    if let Some((scheme, rest)) = remote.split_once("://") {
        let rest = rest.split(['?', '#']).next()?;
        let (authority, path) = rest.split_once('/')?;
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (user.split(':').next(), host),
            None => (None, authority),
        };
        return match scheme {
            "http" | "https" => Some(format!("{scheme}://{host}/{path}")),
            "ssh" | "git+ssh" | "ssh+git" => {
                Some(format!("ssh://{}@{host}/{path}", user.unwrap_or("git")))
            }
            _ => None,
        };
    }
    let (host, path) = remote.split_once(':')?;
    if host.is_empty() || host.contains('/') {
        return None;
    }
    let user = if host.contains('@') { "" } else { "git@" };
    let path = path.trim_start_matches('/').trim_end_matches(".git");
    Some(format!("ssh://{user}{host}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_git_become_urls_that_flux_takes() {
        for (remote, url) in [
            // as people copy them from a forge
            (
                "git@github.com:acme/fleet.git",
                "ssh://git@github.com/acme/fleet",
            ),
            ("github.com:acme/fleet", "ssh://git@github.com/acme/fleet"),
            ("git@host:/srv/fleet.git", "ssh://git@host/srv/fleet"),
            (
                "https://github.com/acme/fleet.git",
                "https://github.com/acme/fleet.git",
            ),
            // the user of ssh is part of the address, a password is not
            (
                "ssh://APKA1@git.example/v1/fleet",
                "ssh://APKA1@git.example/v1/fleet",
            ),
            ("ssh://git:pw@host:2222/a/b", "ssh://git@host:2222/a/b"),
            ("ssh://host/a/b", "ssh://git@host/a/b"),
            ("https://me:token@host/a/b", "https://host/a/b"),
            ("https://host/a/b?tok=x", "https://host/a/b"),
            (
                "https://host/a/b.git?private_token=x#y",
                "https://host/a/b.git",
            ),
        ] {
            assert_eq!(flux_url(remote).as_deref(), Some(url), "{remote}");
        }
        for remote in [
            "/srv/git/fleet.git",
            "../fleet",
            "file:///srv/fleet",
            "git://host/a",
            "./a:b",
        ] {
            assert_eq!(flux_url(remote), None, "{remote}");
        }
    }
}
