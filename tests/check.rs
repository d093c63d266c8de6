//! `fluxgen check` through the real program: what it looks at, and how it says what it found.

mod git;

use git::Repository;
use serde_json::Value;

const GOOD: &str = r#"
[repo]
url = "ssh://git@github.com/acme/fleet"
[clusters.staging]
[kustomizations.apps]
path = "./apps"
"#;

/// The last line is wrong.
const BAD: &str = r#"
[repo]
url = "ssh://git@github.com/acme/fleet"
[clusters.staging]
[kustomizations.apps]
path = "./apps"
interval = "5"
"#;

fn json(text: &str) -> Value {
    let report: Value = serde_json::from_str(text).expect(text);
    let schema = std::fs::read_to_string("schemas/report.schema.json").expect("the schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let faults: Vec<String> = validator
        .iter_errors(&report)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{faults:?}\n{text}");
    report
}

#[test]
fn an_unstaged_fix_does_not_hide_a_fault_of_the_index() {
    let repository = Repository::new();
    repository.write("fluxgen.toml", BAD);
    repository.git(&["add", "fluxgen.toml"]);
    repository.write("fluxgen.toml", GOOD);
    assert_eq!(repository.fluxgen(&["check"]).code, Some(0));
    let staged = repository.fluxgen(&["check", "--staged"]);
    assert_eq!(staged.code, Some(1));
    assert!(
        staged.stderr.contains("fluxgen.toml:7:12"),
        "{}",
        staged.stderr
    );
    assert_eq!(staged.stdout, "");
    repository.git(&["add", "fluxgen.toml"]);
    assert_eq!(repository.fluxgen(&["check", "--staged"]).code, Some(0));
}

#[test]
fn what_the_toml_includes_comes_from_the_index_too() {
    let including = r#"
        [clusters.staging]
        [sources.helm.web]
        url = "https://example.com/charts"
        [helmReleases.web]
        chart.spec = { chart = "web", source = "helm.web" }
        values = { file = "values.yaml" }
        [templates]
        dir = "templates"
        [kustomizations.apps]
        path = "./apps"
        dependsOn = ["own"]
    "#;
    let own = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: own, namespace: flux-system}\n";
    let repository = Repository::new();
    repository.write("deploy/fluxgen.toml", including);
    repository.write("deploy/values.yaml", "a: 1\n");
    repository.write("deploy/templates/note.txt", "");
    repository.write("deploy/clusters/staging/own.yaml", own);
    repository.git(&["add", "--all"]);
    let check = || git::fluxgen(&repository.path().join("deploy"), &["check", "--staged"]);
    let sound = check();
    assert_eq!(sound.code, Some(0), "{}", sound.stderr);
    for (path, word) in [
        ("deploy/values.yaml", "values.yaml"),
        ("deploy/clusters/staging/own.yaml", "own"),
        ("deploy/templates/note.txt", "templates"),
    ] {
        repository.git(&["rm", "--cached", "--quiet", path]);
        let found = check();
        assert_ne!(found.code, Some(0), "{path}");
        assert!(found.stderr.contains(word), "{path}: {}", found.stderr);
        repository.git(&["add", path]);
    }
}

#[test]
fn a_file_that_is_not_staged_or_in_conflict_is_named() {
    let repository = Repository::new();
    repository.write("fluxgen.toml", GOOD);
    let unstaged = repository.fluxgen(&["check", "--staged"]);
    assert_eq!(unstaged.code, Some(2));
    assert!(
        unstaged.stderr.contains("git add fluxgen.toml"),
        "{}",
        unstaged.stderr
    );

    repository.commit(&[]);
    repository.git(&["checkout", "--quiet", "-b", "other"]);
    repository.commit(&[("fluxgen.toml", &GOOD.replace("apps", "other"))]);
    repository.git(&["checkout", "--quiet", "main"]);
    repository.commit(&[("fluxgen.toml", &GOOD.replace("apps", "main"))]);
    let _ = std::process::Command::new("git")
        .arg("-C")
        .arg(repository.path())
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(["merge", "--quiet", "other"])
        .output();
    let conflict = repository.fluxgen(&["check", "--staged"]);
    assert_eq!(conflict.code, Some(2));
    assert!(
        conflict
            .stderr
            .contains("`fluxgen.toml` has a conflict in the index"),
        "{}",
        conflict.stderr
    );
}

#[test]
fn the_index_of_a_partial_commit_is_the_one_that_counts() {
    let repository = Repository::new();
    repository.commit(&[("fluxgen.toml", GOOD)]);
    repository.write("fluxgen.toml", BAD);
    let index = repository.path().join(".git/partial.lock");
    std::fs::copy(repository.path().join(".git/index"), &index).expect("copied");
    let output = std::process::Command::new("git")
        .arg("-C")
        .arg(repository.path())
        .args(["add", "fluxgen.toml"])
        .env("GIT_INDEX_FILE", &index)
        .output()
        .expect("git runs");
    assert!(output.status.success());
    let check = |index: Option<&std::path::Path>| {
        let mut command = git::command(repository.path());
        command.args(["check", "--staged"]);
        if let Some(index) = index {
            command.env("GIT_INDEX_FILE", index);
        }
        git::run(&mut command).code
    };
    assert_eq!(check(None), Some(0));
    assert_eq!(check(Some(&index)), Some(1));
    // One of another repository is none of ours.
    let other = Repository::new();
    assert_eq!(check(Some(&other.path().join(".git/index"))), Some(0));
}

#[test]
fn one_run_writes_every_format_that_is_asked_for() {
    let repository = Repository::new();
    repository.write("fluxgen.toml", BAD);
    let file = |format: &str| repository.path().join(format).display().to_string();
    let formats = [
        "json", "markdown", "sarif", "junit", "gitlab", "html", "human",
    ];
    let asked: Vec<String> = formats
        .iter()
        .map(|format| format!("--format={format}={}", file(format)))
        .collect();
    let mut args = vec!["check", "--format=github"];
    args.extend(asked.iter().map(String::as_str));
    let run = repository.fluxgen(&args);
    assert_eq!(run.code, Some(1));
    assert_eq!(run.stderr, "");
    assert!(
        run.stdout
            .starts_with("::error file=fluxgen.toml,line=7,col=12"),
        "{}",
        run.stdout
    );
    for format in formats {
        assert!(repository.read(format).contains("interval"), "{format}");
    }
    let report = json(&repository.read("json"));
    assert_eq!(report["command"], "check");
    assert_eq!(report["head"]["state"], "broken");
    assert_eq!(report["problems"][0]["places"][0]["line"], 7);
}

#[test]
fn people_are_told_unless_something_else_is_on_stdout() {
    let repository = Repository::new();
    repository.write("fluxgen.toml", BAD);
    let file = repository.path().join("out.sarif").display().to_string();
    let to_file = repository.fluxgen(&["check", "--format", &format!("sarif={file}")]);
    assert!(to_file.stderr.contains("error[") && to_file.stdout.is_empty());
    let both = repository.fluxgen(&["check", "--format=human", "--format=json"]);
    assert!(both.stderr.contains("error["));
    json(&both.stdout);
    let alone = repository.fluxgen(&["check", "--format=json"]);
    assert_eq!(alone.stderr, "");
    json(&alone.stdout);
}

#[test]
fn formats_that_cannot_be_written_are_refused_before_anything_is_done() {
    let repository = Repository::new();
    repository.write("fluxgen.toml", GOOD);
    for (args, word) in [
        (&["check", "--format=serif"][..], "did you mean `sarif`?"),
        (
            &["check", "--format=json", "--format=sarif"],
            "both be written to stdout",
        ),
        (&["check", "--format=json=/nowhere/x"], "/nowhere/x"),
    ] {
        let run = repository.fluxgen(args);
        assert_eq!(run.code, Some(2), "{args:?}");
        assert!(run.stderr.contains(word), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
}
