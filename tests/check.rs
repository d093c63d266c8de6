//! `fluxgen check` through the real program: what it looks at, and how it says what it found.

mod git;

use git::{Repository, report};

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
    // What would be committed now is a tree that Flux does not get from the file.
    let stale = repository.fluxgen(&["check", "--staged", "--format=json", "--format=human"]);
    assert_eq!(stale.code, Some(1));
    assert!(
        stale.stderr.contains("error[stale-tree]"),
        "{}",
        stale.stderr
    );
    let report = report(&stale.stdout);
    assert_eq!(report["head"]["state"], "compiled");
    assert_eq!(repository.fluxgen(&["build"]).code, Some(0));
    assert_eq!(repository.fluxgen(&["check", "--staged"]).code, Some(1));
    repository.git(&["add", "clusters"]);
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
    assert_eq!(
        git::fluxgen(&repository.path().join("deploy"), &["build"]).code,
        Some(0)
    );
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
    repository.write("fluxgen.toml", GOOD);
    repository.build_and_commit();
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
    repository.write("apps/web.yaml", "");
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
    let report = report(&repository.read("json"));
    assert_eq!(report["command"], "check");
    assert_eq!(report["head"]["state"], "broken");
    assert_eq!(report["problems"][0]["places"][0]["line"], 7);
}

#[test]
fn people_are_told_unless_something_else_is_on_stdout() {
    let repository = Repository::new();
    repository.write("fluxgen.toml", BAD);
    repository.write("apps/web.yaml", "");
    let file = repository.path().join("out.sarif").display().to_string();
    let to_file = repository.fluxgen(&["check", "--format", &format!("sarif={file}")]);
    assert!(to_file.stderr.contains("error[") && to_file.stdout.is_empty());
    let both = repository.fluxgen(&["check", "--format=human", "--format=json"]);
    assert!(both.stderr.contains("error["));
    report(&both.stdout);
    let alone = repository.fluxgen(&["check", "--format=json"]);
    assert_eq!(alone.stderr, "");
    report(&alone.stdout);
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

#[test]
fn a_path_that_the_repository_does_not_have_is_a_warning() {
    const PATHS: &str = r#"
[repo]
url = "ssh://git@github.com/acme/fleet"
[clusters.staging]
[clusters.prod]
[kustomizations.right]
path = "./apps/staging"
[kustomizations.without-dot]
path = "apps/staging/"
[kustomizations.root]
path = "./"
kubeConfig.secretRef.name = "far"
[kustomizations.tree]
path = "./clusters/prod/more"
kubeConfig.secretRef.name = "far"
[kustomizations.later]
path = "./later"
suspend = true
[kustomizations.linked]
path = "./linked/staging"
[sources.git.other]
url = "https://git.example/other"
[kustomizations.elsewhere]
source = "git.other"
path = "./elsewhere"
"#;
    let wrong = format!("{PATHS}[kustomizations.wrong]\npath = \"./app/staging\"\n");
    let repository = Repository::new();
    repository.write("fluxgen.toml", PATHS);
    repository.write("apps/staging/web.yaml", "");
    std::os::unix::fs::symlink("apps", repository.path().join("linked")).expect("linked");
    let said = |args: &[&str]| {
        let run = repository.fluxgen(args);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stderr
    };
    assert_eq!(said(&["check"]), "");
    repository.write("fluxgen.toml", &wrong);
    let told = said(&["check"]);
    assert!(
        told.starts_with("warning[path-not-found]: the repository has no folder `./app/staging`"),
        "{told}"
    );
    assert!(
        told.contains("help: did you mean `./apps/staging`?"),
        "{told}"
    );
    assert!(told.contains("in clusters prod and staging"), "{told}");
    // What is not staged is not there for a commit.
    repository.write("app/staging/web.yaml", "");
    assert_eq!(said(&["check"]), "");
    said(&["build"]);
    repository.git(&["add", "fluxgen.toml", "clusters", "apps", "linked"]);
    let told = said(&["check", "--staged"]);
    assert!(told.contains("[path-not-found]"), "{told}");
    repository.git(&["add", "app"]);
    assert_eq!(said(&["check", "--staged"]), "");
    // In a file of the repository there is nothing to build.
    repository.write(
        "fluxgen.toml",
        &wrong.replace("./app/staging", "apps/staging/web.yaml"),
    );
    let told = said(&["check"]);
    assert!(told.contains("`apps/staging/web.yaml` is a file"), "{told}");
}

#[test]
fn paths_start_at_the_root_of_the_repository_where_flux_syncs_it() {
    let repository = Repository::new();
    let toml = |path: &str, sync: &str| {
        format!(
            "[repo]\nurl = \"ssh://git@github.com/acme/fleet\"\n[clusters.prod]\n{sync}[kustomizations.apps]\npath = \"{path}\"\n"
        )
    };
    let synced = "flux.sync.path = \"fleet/clusters/prod\"\n";
    repository.write("fleet/apps/web.yaml", "");
    let check = |text: &str| {
        repository.write("fleet/fluxgen.toml", text);
        let run = git::fluxgen(&repository.path().join("fleet"), &["check"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stderr
    };
    let told = check(&toml("./apps", synced));
    assert!(
        told.contains("help: did you mean `./fleet/apps`?"),
        "{told}"
    );
    assert_eq!(check(&toml("./fleet/apps", synced)), "");
    // Without `flux.sync.path` it is the cluster's folder that is synced.
    let told = check(&toml("./apps", ""));
    assert!(told.contains("did you mean `./fleet/apps`?"), "{told}");
    // Synced from elsewhere, the repository is another one.
    let elsewhere = "flux.sync.path = \"clusters/prod\"\n";
    assert_eq!(check(&toml("./apps", elsewhere)), "");
    // Without a repository nothing is known of it.
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("fluxgen.toml"), toml("./apps", "")).expect("written");
    assert_eq!(git::fluxgen(folder.path(), &["check"]).stderr, "");
}

/// A repository whose `fluxgen.toml` has a Kustomization `app` with more keys, and files beside it.
fn with_app(more: &str, files: &[(&str, &str)]) -> Repository {
    let repository = Repository::new();
    repository.write(
        "fluxgen.toml",
        &format!(
            "[repo]\nurl = \"https://github.com/acme/fleet\"\n[flux]\nversion = \"2.9.4\"\n[clusters.prod]\n\
             [kustomizations.app]\npath = \"./app\"\n{more}"
        ),
    );
    for (path, text) in files {
        repository.write(path, text);
    }
    repository
}

/// What `check` says, in one line each.
fn checked(repository: &Repository) -> (Option<i32>, String) {
    let run = repository.fluxgen(&["check"]);
    (run.code, run.stderr)
}

const CONFIG: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}\ndata:\n";
const INNER: &str = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
    metadata: {name: inner, namespace: flux-system}\nspec:\n  interval: 10m\n  path: ./inner\n  prune: true\n  \
    sourceRef: {kind: GitRepository, name: flux-system}\n";

#[test]
fn a_string_that_substitution_makes_a_number_is_refused_at_its_line() {
    let data = format!("{CONFIG}  port: \"${{port}}\"\n");
    let values = "postBuild.substitute = { port = \"8080\" }\n";
    let repository = with_app(values, &[("app/cm.yaml", &data)]);
    let (code, text) = checked(&repository);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("error[retyped-value]"), "{text}");
    assert!(text.contains("app/cm.yaml:5:"), "{text}");
    for fine in ["'\"${port}\"'", "x${port}", "\"${port} \"", "${port}m"] {
        repository.write("app/cm.yaml", &format!("{CONFIG}  port: {fine}\n"));
        assert_eq!(checked(&repository).0, Some(0), "{fine}");
    }
    // A number is what the field wants.
    let number = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: default}\nspec: {replicas: \"${port}\"}\n";
    repository.write("app/cm.yaml", number);
    assert!(!checked(&repository).1.contains("retyped-value"));
}

#[test]
fn what_substitution_cannot_read_is_refused_also_in_folders_that_own_yaml_applies() {
    for text in ["${hosts[@]}", "${client-id}", "${x.y}", "${open"] {
        let data = format!("{CONFIG}  a: '{text}'\n");
        let inner = format!("{INNER}  postBuild: {{substitute: {{a: b}}}}\n");
        let files = [
            ("app/ks.yaml", inner.as_str()),
            ("inner/cm.yaml", data.as_str()),
        ];
        let (code, shown) = checked(&with_app("", &files));
        assert_eq!(code, Some(1), "{text}: {shown}");
        assert!(shown.contains("error[malformed-substitution]"), "{shown}");
        assert!(shown.contains("inner/cm.yaml:5:"), "{shown}");
        // Without values nothing is substituted.
        let files = [("app/ks.yaml", INNER), ("inner/cm.yaml", data.as_str())];
        assert_eq!(checked(&with_app("", &files)).0, Some(0), "{text}");
    }
}

#[test]
fn a_folder_that_kustomize_refuses_is_an_error_at_the_line_at_fault() {
    for (file, text, place) in [
        (
            "kustomization.yaml",
            "resources:\n- none.yaml\n",
            "app/kustomization.yaml:2:3",
        ),
        ("cm.yaml", "a: [\n", "app/cm.yaml:"),
        (
            "cm.yaml",
            "apiVersion: v1\nkind: ConfigMap\n",
            "app/cm.yaml:1:1",
        ),
        (
            "kustomization.yaml",
            "resources: [own.yaml]\npatches:\n- patch: |\n    {apiVersion: v1, kind: ConfigMap, metadata: {name: none}}\n",
            "app/kustomization.yaml:",
        ),
    ] {
        let path = format!("app/{file}");
        let own = format!("{CONFIG}  a: b\n");
        let files = [("app/own.yaml", own.as_str()), (path.as_str(), text)];
        let (code, shown) = checked(&with_app("", &files));
        assert_eq!(code, Some(1), "{text}: {shown}");
        assert!(shown.contains("error[unbuildable-folder]"), "{shown}");
        assert!(shown.contains(place), "{shown}");
        // What is suspended is not built.
        assert_eq!(checked(&with_app("suspend = true\n", &files)).0, Some(0));
    }
    // A remote base may hold what seems to be missing.
    let remote = "resources: ['https://github.com/acme/base?ref=v1']\npatches:\n- patch: |\n    {apiVersion: v1, kind: ConfigMap, metadata: {name: none}}\n";
    assert_eq!(
        checked(&with_app("", &[("app/kustomization.yaml", remote)])).0,
        Some(0)
    );
}

#[test]
fn components_are_relative_and_exist() {
    let component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n\
        patches: [{target: {kind: ConfigMap}, patch: '[{op: add, path: /data/x, value: z}]'}]\n";
    let own = format!("{CONFIG}  a: b\n");
    let files = [
        ("app/cm.yaml", own.as_str()),
        ("components/tls/kustomization.yaml", component),
    ];
    for (components, help) in [
        ("['components/tls']", Some("write `../components/tls`")),
        ("['/components/tls']", Some("write `../components/tls`")),
        (
            "['https://github.com/acme/tls']",
            Some("write its path in this repository"),
        ),
        ("['../components/none']", Some("ignoreMissingComponents")),
        ("['../components/tls']", None),
    ] {
        let (code, text) = checked(&with_app(&format!("components = {components}\n"), &files));
        assert_eq!(
            code,
            Some(i32::from(help.is_some())),
            "{components}: {text}"
        );
        if let Some(help) = help {
            assert!(text.contains("error[component-not-found]"), "{text}");
            assert!(text.contains("fluxgen.toml:8:15"), "{text}");
            assert!(text.contains(help), "{text}");
        }
    }
    let ignored = "components = ['../components/none']\nignoreMissingComponents = true\n";
    assert_eq!(checked(&with_app(ignored, &files)).0, Some(0));
}

#[test]
fn strict_substitution_is_judged_for_each_cluster() {
    let repository = Repository::new();
    repository.write(
        "fluxgen.toml",
        r#"[repo]
url = "https://github.com/acme/fleet"
[clusters.aaa]
flux.version = "2.8.8"
[clusters.prod]
flux.version = "2.9.4"
[kustomizations.app]
path = "./app"
postBuild.substitute.a = "b"
"#,
    );
    repository.write("app/cm.yaml", &format!("{CONFIG}  x: ${{nope}}\n"));
    let (code, text) = checked(&repository);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("error[unset-variable]"), "{text}");
    assert!(text.contains("prod") && !text.contains("aaa"), "{text}");
}

#[test]
fn what_a_source_leaves_out_is_not_there() {
    let own = format!("{CONFIG}  a: b\n");
    let broken = "not: [an object\n";
    let files = [("app/cm.yaml", own.as_str()), ("app/tests/x.yaml", broken)];
    let (code, text) = checked(&with_app("", &files));
    assert_eq!(code, Some(1), "{text}");
    let ignored = [files[0], files[1], (".sourceignore", "/app/tests/\n")];
    let (code, text) = checked(&with_app("", &ignored));
    assert_eq!(code, Some(0), "{text}");
}

const OWN: &str = r#"
[repo]
url = "ssh://git@github.com/acme/fleet"
[clusters.one]
[clusters.two]
[kustomizations.apps]
path = "./apps"
postBuild.substitute.WAIT = "10m"
"#;

#[test]
fn flux_kinds_in_own_yaml_are_held_to_their_schemas_at_their_lines() {
    for (text, place, code, says) in [
        (
            "apiVersion: helm.toolkit.fluxcd.io/v2beta1\nkind: HelmRelease\nmetadata: {name: a, namespace: b}\nspec: {}\n",
            "apps/a.yaml:1:13",
            "stale-api-version",
            "write `helm.toolkit.fluxcd.io/v2`",
        ),
        (
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: a, namespace: b}\nspec:\n  interval: 5x\n  url: https://a.example/b\n",
            "apps/a.yaml:5:13",
            "wrong-value",
            "`spec.interval`",
        ),
        (
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: a, namespace: b}\nspec:\n  intervall: 5m\n  interval: ${WAIT}\n  url: https://a.example/b\n",
            "apps/a.yaml:5:3",
            "unknown-key",
            "`interval`",
        ),
        (
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: a, namespace: b}\nspec:\n  interval: 5m\n",
            "apps/a.yaml:",
            "missing-field",
            "add `url: …`",
        ),
        (
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepo\nmetadata: {name: a, namespace: b}\nspec: {}\n",
            "apps/a.yaml:2:7",
            "wrong-value",
            "the group has `GitRepository`",
        ),
        (
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\nspec: {interval: 5m, prune: true, path: ./x, sourceRef: {kind: OCIRepository, name: o}}\n",
            "apps/a.yaml:3:18",
            "missing-field",
            "targetNamespace",
        ),
    ] {
        let repository = Repository::new();
        repository.write("fluxgen.toml", OWN);
        repository.write("apps/a.yaml", text);
        let run = repository.fluxgen(&["check"]);
        assert_eq!(run.code, Some(1), "{text}{}", run.stderr);
        for part in [place, &format!("error[{code}]"), says] {
            assert!(run.stderr.contains(part), "{part}: {text}{}", run.stderr);
        }
        assert_eq!(run.stderr.matches("error[").count(), 1, "{}", run.stderr);
    }
}

#[test]
fn what_is_not_known_in_own_yaml_is_not_judged() {
    for text in [
        // Values from the cluster.
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: a, namespace: b}\nspec: {interval: \"${I}\", url: \"${U}\", suspend: \"${S}\"}\n",
        // Kinds of others in groups of their own.
        "apiVersion: infra.contrib.fluxcd.io/v1\nkind: Terraform\nmetadata: {name: a, namespace: b}\nspec: {x: 1}\n",
        "apiVersion: acme.example/v1\nkind: HelmRelease\nmetadata: {name: a, namespace: b}\nspec: {x: 1}\n",
    ] {
        let repository = Repository::new();
        let toml =
            format!("{OWN}postBuild.substituteFrom = [{{ kind = \"ConfigMap\", name = \"c\" }}]\n");
        repository.write("fluxgen.toml", &toml);
        repository.write("apps/a.yaml", text);
        let run = repository.fluxgen(&["check"]);
        assert!(!run.stderr.contains("a.yaml"), "{text}{}", run.stderr);
        assert_eq!(run.code, Some(0), "{text}{}", run.stderr);
    }
}
