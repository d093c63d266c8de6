//! Golden folders: what a user would write, and what he gets of it through the real program.
//!
//! A case is a folder of `tests/golden` with a `fluxgen.toml` and what belongs to it. `fluxgen build`
//! has to make the tree in `expected`, or to say what stands in `stderr` and to write nothing.
//! `FLUXGEN_UPDATE_GOLDEN=1 cargo test --test golden` writes both anew: read every message then.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fluxgen::schema::{FluxMinor, Registry, SchemaNode};
use serde::Deserialize;
use serde_yaml::Value;
use similar::TextDiff;
use walkdir::WalkDir;

/// What a case holds beside its input.
const EXPECTED: &str = "expected";
const STDERR: &str = "stderr";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The cases by name.
fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = fs::read_dir(folder())
        .expect("tests/golden")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.join("fluxgen.toml").is_file())
        .collect();
    cases.sort();
    cases
}

/// The files below a folder, by their path with `/`.
fn files(root: &Path) -> BTreeMap<String, String> {
    WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(root).expect("below its root");
            let text = fs::read_to_string(entry.path()).expect("text");
            (path.to_string_lossy().replace('\\', "/"), text)
        })
        .collect()
}

/// What `fluxgen build` makes of a case: messages, and the files that the case did not have.
fn build(case: &Path) -> (String, BTreeMap<String, String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut given = files(case);
    given.retain(|path, _| path != STDERR && !path.starts_with("expected/"));
    for (path, text) in &given {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_fluxgen"))
        .arg("-C")
        .arg(folder.path())
        .args(["build", "--offline"])
        .env("NO_COLOR", "1")
        .output()
        .expect("the program runs");
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    let mut made = files(folder.path());
    for (path, text) in &given {
        assert_eq!(
            made.remove(path).as_ref(),
            Some(text),
            "{path} stays as it was"
        );
    }
    let is_refused = stderr.lines().any(|line| line.starts_with("error"));
    assert_eq!(
        output.status.code(),
        Some(i32::from(is_refused)),
        "{}: {stderr}",
        case.display()
    );
    (stderr, made)
}

/// Compares, or writes anew; the difference, where there is one.
fn compare(path: &Path, expected: Option<&String>, found: Option<&String>) -> Option<String> {
    if expected == found {
        return None;
    }
    if std::env::var_os("FLUXGEN_UPDATE_GOLDEN").is_some() {
        match found {
            Some(text) => {
                fs::create_dir_all(path.parent().expect("a parent")).expect("made");
                fs::write(path, text).expect("written");
            }
            None => fs::remove_file(path).expect("removed"),
        }
        return None;
    }
    let nothing = String::new();
    let (old, new) = (expected.unwrap_or(&nothing), found.unwrap_or(&nothing));
    let diff = TextDiff::from_lines(old.as_str(), new.as_str());
    let name = path.display().to_string();
    Some(diff.unified_diff().header(&name, "found").to_string())
}

#[test]
fn every_case_gives_what_its_folder_says() {
    let mut differences = Vec::new();
    for case in cases() {
        let (stderr, made) = build(&case);
        let expected = files(&case.join(EXPECTED));
        let said = fs::read_to_string(case.join(STDERR)).ok();
        let found = Some(&stderr).filter(|stderr| !stderr.is_empty());
        differences.extend(compare(&case.join(STDERR), said.as_ref(), found));
        if stderr.lines().any(|line| line.starts_with("error")) {
            assert!(made.is_empty(), "{}: {:?}", case.display(), made.keys());
        }
        let paths: BTreeSet<&String> = expected.keys().chain(made.keys()).collect();
        for path in paths {
            let place = case.join(EXPECTED).join(path);
            differences.extend(compare(&place, expected.get(path), made.get(path)));
        }
    }
    assert!(
        differences.is_empty(),
        "{}\nFLUXGEN_UPDATE_GOLDEN=1 takes what was found",
        differences.join("\n")
    );
}

#[test]
fn every_kind_has_a_case_in_each_flux_version_that_has_it() {
    let mut made: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for case in cases() {
        for (path, text) in files(&case.join(EXPECTED)) {
            let cluster = path.split('/').nth(1).unwrap_or_default().to_owned();
            for line in text.lines().filter_map(|line| line.strip_prefix("kind: ")) {
                made.entry(line.to_owned())
                    .or_default()
                    .push(cluster.clone());
            }
        }
    }
    for kind in Registry::get().kinds() {
        for minor in FluxMinor::ALL {
            let cluster = format!("flux-{}", minor.to_string().replace('.', "-"));
            let is_there = made
                .get(&kind.kind)
                .is_some_and(|clusters| clusters.contains(&cluster));
            assert_eq!(is_there, kind.is_in(minor), "{} in {cluster}", kind.kind);
        }
    }
}

/// Paths of fields below a schema, with `[]` for items.
fn fields(node: &SchemaNode, path: &str, found: &mut BTreeSet<String>) {
    for (key, child) in &node.properties {
        let path = format!("{path}.{key}");
        let items = child.items.as_deref().unwrap_or(child);
        fields(items, &path, found);
        found.insert(path);
    }
}

fn written(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Mapping(entries) => {
            for (key, value) in entries {
                let path = format!("{path}.{}", key.as_str().unwrap_or_default());
                written(value, &path, found);
                found.insert(path);
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| written(item, path, found)),
        _ => {}
    }
}

#[test]
fn every_field_of_every_kind_is_written_by_a_case() {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for case in cases() {
        for text in files(&case.join(EXPECTED)).values() {
            for document in serde_yaml::Deserializer::from_str(text) {
                let document = Value::deserialize(document).expect("YAML");
                let kind = document.get("kind").and_then(Value::as_str);
                let (Some(kind), Some(spec)) = (kind, document.get("spec")) else {
                    continue;
                };
                written(spec, "", found.entry(kind.to_owned()).or_default());
            }
        }
    }
    let mut missing = Vec::new();
    for kind in Registry::get().kinds() {
        let mut known = BTreeSet::new();
        fields(kind.root(), "", &mut known);
        let nothing = BTreeSet::new();
        let written = found.get(&kind.kind).unwrap_or(&nothing);
        missing.extend(
            known
                .difference(written)
                .map(|path| format!("{}{path}", kind.kind)),
        );
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
