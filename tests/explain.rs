//! `fluxgen explain CLUSTER RESOURCE FIELD`, through the real program.

use std::process::Command;

const PROJECT: &str = r#"[repo]
url = "ssh://git@github.com/acme/fleet"
[flux]
version = "2.9.4"
[defaults]
interval = "7m"
[defaults.kustomizations]
interval = "10m"
timeout = "3m"
labels."acme.example/team" = "web"
[groups.production]
clusters = ["prod"]
[groups.production.kustomizations.apps]
timeout = { unset = true }
[clusters.staging]
[clusters.prod.kustomizations.apps]
interval = "30m"
postBuild.substitute.a = "2"
[kustomizations.apps]
path = "./apps/${{ cluster.name }}"
postBuild.substitute = { a = "1", db_password = "hunter2" }
[sets.team]
inputs = [{ name = "red" }, { name = "blue" }]
[sets.team.kustomizations."${{ inputs.name }}"]
path = "./teams/${{ inputs.name }}"
[clusters.prod.kustomizations.blue]
path = "./blue"
"#;

/// The exit code, stdout and stderr of `fluxgen explain` in a project.
fn explain(what: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("fluxgen.toml"), PROJECT).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_fluxgen"))
        .arg("-C")
        .arg(folder.path())
        .arg("explain")
        .args(what)
        .output()
        .expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn a_value_is_told_with_all_that_it_overrides() {
    let (code, told, _) = explain(&["prod", "kustomizations.apps", "interval"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        told,
        "\
Kustomization flux-system/apps
  interval
    30m: fluxgen.toml:17, clusters.prod
    10m: fluxgen.toml:8, defaults.kustomizations, overridden at :17
    7m: fluxgen.toml:6, defaults, overridden at :8
    10m: built-in, overridden at fluxgen.toml:6
"
    );
}

#[test]
fn an_api_path_a_quoted_key_and_a_kind_are_understood() {
    for what in [
        ["staging", "Kustomization/apps", "spec.timeout"],
        ["staging", "Kustomization/flux-system/apps", "timeout"],
    ] {
        let (_, told, _) = explain(&what);
        assert!(
            told.ends_with("    3m: fluxgen.toml:9, defaults.kustomizations\n"),
            "{told}"
        );
    }
    let (_, told, _) = explain(&[
        "prod",
        "kustomizations.apps",
        "metadata.labels.acme.example/team",
    ]);
    assert!(
        told.contains("  labels.\"acme.example/team\"\n    web: fluxgen.toml:10"),
        "{told}"
    );
}

#[test]
fn a_removed_value_names_who_removed_it() {
    let (_, told, _) = explain(&["prod", "kustomizations.apps", "timeout"]);
    assert!(
        told.contains("    unset: fluxgen.toml:14, groups.production\n"),
        "{told}"
    );
    assert!(told.contains("    3m: fluxgen.toml:9, defaults.kustomizations, overridden at :14\n"));
}

#[test]
fn expressions_are_told_by_their_value_and_sets_by_their_instance() {
    let (_, told, _) = explain(&["staging", "kustomizations.apps", "path"]);
    assert!(
        told.contains("./apps/staging: fluxgen.toml:20, kustomizations.apps"),
        "{told}"
    );
    let (_, told, _) = explain(&["prod", "kustomizations.blue", "path"]);
    assert!(
        told.contains("./blue: fluxgen.toml:27, clusters.prod"),
        "{told}"
    );
    let (_, told, _) = explain(&["prod", "kustomizations.red", "path"]);
    assert!(
        told.contains("./teams/red: fluxgen.toml:25, kustomizations.red"),
        "{told}"
    );
}

#[test]
fn secrets_are_not_told() {
    let (_, told, _) = explain(&["prod", "kustomizations.apps"]);
    assert!(told.contains("db_password"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn a_misspelt_question_gets_the_nearest_name() {
    for (what, near) in [
        (
            ["prd", "kustomizations.apps", "path"],
            "did you mean `prod`?",
        ),
        (
            ["prod", "kustomizations.aps", "path"],
            "did you mean `kustomizations.apps`?",
        ),
        (
            ["prod", "kustomizations.apps", "pth"],
            "did you mean `path`?",
        ),
    ] {
        let (code, _, told) = explain(&what);
        assert_eq!(code, Some(2));
        assert!(told.contains(near), "{told}");
    }
    let (_, _, told) = explain(&["wrong-valu"]);
    assert!(told.contains("did you mean `wrong-value`?"), "{told}");
}
