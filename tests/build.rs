//! The main job through the real program: a build, a second build, and what is refused.

use std::path::Path;
use std::process::{Command, Output};

const PROJECT: &str = r#"
[repo]
url = "ssh://git@github.com/acme/fleet"

[flux]
version = "2.9.4"
componentsExtra = ["image-reflector-controller", "image-automation-controller"]

[clusters.staging]
[clusters.prod.kustomizations.apps]
interval = "30m"

[kustomizations.infrastructure]
path = "./infrastructure/${{ cluster.name }}"
[kustomizations.apps]
path = "./apps"
dependsOn = ["infrastructure"]

[sources.helm.podinfo]
url = "https://stefanprodan.github.io/podinfo"
[helmReleases."web/podinfo"]
chart.spec = { chart = "podinfo", version = "6.x", source = "helm.podinfo" }
values.image.tag = { imagePolicy = "podinfo:tag", initial = "6.5.0" }
[images.podinfo]
image = "ghcr.io/stefanprodan/podinfo"
policy.semver.range = "6.x"
"#;

fn fluxgen(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fluxgen"))
        .arg("-C")
        .arg(folder)
        .args(args)
        .output()
        .expect("the program runs")
}

fn project(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("fluxgen.toml"), text).expect("written");
    folder
}

fn read(folder: &Path, path: &str) -> String {
    std::fs::read_to_string(folder.join(path)).expect(path)
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_second_build_changes_nothing() {
    let folder = project(PROJECT);
    let first = fluxgen(folder.path(), &["build"]);
    assert_eq!(first.status.code(), Some(0), "{}", errors(&first));
    let second = fluxgen(folder.path(), &["build", "--dry-run"]);
    assert_eq!(second.status.code(), Some(0), "{}", errors(&second));
    let apps = |cluster: &str| {
        read(
            folder.path(),
            &format!("clusters/{cluster}/kustomizations/apps.yaml"),
        )
    };
    assert!(apps("staging").contains("interval: 10m\n"));
    assert!(apps("prod").contains("interval: 30m\n"));
    let infrastructure = read(
        folder.path(),
        "clusters/prod/kustomizations/infrastructure.yaml",
    );
    assert!(infrastructure.contains("path: ./infrastructure/prod\n"));
}

#[test]
fn a_tag_that_the_automation_committed_is_kept() {
    let folder = project(PROJECT);
    assert!(fluxgen(folder.path(), &["build"]).status.success());
    let path = "clusters/prod/helm-releases/web-podinfo.yaml";
    let text = read(folder.path(), path);
    assert!(
        text.contains("tag: \"6.5.0\" # {\"$imagepolicy\": \"flux-system:podinfo:tag\"}"),
        "{text}"
    );
    std::fs::write(folder.path().join(path), text.replace("\"6.5.0\"", "6.6.1")).expect("written");
    let edited = PROJECT.replace("version = \"6.x\", source", "version = \"6.7.x\", source");
    std::fs::write(folder.path().join("fluxgen.toml"), edited).expect("written");
    assert!(fluxgen(folder.path(), &["build"]).status.success());
    let text = read(folder.path(), path);
    assert!(text.contains("6.6.1") && text.contains("6.7.x"), "{text}");
    assert!(
        read(
            folder.path(),
            "clusters/staging/helm-releases/web-podinfo.yaml"
        )
        .contains("6.5.0")
    );
}

#[test]
fn a_file_of_the_user_in_the_way_is_refused_and_adopted_only_when_asked() {
    let folder = project(PROJECT);
    let path = "clusters/staging/kustomizations/apps.yaml";
    let file = folder.path().join(path);
    std::fs::create_dir_all(file.parent().expect("a parent")).expect("made");
    std::fs::write(&file, "mine: true\n").expect("written");
    let refused = fluxgen(folder.path(), &["build"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(errors(&refused).contains("--adopt"), "{}", errors(&refused));
    assert!(!folder.path().join("clusters/prod").exists());
    assert_eq!(read(folder.path(), path), "mine: true\n");
    // What the TOML file does not say is not replaced, asked for or not.
    let lossy = fluxgen(folder.path(), &["build", "--adopt", path]);
    assert_eq!(lossy.status.code(), Some(1));
    assert!(
        errors(&lossy).contains("error[adopting-loses]"),
        "{}",
        errors(&lossy)
    );
    assert_eq!(read(folder.path(), path), "mine: true\n");
    std::fs::write(
        &file,
        "kind: Kustomization\napiVersion: kustomize.toolkit.fluxcd.io/v1\n\
         metadata: {namespace: flux-system, name: apps}\nspec: {path: apps}\n",
    )
    .expect("written");
    let adopted = fluxgen(folder.path(), &["build", "--adopt", path]);
    assert!(adopted.status.success(), "{}", errors(&adopted));
    assert!(read(folder.path(), path).starts_with("# "));
}

#[test]
fn faults_come_together_with_their_remedies_and_nothing_is_written() {
    let text = PROJECT
        .replace(
            "path = \"./apps\"",
            "pth = \"./apps\"\ninterval = \"5 minutes\"",
        )
        .replace("[\"infrastructure\"]", "[\"infrastucture\"]");
    let folder = project(&text);
    let output = fluxgen(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = errors(&output);
    for expected in [
        "unknown key `pth`",
        "`path`",
        "5 minutes",
        "infrastucture",
        "`infrastructure`",
        "fluxgen.toml:",
    ] {
        assert!(errors.contains(expected), "{expected}: {errors}");
    }
    assert!(!folder.path().join("clusters").exists());
}

#[test]
fn a_resource_taken_from_the_toml_goes_from_the_tree() {
    let folder = project(PROJECT);
    assert!(fluxgen(folder.path(), &["build"]).status.success());
    let start = PROJECT.find("[sources.helm").expect("there");
    std::fs::write(folder.path().join("fluxgen.toml"), &PROJECT[..start]).expect("written");
    assert!(fluxgen(folder.path(), &["build"]).status.success());
    assert!(!folder.path().join("clusters/prod/helm-releases").exists());
    assert!(
        folder
            .path()
            .join("clusters/prod/kustomizations/apps.yaml")
            .exists()
    );
}

#[test]
fn a_policy_that_does_not_pick_what_its_test_expects_is_refused() {
    let with = |expect: &str| {
        let test = format!(
            "range = \"6.x\"\ntags = [\"6.4.0\", \"6.5.0\", \"7.0.0\"]\nexpect = \"{expect}\""
        );
        PROJECT.replace("range = \"6.x\"", &test)
    };
    assert!(
        fluxgen(project(&with("6.5.0")).path(), &["check"])
            .status
            .success()
    );
    let output = fluxgen(project(&with("7.0.0")).path(), &["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors(&output).contains("picks `6.5.0`"),
        "{}",
        errors(&output)
    );
}

#[test]
fn build_then_diff_is_empty_and_an_edit_is_shown() {
    let folder = project(PROJECT);
    assert_eq!(fluxgen(folder.path(), &["diff"]).status.code(), Some(1));
    assert!(fluxgen(folder.path(), &["build"]).status.success());
    let same = fluxgen(folder.path(), &["diff"]);
    assert_eq!((same.status.code(), same.stdout.len()), (Some(0), 0));
    std::fs::write(
        folder.path().join("fluxgen.toml"),
        PROJECT.replace("30m", "45m"),
    )
    .expect("written");
    let edited = fluxgen(folder.path(), &["diff"]);
    let text = String::from_utf8_lossy(&edited.stdout).into_owned();
    assert_eq!(edited.status.code(), Some(1));
    assert!(
        text.contains("-  interval: 30m\n+  interval: 45m\n"),
        "{text}"
    );
    assert!(
        text.contains("--- a/clusters/prod/kustomizations/apps.yaml"),
        "{text}"
    );
}
