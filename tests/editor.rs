//! The editor's schema: fresh, well-formed, silent about good files and loud about misspelt keys.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

use fluxgen::diagnostic::Diagnostics;
use fluxgen::load::load;
use fluxgen::resolve::resolve;
use fluxgen::schema::{Additional, Registry, SchemaNode, Type, editor_schema, editor_schema_text};
use fluxgen::source::Sources;
use serde_json::{Value, json};

const GOOD: &str = r#"
external = ["HelmRepository/flux-system/bitnami"]

[repo]
url    = "ssh://git@github.com/acme/fleet"
branch = "main"
provider = { kind = "github", owner = "acme", teams = ["ops:maintain"] }

[flux]
install    = "release"
version    = "2.9.4"
components = ["source-controller", "kustomize-controller"]
sync.interval = "1m"

[vars]
anything.goes = [1, "two", true]

[defaults]
suspend = false
interval = "30m"
labels.team = "platform"
[defaults.kustomizations]
interval = "10m"
prune    = true
[defaults.sources.git]
timeout = "60s"

[groups.prod]
clusters = ["prod-*"]
priority = 10
vars.domain = "acme.example"
[groups.prod.helmReleases."web/podinfo"]
interval = "1h"

[clusters.staging]
context = "staging"
vars.domain   = "staging.acme.example"
flux.version  = "${{ vars.flux }}"
flux.logLevel = "${{ vars.level }}"
flux.networkPolicy = "${{ vars.isolated }}"
flux.components = "${{ vars.components }}"
flux.componentsExtra = ["${{ vars.extra }}"]
flux.sync = { interval = "${{ vars.interval }}", submodules = "${{ cluster.name == 'staging' }}" }
[clusters.prod-eu.kustomizations.apps]
interval = "30m"
wait     = { unset = true }
[clusters.prod-eu.kustomizations.old]
unset = true

[sources.git.podinfo]
url = "https://github.com/stefanprodan/podinfo"
ref.semver = ">=6.0.0"
interval = "5m"
[sources.oci.charts]
url = "oci://ghcr.io/acme/${{ cluster.name }}"
ref.tag = { imagePolicy = "podinfo:tag", initial = "6.5.0" }
[sources.external.made]
sourceRef = { kind = "ArtifactGenerator", name = "split" }

[artifactGenerators.split]
sources = [{ alias = "repo", kind = "GitRepository", name = "flux-system" }]
artifacts = [{ name = "made", copy = [{ from = "@repo/a", to = "@artifact/" }] }]

[kustomizations.infrastructure]
path = "./infrastructure/${{ cluster.name }}"
wait = true
clusters = ["prod-*"]
groups = ["prod"]
renamedFrom = "infra"
acknowledge = "moved on purpose"
[kustomizations.apps]
path = "./apps"
dependsOn = ["infrastructure", { name = "base", readyExpr = "true" }]
postBuild.substitute.domain = "${{ vars.domain }}"
prune = "${{ vars.prune }}"
source = "git.podinfo"
patches = [{ patch = { file = "patches/apps.yaml" }, target.kind = "Deployment" }]

[sources.helm.podinfo]
url = "https://stefanprodan.github.io/podinfo"
[helmReleases."web/podinfo"]
chart.spec = { chart = "podinfo", version = "6.x", source = "helm.podinfo" }
values.image.tag = { imagePolicy = "podinfo:tag", initial = "6.5.0" }
driftDetection.mode = "enabled"
maxHistory = 3
[helmReleases.other]
source = "oci.charts"
values = { file = "values/other.yaml" }
driftDetection.mode = "${{ vars.mode }}"

[images.podinfo]
image  = "ghcr.io/stefanprodan/podinfo"
policy.semver.range = "6.x"
tags   = ["6.4.0", "6.5.0", "7.0.0-rc.1"]
expect = "6.5.0"
policies.next = { policy.semver.range = "7.x-0", tags = ["7.0.0-rc.1"], expect = "7.0.0-rc.1" }
[imageUpdates.main]
update.path = "./clusters/${{ cluster.name }}"

[providers.slack]
type = "slack"
[alerts.all]
providerRef.name = "slack"
eventSources = [{ kind = "Kustomization", name = "*" }]
[receivers.github]
type = "github"
secretRef.name = "token"
resources = [{ kind = "GitRepository", name = "flux-system" }]

[sets.service]
inputs = [{ name = "cart", port = 8080 }, { name = "pay", port = 8081 }]
groups = ["prod"]
[sets.service.kustomizations."${{ inputs.name }}"]
path = "./services/${{ inputs.name }}"
[sets.service.images."${{ inputs.name }}"]
image = "ghcr.io/acme/${{ inputs.name }}"
policy.semver.range = "1.x"

[manifests."web/settings"]
apiVersion = "v1"
kind = "ConfigMap"
data.a = "b"
labels.team = "web"

[layout]
path = "{{ kind }}/{{ name }}.yaml"
[templates]
dir = "templates"
[diff]
deny = ["destructive"]
"#;

/// Lines that an editor has to mark.
const BAD: &[&str] = &[
    // misspelt keys, at every depth
    "kustomisations.a.path = \"./a\"",
    "[kustomizations.a]\nintervall = \"1m\"",
    "[helmReleases.a]\ndriftDetection.mod = \"warn\"",
    "[helmReleases.a]\nchart.spec.sourceref = \"x\"",
    "[sources.gti.a]\nurl = \"https://x\"",
    "[sources.git.a]\nreff.branch = \"main\"",
    "[images.a]\npolicy.semvers.range = \"1.x\"",
    "[images.a.policies.b]\npolicyy.semver.range = \"1.x\"",
    "[defaults]\nintervall = \"1m\"",
    "[defaults.kustomizations]\nintervall = \"1m\"",
    "[clusters.a.kustomizations.b]\nintervall = \"1m\"",
    "[clusters.a.flux]\nversions = \"2.9.4\"",
    "[groups.a]\ncluster = [\"a\"]",
    "[sets.a]\ninputs = []\nkustomizations.b.pth = \"./b\"",
    "[alerts.a]\neventSources = [{ kind = \"Kustomization\", nam = \"*\" }]",
    "[flux.sync]\nintervals = \"1m\"",
    "[layout]\npaths = \"x\"",
    // wrong types, values and patterns
    "[kustomizations.a]\nprune = \"yes\"",
    "[kustomizations.a]\ninterval = \"5\"",
    "[kustomizations.a]\ninterval = 5",
    "[sources.git.a]\ntimeout = \"1h\"",
    "[sources.oci.a]\nurl = \"https://x\"",
    "[helmReleases.a]\ndriftDetection.mode = \"off\"",
    "[helmReleases.a]\nmaxHistory = \"3\"",
    "[kustomizations.a]\nsource = \"gitt.podinfo\"",
    "[kustomizations.a]\ndependsOn = \"b\"",
    "[flux]\ninstall = \"yes\"",
    // ours, where they may not stand
    "[clusters.a.kustomizations.b]\nclusters = [\"a\"]",
    "[defaults.kustomizations]\nrenamedFrom = \"a\"",
    "[kustomizations.a]\nwait = { unset = false }",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn faults(text: &str) -> Vec<String> {
    let file: Value = toml::from_str(text).expect("TOML");
    let schema = editor_schema();
    let validator = jsonschema::draft7::new(&schema).expect("a schema");
    let faults = validator.iter_errors(&file);
    faults
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect()
}

#[test]
fn the_committed_schema_is_what_the_schemas_give() {
    let path = root().join("schemas/fluxgen.schema.json");
    let text = editor_schema_text();
    if env::var_os("FLUXGEN_UPDATE_SCHEMA").is_some() {
        fs::write(&path, &text).expect("a writable schema");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "schemas/fluxgen.schema.json is stale: run `FLUXGEN_UPDATE_SCHEMA=1 cargo test --test editor`"
    );
}

#[test]
fn the_schema_is_draft_07_and_every_reference_in_it_is_met() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let schema = editor_schema();
    assert!(jsonschema::meta::is_valid(&schema));
    let mut found = Vec::new();
    references(&schema, &mut found);
    assert!(found.len() > 100);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(schema.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn nothing_of_the_composing_is_left_in_the_schema() {
    let text = editor_schema_text();
    for word in ["x-sections", "x-own-keys", "x-spec-of"] {
        assert!(!text.contains(word), "{word}");
    }
}

#[test]
fn a_good_file_has_no_faults() {
    let faults = faults(GOOD);
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_fault_is_flagged() {
    for line in BAD {
        assert!(!faults(line).is_empty(), "{line}");
    }
}

#[test]
fn every_section_takes_its_example() {
    for kind in Registry::get().kinds() {
        let path: Vec<&str> = kind.section.split('.').collect();
        let mut file = json!({ "a": kind.example });
        for key in path.iter().rev() {
            file = json!({ *key: file });
        }
        let schema = editor_schema();
        let validator = jsonschema::draft7::new(&schema).expect("a schema");
        let faults: Vec<String> = validator
            .iter_errors(&file)
            .map(|fault| fault.to_string())
            .collect();
        assert!(faults.is_empty(), "{}: {faults:#?}", kind.kind);
    }
}

/// The keys that the compiler knows in a table, from what it says about one that it does not.
fn known_keys(text: &str, key: &str) -> BTreeSet<String> {
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let document = load(
        "fluxgen.toml".into(),
        text.as_bytes(),
        &mut sources,
        &mut diagnostics,
    );
    resolve(&document.expect("TOML"), &mut diagnostics);
    let help: Vec<&str> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.message.contains(key))
        .flat_map(|diagnostic| &diagnostic.help)
        .filter_map(|help| help.strip_prefix("known keys: "))
        .collect();
    assert_eq!(help.len(), 1, "{text}: one list of known keys");
    let names = help[0].split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

#[test]
fn the_settings_are_those_that_the_compiler_reads() {
    const KEY: &str = "qqqqqqqqqqqqqqqqqqqqqqqq";
    let schema = editor_schema();
    for (table, pointer) in [
        ("", ""),
        ("[repo]", "/properties/repo"),
        (
            "[repo.provider]\nkind = \"github\"",
            "/properties/repo/properties/provider",
        ),
        ("[clusters.a.flux]", "/definitions/flux"),
        (
            "[clusters.a.flux.sync]",
            "/definitions/flux/properties/sync",
        ),
        ("[clusters.a]", "/properties/clusters/additionalProperties"),
        (
            "[groups.a]\nclusters = []",
            "/properties/groups/additionalProperties",
        ),
        (
            "[sets.a]\ninputs = []",
            "/properties/sets/additionalProperties",
        ),
        ("[layout]", "/properties/layout"),
        ("[templates]", "/properties/templates"),
        ("[diff]", "/properties/diff"),
    ] {
        let described = schema
            .pointer(pointer)
            .and_then(|schema| schema["properties"].as_object());
        let described: BTreeSet<String> = described.expect("properties").keys().cloned().collect();
        assert_eq!(
            known_keys(&format!("{table}\n{KEY} = 1\n"), KEY),
            described,
            "{table}"
        );
    }
}

/// Every field of a kind with the keys that lead there; `0` stands for an item of an array.
fn fields(node: &SchemaNode, path: &[String], found: &mut Vec<(Vec<String>, Type)>) {
    let below =
        |key: &str| -> Vec<String> { path.iter().cloned().chain([key.to_owned()]).collect() };
    for (key, child) in &node.properties {
        found.push((below(key), child.kind));
        fields(child, &below(key), found);
    }
    if let Some(items) = &node.items {
        fields(items, &below("0"), found);
    }
    if let Additional::Each(each) = &node.additional {
        found.push((below("any"), each.kind));
        fields(each, &below("any"), found);
    }
}

#[test]
fn every_field_takes_an_expression_and_what_stands_in_place_of_a_value() {
    let schema = editor_schema();
    let validator = jsonschema::draft7::new(&schema).expect("a schema");
    let mut tried = 0;
    for kind in Registry::get().kinds() {
        let mut found = Vec::new();
        fields(kind.root(), &[], &mut found);
        for (path, of) in found {
            let mut values = vec![json!("${{ vars.x }}"), json!({ "unset": true })];
            if path.last().is_some_and(|key| key == "any") {
                // `{ file = … }` there could be an entry of that name.
            } else if matches!(of, Type::String | Type::Object) {
                values.push(json!({ "file": "values/x.yaml" }));
            }
            if of == Type::String {
                values.push(json!({ "imagePolicy": "app:tag", "initial": "1.0.0" }));
                values.push(json!("x-${{ vars.x }}"));
            }
            for value in values {
                let section = kind.section.split('.').chain(["a"]).map(str::to_owned);
                let keys: Vec<String> = section.chain(path.iter().cloned()).collect();
                let file = keys
                    .iter()
                    .rev()
                    .fold(value, |inner, key| match key.as_str() {
                        "0" => json!([inner]),
                        key => json!({ key: inner }),
                    });
                let faults: Vec<String> = validator
                    .iter_errors(&file)
                    .map(|fault| fault.to_string())
                    .collect();
                assert!(faults.is_empty(), "{file}: {faults:?}");
                tried += 1;
            }
        }
    }
    assert!(tried > 1000, "{tried}");
}

/// The TOML files of the examples and of the real trees.
fn projects() -> Vec<PathBuf> {
    let folders = ["examples", "tests/trees"].into_iter().flat_map(|parent| {
        let entries = fs::read_dir(root().join(parent)).expect("readable");
        entries.map(|entry| entry.expect("readable").path().join("fluxgen.toml"))
    });
    let found: Vec<PathBuf> = folders.filter(|path| path.is_file()).collect();
    assert!(found.len() >= 4);
    found
}

#[test]
fn the_examples_have_no_faults() {
    for path in projects() {
        let text = fs::read_to_string(&path).expect("readable");
        let faults = faults(&text);
        assert!(faults.is_empty(), "{}: {faults:#?}", path.display());
    }
}

/// What the compiler takes without an error, an editor must not mark.
#[test]
fn every_golden_project_that_compiles_has_no_faults() {
    let mut seen = 0;
    for entry in fs::read_dir(root().join("tests/golden")).expect("readable") {
        let folder = entry.expect("readable").path();
        let told = fs::read_to_string(folder.join("stderr")).unwrap_or_default();
        let Ok(text) = fs::read_to_string(folder.join("fluxgen.toml")) else {
            continue;
        };
        // What is hidden on purpose is a fault all the same.
        let is_hidden = text.contains("fluxgen: ignore");
        if is_hidden || told.lines().any(|line| line.starts_with("error")) {
            continue;
        }
        let faults = faults(&text);
        assert!(faults.is_empty(), "{}: {faults:#?}", folder.display());
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}

fn works(program: &Path) -> bool {
    let run = Command::new(program).arg("--version").output();
    run.is_ok_and(|run| run.status.success())
}

/// The taplo program: `FLUXGEN_TAPLO`, the one in `PATH`, or PyPI's in a virtual environment of the
/// tests; said aloud where there is none.
fn taplo() -> Option<PathBuf> {
    static TAPLO: OnceLock<Option<PathBuf>> = OnceLock::new();
    TAPLO.get_or_init(find_taplo).clone()
}

fn find_taplo() -> Option<PathBuf> {
    let named = env::var_os("FLUXGEN_TAPLO").map(PathBuf::from);
    let program = named.unwrap_or_else(|| PathBuf::from("taplo"));
    if works(&program) {
        return Some(program);
    }
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("taplo");
    let program = venv.join("bin/taplo");
    if !works(&program) {
        let made = Command::new("python3")
            .args(["-m", "venv"])
            .arg(&venv)
            .output();
        if made.is_ok_and(|run| run.status.success()) {
            let _ = Command::new(venv.join("bin/pip"))
                .args([
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    "taplo==0.9.3",
                ])
                .output();
        }
    }
    if !works(&program) {
        eprintln!(
            "skipped: taplo is not here and could not be installed, so the schema was not tried with it"
        );
        return None;
    }
    Some(program)
}

/// What taplo says of a file, as an editor does that is told its schema.
fn taplo_check(taplo: &Path, folder: &Path, file: &Path) -> (bool, String) {
    let schema = folder.join("fluxgen.schema.json");
    fs::write(&schema, editor_schema_text()).expect("a schema");
    let run = Command::new(taplo)
        .current_dir(folder)
        .args(["check", "--schema"])
        .arg(format!("file://{}", schema.display()))
        .arg(file)
        .output()
        .expect("taplo runs");
    let words = String::from_utf8_lossy(&run.stderr).into_owned();
    (run.status.success(), words)
}

#[test]
fn taplo_passes_the_examples() {
    let Some(taplo) = taplo() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for path in projects() {
        let (good, words) = taplo_check(&taplo, folder.path(), &path);
        assert!(good, "{}: {words}", path.display());
    }
}

#[test]
fn taplo_finds_the_schema_by_the_line_that_the_design_of_a_file_begins_with() {
    let Some(taplo) = taplo() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let schema = folder.path().join("schemas/fluxgen.schema.json");
    fs::create_dir(schema.parent().expect("a parent")).expect("made");
    fs::write(&schema, editor_schema_text()).expect("a schema");
    let file = folder.path().join("fluxgen.toml");
    for (key, good) in [("interval", true), ("intervall", false)] {
        let text =
            format!("#:schema ./schemas/fluxgen.schema.json\n[kustomizations.a]\n{key} = \"1m\"\n");
        fs::write(&file, text).expect("a file");
        let run = Command::new(&taplo)
            .current_dir(folder.path())
            .arg("check")
            .arg(&file)
            .output();
        assert_eq!(run.expect("taplo runs").status.success(), good, "{key}");
    }
}

#[test]
fn taplo_passes_a_good_file_and_flags_every_misspelt_key() {
    let Some(taplo) = taplo() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let check = |text: &str| {
        let file = folder.path().join("fluxgen.toml");
        fs::write(&file, text).expect("a file");
        taplo_check(&taplo, folder.path(), &file)
    };
    let (good, words) = check(GOOD);
    assert!(good, "{words}");
    for line in BAD {
        let (good, words) = check(line);
        assert!(!good, "{line}\n{words}");
    }
    let (_, words) = check("[kustomizations.a]\nintervall = \"1m\"\n");
    assert!(
        words.contains("intervall"),
        "the message names the key:\n{words}"
    );
}
