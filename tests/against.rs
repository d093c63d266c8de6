//! `fluxgen diff --against` through the real program and the real git: the stories of users, what is read
//! from which side, how a run ends, and repositories that are not as one thinks.

mod git;

use std::collections::BTreeSet;

use git::{Repository, Run, fluxgen};
use serde_json::Value;

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: web}\n";
const SHOP: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n";

const FLEET: &str = r#"
[repo]
url = "ssh://git@github.com/acme/fleet"
[clusters.staging]
[clusters.prod]
[kustomizations.apps]
path = "./apps"
"#;

fn fleet() -> Repository {
    let repository = Repository::new();
    repository.write("fluxgen.toml", FLEET);
    repository.write("apps/web.yaml", WEB);
    repository.build_and_commit();
    repository
}

fn edit(repository: &Repository, from: &str, to: &str) {
    let text = repository.read("fluxgen.toml");
    assert!(text.contains(from), "{from}");
    repository.write("fluxgen.toml", &text.replace(from, to));
}

fn report(run: &Run) -> Value {
    assert!(!run.stdout.is_empty(), "{}", run.stderr);
    git::report(&run.stdout)
}

fn against(repository: &Repository, args: &[&str]) -> Value {
    let mut all = vec!["diff", "--format=json", "--against"];
    all.extend(args);
    report(&repository.fluxgen(&all))
}

fn rules(report: &Value) -> Vec<&str> {
    let findings = report["forecast"].as_array().expect("findings");
    findings
        .iter()
        .map(|finding| finding["rule"].as_str().expect("a rule"))
        .collect()
}

// The stories.

/// Source: <https://github.com/fluxcd/flux2/issues/3316>
#[test]
fn a_renamed_kustomization_does_not_prune_production_unseen() {
    let repository = fleet();
    edit(
        &repository,
        "kustomizations.apps",
        "kustomizations.applications",
    );
    let plain = repository.fluxgen(&["diff", "--against", "HEAD"]);
    assert_eq!(plain.code, Some(0), "{}", plain.stderr);
    assert!(
        plain
            .stdout
            .contains("destructive[kustomization-renamed-recreates]"),
        "{}",
        plain.stdout
    );
    let denied = repository.fluxgen(&["diff", "--against", "HEAD", "--deny", "destructive"]);
    assert_eq!(denied.code, Some(1));
    let report = against(&repository, &["HEAD"]);
    assert_eq!(report["totals"]["renamed"], 2);
    assert_eq!(report["totals"]["deleted"], 0);
    let finding = &report["forecast"][0];
    assert_eq!(finding["affected"]["objects"][0]["name"], "web");
    assert_eq!(finding["clusters"], serde_json::json!(["prod", "staging"]));
}

/// Source: <https://github.com/fluxcd/kustomize-controller/issues/1724>
#[test]
fn a_namespace_of_two_kustomizations_goes_with_the_first_that_lets_go() {
    let repository = Repository::new();
    let jobs = "[kustomizations.jobs]\npath = \"./jobs\"\n";
    repository.write("fluxgen.toml", &format!("{FLEET}{jobs}"));
    repository.write("apps/web.yaml", &format!("{SHOP}{WEB}"));
    repository.write("jobs/shop.yaml", SHOP);
    repository.build_and_commit();
    edit(&repository, jobs, "");
    let report = against(&repository, &["HEAD", "--deny=destructive"]);
    let finding = report["forecast"]
        .as_array()
        .expect("findings")
        .iter()
        .find(|finding| finding["rule"] == "object-moves-between-kustomizations")
        .expect("the namespace is told");
    assert_eq!(finding["affected"]["objects"][0]["kind"], "Namespace");
    assert_eq!(finding["denied"], true);
}

/// Source: <https://github.com/allenporter/flux-local/issues/207>
#[test]
fn a_diff_too_long_for_the_comment_says_what_it_leaves_out() {
    let many = |word: &str| -> String {
        (0..400)
            .map(|at| {
                format!(
                    "[manifests.\"web/settings-{at}\"]\napiVersion = \"v1\"\nkind = \"ConfigMap\"\n\
                     data.text = \"\"\"\n{word} {at}\n{}\"\"\"\n",
                    "a line that stays\n".repeat(8)
                )
            })
            .collect()
    };
    let repository = Repository::new();
    repository.write("fluxgen.toml", &format!("{FLEET}{}", many("old")));
    repository.build_and_commit();
    repository.write("fluxgen.toml", &format!("{FLEET}{}", many("new")));
    let run = repository.fluxgen(&["diff", "--against=HEAD", "--format=markdown"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.chars().count() < 65_536 && run.stdout.len() > 30_000);
    assert!(
        run.stdout.contains("Left out, because"),
        "{}",
        &run.stdout[..2_000]
    );
}

#[test]
fn a_side_that_is_broken_or_missing_is_no_deletion() {
    let repository = fleet();
    let broken = "[kustomizations\n";
    repository.write("fluxgen.toml", broken);
    let run = repository.fluxgen(&["diff", "--against=HEAD", "--format=json"]);
    assert_eq!(run.code, Some(1));
    let head = report(&run);
    assert_eq!(head["head"]["state"], "broken");
    assert_eq!(head["changes"], serde_json::json!([]));
    assert_eq!(head["totals"]["deleted"], 0);

    repository.commit_all();
    repository.write("fluxgen.toml", FLEET);
    let run = repository.fluxgen(&["diff", "--against=HEAD", "--format=json"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let base = report(&run);
    assert_eq!(base["base"]["state"], "broken");
    assert_eq!(base["changes"], serde_json::json!([]));
    assert_eq!(base["problems"][0]["side"], "base");
    // What cannot be judged is not let through.
    let denied = repository.fluxgen(&["diff", "--against=HEAD", "--deny=destructive"]);
    assert_eq!(denied.code, Some(2));
    assert!(
        denied.stderr.contains("--against HEAD~1"),
        "{}",
        denied.stderr
    );

    repository.git(&["rm", "--quiet", "--cached", "fluxgen.toml"]);
    repository.git(&["commit", "--quiet", "--message=none"]);
    let missing = against(&repository, &["HEAD"]);
    assert_eq!(missing["base"]["state"], "missing");
    assert_eq!(missing["totals"]["deleted"], 0);
    // What is committed below `clusters` is what Flux applies already.
    assert_eq!(missing["totals"]["created"], 0);
    let run = repository.fluxgen(&["diff", "--against=HEAD", "--deny=destructive"]);
    assert_eq!(run.code, Some(0));
    assert!(
        run.stdout
            .contains("HEAD has no fluxgen.toml: its YAML is compared"),
        "{}",
        run.stdout
    );
    repository.git(&["rm", "-r", "--quiet", "--cached", "clusters"]);
    repository.git(&["commit", "--quiet", "--message=nothing"]);
    let run = repository.fluxgen(&["diff", "--against=HEAD"]);
    assert!(
        run.stdout
            .contains("HEAD has no fluxgen.toml: everything is new"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_head_without_the_toml_is_no_deletion_either() {
    let repository = fleet();
    std::fs::remove_file(repository.path().join("fluxgen.toml")).expect("removed");
    let run = repository.fluxgen(&["diff", "--against=HEAD", "--format=json"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let report = report(&run);
    assert_eq!(report["head"]["state"], "missing");
    assert_eq!(report["totals"]["deleted"], 0);
}

// What is compared.

const IMAGE: &str = r#"
[flux]
version = "2.9.4"
componentsExtra = ["image-reflector-controller", "image-automation-controller"]
[clusters.prod]
[sources.helm.podinfo]
url = "https://stefanprodan.github.io/podinfo"
[helmReleases.web]
chart.spec = { chart = "podinfo", version = "6.x", source = "helm.podinfo" }
values.image.tag = { imagePolicy = "podinfo:tag", initial = "6.5.0" }
[images.podinfo]
image = "ghcr.io/stefanprodan/podinfo"
policy.semver.range = "6.x"
[imageUpdates.main]
git.commit.author.email = "bot@example.com"
update.path = "./clusters/prod"
"#;

#[test]
fn a_tag_of_the_bot_is_never_a_change() {
    let repository = Repository::new();
    repository.write("fluxgen.toml", IMAGE);
    repository.build_and_commit();
    let path = "clusters/prod/helm-releases/flux-system-web.yaml";
    let bump = |to: &str| {
        let text = repository.read(path);
        let line = text
            .lines()
            .find(|line| line.contains("$imagepolicy"))
            .expect("a mark");
        let (_, comment) = line.split_once(" # ").expect("a comment");
        let indent = &line[..line.len() - line.trim_start().len()];
        repository.write(
            path,
            &text.replace(line, &format!("{indent}tag: {to} # {comment}")),
        );
        repository.commit_all();
    };
    bump("6.6.1");
    repository.git(&["tag", "then"]);
    bump("6.7.0");
    let report = against(&repository, &["then"]);
    assert_eq!(report["totals"]["changed"], 0);
    assert_eq!(report["changes"], serde_json::json!([]));
    let cluster = &report["clusters"][0];
    for tree in ["baseTree", "headTree"] {
        assert_eq!(
            cluster[tree],
            serde_json::json!({ "automated": [path] }),
            "{tree}"
        );
    }
    // The mark goes: what stood there is what changes.
    edit(
        &repository,
        "{ imagePolicy = \"podinfo:tag\", initial = \"6.5.0\" }",
        "\"6.5.0\"",
    );
    let report = against(&repository, &["then"]);
    let field = &report["changes"][0]["fields"][0];
    assert!(
        field["old"].as_str().expect("text").starts_with("6.6.1 "),
        "{field}"
    );
}

/// A TOML file that was renamed takes over what it made, and the next build removes the rest.
#[test]
fn what_a_renamed_toml_file_left_is_told_as_stale() {
    let repository = fleet();
    let more = format!("{FLEET}[kustomizations.base]\npath = \"./apps\"\n");
    std::fs::remove_file(repository.path().join("fluxgen.toml")).expect("removed");
    repository.write("old.toml", &more);
    let built = repository.fluxgen(&["--config", "old.toml", "build"]);
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    std::fs::remove_file(repository.path().join("old.toml")).expect("removed");
    repository.write("fluxgen.toml", FLEET);
    repository.commit_all();
    let run = repository.fluxgen(&["diff", "--against", "HEAD", "--format", "json"]);
    let path = |name: &str| format!("clusters/prod/kustomizations/{name}.yaml");
    assert_eq!(
        report(&run)["clusters"][0]["headTree"],
        serde_json::json!({ "stale": [path("apps"), path("base")] }),
        "{}",
        run.stdout
    );
}

#[test]
fn a_tree_is_told_as_stale_or_edited_by_hand() {
    let repository = fleet();
    let path = "clusters/prod/kustomizations/apps.yaml";
    let trees = |report: &Value| -> Value { report["clusters"][0]["headTree"].clone() };
    repository.write(path, &repository.read(path).replace("10m", "20m"));
    assert_eq!(
        trees(&against(&repository, &["HEAD"])),
        serde_json::json!({ "handEdited": [path] })
    );
    repository.git(&["checkout", "--quiet", path]);
    edit(
        &repository,
        "path = \"./apps\"",
        "path = \"./apps\"\ninterval = \"30m\"",
    );
    assert_eq!(
        trees(&against(&repository, &["HEAD"])),
        serde_json::json!({ "stale": [path] })
    );
    let run = repository.fluxgen(&["diff", "--against=HEAD"]);
    assert!(run.stdout.contains("warning[stale-tree]"), "{}", run.stdout);
    assert_eq!(repository.fluxgen(&["build"]).code, Some(0));
    assert_eq!(
        trees(&against(&repository, &["HEAD"])),
        serde_json::json!({})
    );
    // A base that was never rebuilt is told as the base's.
    repository.git(&["checkout", "--quiet", "clusters"]);
    repository.commit_all();
    let report = against(&repository, &["HEAD"]);
    assert_eq!(
        report["clusters"][0]["baseTree"],
        serde_json::json!({ "stale": [path] })
    );
}

#[test]
fn everything_of_a_side_comes_from_that_side() {
    let toml = r#"
        [clusters.prod]
        [sources.helm.web]
        url = "https://example.com/charts"
        [helmReleases.web]
        chart.spec = { chart = "web", source = "helm.web" }
        values = { file = "values.yaml" }
        [kustomizations.apps]
        path = "./apps"
        dependsOn = ["own"]
    "#;
    let own = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: own, namespace: flux-system}\n\
               spec: {interval: 10m, prune: true, path: ./own, sourceRef: {kind: GitRepository, name: flux-system}}\n";
    let repository = Repository::new();
    for (path, text) in [
        ("deploy/fluxgen.toml", toml),
        ("deploy/values.yaml", "replicas: 1\n"),
        ("deploy/clusters/prod/own.yaml", own),
        ("apps/web.yaml", WEB),
        ("own/web.yaml", &WEB.replacen("name: web", "name: own", 1)),
    ] {
        repository.write(path, text);
    }
    repository.commit_all();
    repository.commit(&[("deploy/values.yaml", "replicas: 2\n")]);
    repository.write("deploy/values.yaml", "replicas: 3\n");
    repository.git(&["add", "--all"]);
    repository.write("deploy/values.yaml", "replicas: 4\n");
    // What is there on disk and in neither side does not matter.
    let deploy = repository.path().join("deploy");
    let values = |args: &[&str]| -> (Value, Value) {
        let mut all = vec!["diff", "--format=json"];
        all.extend(args);
        let report = report(&fluxgen(&deploy, &all));
        assert_eq!(report["config"], "deploy/fluxgen.toml");
        let field = &report["changes"][0]["fields"][0];
        assert_eq!(field["path"], "spec.values.replicas");
        assert_eq!(report["changes"][0]["place"]["file"], "deploy/fluxgen.toml");
        (field["old"].clone(), field["new"].clone())
    };
    let one = |n: u32| Value::from(n);
    assert_eq!(
        values(&["--against=HEAD~1", "--head=HEAD"]),
        (one(1), one(2))
    );
    assert_eq!(values(&["--against=HEAD~1"]), (one(1), one(4)));
    assert_eq!(values(&["--against=HEAD", "--staged"]), (one(2), one(3)));
    std::fs::remove_dir_all(&deploy).expect("removed");
    std::fs::create_dir(&deploy).expect("made");
    assert_eq!(
        values(&["--against=HEAD~1", "--head=HEAD"]),
        (one(1), one(2))
    );
}

#[test]
fn a_folder_that_changes_is_a_change_that_flux_applies() {
    let repository = fleet();
    let api = WEB.replace("name: web", "name: api");
    repository.commit(&[("apps/api.yaml", &api)]);
    std::fs::remove_file(repository.path().join("apps/api.yaml")).expect("removed");
    for args in [&["HEAD"][..], &["HEAD", "--deny=destructive"]] {
        let report = against(&repository, args);
        assert_eq!(
            rules(&report),
            ["kustomization-objects-removed"],
            "{report}"
        );
        assert_eq!(
            report["forecast"][0]["affected"]["objects"][0]["name"],
            "api"
        );
    }
    // It is not staged yet.
    assert!(rules(&against(&repository, &["HEAD", "--staged"])).is_empty());
}

#[test]
fn what_the_user_keeps_in_the_cluster_folder_is_compared_too() {
    let own = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
               metadata: {name: own, namespace: flux-system}\n\
               spec: {interval: 10m, prune: true, path: ./apps, sourceRef: {kind: GitRepository, name: flux-system}}\n";
    let repository = fleet();
    repository.commit(&[("clusters/prod/own.yaml", own)]);
    std::fs::remove_file(repository.path().join("clusters/prod/own.yaml")).expect("removed");
    let report = against(&repository, &["HEAD"]);
    assert_eq!(report["totals"]["deleted"], 1);
    assert_eq!(report["changes"][0]["resource"]["name"], "own");
    assert!(
        rules(&report).contains(&"object-moves-between-kustomizations"),
        "{report}"
    );
    assert_eq!(report["clusters"][0]["headTree"], serde_json::json!({}));
}

#[test]
fn a_base_that_went_on_is_told_and_left_out_with_merge_base() {
    let repository = fleet();
    repository.git(&["checkout", "--quiet", "-b", "feature"]);
    repository.git(&["checkout", "--quiet", "main"]);
    edit(
        &repository,
        "[kustomizations.apps]",
        "[kustomizations.more]\npath = \"./apps\"\n[kustomizations.apps]",
    );
    repository.build_and_commit();
    repository.git(&["checkout", "--quiet", "feature"]);
    let literal = repository.fluxgen(&["diff", "--against=main"]);
    assert!(
        literal.stderr.contains("`main` has 1 commit"),
        "{}",
        literal.stderr
    );
    assert!(
        literal
            .stdout
            .contains("deleted Kustomization flux-system/more")
    );
    let parted = repository.fluxgen(&["diff", "--against=main", "--merge-base"]);
    assert!(
        parted.stdout.contains("nothing changes"),
        "{}",
        parted.stdout
    );
    assert_eq!(parted.stderr, "");
}

#[test]
fn one_cluster_alone_is_compared_when_it_is_asked_for() {
    let repository = fleet();
    edit(
        &repository,
        "[clusters.prod]",
        "[clusters.prod]\nkustomizations.apps.interval = \"1h\"\n[clusters.new]",
    );
    let report = against(&repository, &["HEAD", "--cluster=prod"]);
    assert_eq!(report["clusters"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["totals"]["changed"], 1);
    let typo = repository.fluxgen(&["diff", "--against=HEAD", "--cluster=prdo"]);
    assert_eq!(typo.code, Some(2));
    assert!(
        typo.stderr.contains("did you mean `prod`?"),
        "{}",
        typo.stderr
    );
    let stat = repository.fluxgen(&["diff", "--against=HEAD", "--stat"]);
    assert!(stat.stdout.contains("prod  1 changed"), "{}", stat.stdout);
    assert!(
        stat.stdout.contains("new   new cluster: 1 created"),
        "{}",
        stat.stdout
    );
}

#[test]
fn another_version_of_flux_and_another_path_that_it_syncs_are_told() {
    for (install, folder, path) in [
        ("operator", "FluxInstance", "spec.sync.path"),
        ("release", "Kustomization", "spec.path"),
    ] {
        let repository = fleet();
        let flux = |version: &str, path: &str| {
            let fleet = FLEET.replace("[clusters.staging]\n", "");
            let cluster = format!("[clusters.prod]\npath = \"{path}\"");
            let fleet = fleet.replace("[clusters.prod]", &cluster);
            format!("[flux]\ninstall = \"{install}\"\nversion = \"{version}\"\n{fleet}")
        };
        repository.commit(&[("fluxgen.toml", &flux("2.8.8", "clusters/prod"))]);
        repository.write("fluxgen.toml", &flux("2.9.4", "fleet/prod"));
        let found = against(&repository, &["HEAD", "--deny=destructive"]);
        assert_eq!(
            rules(&found),
            ["sync-path-changed", "flux-version-changed"],
            "{install}"
        );
        assert_eq!(found["forecast"][0]["denied"], true);
        let changed = found["changes"].as_array().expect("changes");
        let change = changed
            .iter()
            .find(|change| change["resource"]["kind"] == folder)
            .unwrap_or_else(|| panic!("{install}: {changed:?}"));
        let fields = change["fields"].as_array().expect("fields");
        assert!(
            fields.iter().any(|field| field["path"] == path),
            "{fields:?}"
        );
        let why =
            "[diff.acknowledge]\n\"Kustomization/flux-system/flux-system\" = \"the trees moved\"\n";
        let text = repository.read("fluxgen.toml");
        repository.write("fluxgen.toml", &format!("{text}{why}"));
        let run = repository.fluxgen(&["diff", "--against=HEAD", "--deny=destructive"]);
        assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
        assert!(!run.stderr.contains("unneeded"), "{}", run.stderr);
    }
}

// The gate.

#[test]
fn differences_are_no_failure_unless_asked_for() {
    let repository = fleet();
    assert_eq!(
        repository
            .fluxgen(&["diff", "--against=HEAD", "--exit-code"])
            .code,
        Some(0)
    );
    edit(
        &repository,
        "path = \"./apps\"",
        "path = \"./apps\"\ninterval = \"1h\"",
    );
    assert_eq!(
        repository
            .fluxgen(&["diff", "--against=HEAD", "--deny=notice"])
            .code,
        Some(0)
    );
    assert_eq!(
        repository
            .fluxgen(&["diff", "--against=HEAD", "--exit-code"])
            .code,
        Some(1)
    );
    // The unified diff keeps its own.
    assert_eq!(repository.fluxgen(&["diff"]).code, Some(1));
}

#[test]
fn what_the_toml_denies_is_denied_even_by_a_change_that_takes_the_gate_away() {
    let repository = Repository::new();
    let gate = "[diff]\ndeny = \"destructive\"\n";
    repository.write("fluxgen.toml", &format!("{FLEET}{gate}"));
    repository.write("apps/web.yaml", WEB);
    repository.build_and_commit();
    let delete = "[kustomizations.apps]\npath = \"./apps\"\n";
    edit(&repository, delete, "");
    let diff = || repository.fluxgen(&["diff", "--against=HEAD"]).code;
    assert_eq!(diff(), Some(1));
    edit(&repository, gate, "");
    assert_eq!(diff(), Some(1));
    let why =
        "[diff.acknowledge]\n\"Kustomization/flux-system/apps\" = \"moved to another fleet\"\n";
    repository.write(
        "fluxgen.toml",
        &format!("{}{why}", repository.read("fluxgen.toml")),
    );
    assert_eq!(diff(), Some(0));
}

#[test]
fn an_acknowledgement_lets_one_change_through_and_is_told_when_it_is_not_needed() {
    let repository = fleet();
    edit(
        &repository,
        "path = \"./apps\"",
        "path = \"./apps\"\ntargetNamespace = \"other\"\nacknowledge = \"the old one is empty\"",
    );
    let run = repository.fluxgen(&[
        "diff",
        "--against=HEAD",
        "--deny=destructive",
        "--format=json",
    ]);
    assert_eq!(run.code, Some(0), "{}", run.stdout);
    let done = report(&run);
    assert_eq!(done["totals"]["acknowledged"], 1);
    repository.commit_all();
    let run = repository.fluxgen(&["diff", "--against=HEAD"]);
    assert_eq!(run.code, Some(0));
    assert!(
        run.stderr.contains("warning[unneeded-acknowledgement]"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("fluxgen.toml:9:15"), "{}", run.stderr);
}

// Formats.

#[test]
fn one_run_writes_every_format() {
    let repository = fleet();
    edit(
        &repository,
        "kustomizations.apps",
        "kustomizations.applications",
    );
    let formats = [
        "json", "markdown", "sarif", "junit", "github", "gitlab", "html", "human",
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let file = |format: &str| folder.path().join(format);
    let asked: Vec<String> = formats
        .iter()
        .map(|format| format!("--format={format}={}", file(format).display()))
        .collect();
    let mut args = vec!["diff", "--against=HEAD", "--deny=destructive"];
    args.extend(asked.iter().map(String::as_str));
    let run = repository.fluxgen(&args);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (Some(1), ""),
        "{}",
        run.stderr
    );
    let read = |format: &str| std::fs::read_to_string(file(format)).expect(format);
    for format in formats {
        assert!(
            read(format).contains("kustomization-renamed-recreates"),
            "{format}"
        );
    }
    let json = report(&Run {
        stdout: read("json"),
        ..run
    });
    assert_eq!(
        json["graphs"][0]["clusters"],
        serde_json::json!(["prod", "staging"])
    );
    let sarif: Value = serde_json::from_str(&read("sarif")).expect("JSON");
    assert_eq!(sarif["runs"][0]["results"][0]["level"], "error");
    let gitlab: Value = serde_json::from_str(&read("gitlab")).expect("JSON");
    assert!(gitlab.as_array().is_some_and(|all| !all.is_empty()));
    assert!(
        read("github").starts_with("::error file=fluxgen.toml,line=6,"),
        "{}",
        read("github")
    );
    let refused = repository.fluxgen(&["diff", "--format=json"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("--against"), "{}", refused.stderr);
}

// Renames.

#[test]
fn a_rename_is_planned_in_two_steps_that_delete_nothing() {
    let repository = Repository::new();
    let gate = "[diff]\ndeny = \"destructive\"\n";
    repository.write("fluxgen.toml", &format!("# ours\n{FLEET}{gate}"));
    repository.write("apps/web.yaml", WEB);
    repository.build_and_commit();
    edit(
        &repository,
        "[kustomizations.apps]",
        "[kustomizations.applications]\nrenamedFrom = \"apps\"",
    );
    let refused = repository.fluxgen(&["check"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("error[unsafe-rename]"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("fluxgen plan-rename"),
        "{}",
        refused.stderr
    );

    let shown = repository.fluxgen(&["plan-rename"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    insta::assert_snapshot!("plan_rename", shown.stdout);
    assert!(repository.read("fluxgen.toml").contains("renamedFrom"));

    let written = repository.fluxgen(&["plan-rename", "--write"]);
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    let step = |name: &str| {
        let diff = repository.fluxgen(&["diff", "--against=HEAD"]);
        assert_eq!(diff.code, Some(0), "{name}: {}", diff.stdout);
        let check = repository.fluxgen(&["check"]);
        assert_eq!(check.code, Some(0), "{name}: {}", check.stderr);
        repository.build_and_commit();
    };
    step("first");
    let apps = repository.read("clusters/prod/kustomizations/apps.yaml");
    assert!(apps.contains("deletionPolicy: Orphan"), "{apps}");
    repository.git(&["apply", "fluxgen.rename-2.patch"]);
    step("second");
    let renamed = repository.read("clusters/prod/kustomizations/applications.yaml");
    assert!(
        renamed.contains("prune: true") && !renamed.contains("Orphan"),
        "{renamed}"
    );
    assert!(
        !repository
            .path()
            .join("clusters/prod/kustomizations/apps.yaml")
            .exists()
    );
    assert!(repository.read("fluxgen.toml").starts_with("# ours\n"));
    let done = repository.fluxgen(&["plan-rename"]);
    assert!(
        done.stdout.starts_with("nothing is renamed"),
        "{}",
        done.stdout
    );
}

const RELEASES: &str = r#"
[diff]
deny = "destructive"
[sources.helm.charts]
url = "https://charts.example"
[helmReleases."web/shop"]
chart.spec = { chart = "shop", source = "helm.charts" }
targetNamespace = "shop"
[helmReleases."web/cache"]
chart.spec = { chart = "cache", source = "helm.charts" }
[kustomizations.infrastructure]
path = "./infrastructure"
"#;

/// Takes both steps of a rename, each checked and held against what is committed before it.
fn take_both_steps(repository: &Repository, between: impl FnOnce()) {
    let refused = repository.fluxgen(&["check"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("error[unsafe-rename]"),
        "{}",
        refused.stderr
    );
    let written = repository.fluxgen(&["plan-rename", "--write"]);
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    let step = || {
        for args in [&["diff", "--against=HEAD"][..], &["check"]] {
            let run = repository.fluxgen(args);
            assert_eq!(run.code, Some(0), "{args:?}: {}{}", run.stdout, run.stderr);
        }
        repository.build_and_commit();
    };
    step();
    between();
    repository.git(&["apply", "fluxgen.rename-2.patch"]);
    step();
    let done = repository.fluxgen(&["plan-rename"]);
    assert!(
        done.stdout.starts_with("nothing is renamed"),
        "{}",
        done.stdout
    );
}

fn releases() -> Repository {
    let repository = Repository::new();
    repository.write("fluxgen.toml", &format!("{FLEET}{RELEASES}"));
    repository.write("apps/web.yaml", WEB);
    repository.write("infrastructure/shop.yaml", &SHOP.replace("---\n", ""));
    repository.build_and_commit();
    repository
}

#[test]
fn a_renamed_helm_release_keeps_its_release_in_two_steps() {
    let repository = releases();
    edit(
        &repository,
        "[helmReleases.\"web/shop\"]",
        "[helmReleases.\"web/store\"]\nrenamedFrom = \"shop\"",
    );
    let shown = repository.fluxgen(&["plan-rename"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    for words in [
        "step 1: suspend `shop`",
        "step 2: rename `shop` to `store` and keep its release",
        "adopts release `shop-shop`",
    ] {
        assert!(shown.stdout.contains(words), "{words}: {}", shown.stdout);
    }
    take_both_steps(&repository, || {
        let shop = repository.read("clusters/prod/helm-releases/web-shop.yaml");
        assert!(shop.contains("suspend: true\n"), "{shop}");
    });
    let store = repository.read("clusters/prod/helm-releases/web-store.yaml");
    assert!(store.contains("releaseName: shop-shop\n"), "{store}");
    assert!(!store.contains("suspend"), "{store}");
    let folder = repository.path().join("clusters/prod/helm-releases");
    assert!(!folder.join("web-shop.yaml").exists());
}

#[test]
fn several_renames_at_once_are_one_plan() {
    let repository = releases();
    for (from, to, old) in [
        (
            "helmReleases.\"web/shop\"",
            "helmReleases.\"web/store\"",
            "shop",
        ),
        (
            "helmReleases.\"web/cache\"",
            "helmReleases.\"web/memory\"",
            "cache",
        ),
        ("kustomizations.apps", "kustomizations.applications", "apps"),
        (
            "kustomizations.infrastructure",
            "kustomizations.base",
            "infrastructure",
        ),
    ] {
        let table = format!("[{to}]\nrenamedFrom = \"{old}\"");
        edit(&repository, &format!("[{from}]"), &table);
    }
    take_both_steps(&repository, || {
        let read = |path: &str| repository.read(&format!("clusters/prod/{path}.yaml"));
        for name in ["apps", "infrastructure"] {
            assert!(read(&format!("kustomizations/{name}")).contains("deletionPolicy: Orphan\n"));
        }
        for name in ["shop", "cache"] {
            assert!(read(&format!("helm-releases/web-{name}")).contains("suspend: true\n"));
        }
    });
    let read = |path: &str| repository.read(&format!("clusters/staging/{path}.yaml"));
    for name in ["applications", "base"] {
        assert!(!read(&format!("kustomizations/{name}")).contains("Orphan"));
    }
    for (name, release) in [("store", "shop-shop"), ("memory", "cache")] {
        let text = read(&format!("helm-releases/web-{name}"));
        assert!(
            text.contains(&format!("releaseName: {release}\n")),
            "{text}"
        );
        assert!(!text.contains("suspend"), "{text}");
    }
}

/// A set of two teams, and what they apply.
fn teams(repository: &Repository, set: &str) {
    let inputs = "[diff]\ndeny = \"destructive\"\n[sources.helm.charts]\nurl = \"https://charts.example\"\n[sets.team]\ninputs = [{ name = \"red\" }, { name = \"blue\" }]\n";
    repository.write("fluxgen.toml", &format!("{FLEET}\n{inputs}{set}"));
    for name in ["apps/web", "teams/red/a", "teams/blue/a"] {
        let own = format!("name: {}", name.replace('/', "-"));
        let manifest = WEB.replacen("name: web", &own, 1);
        repository.write(&format!("{name}.yaml"), &manifest);
    }
    repository.build_and_commit();
}

#[test]
fn the_resources_of_a_set_are_renamed_together() {
    let repository = Repository::new();
    teams(
        &repository,
        "[sets.team.kustomizations.\"${{ inputs.name }}\"]\npath = \"./teams/${{ inputs.name }}\"\n",
    );
    edit(
        &repository,
        "\"${{ inputs.name }}\"]",
        "\"team-${{ inputs.name }}\"]\nrenamedFrom = \"${{ inputs.name }}\"",
    );
    take_both_steps(&repository, || {
        for name in ["red", "blue"] {
            let text = repository.read(&format!("clusters/prod/kustomizations/{name}.yaml"));
            assert!(text.contains("deletionPolicy: Orphan\n"), "{text}");
        }
    });
    for name in ["team-red", "team-blue"] {
        let text = repository.read(&format!("clusters/staging/kustomizations/{name}.yaml"));
        assert!(!text.contains("Orphan"), "{text}");
    }
}

/// The table makes the other resources too, which a plan must not change: the steps are named instead.
#[test]
fn one_input_of_a_set_is_renamed_by_hand() {
    for (table, words) in [
        (
            "[sets.team.kustomizations.\"${{ inputs.name }}\"]\npath = \"./apps\"\n",
            [
                "a plan for `red` would change `blue` too",
                "`deletionPolicy = \"${{ 'Orphan' if inputs.name == 'red' else 'MirrorPrune' }}\"`",
                "`flux get kustomizations red -n flux-system`",
            ],
        ),
        (
            "[sets.team.helmReleases.\"web/${{ inputs.name }}\"]\nchart.spec = { chart = \"shop\", source = \"helm.charts\" }\n",
            [
                "`suspend = \"${{ 'web/' ~ inputs.name == 'web/red' }}\"`",
                "`releaseName = \"${{ 'red' if 'web/' ~ inputs.name == 'web/crimson' else … }}\"`",
                "`flux get helmreleases red -n web`",
            ],
        ),
    ] {
        let repository = Repository::new();
        teams(&repository, table);
        edit(&repository, "name = \"red\"", "name = \"crimson\"");
        let before = repository.read("fluxgen.toml");
        let run = repository.fluxgen(&["plan-rename", "--write"]);
        assert_eq!(run.code, Some(2), "{}", run.stdout);
        for words in words {
            assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
        }
        assert_eq!(repository.read("fluxgen.toml"), before);
    }
}

/// The steps that the refusal names do what they say.
#[test]
fn the_steps_by_hand_for_one_input_of_a_set_leave_the_others_alone() {
    let repository = Repository::new();
    let key = "[sets.team.helmReleases.\"web/${{ inputs.name }}\"]\n";
    teams(
        &repository,
        &format!("{key}chart.spec = {{ chart = \"shop\", source = \"helm.charts\" }}\n"),
    );
    let suspended = format!("{key}suspend = \"${{{{ 'web/' ~ inputs.name == 'web/red' }}}}\"\n");
    edit(&repository, key, &suspended);
    repository.build_and_commit();
    let renamed = format!(
        "{key}releaseName = \"${{{{ 'red' if 'web/' ~ inputs.name == 'web/crimson' else inputs.name }}}}\"\n"
    );
    edit(&repository, &suspended, &renamed);
    edit(&repository, "name = \"red\"", "name = \"crimson\"");
    repository.fluxgen(&["build"]);
    let run = repository.fluxgen(&["diff", "--against", "HEAD", "--deny", "destructive"]);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let read =
        |name: &str| repository.read(&format!("clusters/prod/helm-releases/web-{name}.yaml"));
    assert!(read("crimson").contains("releaseName: red\n"));
    assert!(read("blue").contains("releaseName: blue\n"));
}

#[test]
fn a_plan_beside_another_destructive_change_is_refused() {
    let repository = releases();
    edit(
        &repository,
        "[kustomizations.apps]",
        "[kustomizations.applications]\nrenamedFrom = \"apps\"",
    );
    let before = repository.read("fluxgen.toml");
    repository.write("infrastructure/shop.yaml", WEB);
    let run = repository.fluxgen(&["plan-rename", "--write"]);
    assert_eq!(run.code, Some(2), "{}", run.stdout);
    assert!(
        run.stderr.contains("step 2 would not be safe in"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("commit other changes separately"),
        "{}",
        run.stderr
    );
    assert_eq!(repository.read("fluxgen.toml"), before);
}

#[test]
fn releases_of_a_set_that_keep_different_names_are_left_to_the_user() {
    let repository = Repository::new();
    teams(
        &repository,
        "[sets.team.helmReleases.\"web/${{ inputs.name }}\"]\nchart.spec = { chart = \"shop\", source = \"helm.charts\" }\n",
    );
    edit(
        &repository,
        "\"web/${{ inputs.name }}\"]",
        "\"web/team-${{ inputs.name }}\"]\nrenamedFrom = \"${{ inputs.name }}\"",
    );
    let before = repository.read("fluxgen.toml");
    let run = repository.fluxgen(&["plan-rename", "--write"]);
    assert_eq!(run.code, Some(2), "{}", run.stdout);
    for words in [
        "the resources of `sets.team.helmReleases.web/team-${{ inputs.name }}`",
        "set `suspend = true` there",
    ] {
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
    assert_eq!(repository.read("fluxgen.toml"), before);
}

#[test]
fn a_step_that_a_cluster_overrides_is_not_promised() {
    let repository = Repository::new();
    let toml = FLEET.replace(
        "[clusters.prod]",
        "[clusters.prod.kustomizations.apps]\ndeletionPolicy = \"Delete\"",
    );
    repository.write("fluxgen.toml", &toml);
    repository.write("apps/web.yaml", WEB);
    repository.build_and_commit();
    let text = repository
        .read("fluxgen.toml")
        .replace("kustomizations.apps]", "kustomizations.applications]");
    repository.write("fluxgen.toml", &text);
    let run = repository.fluxgen(&["plan-rename"]);
    assert_eq!(run.code, Some(2), "{}", run.stdout);
    assert!(
        run.stderr.contains("step 2 would not be safe in prod"),
        "{}",
        run.stderr
    );
}

// Repositories.

#[test]
fn a_base_that_is_not_there_is_named_with_the_command_that_brings_it() {
    let origin = fleet();
    edit(
        &origin,
        "path = \"./apps\"",
        "path = \"./apps\"\ninterval = \"1h\"",
    );
    origin.build_and_commit();
    origin.git(&["checkout", "--quiet", "-b", "feature"]);
    edit(&origin, "1h", "2h");
    origin.build_and_commit();
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("file://{}", origin.path().display());
    let clone = |name: &str, args: &[&str]| {
        let path = folder.path().join(name);
        let place = path.display().to_string();
        let mut all = vec!["clone", "--quiet"];
        all.extend(args);
        all.extend([url.as_str(), place.as_str()]);
        git::git(folder.path(), &all);
        path
    };
    let says = |path: &std::path::Path, args: &[&str], words: &[&str]| {
        let mut all = vec!["diff"];
        all.extend(args);
        let run = fluxgen(path, &all);
        assert_eq!(run.code, Some(2), "{}", run.stdout);
        for word in words {
            assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
        }
    };
    let shallow = clone("shallow", &["--depth=1", "--branch=feature"]);
    says(
        &shallow,
        &["--against=main"],
        &[
            "named `main` in this shallow clone",
            "git fetch origin main:refs/remotes/origin/main",
            "`origin/main`",
        ],
    );
    says(
        &shallow,
        &["--against=HEAD~1"],
        &["in this shallow clone", "git fetch --unshallow origin"],
    );
    // What it says helps.
    git::git(
        &shallow,
        &[
            "fetch",
            "--quiet",
            "--depth=1",
            "origin",
            "main:refs/remotes/origin/main",
        ],
    );
    let fetched = fluxgen(&shallow, &["diff", "--against=origin/main"]);
    assert_eq!(fetched.code, Some(0), "{}", fetched.stderr);
    assert!(fetched.stdout.contains("1h -> 2h"), "{}", fetched.stdout);
    says(
        &shallow,
        &["--against=origin/main", "--merge-base"],
        &[
            "no common commit in this shallow clone",
            "git fetch --unshallow",
        ],
    );

    let whole = clone("whole", &["--branch=feature"]);
    says(
        &whole,
        &["--against=main"],
        &["did you mean `origin/main`?"],
    );
    says(&whole, &["--against=feture"], &["did you mean `feature`?"]);
    says(&whole, &["--against=HEAD~99"], &["git log --oneline HEAD"]);
    git::git(&whole, &["checkout", "--quiet", "--detach"]);
    let detached = fluxgen(&whole, &["diff", "--against=origin/main"]);
    assert!(detached.stdout.contains("1h -> 2h"), "{}", detached.stdout);

    let partial = clone("partial", &["--branch=feature", "--filter=blob:none"]);
    if fluxgen(&partial, &["diff", "--against=origin/main"]).code == Some(2) {
        says(
            &partial,
            &["--against=origin/main"],
            &["partial", "git fetch --refetch --no-filter"],
        );
    } else {
        eprintln!("skipped: this git makes no partial clone of a local repository");
    }
}

#[test]
fn a_worktree_and_a_submodule_are_repositories_like_any() {
    let repository = fleet();
    let folder = tempfile::tempdir().expect("a folder");
    let tree = folder.path().join("tree");
    let place = tree.display().to_string();
    repository.git(&["worktree", "add", "--quiet", "-b", "other", &place]);
    let text = repository
        .read("fluxgen.toml")
        .replace("./apps\"", "./apps\"\ninterval = \"1h\"");
    std::fs::write(tree.join("fluxgen.toml"), &text).expect("written");
    let run = fluxgen(&tree, &["diff", "--against=main"]);
    assert!(
        run.stdout.contains("10m -> 1h"),
        "{}{}",
        run.stdout,
        run.stderr
    );
    let staged = fluxgen(&tree, &["diff", "--against=main", "--staged"]);
    assert!(
        staged.stdout.contains("nothing changes"),
        "{}",
        staged.stdout
    );
    git::git(&tree, &["add", "fluxgen.toml"]);
    let staged = fluxgen(&tree, &["diff", "--against=main", "--staged"]);
    assert!(staged.stdout.contains("10m -> 1h"), "{}", staged.stdout);

    let outer = Repository::new();
    let url = repository.path().display().to_string();
    outer.git(&["submodule", "--quiet", "add", &url, "fleet"]);
    outer.commit_all();
    let inner = outer.path().join("fleet");
    std::fs::write(inner.join("fluxgen.toml"), &text).expect("written");
    let run = fluxgen(&inner, &["diff", "--against=HEAD"]);
    assert!(
        run.stdout.contains("10m -> 1h"),
        "{}{}",
        run.stdout,
        run.stderr
    );
}

#[test]
fn where_there_is_no_repository_or_commit_it_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("fluxgen.toml"), FLEET).expect("written");
    let run = fluxgen(folder.path(), &["diff", "--against=HEAD"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("is in no git repository"),
        "{}",
        run.stderr
    );
    let repository = Repository::new();
    repository.write("fluxgen.toml", FLEET);
    let run = repository.fluxgen(&["diff", "--against=HEAD"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("nothing is committed yet"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_repository_of_another_user_is_read_once_it_is_trusted() {
    let repository = fleet();
    let chown = std::process::Command::new("chown")
        .args(["-R", "12345"])
        .arg(repository.path())
        .output();
    if !chown.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: only root can give a repository away");
        return;
    }
    let home = tempfile::tempdir().expect("a folder");
    let run = || {
        let mut command = git::command(repository.path());
        command.args(["diff", "--against=HEAD"]);
        command
            .env("HOME", home.path())
            .env_remove("XDG_CONFIG_HOME");
        git::run(&mut command)
    };
    let refused = run();
    assert_eq!(refused.code, Some(2), "{}", refused.stdout);
    let help = refused
        .stderr
        .split('`')
        .find(|part| part.starts_with("git config"))
        .expect("the command that mends it");
    let output = std::process::Command::new("sh")
        .args(["-c", help])
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("GIT_CONFIG_GLOBAL")
        .output()
        .expect("a shell");
    assert!(output.status.success());
    assert_eq!(run().code, Some(0), "{}", run().stderr);
}

// What real controllers did.

/// Not foretold yet: names that kustomize's patches, generators and nested defaults make.
const NOT_YET: [&str; 3] = [
    "patch-of-the-namespace",
    "nested-default-renames",
    "generator-changes-the-hash",
];

/// `tests/facts/forecast.json`: each change was merged in a cluster with the controllers of Flux 2.9.
#[test]
fn what_is_foretold_is_what_real_controllers_did() {
    let facts = include_str!("facts/forecast.json");
    let facts: serde_json::Value = serde_json::from_str(facts).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let changes = facts["changes"].as_array().expect("changes");
    assert!(changes.len() >= 32);
    for change in changes {
        let name = text(&change["change"]);
        let repository = Repository::new();
        let write = |files: &serde_json::Value| {
            for (path, content) in files.as_object().expect("files") {
                repository.write(path, &text(content));
            }
        };
        write(&change["before"]);
        repository.commit_all();
        write(&change["changed"]);
        for path in change["removed"].as_array().expect("paths") {
            std::fs::remove_file(repository.path().join(text(path))).expect("it was there");
        }
        let run = repository.fluxgen(&["diff", "--against", "HEAD", "--format", "json"]);
        let report: serde_json::Value = serde_json::from_str(&run.stdout).expect(&run.stderr);
        let (mut told, mut sure) = (BTreeSet::new(), BTreeSet::new());
        let mut uninstalls = false;
        for finding in report["forecast"].as_array().expect("findings") {
            if finding["severity"] != "destructive" {
                continue;
            }
            uninstalls |= finding["resource"]["kind"] == "HelmRelease";
            let none = Vec::new();
            for object in finding["affected"]["objects"].as_array().unwrap_or(&none) {
                uninstalls |= object["kind"] == "HelmRelease";
                let [kind, namespace, name] =
                    ["kind", "namespace", "name"].map(|key| text(&object[key]));
                let object = format!("{kind} {namespace}/{name}");
                if finding["uncertain"] != true {
                    sure.insert(object.clone());
                }
                told.insert(object);
            }
        }
        if NOT_YET.contains(&name.as_str()) {
            continue;
        }
        for (object, fate) in change["fates"].as_object().expect("fates") {
            let is_flux = ["Kustomization ", "HelmRelease "]
                .iter()
                .any(|kind| object.starts_with(kind));
            let is_of_chart = object.ends_with("-cm") || object.ends_with("-ycm");
            let what = format!("{name}: {object} was {fate}: {:#}", report["forecast"]);
            match text(fate).as_str() {
                "deleted" | "recreated" if is_of_chart => assert!(uninstalls, "{what}"),
                "deleted" | "recreated" if is_flux => {}
                "deleted" | "recreated" => assert!(told.contains(object), "{what}"),
                "either" => assert!(told.contains(object) && !sure.contains(object), "{what}"),
                _ => assert!(!sure.contains(object), "{what}"),
            }
        }
    }
}

// All that Flux applies.

const ADMIN: &str = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: evil}\n\
    roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}\n\
    subjects: [{kind: Group, name: \"system:authenticated\", apiGroup: rbac.authorization.k8s.io}]\n";

/// The changes of the working tree, as `action Kind name file:line`.
fn changed(report: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let changes = report["changes"].as_array().expect("changes").iter();
    changes
        .map(|change| {
            let (object, place) = (&change["resource"], &change["place"]);
            format!(
                "{} {} {} {}:{}",
                text(&change["action"]),
                text(&object["kind"]),
                text(&object["name"]),
                text(&place["file"]),
                place["line"]
            )
        })
        .collect()
}

#[test]
fn objects_of_any_kind_in_the_users_own_yaml_are_compared() {
    let list = ADMIN.replace('\n', "\n  ");
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}", list.trim_end());
    let index = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- evil.yaml\n";
    for (path, text, line) in [
        ("evil.yaml", ADMIN.to_owned(), 3),
        ("evil.yml", ADMIN.to_owned(), 3),
        ("a/b/evil.yaml", ADMIN.to_owned(), 3),
        ("indexed/evil.yaml", ADMIN.to_owned(), 3),
        ("evil.yaml", format!("{SHOP}{ADMIN}"), 7),
        ("evil.yaml", list, 6),
    ] {
        let repository = fleet();
        repository.write("clusters/prod/indexed/kustomization.yaml", index);
        repository.write("clusters/prod/indexed/evil.yaml", SHOP);
        repository.write("clusters/prod/notes.md", "not applied\n");
        repository.build_and_commit();
        repository.write("clusters/prod/notes.md", "nothing of Flux's\n");
        let run = repository.fluxgen(&["diff", "--against=HEAD"]);
        assert!(run.stdout.contains("nothing changes"), "{}", run.stdout);
        repository.write(&format!("clusters/prod/{path}"), &text);
        let found = against(&repository, &["HEAD"]);
        let expected = format!("created ClusterRoleBinding evil clusters/prod/{path}:{line}");
        assert!(changed(&found).contains(&expected), "{path}: {found:#}");
        assert!(rules(&found).contains(&"cluster-wide-rights"), "{found:#}");
    }
}

#[test]
fn a_file_that_is_not_understood_is_a_change_all_the_same() {
    let overlay = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamePrefix: a-\n\
        resources: [evil.yaml]\npatches: [{path: patch.txt}]\n";
    for (path, before, after) in [
        ("broken.yaml", "a: [\n", "a: {\n"),
        (
            "whole.yaml",
            "data: ENC[1]\nsops: {}\n",
            "data: ENC[2]\nsops: {}\n",
        ),
        ("overlay/evil.yaml", SHOP, ADMIN),
        ("overlay/patch.txt", "- op: add\n", "- op: remove\n"),
        ("overlay/kustomization.yaml", overlay, "namePrefix: b-\n"),
        // What it holds is not deleted because nobody can read it.
        ("readable.yaml", SHOP, "a: [\n"),
    ] {
        let repository = fleet();
        repository.write("clusters/prod/overlay/kustomization.yaml", overlay);
        let path = format!("clusters/prod/{path}");
        repository.write(&path, before);
        repository.build_and_commit();
        repository.write(&path, after);
        let found = against(&repository, &["HEAD"]);
        assert_eq!(rules(&found), ["file-not-understood"], "{path}: {found:#}");
        assert_eq!(found["totals"]["deleted"], 0, "{path}");
        let run = repository.fluxgen(&["diff", "--against=HEAD"]);
        assert!(run.stdout.contains(&path), "{}", run.stdout);
        assert!(!run.stdout.contains("nothing changes"), "{}", run.stdout);
    }
}

#[test]
fn a_generated_file_that_was_changed_by_hand_is_compared_as_flux_applies_it() {
    let repository = fleet();
    let path = "clusters/prod/kustomizations/apps.yaml";
    let built = repository.read(path);
    repository.write(path, &built.replace("prune: true", "prune: false"));
    let found = against(&repository, &["HEAD"]);
    assert_eq!(found["changes"][0]["fields"][0]["path"], "spec.prune");
    assert!(
        rules(&found).contains(&"generated-file-edited"),
        "{found:#}"
    );
    std::fs::remove_file(repository.path().join(path)).expect("removed");
    let found = against(&repository, &["HEAD"]);
    assert_eq!(found["changes"][0]["action"], "deleted");
    let run = repository.fluxgen(&["diff", "--against=HEAD", "--deny=destructive"]);
    assert_eq!(run.code, Some(1), "{}", run.stdout);
}

const GOTK: &str = "# Flux Version: v2.9.4\napiVersion: apps/v1\nkind: Deployment\n\
    metadata: {name: source-controller, namespace: flux-system, labels: {app.kubernetes.io/part-of: flux, \
    app.kubernetes.io/version: v2.9.4, app.kubernetes.io/component: source-controller}}\n\
    spec: {template: {spec: {containers: [{name: manager, image: \"ghcr.io/fluxcd/source-controller:v1.9.4\"}]}}}\n";

#[test]
fn an_install_manifest_that_nobody_vouches_for_is_refused() {
    let repository = Repository::new();
    let flux = "[flux]\nversion = \"2.9.4\"\ninstall = \"release\"\ndistribution = \"gotk.yaml\"\n";
    repository.write("fluxgen.toml", &format!("{FLEET}{flux}"));
    repository.write("apps/web.yaml", WEB);
    repository.write("gotk.yaml", GOTK);
    repository.build_and_commit();
    assert_eq!(repository.fluxgen(&["check"]).code, Some(0));
    for cluster in ["prod", "staging"] {
        let path = format!("clusters/{cluster}/flux-system/gotk-components.yaml");
        let text = repository
            .read(&path)
            .replace("ghcr.io/fluxcd", "ghcr.io/evil");
        repository.write(&path, &text);
    }
    let check = repository.fluxgen(&["check"]);
    assert_eq!(check.code, Some(1), "{}", check.stderr);
    let told = "error[install-manifest-not-held]: `clusters/<cluster>/flux-system/gotk-components.yaml` is not what `fluxgen.lock` says";
    assert!(check.stderr.contains(told), "{}", check.stderr);
    let found = against(&repository, &["HEAD", "--deny=destructive"]);
    assert_eq!(
        rules(&found),
        ["install-manifest-not-held", "flux-controllers-changed"],
        "{found:#}"
    );
    assert_eq!(found["totals"]["denied"], 1);
    // A build writes it again, and says so.
    let build = repository.fluxgen(&["build"]);
    assert_eq!(build.code, Some(0), "{}", build.stderr);
    assert!(
        build
            .stderr
            .contains("clusters/prod/flux-system/gotk-components.yaml"),
        "{}",
        build.stderr
    );
    let run = repository.fluxgen(&["diff", "--against=HEAD"]);
    assert!(run.stdout.contains("nothing changes"), "{}", run.stdout);
}

#[test]
fn an_object_that_moves_into_the_toml_file_is_one_change() {
    let repository = fleet();
    let own = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
        metadata: {name: infra, namespace: flux-system}\nspec:\n  interval: 10m0s\n  path: ./apps\n  prune: true\n  \
        sourceRef: {kind: GitRepository, name: flux-system}\n";
    repository.write("clusters/prod/infra.yaml", own);
    repository.write("clusters/staging/infra.yaml", own);
    repository.build_and_commit();
    for cluster in ["prod", "staging"] {
        let path = format!("clusters/{cluster}/infra.yaml");
        std::fs::remove_file(repository.path().join(path)).expect("removed");
    }
    repository.write(
        "fluxgen.toml",
        &format!("{FLEET}[kustomizations.infra]\npath = \"./apps\"\nwait = true\n"),
    );
    repository.fluxgen(&["build"]);
    let found = against(&repository, &["HEAD"]);
    assert_eq!(found["totals"]["created"], 0, "{found:#}");
    assert_eq!(found["totals"]["deleted"], 0, "{found:#}");
    assert_eq!(found["changes"][0]["action"], "changed");
    let fields = found["changes"][0]["fields"].as_array().expect("fields");
    assert!(
        fields.iter().all(|field| field["path"] != "spec.interval"),
        "{found:#}"
    );
}
