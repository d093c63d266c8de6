//! Image automation through the real program: what Flux's setter commits survives every build.

use std::path::Path;
use std::process::{Command, Output};

const PROJECT: &str = r#"# The fleet.
[repo]
url = "ssh://git@github.com/acme/fleet"

[flux]
version = "2.9.4"
componentsExtra = ["image-reflector-controller", "image-automation-controller"]

[clusters.staging]
[clusters.prod]

[sources.helm.podinfo]
url = "https://stefanprodan.github.io/podinfo"
[helmReleases."web/podinfo"]
chart.spec = { chart = "podinfo", version = "6.x", source = "helm.podinfo" }
values.replicaCount = 1
values.image.tag = { imagePolicy = "podinfo:tag", initial = "6.5.0" } # the bot's
values.image.repository = { imagePolicy = "podinfo:name", initial = "ghcr.io/stefanprodan/podinfo" }
values.sidecars = [{ name = "cache", image = { imagePolicy = "podinfo", initial = "ghcr.io/stefanprodan/podinfo:6.5.0" } }]

[kustomizations.apps]
path = "./apps"
images = [{ name = "podinfo", newTag = { imagePolicy = "podinfo:tag", initial = "6.5.0" } }]

[images.podinfo]
image = "ghcr.io/stefanprodan/podinfo"
policy.semver.range = "6.x"
[imageUpdates.main]
git.commit.author = { name = "fluxcdbot", email = "fluxcdbot@users.noreply.github.com" }
update.path = "./clusters/${{ cluster.name }}"
"#;

fn fluxgen(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fluxgen"))
        .arg("-C")
        .arg(folder)
        .args(args)
        .output()
        .expect("the program runs")
}

fn done(folder: &Path, args: &[&str]) -> String {
    let output = fluxgen(folder, args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn project(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "fluxgen.toml", text);
    folder
}

fn read(folder: &Path, path: &str) -> String {
    std::fs::read_to_string(folder.join(path)).expect(path)
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    std::fs::write(path, text).expect("written");
}

fn git(folder: &Path, args: &[&str]) {
    let output = Command::new("git")
        .current_dir(folder)
        .args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@t",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(args)
        .output()
        .expect("git runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
}

/// What Flux's setter makes of a file: it is read and written document by document as kyaml does it, so
/// that a `---` at the start and documents of comments alone are gone; a marked scalar keeps its quotes,
/// and gets them where the new value would not be a string without. None where nothing changes.
fn set(text: &str, image: &str, tag: &str) -> Option<String> {
    let mut changed = false;
    let text = text.strip_prefix("---\n").unwrap_or(text);
    let documents: Vec<String> = text
        .split("\n---\n")
        .map(|document| document.trim_end_matches('\n'))
        .filter(|document| document.lines().any(|line| !line.starts_with('#')))
        .map(|document| {
            let lines = document.lines().map(|line| {
                let new = set_line(line, image, tag);
                changed |= new != line;
                new
            });
            lines.collect::<Vec<_>>().join("\n")
        })
        .collect();
    changed.then(|| format!("{}\n", documents.join("\n---\n")))
}

fn set_line(line: &str, image: &str, tag: &str) -> String {
    let Some((before, mark)) = line.split_once(" # {\"$imagepolicy\": \"") else {
        return line.to_owned();
    };
    let policy = mark.trim_end_matches("\"}");
    let value = match policy.strip_prefix("flux-system:podinfo") {
        Some("") => format!("{image}:{tag}"),
        Some(":tag") => tag.to_owned(),
        Some(":name") => image.to_owned(),
        _ => return line.to_owned(),
    };
    let (key, old) = before.rsplit_once(": ").expect("a key");
    let is_number = value.parse::<f64>().is_ok();
    let value = match old.starts_with('"') || is_number {
        true => format!("\"{value}\""),
        false => value,
    };
    format!("{key}: {value} # {{\"$imagepolicy\": \"{policy}\"}}")
}

/// The bot: sets every marked line below `under`, and gives the files that it wrote.
fn bot(folder: &Path, under: &str, tag: &str) -> Vec<String> {
    let mut written = Vec::new();
    let mut waiting = vec![folder.join(under)];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(
                std::fs::read_dir(path)
                    .expect("a folder")
                    .map(|entry| entry.expect("an entry").path()),
            );
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a text");
        if let Some(new) = set(&text, "ghcr.io/stefanprodan/podinfo", tag) {
            std::fs::write(&path, new).expect("written");
            written.push(path.display().to_string());
        }
    }
    written
}

const RELEASE: &str = "clusters/prod/helm-releases/web-podinfo.yaml";

#[test]
fn what_the_setter_commits_is_no_difference_and_leaves_the_toml_alone() {
    let folder = project(PROJECT);
    let root = folder.path();
    done(root, &["build"]);
    git(root, &["init", "-q"]);
    git(root, &["add", "-A"]);
    git(root, &["commit", "-qm", "start"]);
    let before = read(root, RELEASE);
    // Also a tag that YAML takes for a number, and one that needs quotes where none were.
    for tag in ["6.6.1", "6.10", "6.7.0-rc.1"] {
        assert_eq!(bot(root, "clusters/prod", tag).len(), 2);
        git(root, &["commit", "-qam", "bot"]);
        let committed = read(root, RELEASE);
        let changed: Vec<_> = before
            .lines()
            .zip(committed.lines())
            .filter(|(a, b)| a != b)
            .collect();
        assert!(
            changed
                .iter()
                .all(|(line, _)| line.contains("$imagepolicy")),
            "{changed:?}"
        );
        assert_eq!(before.lines().count(), committed.lines().count());
        assert_eq!(done(root, &["diff"]), "");
        done(root, &["build"]);
        assert_eq!(read(root, RELEASE), committed);
        git(root, &["diff", "--exit-code"]);
        assert_eq!(read(root, "fluxgen.toml"), PROJECT);
        assert!(committed.contains(tag), "{committed}");
        assert!(!read(root, "clusters/staging/helm-releases/web-podinfo.yaml").contains(tag));
    }
}

#[test]
fn an_edit_of_a_neighbouring_field_keeps_the_tag_of_the_bot() {
    let folder = project(PROJECT);
    let root = folder.path();
    done(root, &["build"]);
    bot(root, "clusters", "6.6.1");
    write(
        root,
        "fluxgen.toml",
        &PROJECT.replace("replicaCount = 1", "replicaCount = 3"),
    );
    done(root, &["build"]);
    for cluster in ["staging", "prod"] {
        let text = read(
            root,
            &format!("clusters/{cluster}/helm-releases/web-podinfo.yaml"),
        );
        assert!(
            text.contains("replicaCount: 3") && text.contains("tag: \"6.6.1\""),
            "{text}"
        );
        assert!(!text.contains("6.5.0"), "{text}");
    }
}

#[test]
fn a_new_layout_and_a_reordered_list_keep_the_tag_of_the_bot() {
    let folder = project(PROJECT);
    let root = folder.path();
    done(root, &["build"]);
    bot(root, "clusters", "6.6.1");
    let text = PROJECT
        .replace(
            "values.sidecars = [",
            "values.sidecars = [{ name = \"log\", image = \"fluent:1\" }, ",
        )
        .replace(
            "[clusters.staging]",
            "[layout]\npath = \"all.yaml\"\n[clusters.staging]",
        );
    write(root, "fluxgen.toml", &text);
    done(root, &["build"]);
    let text = read(root, "clusters/prod/all.yaml");
    assert!(!root.join(RELEASE).exists());
    assert_eq!(text.matches("6.6.1").count(), 3, "{text}");
    assert!(!text.contains("6.5.0"), "{text}");
    // Many documents in one file, and the setter again.
    bot(root, "clusters", "6.7.0");
    assert_eq!(done(root, &["diff"]), "");
}

#[test]
fn a_merge_of_an_older_tag_with_a_newer_one_ends_with_the_newer() {
    let folder = project(PROJECT);
    let root = folder.path();
    done(root, &["build"]);
    git(root, &["init", "-q"]);
    git(root, &["add", "-A"]);
    git(root, &["commit", "-qm", "start"]);
    git(root, &["switch", "-qc", "feature"]);
    write(
        root,
        "fluxgen.toml",
        &PROJECT.replace("version = \"6.x\"", "version = \"6.7.x\""),
    );
    done(root, &["build"]);
    git(root, &["commit", "-qam", "three"]);
    git(root, &["switch", "-q", "main"]);
    bot(root, "clusters", "6.6.1");
    git(root, &["commit", "-qam", "bot"]);
    git(root, &["merge", "-q", "--no-edit", "feature"]);
    done(root, &["build"]);
    git(root, &["diff", "--exit-code"]);
    let text = read(root, RELEASE);
    assert!(
        text.contains("tag: \"6.6.1\"") && text.contains("version: 6.7.x"),
        "{text}"
    );
}

#[test]
fn status_lists_policy_field_initial_and_current_value_of_each_cluster() {
    let folder = project(PROJECT);
    let root = folder.path();
    let text = done(root, &["image", "status"]);
    assert!(text.contains("not built"), "{text}");
    done(root, &["build"]);
    bot(root, "clusters/prod", "6.6.1");
    let text = done(root, &["image", "status", "podinfo"]);
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[0],
        ["POLICY", "CLUSTER", "FIELD", "INITIAL", "CURRENT"]
    );
    assert_eq!(rows.len(), 9, "{text}");
    for row in [
        [
            "flux-system/podinfo:tag",
            "prod",
            "HelmRelease",
            "web/podinfo",
            "spec.values.image.tag",
            "6.5.0",
            "6.6.1",
        ],
        [
            "flux-system/podinfo:tag",
            "staging",
            "HelmRelease",
            "web/podinfo",
            "spec.values.image.tag",
            "6.5.0",
            "6.5.0",
        ],
        [
            "flux-system/podinfo:tag",
            "prod",
            "Kustomization",
            "flux-system/apps",
            "spec.images[podinfo].newTag",
            "6.5.0",
            "6.6.1",
        ],
    ] {
        assert!(
            rows.iter().any(|found| found.as_slice() == row),
            "{row:?}: {text}"
        );
    }
    let json = done(
        root,
        &["image", "status", "--cluster", "prod", "--format", "json"],
    );
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let marked = json["marked"].as_array().expect("a list");
    assert!(marked.iter().all(|value| value["cluster"] == "prod") && marked.len() == 4);
    let near = fluxgen(root, &["image", "status", "podinf"]);
    assert!(String::from_utf8_lossy(&near.stderr).contains("did you mean `podinfo`?"));
}

#[test]
fn adopt_writes_the_values_of_the_tree_to_the_toml_and_keeps_its_comments() {
    let folder = project(PROJECT);
    let root = folder.path();
    done(root, &["build"]);
    bot(root, "clusters", "6.6.1");
    let dry = done(root, &["image", "adopt", "--dry-run"]);
    assert!(dry.contains("from 6.5.0 to 6.6.1"), "{dry}");
    assert_eq!(read(root, "fluxgen.toml"), PROJECT);
    done(root, &["image", "adopt"]);
    let expected = PROJECT.replace("6.5.0", "6.6.1");
    assert_eq!(read(root, "fluxgen.toml"), expected);
    assert_eq!(done(root, &["diff"]), "");
    assert!(done(root, &["image", "adopt"]).contains("every `initial` is"));
}

#[test]
fn clusters_of_different_values_are_adopted_only_by_choice() {
    let folder = project(PROJECT);
    let root = folder.path();
    done(root, &["build"]);
    bot(root, "clusters/prod", "6.6.1");
    let output = fluxgen(root, &["image", "adopt", "podinfo"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("`6.6.1` in prod and `6.5.0` in staging"),
        "{said}"
    );
    assert_eq!(read(root, "fluxgen.toml"), PROJECT);
    done(root, &["image", "adopt", "podinfo", "--cluster", "prod"]);
    assert_eq!(
        read(root, "fluxgen.toml"),
        PROJECT.replace("6.5.0", "6.6.1")
    );
    // Staging's own value is still its own.
    done(root, &["build"]);
    assert!(read(root, "clusters/staging/helm-releases/web-podinfo.yaml").contains("\"6.5.0\""));
}

#[test]
fn reset_builds_the_initial_values_of_the_named_policy_and_clusters() {
    let folder = project(PROJECT);
    let root = folder.path();
    done(root, &["build"]);
    let first = read(root, RELEASE);
    bot(root, "clusters", "6.6.1");
    let dry = fluxgen(root, &["image", "reset", "podinfo", "--dry-run"]);
    assert_eq!(dry.status.code(), Some(1));
    assert_ne!(read(root, RELEASE), first);
    let said = done(
        root,
        &["image", "reset", "flux-system/podinfo", "--cluster", "prod"],
    );
    assert!(
        said.contains("prod: HelmRelease web/podinfo spec.values.image.tag from 6.6.1 to 6.5.0\n"),
        "{said}"
    );
    assert_eq!(read(root, RELEASE), first);
    assert!(read(root, "clusters/staging/helm-releases/web-podinfo.yaml").contains("6.6.1"));
    done(root, &["image", "reset", "podinfo"]);
    assert!(done(root, &["image", "reset", "podinfo"]).contains("every value is what"));
}

#[test]
fn a_conflict_in_the_tree_is_an_error_and_loses_no_tag() {
    let folder = project(PROJECT);
    let root = folder.path();
    done(root, &["build"]);
    git(root, &["init", "-q"]);
    git(root, &["add", "-A"]);
    git(root, &["commit", "-qm", "start"]);
    git(root, &["switch", "-qc", "feature"]);
    bot(root, "clusters", "6.6.0");
    git(root, &["commit", "-qam", "older"]);
    git(root, &["switch", "-q", "main"]);
    bot(root, "clusters", "6.7.0");
    git(root, &["commit", "-qam", "newer"]);
    let merge = Command::new("git")
        .current_dir(root)
        .args(["merge", "-q", "feature"])
        .output();
    assert!(!merge.expect("git runs").status.success());
    let conflicting = read(root, RELEASE);
    let output = fluxgen(root, &["build"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("error[unreadable-tree]") && said.contains(RELEASE),
        "{said}"
    );
    assert_eq!(read(root, RELEASE), conflicting);
    git(root, &["checkout", "--ours", "clusters"]);
    done(root, &["build"]);
    assert!(read(root, RELEASE).contains("tag: \"6.7.0\""));
}
