//! `fluxgen image test` and the policies that `check` judges: the stories that people told.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn fluxgen(folder: &Path, args: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fluxgen"))
        .arg("-C")
        .arg(folder)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut input = child.stdin.take().expect("stdin");
    input.write_all(stdin.as_bytes()).ok();
    drop(input);
    child.wait_with_output().expect("it ends")
}

fn project(image: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        r#"[repo]
url = "ssh://git@github.com/acme/fleet"
[flux]
version = "2.9.4"
componentsExtra = ["image-reflector-controller", "image-automation-controller"]
[clusters.staging]
[images.app]
image = "ghcr.io/acme/app"
{image}
"#
    );
    std::fs::write(folder.path().join("fluxgen.toml"), text).expect("written");
    folder
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `check`, and what it says.
fn check(image: &str) -> (Option<i32>, String) {
    let output = fluxgen(project(image).path(), &["check"], "");
    (output.status.code(), errors(&output))
}

#[test]
fn each_tag_is_told_its_place_and_why_it_loses() {
    let folder = project(
        "policy.semver.range = \"6.x\"\ntags = [\"6.4.0\", \"6.5.0\", \"7.0.0-rc.1\"]\nexpect = \"6.5.0\"",
    );
    let output = fluxgen(folder.path(), &["image", "test"], "");
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_eq!(
        out(&output),
        "\
flux-system/app in staging: semver 6.x
PLACE  TAG         EXTRACTED   KEY         RESULT
1      6.5.0       6.5.0       6.5.0       latest
2      6.4.0       6.4.0       6.4.0       behind 6.5.0
-      7.0.0-rc.1  7.0.0-rc.1  7.0.0-rc.1  outside the range

latest: 6.5.0
expected: 6.5.0
"
    );
}

#[test]
fn tags_come_from_arguments_a_file_stdin_or_a_registrys_json() {
    let folder = project("policy.semver.range = \"*\"");
    std::fs::write(folder.path().join("tags.txt"), "1.0.0\n1.2.0\n").expect("written");
    let json = r#"{"name": "acme/app", "tags": ["1.0.0", "1.2.0"]}"#;
    for (tags, stdin) in [
        (&["1.0.0", "1.2.0"][..], ""),
        (&["tags.txt"], ""),
        (&["-"], "1.2.0\n1.0.0\n"),
        (&["-"], json),
    ] {
        let args: Vec<&str> = ["image", "test", "app", "--tags"]
            .iter()
            .chain(tags)
            .copied()
            .collect();
        let output = fluxgen(folder.path(), &args, stdin);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        assert!(out(&output).contains("latest: 1.2.0\n"), "{}", out(&output));
    }
    for (args, message) in [
        (&["image", "test", "app"][..], "has no `tags` of its own"),
        (&["image", "test"], "no policy has `tags`"),
        (&["image", "test", "ap"], "did you mean `app`?"),
        (
            &["image", "test", "app", "--tags", "no/file"],
            "there is no file `no/file`",
        ),
    ] {
        let output = fluxgen(folder.path(), args, "");
        assert_eq!(output.status.code(), Some(2));
        assert!(errors(&output).contains(message), "{}", errors(&output));
    }
}

#[test]
fn the_json_holds_policy_clusters_verdicts_and_findings() {
    let folder = project("policy.numerical.order = \"desc\"\ntags = [\"1\", \"2\"]");
    let output = fluxgen(
        folder.path(),
        &["image", "test", "flux-system/app", "--format", "json"],
        "",
    );
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let policy = &json["policies"][0];
    assert_eq!(policy["policy"], "numerical desc");
    assert_eq!(policy["clusters"], serde_json::json!(["staging"]));
    assert_eq!(
        (&policy["outcome"], &policy["latest"]),
        (&"latest".into(), &"1".into())
    );
    assert_eq!(policy["tags"][1]["reason"], "behind");
    let codes: Vec<_> = policy["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|found| &found["code"])
        .collect();
    assert!(codes.contains(&&"oldest-tag-selected".into()), "{codes:?}");
}

#[test]
fn desc_that_picks_the_oldest_image_is_warned_about() {
    let image = "policy.numerical.order = \"desc\"\n\
        filterTags = { pattern = '^main-[a-f0-9]+-(?P<ts>[0-9]+)$', extract = \"$ts\" }\n\
        tags = [\"main-a1b2c3d-100\", \"main-0000001-300\"]";
    let (code, said) = check(image);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("warning[oldest-tag-selected]") && said.contains("fluxgen.toml:"),
        "{said}"
    );
}

#[test]
fn a_fourth_january_that_wins_over_a_twenty_second_is_warned_about() {
    let (_, said) =
        check("policy.alphabetical.order = \"desc\"\ntags = [\"2023-01-04\", \"2023-01-22\"]");
    assert!(said.contains("warning[oldest-tag-selected]"), "{said}");
    let (_, said) =
        check("policy.alphabetical.order = \"asc\"\ntags = [\"build-9\", \"build-10\"]");
    assert!(
        said.contains("warning[alphabetical-order-over-numbers]"),
        "{said}"
    );
}

#[test]
fn a_numerical_policy_over_commit_hashes_is_warned_about_and_fails_its_test() {
    let policy = "policy.numerical.order = \"asc\"\n\
        filterTags = { pattern = '^sha-(?P<h>[a-f0-9]+)$', extract = \"$h\" }";
    let (_, said) = check(policy);
    assert!(
        said.contains("warning[numerical-order-over-text]"),
        "{said}"
    );
    let (code, said) = check(&format!(
        "{policy}\ntags = [\"sha-12\", \"sha-beef\"]\nexpect = \"sha-12\""
    ));
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("failed to parse invalid numeric value 'beef'"),
        "{said}"
    );
}

#[test]
fn a_policy_that_flaps_between_equal_keys_is_told_to_be_unstable() {
    let image = "policy.numerical.order = \"asc\"\n\
        filterTags = { pattern = '^[a-z]+-(?P<ts>[0-9]+)$', extract = \"$ts\" }\n\
        tags = [\"main-5\", \"dev-5\", \"main-4\"]";
    let (_, said) = check(image);
    assert!(said.contains("warning[unstable-policy]"), "{said}");
    let folder = project(image);
    let output = fluxgen(folder.path(), &["image", "test", "app"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        out(&output).contains("unstable: any of main-5, dev-5"),
        "{}",
        out(&output)
    );
}

#[test]
fn a_wider_range_that_picks_an_old_calendar_version_is_warned_about() {
    let tags = "tags = [\"6.4.0\", \"6.5.0\", \"2017.3.14\"]";
    let (_, said) = check(&format!("policy.semver.range = \">=6.0.0\"\n{tags}"));
    assert!(
        said.contains("warning[calendar-version-selected]"),
        "{said}"
    );
    let (_, said) = check(&format!("policy.semver.range = \"6.x\"\n{tags}"));
    assert!(!said.contains("calendar-version-selected"), "{said}");
}

#[test]
fn every_lint_is_found_by_check_and_has_a_page() {
    let filter = |pattern: &str, extract: &str| {
        format!("filterTags = {{ pattern = '{pattern}', extract = \"{extract}\" }}")
    };
    for (code, image) in [
        (
            "unanchored-filter",
            format!(
                "policy.numerical.order = \"asc\"\n{}",
                filter("main-(?P<ts>[0-9]+)", "$ts")
            ),
        ),
        (
            "ignored-prereleases",
            format!(
                "policy.semver.range = \">=1.0.0\"\n{}",
                "filterTags.pattern = '^.*-rc.*$'"
            ),
        ),
        (
            "numerical-order-without-extract",
            "policy.numerical.order = \"asc\"\nfilterTags.pattern = '^main-[0-9]+$'".to_owned(),
        ),
        (
            "policy-selects-no-tag",
            "policy.semver.range = \"7.x\"\ntags = [\"6.0.0\"]".to_owned(),
        ),
        (
            "unknown-filter-group",
            format!(
                "policy.numerical.order = \"asc\"\n{}",
                filter("^main-(?P<ts>[0-9]+)$", "$tx")
            ),
        ),
    ] {
        let (_, said) = check(&image);
        assert!(said.contains(&format!("warning[{code}]")), "{code}: {said}");
        let folder = project(&image);
        let page = fluxgen(folder.path(), &["explain", code], "");
        assert!(
            out(&page).starts_with(&format!("{code}: ")),
            "{}",
            out(&page)
        );
        assert!(out(&page).contains("https://fluxcd.io/"), "{}", out(&page));
    }
}
