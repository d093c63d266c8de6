//! `kubectl kustomize` builds every folder that Flux would build from the examples' trees.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize as _;
use serde_yaml::Value;

use super::{copy, files, has, project, succeeds, told, write};

/// What Flux does where there is no kustomize file: one that names every YAML file below, and folders
/// with a kustomize file of their own.
///
/// Source: <https://fluxcd.io/flux/components/kustomize/kustomizations/#generating-a-kustomizationyaml-file>
fn generate(folder: &Path) {
    let own = |folder: &Path| {
        ["kustomization.yaml", "kustomization.yml", "Kustomization"]
            .iter()
            .any(|name| folder.join(name).is_file())
    };
    if own(folder) {
        return;
    }
    let mut resources = BTreeSet::new();
    let mut entries = walkdir::WalkDir::new(folder)
        .min_depth(1)
        .sort_by_file_name()
        .into_iter();
    while let Some(entry) = entries.next() {
        let entry = entry.expect("readable");
        let path = entry.path().strip_prefix(folder).expect("below").to_owned();
        if entry.file_type().is_dir() && own(entry.path()) {
            resources.insert(path);
            entries.skip_current_dir();
        } else if entry
            .path()
            .extension()
            .is_some_and(|end| end == "yaml" || end == "yml")
        {
            resources.insert(path);
        }
    }
    let list: String = resources
        .iter()
        .map(|path| format!("- {}\n", path.display()))
        .collect();
    let text = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n{list}"
    );
    write(folder, "kustomization.yaml", text);
}

fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).expect("YAML"))
        .filter(|document| !document.is_null())
        .collect()
}

fn sorted(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let count = objects.len();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let sorted: BTreeMap<String, Value> = objects
        .into_iter()
        .map(|object| {
            let metadata = &object["metadata"];
            let (namespace, name) = (word(&metadata["namespace"]), word(&metadata["name"]));
            (
                format!("{} {namespace}/{name}", word(&object["kind"])),
                object,
            )
        })
        .collect();
    assert_eq!(sorted.len(), count);
    sorted
}

/// Builds each cluster's folder of a project; how many were built.
fn kustomize(root: &Path) -> usize {
    let mut clusters: Vec<PathBuf> = std::fs::read_dir(root.join("clusters"))
        .expect("readable")
        .map(|entry| entry.expect("readable").path())
        .collect();
    clusters.sort();
    for cluster in &clusters {
        let scratch = tempfile::tempdir().expect("a folder");
        copy(cluster, scratch.path());
        let wanted: Vec<Value> = files(scratch.path())
            .into_values()
            .flat_map(|bytes| documents(&String::from_utf8(bytes).expect("UTF-8")))
            .collect();
        generate(scratch.path());
        let output = Command::new("kubectl")
            .arg("kustomize")
            .arg(scratch.path())
            .output()
            .expect("kubectl runs");
        assert!(
            output.status.success(),
            "{}: {}",
            cluster.display(),
            told(&output)
        );
        let built = documents(&super::printed(&output));
        assert!(!built.is_empty());
        // Nothing is lost on the way, and nothing is read as another value.
        let (built, wanted) = (sorted(built), sorted(wanted));
        assert!(built.keys().eq(wanted.keys()), "{}", cluster.display());
        for (identity, wanted) in wanted {
            assert_eq!(built[&identity], wanted, "{}", cluster.display());
        }
    }
    clusters.len()
}

#[test]
fn kubectl_builds_the_folder_of_every_cluster_of_the_examples() {
    if !has("kubectl", &["version", "--client"]) {
        return;
    }
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut built = 0;
    for entry in std::fs::read_dir(examples).expect("readable") {
        let folder = entry.expect("readable").path();
        if folder.join("fluxgen.toml").is_file() {
            built += kustomize(&folder);
        }
    }
    assert!(built >= 6, "{built}");
}

/// The folders that the Kustomizations of a project apply from its own repository.
fn applied(root: &Path) -> BTreeSet<String> {
    let trees = files(&root.join("clusters")).into_values();
    trees
        .flat_map(|bytes| documents(&String::from_utf8(bytes).expect("UTF-8")))
        .filter(|object| object["kind"] == "Kustomization")
        .map(|object| object["spec"].clone())
        .filter(|spec| spec["sourceRef"]["name"] == "flux-system")
        .filter_map(|spec| Some(spec["path"].as_str()?.to_owned()))
        .collect()
}

#[test]
fn kubectl_builds_every_folder_that_the_examples_apply() {
    if !has("kubectl", &["version", "--client"]) {
        return;
    }
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut built = 0;
    for name in ["quickstart", "fleet"] {
        let scratch = tempfile::tempdir().expect("a folder");
        copy(&examples.join(name), scratch.path());
        for path in applied(scratch.path()) {
            let folder = scratch.path().join(&path);
            assert!(folder.is_dir(), "{name}: {path}");
            generate(&folder);
            let output = Command::new("kubectl")
                .arg("kustomize")
                .arg(&folder)
                .output();
            let output = output.expect("kubectl runs");
            assert!(output.status.success(), "{name}: {path}: {}", told(&output));
            assert!(
                !documents(&super::printed(&output)).is_empty(),
                "{name}: {path}"
            );
            built += 1;
        }
    }
    assert!(built >= 8, "{built}");
}

#[test]
fn kubectl_builds_files_that_resources_share() {
    if !has("kubectl", &["version", "--client"]) {
        return;
    }
    let text = "[repo]\nurl = \"ssh://git@github.com/acme/fleet\"\n[layout]\npath = \"all.yaml\"\nheader = \"mine\"\n[clusters.a]\n[kustomizations.yes]\npath = \"./1_000\"\ntargetNamespace = \"on\"\n[kustomizations.no]\npath = \"./12:30\"\n[manifests.\"web/settings\"]\napiVersion = \"v1\"\nkind = \"ConfigMap\"\ndata = { a = \"yes\", b = \"0777\", c = \"1e3\", d = \"# no\", e = \"x: |\\n  y\\n\" }\n";
    let folder = project(text);
    succeeds(folder.path(), &["build"]);
    assert_eq!(kustomize(folder.path()), 1);
}
