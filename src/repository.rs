//! The git repository around a project: finds it and the states of it that are compared, and says in
//! a user's words what is in the way. It reads; nothing is checked out, and no network is used.

use std::collections::BTreeSet;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use git2::{ErrorCode, Oid};

use crate::diagnostic::nearest::nearest;
use crate::files::index::entries;
use crate::files::open::{bare_around, discover};
use crate::files::{GitObjects, GitTree, Snapshot};

/// The repository that a project is kept in.
pub struct Repository {
    objects: Arc<GitObjects>,
    /// The project's folder from the repository's root.
    folder: String,
}

/// A commit, as the user called it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    pub name: String,
    pub commit: Oid,
    tree: Oid,
}

/// What a commit is compared with.
#[derive(Debug, Clone, Copy)]
pub enum Head<'a> {
    WorkingTree,
    Index,
    Commit(&'a Revision),
}

/// Why a state of the repository cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RepositoryError {
    #[error("`{folder}` is in no git repository")]
    NoRepository { folder: Utf8PathBuf },
    #[error(
        "the repository around `{folder}` belongs to another user, and git reads it only where you say so"
    )]
    OtherOwner { folder: Utf8PathBuf },
    #[error("`{name}` names no commit: nothing is committed yet")]
    NoCommits { name: String },
    #[error("no commit, branch or tag is named `{name}`{}", if *.is_shallow { " in this shallow clone" } else { "" })]
    NoRevision {
        name: String,
        is_shallow: bool,
        /// What it may have meant.
        meant: Option<String>,
        /// The remote it may be fetched from, and the branch there.
        remote: Option<(String, String)>,
    },
    #[error("`{name}` fits several commits")]
    Ambiguous { name: String },
    #[error("`{name}` and `{other}` have no common commit{}", if *.is_shallow { " in this shallow clone" } else { "" })]
    NoMergeBase {
        name: String,
        other: String,
        is_shallow: bool,
    },
    #[error("`{path}` has a conflict in the index")]
    Unmerged { path: String },
    #[error("`{folder}` is git's own folder, with no files checked out")]
    Bare { folder: Utf8PathBuf },
    #[error("the repository `{folder}` {form}, which fluxgen cannot read")]
    Form { folder: Utf8PathBuf, form: String },
    #[error("git cannot read the repository: {0}")]
    Git(String),
}

impl RepositoryError {
    /// What to type.
    pub fn help(&self) -> String {
        match self {
            Self::NoRepository { .. } => {
                "run it in a clone, or start a repository with `git init` and commit what is there"
                    .to_owned()
            }
            Self::OtherOwner { folder } => {
                format!("if you trust it, run `git config --global --add safe.directory {folder}`")
            }
            Self::NoCommits { .. } => "commit first: `git add . && git commit`".to_owned(),
            Self::NoRevision {
                meant: Some(meant), ..
            } => format!("did you mean `{meant}`?"),
            Self::NoRevision {
                name,
                remote: Some((remote, branch)),
                is_shallow,
                ..
            } => {
                let fetch = match branch.is_empty() {
                    true if *is_shallow => format!("git fetch --unshallow {remote}"),
                    true => format!("git fetch {remote}"),
                    false => format!("git fetch {remote} {branch}:refs/remotes/{remote}/{branch}"),
                };
                let then = match branch.is_empty() || *name == format!("{remote}/{branch}") {
                    true => String::new(),
                    false => format!(", then compare with `{remote}/{branch}`"),
                };
                format!("fetch it with `{fetch}`{then}")
            }
            Self::NoRevision { name, .. } if name.contains(['~', '^']) => {
                let base = name.split(['~', '^']).next().unwrap_or_default();
                format!("`git log --oneline {base}` lists what comes before it")
            }
            Self::NoRevision { .. } => {
                "`git branch --all` and `git tag` list what there is".to_owned()
            }
            Self::Ambiguous { .. } => "give more of the commit's hash".to_owned(),
            Self::NoMergeBase {
                is_shallow: true, ..
            } => "fetch the history with `git fetch --unshallow`".to_owned(),
            Self::NoMergeBase { .. } => "compare without `--merge-base`".to_owned(),
            Self::Unmerged { .. } => "resolve it and `git add` the file".to_owned(),
            Self::Bare { .. } => {
                "run it where the files are: in a clone, or make one with `git worktree add DIR`"
                    .to_owned()
            }
            Self::Form { .. } => {
                "`fluxgen check` and `fluxgen build` without `--commit` need no git; compare with `fluxgen diff`"
                    .to_owned()
            }
            Self::Git(_) => "`git fsck` says more".to_owned(),
        }
    }
}

impl RepositoryError {
    /// Why the repository around a folder cannot be opened.
    fn of(error: &git2::Error, folder: &Utf8Path) -> Self {
        let said = error.message();
        match error.code() {
            ErrorCode::NotFound => Self::NoRepository {
                folder: folder.to_owned(),
            },
            ErrorCode::Owner => Self::OtherOwner {
                folder: Snapshot::top_of(folder),
            },
            // libgit2 has no code for these.
            _ if said.contains("object format 'sha256'") => Self::Form {
                folder: Snapshot::top_of(folder),
                form: "names its objects by SHA-256".to_owned(),
            },
            _ => match said.split_once("unsupported extension name ") {
                Some((_, name)) => Self::Form {
                    folder: Snapshot::top_of(folder),
                    form: format!("has the extension `{name}`"),
                },
                None => Self::Git(said.to_owned()),
            },
        }
    }
}

impl From<git2::Error> for RepositoryError {
    fn from(error: git2::Error) -> Self {
        Self::Git(error.message().to_owned())
    }
}

impl Repository {
    /// The repository around a project's folder: a clone, a linked worktree or a submodule.
    pub fn around(folder: &Utf8Path) -> Result<Self, RepositoryError> {
        let shown = folder.to_owned();
        let own = folder
            .canonicalize_utf8()
            .map_err(|error| RepositoryError::Git(format!("`{shown}`: {error}")))?;
        let repository = discover(&own).map_err(|error| RepositoryError::of(&error, &own))?;
        let top = repository
            .workdir()
            .and_then(|top| Utf8PathBuf::from_path_buf(top.to_owned()).ok())
            .and_then(|top| top.canonicalize_utf8().ok());
        let folder = top.and_then(|top| Some(own.strip_prefix(top).ok()?.to_owned()));
        let Some(folder) = folder else {
            return Err(match bare_around(&own) {
                Some(folder) => RepositoryError::Bare { folder },
                None => RepositoryError::NoRepository { folder: own },
            });
        };
        Ok(Self {
            objects: Arc::new(GitObjects::new(repository)),
            folder: folder.as_str().replace('\\', "/"),
        })
    }

    /// The commit that a name stands for: a branch, a tag, a hash, `HEAD~2`.
    pub fn revision(&self, name: &str) -> Result<Revision, RepositoryError> {
        let repository = self.objects.repository();
        let found = repository
            .revparse_single(name)
            .and_then(|object| object.peel_to_commit());
        let commit = match found {
            Ok(commit) => commit,
            Err(error) if error.code() == ErrorCode::Ambiguous => {
                let name = name.to_owned();
                return Err(RepositoryError::Ambiguous { name });
            }
            Err(_) => return Err(no_revision(&repository, name)),
        };
        Ok(Revision {
            name: name.to_owned(),
            commit: commit.id(),
            tree: commit.tree_id(),
        })
    }

    /// The project as it is in a commit.
    pub fn at(&self, revision: &Revision) -> Snapshot {
        let files = GitTree::of_tree(&self.objects, revision.tree);
        Snapshot::new(Arc::new(files), self.folder.as_str())
    }

    /// The project as it is staged.
    pub fn staged(&self) -> Result<Snapshot, RepositoryError> {
        let entries = {
            let repository = self.objects.repository();
            entries(&repository, index_of_git(&repository).as_deref())?
        };
        if let Some(entry) = entries.iter().find(|entry| entry.stage != 0) {
            let path = entry.path.clone();
            return Err(RepositoryError::Unmerged { path });
        }
        let files = GitTree::of_staged(&self.objects, entries);
        Ok(Snapshot::new(Arc::new(files), self.folder.as_str()))
    }

    /// The commit that two have in common.
    pub fn merge_base(&self, a: &Revision, b: &Revision) -> Result<Revision, RepositoryError> {
        let repository = self.objects.repository();
        let no_base = || RepositoryError::NoMergeBase {
            name: a.name.clone(),
            other: b.name.clone(),
            is_shallow: repository.is_shallow(),
        };
        let base = repository
            .merge_base(a.commit, b.commit)
            .map_err(|_| no_base())?;
        let tree = repository.find_commit(base)?.tree_id();
        Ok(Revision {
            name: format!("the merge base of {} and {}", a.name, b.name),
            commit: base,
            tree,
        })
    }

    /// Whether anything differs between a commit and a later state, but for some folders, named from the root.
    /// Untracked files count. Where it cannot be told, it does.
    pub fn differs_outside(
        &self,
        (base, before): (&Revision, &Snapshot),
        (head, after): (Head<'_>, &Snapshot),
        except: &BTreeSet<String>,
    ) -> bool {
        // The folders may hold a hundred thousand files: nobody looks into them.
        let mut names = BTreeSet::new();
        for snapshot in [before, after] {
            names.extend(beside(snapshot, except));
        }
        if names.is_empty() {
            return false;
        }
        let mut options = git2::DiffOptions::new();
        options
            .disable_pathspec_match(true)
            .include_untracked(true)
            .ignore_submodules(true);
        for name in &names {
            options.pathspec(name);
        }
        let repository = self.objects.repository();
        let mut differs = || -> Result<bool, git2::Error> {
            let options = Some(&mut options);
            let tree = repository.find_tree(base.tree)?;
            let diff = match head {
                Head::WorkingTree => {
                    repository.diff_tree_to_workdir_with_index(Some(&tree), options)?
                }
                Head::Index => {
                    let index = self.index(&repository)?;
                    repository.diff_tree_to_index(Some(&tree), Some(&index), options)?
                }
                Head::Commit(revision) => {
                    let other = repository.find_tree(revision.tree)?;
                    repository.diff_tree_to_tree(Some(&tree), Some(&other), options)?
                }
            };
            Ok(diff.deltas().len() > 0)
        };
        differs().unwrap_or(true)
    }

    fn index(&self, repository: &git2::Repository) -> Result<git2::Index, git2::Error> {
        match index_of_git(repository) {
            Some(path) => git2::Index::open(&path),
            None => repository.index(),
        }
    }

    /// How many commits `a` has that are not in `b`; 0 where that cannot be told.
    pub fn ahead(&self, a: &Revision, b: &Revision) -> usize {
        let repository = self.objects.repository();
        let counts = repository.graph_ahead_behind(a.commit, b.commit);
        counts.map_or(0, |(ahead, _)| ahead)
    }
}

/// What is beside some folders, at their levels and at all above.
fn beside(snapshot: &Snapshot, except: &BTreeSet<String>) -> BTreeSet<String> {
    let mut holders = BTreeSet::from([""]);
    for folder in except {
        holders.extend(folder.match_indices('/').map(|(at, _)| &folder[..at]));
    }
    let mut names = BTreeSet::new();
    for holder in &holders {
        let entries = snapshot.files().list(holder).ok().flatten();
        for entry in entries.unwrap_or_default() {
            let path = match *holder {
                "" => entry.name,
                holder => format!("{holder}/{}", entry.name),
            };
            if !except.contains(&path) && !holders.contains(path.as_str()) && path != ".git" {
                names.insert(path);
            }
        }
    }
    names
}

/// The index that a hook is to look at: `git commit FILE` makes one of its own.
///
/// Source: <https://git-scm.com/docs/githooks#_pre_commit>
fn index_of_git(repository: &git2::Repository) -> Option<std::path::PathBuf> {
    let path = std::path::PathBuf::from(std::env::var_os("GIT_INDEX_FILE")?);
    let folder = path.parent()?;
    let folder = match folder.as_os_str().is_empty() {
        true => std::path::Path::new("."),
        false => folder,
    };
    let folder = folder.canonicalize().ok()?;
    let own = repository.path().canonicalize().ok()?;
    // The hook of one repository may look at another.
    let is_of_another = folder != own && folder.iter().any(|part| part == ".git");
    (!is_of_another).then_some(path)
}

/// Says what is missing, and where it may come from.
fn no_revision(repository: &git2::Repository, name: &str) -> RepositoryError {
    if repository.is_empty().unwrap_or(false) || (name == "HEAD" && repository.head().is_err()) {
        let name = name.to_owned();
        return RepositoryError::NoCommits { name };
    }
    let is_shallow = repository.is_shallow();
    let remotes: Vec<String> = repository
        .remotes()
        .map(|names| {
            names
                .iter()
                .flatten()
                .flatten()
                .map(str::to_owned)
                .collect()
        })
        .unwrap_or_default();
    let branches: Vec<String> = repository
        .branches(None)
        .into_iter()
        .flatten()
        .filter_map(|branch| Some(branch.ok()?.0.name().ok()??.to_owned()))
        .filter(|branch| !branch.ends_with("/HEAD"))
        .collect();
    // `main` is no branch of a clone that checked out another one.
    let remote_branch = remotes
        .iter()
        .map(|remote| format!("{remote}/{name}"))
        .find(|branch| branches.contains(branch));
    let is_plain = !name.contains(['~', '^', ':', '@', ' ']);
    let is_hash = name.len() >= 7 && name.chars().all(|letter| letter.is_ascii_hexdigit());
    let base = name.split(['~', '^', '@']).next().unwrap_or_default();
    let knows_base = !is_plain && repository.revparse_single(base).is_ok();
    let meant = match remote_branch {
        Some(branch) => Some(branch),
        None if is_plain && !is_hash => {
            let near = nearest(name, branches.iter().map(String::as_str));
            near.map(str::to_owned)
        }
        None => None,
    };
    let remote = remotes.first().map(|first| {
        let of_remote = remotes
            .iter()
            .find_map(|remote| Some((remote, base.strip_prefix(&format!("{remote}/"))?)));
        match of_remote {
            _ if is_hash || knows_base => (first.clone(), String::new()),
            Some((remote, branch)) => (remote.clone(), branch.to_owned()),
            None => (first.clone(), base.to_owned()),
        }
    });
    RepositoryError::NoRevision {
        name: name.to_owned(),
        is_shallow,
        meant,
        // A history that is whole has all that can be fetched of it.
        remote: remote.filter(|(_, branch)| !branch.is_empty() || is_shallow || is_hash),
    }
}
