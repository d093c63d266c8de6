//! `fluxgen init`: what it finds, and that its file builds as it is.

use std::path::Path;
use std::process::Command;

use super::{fails, fluxgen, printed, read, succeeds, told, write};

fn git(folder: &Path, args: &[&str]) {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
        .args(args)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{}", told(&output));
}

/// The first build of a new project, without a warning once its one folder is there.
fn builds(folder: &Path) {
    write(folder, "apps/kustomization.yaml", "resources: []\n");
    for command in ["check", "build", "check"] {
        let output = fluxgen(folder, &[command]);
        assert_eq!(
            (output.status.code(), told(&output).as_str()),
            (Some(0), "")
        );
    }
}

#[test]
fn the_remote_the_branch_and_the_clusters_are_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    git(folder.path(), &["init", "-q", "-b", "trunk"]);
    git(
        folder.path(),
        &[
            "remote",
            "add",
            "origin",
            "git@git.example.com:acme/fleet.git",
        ],
    );
    for cluster in ["prod-eu", "staging"] {
        write(
            folder.path(),
            &format!("clusters/{cluster}/README.md"),
            "mine\n",
        );
    }
    succeeds(folder.path(), &["init"]);
    let text = read(folder.path(), "fluxgen.toml");
    for line in [
        "url = \"ssh://git@git.example.com/acme/fleet\"",
        "branch = \"trunk\"",
        "[clusters.prod-eu]",
        "[clusters.staging]",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}\n{text}");
    }
    builds(folder.path());
    assert_eq!(read(folder.path(), "clusters/staging/README.md"), "mine\n");
}

#[test]
fn the_branch_is_the_one_that_the_remote_calls_its_default() {
    let folder = tempfile::tempdir().expect("a folder");
    let upstream = folder.path().join("upstream");
    std::fs::create_dir(&upstream).expect("made");
    git(&upstream, &["init", "-q", "-b", "release"]);
    git(&upstream, &["commit", "-q", "--allow-empty", "-m", "a"]);
    git(folder.path(), &["clone", "-q", "upstream", "clone"]);
    let clone = folder.path().join("clone");
    git(&clone, &["checkout", "-q", "-b", "try-fluxgen"]);
    let output = fluxgen(&clone, &["init"]);
    assert!(read(&clone, "fluxgen.toml").contains("branch = \"release\""));
    assert!(
        told(&output).contains("Flux cannot fetch from"),
        "{}",
        told(&output)
    );
}

#[test]
fn outside_of_a_repository_the_examples_are_said_to_be_examples() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = fluxgen(folder.path(), &["init"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        told(&output).contains("no Git repository"),
        "{}",
        told(&output)
    );
    assert!(printed(&output).contains("fluxgen build"));
    builds(folder.path());
}

#[test]
fn a_file_that_is_there_is_never_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "fluxgen.toml", "mine");
    assert!(fails(folder.path(), 2, &["init"]).contains("never overwrites"));
    assert_eq!(read(folder.path(), "fluxgen.toml"), "mine");
    std::os::unix::fs::symlink("nowhere", folder.path().join("link.toml")).expect("linked");
    fails(folder.path(), 2, &["--config", "link.toml", "init"]);
    assert!(!folder.path().join("nowhere").exists());
    succeeds(folder.path(), &["--config", "other.toml", "init"]);
    assert!(fails(&folder.path().join("no-folder"), 2, &["init"]).contains("no-folder"));
}

#[test]
fn a_folder_of_the_repository_is_named_in_the_paths_that_flux_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    git(folder.path(), &["init", "-q"]);
    let below = folder.path().join("gitops");
    std::fs::create_dir(&below).expect("made");
    succeeds(&below, &["init"]);
    let text = read(&below, "fluxgen.toml");
    assert!(text.contains("path = \"./gitops/apps\""), "{text}");
    assert!(!text.contains("flux.sync.path"), "{text}");
    builds(&below);
}

#[test]
fn what_is_commented_out_builds_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    fluxgen(folder.path(), &["init"]);
    let text = read(folder.path(), "fluxgen.toml");
    let is_toml = |line: &str| line.starts_with('[') || line.contains(" = ");
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("# ") {
            Some(rest) if is_toml(rest) && !rest.contains("With `install") => lines.push(rest),
            _ => lines.push(line),
        }
    }
    let all = lines
        .join("\n")
        .replace("\"prod-*\"", "\"stag*\"")
        .replace("dependsOn = [\"infrastructure\"]", "");
    assert!(all.contains("\n[helmReleases"), "{all}");
    write(folder.path(), "fluxgen.toml", &all);
    let output = fluxgen(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(0), "{all}\n{}", told(&output));
}

const SYNC: &str = "\
# This manifest was generated by flux. DO NOT EDIT.
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata:
  name: flux-system
  namespace: flux-system
spec:
  interval: 1m0s
  ref:
    branch: production
  secretRef:
    name: flux-system
  url: ssh://git@git.example.com/acme/synced
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: flux-system
  namespace: flux-system
spec:
  interval: 10m0s
  path: ./clusters/staging
  prune: true
  sourceRef:
    kind: GitRepository
    name: flux-system
";

const APPS: &str = "\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: apps
  namespace: flux-system
spec:
  interval: 10m0s
  path: ./apps
  prune: true
  sourceRef:
    kind: GitRepository
    name: flux-system
";

/// A folder as `flux bootstrap` leaves it.
fn bootstrapped(folder: &Path, cluster: &str, version: &str) {
    let flux = format!("clusters/{cluster}/flux-system");
    let components = format!(
        "---\n# This manifest was generated by flux. DO NOT EDIT.\n# Flux Version: v{version}\n# Components: source-controller,kustomize-controller,helm-controller,notification-controller,image-reflector-controller\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: flux-system\n"
    );
    write(folder, &format!("{flux}/gotk-components.yaml"), components);
    write(
        folder,
        &format!("{flux}/gotk-sync.yaml"),
        SYNC.replace("clusters/staging", &format!("clusters/{cluster}")),
    );
    write(
        folder,
        &format!("{flux}/kustomization.yaml"),
        "resources:\n- gotk-components.yaml\n- gotk-sync.yaml\n",
    );
}

#[test]
fn what_flux_bootstrap_wrote_is_followed_and_the_first_build_leaves_it_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    bootstrapped(folder.path(), "prod", "2.8.8");
    bootstrapped(folder.path(), "staging", "2.9.1");
    write(folder.path(), "clusters/staging/apps.yaml", APPS);
    let before = super::files(&folder.path().join("clusters"));
    succeeds(folder.path(), &["init"]);
    let text = read(folder.path(), "fluxgen.toml");
    for line in [
        "url = \"ssh://git@git.example.com/acme/synced\"",
        "branch = \"production\"",
        "version = \"2.8.8\"",
        "flux.version = \"2.9.1\"",
        "componentsExtra = [\"image-reflector-controller\"]",
        // it is there already, and twice would be once too often
        "# [kustomizations.apps]",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}\n{text}");
    }
    builds(folder.path());
    assert_eq!(super::files(&folder.path().join("clusters")), before);
}

#[test]
fn a_flux_that_is_too_old_and_a_folder_that_is_no_cluster_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    bootstrapped(folder.path(), "old", "2.2.0");
    write(folder.path(), "clusters/_shared/a.yaml", "");
    let output = fluxgen(folder.path(), &["init"]);
    let told = told(&output);
    assert!(told.contains("2.2.0") && told.contains("_shared"), "{told}");
    builds(folder.path());
}
