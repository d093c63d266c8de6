//! Commits that are really made or really refused: through `fluxgen hook install` and through pre-commit.

mod git;

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use git::{Repository, fluxgen, git as run_git};

const GOOD: &str = r#"
[repo]
url = "ssh://git@github.com/acme/fleet"
[clusters.staging]
[kustomizations.apps]
path = "./apps"
"#;

const APPS: &str = "clusters/staging/kustomizations/apps.yaml";

/// Its interval has no unit.
fn bad() -> String {
    format!("{GOOD}interval = \"5\"\n")
}

/// Another tree than `GOOD`'s.
fn other() -> String {
    format!("{GOOD}interval = \"7m\"\n")
}

/// A repository with the project and its trees committed, and the hook installed.
fn hooked() -> Repository {
    let repository = built();
    done(&repository, &["hook", "install"]);
    repository
}

fn built() -> Repository {
    let repository = Repository::new();
    repository.write("fluxgen.toml", GOOD);
    repository.build_and_commit();
    repository
}

fn done(repository: &Repository, args: &[&str]) -> String {
    let run = repository.fluxgen(args);
    assert_eq!(run.code, Some(0), "{args:?}: {}", run.stderr);
    run.stdout
}

fn refused(repository: &Repository, args: &[&str]) -> String {
    let run = repository.fluxgen(args);
    assert_eq!(run.code, Some(2), "{args:?}: {}{}", run.stdout, run.stderr);
    run.stderr
}

/// `git commit`, with this fluxgen on the PATH. Says what was printed where the commit was refused.
fn commit(folder: &Path, args: &[&str]) -> Result<(), String> {
    let output = quiet_git(folder)
        .args(["commit", "--quiet", "--message", "change"])
        .args(args)
        .output()
        .expect("git runs");
    said(&output)
}

fn said(output: &Output) -> Result<(), String> {
    if output.status.success() {
        return Ok(());
    }
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    Err(String::from_utf8_lossy(&all).into_owned())
}

fn quiet_git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env(
            "PRE_COMMIT_HOME",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("pre-commit-home"),
        )
        .env("PATH", path_with_fluxgen());
    command
}

fn path_with_fluxgen() -> std::ffi::OsString {
    let own = Path::new(env!("CARGO_BIN_EXE_fluxgen"));
    let folder = own.parent().expect("a folder").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&path))).expect("a PATH")
}

fn write_hook(path: &Path, text: &str, mode: u32) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
}

#[test]
fn a_staged_fault_blocks_the_commit_and_an_unstaged_one_does_not() {
    let repository = hooked();
    repository.write("fluxgen.toml", &bad());
    repository.git(&["add", "fluxgen.toml"]);
    repository.write("fluxgen.toml", GOOD);
    let why = commit(repository.path(), &[]).expect_err("the staged file is wrong");
    assert!(why.contains("fluxgen.toml:7:12"), "{why}");

    repository.git(&["add", "fluxgen.toml"]);
    repository.write("fluxgen.toml", &bad());
    repository.write("README.md", "# fleet\n");
    repository.git(&["add", "README.md"]);
    commit(repository.path(), &[]).expect("what is staged is right");
}

#[test]
fn a_commit_of_some_files_is_checked_as_it_will_be() {
    let repository = hooked();
    repository.write("README.md", "# fleet\n");
    repository.git(&["add", "README.md"]);
    repository.write("fluxgen.toml", &bad());
    // Each makes an index of its own, which the hook is to read.
    let all = commit(repository.path(), &["--all"]).expect_err("all is wrong");
    assert!(all.contains("fluxgen.toml:7:12"), "{all}");
    let one = commit(repository.path(), &["fluxgen.toml"]).expect_err("the file is wrong");
    assert!(one.contains("fluxgen.toml:7:12"), "{one}");
    commit(repository.path(), &["README.md"]).expect("the other file is right");
}

#[test]
fn trees_that_were_not_built_or_not_staged_block_the_commit() {
    let repository = hooked();
    repository.write("fluxgen.toml", &other());
    repository.git(&["add", "fluxgen.toml"]);
    let why = commit(repository.path(), &[]).expect_err("the tree is old");
    assert!(why.contains(&format!("note: build {APPS}\n")), "{why}");
    assert!(why.contains("run `fluxgen build`"), "{why}");
    done(&repository, &["build"]);
    let why = commit(repository.path(), &[]).expect_err("the tree is not staged");
    assert!(why.contains("git add --all clusters`"), "{why}");
    repository.git(&["add", "--all", "clusters"]);
    commit(repository.path(), &[]).expect("all is staged");
}

#[test]
fn a_build_of_the_hook_that_could_not_be_done_is_not_told_as_done() {
    let repository = built();
    repository.write("fluxgen.toml", &other());
    repository.git(&["add", "fluxgen.toml"]);
    // What is staged is right, what stands there is not.
    repository.write("fluxgen.toml", &bad());
    let run = repository.fluxgen(&["hook", "run", "--build"]);
    let why = run.stderr;
    assert_eq!(run.code, Some(1), "{why}");
    assert!(why.contains("nothing is built"), "{why}");
    assert!(!why.contains("they are built now"), "{why}");
}

#[test]
fn a_branch_without_the_project_is_not_checked() {
    let repository = hooked();
    repository.git(&["checkout", "--quiet", "--orphan", "pages"]);
    repository.git(&["rm", "-r", "--quiet", "--force", "."]);
    repository.write("index.html", "hello\n");
    repository.git(&["add", "--all"]);
    commit(repository.path(), &[]).expect("there is nothing to check");
}

#[test]
fn a_hook_that_was_there_runs_first_and_comes_back_byte_for_byte() {
    let repository = built();
    let hook = repository.path().join(".git/hooks/pre-commit");
    let text = "#!/bin/sh\n# \u{e9}, and no line end\necho own hook >&2\n[ ! -e forbidden ]";
    write_hook(&hook, text, 0o750);
    let told = done(&repository, &["hook", "install"]);
    assert_eq!(
        told,
        "installed .git/hooks/pre-commit: every commit is checked as it is staged\n\
         the hook that was there runs first, kept as .git/hooks/pre-commit.before-fluxgen\n"
    );
    repository.write("forbidden", "");
    repository.write("fluxgen.toml", &bad());
    let why = commit(repository.path(), &["--all"]).expect_err("its own hook refuses");
    assert!(
        why.contains("own hook") && !why.contains("fluxgen.toml"),
        "{why}"
    );
    std::fs::remove_file(repository.path().join("forbidden")).expect("removed");
    let why = commit(repository.path(), &["--all"]).expect_err("ours refuses");
    assert!(
        why.contains("own hook") && why.contains("fluxgen.toml:7:12"),
        "{why}"
    );

    assert_eq!(
        done(&repository, &["hook", "uninstall"]),
        "removed; .git/hooks/pre-commit is again what it was before\n"
    );
    assert_eq!(std::fs::read_to_string(&hook).expect("there"), text);
    let mode = hook.metadata().expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o750);
    assert_eq!(names(hook.parent().expect("a folder")), ["pre-commit"]);
    commit(repository.path(), &["--all"]).expect("nothing checks any more");
}

/// The hooks in a folder that git would run or we would make.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| !name.ends_with(".sample"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_hook_that_is_a_link_or_is_switched_off_comes_back_as_it_was() {
    let repository = built();
    let hooks = repository.path().join(".git/hooks");
    write_hook(
        &repository.path().join("tools/hook"),
        "#!/bin/sh\nexit 1\n",
        0o755,
    );
    symlink("../../tools/hook", hooks.join("pre-commit")).expect("a link");
    done(&repository, &["hook", "install"]);
    commit(repository.path(), &["--allow-empty"]).expect_err("the linked hook refuses");
    done(&repository, &["hook", "uninstall"]);
    let link = std::fs::read_link(hooks.join("pre-commit")).expect("a link");
    assert_eq!(link, Path::new("../../tools/hook"));
    assert_eq!(names(&hooks), ["pre-commit"]);

    std::fs::remove_file(hooks.join("pre-commit")).expect("removed");
    write_hook(&hooks.join("pre-commit"), "exit 1\n", 0o644);
    done(&repository, &["hook", "install"]);
    commit(repository.path(), &["--allow-empty"]).expect("git does not run it either");
    done(&repository, &["hook", "uninstall"]);
    let mode = hooks.join("pre-commit").metadata().expect("there");
    assert_eq!(mode.permissions().mode() & 0o777, 0o644);
}

#[test]
fn installing_and_uninstalling_twice_is_like_once() {
    let repository = hooked();
    let hook = repository.path().join(".git/hooks/pre-commit");
    let text = std::fs::read(&hook).expect("there");
    let again = done(&repository, &["hook", "install"]);
    assert_eq!(again, ".git/hooks/pre-commit checks this project already\n");
    assert_eq!(std::fs::read(&hook).expect("there"), text);
    assert_eq!(
        done(&repository, &["hook", "uninstall"]),
        "removed .git/hooks/pre-commit\n"
    );
    assert_eq!(
        done(&repository, &["hook", "uninstall"]),
        "nothing of fluxgen's is at .git/hooks/pre-commit\n"
    );
    write_hook(&hook, "#!/bin/sh\n", 0o755);
    done(&repository, &["hook", "uninstall"]);
    assert_eq!(
        std::fs::read_to_string(&hook).expect("there"),
        "#!/bin/sh\n"
    );
}

#[test]
fn what_somebody_changed_since_is_not_overwritten() {
    let repository = hooked();
    let hook = repository.path().join(".git/hooks/pre-commit");
    let mut text = std::fs::read_to_string(&hook).expect("there");
    text.push_str("make lint\n");
    std::fs::write(&hook, &text).expect("written");
    for args in [["hook", "install"], ["hook", "uninstall"]] {
        let why = refused(&repository, &args);
        assert!(why.contains("was changed since"), "{why}");
        assert_eq!(std::fs::read_to_string(&hook).expect("there"), text);
    }
    // Another program put its own hook over ours, and the first one is still kept.
    write_hook(&hook, "#!/bin/sh\n", 0o755);
    let kept = hook.with_file_name("pre-commit.before-fluxgen");
    write_hook(&kept, "#!/bin/sh\nexit 1\n", 0o755);
    for args in [["hook", "install"], ["hook", "uninstall"]] {
        let why = refused(&repository, &args);
        assert!(
            why.contains(".git/hooks/pre-commit.before-fluxgen"),
            "{why}"
        );
    }
}

#[test]
fn the_hook_goes_where_git_looks_for_it() {
    let repository = built();
    repository.git(&["config", "core.hooksPath", "tools/git hooks"]);
    let told = done(&repository, &["hook", "install"]);
    assert!(
        told.starts_with("installed tools/git hooks/pre-commit"),
        "{told}"
    );
    assert!(told.contains("it lies in the work tree"), "{told}");
    let text = repository.read("tools/git hooks/pre-commit");
    let own = env!("CARGO_BIN_EXE_fluxgen");
    assert!(
        !text.contains(own),
        "no path of this machine is shared: {text}"
    );
    repository.write("fluxgen.toml", &bad());
    commit(repository.path(), &["--all"]).expect_err("the hook runs");
    // From a folder below, too.
    std::fs::create_dir(repository.path().join("apps")).expect("made");
    let below = fluxgen(&repository.path().join("apps"), &["hook", "uninstall"]);
    assert_eq!(below.code, Some(0), "{}", below.stderr);
    commit(repository.path(), &["--all"]).expect("the hook is gone");
}

#[test]
fn hooks_of_all_repositories_and_switched_off_ones_are_left_alone() {
    let repository = built();
    let home = tempfile::tempdir().expect("a folder");
    let config = home.path().join("config");
    let hooks = home.path().join("hooks");
    let text = format!("[core]\n\thooksPath = {}\n", hooks.display());
    std::fs::write(&config, text).expect("written");
    let run = git::run(
        git::command(repository.path())
            .args(["hook", "install"])
            .env("GIT_CONFIG_GLOBAL", &config),
    );
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr
            .contains("for every repository (global configuration)"),
        "{}",
        run.stderr
    );
    assert!(!hooks.exists());

    repository.git(&["config", "core.hooksPath", "/dev/null"]);
    let why = refused(&repository, &["hook", "install"]);
    assert!(why.contains("`/dev/null` is no folder"), "{why}");
    repository.git(&["config", "core.hooksPath", ".husky/_"]);
    let why = refused(&repository, &["hook", "install"]);
    assert!(why.contains("`.husky/pre-commit`"), "{why}");
}

#[test]
fn a_linked_worktree_and_a_submodule_are_checked_too() {
    let repository = built();
    let other = tempfile::tempdir().expect("a folder");
    let tree = other.path().join("tree");
    repository.git(&["worktree", "add", "--quiet", &tree.display().to_string()]);
    let run = fluxgen(&tree, &["hook", "install"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for folder in [&tree, repository.path()] {
        std::fs::write(folder.join("fluxgen.toml"), bad()).expect("written");
        let why = commit(folder, &["--all"]).expect_err("the file is wrong");
        assert!(why.contains("fluxgen.toml:7:12"), "{why}");
    }

    let outer = Repository::new();
    let from = repository.path().display().to_string();
    outer.git(&["submodule", "--quiet", "add", &from, "fleet"]);
    let inner = outer.path().join("fleet");
    let run = fluxgen(&inner, &["hook", "install"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    std::fs::write(inner.join("fluxgen.toml"), bad()).expect("written");
    commit(&inner, &["--all"]).expect_err("the file is wrong");
    run_git(&inner, &["checkout", "--quiet", "."]);
    commit(outer.path(), &["--all"]).expect("the outer repository has no hook");
}

#[test]
fn several_projects_of_a_repository_share_the_hook() {
    let repository = Repository::new();
    for folder in ["a", "b's"] {
        repository.write(&format!("{folder}/fluxgen.toml"), GOOD);
        let folder = repository.path().join(folder);
        for args in [&["build"][..], &["hook", "install"]] {
            let run = fluxgen(&folder, args);
            assert_eq!(run.code, Some(0), "{}", run.stderr);
        }
    }
    repository.git(&["add", "--all"]);
    commit(repository.path(), &[]).expect("both are right");
    for folder in ["a", "b's"] {
        repository.write(&format!("{folder}/fluxgen.toml"), &bad());
        commit(repository.path(), &["--all"]).expect_err(folder);
        repository.git(&["checkout", "--quiet", "."]);
    }
    let run = fluxgen(&repository.path().join("a"), &["hook", "uninstall"]);
    assert_eq!(
        run.stdout,
        ".git/hooks/pre-commit stays for b's/fluxgen.toml\n"
    );
    repository.write("b's/fluxgen.toml", &bad());
    commit(repository.path(), &["--all"]).expect_err("the other is checked still");
    assert_eq!(
        done(&repository, &["hook", "uninstall"]),
        "removed .git/hooks/pre-commit\n"
    );
}

#[test]
fn a_hook_without_its_program_says_so() {
    let repository = hooked();
    let hook = repository.path().join(".git/hooks/pre-commit");
    let own = env!("CARGO_BIN_EXE_fluxgen");
    let text = std::fs::read_to_string(&hook).expect("there");
    assert!(
        text.contains(own),
        "where none is on the PATH this one runs: {text}"
    );
    std::fs::write(&hook, text.replace(own, "/nowhere/fluxgen")).expect("written");
    let output = quiet_git(repository.path())
        .args(["commit", "--quiet", "--message", "change", "--allow-empty"])
        .env("PATH", "/usr/bin:/bin")
        .output()
        .expect("git runs");
    let why = said(&output).expect_err("nothing checks it");
    assert!(why.contains("is not on the PATH"), "{why}");
    assert!(why.contains("--no-verify"), "{why}");
}

#[test]
fn outside_of_a_work_tree_there_is_no_hook() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("fluxgen.toml"), GOOD).expect("written");
    let run = fluxgen(folder.path(), &["hook", "install"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("is in no work tree of git"),
        "{}",
        run.stderr
    );
    let run = fluxgen(Repository::new().path(), &["hook", "install"]);
    assert!(
        run.stderr.contains("no fluxgen.toml here"),
        "{}",
        run.stderr
    );
}

/// The real pre-commit, from PyPI, in an environment that is made once. `None`, said aloud, where it
/// cannot be had.
fn pre_commit() -> Option<PathBuf> {
    static FOUND: std::sync::OnceLock<Option<PathBuf>> = std::sync::OnceLock::new();
    let find = || {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pre-commit");
        let program = folder.join("bin/pre-commit");
        let works = |program: &Path| {
            Command::new(program)
                .arg("--version")
                .output()
                .is_ok_and(|output| output.status.success())
        };
        if works(&program) {
            return Some(program);
        }
        let made = Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder)
            .output();
        let installed = made.and_then(|_| {
            Command::new(folder.join("bin/pip"))
                .args(["install", "--quiet", "pre-commit==4.*"])
                .output()
        });
        if installed.is_ok() && works(&program) {
            return Some(program);
        }
        eprintln!("skipped: pre-commit cannot be installed here, so its hooks were not run");
        None
    };
    FOUND.get_or_init(find).clone()
}

/// This project's hooks as a repository of their own, as users name it, with what was built already.
fn hooks_repository() -> Repository {
    let hooks = Repository::new();
    let manifest = std::fs::read_to_string(".pre-commit-hooks.yaml").expect("the hooks");
    hooks.commit(&[(".pre-commit-hooks.yaml", &manifest)]);
    hooks
}

/// A project whose commits pre-commit looks after.
fn with_pre_commit(program: &Path, hooks: &Repository, id: &str) -> Repository {
    let repository = built();
    let config = format!(
        "repos:\n- repo: {}\n  rev: {}\n  hooks:\n  - id: {id}\n    language: system\n",
        hooks.path().display(),
        hooks.git(&["rev-parse", "HEAD"])
    );
    repository.commit(&[(".pre-commit-config.yaml", &config)]);
    let output = Command::new(program)
        .arg("install")
        .current_dir(repository.path())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("pre-commit runs");
    assert_eq!(said(&output), Ok(()));
    repository
}

#[test]
fn pre_commit_checks_the_index() {
    let Some(program) = pre_commit() else { return };
    let hooks = hooks_repository();
    let repository = with_pre_commit(&program, &hooks, "fluxgen-check");
    repository.write("fluxgen.toml", &bad());
    repository.git(&["add", "fluxgen.toml"]);
    repository.write("fluxgen.toml", GOOD);
    let why = commit(repository.path(), &[]).expect_err("the staged file is wrong");
    assert!(
        why.contains("fluxgen check") && why.contains("fluxgen.toml:7:12"),
        "{why}"
    );
    assert_eq!(
        repository.read("fluxgen.toml"),
        GOOD,
        "the working tree is as it was"
    );

    // A file that git does not know hides no fault: pre-commit leaves it where it is.
    let including = GOOD.replace(
        "path = \"./apps\"",
        "patches = [{ patch = { file = \"p.yaml\" } }]\npath = \"./apps\"",
    );
    repository.write("fluxgen.toml", &including);
    repository.write("p.yaml", "kind: Deployment\nmetadata: {name: a}\n");
    done(&repository, &["build"]);
    repository.git(&["add", "fluxgen.toml", "clusters"]);
    let why = commit(repository.path(), &[]).expect_err("a file is not staged");
    assert!(why.contains("p.yaml"), "{why}");
    repository.git(&["add", "p.yaml"]);
    commit(repository.path(), &[]).expect("all is staged");
}

#[test]
fn pre_commit_builds_what_is_staged_and_wants_it_staged() {
    let Some(program) = pre_commit() else { return };
    let hooks = hooks_repository();
    let repository = with_pre_commit(&program, &hooks, "fluxgen-build");
    // A new file is none that pre-commit would notice.
    let more = format!("{GOOD}[kustomizations.web]\npath = \"./web\"\n");
    repository.write("fluxgen.toml", &more);
    repository.git(&["add", "fluxgen.toml"]);
    let why = commit(repository.path(), &[]).expect_err("a tree is missing");
    assert!(why.contains("staging: 1 written"), "{why}");
    assert!(
        repository
            .read("clusters/staging/kustomizations/web.yaml")
            .contains("name: web")
    );
    let why = commit(repository.path(), &[]).expect_err("it is not staged yet");
    assert!(why.contains("git add --all clusters"), "{why}");
    repository.git(&["add", "--all", "clusters"]);
    commit(repository.path(), &[]).expect("all is staged");
}

#[test]
fn pre_commit_tries_the_hooks_of_a_clone() {
    let Some(program) = pre_commit() else { return };
    // Building this project takes minutes; what try-repo does with the manifest is the same.
    let hooks = Repository::new();
    let manifest = std::fs::read_to_string(".pre-commit-hooks.yaml").expect("the hooks");
    let manifest = manifest.replace("language: rust", "language: system");
    hooks.commit(&[(".pre-commit-hooks.yaml", &manifest)]);
    let repository = built();
    let tried = |id: &str| {
        let output = Command::new(&program)
            .args([
                "try-repo",
                &hooks.path().display().to_string(),
                id,
                "--all-files",
            ])
            .current_dir(repository.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env(
                "PRE_COMMIT_HOME",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("pre-commit-home"),
            )
            .env("PATH", path_with_fluxgen())
            .output()
            .expect("pre-commit runs");
        said(&output)
    };
    assert_eq!(tried("fluxgen-check"), Ok(()));
    assert_eq!(tried("fluxgen-build"), Ok(()));
    repository.commit(&[("fluxgen.toml", &bad())]);
    let why = tried("fluxgen-check").expect_err("the file is wrong");
    assert!(why.contains("fluxgen.toml:7:12"), "{why}");
}
