//! The generated files on the repository's branch: one commit, pushed or proposed.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Applied, Step, count};
use crate::bootstrap::error::{Error, Result};
use crate::bootstrap::forge::{Proposal, Protection};
use crate::bootstrap::git::Commit;
use crate::bootstrap::plan::Finding;
use crate::bootstrap::session::{Look, Session};
use crate::bootstrap::target::PullRequest;

pub(super) struct CommitStep;

/// How the branch stands to the generated files.
enum Standing {
    /// The branch holds them all.
    Current(Commit),
    Direct(Direct),
    Proposed(Proposed),
    /// A pull request with exactly these files waits to be merged.
    Open(Opened),
}

/// The files go to a branch of their own.
struct Proposed {
    base: Base,
    existing: Option<Commit>,
}

/// What the commit is made on.
struct Base {
    commit: Commit,
    /// Commits of the checked-out branch that the remote does not have and gets with it.
    ahead: usize,
}

/// A branch that was pushed to be merged.
struct Opened {
    branch: String,
    /// The pull request's page; `None` where no forge's API is declared.
    url: Option<String>,
}

/// A commit for the branch itself.
struct Direct {
    /// What it is made on; `None` for the first commit of all.
    base: Option<Commit>,
    /// Commits of the local branch that the remote does not have and gets with it.
    ahead: usize,
    /// The local branch holds the files already and only needs to be pushed.
    is_committed: bool,
    /// The repository has no branch that a pull request could be made against.
    is_first: bool,
}

impl Step for CommitStep {
    fn name(&self) -> &'static str {
        "commit"
    }

    fn inspect(&self, session: &Session<'_>) -> Result<Finding> {
        let target = session.target;
        let branch = &target.branch;
        let files = count(target.files.len(), "file");
        let finding = Finding::default();
        let finding = match standing(session)? {
            Standing::Current(commit) => {
                return Ok(finding.present(format!("{files} on `{branch}` at {}", commit.short())));
            }
            Standing::Open(opened) => {
                let url = opened.url.as_deref().unwrap_or(&opened.branch);
                finding
                    .present(format!("{url} is open"))
                    .todo("wait for its merge")
            }
            Standing::Proposed(Proposed { base, .. }) => {
                let from = pull_branch(session);
                let finding = finding.present(format!("`{branch}` is not as it is to be"));
                with_ahead(finding, base.ahead, "HEAD").todo(format!(
                    "commit {files} to `{from}`, push it, propose it for `{branch}`"
                ))
            }
            Standing::Direct(direct) => {
                let mut finding = with_ahead(finding, direct.ahead, branch);
                if direct.is_first && session.options.pull_request.is_some() {
                    finding = finding.note("an empty repository has no branch to propose to");
                }
                if !direct.is_committed {
                    finding = finding.todo(format!("commit {files}"));
                }
                finding.todo(format!("push to `{branch}` of `{}`", target.remote))
            }
        };
        Ok(finding.needs(format!("the right to push to `{}`", target.remote)))
    }

    fn apply(&self, session: &Session<'_>) -> Result<Applied> {
        match standing(session)? {
            Standing::Current(_) => Ok(Applied::Done),
            Standing::Direct(direct) => push(session, &direct),
            Standing::Proposed(Proposed { base, existing }) => {
                let opened = propose(session, &base.commit, existing.as_ref())?;
                await_merge(session, &opened)
            }
            Standing::Open(opened) => await_merge(session, &opened),
        }
    }
}

fn standing(session: &Session<'_>) -> Result<Standing> {
    let (target, git) = (session.target, &session.git);
    let branch = target.branch.as_str();
    if session.is_repository_missing() {
        return first(session);
    }
    let branches = git.remote_branches()?;
    let Some(remote) = branches.get(branch) else {
        if branches.is_empty() {
            return first(session);
        }
        let names: Vec<String> = branches
            .keys()
            .take(10)
            .map(|name| format!("`{name}`"))
            .collect();
        return Err(
            Error::new(format!("`{}` has no branch `{branch}`", target.remote))
                .note(format!("it has {}", names.join(", ")))
                .help("correct `repo.branch`, or push the branch once"),
        );
    };
    git.fetch(branch, remote)?;
    if holds(session, remote)? {
        return Ok(Standing::Current(remote.clone()));
    }
    check_is_ours(session, remote)?;
    check_is_free(session, remote)?;
    let base = base(session, remote)?;
    if let Some(request) = &session.options.pull_request {
        let existing = branches.get(&pull_branch(session));
        return proposal(session, request, base, existing);
    }
    check_is_open(session)?;
    if base.ahead > 0 && git.local_head(branch)?.is_none() {
        return Err(
            Error::new(format!("the checked-out branch is not `{branch}`"))
                .note(format!(
                    "its {} would be pushed to `{branch}`",
                    count(base.ahead, "commit")
                ))
                .help(format!(
                    "run `git switch {branch}`, or propose them with `--pull-request`"
                )),
        );
    }
    let is_committed = base.ahead > 0 && holds(session, &base.commit)?;
    Ok(Standing::Direct(Direct {
        base: Some(base.commit),
        ahead: base.ahead,
        is_committed,
        is_first: false,
    }))
}

/// The checked-out commit, which has to have all that the remote has: what was built from less
/// would take back what others pushed, tags that image automation set among it.
fn base(session: &Session<'_>, remote: &Commit) -> Result<Base> {
    let (target, git) = (session.target, &session.git);
    let branch = &target.branch;
    let Some(local) = git.any_local_head()?.filter(|local| local != remote) else {
        return Ok(Base {
            commit: remote.clone(),
            ahead: 0,
        });
    };
    if git.is_ancestor(remote, &local)? {
        return Ok(Base {
            ahead: git.count(Some(remote), &local)?,
            commit: local,
        });
    }
    let what = if git.local_head(branch)?.is_some() {
        format!("the local branch `{branch}`")
    } else {
        "the checked-out commit".to_owned()
    };
    let (how, help) = if git.is_ancestor(&local, remote)? {
        ("is behind", "--ff-only")
    } else {
        ("has diverged from", "--rebase")
    };
    Err(
        Error::new(format!("{what} {how} `{branch}` of `{}`", target.remote))
            .note("what was built from it may be out of date")
            .help(format!(
                "run `git pull {help} {} {branch}`, then the same command",
                target.remote
            )),
    )
}

fn with_ahead(finding: Finding, ahead: usize, whose: &str) -> Finding {
    if ahead == 0 {
        return finding;
    }
    let commits = count(ahead, "local commit");
    finding.todo(format!("push {commits} of `{whose}` with it"))
}

/// The first commit of an empty repository: on top of the local branch, if there is one.
fn first(session: &Session<'_>) -> Result<Standing> {
    let (branch, git) = (&session.target.branch, &session.git);
    let local = git.local_head(branch)?;
    if local.is_none() && git.any_local_head()?.is_some() {
        return Err(
            Error::new(format!("the checked-out branch is not `{branch}`"))
                .note("the repository is empty: its first commits are those of the local branch")
                .help(format!(
                    "run `git switch {branch}`, or correct `repo.branch`"
                )),
        );
    }
    let (ahead, is_committed) = match &local {
        Some(local) => (git.count(None, local)?, holds(session, local)?),
        None => (0, false),
    };
    Ok(Standing::Direct(Direct {
        base: local,
        ahead,
        is_committed,
        is_first: true,
    }))
}

fn proposal(
    session: &Session<'_>,
    request: &PullRequest,
    base: Base,
    existing: Option<&Commit>,
) -> Result<Standing> {
    let target = session.target;
    let from = target.pull_branch(request);
    if from == target.branch {
        return Err(Error::new(format!("`{from}` cannot be proposed to itself"))
            .help("give another name with `--pull-request-branch`"));
    }
    let fresh = Standing::Proposed(Proposed {
        base,
        existing: existing.cloned(),
    });
    let Some(existing) = existing else {
        return Ok(fresh);
    };
    session.git.fetch(&from, existing)?;
    if !holds(session, existing)? {
        // What this tool pushed is replaced; what somebody else did is not.
        if session.journal.borrow().commit() != Some(existing.as_str()) {
            return Err(Error::new(format!(
                "branch `{from}` of `{}` is there already, with something else",
                target.remote
            ))
            .note(format!("it stands at {}", existing.short()))
            .help("delete it, or give another name with `--pull-request-branch`"));
        }
        return Ok(fresh);
    }
    let url = match (&session.forge, session.repository()) {
        (Some(forge), Some(repository)) => {
            match forge.pull_request(&repository, &from, &target.branch)? {
                Some(pull) => Some(pull.url),
                None => return Ok(fresh),
            }
        }
        _ => None,
    };
    Ok(Standing::Open(Opened { branch: from, url }))
}

fn push(session: &Session<'_>, direct: &Direct) -> Result<Applied> {
    let (target, git) = (session.target, &session.git);
    let base = direct.base.as_ref();
    let commit = match base {
        Some(base) if direct.is_committed => base.clone(),
        _ => git.commit(
            base,
            &target.files,
            &present(session, base)?,
            &target.message,
        )?,
    };
    git.push(&commit, &target.branch, None)?;
    session.reached("commit.pushed")?;
    // Only now: a push that is refused leaves the local branch where it was. In this order a run that
    // is killed leaves nothing in the way of the user's next `git pull`.
    if git.can_follow(&target.branch, base)? {
        git.stage(&target.files, &target.removed)?;
        session.reached("commit.staged")?;
        if let Some(write) = session.write_tree {
            write()?;
        }
        session.reached("commit.written")?;
        git.follow(&target.branch, base, &commit)?;
        session.reached("commit.followed")?;
    }
    session.journal.borrow_mut().set_commit(commit.as_str())?;
    session
        .ui
        .say(&format!("pushed {} to `{}`", commit.short(), target.branch));
    Ok(Applied::Done)
}

fn propose(session: &Session<'_>, base: &Commit, existing: Option<&Commit>) -> Result<Opened> {
    let (target, git) = (session.target, &session.git);
    let from = pull_branch(session);
    let is_pushed = match existing {
        Some(existing) => holds(session, existing)?,
        None => false,
    };
    if !is_pushed {
        let removed = present(session, Some(base))?;
        let commit = git.commit(Some(base), &target.files, &removed, &target.message)?;
        git.push(&commit, &from, existing)?;
        session.journal.borrow_mut().set_commit(commit.as_str())?;
        session.reached("commit.branch")?;
    }
    let mut opened = Opened {
        branch: from.clone(),
        url: None,
    };
    if let (Some(forge), Some(repository)) = (&session.forge, session.repository()) {
        let found = forge.pull_request(&repository, &from, &target.branch)?;
        let pull = match found {
            Some(pull) => pull,
            None => forge.open_pull_request(
                &repository,
                &Proposal {
                    from,
                    to: target.branch.clone(),
                    title: target.message.clone(),
                    body: format!(
                        "Generated from `{}` for cluster `{}`.",
                        target.config, target.cluster
                    ),
                },
            )?,
        };
        session.reached("commit.proposed")?;
        session.ui.say(&format!("opened {}", pull.url));
        opened.url = Some(pull.url);
    }
    Ok(opened)
}

fn await_merge(session: &Session<'_>, opened: &Opened) -> Result<Applied> {
    let target = session.target;
    let what = match &opened.url {
        Some(url) => format!("the merge of {url}"),
        None => format!("the merge of `{}` into `{}`", opened.branch, target.branch),
    };
    let waits = session
        .options
        .pull_request
        .as_ref()
        .is_some_and(|request| request.wait);
    if !waits {
        return Ok(Applied::Waiting(format!(
            "{what}; run the same command after it"
        )));
    }
    let merged = session.wait(&what, |_| {
        let head = session.remote_head()?;
        if let Some(head) = head {
            session.git.fetch(&target.branch, &head)?;
            if holds(session, &head)? {
                return Ok(Look::Ready(head));
            }
        }
        Ok(Look::NotYet("not merged".to_owned()))
    })?;
    match merged {
        Some(head) => {
            session.journal.borrow_mut().set_commit(head.as_str())?;
            Ok(Applied::Done)
        }
        None => Err(Error::new(format!(
            "{what} did not come within {} seconds",
            session.options.timeout.as_secs()
        ))
        .help("run the same command after it, or wait longer with `--timeout`")),
    }
}

/// Whether a commit's tree is what the build made.
fn holds(session: &Session<'_>, commit: &Commit) -> Result<bool> {
    let target = session.target;
    let paths: Vec<&Utf8Path> = target
        .files
        .iter()
        .map(|file| file.path.as_path())
        .collect();
    let found = session.git.contents(commit, paths)?;
    let same = target
        .files
        .iter()
        .zip(&found)
        .all(|(file, found)| found.as_ref().is_some_and(|bytes| *bytes == file.bytes));
    Ok(same && present(session, Some(commit))?.is_empty())
}

/// The files to remove that are there to be removed.
fn present(session: &Session<'_>, commit: Option<&Commit>) -> Result<Vec<Utf8PathBuf>> {
    let removed = &session.target.removed;
    let Some(commit) = commit else {
        return Ok(Vec::new());
    };
    let found = session
        .git
        .contents(commit, removed.iter().map(Utf8PathBuf::as_path))?;
    let there = removed
        .iter()
        .zip(found)
        .filter(|(_, found)| found.is_some());
    Ok(there.map(|(path, _)| path.clone()).collect())
}

/// A repository with commits is ours if it has the TOML, or a history in common with the
/// project's.
fn check_is_ours(session: &Session<'_>, remote: &Commit) -> Result<()> {
    let (target, git) = (session.target, &session.git);
    let config = git.contents(remote, [target.config.as_path()])?;
    if config.iter().any(Option::is_some) {
        return Ok(());
    }
    if let Some(local) = git.any_local_head()?
        && git.is_related(&local, remote)?
    {
        return Ok(());
    }
    Err(Error::new(format!(
        "`{}` is not empty and not of this project",
        target.remote
    ))
    .note(format!(
        "its branch `{}` has no `{}` and no commit in common with the project",
        target.branch, target.config
    ))
    .help("correct `repo.url`, or clone the repository and move the project into it"))
}

/// A file of somebody else's in the place of a generated one is not replaced.
fn check_is_free(session: &Session<'_>, remote: &Commit) -> Result<()> {
    let target = session.target;
    let Some(marker) = &target.marker else {
        return Ok(());
    };
    let is_marked = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(marker.as_str());
    // The lock has no marker and its name is no user's own.
    let marked = target.files.iter().filter(|file| is_marked(&file.bytes));
    let marked: Vec<_> = marked.collect();
    let paths = marked.iter().map(|file| file.path.as_path());
    let found = session.git.contents(remote, paths)?;
    for (file, found) in marked.into_iter().zip(found) {
        let Some(found) = found else { continue };
        if found != file.bytes && !is_marked(&found) {
            return Err(Error::new(format!(
                "`{}` in the repository is not generated",
                file.path
            ))
            .note(format!("branch `{}` of `{}`", target.branch, target.remote))
            .help(format!(
                "take it over with `fluxgen build --adopt {}` and push that, or move it",
                file.path
            )));
        }
    }
    Ok(())
}

fn check_is_open(session: &Session<'_>) -> Result<()> {
    let (Some(forge), Some(repository)) = (&session.forge, session.repository()) else {
        return Ok(());
    };
    let branch = &session.target.branch;
    match forge.protection(&repository, branch)? {
        Protection::Open => Ok(()),
        Protection::PullRequestOnly => Err(Error::new(format!(
            "branch `{branch}` takes pull requests only"
        ))
        .note(format!("{} protects it", forge.kind().as_str()))
        .help("pass `--pull-request`")),
    }
}

fn pull_branch(session: &Session<'_>) -> String {
    let default = PullRequest {
        branch: None,
        wait: false,
    };
    session
        .target
        .pull_branch(session.options.pull_request.as_ref().unwrap_or(&default))
}
