//! The edge: commits what a build generated, and nothing else.
//!
//! The commit is made from HEAD's tree and the generated paths alone. In the index these paths become
//! what they are in the commit; all else that is staged stays staged. No hook of git's is run.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use camino::Utf8Path;
use git2::build::TreeUpdateBuilder;
use git2::{
    AttrCheckFlags, Commit, ErrorCode, FileMode, Index, Oid, Repository, RepositoryOpenFlags,
    RepositoryState, Signature, Tree,
};

use crate::files::writer::{Folder, Rights};

/// What differs from HEAD, by path from the root of the repository.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) written: Vec<String>,
    pub(crate) removed: Vec<String>,
}

/// A repository in which a commit can be made, and who makes it.
pub(crate) struct Committer {
    repository: Repository,
    author: Signature<'static>,
    committer: Signature<'static>,
    message: String,
}

/// A commit that was made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) files: usize,
    /// The hash, as short as git prints it.
    pub(crate) commit: String,
    /// `None` where HEAD is detached.
    pub(crate) branch: Option<String>,
}

impl Committer {
    /// Refuses, before anything is written, what would keep the commit from being made. Several
    /// messages are paragraphs, as in git.
    pub(crate) fn open(folder: &Utf8Path, messages: &[String]) -> anyhow::Result<Self> {
        let message = git2::message_prettify(messages.join("\n\n"), None)?;
        if message.trim().is_empty() {
            bail!("the message of the commit is empty\n  help: give one with `-m MESSAGE`");
        }
        // As git does: GIT_INDEX_FILE, GIT_CONFIG_GLOBAL and others count.
        let repository = Repository::open_ext(
            folder,
            RepositoryOpenFlags::FROM_ENV,
            std::iter::empty::<&Path>(),
        )
        .with_context(|| format!("cannot commit in `{folder}`"))?;
        if let Some(under_way) = under_way(repository.state()) {
            bail!(
                "{under_way} is under way, and a commit now would become part of it\n  \
                 help: finish or abort it first; `git status` says how"
            );
        }
        let index = repository
            .index()
            .map_err(|error| unreadable_index(&error))?;
        if index.has_conflicts() {
            bail!("git's index has conflicts\n  help: resolve them and `git add` the files");
        }
        let author = identity(repository.author_from_env(), "author")?;
        let committer = identity(repository.committer_from_env(), "committer")?;
        let author = with_config(&repository, author, "author")?;
        let committer = with_config(&repository, committer, "committer")?;
        let own = Self {
            repository,
            author,
            committer,
            message,
        };
        own.check_locks()?;
        Ok(own)
    }

    /// Refuses paths that git would not take as they are.
    pub(crate) fn check(&self, changes: &Changes) -> anyhow::Result<()> {
        let head = self.head()?;
        let index = self.repository.index()?;
        for path in &changes.written {
            let is_known = index.get_path(Path::new(path), 0).is_some()
                || head
                    .as_ref()
                    .is_some_and(|(_, tree)| tree.get_path(Path::new(path)).is_ok());
            if !is_known && self.repository.is_path_ignored(path)? {
                bail!(
                    "`{path}` is ignored by git, so Flux would never see it\n  \
                     help: `git check-ignore -v {path}` shows the line of the .gitignore; remove it, or build without `--commit`"
                );
            }
            let filter = self.repository.get_attr(
                Path::new(path),
                "filter",
                AttrCheckFlags::FILE_THEN_INDEX,
            )?;
            if let Some(filter) = filter {
                bail!(
                    "`{path}` goes through the filter `{filter}` of .gitattributes, which only git itself runs\n  \
                     help: build without `--commit`, then `git add` and `git commit`"
                );
            }
        }
        Ok(())
    }

    /// Makes the commit of what stands on disk at these paths; `None` where there is nothing to commit.
    pub(crate) fn commit(&self, changes: &Changes) -> anyhow::Result<Option<Made>> {
        if changes.written.is_empty() && changes.removed.is_empty() {
            return Ok(None);
        }
        let repository = &self.repository;
        let head = self.head()?;
        let mut index = repository.index()?;
        index.read(true)?;
        let mut update = TreeUpdateBuilder::new();
        for path in &changes.written {
            index
                .add_path(Path::new(path))
                .with_context(|| format!("cannot add `{path}`"))?;
            let entry = index
                .get_path(Path::new(path), 0)
                .context("what was added is there")?;
            update.upsert(path.as_str(), entry.id, FileMode::Blob);
        }
        for path in &changes.removed {
            if index.get_path(Path::new(path), 0).is_some() {
                index.remove_path(Path::new(path))?;
            }
            update.remove(path.as_str());
        }
        let base = match &head {
            Some((_, tree)) => tree.clone(),
            None => {
                let nothing = repository.treebuilder(None)?.write()?;
                repository.find_tree(nothing)?
            }
        };
        let tree = repository.find_tree(update.create_updated(repository, &base)?)?;
        let parent = head.as_ref().map(|(commit, _)| commit);
        let commit = match repository.config()?.get_bool("commit.gpgSign") {
            Ok(true) => self.signed(&tree, parent)?,
            Ok(false) | Err(_) => {
                let parents: Vec<&Commit<'_>> = parent.into_iter().collect();
                repository.commit(
                    None,
                    &self.author,
                    &self.committer,
                    &self.message,
                    &tree,
                    &parents,
                )?
            }
        };
        let branch = self.advance(commit, parent, &mut index)?;
        let short = repository.find_object(commit, None)?.short_id()?;
        Ok(Some(Made {
            files: changes.written.len() + changes.removed.len(),
            commit: String::from_utf8_lossy(&short).into_owned(),
            branch,
        }))
    }

    /// The commit that HEAD stands on, and its tree; `None` before the first.
    fn head(&self) -> anyhow::Result<Option<(Commit<'_>, Tree<'_>)>> {
        match self.repository.head() {
            Ok(head) => {
                let commit = head.peel_to_commit()?;
                let tree = commit.tree()?;
                Ok(Some((commit, tree)))
            }
            Err(error) if error.code() == ErrorCode::UnbornBranch => Ok(None),
            Err(error) => Err(error).context("cannot read HEAD"),
        }
    }

    /// A commit that git signs, with the program and the key that the user's configuration names.
    fn signed(&self, tree: &Tree<'_>, parent: Option<&Commit<'_>>) -> anyhow::Result<Oid> {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(self.repository.workdir().unwrap_or(self.repository.path()))
            .args(["commit-tree", "-S", "-F", "-", &tree.id().to_string()]);
        if let Some(parent) = parent {
            command.args(["-p", &parent.id().to_string()]);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("`commit.gpgSign` is set, and `git`, which signs, cannot be run")?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(self.message.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!(
                "git cannot sign the commit, as `commit.gpgSign` wants\n  help: see its words above"
            );
        }
        let id = String::from_utf8(output.stdout)?;
        Ok(Oid::from_str(id.trim())?)
    }

    /// Moves the branch, or a detached HEAD, to the commit, and the index with it; the branch's name.
    ///
    /// Both or none: the branch is locked first, and the index put back where the branch cannot be moved.
    fn advance(
        &self,
        commit: Oid,
        parent: Option<&Commit<'_>>,
        index: &mut Index,
    ) -> anyhow::Result<Option<String>> {
        let target = self.branch()?;
        let name = target.as_deref().unwrap_or("HEAD");
        let mut transaction = self.repository.transaction()?;
        let locked = transaction.lock_ref(name);
        locked.map_err(|error| self.in_use(&error, name))?;
        let now = self.repository.refname_to_id(name).ok();
        if now != parent.map(Commit::id) {
            bail!("`{name}` moved meanwhile; the commit {commit} is on no branch");
        }
        let first = self.message.lines().next().unwrap_or_default();
        let message = match parent {
            Some(_) => format!("commit: {first}"),
            None => format!("commit (initial): {first}"),
        };
        transaction.set_target(name, commit, Some(&self.committer), &message)?;
        let path = index.path().map(Path::to_owned);
        let before = path.as_deref().map(fs_err::read);
        let written = index.write();
        written.map_err(|error| self.in_use(&error, "index"))?;
        if let Err(error) = transaction.commit() {
            if let (Some(path), Some(Ok(before))) = (path, before) {
                put_back(&path, &before)?;
            }
            return Err(self.in_use(&error, name));
        }
        Ok(target.map(|target| {
            let branch = target.strip_prefix("refs/heads/");
            branch.unwrap_or(&target).to_owned()
        }))
    }

    /// The branch that is checked out, as `refs/heads/main`; `None` where HEAD is detached.
    fn branch(&self) -> anyhow::Result<Option<String>> {
        let head = self.repository.find_reference("HEAD")?;
        Ok(head.symbolic_target()?.map(str::to_owned))
    }

    /// An error of git's; if it is that another program has locked what is written, with the file to look at.
    fn in_use(&self, error: &git2::Error, name: &str) -> anyhow::Error {
        match error.code() {
            ErrorCode::Locked => locked(&self.lock_of(name)),
            _ => anyhow::anyhow!("git cannot write `{name}`: {}", error.message()),
        }
    }

    /// The file by which git locks the index, HEAD or a branch.
    fn lock_of(&self, name: &str) -> PathBuf {
        let folder = match name.starts_with("refs/") {
            true => self.repository.commondir(),
            false => self.repository.path(),
        };
        folder.join(format!("{name}.lock"))
    }

    /// Refuses to begin where another program of git's is at work, or was killed at it.
    fn check_locks(&self) -> anyhow::Result<()> {
        let branch = self.branch()?;
        let names = ["index", "HEAD"].into_iter().chain(branch.as_deref());
        match names
            .map(|name| self.lock_of(name))
            .find(|lock| lock.symlink_metadata().is_ok())
        {
            Some(lock) => Err(locked(&lock)),
            None => Ok(()),
        }
    }
}

/// libgit2 reads no sparse index, and would write none.
fn unreadable_index(error: &git2::Error) -> anyhow::Error {
    match error.message().contains("extension") {
        true => anyhow::anyhow!(
            "git's index is sparse, which only git itself writes\n  \
             help: build without `--commit`, then `git add` and `git commit`; or run `git sparse-checkout reapply --no-sparse-index`"
        ),
        false => anyhow::anyhow!("cannot read git's index: {}", error.message()),
    }
}

fn locked(lock: &Path) -> anyhow::Error {
    let lock = lock.display();
    anyhow::anyhow!(
        "another git program is at work in this repository: `{lock}` is there\n  \
         help: wait until it ends; if none is running, it was killed: remove the file"
    )
}

/// Gives the index the bytes that it had.
fn put_back(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let path = Utf8Path::from_path(path).context("the path of git's index is not UTF-8")?;
    let (folder, name) = (path.parent(), path.file_name());
    let folder = Folder::open(folder.unwrap_or(Utf8Path::new("")))?;
    folder.write(name.unwrap_or_default(), bytes, Rights::Kept)?;
    Ok(())
}

fn identity(
    found: Result<Signature<'static>, git2::Error>,
    who: &str,
) -> anyhow::Result<Signature<'static>> {
    found.map_err(|error| match error.code() {
        ErrorCode::NotFound => anyhow::anyhow!(
            "git does not know who is the {who} of the commit\n  \
             help: `git config --global user.name NAME` and `git config --global user.email ADDRESS`"
        ),
        _ => anyhow::anyhow!("git has no use for the {who} of the commit: {}", error.message()),
    })
}

/// `author.name` and the like stand between the environment and `user.name`.
///
/// Source: <https://git-scm.com/docs/git-config#Documentation/git-config.txt-authorname>.
fn with_config(
    repository: &Repository,
    found: Signature<'static>,
    who: &str,
) -> anyhow::Result<Signature<'static>> {
    let config = repository.config()?;
    let of = |field: &str, found: &str| {
        let variable = format!("GIT_{}_{}", who.to_uppercase(), field.to_uppercase());
        match std::env::var_os(variable).is_some_and(|value| !value.is_empty()) {
            true => found.to_owned(),
            false => config
                .get_string(&format!("{who}.{field}"))
                .unwrap_or_else(|_| found.to_owned()),
        }
    };
    let name = of("name", &String::from_utf8_lossy(found.name_bytes()));
    let email = of("email", &String::from_utf8_lossy(found.email_bytes()));
    Ok(Signature::new(&name, &email, &found.when())?)
}

fn under_way(state: RepositoryState) -> Option<&'static str> {
    match state {
        RepositoryState::Clean | RepositoryState::Bisect => None,
        RepositoryState::Merge => Some("a merge"),
        RepositoryState::Revert | RepositoryState::RevertSequence => Some("a revert"),
        RepositoryState::CherryPick | RepositoryState::CherryPickSequence => Some("a cherry-pick"),
        RepositoryState::Rebase
        | RepositoryState::RebaseInteractive
        | RepositoryState::RebaseMerge => Some("a rebase"),
        RepositoryState::ApplyMailbox | RepositoryState::ApplyMailboxOrRebase => {
            Some("the applying of a mailbox")
        }
    }
}
