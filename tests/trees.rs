//! Real repositories: what a fluxgen.toml for each makes is what stands in its `clusters/`, object by object.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize as _;
use serde_yaml::Value;

fn repositories() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/trees")
}

/// Every object below a folder, by kind, namespace and name; `flux-system/` is not compared.
fn objects(folder: &Path) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let files = walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() != 1 || entry.file_name() != "flux-system");
    for entry in files.map(|entry| entry.expect("readable")) {
        if entry.path().extension().is_none_or(|end| end != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).expect("readable");
        for document in serde_yaml::Deserializer::from_str(&text) {
            let object = Value::deserialize(document).expect("YAML");
            if object.is_null() {
                continue;
            }
            let word = |value: &Value| value.as_str().expect("a string").to_owned();
            let identity = format!(
                "{} {}/{}",
                word(&object["kind"]),
                word(&object["metadata"]["namespace"]),
                word(&object["metadata"]["name"])
            );
            assert!(
                found.insert(identity.clone(), object).is_none(),
                "{identity} twice"
            );
        }
    }
    found
}

fn assert_same_objects(name: &str, clusters: usize) {
    let repository = repositories().join(name);
    if !repository.is_dir() {
        eprintln!("skipped: {} is not there", repository.display());
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let config = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/trees")
        .join(name)
        .join("fluxgen.toml");
    std::fs::copy(config, folder.path().join("fluxgen.toml")).expect("copied");
    let output = Command::new(env!("CARGO_BIN_EXE_fluxgen"))
        .arg("-C")
        .arg(folder.path())
        .arg("build")
        .output()
        .expect("the program runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(!told.contains("warning"), "{told}");
    let mut compared = 0;
    for entry in std::fs::read_dir(repository.join("clusters")).expect("readable") {
        let theirs = entry.expect("readable").path();
        let cluster = theirs.file_name().expect("a name");
        let ours = objects(&folder.path().join("clusters").join(cluster));
        let theirs = objects(&theirs);
        assert!(!theirs.is_empty(), "{cluster:?} holds no objects");
        assert_eq!(
            ours.keys().collect::<Vec<_>>(),
            theirs.keys().collect::<Vec<_>>(),
            "{cluster:?}"
        );
        for (identity, theirs) in &theirs {
            assert_eq!(&ours[identity], theirs, "{identity} in {cluster:?}");
        }
        compared += 1;
    }
    assert_eq!(compared, clusters);
}

#[test]
fn the_kustomize_helm_example_is_compiled_to_the_objects_that_stand_there() {
    assert_same_objects("flux2-kustomize-helm-example", 2);
}

#[test]
fn the_multi_tenancy_example_is_compiled_to_the_objects_that_stand_there() {
    assert_same_objects("flux2-multi-tenancy", 2);
}

/// The patches of flux2-multi-tenancy's controllers, as one writes them in TOML.
const PATCHES: &str = r#"[flux]
install = "release"
distribution = "gotk.yaml"

[[flux.patches]]
target = { kind = "Deployment", name = "(kustomize-controller|helm-controller|notification-controller|image-reflector-controller|image-automation-controller)" }
patch = """
- op: add
  path: /spec/template/spec/containers/0/args/-
  value: --no-cross-namespace-refs=true
"""
[[flux.patches]]
target = { kind = "Deployment", name = "kustomize-controller" }
patch = """
- op: add
  path: /spec/template/spec/containers/0/args/-
  value: --no-remote-bases=true
"""
[[flux.patches]]
target = { kind = "Deployment", name = "(kustomize-controller|helm-controller)" }
patch = """
- op: add
  path: /spec/template/spec/containers/0/args/-
  value: --default-service-account=default
"""
[[flux.patches]]
target = { kind = "Kustomization", name = "flux-system" }
patch = """
- op: add
  path: /spec/serviceAccountName
  value: kustomize-controller
"""
"#;

/// Of the real folders only the kustomize file is whole: their install manifests were left out, and
/// their sync is left for `flux bootstrap` to fill in.
#[test]
fn the_patches_of_a_real_flux_system_folder_are_compiled_to_its_kustomize_file() {
    let repository = repositories().join("flux2-multi-tenancy");
    let manifest = repositories().join("../flux/v2.9.4/install.yaml");
    if !repository.is_dir() || !manifest.is_file() {
        eprintln!("skipped: {} is not there", repository.display());
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(manifest, folder.path().join("gotk.yaml")).expect("copied");
    let config =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees/flux2-multi-tenancy/fluxgen.toml");
    let text = std::fs::read_to_string(config).expect("readable");
    let text = text.replace("[flux]\nversion = \"2.9.4\"\n", "");
    let release = PATCHES.replacen("[flux]\n", "[flux]\nversion = \"2.9.4\"\n", 1);
    std::fs::write(
        folder.path().join("fluxgen.toml"),
        format!("{text}{release}"),
    )
    .expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_fluxgen"))
        .arg("-C")
        .arg(folder.path())
        .args(["build", "--offline"])
        .output()
        .expect("the program runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    for cluster in ["staging", "production"] {
        let file = format!("clusters/{cluster}/flux-system/kustomization.yaml");
        let read = |root: &Path| -> Value {
            let text = std::fs::read_to_string(root.join(&file)).expect("readable");
            serde_yaml::from_str(&text).expect("YAML")
        };
        assert_eq!(read(folder.path()), read(&repository), "{cluster}");
    }
}

#[test]
fn every_real_repository_has_its_toml() {
    let Ok(entries) = std::fs::read_dir(repositories()) else {
        eprintln!("skipped: {} is not there", repositories().display());
        return;
    };
    for entry in entries {
        let entry = entry.expect("readable");
        if entry.path().is_dir() {
            let config = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/trees")
                .join(entry.file_name())
                .join("fluxgen.toml");
            assert!(config.is_file(), "{}", config.display());
        }
    }
}
