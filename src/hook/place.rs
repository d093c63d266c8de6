//! Where git looks for the hook of a repository: asked of git itself, so that worktrees, submodules
//! and `core.hooksPath` are what git takes them for.

use std::process::Command;

use anyhow::{Context as _, bail};
use camino::{Utf8Path, Utf8PathBuf};

/// The repository around a folder, and its hooks.
#[derive(Debug)]
pub(super) struct HookPlace {
    /// The top of the work tree.
    pub(super) top: Utf8PathBuf,
    pub(super) hooks: Utf8PathBuf,
    /// The hooks are part of the work tree, and so may be committed and run on other machines.
    pub(super) is_in_work_tree: bool,
}

impl HookPlace {
    pub(super) fn find(folder: &Utf8Path) -> anyhow::Result<Self> {
        let folder = match folder.as_str() {
            "" => Utf8Path::new("."),
            _ => folder,
        };
        let Some(top) = git(folder, &["rev-parse", "--show-toplevel"])? else {
            bail!(
                "`{folder}` is in no work tree of git\n  help: run `git init`, or name the folder with `-C DIR`"
            );
        };
        let top = Utf8PathBuf::from(top).canonicalize_utf8()?;
        refuse_shared(&top)?;
        let hooks = git(&top, &["rev-parse", "--git-path", "hooks"])?
            .context("git does not say where its hooks are")?;
        let hooks = top.join(hooks);
        match hooks.metadata() {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => bail!(
                "`{hooks}` is no folder, so git runs no hooks\n  help: see `git config core.hooksPath`"
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => bail!("cannot read `{hooks}`: {error}"),
        }
        let common = git(&top, &["rev-parse", "--git-common-dir"])?
            .context("git does not say where the repository is")?;
        let real = |path: &Utf8Path| path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned());
        let is_in_work_tree =
            real(&hooks).starts_with(&top) && !real(&hooks).starts_with(real(&top.join(common)));
        Ok(Self {
            top,
            hooks,
            is_in_work_tree,
        })
    }

    /// A path as the user sees it: below the top of the work tree where it is there.
    pub(super) fn shown(&self, path: &Utf8Path) -> Utf8PathBuf {
        path.strip_prefix(&self.top).unwrap_or(path).to_owned()
    }
}

/// A folder that serves every repository of the user, or one that another program makes anew, is no
/// place for this repository's check.
fn refuse_shared(top: &Utf8Path) -> anyhow::Result<()> {
    let Some(found) = git(top, &["config", "--show-scope", "--get", "core.hooksPath"])? else {
        return Ok(());
    };
    let (scope, path) = found.split_once('\t').unwrap_or(("", &found));
    match scope {
        "local" | "worktree" => {}
        scope => bail!(
            "`core.hooksPath` is `{path}` for every repository ({scope} configuration): a hook there would run in all of them\n  \
             help: call `fluxgen hook run` from the hook there, or give this repository its own with `git config core.hooksPath .githooks`"
        ),
    }
    if path.trim_end_matches('/').ends_with(".husky/_") {
        bail!(
            "husky makes the hooks in `{path}` anew\n  help: add the line `fluxgen hook run` to `.husky/pre-commit`"
        );
    }
    Ok(())
}

/// What git answers, without the line's end; `None` where it has no answer.
fn git(folder: &Utf8Path, args: &[&str]) -> anyhow::Result<Option<String>> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(args)
        .env("LC_ALL", "C")
        .output()
        .context("cannot run `git`")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim();
        let is_no_answer = said.is_empty()
            || said.contains("not a git repository")
            || said.contains("must be run in a work tree");
        if is_no_answer {
            return Ok(None);
        }
        bail!("git: {said}");
    }
    let text =
        String::from_utf8(output.stdout).context("git answers with a path that is not UTF-8")?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}
