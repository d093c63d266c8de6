//! `fluxgen upgrade` through the real program: what it says before it raises a version, and what it writes.
//!
//! The snapshots are whole messages, to be read as prose.

mod flux;

use flux::Scene;
use fluxgen::upgrade::FACTS;

const EVERY_FACT: &str = include_str!("upgrade/every-fact.toml");

const WEB: &str = "\
# ${a_comment} is none of Flux's
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  domain: ${domain}
  region: ${region}
  note: $${kept} ${defaulted:=x}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: script
  annotations:
    kustomize.toolkit.fluxcd.io/substitute: disabled
data:
  script: echo ${shell}
";

const OLD: &str = "\
apiVersion: notification.toolkit.fluxcd.io/v1beta2
kind: Alert
metadata:
  name: old
---
apiVersion: source.toolkit.fluxcd.io/v1beta2
kind: GitRepository
metadata:
  name: old
";

/// A project in which every fact of the table matters.
fn every_fact() -> Scene {
    let scene = Scene::new(EVERY_FACT);
    scene.write("apps/web.yaml", WEB);
    scene.write("plain/web.yaml", &WEB.replace("  region: ${region}\n", ""));
    scene.write("templates/old.yaml", OLD);
    scene
}

/// Runs the command; gives all that it says, stderr first.
fn said(scene: &Scene, code: i32, args: &[&str]) -> String {
    let (out, err) = scene.expect(code, &[&["upgrade"], args].concat());
    let folder = scene.folder.path().display().to_string();
    format!("{err}\n--- stdout ---\n{out}").replace(&folder, ".")
}

#[test]
fn from_2_6_to_2_9_every_fact_is_told_at_its_line() {
    let scene = every_fact();
    let told = said(&scene, 1, &["--to", "2.9.4", "--dry-run"]);
    for fact in FACTS {
        assert!(
            told.contains(&format!("[{}]", fact.code)),
            "{}: {told}",
            fact.code
        );
        let (page, _) = scene.expect(0, &["explain", fact.code]);
        assert!(
            page.contains(fact.docs) && fact.docs.starts_with("https://"),
            "{page}"
        );
    }
    insta::assert_snapshot!("every_fact", told);
    assert_eq!(scene.read("fluxgen.toml"), EVERY_FACT);
    // Really done, it says the same and writes the one value.
    let done = said(&scene, 1, &["--to", "v2.9.4"]);
    let same = |text: &str| {
        text.split("nothing is written")
            .next()
            .unwrap_or_default()
            .replace("2.6.4\"", "2.9.4\"")
    };
    let done = done.split("next: ").next().unwrap_or_default().to_owned();
    assert_eq!(done.replace("2.6.4\"", "2.9.4\""), same(&told));
    assert_eq!(
        scene.read("fluxgen.toml"),
        EVERY_FACT.replacen("version = \"2.6.4\"", "version = \"2.9.4\"", 1)
    );
    let again = said(&scene, 0, &["--to", "2.9.4"]);
    assert_eq!(
        again,
        "\n--- stdout ---\nevery cluster is at 2.9.4 already\n"
    );
}

#[test]
fn one_minor_tells_what_it_brings_and_no_more() {
    let scene = every_fact();
    let told = said(&scene, 1, &["--to", "2.7.5", "--dry-run"]);
    let codes: Vec<&str> = FACTS
        .iter()
        .map(|fact| fact.code)
        .filter(|code| told.contains(&format!("[{code}]")))
        .collect();
    assert_eq!(
        codes,
        ["proxy-field-deprecated", "commit-template-fields-removed"]
    );
    assert!(!told.contains("flux-minor-skipped"), "{told}");
    assert!(
        !told.contains("api-version-removed"),
        "v1beta2 is served in 2.7: {told}"
    );
    assert!(!told.contains("2.8  "), "{told}");
}

const FLEET: &str = r#"# The fleet.
[repo]
url = "ssh://git@github.com/acme/fleet"
[flux]
version = "2.8.8"  # the platform team decides

[groups.prod]
clusters = ["prod-*"]   # all of them

[clusters.staging]
vars.size = "small"     # a comment that stays
[clusters.prod-eu]
[clusters.prod-us]

[helmReleases."web/podinfo"]
chart.spec = { chart = "podinfo", version = "6.x", source = "helm.podinfo" }
postRenderers = [{ kustomize.images = [{ name = "x", newTag = "1" }] }]
[sources.helm.podinfo]
url = "https://stefanprodan.github.io/podinfo"
[kustomizations.apps]
path = "./apps/${{ flux.version }}"
clusters = ["staging"]
"#;

#[test]
fn one_cluster_gets_a_version_of_its_own() {
    let scene = Scene::new(FLEET);
    let told = said(&scene, 1, &["--to", "2.9.4", "--cluster", "staging"]);
    insta::assert_snapshot!("one_cluster", told);
    assert_eq!(
        scene.read("fluxgen.toml"),
        FLEET.replace("that stays\n", "that stays\nflux.version = \"2.9.4\"\n")
    );
}

#[test]
fn a_group_of_named_clusters_gets_the_version_in_its_table() {
    let scene = Scene::new(FLEET);
    let args = [
        "--to",
        "2.9.4",
        "--cluster",
        "prod-eu",
        "--cluster",
        "prod-us",
    ];
    let told = said(&scene, 1, &args);
    insta::assert_snapshot!("a_group", told);
    assert_eq!(
        scene.read("fluxgen.toml"),
        FLEET.replace("all of them\n", "all of them\nflux.version = \"2.9.4\"\n")
    );
    // The rest follows, and the group's own pin stays as it is.
    let told = said(&scene, 1, &["--to", "2.9.4"]);
    assert!(
        told.contains("fluxgen.toml:5: flux.version from 2.8.8 to 2.9.4, in staging\n"),
        "{told}"
    );
}

#[test]
fn a_patch_release_breaks_nothing_and_ends_with_0() {
    let scene = Scene::new(FLEET);
    let told = said(&scene, 0, &["--to", "2.8.9"]);
    assert_eq!(
        told,
        "\n--- stdout ---\nfluxgen.toml:5: flux.version from 2.8.8 to 2.8.9, in prod-eu, prod-us, staging\n\
         next: fluxgen build, and a look at the diff of the trees\n"
    );
    assert_eq!(scene.read("fluxgen.toml"), FLEET.replace("2.8.8", "2.8.9"));
}

#[test]
fn nothing_is_lowered() {
    let scene = Scene::new(&FLEET.replace(
        "[clusters.prod-us]",
        "[clusters.prod-us]\nflux.version = \"2.9.4\"",
    ));
    let before = scene.read("fluxgen.toml");
    let told = said(&scene, 1, &["--to", "2.9.0"]);
    insta::assert_snapshot!("a_downgrade", told);
    assert_eq!(scene.read("fluxgen.toml"), before);
    let told = said(
        &scene,
        1,
        &[
            "--to",
            "2.9.0",
            "--cluster",
            "staging",
            "--cluster",
            "prod-eu",
        ],
    );
    assert!(told.contains("[post-render-order]"), "{told}");
    assert_ne!(scene.read("fluxgen.toml"), before);
}

#[test]
fn an_unknown_newer_version_is_warned_of() {
    let scene = Scene::new(&FLEET.replace("2.8.8", "2.9.4"));
    let told = said(&scene, 1, &["--to", "2.11.0", "--dry-run"]);
    insta::assert_snapshot!("unknown_newer", told);
}

#[test]
fn errors_that_are_there_already_are_counted_and_those_that_go_are_not() {
    let scene = Scene::new(&format!(
        "{FLEET}postBuild.substituteStrategy = \"Always\"\ndependsOn = [\"none\"]\n"
    ));
    let told = said(&scene, 1, &["--to", "2.9.4", "--dry-run"]);
    assert!(!told.contains("substituteStrategy` needs"), "{told}");
    assert!(!told.contains("dangling-reference"), "{told}");
    assert!(
        told.contains("1 other error is there at either version; `fluxgen check` tells more\n"),
        "{told}"
    );
}

#[test]
fn what_is_asked_for_wrongly_is_refused_with_nothing_written() {
    let scene = Scene::new(FLEET);
    for (args, code, part) in [
        (
            &["--to", "2.9"][..],
            2,
            "write all three numbers, as in 2.9.4",
        ),
        (&["--to", "latest"], 2, "write all three numbers"),
        (&["--to", "2.5.1"], 2, "Flux 2.5.1 is older than 2.6"),
        (&[], 2, "--to <VERSION>"),
        (
            &["--to", "2.9.4", "--cluster", "stagin"],
            2,
            "did you mean `staging`?",
        ),
    ] {
        let told = said(&scene, code, args);
        assert!(told.contains(part), "{args:?}: {told}");
    }
    scene.write("fluxgen.toml", &FLEET.replace("2.8.8", "2.8"));
    let told = said(&scene, 1, &["--to", "2.9.4"]);
    assert!(told.contains("`2.8` is no Flux version"), "{told}");
    scene.write("fluxgen.toml", "[flux]\nversion = \"2.8.8\"\n");
    assert!(said(&scene, 1, &["--to", "2.9.4"]).contains("no cluster is defined"));
    assert_eq!(scene.read("fluxgen.toml"), "[flux]\nversion = \"2.8.8\"\n");
}

#[test]
fn a_computed_version_is_left_to_the_user() {
    let computed = FLEET.replace(
        "version = \"2.8.8\"",
        "version = \"${{ '2.8.' ~ vars.patch }}\"",
    );
    assert_ne!(computed, FLEET);
    let scene = Scene::new(&format!("vars.patch = 8\n{computed}"));
    let told = said(&scene, 2, &["--to", "2.9.4"]);
    assert!(told.contains("computed at fluxgen.toml:"), "{told}");
    assert!(told.contains("set by hand what it is made of"), "{told}");
    assert!(scene.read("fluxgen.toml").contains("'2.8.'"));
}

#[test]
fn the_operator_migrates_what_is_stored_by_itself() {
    let release = FLEET.replace(
        "[flux]\n",
        "[flux]\ninstall = \"release\"\ndistribution = \"flux\"\n",
    );
    let told = said(&Scene::new(&release), 1, &["--to", "2.9.4", "--dry-run"]);
    assert!(told.contains("[stored-versions]"), "{told}");
    assert!(
        told.contains("`flux` is one release of Flux, whatever"),
        "{told}"
    );
    let operator = FLEET.replace("[flux]\n", "[flux]\ninstall = \"operator\"\n");
    let told = said(&Scene::new(&operator), 1, &["--to", "2.9.4", "--dry-run"]);
    assert!(!told.contains("[stored-versions]"), "{told}");
}
