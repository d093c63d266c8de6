//! States of git that are not a plain clone: the right answer, or one plain sentence why there is none.

use std::path::Path;
use std::process::Command;

use super::{command, fails, fluxgen, project, read, succeeds, told, write};

const PROJECT: &str = "[repo]\nurl = \"https://github.com/acme/fleet\"\n[clusters.prod]\n\
                       [kustomizations.apps]\npath = \"./apps\"\n";

fn git(folder: &Path, args: &[&str]) {
    let run = Command::new("git")
        .args(["-c", "user.name=n", "-c", "user.email=n@x.example"])
        .args(args)
        .current_dir(folder)
        .output()
        .expect("git runs");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{args:?}: {said}");
}

/// A repository with what a build makes, committed.
fn committed(init: &[&str]) -> tempfile::TempDir {
    let folder = project(PROJECT);
    let root = folder.path();
    write(
        root,
        "apps/web.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: default}\n",
    );
    git(root, &[&["init", "--quiet"], init].concat());
    git(root, &["symbolic-ref", "HEAD", "refs/heads/main"]);
    succeeds(root, &["build"]);
    git(root, &["add", "--all"]);
    git(root, &["commit", "--quiet", "-m", "base"]);
    folder
}

#[test]
fn what_a_sparse_checkout_leaves_out_is_read_from_the_index() {
    let folder = committed(&[]);
    let root = folder.path();
    for forms in [
        &["sparse-checkout", "set", "--no-cone", "/fluxgen.toml"][..],
        &["sparse-checkout", "set", "--cone", "--no-sparse-index"][..],
        &["sparse-checkout", "set", "--cone", "--sparse-index"][..],
        &["sparse-checkout", "set", "--cone", "--sparse-index", "apps"][..],
        &[
            "sparse-checkout",
            "set",
            "--cone",
            "--sparse-index",
            "clusters/prod",
        ][..],
    ] {
        git(root, forms);
        assert!(!root.join("apps/web.yaml").exists() || !root.join("clusters").exists());
        let out = succeeds(root, &["build", "--dry-run"]);
        assert!(
            out.starts_with("prod: 0 written, 0 removed"),
            "{forms:?}: {out}"
        );
        for args in [
            &["check"][..],
            &["check", "--staged"][..],
            &["diff"][..],
            &["diff", "--against", "HEAD"][..],
        ] {
            let run = fluxgen(root, args);
            assert_eq!(told(&run), "", "{forms:?} {args:?}");
            assert_eq!(run.status.code(), Some(0), "{forms:?} {args:?}");
        }
    }
    // What changes is written, wherever it is.
    git(
        root,
        &["sparse-checkout", "set", "--no-cone", "/fluxgen.toml"],
    );
    write(
        root,
        "fluxgen.toml",
        format!("{PROJECT}interval = \"7m\"\n"),
    );
    succeeds(root, &["build"]);
    assert!(read(root, "clusters/prod/kustomizations/apps.yaml").contains("interval: 7m"));
}

#[test]
fn a_repository_that_cannot_be_read_is_named_in_one_sentence() {
    let folder = committed(&["--object-format=sha256"]);
    let root = folder.path();
    succeeds(root, &["check"]);
    succeeds(root, &["build"]);
    for args in [
        &["check", "--staged"][..],
        &["diff", "--against", "HEAD"],
        &["build", "--commit", "-m", "x"],
        &["plan-rename"],
        &["hook", "install"],
    ] {
        let said = fails(root, 2, args);
        assert!(
            said.contains("names its objects by SHA-256"),
            "{args:?}: {said}"
        );
    }
    let bare = tempfile::tempdir().expect("a folder");
    let clone = committed(&[]);
    let from = clone.path().display().to_string();
    git(bare.path(), &["clone", "--quiet", "--bare", &from, "b.git"]);
    for args in [&["check"][..], &["build"], &["diff", "--against", "HEAD"]] {
        let said = fails(&bare.path().join("b.git"), 2, args);
        assert!(said.contains("no files checked out"), "{args:?}: {said}");
    }
}

#[test]
fn a_repository_of_another_user_is_read_where_git_trusts_it() {
    let folder = committed(&[]);
    let root = folder.path();
    let owned = Command::new("chown")
        .args(["-R", "12345"])
        .arg(root)
        .output();
    if !owned.is_ok_and(|run| run.status.success()) {
        eprintln!("skipped: only root gives files away");
        return;
    }
    let diff = |vars: &[(&str, &str)]| {
        command(root)
            .args(["diff", "--against", "HEAD"])
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", "/nonexistent")
            .env_remove("SUDO_UID")
            .envs(vars.iter().copied())
            .output()
            .expect("the program runs")
    };
    let run = diff(&[]);
    assert_eq!(run.status.code(), Some(2));
    assert!(
        told(&run).contains("belongs to another user"),
        "{}",
        told(&run)
    );
    let top = root.canonicalize().expect("there").display().to_string();
    for value in ["*", top.as_str()] {
        let run = diff(&[
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", "safe.directory"),
            ("GIT_CONFIG_VALUE_0", value),
        ]);
        assert_eq!(run.status.code(), Some(0), "{value}: {}", told(&run));
    }
    let config = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(config.path(), "[safe]\n\tdirectory = *\n").expect("written");
    let path = config.path().display().to_string();
    let run = diff(&[("GIT_CONFIG_GLOBAL", &path)]);
    assert_eq!(run.status.code(), Some(0), "{}", told(&run));
}
