//! What stands in the way of a build: a user's own files, links, limits, rights and another build.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{command, copy, fails, files, fluxgen, printed, project, read, succeeds, told, write};

const PROJECT: &str = "\
[repo]
url = \"ssh://git@github.com/acme/fleet\"
[clusters.prod]
[clusters.staging]
[kustomizations.apps]
path = \"./apps\"
[kustomizations.infra]
path = \"./infra\"
";

const APPS: &str = "clusters/staging/kustomizations/apps.yaml";

#[test]
fn whatever_is_in_the_way_is_named_kept_and_nothing_is_written() {
    type Put = fn(&Path);
    let cases: &[(&str, Put)] = &[
        (
            "--adopt clusters/staging/kustomizations/apps.yaml",
            |folder| {
                write(folder, APPS, "mine: true\n");
            },
        ),
        ("a folder is in the way of", |folder| {
            std::fs::create_dir_all(folder.join(APPS)).expect("made");
        }),
        ("a symbolic link is in the way of", |folder| {
            write(folder, "outside.yaml", "mine: true\n");
            write(folder, "clusters/staging/kustomizations/x.yaml", "");
            symlink("../../../outside.yaml", folder.join(APPS)).expect("linked");
        }),
        ("a symbolic link is in the way of", |folder| {
            write(folder, "clusters/staging/kustomizations/x.yaml", "");
            symlink("nowhere", folder.join(APPS)).expect("linked");
        }),
        ("a symbolic link is where the folder", |folder| {
            std::fs::create_dir(folder.join("outside")).expect("made");
            std::fs::create_dir_all(folder.join("clusters/staging")).expect("made");
            symlink(
                "../../outside",
                folder.join("clusters/staging/kustomizations"),
            )
            .expect("linked");
        }),
        ("a file is where the folder", |folder| {
            write(folder, "clusters/staging/kustomizations", "mine\n");
        }),
        ("clusters/staging` is a symbolic link", |folder| {
            std::fs::create_dir(folder.join("outside")).expect("made");
            std::fs::create_dir(folder.join("clusters")).expect("made");
            symlink("../outside", folder.join("clusters/staging")).expect("linked");
        }),
        ("clusters` is a symbolic link", |folder| {
            std::fs::create_dir(folder.join("outside")).expect("made");
            symlink("outside", folder.join("clusters")).expect("linked");
        }),
        ("clusters` is a file", |folder| {
            write(folder, "clusters", "mine\n")
        }),
        ("clusters/staging` is a file", |folder| {
            write(folder, "clusters/staging", "mine\n")
        }),
    ];
    for (words, put) in cases {
        let folder = project(PROJECT);
        put(folder.path());
        let before = files(folder.path());
        let output = fluxgen(folder.path(), &["build"]);
        assert!(
            matches!(output.status.code(), Some(1 | 2)),
            "{words}: {:?}",
            output.status
        );
        assert!(told(&output).contains(words), "{words}\n{}", told(&output));
        assert_eq!(files(folder.path()), before, "{words}");
        assert!(!folder.path().join("clusters/prod").exists(), "{words}");
    }
}

#[test]
fn a_pipe_in_the_tree_is_not_waited_for() {
    let folder = project(PROJECT);
    std::fs::create_dir_all(folder.path().join("clusters/staging/kustomizations")).expect("made");
    let made = Command::new("mkfifo")
        .arg(folder.path().join(APPS))
        .status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: mkfifo is not here");
        return;
    }
    assert!(fails(folder.path(), 1, &["build"]).contains("is in the way of"));
}

#[test]
fn a_project_that_is_reached_by_a_link_is_built() {
    let folder = project(PROJECT);
    let above = tempfile::tempdir().expect("a folder");
    let link = above.path().join("link");
    symlink(folder.path(), &link).expect("linked");
    succeeds(&link, &["build"]);
    assert!(folder.path().join(APPS).is_file());
}

#[test]
fn a_folder_of_the_users_files_is_adopted_knowingly() {
    let folder = project(PROJECT);
    succeeds(folder.path(), &["build"]);
    for (path, bytes) in files(&folder.path().join("clusters")) {
        let text = String::from_utf8(bytes).expect("UTF-8");
        let bare = text.split_once('\n').expect("a header").1;
        write(&folder.path().join("clusters"), &path, bare);
    }
    let mine = "clusters/staging/mine.yaml";
    write(folder.path(), mine, "# mine\n");
    fails(folder.path(), 1, &["build"]);
    fails(folder.path(), 1, &["build", "--adopt", "clusters/staging"]);
    succeeds(
        folder.path(),
        &[
            "build",
            "--adopt",
            "clusters/staging",
            "--adopt",
            "clusters/prod/",
        ],
    );
    assert!(read(folder.path(), APPS).starts_with("# Generated"));
    assert_eq!(read(folder.path(), mine), "# mine\n");
    // Twice is no fault, what is not there is one.
    succeeds(folder.path(), &["build", "--adopt", "./clusters/staging"]);
    for path in [
        "clusters/stagin",
        "apps.yaml",
        "clusters",
        "/etc",
        "../x",
        "clusters/prod/mine.yaml",
    ] {
        let told = fails(folder.path(), 2, &["build", "--adopt", path]);
        assert!(
            told.contains(&format!("nothing to adopt at `{path}`")),
            "{told}"
        );
    }
}

const OWN: &str = "\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: apps
  namespace: flux-system
spec:
  interval: 1m
  prune: true
  sourceRef:
    kind: GitRepository
    name: flux-system
";

#[test]
fn a_resource_in_a_file_of_the_users_own_too_is_refused() {
    let folder = project(PROJECT);
    write(folder.path(), "clusters/staging/mine.yaml", OWN);
    let told = fails(folder.path(), 1, &["check"]);
    assert!(
        told.contains("`clusters/staging/mine.yaml` defines it too"),
        "{told}"
    );
    assert!(
        told.contains("in cluster staging") && !told.contains("prod"),
        "{told}"
    );
    // In a folder that has a kustomize file of its own it may be a patch, and is not ours to judge.
    let below = folder.path().join("clusters/staging/extra");
    std::fs::create_dir(&below).expect("made");
    std::fs::rename(
        folder.path().join("clusters/staging/mine.yaml"),
        below.join("mine.yaml"),
    )
    .expect("moved");
    write(
        &below,
        "kustomization.yaml",
        "patches: [{ path: mine.yaml }]\n",
    );
    succeeds(folder.path(), &["check"]);
}

#[test]
fn a_kustomize_file_that_leaves_generated_files_out_is_a_warning() {
    let folder = project(PROJECT);
    let path = "clusters/staging/kustomization.yaml";
    write(
        folder.path(),
        path,
        "resources:\n- ./kustomizations/apps.yaml\n",
    );
    let output = fluxgen(folder.path(), &["build"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let told = told(&output);
    assert!(
        told.contains("does not name `kustomizations/infra.yaml`"),
        "{told}"
    );
    assert!(!told.contains("apps.yaml"), "{told}");
    write(
        folder.path(),
        path,
        "resources:\n- kustomizations/apps.yaml\n- kustomizations/infra.yaml\n",
    );
    assert_eq!(super::told(&fluxgen(folder.path(), &["check"])), "");
}

/// Whether this process may write where rights forbid it.
fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| printed(&output).trim() == "0")
}

#[test]
fn a_folder_that_may_not_be_written_is_a_clear_error() {
    let folder = project(PROJECT);
    succeeds(folder.path(), &["build"]);
    let edited = PROJECT.replace("./apps", "./apps/x");
    write(folder.path(), "fluxgen.toml", edited);
    let before = files(&folder.path().join("clusters"));
    let locked = folder.path().join("clusters/staging/kustomizations");
    let set = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
    };
    set(folder.path(), 0o755);
    set(&locked, 0o555);
    let program = env!("CARGO_BIN_EXE_fluxgen");
    let args = |command: &mut Command| {
        command
            .arg("-C")
            .arg(folder.path())
            .args(["build", "--cluster", "staging"])
            .output()
    };
    let output = if is_root() {
        let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", program];
        let can = Command::new("setpriv")
            .args(nobody)
            .arg("--version")
            .output();
        if !can.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: as root nothing is read-only, and setpriv cannot run the program");
            return;
        }
        args(
            Command::new("setpriv")
                .args(nobody)
                .env("HOME", folder.path()),
        )
    } else {
        args(&mut Command::new(program))
    }
    .expect("the program runs");
    set(&locked, 0o755);
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    let told = told(&output);
    assert!(
        told.contains("cannot write `") && told.contains("apps.yaml"),
        "{told}"
    );
    assert!(told.contains("Permission denied"), "{told}");
    assert_eq!(files(&folder.path().join("clusters")), before);
}

#[test]
fn a_full_disk_leaves_whole_files_and_a_later_build_completes_them() {
    let folder = project(PROJECT);
    succeeds(folder.path(), &["build"]);
    let before = files(&folder.path().join("clusters"));
    let values: String = (0..200)
        .map(|at| format!("key{at} = \"{at:0>40}\"\n"))
        .collect();
    let edited = format!(
        "{}[sources.helm.x]\nurl = \"https://x.example\"\n[helmReleases.big]\nchart.spec = {{ chart = \"x\", source = \"helm.x\" }}\n[helmReleases.big.values]\n{values}",
        PROJECT.replace("./apps", "./apps/x")
    );
    write(folder.path(), "fluxgen.toml", edited);
    // A limit on the size of files fails a write as a full disk does.
    let script = format!(
        "ulimit -f 4 && exec {} -C {} build",
        env!("CARGO_BIN_EXE_fluxgen"),
        folder.path().display()
    );
    let output = Command::new("bash").args(["-c", &script]).output();
    let Ok(output) = output else {
        eprintln!("skipped: bash is not here");
        return;
    };
    assert_eq!(
        output.status.code(),
        Some(2),
        "{:?} {}",
        output.status,
        told(&output)
    );
    let told = told(&output);
    assert!(
        told.contains("cannot write `") && told.contains("big.yaml"),
        "{told}"
    );
    let left = files(&folder.path().join("clusters"));
    succeeds(folder.path(), &["build"]);
    let after = files(&folder.path().join("clusters"));
    for (path, bytes) in &left {
        let is_whole = before.get(path) == Some(bytes) || after.get(path) == Some(bytes);
        assert!(is_whole, "{path} is neither old nor new");
    }
}

#[test]
fn builds_at_once_take_turns_and_end_in_the_right_tree() {
    let expected = project(PROJECT);
    succeeds(expected.path(), &["build"]);
    let expected = files(expected.path());
    let folder = project(PROJECT);
    for round in 0..12 {
        let _ = std::fs::remove_dir_all(folder.path().join("clusters"));
        // What a killed build left is nobody's; what another one is writing is not.
        write(folder.path(), "clusters/prod/.fluxgen-old.tmp", "half");
        let builds: Vec<_> = (0..4)
            .map(|_| {
                command(folder.path())
                    .arg("build")
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .expect("the program runs")
            })
            .collect();
        for build in builds {
            let output = build.wait_with_output().expect("it ends");
            assert_eq!(
                output.status.code(),
                Some(0),
                "round {round}: {}",
                told(&output)
            );
        }
        assert_eq!(files(folder.path()), expected, "round {round}");
    }
}

#[test]
fn folders_that_are_only_read_need_no_right_to_write() {
    let folder = project(PROJECT);
    succeeds(folder.path(), &["build"]);
    let copied = tempfile::tempdir().expect("a folder");
    copy(folder.path(), copied.path());
    for entry in walkdir::WalkDir::new(copied.path()) {
        let entry = entry.expect("readable");
        let mode = if entry.file_type().is_dir() {
            0o555
        } else {
            0o444
        };
        std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(mode)).expect("set");
    }
    for args in [
        &["check"][..],
        &["diff"],
        &["build", "--dry-run"],
        &["build"],
    ] {
        succeeds(copied.path(), args);
    }
    for entry in walkdir::WalkDir::new(copied.path()) {
        let entry = entry.expect("readable");
        let mode = if entry.file_type().is_dir() {
            0o755
        } else {
            0o644
        };
        std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(mode)).expect("set");
    }
}

#[test]
fn two_toml_files_do_not_write_over_each_others_trees() {
    let folder = project(PROJECT);
    let root = folder.path();
    std::fs::rename(root.join("fluxgen.toml"), root.join("a.toml")).expect("renamed");
    let other = PROJECT.replace("path = \"./apps\"", "path = \"./others\"");
    write(
        root,
        "b.toml",
        other.replace("[clusters.prod]\n", "[clusters.test]\n"),
    );
    succeeds(root, &["--config", "a.toml", "build"]);
    let before = files(root);
    for args in [
        &["--config", "b.toml", "build"][..],
        &["--config", "b.toml", "build", "--dry-run"],
        &["--config", "b.toml", "check"],
        &["--config", "b.toml", "diff"],
    ] {
        let told = fails(root, 1, args);
        assert!(
            told.contains("2 files of `clusters/staging` were generated from `a.toml`"),
            "{told}"
        );
        assert!(told.contains("--> b.toml:4:11"), "{told}");
        assert!(told.contains("or remove `a.toml`"), "{told}");
    }
    assert_eq!(files(root), before);
    succeeds(root, &["--config", "a.toml", "check"]);
    // What is taken over by consent is refused to the other one.
    let adopt = ["--config", "b.toml", "build", "--adopt", "clusters/staging"];
    succeeds(root, &adopt);
    assert!(read(root, APPS).contains("path: ./others\n"));
    succeeds(root, &["--config", "b.toml", "build"]);
    fails(root, 1, &["--config", "a.toml", "build"]);
    // In a cluster of two TOML files each makes its own.
    let third = other
        .replace(".apps]", ".third]")
        .replace(".infra]", ".fourth]");
    write(root, "c.toml", third);
    succeeds(root, &["--config", "c.toml", "build"]);
    succeeds(root, &["--config", "b.toml", "build"]);
    assert!(read(root, APPS).contains("path: ./others\n"));
    assert!(read(root, "clusters/staging/kustomizations/third.yaml").contains("./others"));
}

#[test]
fn a_renamed_toml_file_takes_over_what_it_made() {
    let folder = project(PROJECT);
    let root = folder.path();
    succeeds(root, &["build"]);
    std::fs::remove_file(root.join("fluxgen.toml")).expect("removed");
    let (kept, _) = PROJECT
        .split_once("[kustomizations.infra]")
        .expect("it is there");
    write(root, "fleet.toml", kept.replace("[clusters.prod]\n", ""));
    let said = fluxgen(root, &["--config", "fleet.toml", "build"]);
    assert_eq!(
        printed(&said),
        "staging: 1 written, 1 removed, 0 unchanged\n",
        "{}",
        told(&said)
    );
    // The tree of a cluster that is gone with it is told, as without the new name.
    assert!(told(&said).contains("`clusters/prod` was generated"));
    assert!(read(root, APPS).contains("from fleet.toml."));
    succeeds(root, &["--config", "fleet.toml", "diff"]);
}
