//! Holds each schema against the CRDs of each Flux version that `../shared` has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fluxgen::schema::{
    Additional, FluxMinor, KindSchema, Origin, Pinned, Registry, SchemaNode, Type,
};
use serde_json::{Value, json};

/// Where a schema says something else than the CRD on purpose: kind, path, aspect, reason.
/// An entry that no longer tells of a difference fails the test.
const DELIBERATE: &[(&str, &str, &str, &str)] = &[(
    "ArtifactGenerator",
    "spec.sources",
    "unique",
    "source-watcher refuses an alias that is used twice; the CRD cannot say so",
)];

/// Keywords of a CRD that are compared, or say nothing about what is accepted.
const KNOWN_KEYWORDS: &[&str] = &[
    "type",
    "description",
    "properties",
    "required",
    "enum",
    "pattern",
    "items",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "default",
    "additionalProperties",
    "x-kubernetes-validations",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-map-keys",
    // How the API server merges lists and maps; the map keys above are what matters here.
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
];

/// What is said about one path, by aspect.
type Facts = BTreeMap<String, BTreeMap<&'static str, String>>;

/// A CRD of one Flux version.
struct Crd {
    group: String,
    /// The version that objects are stored in.
    storage: String,
    /// Every version that the API server takes.
    served: BTreeSet<String>,
    spec: Value,
}

fn shared() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")).join("flux")
}

/// The CRDs by minor and kind; empty, and said so, where there are none.
fn releases() -> BTreeMap<FluxMinor, BTreeMap<String, Crd>> {
    let mut releases = BTreeMap::new();
    let Ok(folders) = fs::read_dir(shared()) else {
        eprintln!("skipped: ../shared/flux is not there, so no CRDs to compare with");
        return releases;
    };
    for folder in folders {
        let folder = folder.expect("a readable folder").path();
        let name = folder
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let Ok(Pinned::Known(minor)) = FluxMinor::from_version(name) else {
            continue;
        };
        let text = fs::read_to_string(folder.join("install.yaml")).expect("install.yaml");
        let crds = text
            .split("\n---\n")
            .filter(|document| document.contains("\nkind: CustomResourceDefinition\n"))
            .map(crd)
            .collect();
        releases.insert(minor, crds);
    }
    let all: Vec<_> = releases.keys().copied().collect();
    assert_eq!(all, FluxMinor::ALL, "every known minor has its CRDs");
    releases
}

fn crd(document: &str) -> (String, Crd) {
    let document: Value = serde_yaml::from_str(document).expect("a CRD");
    let spec = &document["spec"];
    let versions = spec["versions"].as_array().expect("versions");
    let version = versions
        .iter()
        .find(|version| version["storage"] == json!(true))
        .expect("a storage version");
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let crd = Crd {
        group: text(&spec["group"]),
        storage: text(&version["name"]),
        served: versions
            .iter()
            .filter(|version| version["served"] == json!(true))
            .map(|version| text(&version["name"]))
            .collect(),
        spec: version["schema"]["openAPIV3Schema"]["properties"]["spec"].clone(),
    };
    (text(&spec["names"]["kind"]), crd)
}

fn sorted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names
        .into_iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
        .join(" ")
}

fn crd_facts(node: &Value, path: &str, facts: &mut Facts) {
    let object = node.as_object().expect("a schema is an object");
    for key in object.keys() {
        assert!(
            KNOWN_KEYWORDS.contains(&key.as_str()),
            "{path}: `{key}` is not compared"
        );
    }
    let mut here = BTreeMap::new();
    let free = node["x-kubernetes-preserve-unknown-fields"] == json!(true);
    let kind = node["type"]
        .as_str()
        .unwrap_or(if free { "object" } else { "any" });
    here.insert("type", kind.to_owned());
    for (key, aspect) in [
        ("required", "required"),
        ("enum", "enum"),
        ("x-kubernetes-list-map-keys", "unique"),
    ] {
        if let Some(names) = node[key].as_array().filter(|names| !names.is_empty()) {
            here.insert(aspect, sorted(names.iter().filter_map(Value::as_str)));
        }
    }
    if let Some(pattern) = node["pattern"].as_str() {
        here.insert("pattern", pattern.to_owned());
    }
    for key in ["minLength", "maxLength", "minItems", "maxItems", "default"] {
        if let Some(value) = object.get(key) {
            here.insert(key, value.to_string());
        }
    }
    if let Some(rules) = node["x-kubernetes-validations"].as_array() {
        here.insert("conditions", rules.len().to_string());
    }
    if kind == "object" {
        let additional = match (free, &node["additionalProperties"]) {
            (true, _) => "free",
            (false, Value::Object(_)) => "each",
            (false, _) => "closed",
        };
        here.insert("additional", additional.to_owned());
    }
    facts.insert(path.to_owned(), here);
    if let Some(properties) = node["properties"].as_object() {
        for (key, child) in properties {
            crd_facts(child, &format!("{path}.{key}"), facts);
        }
    }
    if node["items"].is_object() {
        crd_facts(&node["items"], &format!("{path}[]"), facts);
    }
    if node["additionalProperties"].is_object() {
        crd_facts(&node["additionalProperties"], &format!("{path}{{}}"), facts);
    }
}

fn our_facts(node: &SchemaNode, minor: FluxMinor, path: &str, facts: &mut Facts) {
    let keywords = node.keywords(minor);
    let mut here = BTreeMap::new();
    here.insert("type", node.kind.as_str().to_owned());
    let names: [(&'static str, Vec<&str>); 3] = [
        (
            "required",
            keywords
                .declared_required
                .iter()
                .map(String::as_str)
                .collect(),
        ),
        (
            "enum",
            node.values_in(minor)
                .map(|value| value.value.as_str())
                .collect(),
        ),
        ("unique", node.unique.iter().map(String::as_str).collect()),
    ];
    for (aspect, names) in names {
        if !names.is_empty() {
            here.insert(aspect, sorted(names));
        }
    }
    if let Some(pattern) = &keywords.pattern {
        here.insert("pattern", pattern.as_str().to_owned());
    }
    for (key, value) in [
        ("minLength", keywords.min_length),
        ("maxLength", keywords.max_length),
        ("minItems", keywords.min_items),
        ("maxItems", keywords.max_items),
    ] {
        if let Some(value) = value {
            here.insert(key, value.to_string());
        }
    }
    for (key, value) in [("minimum", keywords.minimum), ("maximum", keywords.maximum)] {
        if let Some(value) = value {
            here.insert(key, value.to_string());
        }
    }
    if let Some(default) = &node.default {
        here.insert("default", default.to_string());
    }
    let conditions = node
        .conditions_in(minor)
        .filter(|condition| condition.origin == Origin::Api)
        .count();
    if conditions > 0 {
        here.insert("conditions", conditions.to_string());
    }
    if node.kind == Type::Object {
        let additional = match &node.additional {
            Additional::Free => "free",
            Additional::Each(_) => "each",
            Additional::Closed => "closed",
        };
        here.insert("additional", additional.to_owned());
    }
    facts.insert(path.to_owned(), here);
    for (key, child) in node.properties_in(minor) {
        our_facts(child, minor, &format!("{path}.{key}"), facts);
    }
    if let Some(items) = &node.items {
        our_facts(items, minor, &format!("{path}[]"), facts);
    }
    if let Additional::Each(each) = &node.additional {
        our_facts(each, minor, &format!("{path}{{}}"), facts);
    }
}

/// One line for each difference, `(path, aspect, words)`, in both directions.
fn differences(crd: &Facts, ours: &Facts) -> Vec<(String, &'static str, String)> {
    let mut found = Vec::new();
    for path in crd.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
        match (crd.get(path), ours.get(path)) {
            (Some(_), None) => found.push((path.clone(), "path", "only the CRD has it".to_owned())),
            (None, Some(_)) => {
                found.push((path.clone(), "path", "only the schema has it".to_owned()))
            }
            (Some(crd), Some(ours)) => {
                for aspect in crd.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
                    let (theirs, own) = (crd.get(aspect), ours.get(aspect));
                    if theirs != own {
                        found.push((
                            path.clone(),
                            aspect,
                            format!("CRD {theirs:?}, schema {own:?}"),
                        ));
                    }
                }
            }
            (None, None) => {}
        }
    }
    found
}

#[test]
fn schemas_say_what_the_crds_say() {
    let releases = releases();
    if releases.is_empty() {
        return;
    }
    let mut unexpected = Vec::new();
    let mut used = BTreeSet::new();
    let mut compared = 0;
    for (minor, crds) in &releases {
        for (kind, crd) in crds {
            let Some(schema) = Registry::get().kind(kind) else {
                continue;
            };
            let (mut theirs, mut ours) = (Facts::new(), Facts::new());
            crd_facts(&crd.spec, "spec", &mut theirs);
            our_facts(schema.root(), *minor, "spec", &mut ours);
            compared += theirs.len();
            for (path, aspect, words) in differences(&theirs, &ours) {
                let known = DELIBERATE.iter().position(|entry| {
                    (entry.0, entry.1, entry.2) == (kind.as_str(), path.as_str(), aspect)
                });
                match known {
                    Some(index) => {
                        used.insert(index);
                    }
                    None => {
                        unexpected.push(format!("Flux {minor}, {kind}, {path}, {aspect}: {words}"))
                    }
                }
            }
        }
    }
    for (index, (kind, path, aspect, _)) in DELIBERATE.iter().enumerate() {
        if !used.contains(&index) {
            unexpected.push(format!(
                "{kind}, {path}, {aspect}: no difference any more, remove the entry"
            ));
        }
    }
    assert!(unexpected.is_empty(), "\n{}", unexpected.join("\n"));
    assert!(compared > 1500, "only {compared} paths were compared");
}

#[test]
fn kinds_groups_and_versions_are_those_of_the_crds() {
    for (minor, crds) in releases() {
        let theirs: BTreeMap<&str, String> = crds
            .iter()
            .map(|(kind, crd)| (kind.as_str(), format!("{}/{}", crd.group, crd.storage)))
            .collect();
        let ours: BTreeMap<&str, String> = Registry::get()
            .kinds()
            .filter_map(|kind| Some((kind.kind.as_str(), kind.api_version(minor)?)))
            .collect();
        assert_eq!(theirs, ours, "Flux {minor}");
    }
}

#[test]
fn older_versions_are_served_as_long_as_the_crds_have_them() {
    for (minor, crds) in releases() {
        for (name, crd) in &crds {
            let kind = Registry::get().kind(name).expect("a kind");
            let own = kind.api_version(minor).expect("it is in this minor");
            let older = kind.served_until.iter().map(|(version, _)| version.clone());
            let ours: BTreeSet<String> = older
                .filter(|version| {
                    let full = format!("{}/{version}", kind.group);
                    full == own || kind.dropped_in(&full, minor).is_some()
                })
                .chain([crd.storage.clone()])
                .collect();
            assert_eq!(crd.served, ours, "{name} in Flux {minor}");
        }
    }
}

#[test]
fn a_difference_in_any_aspect_is_found() {
    let spec = json!({
        "type": "object",
        "required": ["a"],
        "properties": {
            "a": { "type": "string", "enum": ["x", "y"], "maxLength": 3 },
            "b": { "type": "array", "items": { "type": "string" }, "minItems": 1 }
        }
    });
    let facts = |spec: &Value| {
        let mut facts = Facts::new();
        crd_facts(spec, "spec", &mut facts);
        facts
    };
    let base = facts(&spec);
    assert!(differences(&base, &base).is_empty());
    for (pointer, value) in [
        ("/required", json!([])),
        ("/properties/a/type", json!("boolean")),
        ("/properties/a/enum", json!(["x"])),
        ("/properties/a/maxLength", json!(4)),
        ("/properties/b/minItems", json!(2)),
        ("/properties/b/items/type", json!("integer")),
        ("/properties", json!({})),
    ] {
        let mut changed = spec.clone();
        *changed.pointer_mut(pointer).expect("a place") = value;
        let changed = facts(&changed);
        assert!(!differences(&base, &changed).is_empty(), "{pointer}");
        assert!(!differences(&changed, &base).is_empty(), "{pointer}");
    }
}

/// The messages of the conditions that `value` does not meet, at any depth.
fn unmet(node: &SchemaNode, value: &Value, minor: FluxMinor, found: &mut Vec<String>) {
    if value.is_object() {
        let conditions = node
            .conditions_in(minor)
            .filter(|condition| condition.origin == Origin::Api && !condition.is_met(value));
        found.extend(conditions.map(|condition| condition.message.clone()));
    }
    for (key, child) in value.as_object().into_iter().flatten() {
        if let Some(schema) = node.child(key) {
            unmet(schema, child, minor, found);
        }
    }
    for child in value.as_array().into_iter().flatten() {
        if let Some(schema) = &node.items {
            unmet(schema, child, minor, found);
        }
    }
}

/// Specs and how many conditions they break: kind, Flux minor, spec, the words each broken condition has.
/// Only the fields that matter for the conditions are there.
fn vectors() -> Vec<(&'static str, &'static str, Value, Vec<&'static str>)> {
    let sts = |provider: &str, rest: Value| {
        let mut sts = json!({ "provider": provider, "endpoint": "https://sts.example.com" });
        for (key, value) in rest.as_object().expect("an object") {
            sts[key] = value.clone();
        }
        sts
    };
    let release = |extra: Value| {
        let mut spec =
            json!({ "interval": "1m", "chartRef": { "kind": "HelmChart", "name": "a" } });
        for (key, value) in extra.as_object().expect("an object") {
            spec[key] = value.clone();
        }
        spec
    };
    let name = |name: &str| json!({ "name": name });
    vec![
        // A cloud's identity for Git: azure from 2.7, aws from 2.9.
        (
            "GitRepository",
            "2.7",
            json!({ "serviceAccountName": "a", "provider": "azure" }),
            vec![],
        ),
        (
            "GitRepository",
            "2.7",
            json!({ "provider": "github" }),
            vec![],
        ),
        (
            "GitRepository",
            "2.8",
            json!({ "serviceAccountName": "a", "provider": "github" }),
            vec!["before Flux 2.9"],
        ),
        (
            "GitRepository",
            "2.8",
            json!({ "serviceAccountName": "a" }),
            vec!["before Flux 2.9"],
        ),
        (
            "GitRepository",
            "2.9",
            json!({ "serviceAccountName": "a", "provider": "aws" }),
            vec![],
        ),
        (
            "GitRepository",
            "2.9",
            json!({ "serviceAccountName": "a" }),
            vec!["`aws` or `azure`"],
        ),
        // Signed charts.
        (
            "HelmChart",
            "2.8",
            json!({ "verify": {}, "sourceRef": { "kind": "HelmRepository" } }),
            vec![],
        ),
        (
            "HelmChart",
            "2.8",
            json!({ "verify": {}, "sourceRef": { "kind": "Bucket" } }),
            vec!["`verify`"],
        ),
        (
            "HelmChart",
            "2.7",
            json!({ "verify": {}, "sourceRef": { "kind": "Bucket" } }),
            vec![],
        ),
        // Buckets: an unset provider is `generic`.
        (
            "Bucket",
            "2.6",
            json!({ "provider": "aws", "sts": sts("aws", json!({})) }),
            vec![],
        ),
        (
            "Bucket",
            "2.6",
            json!({ "sts": sts("ldap", json!({ "secretRef": { "name": "a" } })) }),
            vec![],
        ),
        (
            "Bucket",
            "2.6",
            json!({ "provider": "gcp", "sts": sts("ldap", json!({})) }),
            vec!["only with the providers"],
        ),
        (
            "Bucket",
            "2.6",
            json!({ "provider": "aws", "sts": sts("ldap", json!({})) }),
            vec!["no other token service than `aws`"],
        ),
        (
            "Bucket",
            "2.6",
            json!({ "provider": "generic", "sts": sts("aws", json!({})) }),
            vec!["than `ldap`"],
        ),
        (
            "Bucket",
            "2.6",
            json!({ "sts": sts("aws", json!({})) }),
            vec!["than `ldap`"],
        ),
        (
            "Bucket",
            "2.6",
            json!({ "provider": "aws", "sts": sts("aws", json!({ "secretRef": { "name": "a" } })) }),
            vec!["no `secretRef`"],
        ),
        (
            "Bucket",
            "2.6",
            json!({ "provider": "aws", "sts": sts("aws", json!({ "certSecretRef": { "name": "a" } })) }),
            vec!["no `certSecretRef`"],
        ),
        (
            "Bucket",
            "2.7",
            json!({ "provider": "gcp", "serviceAccountName": "a" }),
            vec![],
        ),
        (
            "Bucket",
            "2.7",
            json!({ "serviceAccountName": "a" }),
            vec!["provider `generic`"],
        ),
        (
            "Bucket",
            "2.7",
            json!({ "provider": "generic", "serviceAccountName": "a" }),
            vec!["provider `generic`"],
        ),
        (
            "Bucket",
            "2.7",
            json!({ "provider": "aws", "serviceAccountName": "a", "secretRef": name("b") }),
            vec!["cannot both be set"],
        ),
        (
            "Bucket",
            "2.6",
            json!({ "serviceAccountName": "a", "secretRef": name("b") }),
            vec![],
        ),
        // Artifact names without a path pattern, from 2.9.
        (
            "ArtifactGenerator",
            "2.9",
            json!({ "artifacts": [{ "name": "a.b-c" }] }),
            vec![],
        ),
        (
            "ArtifactGenerator",
            "2.9",
            json!({ "artifacts": [{ "name": "a" }, { "name": "{x}" }] }),
            vec!["without `pathPattern`"],
        ),
        (
            "ArtifactGenerator",
            "2.9",
            json!({ "pathPattern": "@r/{x}", "artifacts": [{ "name": "{x}" }] }),
            vec![],
        ),
        (
            "ArtifactGenerator",
            "2.9",
            json!({ "pathPattern": "", "artifacts": [{ "name": "{x}" }] }),
            vec!["without `pathPattern`"],
        ),
        (
            "ArtifactGenerator",
            "2.8",
            json!({ "artifacts": [{ "name": "{x}" }] }),
            vec![],
        ),
        // kubeConfig, from 2.7: exactly one.
        (
            "Kustomization",
            "2.7",
            json!({ "kubeConfig": { "secretRef": name("a") } }),
            vec![],
        ),
        (
            "Kustomization",
            "2.7",
            json!({ "kubeConfig": { "configMapRef": name("a") } }),
            vec![],
        ),
        (
            "Kustomization",
            "2.7",
            json!({ "kubeConfig": {} }),
            vec!["needs one of"],
        ),
        (
            "Kustomization",
            "2.9",
            json!({ "kubeConfig": { "secretRef": name("a"), "configMapRef": name("a") } }),
            vec!["cannot both be set"],
        ),
        ("Kustomization", "2.6", json!({ "kubeConfig": {} }), vec![]),
        (
            "HelmRelease",
            "2.9",
            release(json!({ "kubeConfig": { "secretRef": name("a"), "configMapRef": name("a") } })),
            vec!["cannot both be set"],
        ),
        (
            "HelmRelease",
            "2.9",
            release(json!({ "kubeConfig": {} })),
            vec!["needs one of"],
        ),
        // Charts and strategies.
        ("HelmRelease", "2.6", release(json!({})), vec![]),
        ("HelmRelease", "2.6", json!({ "chart": {} }), vec![]),
        (
            "HelmRelease",
            "2.6",
            release(json!({ "chart": {} })),
            vec!["exactly one of `chart`"],
        ),
        (
            "HelmRelease",
            "2.6",
            json!({}),
            vec!["exactly one of `chart`"],
        ),
        (
            "HelmRelease",
            "2.7",
            release(
                json!({ "install": { "strategy": { "name": "RetryOnFailure", "retryInterval": "1m" } } }),
            ),
            vec![],
        ),
        (
            "HelmRelease",
            "2.7",
            release(
                json!({ "install": { "strategy": { "name": "RemediateOnFailure", "retryInterval": "1m" } } }),
            ),
            vec!["does not go with the strategy"],
        ),
        (
            "HelmRelease",
            "2.7",
            release(
                json!({ "upgrade": { "strategy": { "name": "RetryOnFailure", "retryInterval": "1m" } } }),
            ),
            vec![],
        ),
        (
            "HelmRelease",
            "2.7",
            release(
                json!({ "upgrade": { "strategy": { "name": "RemediateOnFailure", "retryInterval": "1m" } } }),
            ),
            vec!["goes only with the strategy"],
        ),
        (
            "HelmRelease",
            "2.7",
            release(json!({ "upgrade": { "strategy": { "name": "RemediateOnFailure" } } })),
            vec![],
        ),
        // Digests of images.
        (
            "ImagePolicy",
            "2.6",
            json!({ "policy": { "semver": {} }, "interval": "1m", "digestReflectionPolicy": "Always" }),
            vec![],
        ),
        (
            "ImagePolicy",
            "2.6",
            json!({ "policy": { "alphabetical": {} }, "interval": "1m" }),
            vec!["`interval` goes only with"],
        ),
        (
            "ImagePolicy",
            "2.6",
            json!({ "policy": { "numerical": {} }, "interval": "1m", "digestReflectionPolicy": "Never" }),
            vec!["`interval` goes only with"],
        ),
        (
            "ImagePolicy",
            "2.6",
            json!({ "policy": { "numerical": {} }, "digestReflectionPolicy": "Always" }),
            vec!["needs an `interval`"],
        ),
        // Commit statuses.
        (
            "Provider",
            "2.9",
            json!({ "type": "github", "commitStatusExpr": "'a'" }),
            vec![],
        ),
        ("Provider", "2.9", json!({ "type": "slack" }), vec![]),
        (
            "Provider",
            "2.6",
            json!({ "type": "slack", "commitStatusExpr": "'a'" }),
            vec!["`commitStatusExpr`"],
        ),
        // Receivers, from 2.9.
        (
            "Receiver",
            "2.9",
            json!({ "type": "generic-oidc", "oidcProviders": [{}] }),
            vec![],
        ),
        (
            "Receiver",
            "2.9",
            json!({ "type": "github", "secretRef": name("a"), "oidcProviders": [] }),
            vec![],
        ),
        (
            "Receiver",
            "2.9",
            json!({ "type": "generic-oidc" }),
            vec!["at least one entry"],
        ),
        (
            "Receiver",
            "2.9",
            json!({ "type": "generic-oidc", "oidcProviders": [] }),
            vec!["at least one entry"],
        ),
        (
            "Receiver",
            "2.9",
            json!({ "type": "github", "secretRef": name("a"), "oidcProviders": [{}] }),
            vec!["goes only with the type"],
        ),
        (
            "Receiver",
            "2.9",
            json!({ "type": "generic-oidc", "oidcProviders": [{}], "secretRef": name("a") }),
            vec!["takes no `secretRef`"],
        ),
        (
            "Receiver",
            "2.9",
            json!({ "type": "github" }),
            vec!["needs a `secretRef`"],
        ),
        ("Receiver", "2.8", json!({ "type": "github" }), vec![]),
    ]
}

#[test]
fn conditions_hold_and_fail_as_the_cel_rules_do() {
    let mut broken = BTreeSet::new();
    for (kind, minor, spec, expected) in vectors() {
        let schema = Registry::get().kind(kind).expect("a kind");
        let minor = minor.parse().expect("a minor");
        let mut found = Vec::new();
        unmet(schema.root(), &spec, minor, &mut found);
        let fits = found.len() == expected.len()
            && found
                .iter()
                .zip(&expected)
                .all(|(message, words)| message.contains(words));
        assert!(
            fits,
            "{kind} in Flux {minor}: {spec}\n expected {expected:?}\n found {found:?}"
        );
        broken.extend(found.into_iter().map(|message| (kind, message)));
    }
    let mut untested = Vec::new();
    for kind in Registry::get().kinds() {
        for message in messages(kind) {
            if !broken
                .iter()
                .any(|(broken_kind, broken)| *broken_kind == kind.kind && *broken == message)
            {
                untested.push(format!("{}: {message}", kind.kind));
            }
        }
    }
    assert!(
        untested.is_empty(),
        "no vector breaks\n{}",
        untested.join("\n")
    );
}

fn messages(kind: &KindSchema) -> Vec<String> {
    fn collect(node: &SchemaNode, found: &mut Vec<String>) {
        // What controllers refuse is in `tests/controllers.rs`.
        let of_api = node
            .conditions
            .iter()
            .filter(|one| one.origin == Origin::Api);
        found.extend(of_api.map(|condition| condition.message.clone()));
        for child in node.properties.values().chain(&node.items) {
            collect(child, found);
        }
    }
    let mut found = Vec::new();
    collect(kind.root(), &mut found);
    found
}

/// A schema as any draft-07 validator reads it, with the definitions put inside.
fn draft_07(path: &Path) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let text = fs::read_to_string(folder.join(path)).expect("a schema");
    let text = text.replace("\"../definitions.json#", "\"#");
    let mut schema: Value = serde_json::from_str(&text).expect("JSON");
    let definitions = fs::read_to_string(folder.join("definitions.json")).expect("definitions");
    let definitions: Value = serde_json::from_str(&definitions).expect("JSON");
    schema["definitions"] = definitions["definitions"].clone();
    schema
}

#[test]
fn files_are_draft_07_and_their_examples_are_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let mut seen = 0;
    for kind in Registry::get().kinds() {
        let found = fs::read_dir(&folder)
            .expect("schemas")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .path()
                    .join(format!("{}.json", kind.kind))
            })
            .find(|path| path.exists())
            .expect("the kind's file");
        let schema = draft_07(&found);
        assert!(jsonschema::meta::is_valid(&schema), "{}", found.display());
        let validator = jsonschema::draft7::new(&schema).expect("a schema");
        let faults: Vec<String> = validator
            .iter_errors(&kind.example)
            .map(|fault| fault.to_string())
            .collect();
        assert!(faults.is_empty(), "{}: {faults:?}", kind.kind);
        for minor in FluxMinor::ALL
            .into_iter()
            .filter(|minor| kind.is_in(*minor))
        {
            let mut found = Vec::new();
            unmet(kind.root(), &kind.example, minor, &mut found);
            assert!(found.is_empty(), "{} in Flux {minor}: {found:?}", kind.kind);
        }
        seen += 1;
    }
    assert_eq!(seen, Registry::get().kinds().count());
}
