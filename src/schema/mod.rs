//! What Flux offers: one JSON Schema a kind, compiled into the binary, read once and looked up from everywhere.
//!
//! The files are under `schemas/`, their annotations are told in `schemas/README.md`.

mod compile;
mod condition;
pub mod core;
mod docs;
mod editor;
mod kind;
mod node;
mod scope;
mod setting_docs;
mod version;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::{Map, Value};

pub use compile::Fault;
pub use condition::{Condition, Origin, Subject};
pub use docs::{FieldDocs, UnknownPath};
pub use editor::{editor_schema, editor_schema_text};
pub use kind::KindSchema;
pub use node::{
    Additional, EnumValue, Format, Keywords, Pattern, Reference, SchemaNode, Shorthand, Target,
    Type,
};
pub use scope::Scope;
pub use setting_docs::{SettingDocs, setting, setting_names};
pub use version::{FluxMinor, NotAVersion, Pinned};

mod files {
    include!(concat!(env!("OUT_DIR"), "/schemas.rs"));
}

/// Every kind there is a schema for.
#[derive(Debug)]
pub struct Registry {
    /// In the order of documents in the output.
    kinds: Vec<KindSchema>,
    by_name: BTreeMap<String, usize>,
}

impl Registry {
    /// The built-in schemas.
    pub fn get() -> &'static Self {
        static REGISTRY: OnceLock<Registry> = OnceLock::new();
        REGISTRY.get_or_init(|| match Self::read() {
            Ok(registry) => registry,
            Err(fault) => unreachable!("the schemas are built in and tested: {fault}"),
        })
    }

    fn read() -> Result<Self, Fault> {
        static DEFINITIONS: OnceLock<Map<String, Value>> = OnceLock::new();
        let definitions = DEFINITIONS.get_or_init(|| {
            let file: Value = serde_json::from_str(files::DEFINITIONS).unwrap_or_default();
            file.get("definitions")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default()
        });
        let mut kinds = Vec::new();
        for (_, text) in files::SCHEMAS {
            kinds.push(KindSchema::read(text, definitions)?);
        }
        kinds.sort_by(|a, b| (a.order, &a.kind).cmp(&(b.order, &b.kind)));
        let by_name = kinds
            .iter()
            .enumerate()
            .map(|(index, kind)| (kind.kind.clone(), index))
            .collect();
        Ok(Self { kinds, by_name })
    }

    /// All kinds that have a section, in the order of documents in the output.
    pub fn kinds(&self) -> impl Iterator<Item = &KindSchema> {
        self.kinds.iter().filter(|kind| !kind.section.is_empty())
    }

    /// The kind of this name, such as `HelmRelease`.
    pub fn kind(&self, name: &str) -> Option<&KindSchema> {
        self.by_name.get(name).map(|index| &self.kinds[*index])
    }

    /// The kinds that one section of fluxgen.toml makes; two for `images`, none for an unknown one.
    pub fn section(&self, section: &str) -> impl Iterator<Item = &KindSchema> {
        self.kinds
            .iter()
            .filter(move |kind| kind.section == section)
    }

    /// The sections of fluxgen.toml that hold resources, each once, in order.
    pub fn sections(&self) -> Vec<&str> {
        let mut sections: Vec<&str> = Vec::new();
        for kind in self.kinds() {
            if !sections.contains(&kind.section.as_str()) {
                sections.push(&kind.section);
            }
        }
        sections
    }

    /// The source that `shorthand` stands for: `git` is GitRepository.
    pub fn source(&self, shorthand: &str) -> Option<&KindSchema> {
        self.sources()
            .find(|kind| kind.shorthand.as_deref() == Some(shorthand))
    }

    /// The kinds which `source = "…"` can name, in order.
    pub fn sources(&self) -> impl Iterator<Item = &KindSchema> {
        self.kinds.iter().filter(|kind| kind.shorthand.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `visit` with every node below `node` and its path.
    fn walk(node: &SchemaNode, path: &str, visit: &mut impl FnMut(&SchemaNode, &str)) {
        visit(node, path);
        for (key, child) in &node.properties {
            walk(child, &format!("{path}.{key}"), visit);
        }
        if let Some(items) = &node.items {
            walk(items, &format!("{path}[]"), visit);
        }
        if let Additional::Each(each) = &node.additional {
            walk(each, &format!("{path}{{}}"), visit);
        }
    }

    #[test]
    fn every_schema_compiles() {
        for kind in &Registry::get().kinds {
            if let Err(fault) = kind.compiled() {
                panic!("{}: {fault}", kind.kind);
            }
        }
    }

    #[test]
    fn the_file_of_a_kind_carries_its_name() {
        for (path, text) in files::SCHEMAS {
            let file: Value = serde_json::from_str(text).expect("JSON");
            let name = path.rsplit('/').next();
            assert_eq!(file["x-kind"].as_str(), name);
            assert_eq!(file["title"].as_str(), name);
        }
    }

    #[test]
    fn every_pattern_compiles_and_takes_ascii_for_what_it_is() {
        let texts = [
            "",
            "a",
            "é",
            "1h",
            "5m0s",
            "https://a.io/é",
            "oci://a",
            "a/b",
            "@a/b",
            "@artifact/é/é",
            "ab\n",
            "a b",
            "_",
            "-a",
            "0123456789abcdef",
            "../a",
        ];
        for kind in &Registry::get().kinds {
            walk(kind.root(), &kind.kind, &mut |node, path| {
                for minor in FluxMinor::ALL {
                    if let Some(pattern) = &node.keywords(minor).pattern {
                        let whole = pattern.whole();
                        let whole = whole.unwrap_or_else(|| panic!("{path}: {}", pattern.as_str()));
                        assert!(pattern.ascii().is_some(), "{path}: {}", pattern.as_str());
                        for text in texts {
                            assert_eq!(
                                pattern.is_match(text),
                                whole.is_match(text),
                                "{path} {text}"
                            );
                        }
                    }
                }
            });
        }
    }

    #[test]
    fn every_field_has_a_description() {
        for kind in &Registry::get().kinds {
            walk(kind.root(), &kind.kind, &mut |node, path| {
                let is_map_value = path.ends_with("{}") || path == kind.kind;
                assert!(is_map_value || node.description.ends_with('.'), "{path}");
            });
        }
    }

    #[test]
    fn references_name_fields_that_exist_and_kinds_that_the_field_accepts() {
        let mut seen = 0;
        for kind in Registry::get().kinds() {
            walk(kind.root(), &kind.kind, &mut |node, path| {
                let Some(reference) = &node.reference else {
                    return;
                };
                seen += 1;
                if node.kind == Type::String {
                    return;
                }
                let has = |field: &str| assert!(node.property(field).is_some(), "{path}.{field}");
                has(&reference.name_field);
                reference
                    .namespace_field
                    .iter()
                    .for_each(|field| has(field));
                reference.optional_field.iter().for_each(|field| has(field));
                if let Target::KindField(field) = &reference.target {
                    has(field);
                    let accepted = &node.properties[field].values;
                    for kind in &reference.kinds {
                        assert!(
                            accepted.iter().any(|value| value.value == *kind),
                            "{path}: {kind}"
                        );
                    }
                }
            });
        }
        assert!(seen > 50, "{seen}");
    }

    #[test]
    fn every_field_whose_name_ends_in_ref_is_a_reference() {
        for kind in Registry::get().kinds() {
            walk(kind.root(), &kind.kind, &mut |node, path| {
                let name = path.rsplit('.').next().unwrap_or_default();
                if name.ends_with("Ref") || name == "serviceAccountName" {
                    assert!(node.reference.is_some(), "{path}");
                }
            });
        }
    }

    #[test]
    fn api_versions_follow_the_minor() {
        let registry = Registry::get();
        let minor = |text: &str| text.parse().expect("a minor");
        let version = |kind: &str, text: &str| {
            registry
                .kind(kind)
                .and_then(|kind| kind.api_version(minor(text)))
        };
        assert_eq!(
            version("ImagePolicy", "2.6").as_deref(),
            Some("image.toolkit.fluxcd.io/v1beta2")
        );
        assert_eq!(
            version("ImagePolicy", "2.7").as_deref(),
            Some("image.toolkit.fluxcd.io/v1")
        );
        assert_eq!(
            version("Provider", "2.9").as_deref(),
            Some("notification.toolkit.fluxcd.io/v1beta3")
        );
        assert_eq!(version("ExternalArtifact", "2.6"), None);
    }

    #[test]
    fn kinds_are_found_by_section_and_shorthand() {
        let registry = Registry::get();
        let names = |section| {
            registry
                .section(section)
                .map(|kind| kind.kind.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(names("images"), ["ImageRepository", "ImagePolicy"]);
        assert_eq!(names("sources.git"), ["GitRepository"]);
        assert!(names("nothing").is_empty());
        assert_eq!(
            registry.source("oci").map(|kind| kind.kind.as_str()),
            Some("OCIRepository")
        );
        assert!(registry.source("images").is_none());
    }

    /// Source: the CRD of Flux Operator 0.58.
    #[test]
    fn a_flux_instance_has_the_fields_of_the_operators_crd() {
        let kind = Registry::get().kind("FluxInstance").expect("a kind");
        assert!(!Registry::get().sections().contains(&""));
        let mut leaves = Vec::new();
        walk(kind.root(), "", &mut |node, path| {
            let is_inner = !node.properties.is_empty()
                || node.items.is_some()
                || matches!(node.additional, Additional::Each(_));
            if !is_inner {
                leaves.push(path.trim_start_matches('.').to_owned());
            }
        });
        leaves.sort();
        let expected = [
            "cluster.domain",
            "cluster.multitenant",
            "cluster.multitenantWorkloadIdentity",
            "cluster.networkPolicy",
            "cluster.objectLevelWorkloadIdentity",
            "cluster.size",
            "cluster.tenantDefaultDecryptionServiceAccount",
            "cluster.tenantDefaultKubeConfigServiceAccount",
            "cluster.tenantDefaultServiceAccount",
            "cluster.type",
            "commonMetadata.annotations{}",
            "commonMetadata.labels{}",
            "components[]",
            "distribution.artifact",
            "distribution.artifactPullSecret",
            "distribution.imagePullSecret",
            "distribution.registry",
            "distribution.variant",
            "distribution.version",
            "kustomize.patches[].patch",
            "kustomize.patches[].target.annotationSelector",
            "kustomize.patches[].target.group",
            "kustomize.patches[].target.kind",
            "kustomize.patches[].target.labelSelector",
            "kustomize.patches[].target.name",
            "kustomize.patches[].target.namespace",
            "kustomize.patches[].target.version",
            "migrateResources",
            "sharding.key",
            "sharding.shards[]",
            "sharding.storage",
            "storage.class",
            "storage.size",
            "sync.interval",
            "sync.kind",
            "sync.name",
            "sync.path",
            "sync.provider",
            "sync.pullSecret",
            "sync.ref",
            "sync.url",
            "wait",
        ];
        assert_eq!(leaves, expected);
    }
}
