//! A kind of Flux: where it stands in fluxgen.toml, what it is called in the API, and its spec.

use std::sync::OnceLock;

use serde_json::{Map, Value};

use super::compile::{self, Fault, minor, object, string};
use super::node::SchemaNode;
use super::version::FluxMinor;

/// One of Flux's kinds, from one file under `schemas/`.
#[derive(Debug)]
pub struct KindSchema {
    pub kind: String,
    pub description: String,
    /// The API group, such as `kustomize.toolkit.fluxcd.io`.
    pub group: String,
    /// The version of the group from each minor on, oldest first.
    pub api_versions: Vec<(FluxMinor, String)>,
    /// Versions that are served but not written any more, each with the minor that dropped it.
    pub served_until: Vec<(String, FluxMinor)>,
    /// The minor that added the kind; `None`: older than all of them.
    pub since: Option<FluxMinor>,
    /// The minor that dropped the kind.
    pub until: Option<FluxMinor>,
    /// The controller that has to be installed; empty for a kind of another project.
    pub component: String,
    /// The section of fluxgen.toml which holds it: `kustomizations`, `sources.git`. Empty for a kind that
    /// only `[manifests]` can hold.
    pub section: String,
    /// The one name that an object of this kind can have.
    pub only_name: Option<String>,
    /// For sources, the word before the dot in `source = "git.podinfo"`.
    pub shorthand: Option<String>,
    /// Flux's page about the kind.
    pub docs: String,
    /// A good spec.
    pub example: Value,
    /// The place among the kinds.
    pub order: u64,
    file: Map<String, Value>,
    definitions: &'static Map<String, Value>,
    root: OnceLock<Result<SchemaNode, Fault>>,
}

impl KindSchema {
    pub(super) fn read(
        text: &str,
        definitions: &'static Map<String, Value>,
    ) -> Result<Self, Fault> {
        let file: Value =
            serde_json::from_str(text).map_err(|error| Fault::new(error.to_string()))?;
        let Value::Object(file) = file else {
            return Err(Fault::new("a schema is an object"));
        };
        let field = |key: &str| {
            file.get(key)
                .ok_or_else(|| Fault::new(format!("`{key}` is missing")))
        };
        let text = |key: &str| string(key, field(key)?);
        let mut api_versions = Vec::new();
        for (since, version) in object("x-api-version", field("x-api-version")?)? {
            let since = minor("x-api-version", &Value::from(since.as_str()))?;
            api_versions.push((since, string("x-api-version", version)?));
        }
        api_versions.sort();
        let mut served_until = Vec::new();
        if let Some(versions) = file.get("x-served-until") {
            for (version, until) in object("x-served-until", versions)? {
                served_until.push((version.clone(), minor("x-served-until", until)?));
            }
        }
        let optional_minor = |key: &str| file.get(key).map(|value| minor(key, value)).transpose();
        let optional = |key: &str| file.get(key).map(|value| string(key, value)).transpose();
        let shorthand = optional("x-shorthand")?;
        Ok(Self {
            kind: text("x-kind")?,
            description: text("description")?,
            group: text("x-group")?,
            api_versions,
            served_until,
            since: optional_minor("x-since")?,
            until: optional_minor("x-until")?,
            component: optional("x-component")?.unwrap_or_default(),
            section: optional("x-section")?.unwrap_or_default(),
            only_name: optional("x-name")?,
            shorthand,
            docs: text("x-docs")?,
            example: field("examples")?.get(0).cloned().unwrap_or_default(),
            order: compile::unsigned("x-order", field("x-order")?)?,
            definitions,
            root: OnceLock::new(),
            file,
        })
    }

    /// The apiVersion to write for this minor, `kustomize.toolkit.fluxcd.io/v1`; `None` where the kind is missing.
    pub fn api_version(&self, minor: FluxMinor) -> Option<String> {
        if !self.is_in(minor) {
            return None;
        }
        let (_, version) = self
            .api_versions
            .iter()
            .rev()
            .find(|(since, _)| minor >= *since)?;
        Some(format!("{}/{version}", self.group))
    }

    /// The minor that will drop this older apiVersion; `None` where `minor` does not serve it.
    pub fn dropped_in(&self, api_version: &str, minor: FluxMinor) -> Option<FluxMinor> {
        let (group, version) = api_version.split_once('/')?;
        let (_, until) = self
            .served_until
            .iter()
            .find(|(served, _)| served == version)?;
        (group == self.group && minor < *until).then_some(*until)
    }

    /// Whether an apiVersion is one that only a later minor has.
    pub fn is_newer(&self, api_version: &str, minor: FluxMinor) -> bool {
        let later = self.api_versions.iter().filter(|(since, _)| *since > minor);
        later
            .map(|(_, version)| format!("{}/{version}", self.group))
            .any(|version| version == api_version)
    }

    /// What paths into it begin with: its section, or its name where it has none.
    pub(super) fn place(&self) -> &str {
        match self.section.as_str() {
            "" => &self.kind,
            section => section,
        }
    }

    pub fn is_in(&self, minor: FluxMinor) -> bool {
        minor.is_within(self.since, self.until)
    }

    /// The spec. Compiled at first use, since most runs need few kinds.
    pub fn root(&self) -> &SchemaNode {
        match self.compiled() {
            Ok(root) => root,
            Err(fault) => unreachable!(
                "the schema of {} is built in and tested: {fault}",
                self.kind
            ),
        }
    }

    pub(super) fn compiled(&self) -> Result<&SchemaNode, &Fault> {
        self.root
            .get_or_init(|| compile::root(&self.file, self.definitions))
            .as_ref()
    }
}
