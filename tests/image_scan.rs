//! Image markers of the whole repository, as `check` judges them.

use std::path::Path;
use std::process::Command;

const PROJECT: &str = r#"[repo]
url = "ssh://git@github.com/acme/fleet"
[flux]
version = "2.9.4"
componentsExtra = ["image-reflector-controller", "image-automation-controller"]
[clusters.staging]
[kustomizations.apps]
path = "./apps"
images = [{ name = "podinfo", newTag = { imagePolicy = "podinfo:tag", initial = "6.5.0" } }]
[images.podinfo]
image = "ghcr.io/stefanprodan/podinfo"
policy.semver.range = "6.x"
[imageUpdates.main]
git.commit.author = { name = "fluxcdbot", email = "fluxcdbot@users.noreply.github.com" }
update.path = "./"
"#;

fn project(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "fluxgen.toml", text);
    folder
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    std::fs::write(path, text).expect("written");
}

fn run(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_fluxgen"))
        .arg("-C")
        .arg(folder)
        .args(args)
        .output()
        .expect("the program runs");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// `check` of a project with one file of the user's own.
fn with(path: &str, text: &str) -> (Option<i32>, String) {
    let folder = project(PROJECT);
    write(folder.path(), path, text);
    run(folder.path(), &["check"])
}

fn deployment(image: &str, marker: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        image: {image} # {{\"$imagepolicy\": \"{marker}\"}}\n"
    )
}

fn assert_said(found: &(Option<i32>, String), code: i32, words: &[&str]) {
    assert_eq!(found.0, Some(code), "{}", found.1);
    for word in words {
        assert!(found.1.contains(word), "{word}: {}", found.1);
    }
}

#[test]
fn sound_markers_are_left_in_peace() {
    let text = deployment("ghcr.io/stefanprodan/podinfo:6.5.0", "flux-system:podinfo");
    let found = with("apps/web.yaml", &text);
    assert_said(&found, 0, &[]);
    assert!(!found.1.contains("image-"), "{}", found.1);
}

#[test]
fn a_marker_of_an_unknown_policy_is_an_error_at_its_line() {
    let text = deployment("ghcr.io/stefanprodan/podinfo:6.5.0", "flux-system:podinf");
    let found = with("apps/web.yaml", &text);
    assert_said(
        &found,
        1,
        &[
            "error[image-marker-without-policy]",
            "apps/web.yaml:9:",
            "did you mean `podinfo`?",
        ],
    );
    let toml = PROJECT.replace(
        "imagePolicy = \"podinfo:tag\"",
        "imagePolicy = \"podinf:tag\"",
    );
    let found = run(project(&toml).path(), &["check"]);
    assert_said(
        &found,
        1,
        &[
            "error[image-marker-without-policy]",
            "clusters/staging/kustomizations/apps.yaml:",
        ],
    );
    assert!(
        found.1.contains("warning[unused-image-policy]"),
        "{}",
        found.1
    );
}

#[test]
fn a_policy_is_looked_for_in_the_cluster_of_the_automation() {
    let toml = PROJECT
        .replace("[clusters.staging]", "[clusters.staging]\n[clusters.prod]")
        .replace("image = \"ghcr", "clusters = [\"prod\"]\nimage = \"ghcr")
        .replace(
            "update.path = \"./\"",
            "update.path = \"./clusters/${{ cluster.name }}\"",
        );
    let found = run(project(&toml).path(), &["check"]);
    assert_said(
        &found,
        1,
        &["image-marker-without-policy", "clusters/staging/"],
    );
    assert!(!found.1.contains("--> clusters/prod/"), "{}", found.1);
}

#[test]
fn a_tag_that_the_policy_cannot_have_picked_is_a_warning_with_both_places() {
    let text = deployment("ghcr.io/stefanprodan/podinfo:5.0.0", "flux-system:podinfo");
    let found = with("apps/web.yaml", &text);
    assert_said(
        &found,
        0,
        &[
            "warning[image-tag-not-of-policy]",
            "`5.0.0`",
            "apps/web.yaml:9:",
            "fluxgen.toml:",
        ],
    );
    let folder = project(PROJECT);
    assert_eq!(run(folder.path(), &["build"]).0, Some(0));
    let path = folder
        .path()
        .join("clusters/staging/kustomizations/apps.yaml");
    let tree = std::fs::read_to_string(&path)
        .expect("a tree")
        .replace("6.5.0", "7.1.0");
    std::fs::write(&path, tree).expect("written");
    let found = run(folder.path(), &["check"]);
    assert_said(
        &found,
        0,
        &[
            "`7.1.0`",
            "clusters/staging/kustomizations/apps.yaml:",
            "the policy: semver 6.x",
        ],
    );
}

#[test]
fn a_marker_on_another_image_is_an_error() {
    let text = deployment("ghcr.io/acme/other:6.5.0", "flux-system:podinfo");
    assert_said(
        &with("apps/web.yaml", &text),
        1,
        &["error[image-marker-other-image]", "`ghcr.io/acme/other`"],
    );
    let text = deployment("ghcr.io/acme/other", "flux-system:podinfo:name");
    assert_said(
        &with("apps/web.yaml", &text),
        1,
        &["error[image-marker-other-image]"],
    );
}

#[test]
fn a_marker_that_no_automation_reaches_is_told() {
    let toml = PROJECT.replace("update.path = \"./\"", "update.path = \"./apps\"");
    let found = run(project(&toml).path(), &["check"]);
    assert_said(&found, 1, &["error[image-marker-outside]", "`update.path`"]);
    let without = &PROJECT[..PROJECT.find("[imageUpdates").expect("there")];
    assert_said(
        &run(project(without).path(), &["check"]),
        0,
        &["warning[image-marker-outside]"],
    );
}

#[test]
fn an_automation_in_another_namespace_is_an_error() {
    let toml = PROJECT.replace("[imageUpdates.main]", "[imageUpdates.\"apps/main\"]");
    let found = run(project(&toml).path(), &["check"]);
    assert_said(&found, 1, &["error[cross-namespace]"]);
    // One policy of its own does not help the marker of another.
    let toml = format!(
        "{toml}[images.\"apps/other\"]\nimage = \"ghcr.io/acme/other\"\npolicy.semver.range = \"1.x\"\n"
    );
    let found = run(project(&toml).path(), &["check"]);
    let help = "[imageUpdates.\"flux-system/main\"]";
    assert_said(&found, 1, &["error[image-automation-namespace]", help]);
}

#[test]
fn an_automation_without_a_branch_to_push_to_is_an_error() {
    let toml = format!(
        "{PROJECT}source = \"git.app\"\n[sources.git.app]\nurl = \"https://github.com/acme/app\"\nref.tag = \"v1\"\n"
    );
    let found = run(project(&toml).path(), &["check"]);
    assert_said(
        &found,
        1,
        &["error[image-automation-branch]", "`git.push.branch`"],
    );
    for sound in [
        toml.replace("ref.tag = \"v1\"", "ref.branch = \"main\""),
        toml.replace("update.path", "git.push.branch = \"auto\"\nupdate.path"),
    ] {
        let found = run(project(&sound).path(), &["check"]);
        assert!(!found.1.contains("image-automation-branch"), "{}", found.1);
    }
}

#[test]
fn an_automation_of_a_source_that_is_no_git_repository_is_refused() {
    let toml = format!(
        "{PROJECT}source = \"oci.app\"\n[sources.oci.app]\nurl = \"oci://ghcr.io/acme/app\"\nref.tag = \"v1\"\n"
    );
    assert_said(
        &run(project(&toml).path(), &["check"]),
        1,
        &["error[wrong-source-kind]"],
    );
}

#[test]
fn image_kinds_without_their_controllers_are_refused() {
    let toml = PROJECT.replace(
        "componentsExtra = [\"image-reflector-controller\", \"image-automation-controller\"]\n",
        "",
    );
    let found = run(project(&toml).path(), &["check"]);
    assert_said(
        &found,
        1,
        &[
            "error[missing-component]",
            "image-automation-controller",
            "image-reflector-controller",
        ],
    );
}

#[test]
fn a_commit_template_of_before_flux_2_7_is_refused_from_2_7_on() {
    let toml = PROJECT.replace(
        "update.path",
        "git.commit.messageTemplate = \"{{ range .Updated.Images }}{{ . }}{{ end }}\"\nupdate.path",
    );
    assert_said(
        &run(project(&toml).path(), &["check"]),
        1,
        &["error[image-commit-template]", "`.Updated`"],
    );
    let found = run(project(&toml.replace("2.9.4", "2.6.4")).path(), &["check"]);
    assert!(!found.1.contains("image-commit-template"), "{}", found.1);
}

#[test]
fn templates_and_broken_files_are_passed_over_and_counted() {
    let folder = project(PROJECT);
    let marker = "# {\"$imagepolicy\": \"flux-system:nothing\"}";
    write(
        folder.path(),
        "charts/a.yaml",
        &format!("{{{{- if .Values.on }}}}\na: b {marker}\n{{{{- end }}}}\n"),
    );
    write(folder.path(), "charts/b.yml", &format!("a: [ {marker}\n"));
    write(folder.path(), "charts/notes.txt", marker);
    let found = run(folder.path(), &["check"]);
    assert_said(&found, 0, &["note[image-files-passed-over]", "2 files"]);
}

#[test]
fn a_marker_inside_a_text_is_an_error_with_a_remedy() {
    let found = with(
        "apps/web.yaml",
        "a: |\n  tag: 1.0.0 # {\"$imagepolicy\": \"flux-system:podinfo:tag\"}\n",
    );
    assert_said(&found, 1, &["error[image-marker-misplaced]", "help: "]);
    // A string that is included, as the patch of a Kustomization.
    let toml = PROJECT.replace(
        "path = \"./apps\"",
        "path = \"./apps\"\npatches = [{ patch = { file = \"patch.yaml\" } }]",
    );
    let folder = project(&toml);
    write(
        folder.path(),
        "patch.yaml",
        &deployment("ghcr.io/stefanprodan/podinfo:6.5.0", "flux-system:podinfo"),
    );
    let found = run(folder.path(), &["check"]);
    assert_said(&found, 1, &["error[image-marker-misplaced]", "patch.yaml"]);
}

#[test]
fn markers_of_an_included_file_stay_and_their_values_are_kept() {
    let toml = format!(
        "{PROJECT}[sources.helm.podinfo]\nurl = \"https://stefanprodan.github.io/podinfo\"\n[helmReleases.podinfo]\nchart.spec = {{ chart = \"podinfo\", version = \"6.x\", source = \"helm.podinfo\" }}\nvalues = {{ file = \"values.yaml\" }}\n"
    );
    let folder = project(&toml);
    let values = "# mine\nimage:\n  repository: ghcr.io/stefanprodan/podinfo\n  tag: 6.5.0 # {\"$imagepolicy\": \"flux-system:podinfo:tag\"}\nreplicas: 2\n";
    write(folder.path(), "values.yaml", values);
    let built = run(folder.path(), &["build"]);
    assert_eq!(built.0, Some(0), "{}", built.1);
    let path = folder
        .path()
        .join("clusters/staging/helm-releases/flux-system-podinfo.yaml");
    let text = std::fs::read_to_string(&path).expect("a tree");
    assert!(
        text.contains("tag: \"6.5.0\" # {\"$imagepolicy\": \"flux-system:podinfo:tag\"}\n"),
        "{text}"
    );
    std::fs::write(&path, text.replace("\"6.5.0\"", "\"6.6.1\"")).expect("written");
    write(
        folder.path(),
        "values.yaml",
        &values.replace("replicas: 2", "replicas: 3"),
    );
    assert_eq!(run(folder.path(), &["build"]).0, Some(0));
    let text = std::fs::read_to_string(&path).expect("a tree");
    assert!(
        text.contains("\"6.6.1\"") && text.contains("replicas: 3"),
        "{text}"
    );
}
