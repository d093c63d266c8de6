//! `[clusters.NAME] path`: a cluster's folder, anywhere in the project.

use std::path::Path;

use super::{fails, files, fluxgen, project, read, succeeds, told, write};

const PROJECT: &str = "\
[repo]
url = \"ssh://git@github.com/acme/fleet\"
[flux]
version = \"2.9.4\"
[clusters.prod]
path = \"./kubernetes/prod/flux/\"
[clusters.staging]
path = \"kubernetes/staging/flux\"
[clusters.lab]
[kustomizations.apps]
path = \"./apps\"
postBuild.substitute.folder = \"${{ cluster.path }}\"
";

fn git(folder: &Path, args: &[&str]) {
    let run = std::process::Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
        .args(args)
        .output()
        .expect("git runs");
    assert!(run.status.success(), "{}", told(&run));
}

fn committed(text: &str) -> tempfile::TempDir {
    let folder = project(text);
    write(folder.path(), "apps/kustomization.yaml", "resources: []\n");
    git(folder.path(), &["init", "-q", "-b", "main"]);
    succeeds(folder.path(), &["build"]);
    git(folder.path(), &["add", "-A"]);
    git(folder.path(), &["commit", "-q", "-m", "a"]);
    folder
}

#[test]
fn files_go_to_the_folder_of_each_cluster_and_stay_there() {
    let folder = committed(PROJECT);
    for own in [
        "kubernetes/prod/flux",
        "kubernetes/staging/flux",
        "clusters/lab",
    ] {
        let text = read(folder.path(), &format!("{own}/kustomizations/apps.yaml"));
        assert!(text.contains(&format!("folder: {own}\n")), "{text}");
    }
    assert!(!folder.path().join("clusters/prod").exists());
    for command in ["check", "diff"] {
        let run = fluxgen(folder.path(), &[command]);
        assert_eq!((run.status.code(), told(&run).as_str()), (Some(0), ""));
    }
    let again = succeeds(folder.path(), &["build"]);
    assert!(again.contains("prod: 0 written, 0 removed, 1 unchanged"));
    // What is no longer made goes, as it does in the usual folder.
    let text =
        read(folder.path(), "fluxgen.toml").replace("kustomizations.apps", "kustomizations.web");
    write(folder.path(), "fluxgen.toml", text);
    let shown = fluxgen(folder.path(), &["build", "--dry-run"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("remove kubernetes/prod/flux/kustomizations/apps.yaml"),
        "{shown}"
    );
    succeeds(folder.path(), &["build"]);
    assert!(
        !folder
            .path()
            .join("kubernetes/prod/flux/kustomizations/apps.yaml")
            .exists()
    );
}

#[test]
fn own_files_of_the_folder_are_seen_and_adopted() {
    let folder = committed(PROJECT);
    let own = "kubernetes/prod/flux/kustomizations/apps.yaml";
    write(folder.path(), own, "# mine\n");
    let said = fails(folder.path(), 1, &["build"]);
    assert!(said.contains(&format!("build --adopt {own}")), "{said}");
    succeeds(folder.path(), &["build", "--adopt", "kubernetes/prod/flux"]);
    // Another definition of one of the cluster's resources.
    let text = read(folder.path(), own);
    let text = text.lines().skip(1).collect::<Vec<_>>().join("\n");
    write(folder.path(), "kubernetes/staging/flux/own.yaml", text);
    let said = fails(folder.path(), 1, &["check"]);
    assert!(
        said.contains("`kubernetes/staging/flux/own.yaml` defines it too"),
        "{said}"
    );
}

#[test]
fn flux_syncs_the_folder() {
    let toml = format!(
        "{}install = \"release\"\ndistribution = \"gotk.yaml\"\n{}",
        &PROJECT[..PROJECT.find("[clusters.prod]").expect("there")],
        &PROJECT[PROJECT.find("[clusters.prod]").expect("there")..],
    );
    let scene = |toml: &str| {
        let folder = project(toml);
        write(folder.path(), "apps/kustomization.yaml", "resources: []\n");
        let manifest = "# Flux Version: v2.9.4\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: flux-system\n";
        write(folder.path(), "gotk.yaml", manifest);
        folder
    };
    let folder = scene(&toml);
    succeeds(folder.path(), &["build"]);
    let sync = "kubernetes/prod/flux/flux-system/gotk-sync.yaml";
    assert!(read(folder.path(), sync).contains("path: ./kubernetes/prod/flux\n"));
    // A folder above it that holds no other cluster's applies it too.
    let with = |path: &str| {
        toml.replace(
            "flux/\"\n",
            &format!("flux/\"\nflux.sync.path = \"{path}\"\n"),
        )
    };
    let folder = scene(&with("./kubernetes/prod"));
    succeeds(folder.path(), &["build"]);
    for (path, said) in [
        ("x/y", "write `path = \"x/y\"` in `[clusters.prod]` instead"),
        (
            "clusters/prod",
            "would sync `clusters/prod`, but its files are in `kubernetes/prod/flux`",
        ),
        (
            "./kubernetes",
            "holds the folder `kubernetes/staging/flux` of cluster `staging` too",
        ),
        ("./", "holds the folder `clusters/lab` of cluster `lab` too"),
        (
            "kubernetes/prod/flux/sub",
            "its files are in `kubernetes/prod/flux`",
        ),
    ] {
        let folder = scene(&with(path));
        for command in ["check", "build"] {
            let found = fails(folder.path(), 1, &[command]);
            let words: Vec<&str> = found.split_whitespace().collect();
            assert!(words.join(" ").contains(said), "{path}: {found}");
        }
        assert!(!folder.path().join("kubernetes").exists());
    }
}

#[test]
fn a_project_below_the_root_of_its_repository_is_synced_from_the_root() {
    let folder = tempfile::tempdir().expect("a folder");
    git(folder.path(), &["init", "-q"]);
    let toml = PROJECT.replace("[flux]", "[flux]\ninstall = \"operator\"");
    write(folder.path(), "gitops/fluxgen.toml", toml);
    let below = folder.path().join("gitops");
    succeeds(&below, &["build"]);
    let instance = |own: &str| read(&below, &format!("{own}/flux-system/flux-instance.yaml"));
    assert!(instance("kubernetes/prod/flux").contains("path: gitops/kubernetes/prod/flux\n"));
    assert!(instance("clusters/lab").contains("path: gitops/clusters/lab\n"));
}

#[test]
fn folders_that_overlap_or_lead_out_are_refused() {
    for (path, said) in [
        ("clusters/lab", "have the same folder `clusters/lab`"),
        ("clusters/LAB", "have the same folder"),
        (
            "clusters",
            "is inside `clusters`, the folder of cluster `prod`",
        ),
        (
            "clusters/lab/sub",
            "is inside `clusters/lab`, the folder of cluster `lab`",
        ),
        ("kubernetes", "is inside `kubernetes`"),
        ("../fleet", "leads out of the folder of the TOML file"),
        ("/srv", "is an absolute path"),
        (".", "is the folder of the TOML file itself"),
        (".git/hooks", "is inside `.git`"),
    ] {
        let folder = project(&PROJECT.replace("./kubernetes/prod/flux/", path));
        for command in ["check", "build"] {
            let found = fails(folder.path(), 1, &[command]);
            let words: Vec<&str> = found.split_whitespace().collect();
            assert!(words.join(" ").contains(said), "{path}: {found}");
        }
        assert_eq!(files(folder.path()).len(), 1, "{path}");
    }
}

#[test]
fn folders_that_no_cluster_has_any_longer_are_named() {
    let folder = committed(PROJECT);
    // One cluster is gone, another has moved.
    let text = read(folder.path(), "fluxgen.toml")
        .replace(
            "[clusters.staging]\npath = \"kubernetes/staging/flux\"\n",
            "",
        )
        .replace(
            "[clusters.lab]",
            "[clusters.lab]\npath = \"kubernetes/lab/flux\"",
        );
    write(folder.path(), "fluxgen.toml", text);
    let said = told(&fluxgen(folder.path(), &["check"]));
    for found in [
        "warning[stale-tree]: nothing is built in `kubernetes/lab/flux` yet",
        "`kubernetes/staging/flux` was generated, but no cluster is named `staging`",
        "`clusters/lab` was generated, but the folder of cluster `lab` is `kubernetes/lab/flux`",
    ] {
        assert!(said.contains(found), "{said}");
    }
    assert_eq!(said.matches("warning[").count(), 3, "{said}");
    assert!(
        folder
            .path()
            .join("kubernetes/staging/flux/kustomizations/apps.yaml")
            .exists()
    );
}

#[test]
fn the_difference_to_a_commit_names_files_of_the_folder() {
    let folder = committed(PROJECT);
    write(
        folder.path(),
        "kubernetes/staging/flux/kustomizations/apps.yaml",
        "# Generated by fluxgen from fluxgen.toml. Do not edit.\n",
    );
    let run = fluxgen(
        folder.path(),
        &["diff", "--against", "HEAD", "--format", "json"],
    );
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
    let text = report.to_string();
    assert!(
        text.contains("kubernetes/staging/flux/kustomizations/apps.yaml"),
        "{text}"
    );
    assert!(!text.contains("clusters/staging"), "{text}");
}
