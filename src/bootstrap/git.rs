//! The repository through the git program, so that the user's credentials, proxies, ssh and
//! signing work as they do by hand.
//!
//! Commits are made beside the user's work: from a temporary index, on a given base. The index
//! and the work tree stay as they are, except that a checked-out branch that gets the commit
//! also gets the committed files into its index.

use std::collections::BTreeMap;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::environment::Environment;
use super::error::{Error, Result};
use super::program::{Output, Program};
use super::remote::{Remote, Scheme};
use super::secret::Secret;
use super::target::File;

/// A commit's name as git prints it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Commit(String);

/// The user name and password that git is given when it asks and no helper of the user's knows.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: Secret,
}

pub(crate) struct Git<'a> {
    env: &'a Environment,
    remote: &'a Remote,
    /// The work tree's root, or a temporary bare repository where the project is in none.
    dir: Utf8PathBuf,
    pub(crate) has_local: bool,
    login: Option<Login>,
    /// A file of certificates to trust, where `repo.caFile` names some.
    ca: Option<Utf8PathBuf>,
    /// Holds the askpass script, temporary indexes, and the repository where there is no other.
    scratch: tempfile::TempDir,
}

/// The oldest git with `fetch --no-write-fetch-head`.
pub(crate) const OLDEST_GIT: (u64, u64) = (2, 29);

impl<'a> Git<'a> {
    pub(crate) fn open(
        env: &'a Environment,
        remote: &'a Remote,
        login: Option<Login>,
        ca: Option<&str>,
    ) -> Result<Self> {
        let scratch = tempfile::Builder::new()
            .prefix("fluxgen-")
            .tempdir()
            .map_err(|error| Error::new(format!("no temporary folder can be made: {error}")))?;
        let top = Program::new(env, "git")
            .dir(&env.project)
            .var("LC_ALL", "C")
            .args(["rev-parse", "--show-toplevel"])
            .run()?;
        let bare = utf8(scratch.path().join("repository"))?;
        let has_local = top.is_success();
        let mut git = Self {
            env,
            remote,
            dir: if has_local {
                Utf8PathBuf::from(top.text())
            } else {
                bare.clone()
            },
            has_local,
            login,
            ca: None,
            scratch,
        };
        git.write_askpass()?;
        if !has_local {
            let made = Program::new(env, "git")
                .args(["init", "--bare", "--quiet", bare.as_str()])
                .run()?;
            expect(&made, "make a temporary repository")?;
        }
        if let Some(ca) = ca.filter(|_| remote.scheme == Scheme::Https) {
            git.ca = Some(git.write_certificates(ca)?);
        }
        Ok(git)
    }

    /// Writes the certificates to a file, behind those that the user's git is set to trust.
    ///
    /// Source: <https://git-scm.com/docs/git-config#Documentation/git-config.txt-httpsslCAInfo>
    fn write_certificates(&self, ca: &str) -> Result<Utf8PathBuf> {
        let set = match self.env.var("GIT_SSL_CAINFO") {
            Some(file) => file.to_owned(),
            None => self
                .git("config")
                .args(["--type=path", "--get-urlmatch", "http.sslCAInfo"])
                .arg(self.remote.as_str())
                .run()?
                .text(),
        };
        let mut text = match set.is_empty() {
            true => String::new(),
            false => fs_err::read_to_string(&set).map_err(|error| {
                Error::new(format!(
                    "git is set to trust certificates that cannot be read: {error}"
                ))
                .help("correct `GIT_SSL_CAINFO`, or git's `http.sslCAInfo`")
            })?,
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(ca);
        let path = utf8(self.scratch.path().join("ca.pem"))?;
        fs_err::write(&path, text).map_err(|error| Error::new(error.to_string()))?;
        Ok(path)
    }

    /// The version, as `(major, minor)`.
    pub(crate) fn version(env: &Environment) -> Result<(u64, u64)> {
        let output = Program::new(env, "git").arg("--version").run()?;
        let text = output.text();
        let mut numbers = text
            .split_whitespace()
            .nth(2)
            .unwrap_or_default()
            .split('.')
            .map_while(|part| part.parse().ok());
        Ok((numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)))
    }

    /// The remote's branches and where they stand; empty for an empty repository.
    pub(crate) fn remote_branches(&self) -> Result<BTreeMap<String, Commit>> {
        let output = self
            .network("ls-remote")
            .args(["--heads", self.remote.as_str()])
            .run()?;
        self.expect_remote(&output, "list the branches of")?;
        Ok(output
            .text()
            .lines()
            .filter_map(|line| {
                let (commit, name) = line.split_once('\t')?;
                Some((
                    name.strip_prefix("refs/heads/")?.to_owned(),
                    Commit(commit.to_owned()),
                ))
            })
            .collect())
    }

    /// Gets a branch's commits; no local reference changes.
    pub(crate) fn fetch(&self, branch: &str, at: &Commit) -> Result<()> {
        if self.has(at)? {
            return Ok(());
        }
        let output = self
            .network("fetch")
            .args([
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
            ])
            .args([self.remote.as_str(), &format!("refs/heads/{branch}")])
            .run()?;
        self.expect_remote(&output, "fetch from")
    }

    /// Where the checked-out branch stands, if it is this one and has a commit.
    pub(crate) fn local_head(&self, branch: &str) -> Result<Option<Commit>> {
        if !self.has_local {
            return Ok(None);
        }
        let on = self.git("symbolic-ref").args(["--quiet", "HEAD"]).run()?;
        if on.text() != format!("refs/heads/{branch}") {
            return Ok(None);
        }
        let head = self
            .git("rev-parse")
            .args(["--quiet", "--verify", "HEAD^{commit}"])
            .run()?;
        Ok(head.is_success().then(|| Commit(head.text())))
    }

    /// Where HEAD stands on whatever branch.
    pub(crate) fn any_local_head(&self) -> Result<Option<Commit>> {
        if !self.has_local {
            return Ok(None);
        }
        let head = self
            .git("rev-parse")
            .args(["--quiet", "--verify", "HEAD^{commit}"])
            .run()?;
        Ok(head.is_success().then(|| Commit(head.text())))
    }

    pub(crate) fn is_ancestor(&self, old: &Commit, new: &Commit) -> Result<bool> {
        let output = self
            .git("merge-base")
            .args(["--is-ancestor", &old.0, &new.0])
            .run()?;
        match output.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(failed(&output, "compare two commits")),
        }
    }

    pub(crate) fn is_related(&self, a: &Commit, b: &Commit) -> Result<bool> {
        Ok(self
            .git("merge-base")
            .args([&a.0, &b.0])
            .run()?
            .is_success())
    }

    /// How many commits the second has that the first has not; of all where there is no first.
    pub(crate) fn count(&self, from: Option<&Commit>, to: &Commit) -> Result<usize> {
        let range = from.map_or_else(|| to.0.clone(), |from| format!("{}..{}", from.0, to.0));
        let output = self.git("rev-list").args(["--count", &range]).run()?;
        expect(&output, "count commits")?;
        output
            .text()
            .parse()
            .map_err(|_| failed(&output, "count commits"))
    }

    /// What the files hold in a commit; `None` for one that is not there.
    pub(crate) fn contents<'p>(
        &self,
        commit: &Commit,
        paths: impl IntoIterator<Item = &'p Utf8Path>,
    ) -> Result<Vec<Option<Vec<u8>>>> {
        let paths: Vec<&Utf8Path> = paths.into_iter().collect();
        let asked: String = paths
            .iter()
            .map(|path| format!("{}:{path}\n", commit.0))
            .collect();
        if paths.iter().any(|path| path.as_str().contains('\n')) {
            return Err(Error::new("a path holds a line end"));
        }
        let output = self.git("cat-file").arg("--batch").stdin(asked).run()?;
        expect(&output, "read files of a commit")?;
        let mut rest = output.stdout.as_slice();
        let broken = || Error::new("git's answer about files of a commit cannot be read");
        let mut found = Vec::with_capacity(paths.len());
        for _ in &paths {
            let end = rest
                .iter()
                .position(|byte| *byte == b'\n')
                .ok_or_else(broken)?;
            let (head, after) = rest.split_at(end);
            let head = String::from_utf8_lossy(head).into_owned();
            rest = &after[1..];
            if head.ends_with(" missing") {
                found.push(None);
                continue;
            }
            let size: usize = head
                .rsplit(' ')
                .next()
                .and_then(|size| size.parse().ok())
                .ok_or_else(broken)?;
            let bytes = rest.get(..size).ok_or_else(broken)?;
            let is_file = head.split(' ').nth(1) == Some("blob");
            found.push(is_file.then(|| bytes.to_vec()));
            rest = rest.get(size + 1..).ok_or_else(broken)?;
        }
        Ok(found)
    }

    /// Makes one commit on the base: exactly these files changed, those removed.
    ///
    /// It is signed if `commit.gpgSign` is set; `commit-tree` does not look there by itself.
    /// Source: <https://git-scm.com/docs/git-commit-tree>
    pub(crate) fn commit(
        &self,
        base: Option<&Commit>,
        files: &[File],
        removed: &[Utf8PathBuf],
        message: &str,
    ) -> Result<Commit> {
        let index = tempfile::Builder::new()
            .prefix("index-")
            .tempdir_in(self.scratch.path())
            .map_err(|error| Error::new(format!("no temporary folder can be made: {error}")))?;
        let index = utf8(index.path().join("index"))?;
        let with_index = |command| self.git(command).var("GIT_INDEX_FILE", index.as_str());
        let read = match base {
            Some(base) => with_index("read-tree").arg(&base.0).run()?,
            None => with_index("read-tree").arg("--empty").run()?,
        };
        expect(&read, "read the branch's tree")?;
        let changes = self.index_lines(files, removed)?;
        let staged = with_index("update-index")
            .args(["-z", "--index-info"])
            .stdin(changes)
            .run()?;
        expect(&staged, "put the generated files into the commit")?;
        let tree = with_index("write-tree").run()?;
        expect(&tree, "write the commit's tree")?;

        let mut commit = self.git("commit-tree").arg(tree.text());
        if let Some(base) = base {
            commit = commit.args(["-p", &base.0]);
        }
        let signs = self
            .git("config")
            .args(["--type=bool", "--get", "commit.gpgSign"])
            .run()?;
        if signs.text() == "true" {
            commit = commit.arg("-S");
        }
        let made = commit.stdin(format!("{message}\n")).run()?;
        if made.is_success() {
            return Ok(Commit(made.text()));
        }
        let error = failed(&made, "make the commit");
        Err(
            if made.stderr.contains("tell me who you are") || made.stderr.contains("empty ident") {
                error.help("run `git config --global user.name …` and `user.email …`")
            } else if signs.text() == "true" {
                error.help("`commit.gpgSign` is set: check `user.signingKey` and `gpg.format`")
            } else {
                error
            },
        )
    }

    /// Whether the checked-out branch is this one and stands at the base.
    pub(crate) fn can_follow(&self, branch: &str, base: Option<&Commit>) -> Result<bool> {
        if !self.has_local {
            return Ok(false);
        }
        let on = self.git("symbolic-ref").args(["--quiet", "HEAD"]).run()?;
        Ok(
            on.text() == format!("refs/heads/{branch}")
                && self.local_head(branch)?.as_ref() == base,
        )
    }

    /// Notes the files in the index of the work tree. What is staged besides stays.
    pub(crate) fn stage(&self, files: &[File], removed: &[Utf8PathBuf]) -> Result<()> {
        let changes = self.index_lines(files, removed)?;
        let staged = self
            .git("update-index")
            .args(["-z", "--index-info"])
            .stdin(changes)
            .run()?;
        expect(&staged, "note the committed files in the index")
    }

    /// Moves the checked-out branch from the base to the commit.
    pub(crate) fn follow(&self, branch: &str, base: Option<&Commit>, to: &Commit) -> Result<()> {
        let reference = format!("refs/heads/{branch}");
        let zeros = "0".repeat(to.0.len());
        let old = base.map_or(zeros.as_str(), |base| base.0.as_str());
        let moved = self
            .git("update-ref")
            .args(["-m", "fluxgen bootstrap", &reference, &to.0, old])
            .run()?;
        expect(&moved, "move the local branch")
    }

    /// Pushes the commit to the branch. With `replaces` the branch may be overwritten if it still
    /// stands there; without, only moved forward.
    pub(crate) fn push(
        &self,
        commit: &Commit,
        branch: &str,
        replaces: Option<&Commit>,
    ) -> Result<()> {
        let reference = format!("refs/heads/{branch}");
        let mut push = self.network("push").args(["--porcelain", "--no-verify"]);
        if let Some(old) = replaces {
            push = push.arg(format!("--force-with-lease={reference}:{}", old.0));
        }
        let output = push
            .args([self.remote.as_str(), &format!("{}:{reference}", commit.0)])
            .run()?;
        self.expect_pushed(&output, branch)
    }

    /// Asks the server whether it takes a push, without one.
    pub(crate) fn try_push(&self, commit: &Commit, branch: &str) -> Result<()> {
        let output = self
            .network("push")
            .args([
                "--porcelain",
                "--dry-run",
                "--no-verify",
                self.remote.as_str(),
            ])
            .arg(format!("{}:refs/heads/{branch}", commit.0))
            .run()?;
        self.expect_pushed(&output, branch)
    }

    fn has(&self, commit: &Commit) -> Result<bool> {
        let name = format!("{}^{{commit}}", commit.0);
        Ok(self.git("cat-file").args(["-e", &name]).run()?.is_success())
    }

    /// The lines of `update-index --index-info`, each ended by NUL.
    fn index_lines(&self, files: &[File], removed: &[Utf8PathBuf]) -> Result<Vec<u8>> {
        let mut lines = Vec::new();
        let mut name_length = 40;
        for file in files {
            let stored = self
                .git("hash-object")
                .args(["-w", "--stdin"])
                .stdin(file.bytes.clone())
                .run()?;
            expect(&stored, "store a generated file")?;
            let name = stored.text();
            name_length = name.len();
            let _ = write!(lines, "100644 {name}\t{}\0", file.path);
        }
        for path in removed {
            let _ = write!(lines, "0 {}\t{path}\0", "0".repeat(name_length));
        }
        Ok(lines)
    }

    fn git(&self, command: &'static str) -> Program<'_> {
        Program::new(self.env, "git")
            .dir(&self.dir)
            .var("LC_ALL", "C")
            .arg(command)
    }

    /// A command that talks to the remote; it may ask for the login through the script.
    fn network(&self, command: &'static str) -> Program<'_> {
        let mut program = Program::new(self.env, "git")
            .dir(&self.dir)
            .var("LC_ALL", "C");
        if let Some(ca) = &self.ca {
            program = program.var("GIT_SSL_CAINFO", ca.as_str());
        }
        let Some(login) = &self.login else {
            return program.arg(command);
        };
        program
            .var("GIT_ASKPASS", self.askpass().into_string())
            .var("FLUXGEN_GIT_HOST", self.remote.host.as_str())
            .var("FLUXGEN_GIT_USERNAME", login.username.as_str())
            .secret_var("FLUXGEN_GIT_PASSWORD", &login.password)
            .arg(command)
    }

    fn askpass(&self) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.scratch.path().join("askpass"))
            .unwrap_or_else(|path| Utf8PathBuf::from(path.to_string_lossy().into_owned()))
    }

    /// The script that git runs to ask. It holds no secret and answers for the one host only.
    ///
    /// Source: <https://git-scm.com/docs/gitcredentials#_requesting_credentials>
    fn write_askpass(&self) -> Result<()> {
        const SCRIPT: &str = "#!/bin/sh\n\
            case \"$1\" in *\"$FLUXGEN_GIT_HOST\"*) ;; *) exit 1 ;; esac\n\
            case \"$1\" in\n\
            Username*) printf '%s\\n' \"$FLUXGEN_GIT_USERNAME\" ;;\n\
            *) printf '%s\\n' \"$FLUXGEN_GIT_PASSWORD\" ;;\n\
            esac\n";
        let path = self.askpass();
        fs_err::write(&path, SCRIPT).map_err(|error| Error::new(error.to_string()))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o700))
                .map_err(|error| Error::new(error.to_string()))?;
        }
        Ok(())
    }

    fn expect_remote(&self, output: &Output, doing: &str) -> Result<()> {
        if output.is_success() {
            return Ok(());
        }
        Err(self.explain(&output.stderr, doing))
    }

    fn expect_pushed(&self, output: &Output, branch: &str) -> Result<()> {
        if output.is_success() {
            return Ok(());
        }
        // Why a reference was turned away stands in the porcelain lines on standard output.
        let said = format!("{}\n{}", output.text(), output.stderr);
        let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
        if has(&[
            "[rejected]",
            "stale info",
            "(fetch first)",
            "non-fast-forward",
        ]) {
            return Err(Error::new(format!(
                "branch `{branch}` of `{}` has moved on",
                self.remote
            ))
            .note("somebody pushed to it in the meantime")
            .help("run `git pull --rebase`, build again, and run the same command"));
        }
        if has(&[
            "[remote rejected]",
            "protected branch",
            "pre-receive hook declined",
        ]) {
            return Err(
                Error::new(format!("`{}` refuses the push to `{branch}`", self.remote))
                    .note(remote_lines(&said))
                    .help("use `--pull-request` where the branch is protected"),
            );
        }
        Err(self.explain(&output.stderr, "push to"))
    }

    /// Turns what git printed into what to do.
    fn explain(&self, stderr: &str, doing: &str) -> Error {
        let remote = self.remote;
        let host = &remote.host;
        let said = stderr.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
        let error =
            |why: String| Error::new(format!("cannot {doing} `{remote}`: {why}")).note(stderr);
        if has(&["host key verification failed"]) {
            return error(format!("ssh does not know the host key of `{host}`")).help(format!(
                "run `ssh -T git@{host}` once and compare the fingerprint"
            ));
        }
        if has(&["permission denied (", "too many authentication failures"]) {
            return error("ssh has no key that is accepted".to_owned())
                .help("add your key to the agent (`ssh-add`) and to your account");
        }
        if has(&["certificate verification failed", "ssl certificate problem"]) {
            return error(format!("the certificate of `{host}` is not trusted")).help(
                "name the file of the authority that signed it in `repo.caFile`, or have git trust it",
            );
        }
        let denied = &[
            "authentication failed",
            "could not read username",
            "could not read password",
            "terminal prompts disabled",
            "error: 401",
            "error: 403",
            "access denied",
        ];
        if has(denied) {
            return error("git is not let in".to_owned())
                .help("give a token in the environment, or set up a credential helper for git");
        }
        let unreachable = &[
            "could not resolve host",
            "connection refused",
            "timed out",
            "no route to host",
            "network is unreachable",
            "failed to connect",
            "couldn't connect",
        ];
        if has(unreachable) {
            return error(format!("`{host}` cannot be reached"))
                .help("check `repo.url`, the network and the proxy settings");
        }
        let absent = &[
            "repository not found",
            "not found",
            "does not appear to be a git repository",
            "does not exist",
            "no such file",
        ];
        if has(absent) {
            let help = if remote.scheme == Scheme::File {
                "make it with `git init --bare`"
            } else {
                "create it, or declare `[repo.provider]` to have it created"
            };
            return error("there is no such repository".to_owned()).help(help);
        }
        error("git failed".to_owned())
    }
}

impl Commit {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The first characters, for people.
    pub(crate) fn short(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }
}

/// The password that git's own helpers have for a host, without asking anybody.
///
/// Source: <https://git-scm.com/docs/git-credential>
pub(crate) fn stored_login(env: &Environment, host: &str) -> Result<Option<Login>> {
    let output = Program::new(env, "git")
        .args(["credential", "fill"])
        .var("GIT_TERMINAL_PROMPT", "0")
        .var("GIT_ASKPASS", "")
        .var("SSH_ASKPASS", "")
        .stdin(format!("protocol=https\nhost={host}\n\n"))
        .run()?;
    if !output.is_success() {
        return Ok(None);
    }
    let text = output.text();
    let value = |key: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.filter(|value| !value.is_empty())
    };
    Ok(value("password").map(|password| Login {
        username: value("username").unwrap_or("git").to_owned(),
        password: Secret::new(password),
    }))
}

fn expect(output: &Output, doing: &str) -> Result<()> {
    if output.is_success() {
        Ok(())
    } else {
        Err(failed(output, doing))
    }
}

fn failed(output: &Output, doing: &str) -> Error {
    Error::new(format!("git could not {doing}")).note(output.stderr.clone())
}

/// The server's own lines of a push.
fn remote_lines(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("remote: "))
        .map(str::trim)
        .collect();
    if lines.is_empty() {
        said.trim().to_owned()
    } else {
        lines.join("\n")
    }
}

fn utf8(path: std::path::PathBuf) -> Result<Utf8PathBuf> {
    Utf8PathBuf::from_path_buf(path)
        .map_err(|path| Error::new(format!("the path `{}` is not Unicode", path.display())))
}
