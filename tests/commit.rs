//! `fluxgen build --commit`, compared with what git says of the commit.

mod git;

use std::path::Path;

use git::{PROJECT, Repository, Run, command, git as run_git, run};

const APPS: &str = "clusters/staging/kustomizations/apps.yaml";
const WEB: &str = "clusters/staging/kustomizations/web.yaml";

/// A repository with the TOML file committed and an identity.
fn project() -> Repository {
    let repository = Repository::new();
    repository.git(&["config", "user.name", "Ada Lovelace"]);
    repository.git(&["config", "user.email", "ada@example.com"]);
    repository.commit(&[("fluxgen.toml", PROJECT)]);
    repository
}

fn build_in(folder: &Path, vars: &[(&str, &str)]) -> Run {
    run(command(folder)
        .args(["build", "--commit", "-m", "trees"])
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env_remove("EMAIL")
        .envs(vars.iter().copied()))
}

fn committed(folder: &Path) -> String {
    let built = build_in(folder, &[]);
    assert_eq!(built.code, Some(0), "{}{}", built.stdout, built.stderr);
    let last = built.stdout.lines().last().expect("a line").to_owned();
    run_git(folder, &["fsck", "--strict", "--no-progress"]);
    last
}

fn refused(repository: &Repository, vars: &[(&str, &str)]) -> String {
    let built = build_in(repository.path(), vars);
    assert_eq!(built.code, Some(2), "{}{}", built.stdout, built.stderr);
    assert!(
        !repository.path().join("clusters").exists(),
        "nothing was written"
    );
    built.stderr
}

/// What a commit did to which files, as git tells it.
fn shown(folder: &Path, commit: &str) -> Vec<String> {
    let text = run_git(
        folder,
        &["show", "--name-status", "--no-renames", "--format=", commit],
    );
    text.lines().map(|line| line.replace('\t', " ")).collect()
}

#[test]
fn what_else_is_staged_stays_staged_and_out_of_the_commit() {
    let repository = project();
    repository.commit(&[
        ("README.md", "# fleet\n"),
        ("notes.md", "one\n"),
        ("old.md", "old\n"),
    ]);
    repository.write("README.md", "# the fleet\n");
    repository.write("new.md", "new\n");
    repository.git(&["add", "README.md", "new.md"]);
    repository.git(&["rm", "--quiet", "--cached", "old.md"]);
    repository.write("notes.md", "two\n");
    let before = repository.git(&["status", "--porcelain", "--untracked-files=no"]);
    let told = committed(repository.path());
    let short = repository.git(&["rev-parse", "--short", "HEAD"]);
    assert_eq!(told, format!("committed 2 files as {short} on main"));
    assert_eq!(
        shown(repository.path(), "HEAD"),
        [format!("A {APPS}"), format!("A {WEB}")]
    );
    let stat = repository.git(&[
        "show",
        "--stat",
        "--format=%an <%ae>, %cn <%ce>: %s",
        "HEAD",
    ]);
    assert!(
        stat.starts_with("Ada Lovelace <ada@example.com>, Ada Lovelace <ada@example.com>: trees\n"),
        "{stat}"
    );
    assert!(stat.contains("2 files changed"), "{stat}");
    assert_eq!(
        repository.git(&["status", "--porcelain", "--untracked-files=no"]),
        before
    );
    assert_eq!(
        repository.git(&["show", &format!("HEAD:{APPS}")]),
        repository.read(APPS).trim()
    );
}

#[test]
fn files_that_are_gone_are_removed_and_what_was_built_before_is_committed() {
    let repository = project();
    repository.commit(&[("apps/web.yaml", "")]);
    committed(repository.path());
    assert_eq!(
        committed(repository.path()),
        "nothing to commit: HEAD has the generated files as they are"
    );
    let without_web = PROJECT.replace("[kustomizations.web]\npath = \"./web\"\n", "");
    repository.write(
        "fluxgen.toml",
        &without_web.replace("\"./apps\"", "\"./apps\"\ninterval = \"30m\""),
    );
    // An earlier build without a commit, and one of the files staged as it is no more.
    assert_eq!(repository.fluxgen(&["build"]).code, Some(0));
    let right = repository.read(APPS);
    repository.write(APPS, "staged by mistake\n");
    repository.git(&["add", APPS]);
    repository.write(APPS, &right);
    let built = build_in(repository.path(), &[]);
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    assert_eq!(
        built.stderr,
        "note: `fluxgen.toml` has changes that are not in HEAD\n"
    );
    assert_eq!(
        shown(repository.path(), "HEAD"),
        [format!("M {APPS}"), format!("D {WEB}")]
    );
    assert_eq!(repository.git(&["status", "--porcelain"]), "M fluxgen.toml");
    // The last file of a folder takes the folder with it.
    repository.write(
        "fluxgen.toml",
        "[repo]\nurl = \"ssh://git@github.com/acme/fleet\"\n[clusters.staging]\n",
    );
    committed(repository.path());
    assert_eq!(
        repository.git(&["ls-tree", "-r", "--name-only", "HEAD"]),
        "apps/web.yaml\nfluxgen.toml"
    );
}

#[test]
fn the_first_commit_a_linked_worktree_and_a_detached_head_take_it() {
    let repository = Repository::new();
    repository.git(&["config", "user.name", "Ada"]);
    repository.git(&["config", "user.email", "ada@example.com"]);
    repository.write("fleet/fluxgen.toml", PROJECT);
    let folder = repository.path().join("fleet");
    committed(&folder);
    assert_eq!(
        repository.git(&["ls-tree", "-r", "--name-only", "HEAD"]),
        format!("fleet/{APPS}\nfleet/{WEB}")
    );
    assert_eq!(
        repository.git(&["status", "--porcelain"]),
        "?? fleet/fluxgen.toml"
    );
    let log = repository.git(&["reflog", "--format=%gs"]);
    assert_eq!(log, "commit (initial): trees");

    repository.commit_all();
    let other = tempfile::tempdir().expect("a folder");
    let tree = other.path().join("tree");
    repository.git(&[
        "worktree",
        "add",
        "--quiet",
        "-b",
        "topic",
        &tree.display().to_string(),
    ]);
    let inner = tree.join("fleet");
    std::fs::write(
        inner.join("fluxgen.toml"),
        PROJECT.replace("./web", "./www"),
    )
    .expect("written");
    let main = repository.git(&["rev-parse", "main"]);
    assert!(committed(&inner).ends_with(" on topic"));
    assert_eq!(shown(&tree, "topic"), [format!("M fleet/{WEB}")]);
    assert_eq!(repository.git(&["rev-parse", "main"]), main);

    run_git(&tree, &["checkout", "--quiet", "--detach"]);
    std::fs::write(inner.join("fluxgen.toml"), PROJECT.replace("./web", "./w3")).expect("written");
    let told = committed(&inner);
    let short = run_git(&tree, &["rev-parse", "--short", "HEAD"]);
    assert_eq!(told, format!("committed 1 file as {short}"));
    assert_ne!(
        run_git(&tree, &["rev-parse", "HEAD"]),
        run_git(&tree, &["rev-parse", "topic"])
    );
}

#[test]
fn author_and_committer_are_who_git_takes_them_for() {
    let repository = project();
    let vars = [
        ("GIT_AUTHOR_NAME", "Grace Hopper"),
        ("GIT_AUTHOR_EMAIL", "grace@example.com"),
        ("GIT_AUTHOR_DATE", "2020-02-03T04:05:06+01:00"),
        ("GIT_COMMITTER_DATE", "1580000000 +0000"),
    ];
    let built = build_in(repository.path(), &vars);
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    let format = ["log", "-1", "--format=%an <%ae> %aI, %cn <%ce> %ct"];
    assert_eq!(
        repository.git(&format),
        "Grace Hopper <grace@example.com> 2020-02-03T04:05:06+01:00, Ada Lovelace <ada@example.com> 1580000000"
    );
    repository.git(&["config", "committer.name", "The Committer"]);
    repository.write("fluxgen.toml", &PROJECT.replace("./web", "./www"));
    committed(repository.path());
    assert_eq!(
        repository.git(&["log", "-1", "--format=%an, %cn"]),
        "Ada Lovelace, The Committer"
    );

    let nobody = Repository::new();
    nobody.write("fluxgen.toml", PROJECT);
    let why = refused(&nobody, &[]);
    assert!(why.contains("does not know who is the author"), "{why}");
    assert!(why.contains("git config --global user.name"), "{why}");
}

#[test]
fn a_merge_and_a_rebase_under_way_are_left_alone() {
    for (verb, word) in [
        ("merge", "a merge"),
        ("rebase", "a rebase"),
        ("cherry-pick", "a cherry-pick"),
    ] {
        let repository = project();
        repository.git(&["checkout", "--quiet", "-b", "topic"]);
        repository.commit(&[("notes.md", "topic\n")]);
        repository.git(&["checkout", "--quiet", "main"]);
        repository.commit(&[("notes.md", "main\n")]);
        let started = std::process::Command::new("git")
            .arg("-C")
            .arg(repository.path())
            .args([verb, "topic"])
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git runs");
        assert!(!started.status.success(), "{verb} has a conflict");
        let why = refused(&repository, &[]);
        assert!(why.contains(&format!("{word} is under way")), "{why}");
    }
}

#[test]
fn ignored_and_filtered_files_are_refused_before_anything_is_written() {
    let repository = project();
    repository.commit(&[(".gitignore", "web.yaml\n")]);
    let why = refused(&repository, &[]);
    assert!(why.contains(&format!("`{WEB}` is ignored by git")), "{why}");
    assert!(why.contains(&format!("git check-ignore -v {WEB}")), "{why}");
    repository.commit(&[
        (".gitignore", ""),
        (".gitattributes", "clusters/** filter=git-crypt\n"),
    ]);
    let why = refused(&repository, &[]);
    assert!(why.contains("goes through the filter `git-crypt`"), "{why}");
    // What git knows already is ignored no more.
    repository.commit(&[(".gitattributes", "")]);
    committed(repository.path());
    repository.commit(&[(".gitignore", "clusters/\n")]);
    repository.write("fluxgen.toml", &PROJECT.replace("./web", "./www"));
    committed(repository.path());
    assert_eq!(shown(repository.path(), "HEAD"), [format!("M {WEB}")]);
}

#[test]
fn the_lock_is_committed_with_the_trees() {
    let repository = project();
    repository.write("fluxgen.lock", "version = 1\n");
    committed(repository.path());
    assert_eq!(
        shown(repository.path(), "HEAD"),
        [
            format!("A {APPS}"),
            format!("A {WEB}"),
            "A fluxgen.lock".to_owned()
        ]
    );
    assert_eq!(repository.git(&["status", "--porcelain"]), "");
}

#[test]
fn several_messages_are_paragraphs_and_none_is_no_commit() {
    let repository = project();
    let with = |args: &[&str]| run(command(repository.path()).arg("build").args(args));
    let built = with(&[
        "--commit",
        "-m",
        "trees  ",
        "-m",
        "# 7 is a number\nand two lines",
    ]);
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    assert_eq!(
        repository.git(&["log", "-1", "--format=%B"]),
        "trees\n\n# 7 is a number\nand two lines"
    );
    let empty = with(&["--commit", "-m", " \n"]);
    assert_eq!(empty.code, Some(2));
    assert!(
        empty.stderr.contains("the message of the commit is empty"),
        "{}",
        empty.stderr
    );
    for args in [
        &["--commit"][..],
        &["-m", "x"],
        &["--commit", "-m", "x", "--dry-run"],
    ] {
        assert_eq!(with(args).code, Some(2), "{args:?}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("fluxgen.toml"), PROJECT).expect("written");
    let nowhere = build_in(folder.path(), &[]);
    assert_eq!(nowhere.code, Some(2));
    assert!(
        nowhere.stderr.contains("is in no git repository"),
        "{}",
        nowhere.stderr
    );
}

#[test]
fn a_commit_is_signed_where_git_signs() {
    let repository = project();
    let key = repository.path().join(".git/key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .output();
    if !made.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: ssh-keygen is not installed, so nothing was signed");
        return;
    }
    let public = std::fs::read_to_string(key.with_extension("pub")).expect("a key");
    std::fs::write(
        key.with_extension("allowed"),
        format!("ada@example.com {public}"),
    )
    .expect("written");
    for (name, value) in [
        ("commit.gpgSign", "true".to_owned()),
        ("gpg.format", "ssh".to_owned()),
        ("user.signingKey", key.display().to_string()),
        (
            "gpg.ssh.allowedSignersFile",
            key.with_extension("allowed").display().to_string(),
        ),
    ] {
        repository.git(&["config", name, &value]);
    }
    committed(repository.path());
    repository.git(&["verify-commit", "HEAD"]);
    assert_eq!(
        repository.git(&["log", "-1", "--format=%an: %s"]),
        "Ada Lovelace: trees"
    );
    assert_eq!(repository.git(&["status", "--porcelain"]), "");
    repository.git(&["config", "user.signingKey", "/nowhere"]);
    repository.write("fluxgen.toml", &PROJECT.replace("./web", "./www"));
    let before = repository.git(&["rev-parse", "HEAD"]);
    let failed = build_in(repository.path(), &[]);
    assert_eq!(failed.code, Some(2));
    assert!(
        failed.stderr.contains("git cannot sign the commit"),
        "{}",
        failed.stderr
    );
    assert_eq!(repository.git(&["rev-parse", "HEAD"]), before);
}

#[test]
fn a_lock_of_git_is_named_and_nothing_changes() {
    for lock in ["index.lock", "HEAD.lock", "refs/heads/main.lock"] {
        let repository = project();
        repository.git(&["checkout", "--quiet", "-B", "main"]);
        let index = || std::fs::read(repository.path().join(".git/index")).expect("an index");
        let before = index();
        let path = repository.path().join(".git").join(lock);
        std::fs::write(&path, "").expect("written");
        let said = refused(&repository, &[]);
        assert!(said.contains("another git program is at work"), "{said}");
        assert!(said.contains(lock), "{said}");
        assert_eq!(index(), before, "{lock}");
        std::fs::remove_file(&path).expect("removed");
        committed(repository.path());
        let status = repository.git(&["status", "--porcelain"]);
        assert_eq!(status, "", "{lock}");
    }
}

#[test]
fn the_first_commit_and_one_on_a_detached_head_are_in_the_reflog() {
    let repository = project();
    repository.git(&["checkout", "--quiet", "--detach"]);
    committed(repository.path());
    let log = repository.git(&["log", "-g", "--format=%gs", "-1", "HEAD"]);
    assert_eq!(log.trim(), "commit: trees");
    let new = Repository::new();
    new.git(&["config", "user.name", "Ada Lovelace"]);
    new.git(&["config", "user.email", "ada@example.com"]);
    new.write("fluxgen.toml", PROJECT);
    committed(new.path());
    let log = new.git(&["log", "-g", "--format=%gs", "-1", "HEAD"]);
    assert_eq!(log.trim(), "commit (initial): trees");
}
