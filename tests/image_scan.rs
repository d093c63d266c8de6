//! Image markers of the whole repository, as `check` judges them.

use std::path::Path;
use std::process::Command;

/// What the tests write into the folder is not always what Flux could build.
const PROJECT: &str = r#"defaults.kustomizations.suspend = true
repo.url = "ssh://git@github.com/acme/fleet"
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
        &["error[image-marker-without-policy]", "fluxgen.toml:"],
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
    assert_said(&found, 1, &["image-marker-without-policy", "fluxgen.toml:"]);
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
            "`fluxgen image reset podinfo`",
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

const MARK: &str = "# {\"$imagepolicy\": \"flux-system:podinfo:tag\"}";

#[test]
fn policies_and_automations_of_the_users_own_files_count() {
    let text = &PROJECT[..PROJECT.find("[images.podinfo]").expect("there")];
    let folder = project(text);
    let root = folder.path();
    let of = |kind: &str, namespace: &str, spec: &str| {
        format!(
            "apiVersion: image.toolkit.fluxcd.io/v1\nkind: {kind}\nmetadata:\n  name: podinfo\n{namespace}spec:\n{spec}\n"
        )
    };
    // No automation yet, and the policy in a folder that a Kustomization gives its namespace.
    let repository = of(
        "ImageRepository",
        "",
        "  image: ghcr.io/stefanprodan/podinfo\n  interval: 1m",
    );
    let policy = of(
        "ImagePolicy",
        "",
        "  imageRepositoryRef:\n    name: podinfo\n  policy:\n    semver:\n      range: 6.x",
    );
    write(
        root,
        "infrastructure/images/podinfo.yaml",
        &format!("{repository}---\n{policy}"),
    );
    let found = run(root, &["check"]);
    assert_said(&found, 0, &["warning[image-marker-outside]"]);
    let automation = of(
        "ImageUpdateAutomation",
        "  namespace: flux-system\n",
        "  interval: 30m\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n  git:\n    commit:\n      author:\n        email: bot@acme.example\n      messageTemplate: '{{ .Changed.Changes }}'\n  update:\n    path: ./clusters/staging",
    );
    write(root, "clusters/staging/automation.yaml", &automation);
    let found = run(root, &["check"]);
    assert_eq!(found, (Some(0), String::new()));
    // What it says is looked at as well.
    let path = "clusters/staging/automation.yaml";
    write(
        root,
        path,
        &automation.replace(".Changed.Changes", ".Updated.Images"),
    );
    assert_said(
        &run(root, &["check"]),
        1,
        &["error[image-commit-template]", path],
    );
    write(
        root,
        path,
        &automation
            .replace("namespace: flux-system", "namespace: apps")
            .replace(
                "    name: flux-system\n",
                "    name: flux-system\n    namespace: flux-system\n",
            ),
    );
    assert_said(
        &run(root, &["check"]),
        1,
        &["error[image-automation-namespace]"],
    );
    write(
        root,
        path,
        &automation.replace("./clusters/staging", "./apps"),
    );
    assert_said(&run(root, &["check"]), 1, &["error[image-marker-outside]"]);
    write(root, path, &automation);
    let built = run(root, &["build"]);
    assert_eq!(built.0, Some(0), "{}", built.1);
    let tree = root.join("clusters/staging/kustomizations/apps.yaml");
    let text = std::fs::read_to_string(&tree).expect("a tree");
    std::fs::write(&tree, text.replace("6.5.0", "7.0.0")).expect("written");
    let found = run(root, &["check"]);
    let policy = "infrastructure/images/podinfo.yaml:";
    assert_said(
        &found,
        0,
        &["warning[image-tag-not-of-policy]", "`7.0.0`", policy],
    );
}

#[test]
fn a_policy_in_another_clusters_folder_is_not_this_clusters() {
    let text = &PROJECT[..PROJECT.find("[images.podinfo]").expect("there")];
    let rest = &PROJECT[PROJECT.find("[imageUpdates").expect("there")..];
    let rest = rest.replace("./", "./clusters/${{ cluster.name }}");
    let text = format!("{text}{rest}")
        .replace("[clusters.staging]", "[clusters.staging]\n[clusters.prod]");
    let folder = project(&text);
    write(
        folder.path(),
        "clusters/prod/policy.yaml",
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: podinfo, namespace: flux-system}\nspec: {imageRepositoryRef: {name: podinfo}, policy: {semver: {range: 1.x}}}\n",
    );
    let found = run(folder.path(), &["check"]);
    assert_said(
        &found,
        1,
        &["error[image-marker-without-policy]", "--> fluxgen.toml:"],
    );
    assert!(!found.1.contains("--> clusters/prod/"), "{}", found.1);
}

#[test]
fn a_policy_of_another_namespace_is_offered_by_its_name() {
    let text = deployment("ghcr.io/stefanprodan/podinfo:6.5.0", "apps:podinfo");
    let found = with("apps/web.yaml", &text);
    assert_said(
        &found,
        1,
        &[
            "error[image-marker-without-policy]",
            "write `flux-system:podinfo`",
        ],
    );
}

#[test]
fn a_tag_beside_another_image_is_a_warning() {
    let kustomization = |images: &str| {
        format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nimages:\n{images}  newTag: 6.5.0 {MARK}\n"
        )
    };
    let values = |image: &str| format!("image:\n{image}  tag: 6.5.0 {MARK}\n");
    for text in [
        kustomization("- name: ghcr.io/acme/other\n"),
        kustomization("- name: podinfo\n  newName: ghcr.io/acme/other\n"),
        values("  repository: ghcr.io/acme/other\n"),
        values("  registry: ghcr.io\n  repository: acme/other\n"),
    ] {
        let found = with("apps/kustomization.yaml", &text);
        let words = [
            "warning[image-marker-other-image]",
            "`ghcr.io/acme/other`",
            "fluxgen.toml:",
        ];
        assert_said(&found, 0, &words);
    }
    for text in [
        kustomization("- name: podinfo\n"),
        kustomization("- name: ghcr.io/stefanprodan/podinfo\n"),
        kustomization("- name: acme/alias\n  newName: ghcr.io/stefanprodan/podinfo\n"),
        values("  repository: ghcr.io/stefanprodan/podinfo\n"),
        values("  repository: stefanprodan/podinfo\n"),
        values("  repository: podinfo\n"),
        values(""),
    ] {
        let found = with("apps/kustomization.yaml", &text);
        assert_eq!(found, (Some(0), String::new()), "{text}");
    }
}

#[test]
fn a_digest_that_the_policy_does_not_report_is_an_error() {
    let toml = PROJECT
        .replace("podinfo:tag", "podinfo:digest")
        .replace("newTag", "digest")
        .replace("6.5.0", &format!("sha256:{}", "0".repeat(64)));
    let words = [
        "error[image-marker-without-digest]",
        "`digestReflectionPolicy",
        "fluxgen.toml:",
    ];
    assert_said(&run(project(&toml).path(), &["check"]), 1, &words);
    let sound = toml.replace(
        "policy.semver",
        "digestReflectionPolicy = \"IfNotPresent\"\npolicy.semver",
    );
    let found = run(project(&sound).path(), &["check"]);
    assert_eq!(found, (Some(0), String::new()));
}

#[test]
fn a_marker_that_marks_nothing_is_a_warning_and_a_comment_is_none() {
    for text in [
        format!("image: {{name: podinfo, tag: 6.5.0}} {MARK}\n"),
        format!("tag: 6.5.0 # pinned {MARK}\n"),
        format!("{MARK}\ntag: 6.5.0\n"),
    ] {
        let found = with("apps/a.yaml", &text);
        assert_said(
            &found,
            0,
            &["warning[image-marker-misplaced]", "apps/a.yaml:", "help: "],
        );
    }
    for text in [
        format!("a: b\n# tag: 1.0.0 {MARK}\n"),
        format!("# write {MARK} after the tag\na: b\n"),
        format!("tags:\n{MARK}\n- 6.5.0\n"),
        format!("tags: [\n  6.5.0, {MARK}\n]\n"),
    ] {
        let found = with("apps/a.yaml", &text);
        assert_eq!(found, (Some(0), String::new()), "{text}");
    }
}

#[test]
fn the_markers_beside_one_in_a_text_are_looked_at_too() {
    let text = format!("script: |\n  tag: 1.0.0 {MARK}\ntag: 5.0.0 {MARK}\n");
    let found = with("apps/a.yaml", &text);
    let words = [
        "error[image-marker-misplaced]",
        "warning[image-tag-not-of-policy]",
        "apps/a.yaml:3:",
    ];
    assert_said(&found, 1, &words);
    assert!(!found.1.contains("1.0.0`"), "{}", found.1);
}

#[test]
fn a_marker_in_a_file_of_ones_own_that_no_automation_reaches_is_a_warning() {
    let toml = PROJECT.replace("update.path = \"./\"", "update.path = \"./clusters\"");
    let folder = project(&toml);
    let text = deployment("ghcr.io/stefanprodan/podinfo:6.5.0", "flux-system:podinfo");
    write(folder.path(), "apps/web.yaml", &text);
    let found = run(folder.path(), &["check"]);
    assert_said(
        &found,
        0,
        &["warning[image-marker-outside]", "apps/web.yaml:9:"],
    );
}

#[test]
fn an_automation_of_a_folder_that_is_not_there_is_a_warning() {
    let toml = format!(
        "{PROJECT}[imageUpdates.apps]\nupdate.path = \"./app\"\ngit.commit.author.email = \"a@b.c\"\n"
    );
    let folder = project(&toml);
    write(folder.path(), "apps/a.yaml", "a: b\n");
    let words = ["warning[image-automation-path]", "`app`", "`update.path`"];
    assert_said(&run(folder.path(), &["check"]), 0, &words);
    write(
        folder.path(),
        "fluxgen.toml",
        &toml.replace("./app\"", "./apps\""),
    );
    assert_eq!(run(folder.path(), &["check"]), (Some(0), String::new()));
}

#[test]
fn an_automation_without_a_path_and_one_with_a_source_of_its_own_reach_all() {
    for rest in [
        "",
        "source = \"git.write\"\n[sources.git.write]\nurl = \"https://github.com/acme/fleet.git\"\nref.branch = \"main\"\n",
    ] {
        let toml = PROJECT.replace("update.path = \"./\"\n", rest);
        let folder = project(&toml);
        let text = deployment("ghcr.io/stefanprodan/podinfo:6.5.0", "flux-system:podinf");
        write(folder.path(), "apps/base/web.yaml", &text);
        let found = run(folder.path(), &["check"]);
        assert_said(
            &found,
            1,
            &[
                "error[image-marker-without-policy]",
                "apps/base/web.yaml:9:",
            ],
        );
        assert!(!found.1.contains("image-marker-outside"), "{}", found.1);
    }
}

#[test]
fn a_folder_that_clusters_share_is_sound_where_one_has_the_policy() {
    let toml = PROJECT
        .replace("[clusters.staging]", "[clusters.staging]\n[clusters.prod]")
        .replace(
            "[kustomizations.apps]",
            "[kustomizations.apps]\nclusters = [\"prod\"]",
        )
        .replace("image = \"ghcr", "clusters = [\"prod\"]\nimage = \"ghcr");
    let folder = project(&toml);
    let text = deployment("ghcr.io/stefanprodan/podinfo:6.5.0", "flux-system:podinfo");
    write(folder.path(), "apps/base/web.yaml", &text);
    assert_eq!(run(folder.path(), &["check"]), (Some(0), String::new()));
}

#[test]
fn a_check_of_one_cluster_is_silent_about_the_policies_of_others() {
    let toml = PROJECT
        .replace("[clusters.staging]", "[clusters.staging]\n[clusters.prod]")
        .replace("./\"", "./clusters/${{ cluster.name }}\"");
    let folder = project(&toml);
    for cluster in ["staging", "prod"] {
        let found = run(folder.path(), &["check", "--cluster", cluster]);
        assert_eq!(found, (Some(0), String::new()));
    }
}

#[test]
fn what_git_ignores_and_what_is_no_text_is_no_trouble() {
    let folder = project(PROJECT);
    let root = folder.path();
    let wrong = deployment("ghcr.io/acme/other:1.0.0", "flux-system:nothing");
    assert!(
        Command::new("git")
            .args(["init", "-q"])
            .current_dir(root)
            .status()
            .is_ok()
    );
    write(root, ".gitignore", "/target/\n");
    write(root, "target/a.yaml", &wrong);
    write(root, ".git/a.yaml", &wrong);
    std::fs::write(root.join("picture.yaml"), [0xff, 0xfe, 0, 1]).expect("written");
    std::fs::write(
        root.join("marked.yaml"),
        [b"\xff".as_slice(), MARK.as_bytes()].concat(),
    )
    .expect("written");
    std::os::unix::fs::symlink("/", root.join("apps")).expect("a link");
    std::os::unix::fs::symlink("nowhere.yaml", root.join("dangling.yaml")).expect("a link");
    let large = std::fs::File::create(root.join("large.yaml")).expect("a file");
    large.set_len(17 << 20).expect("grown");
    let found = run(root, &["check"]);
    assert_said(
        &found,
        0,
        &[
            "note[image-files-passed-over]: 2 files",
            "`large.yaml`, `marked.yaml`",
        ],
    );
    assert!(!found.1.contains("error["), "{}", found.1);
}

#[test]
fn the_example_of_flux_is_sound_when_its_release_is_marked() {
    let tree =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/trees/flux2-kustomize-helm-example");
    if !tree.is_dir() {
        eprintln!("skipped: ../shared/trees is not there");
        return;
    }
    let toml = "[repo]\nurl = \"https://github.com/acme/fleet\"\n[flux]\nversion = \"2.9.4\"\ncomponentsExtra = [\"image-reflector-controller\", \"image-automation-controller\"]\n[clusters.staging]\n[clusters.production]\n[images.podinfo]\nimage = \"ghcr.io/stefanprodan/charts/podinfo\"\npolicy.semver.range = \">=1.0.0\"\n[imageUpdates.main]\ngit.commit.author.email = \"a@b.c\"\nupdate.path = \"PATH\"\n";
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    for entry in walkdir::WalkDir::new(&tree) {
        let entry = entry.expect("an entry");
        let path = entry.path().strip_prefix(&tree).expect("below");
        if entry.file_type().is_file() && !path.starts_with(".git") {
            let text = std::fs::read(entry.path()).expect("a file");
            std::fs::create_dir_all(root.join(path).parent().expect("a folder")).expect("made");
            std::fs::write(root.join(path), text).expect("written");
        }
    }
    let release = root.join("apps/base/podinfo/release.yaml");
    let mut text = std::fs::read_to_string(&release).expect("a release");
    text.push_str(&format!("    image:\n      tag: 6.5.0 {MARK}\n"));
    std::fs::write(&release, text).expect("written");
    for path in ["./", "./apps"] {
        write(root, "fluxgen.toml", &toml.replace("PATH", path));
        let found = run(root, &["check"]);
        assert_eq!(found, (Some(0), String::new()), "{path}");
    }
}

#[test]
fn a_marked_number_is_a_warning_and_one_in_quotes_is_none() {
    let repeat = |value: &str| format!("tag: {value} {MARK}\nlist:\n- {value} {MARK}\n");
    let toml = PROJECT.replace("semver.range = \"6.x\"", "alphabetical.order = \"asc\"");
    for (bare, is_told) in [
        ("6.10", true),
        ("5", true),
        ("true", true),
        ("2024-01-31", true),
        ("\"6.10\"", false),
        ("'2024-01-31'", false),
        ("6.10.1", false),
        ("v1", false),
        ("2024-01-31-a", false),
    ] {
        let folder = project(&toml);
        write(folder.path(), "apps/a.yaml", &repeat(bare));
        let found = run(folder.path(), &["check"]);
        assert_eq!(found.0, Some(0), "{}", found.1);
        let count = found.1.matches("warning[image-marker-on-number]").count();
        assert_eq!(count, if is_told { 2 } else { 0 }, "{bare}: {}", found.1);
    }
}

#[test]
fn a_policy_that_comes_from_elsewhere_is_declared() {
    let folder = project(PROJECT);
    let text = deployment("ghcr.io/acme/web:1.0.0", "flux-system:dev-web");
    write(folder.path(), "apps/web.yaml", &text);
    let found = run(folder.path(), &["check"]);
    let external = "external = [\"ImagePolicy/flux-system/dev-web\"]";
    assert_said(&found, 1, &["error[image-marker-without-policy]", external]);
    write(
        folder.path(),
        "fluxgen.toml",
        &format!("{external}\n{PROJECT}"),
    );
    assert_eq!(run(folder.path(), &["check"]), (Some(0), String::new()));
}

#[test]
fn a_marker_inside_of_a_list_of_resources_is_an_error() {
    let item = "  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: a}\n    data:\n";
    let list = format!("apiVersion: v1\nkind: List\nitems:\n{item}      tag: 6.5.0 {MARK}\n");
    let found = with("apps/a.yaml", &list);
    assert_said(
        &found,
        1,
        &[
            "error[image-marker-misplaced]",
            "`kind: List`",
            "apps/a.yaml:",
        ],
    );
    // Beside another document a list is taken as it is.
    let found = with("apps/a.yaml", &format!("{list}---\na: b\n"));
    assert_eq!(found, (Some(0), String::new()));
}
