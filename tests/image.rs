//! Image automation through the real program: what Flux's setter commits survives every build.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use fluxgen::emit::marks::marks;
use fluxgen::image::marker;
use fluxgen::source::Sources;

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

/// A repository in which a merge of an older tag into a newer one stopped at a conflict.
fn in_conflict(toml: &str, ours: &str, theirs: &str) -> tempfile::TempDir {
    let folder = project(toml);
    let root = folder.path();
    done(root, &["build"]);
    git(root, &["init", "-q"]);
    git(root, &["add", "-A"]);
    git(root, &["commit", "-qm", "start"]);
    git(root, &["switch", "-qc", "feature"]);
    bot(root, "clusters", theirs);
    git(root, &["commit", "-qam", "theirs"]);
    git(root, &["switch", "-q", "main"]);
    bot(root, "clusters", ours);
    git(root, &["commit", "-qam", "ours"]);
    let merge = Command::new("git")
        .current_dir(root)
        .args(["merge", "-q", "feature"])
        .output();
    assert!(!merge.expect("git runs").status.success());
    folder
}

#[test]
fn a_conflict_of_two_tags_ends_with_the_newer_whichever_side_has_it() {
    for (ours, theirs) in [("6.7.0", "6.6.0"), ("6.6.0", "6.7.0"), ("6.9.0", "6.10.0")] {
        let newer = if ours == "6.6.0" { theirs } else { ours };
        let newer = if theirs == "6.10.0" { theirs } else { newer };
        let folder = in_conflict(PROJECT, ours, theirs);
        let root = folder.path();
        // Whoever only looks is told; Flux could not read the file.
        let output = fluxgen(root, &["check"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("error[unreadable-tree]")
                && said.contains("clusters/<cluster>/helm-releases"),
            "{said}"
        );
        let output = fluxgen(root, &["build"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(
            said.contains(&format!("of which the policy picks `{newer}`")),
            "{said}"
        );
        for path in [RELEASE, "clusters/staging/kustomizations/apps.yaml"] {
            let text = read(root, path);
            assert!(
                text.contains(&format!("\"{newer}\"")) && !text.contains("<<<<"),
                "{text}"
            );
        }
        assert_eq!(done(root, &["diff"]), "");
        done(root, &["check"]);
    }
}

#[test]
fn a_conflict_that_the_policy_cannot_settle_is_an_error_and_loses_no_tag() {
    let toml = PROJECT.replace(
        "policy.semver.range = \"6.x\"",
        "policy.numerical.order = \"asc\"\nfilterTags = { pattern = '^[0-9.]*?(?P<n>[0-9]+)$', extract = \"$n\" }",
    );
    let folder = in_conflict(&toml, "6.7.0", "6.6.0");
    let root = folder.path();
    let conflicting = read(root, RELEASE);
    let output = fluxgen(root, &["build"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in [
        "error[unreadable-tree]",
        "`6.7.0` and `6.6.0`",
        "git checkout --ours",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(read(root, RELEASE), conflicting);
    git(root, &["checkout", "--ours", "clusters"]);
    done(root, &["build"]);
    assert!(read(root, RELEASE).contains("tag: \"6.7.0\""));
}

#[test]
fn a_file_of_marks_that_is_no_yaml_is_an_error_and_loses_no_tag() {
    let folder = project(PROJECT);
    let root = folder.path();
    done(root, &["build"]);
    let broken = read(root, RELEASE).replace("spec:", "spec: [");
    write(root, RELEASE, &broken);
    let output = fluxgen(root, &["build"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("error[unreadable-tree]")
            && said.contains(&format!("`{RELEASE}` cannot be read")),
        "{said}"
    );
    assert_eq!(read(root, RELEASE), broken);
}

const IMAGES: &str = r#"[images.podinfo]
image = "ghcr.io/stefanprodan/podinfo"
policy.semver.range = ">=1.0.0"
[imageUpdates.main]
git.commit.author.email = "fluxcdbot@users.noreply.github.com"
update.path = "./"
"#;

/// A project of one cluster with some resources beside its images.
fn small(resources: &str) -> tempfile::TempDir {
    project(&small_text(resources))
}

fn small_text(resources: &str) -> String {
    let head = &PROJECT[..PROJECT.find("[clusters.staging]").expect("there")];
    format!("{head}[clusters.prod]\n{IMAGES}{resources}")
}

/// A resource of a group without a schema, whose fields may be anything.
fn config_map(name: &str, data: &str) -> String {
    format!(
        "[manifests.\"{name}\"]\napiVersion = \"example.org/v1\"\nkind = \"ConfigMap\"\n{data}\n"
    )
}

fn marked(part: &str, initial: &str) -> String {
    format!("{{ imagePolicy = \"podinfo{part}\", initial = {initial} }}")
}

/// Rewrites a file of the tree.
fn edit(folder: &Path, path: &str, from: &str, to: &str) {
    let text = read(folder, path);
    let new = text.replace(from, to);
    assert_ne!(new, text, "{path} has no {from:?}");
    write(folder, path, &new);
}

#[test]
fn items_without_names_keep_their_values_in_any_order() {
    let tag = |initial: &str| marked(":tag", initial);
    let item = |host: &str, n: u8| {
        format!(
            "{{ host = \"{host}\", port = {n}, tag = {} }}",
            tag("\"1.0.0\"")
        )
    };
    let list = |items: &[String], args: &str| {
        config_map(
            "apps/a",
            &format!("list = [{}]\nargs = [{args}]", items.join(", ")),
        )
    };
    let other = "[images.other]\nimage = \"ghcr.io/acme/other\"\npolicy.semver.range = \"*\"\n";
    let image = |name: &str, owner: &str| {
        format!("{{ imagePolicy = \"{name}\", initial = \"ghcr.io/{owner}/{name}:1.0.0\" }}")
    };
    let (podinfo, acme) = (image("podinfo", "stefanprodan"), image("other", "acme"));
    let args = format!("\"-v\", {podinfo}, {acme}");
    let text = |items: &[String], args: &str| small_text(&(other.to_owned() + &list(items, args)));
    let folder = project(&text(&[item("a", 1), item("b", 1)], &args));
    let root = folder.path();
    done(root, &["build"]);
    let path = "clusters/prod/manifests/configmap-apps-a.yaml";
    edit(
        root,
        path,
        "port: 1\n  tag: \"1.0.0\"",
        "port: 1\n  tag: \"2.0.0\"",
    );
    edit(
        root,
        path,
        "host: b\n  port: 1\n  tag: \"2.0.0\"",
        "host: b\n  port: 1\n  tag: \"3.0.0\"",
    );
    edit(
        root,
        path,
        "ghcr.io/acme/other:1.0.0",
        "ghcr.io/acme/other:4.0.0",
    );
    edit(
        root,
        path,
        "stefanprodan/podinfo:1.0.0",
        "stefanprodan/podinfo:5.0.0",
    );
    assert_eq!(done(root, &["diff"]), "");
    // Another order and a new item before them.
    let args = format!("{acme}, \"-q\", {podinfo}");
    write(
        root,
        "fluxgen.toml",
        &text(&[item("c", 1), item("b", 1), item("a", 1)], &args),
    );
    done(root, &["build"]);
    let built = read(root, path);
    assert!(!built.contains("host: c\n  port: 1\n  tag: \"2"), "{built}");
    for lines in [
        "host: c\n  port: 1\n  tag: \"1.0.0\"",
        "host: b\n  port: 1\n  tag: \"3.0.0\"",
        "host: a\n  port: 1\n  tag: \"2.0.0\"",
        "- \"ghcr.io/acme/other:4.0.0\" # ",
        "- \"ghcr.io/stefanprodan/podinfo:5.0.0\" # ",
    ] {
        assert!(built.contains(lines), "{lines}: {built}");
    }
    // An item that is edited is the same item.
    let edited = text(&[item("c", 1), item("b", 1), item("a", 1)], &args);
    write(
        root,
        "fluxgen.toml",
        &edited.replace("\"b\", port = 1", "\"d\", port = 2"),
    );
    done(root, &["build"]);
    let built = read(root, path);
    assert!(
        built.contains("host: d\n  port: 2\n  tag: \"3.0.0\""),
        "{built}"
    );
}

#[test]
fn a_renamed_resource_keeps_the_tag_of_the_bot() {
    let data = format!("data.tag = {}", marked(":tag", "\"1.0.0\""));
    let (one, two) = (config_map("apps/one", &data), config_map("apps/two", &data));
    let folder = small(&(one.clone() + &two));
    let root = folder.path();
    done(root, &["build"]);
    edit(
        root,
        "clusters/prod/manifests/configmap-apps-one.yaml",
        "1.0.0",
        "1.1.0",
    );
    edit(
        root,
        "clusters/prod/manifests/configmap-apps-two.yaml",
        "1.0.0",
        "1.2.0",
    );
    let tag = |path: &str| {
        let text = read(
            root,
            &format!("clusters/prod/manifests/configmap-{path}.yaml"),
        );
        let at = text.find("tag: \"").expect("a tag") + 6;
        text[at..at + 5].to_owned()
    };
    // In another namespace, each under its own name.
    let moved = |text: &str| text.replace("apps/", "web/");
    write(
        root,
        "fluxgen.toml",
        &small_text(&moved(&(one.clone() + &two))),
    );
    done(root, &["build"]);
    assert_eq!(
        (tag("web-one"), tag("web-two")),
        ("1.1.0".into(), "1.2.0".into())
    );
    // One is gone, another has come.
    let renamed = config_map("web/three", &data);
    write(root, "fluxgen.toml", &small_text(&(moved(&one) + &renamed)));
    assert!(
        done(root, &["image", "status"]).contains("ConfigMap web/three data.tag  1.0.0    1.2.0")
    );
    done(root, &["build"]);
    assert_eq!(tag("web-three"), "1.2.0");
    // Which is which of two, `renamedFrom` says.
    let named =
        |name: &str, from: &str| config_map(name, &format!("renamedFrom = \"{from}\"\n{data}"));
    write(
        root,
        "fluxgen.toml",
        &small_text(&(named("web/a", "three") + &named("apps/b", "web/one"))),
    );
    done(root, &["build"]);
    assert_eq!(
        (tag("web-a"), tag("apps-b")),
        ("1.2.0".into(), "1.1.0".into())
    );
    // A new one beside is no rename.
    let new = config_map("apps/new", &data);
    let both = named("web/a", "three") + &named("apps/b", "web/one") + &new;
    write(root, "fluxgen.toml", &small_text(&both));
    done(root, &["build"]);
    assert_eq!(tag("apps-new"), "1.0.0");
}

#[test]
fn a_cluster_keeps_its_tags_when_its_folder_is_renamed_with_it() {
    let folder = project(PROJECT);
    let root = folder.path();
    done(root, &["build"]);
    git(root, &["init", "-q"]);
    git(root, &["add", "-A"]);
    bot(root, "clusters", "6.6.1");
    git(root, &["mv", "clusters/prod", "clusters/live"]);
    write(
        root,
        "fluxgen.toml",
        &PROJECT.replace("clusters.prod", "clusters.live"),
    );
    done(root, &["build"]);
    let text = read(root, "clusters/live/helm-releases/web-podinfo.yaml");
    assert!(text.contains("6.6.1") && !text.contains("6.5.0"), "{text}");
}

#[test]
fn a_field_that_is_marked_later_keeps_what_stands_in_the_tree() {
    let plain = config_map("apps/a", "data.tag = \"1.0.0\"\ndata.port = 80");
    let folder = small(&plain);
    let root = folder.path();
    done(root, &["build"]);
    let marked = plain
        .replace("\"1.0.0\"", &marked(":tag", "\"2.0.0\""))
        .replace("80", &marked(":tag", "\"2.0.0\""));
    write(root, "fluxgen.toml", &small_text(&marked));
    done(root, &["build"]);
    let text = read(root, "clusters/prod/manifests/configmap-apps-a.yaml");
    assert!(
        text.contains("tag: \"1.0.0\" # {") && text.contains("port: \"80\" # {"),
        "{text}"
    );
}

#[test]
fn a_tag_is_the_text_that_stands_in_the_tree_and_no_number() {
    let tag = marked(":tag", "\"1.0.0\"");
    let folder = small(&config_map(
        "apps/a",
        &format!("data.tag = {tag}\nlist = [{tag}]"),
    ));
    let root = folder.path();
    let path = "clusters/prod/manifests/configmap-apps-a.yaml";
    done(root, &["build"]);
    let built = read(root, path);
    // By hand and without quotes.
    for bare in ["1.10", "1e3", "0123", "yes", "5", "true"] {
        write(root, path, &built.replace("\"1.0.0\"", bare));
        done(root, &["build"]);
        let quoted = format!("\"{bare}\"");
        assert_eq!(read(root, path), built.replace("\"1.0.0\"", &quoted));
    }
    write(root, path, &built.replace("\"1.0.0\"", "\"6.10\""));
    assert_eq!(done(root, &["diff"]), "");
}

#[test]
fn a_number_is_not_marked_for_the_setter_would_keep_its_type() {
    for initial in ["5", "6.10", "true"] {
        let folder = small(&config_map(
            "apps/a",
            &format!("data.tag = {}", marked(":tag", initial)),
        ));
        let output = fluxgen(folder.path(), &["build"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("`initial` must be a string") && said.contains("fluxgen.toml:"),
            "{said}"
        );
    }
    // In a file of one's own it is the text that stands there.
    let release = "[sources.helm.a]\nurl = \"https://a.example\"\n[helmReleases.a]\nchart.spec = { chart = \"a\", source = \"helm.a\" }\nvalues = { file = \"a.yaml\" }\n";
    let folder = small(release);
    let root = folder.path();
    let mark = "# {\"$imagepolicy\": \"flux-system:podinfo:tag\"}";
    write(root, "a.yaml", &format!("tag: 6.10 {mark}\n"));
    done(root, &["build"]);
    let text = read(root, "clusters/prod/helm-releases/flux-system-a.yaml");
    assert!(text.contains(&format!("tag: \"6.10\" {mark}")), "{text}");
    let Some(setter) = setter() else { return };
    // Why: what kyaml makes of a number cannot be read.
    write(
        root,
        "other/b.yaml",
        &format!("kind: A\nmetadata: {{name: a}}\ntag: 6.10 {mark}\n"),
    );
    set_with_kyaml(setter, &root.join("other"), "1.2.0");
    assert!(read(root, "other/b.yaml").contains("!!float 1.2.0"));
}

#[test]
fn line_ends_of_windows_lose_no_tag() {
    let folder = project(PROJECT);
    let root = folder.path();
    done(root, &["build"]);
    bot(root, "clusters", "6.6.1");
    let text = read(root, RELEASE);
    write(root, RELEASE, &text.replace('\n', "\r\n"));
    done(root, &["build"]);
    assert_eq!(read(root, RELEASE), text);
}

#[test]
fn a_misspelled_initial_is_an_error_and_a_charts_own_value_is_none() {
    let release = |values: &str| {
        format!(
            "[sources.helm.a]\nurl = \"https://a.example\"\n[helmReleases.a]\nchart.spec = {{ chart = \"a\", source = \"helm.a\" }}\n{values}\n"
        )
    };
    let folder = small(&release(
        "values.tag = { imagePolicy = \"podinfo:tag\", inital = \"1.0.0\" }",
    ));
    let output = fluxgen(folder.path(), &["build"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("unknown key `inital` beside `imagePolicy`")
            && said.contains("did you mean `initial`?"),
        "{said}"
    );
    let folder = small(&release(
        "values.kyverno = { imagePolicy = \"audit\", enabled = true }",
    ));
    done(folder.path(), &["build"]);
    let text = read(
        folder.path(),
        "clusters/prod/helm-releases/flux-system-a.yaml",
    );
    assert!(text.contains("imagePolicy: audit\n"), "{text}");
}

#[test]
fn labels_and_annotations_can_be_marked_too() {
    let mark = marked(":tag", "\"1.0.0\"");
    let set = "[sets.service]\ninputs = [{ name = \"cart\" }]\n[sets.service.images.\"${{ inputs.name }}\"]\nimage = \"ghcr.io/acme/${{ inputs.name }}\"\npolicy.semver.range = \"1.x\"\n[sets.service.kustomizations.\"${{ inputs.name }}\"]\npath = \"./a\"\npostBuild.substitute.TAG = { imagePolicy = \"${{ inputs.name }}:tag\", initial = \"1.0.0\" }\n";
    let folder = small(&format!(
        "{set}labels.\"app.kubernetes.io/version\" = {mark}\nannotations.a = {mark}\n"
    ));
    let root = folder.path();
    done(root, &["build"]);
    let path = "clusters/prod/kustomizations/cart.yaml";
    let text = read(root, path);
    for line in [
        "app.kubernetes.io/version: \"1.0.0\" # {\"$imagepolicy\": \"flux-system:podinfo:tag\"}",
        "a: \"1.0.0\" # {\"$imagepolicy\": \"flux-system:podinfo:tag\"}",
        "TAG: \"1.0.0\" # {\"$imagepolicy\": \"flux-system:cart:tag\"}",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    edit(root, path, "1.0.0", "1.2.0");
    assert_eq!(done(root, &["diff"]), "");
}

#[test]
fn a_mark_that_names_no_policy_is_an_error_at_its_place() {
    for (mark, words) in [
        (
            "{ imagePolicy = 5, initial = \"1\" }",
            "`imagePolicy` must be a string",
        ),
        (
            "{ imagePolicy = \"\", initial = \"1\" }",
            "`` names no policy",
        ),
        (
            "{ imagePolicy = \"a/b/c\", initial = \"1\" }",
            "`a/b/c` names no policy",
        ),
        (
            "{ imagePolicy = \"a:name:tag\", initial = \"1\" }",
            "`name:tag` is no part of an image",
        ),
        (
            "{ imagePolicy = \"podinfo\" }",
            "a marked value needs `initial`",
        ),
        (
            "{ imagePolicy = \"podinfo\", initial = [\"1\"] }",
            "`initial` must be a scalar",
        ),
    ] {
        let folder = small(&config_map("apps/a", &format!("data.a = {mark}")));
        let output = fluxgen(folder.path(), &["build"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{mark}: {said}");
        assert!(
            said.contains(words) && said.contains("fluxgen.toml:"),
            "{words}: {said}"
        );
    }
}

#[test]
fn a_value_that_is_kept_though_the_policy_cannot_have_picked_it_is_told_by_build() {
    let folder = project(PROJECT);
    let root = folder.path();
    done(root, &["build"]);
    bot(root, "clusters/prod", "7.1.0");
    let output = fluxgen(root, &["build"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for words in [
        "warning[image-tag-not-of-policy]",
        "`7.1.0`",
        RELEASE,
        "fluxgen.toml:",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

const SET: &str = r#"[sets.service]
inputs = [{ name = "cart" }, { name = "pay" }]
[sets.service.manifests."apps/${{ inputs.name }}"]
apiVersion = "v1"
kind = "ConfigMap"
data.tag = { imagePolicy = "podinfo:tag", initial = "1.0.0" }
"#;

#[test]
fn a_sets_resources_of_different_values_are_not_adopted_into_one_initial() {
    let folder = small(SET);
    let root = folder.path();
    done(root, &["build"]);
    edit(
        root,
        "clusters/prod/manifests/configmap-apps-cart.yaml",
        "1.0.0",
        "1.1.0",
    );
    let output = fluxgen(root, &["image", "adopt"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let words = "`1.1.0` in ConfigMap apps/cart of prod and `1.0.0` in ConfigMap apps/pay of prod; give each its own";
    assert!(said.contains(words), "{said}");
    assert_eq!(read(root, "fluxgen.toml"), small_text(SET));
    edit(
        root,
        "clusters/prod/manifests/configmap-apps-pay.yaml",
        "1.0.0",
        "1.1.0",
    );
    assert!(done(root, &["image", "adopt"]).contains("from 1.0.0 to 1.1.0"));
    assert_eq!(
        read(root, "fluxgen.toml"),
        small_text(&SET.replace("\"1.0.0\"", "\"1.1.0\""))
    );
    // Each its own: the input that the expression is.
    let own = SET
        .replace("\"cart\"", "\"cart\", tag = \"1.1.0\"")
        .replace("\"pay\"", "\"pay\", tag = '1.1.0'")
        .replace("initial = \"1.0.0\"", "initial = \"${{ inputs.tag }}\"");
    write(root, "fluxgen.toml", &small_text(&own));
    assert_eq!(done(root, &["diff"]), "");
    edit(
        root,
        "clusters/prod/manifests/configmap-apps-pay.yaml",
        "1.1.0",
        "1.2.0",
    );
    let said = done(root, &["image", "adopt", "podinfo"]);
    assert!(said.starts_with("fluxgen.toml:"), "{said}");
    assert_eq!(
        read(root, "fluxgen.toml"),
        small_text(&own.replace("'1.1.0'", "\"1.2.0\""))
    );
    assert_eq!(done(root, &["diff"]), "");
}

#[test]
fn an_initial_that_is_a_variable_is_adopted_where_the_variable_stands() {
    let toml = config_map(
        "one",
        "data.tag = { imagePolicy = \"podinfo:tag\", initial = \"${{ vars.tag }}\" }",
    ) + &config_map(
        "two",
        "data.tag = { imagePolicy = \"podinfo:tag\", initial = \"${{ vars.tag }}\" }",
    ) + "[vars]\ntag = '1.0.0'   # of podinfo\n";
    let folder = small(&toml);
    let root = folder.path();
    done(root, &["build"]);
    let set = |name: &str, from: &str, to: &str| {
        let path = format!("clusters/prod/manifests/configmap-{name}.yaml");
        let path = match std::fs::exists(root.join(&path)).expect("readable") {
            true => path,
            false => format!("clusters/prod/manifests/configmap-flux-system-{name}.yaml"),
        };
        edit(root, &path, from, to);
    };
    // Not all that use it agree.
    set("one", "1.0.0", "1.1.0");
    let output = fluxgen(root, &["image", "adopt"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("`1.1.0` in ConfigMap flux-system/one"),
        "{said}"
    );
    set("two", "1.0.0", "1.1.0");
    done(root, &["image", "adopt"]);
    let adopted = toml.replace("'1.0.0'", "\"1.1.0\"");
    assert_eq!(read(root, "fluxgen.toml"), small_text(&adopted));
    assert!(done(root, &["image", "adopt"]).contains("every `initial` is"));
    // What else uses it would change with it.
    let other = adopted.replace(
        "[vars]",
        "[kustomizations.a]\npath = \"./a-${{ vars.tag }}\"\n[vars]",
    );
    write(root, "fluxgen.toml", &small_text(&other));
    done(root, &["build"]);
    set("one", "1.1.0", "1.2.0");
    set("two", "1.1.0", "1.2.0");
    let output = fluxgen(root, &["image", "adopt"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let line = |text: &str, part: &str| {
        let at = small_text(text)
            .lines()
            .position(|line| line.contains(part));
        format!("fluxgen.toml:{}", at.expect("a line") + 1)
    };
    let words = format!(
        "`vars.tag` is used at {}, too; set it by hand, to `1.2.0`",
        line(&other, "./a-")
    );
    assert!(said.contains(&words), "{said}");
    assert!(
        said.contains(&format!("{}:", line(&other, "# of podinfo"))),
        "{said}"
    );
    assert_eq!(read(root, "fluxgen.toml"), small_text(&other));
    // Nor is what is computed set.
    let computed = adopted.replace("${{ vars.tag }}", "${{ vars.tag | trim }}");
    write(root, "fluxgen.toml", &small_text(&computed));
    let output = fluxgen(root, &["image", "adopt"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let words = format!(
        "set by hand at {} what it stands for, `1.2.0`",
        line(&computed, "# of podinfo")
    );
    assert!(said.contains(&words), "{said}");
}

#[test]
fn a_value_that_is_marked_in_an_included_file_is_adopted_there() {
    let release = |name: &str, file: &str| {
        format!(
            "[helmReleases.{name}]\nchart.spec = {{ chart = \"a\", source = \"helm.a\" }}\nvalues = {{ file = \"{file}\" }}\n"
        )
    };
    let toml = "[sources.helm.a]\nurl = \"https://a.example\"\n".to_owned()
        + &release("a", "values/a.yaml")
        + &release("b", "values/b.toml");
    let folder = small(&toml);
    let root = folder.path();
    let tag = "{\"$imagepolicy\": \"flux-system:podinfo:tag\"}";
    let yaml = format!(
        "# mine\nimage:   {{x: 1}}\ntag:  '1.0.0'   # {tag}\nbare: 1.0.0 # {tag}\nlist:\n    - \"1.0.0\" #{tag}\n"
    );
    let values = "# mine\n[image]\ntag   = { imagePolicy = \"podinfo:tag\",   initial = '1.0.0' } # the bot's\n";
    write(root, "values/a.yaml", &yaml);
    write(root, "values/b.toml", values);
    done(root, &["build"]);
    for name in ["a", "b"] {
        let path = format!("clusters/prod/helm-releases/flux-system-{name}.yaml");
        edit(root, &path, "1.0.0", "1.10");
    }
    assert_eq!(done(root, &["diff"]), "");
    let said = done(root, &["image", "adopt"]);
    assert!(
        said.contains("values/b.toml:3:") && said.contains("values/a.yaml:3:"),
        "{said}"
    );
    assert_eq!(read(root, "fluxgen.toml"), small_text(&toml));
    let expected = yaml
        .replace("bare: 1.0.0", "bare: \"1.10\"")
        .replace("1.0.0", "1.10");
    assert_eq!(read(root, "values/a.yaml"), expected);
    assert_eq!(
        read(root, "values/b.toml"),
        values.replace("'1.0.0'", "\"1.10\"")
    );
    assert!(done(root, &["image", "adopt"]).contains("every `initial` is"));
    assert_eq!(done(root, &["diff"]), "");
}

#[test]
fn the_quickstart_walks_the_story_of_the_readme() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    for entry in walkdir::WalkDir::new(&example) {
        let entry = entry.expect("an entry");
        let path = entry.path().strip_prefix(&example).expect("below");
        if entry.file_type().is_file() {
            let text = std::fs::read_to_string(entry.path()).expect("a text");
            write(root, path.to_str().expect("UTF-8"), &text);
        }
    }
    let toml = read(root, "fluxgen.toml");
    assert_eq!(done(root, &["diff"]), "");
    assert!(done(root, &["image", "test"]).contains("expected: 6.5.0\n"));
    assert_eq!(bot(root, "clusters", "6.6.1").len(), 1);
    assert_eq!(done(root, &["diff"]), "");
    write(
        root,
        "fluxgen.toml",
        &toml.replace("version = \"6.x\"", "version = \">=6.0.0\""),
    );
    done(root, &["build"]);
    let path = "clusters/staging/helm-releases/web-podinfo.yaml";
    let built = read(root, path);
    assert!(
        built.contains("\"6.6.1\"") && built.contains("\">=6.0.0\""),
        "{built}"
    );
    write(root, "fluxgen.toml", &toml);
    done(root, &["build"]);
    assert!(done(root, &["image", "status"]).contains("6.5.0    6.6.1"));
    done(root, &["image", "adopt"]);
    let initial = "initial = \"6.5.0\"";
    assert_eq!(
        read(root, "fluxgen.toml"),
        toml.replace(initial, "initial = \"6.6.1\"")
    );
    write(root, "fluxgen.toml", &toml);
    done(root, &["image", "reset", "podinfo"]);
    assert_eq!(read(root, path), read(&example, path));
}

/// kyaml's setters, built once; none where there is no Go, or no way to its modules.
fn setter() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("setter");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/setter");
        let go = Command::new("go")
            .current_dir(source)
            .args(["build", "-mod=readonly", "-buildvcs=false", "-o"])
            .arg(&program)
            .arg(".")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut go) = go else {
            eprintln!("skipped: there is no go to build tests/setter with");
            return None;
        };
        let started = Instant::now();
        loop {
            match go.try_wait() {
                Ok(Some(status)) if status.success() => return Some(program),
                Ok(Some(_)) | Err(_) => break,
                Ok(None) if started.elapsed() > Duration::from_secs(300) => {
                    go.kill().ok();
                    go.wait().ok();
                    break;
                }
                Ok(None) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
        eprintln!(
            "skipped: go cannot build tests/setter; it needs the module sigs.k8s.io/kustomize/kyaml"
        );
        None
    });
    built.as_deref()
}

/// Sets a tag of podinfo below a folder as the controller does, and gives the files that it wrote.
fn set_with_kyaml(setter: &Path, folder: &Path, tag: &str) -> Vec<String> {
    let output = Command::new(setter)
        .arg(folder)
        .arg(format!(
            "flux-system:podinfo=ghcr.io/stefanprodan/podinfo:{tag}"
        ))
        .output()
        .expect("the setter runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    let mut files: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect();
    files.sort();
    files
}

#[test]
fn our_replay_of_the_setter_is_what_kyaml_writes() {
    let Some(setter) = setter() else { return };
    let folders = [project(PROJECT), project(PROJECT)];
    let [ours, kyaml] = [folders[0].path(), folders[1].path()];
    for folder in [ours, kyaml] {
        done(folder, &["build"]);
    }
    for tag in ["6.6.1", "6.10", "6.7.0-rc.1"] {
        let written = bot(ours, "clusters", tag).len();
        assert_eq!(
            set_with_kyaml(setter, &kyaml.join("clusters"), tag).len(),
            written
        );
        for path in [RELEASE, "clusters/staging/kustomizations/apps.yaml"] {
            assert_eq!(read(ours, path), read(kyaml, path), "{tag}");
        }
    }
}

/// Values that readers and writers of YAML treat in many ways, beside marked ones.
fn odd_values() -> String {
    let tag = |initial: &str| marked(":tag", initial);
    let data = [
        format!("data.\"a.b/c\" = {}", tag("\"1.0.0\"")),
        format!("data.\"yes\" = {}", tag("\"1.0.0\"")),
        format!("data.\"quoted \\\" key: #\" = {}", tag("\"1.0.0\"")),
        format!("data.number = {}", tag("\"7\"")),
        format!("data.date = {}", tag("\"2024-01-31\"")),
        format!("data.hash = {}", tag("\"a # b: {x}, [y] 'z' \\\\\"")),
        format!("data.image = {}", marked("", "\"ghcr.io/stefanprodan/podinfo:1.0.0\"")),
        format!("data.name = {}", marked(":name", "\"ghcr.io/stefanprodan/podinfo\"")),
        format!("data.long = {}", tag(&format!("\"{}\"", "long ".repeat(100)))),
        format!("data.list = [\"x\", {}, [{}], {{ a = [{}] }}]", tag("\"1\""), tag("\"1\""), tag("\"1\"")),
        "data.emoji = \"🙂 and ä\"".to_owned(),
        "data.controls = \"\\u0007 \\u0085 \\u007f \\u2028 \\ufeff \\t|\"".to_owned(),
        "data.words = [\"yes\", \"1_000\", \"0777\", \"12:30\", \"1e3\", \"~\", \"\", \" \", \"a: b\", \"- a\", \"#\", \"=\", \"<<\", \"2001-01-01\"]".to_owned(),
        "data.numbers = [1, -1, 1.5, 1e30, 0.1, true]".to_owned(),
        "data.empty = [[], {}]".to_owned(),
        "data.script = \"#!/bin/sh\\n# a comment\\necho 🙂\\n\\n\\n  indented\\n---\\n\"".to_owned(),
        "data.block = \"a\\n\\n  b # c\\n\"".to_owned(),
        "data.strip = \"a\\nb\"".to_owned(),
        "data.keep = \"a\\n\\n\"".to_owned(),
        "data.indented = \"  a\\nb\\n\"".to_owned(),
        "data.trailing = \"a \\nb\\n\"".to_owned(),
        format!("data.folded = \"{}\"", "word ".repeat(60)),
    ];
    config_map(
        "apps/odd",
        &format!(
            "metadata.annotations = {{}}\nmetadata.labels = {{}}\n{}",
            data.join("\n")
        ),
    ) + &config_map("apps/second", &format!("data.tag = {}", tag("\"1.0.0\"")))
}

#[test]
fn whatever_kyaml_writes_is_no_difference() {
    let Some(setter) = setter() else { return };
    for layout in [
        "",
        "[layout]\npath = \"all.yaml\"\nheader = \"owner: team # a\"\n",
    ] {
        let folder = small(&(odd_values() + layout));
        let root = folder.path();
        done(root, &["build"]);
        git(root, &["init", "-q"]);
        git(root, &["add", "-A"]);
        git(root, &["commit", "-qm", "start"]);
        for tag in ["1.10", "2.0.0", "20240131", "3.0.0-rc.1"] {
            assert!(!set_with_kyaml(setter, root, tag).is_empty());
            git(root, &["commit", "-qam", "bot"]);
            assert_eq!(done(root, &["diff"]), "");
            done(root, &["build"]);
            git(root, &["diff", "--exit-code"]);
            let status = done(root, &["image", "status", "--format", "json"]);
            let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
            for value in status["marked"].as_array().expect("a list") {
                let current = value["current"].as_str().expect("a text");
                let is_name = value["marker"] == "flux-system:podinfo:name";
                assert!(is_name || current.ends_with(tag), "{value}");
            }
        }
        // A change beside the marks, over the file that kyaml wrote.
        let text = read(root, "fluxgen.toml").replace("data.empty = ", "data.new = ");
        write(root, "fluxgen.toml", &text);
        done(root, &["build"]);
        assert!(set_with_kyaml(setter, root, "3.0.0-rc.1").is_empty());
        let output = fluxgen(root, &["check"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("image-marker"), "{said}");
    }
}

#[test]
fn what_marks_nothing_for_kyaml_marks_nothing_for_us() {
    let Some(setter) = setter() else { return };
    let mark = "# {\"$imagepolicy\": \"flux-system:podinfo:tag\"}";
    for line in [
        "a: 1.0.0",
        "a: '1.0.0'",
        "a: \"1.0.0\"",
        "\"a: b\": 1.0.0",
        "a: &x 1.0.0",
        "a: !!str 1.0",
        "a: {tag: 1.0.0}",
        "a: [1.0.0]",
        "a: 1.0.0 # pinned",
        "a:",
        "a: |\n  text\n  tag: 1.0.0",
        "b: x\n# a: 1.0.0",
        "a:\n- 1.0.0",
        "a:\n- b: 1.0.0",
        "a: [\n  \"1.0.0\",",
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let end = if line.contains("[\n") { "  b\n]\n" } else { "" };
        let text =
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n{line} {mark}\n{end}");
        write(folder.path(), "a.yaml", &text);
        let sets = !set_with_kyaml(setter, folder.path(), "2.0.0").is_empty();
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", text.as_str());
        let documents = marker::read_all(&text, file).expect("YAML");
        assert_eq!(marks(&documents[0]).len(), usize::from(sets), "{line}");
    }
}
