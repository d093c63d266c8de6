//! `Resource` -> `Resource`: each holds to its kind's schema in the cluster's Flux version.
//!
//! Works on variants, so a fault that a thousand clusters share is found once.

mod condition;
pub(crate) mod core;
mod format;
mod meant;
pub(crate) mod metadata;
mod patch;

pub(crate) use condition::is_open;
use rayon::prelude::*;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::expand::{Expanded, Variant};
use crate::node::{Node, Table, Value};
use crate::resolve::Section;
use crate::resource::{Identity, Resource};
use crate::schema::{
    Additional, FluxMinor, Format, Keywords, KindSchema, Registry, SchemaNode, Type,
};
use crate::settings::Cluster;
use crate::settings::fields::{list, unknown_key};
use crate::source::Span;

/// Resources that hold to their schemas, but for the faults that were reported.
#[derive(Debug, Clone)]
pub struct Validated {
    pub expanded: Expanded,
}

/// Validates every variant once.
pub fn validate(expanded: Expanded, diagnostics: &mut Diagnostics) -> Validated {
    let found: Vec<Vec<Diagnostic>> = expanded
        .variants
        .par_iter()
        .map(|variant| {
            let cluster = &expanded.settings.clusters[variant.cluster];
            let mut found = Vec::new();
            for resource in &variant.resources {
                let mut validating = Validating {
                    variant,
                    cluster,
                    place: place_of(variant, resource),
                    is_yaml: false,
                    found: &mut found,
                };
                validating.resource(resource);
            }
            found
        })
        .collect();
    diagnostics.judge(true);
    diagnostics.extend(found.into_iter().flatten());
    Validated { expanded }
}

/// Validates a resource that comes from a cluster's settings and not from a section; faults without
/// a place of their own are shown at `span`.
pub(crate) fn validate_one(resource: &Resource, cluster: &Cluster, span: Span) -> Vec<Diagnostic> {
    let place = resource.identity.kind.clone();
    validate_at(resource, cluster, span, place, false)
}

/// Validates a resource of a YAML file that the cluster applies; texts with `${…}` that are left in it are not
/// judged. Faults without a place of their own are shown at `span`.
pub(crate) fn validate_yaml(resource: &Resource, cluster: &Cluster, span: Span) -> Vec<Diagnostic> {
    let place = resource.identity.to_string();
    validate_at(resource, cluster, span, place, true)
}

fn validate_at(
    resource: &Resource,
    cluster: &Cluster,
    span: Span,
    place: String,
    is_yaml: bool,
) -> Vec<Diagnostic> {
    let variant = Variant {
        section: Section::MANIFESTS,
        span,
        minor: cluster.flux.minor,
        version: cluster.flux.version.clone(),
        resources: Vec::new(),
        tests: Vec::new(),
        renamed_from: None,
        acknowledge: None,
        input: None,
        cluster: 0,
        flux_namespace: cluster.flux.namespace.clone(),
    };
    let mut found = Vec::new();
    let mut validating = Validating {
        variant: &variant,
        cluster,
        place,
        is_yaml,
        found: &mut found,
    };
    validating.resource(resource);
    found
}

/// The schema of a resource, if its kind and version have one.
pub(crate) fn schema_of(resource: &Resource, minor: FluxMinor) -> Option<&'static KindSchema> {
    let kind = Registry::get().kind(&resource.identity.kind)?;
    let is_ours = kind.group == resource.identity.group
        && kind
            .api_version(minor)
            .is_some_and(|version| version == resource.api_version);
    is_ours.then_some(kind)
}

struct Validating<'a> {
    variant: &'a Variant,
    /// The first cluster that has the variant.
    cluster: &'a Cluster,
    /// What messages call the resource: `kustomizations.apps`.
    place: String,
    /// The resource is from a YAML file, where paths start at the object and not at its spec.
    is_yaml: bool,
    found: &'a mut Vec<Diagnostic>,
}

impl Validating<'_> {
    fn resource(&mut self, resource: &Resource) {
        metadata::validate(self, resource);
        let Some(kind) = schema_of(resource, self.variant.minor) else {
            let registry = Registry::get();
            if let Some(kind) = registry
                .kind(&resource.identity.kind)
                .filter(|kind| kind.group == resource.identity.group)
            {
                self.wrong_api_version(resource, kind);
            } else {
                self.core(resource);
            }
            return;
        };
        if let Some(only) = &kind.only_name
            && *only != resource.identity.name
        {
            let span = resource
                .get(&["metadata", "name"])
                .map_or(Span::BUILT_IN, |name| name.span);
            let message = format!(
                "a {} can only be called `{only}`, not `{}`",
                kind.kind, resource.identity.name
            );
            let diagnostic = Diagnostic::error("wrong-name", message)
                .with_note("the API server refuses it")
                .with_help(format!("write `{}/{only}`", resource.identity.namespace));
            self.push(diagnostic, span);
        }
        match resource.get(&["spec"]) {
            Some(spec) => self.node(spec, kind.root(), if self.is_yaml { "spec" } else { "" }),
            None => self.push(
                Diagnostic::error("missing-field", format!("a {} needs `spec`", kind.kind))
                    .with_help("add `spec`"),
                resource.node.span,
            ),
        }
    }

    /// An object of a kind that is not Flux's.
    fn core(&mut self, resource: &Resource) {
        let place = core::CorePlace {
            name: &self.place,
            span: self.variant.span,
            cluster: &self.cluster.name.value,
            kubernetes: self.cluster.kubernetes,
            own_keys: crate::resolve::OWN_KEYS,
        };
        self.found.extend(core::validate(resource, place));
    }

    fn wrong_api_version(&mut self, resource: &Resource, kind: &KindSchema) {
        let version = &self.variant.version.value;
        let minor = self.variant.minor;
        let span = resource
            .get(&["apiVersion"])
            .map_or(Span::BUILT_IN, |node| node.span);
        let served = kind.api_version(minor);
        if let (Some(dropped), Some(served)) =
            (kind.dropped_in(&resource.api_version, minor), &served)
        {
            let diagnostic = Diagnostic::warning(
                "deprecated-api-version",
                format!(
                    "{} `{}` is deprecated; Flux {dropped} does not serve it any more",
                    kind.kind, resource.api_version
                ),
            )
            .with_note("its fields are not checked")
            .with_help(format!("write `{served}`"));
            self.push(diagnostic, span);
            return;
        }
        let is_newer = kind.is_newer(&resource.api_version, minor);
        if let Some(served) = served.as_ref().filter(|_| self.is_yaml && !is_newer) {
            let message = format!(
                "Flux {version} does not serve {} `{}`",
                kind.kind, resource.api_version
            );
            let diagnostic = Diagnostic::error("stale-api-version", message)
                .with_note("the API server refuses it, and Flux applies nothing of the Kustomization that holds it")
                .with_help(format!(
                    "write `{served}`; `flux migrate -f PATH` rewrites whole files"
                ));
            self.push(diagnostic, span);
            return;
        }
        let diagnostic = Diagnostic::error(
            "flux-version",
            format!(
                "Flux {version} does not serve {} `{}`",
                kind.kind, resource.api_version
            ),
        );
        let diagnostic = match served {
            Some(served) => diagnostic.with_help(format!("write `{served}`")),
            None => diagnostic.with_help("raise `flux.version`"),
        };
        self.push(diagnostic, span);
    }

    /// Whether a text of a YAML file has a variable whose value is not known here.
    pub(super) fn is_unknown(&self, text: &str) -> bool {
        self.is_yaml && condition::is_open(text)
    }

    /// Adds a finding at `span`, or at the resource's key where nothing was written.
    pub(super) fn push(&mut self, diagnostic: Diagnostic, span: Span) {
        let diagnostic = if span.is_built_in() {
            diagnostic.at(self.variant.span, "")
        } else {
            diagnostic.at(span, "")
        };
        self.found.push(diagnostic);
    }

    fn node(&mut self, node: &Node, schema: &SchemaNode, path: &str) {
        if schema.is_free() && schema.properties.is_empty() {
            // The API takes anything here, but Helm takes a table only.
            if !matches!(node.value, Value::Table(_)) {
                self.wrong_type(node, schema, path);
            }
            return;
        }
        match (schema.kind, node.value.scalar()) {
            (Type::Object, Value::Table(table)) => self.table(node, table, schema, path),
            (Type::Array, Value::Array(items)) => self.array(node, items, schema, path),
            (Type::String, Value::String(text)) => self.text(node, text, schema, path),
            (Type::Integer, Value::Integer(number)) => {
                let keywords = schema.keywords(self.variant.minor);
                self.number(node, *number, keywords, path);
            }
            (Type::Boolean, Value::Bool(_)) => {}
            _ => self.wrong_type(node, schema, path),
        }
    }

    fn wrong_type(&mut self, node: &Node, schema: &SchemaNode, path: &str) {
        // A substitution that is not known here decides the type as well.
        if node.as_str().is_some_and(|text| self.is_unknown(text)) {
            return;
        }
        let expected = match schema.kind {
            Type::Object => "a table",
            Type::Array => "an array",
            Type::String => "a string",
            Type::Integer => "an integer",
            Type::Boolean => "a boolean",
        };
        let mut diagnostic = crate::settings::fields::wrong_type(&self.name(path), node, expected);
        if let (Some(Format::Duration), Value::Integer(number)) = (schema.format, &node.value) {
            diagnostic.help = vec![format!("write a unit: `\"{number}s\"` or `\"{number}m\"`")];
        }
        if diagnostic.labels.is_empty() {
            diagnostic = diagnostic.at(self.variant.span, "");
        }
        self.found.push(diagnostic);
    }

    fn table(&mut self, node: &Node, table: &Table, schema: &SchemaNode, path: &str) {
        let minor = self.variant.minor;
        for (key, entry) in table.iter() {
            let inside = join(path, key);
            if let Some(property) = schema.property(key) {
                if property.is_in(minor) {
                    self.node(&entry.node, property, &inside);
                } else {
                    let diagnostic = self.needs(&format!("`{inside}`"), property.since);
                    self.push(
                        diagnostic.at(self.variant.version.span, "pinned here"),
                        entry.key,
                    );
                    let last = self.found.last_mut().expect("pushed just before");
                    last.labels.rotate_right(1);
                }
                continue;
            }
            match &schema.additional {
                Additional::Each(each) => self.node(&entry.node, each, &inside),
                Additional::Free => {}
                Additional::Closed => {
                    let mut known: Vec<&str> =
                        schema.properties_in(minor).map(|(key, _)| key).collect();
                    if path.is_empty() && self.place.contains(".policies.") {
                        known.extend(["labels", "annotations"]);
                    } else if path.is_empty() {
                        known.extend(crate::resolve::OWN_KEYS);
                    }
                    let has_shorthand =
                        |node: &std::sync::Arc<SchemaNode>| node.shorthand.is_some();
                    if !self.is_yaml && schema.properties.values().any(has_shorthand) {
                        known.push("source");
                    }
                    let place = self.name(path);
                    self.found
                        .push(unknown_key(&place, key, entry.key, known.iter().copied()));
                }
            }
        }
        let keywords = schema.keywords(minor);
        for field in &keywords.required {
            if !table.contains(field) {
                let inside = join(path, field);
                let mut diagnostic = Diagnostic::error(
                    "missing-field",
                    format!("`{}` needs `{field}`", self.name(path)),
                );
                diagnostic = match schema.property(field) {
                    Some(property) => diagnostic
                        .with_note(format!("`{inside}`: {}", property.description))
                        .with_help(format!("add {}", self.example(field, property))),
                    None => diagnostic.with_help(format!("add `{field}`")),
                };
                let newest = schema.keywords(FluxMinor::NEWEST);
                if !newest.required.contains(field) {
                    diagnostic = diagnostic.with_note(format!(
                        "Flux {minor} needs it, newer versions do not; cluster `{}` pins {}",
                        self.cluster.name.value, self.variant.version.value
                    ));
                }
                let span = if path.is_empty() {
                    self.variant.span
                } else {
                    node.span
                };
                self.push(diagnostic, span);
            }
        }
        self.conditions(node, schema, path);
        if let Some(format) = schema.format {
            format::table(self, format, node, table, path);
        }
    }

    fn needs(&self, what: &str, since: Option<FluxMinor>) -> Diagnostic {
        let version = &self.variant.version.value;
        let message = match since.filter(|since| *since > self.variant.minor) {
            Some(since) => format!(
                "{what} needs Flux {since}; cluster `{}` pins {version}",
                self.cluster.name.value
            ),
            None => format!(
                "{what} is gone from Flux {version}, which cluster `{}` pins",
                self.cluster.name.value
            ),
        };
        Diagnostic::error("flux-version", message)
            .with_help("raise `flux.version`, or set the field only for clusters that have it")
    }

    fn array(&mut self, node: &Node, items: &[Node], schema: &SchemaNode, path: &str) {
        let keywords = schema.keywords(self.variant.minor);
        let length = items.len() as u64;
        if let Some(least) = keywords.min_items.filter(|least| length < *least) {
            let message = format!(
                "`{}` needs at least {least} item{}",
                self.name(path),
                plural(least)
            );
            self.push(Diagnostic::error("wrong-value", message), node.span);
        }
        if let Some(most) = keywords.max_items.filter(|most| length > *most) {
            let message = format!("`{}` has {length} items, more than {most}", self.name(path));
            self.push(Diagnostic::error("wrong-value", message), node.span);
        }
        let Some(shape) = &schema.items else { return };
        for (at, item) in items.iter().enumerate() {
            self.node(item, shape, &format!("{path}[{at}]"));
        }
        if !schema.unique.is_empty() {
            self.unique(items, &schema.unique, path);
        }
    }

    fn unique(&mut self, items: &[Node], keys: &[String], path: &str) {
        for (at, item) in items.iter().enumerate() {
            let same = items[..at].iter().find(|other| {
                keys.iter()
                    .all(|key| match (item.get(key), other.get(key)) {
                        (Some(a), Some(b)) => a.value.same(&b.value),
                        _ => false,
                    })
            });
            if let Some(same) = same {
                let names = list(keys.iter().map(String::as_str));
                let diagnostic = Diagnostic::error(
                    "duplicate-item",
                    format!("two items of `{}` have the same {names}", self.name(path)),
                )
                .with_help("give each of them its own");
                self.push(diagnostic, item.span);
                let last = self.found.last_mut().expect("pushed just before");
                if !same.span.is_built_in() {
                    last.labels.push(crate::diagnostic::Label {
                        span: same.span,
                        message: "the other one".to_owned(),
                    });
                }
            }
        }
    }

    fn number(&mut self, node: &Node, number: i128, keywords: &Keywords, path: &str) {
        let low = keywords.minimum.filter(|least| number < i128::from(*least));
        let high = keywords.maximum.filter(|most| number > i128::from(*most));
        for (bound, word) in [(low, "at least"), (high, "at most")] {
            if let Some(bound) = bound {
                let message = format!("`{}` must be {word} {bound}, not {number}", self.name(path));
                self.push(Diagnostic::error("wrong-value", message), node.span);
            }
        }
    }

    fn text(&mut self, node: &Node, text: &str, schema: &SchemaNode, path: &str) {
        if self.is_unknown(text) {
            return;
        }
        let minor = self.variant.minor;
        if schema.takes_variables() && is_open(text) {
            // The rule `not-substituted` has the word.
            return;
        }
        if !schema.values.is_empty() {
            self.one_of(node, text, schema, path);
            return;
        }
        let keywords = schema.keywords(minor);
        let length = text.chars().count() as u64;
        if keywords.min_length.is_some_and(|least| length < least) {
            let message = format!("`{}` must not be empty", self.name(path));
            self.push(Diagnostic::error("wrong-value", message), node.span);
            return;
        }
        if let Some(most) = keywords.max_length.filter(|most| length > *most) {
            let message = format!(
                "`{}` has {length} characters, more than {most}",
                self.name(path)
            );
            self.push(Diagnostic::error("wrong-value", message), node.span);
        }
        let pattern = keywords.pattern.as_deref();
        // A password comes first: other messages quote the value.
        let is_told =
            schema.format != Some(Format::Url) && self.is_refused_text(node, text, schema);
        if is_told {
            return;
        }
        let is_told = match schema.format {
            Some(format) => format::text(self, format, node, text, schema, path),
            None => false,
        };
        let is_told = is_told
            || schema.format == Some(Format::Url) && self.is_refused_text(node, text, schema);
        if let Some(pattern) = pattern.filter(|pattern| !is_told && !pattern.is_match(text)) {
            let diagnostic = Diagnostic::error(
                "wrong-value",
                format!("`{text}` is not a valid value for `{}`", self.name(path)),
            )
            .with_note(format!("it must match `{}`", pattern.as_str()))
            .with_note(format!("`{path}`: {}", schema.description));
            self.push(diagnostic, node.span);
        }
    }

    fn one_of(&mut self, node: &Node, text: &str, schema: &SchemaNode, path: &str) {
        let minor = self.variant.minor;
        let accepted: Vec<&str> = schema
            .values_in(minor)
            .map(|value| value.value.as_str())
            .collect();
        // Whether the operator is there differs by cluster, and is a rule's business.
        if accepted.contains(&text) || schema.operator_values.iter().any(|value| value == text) {
            return;
        }
        if let Some(value) = schema.values.iter().find(|value| value.value == text) {
            let diagnostic = self
                .needs(&format!("`{path} = \"{text}\"`"), value.since)
                .at(self.variant.version.span, "pinned here");
            self.push(diagnostic, node.span);
            let last = self.found.last_mut().expect("pushed just before");
            last.labels.rotate_right(1);
            return;
        }
        let mut diagnostic = Diagnostic::error(
            "wrong-value",
            format!("`{text}` is not a valid value for `{}`", self.name(path)),
        );
        if let Some(near) = crate::diagnostic::nearest::nearest(text, accepted.iter().copied()) {
            diagnostic = diagnostic.with_help(format!("did you mean `{near}`?"));
        }
        diagnostic = diagnostic.with_help(format!("accepted: {}", list(accepted.into_iter())));
        self.push(diagnostic, node.span);
    }

    /// What to type for a missing field.
    fn example(&self, field: &str, schema: &SchemaNode) -> String {
        let value = match schema.kind {
            Type::Object if self.is_yaml => "{…}".to_owned(),
            Type::Object => "{ … }".to_owned(),
            Type::Array => "[…]".to_owned(),
            Type::Integer => "1".to_owned(),
            Type::Boolean => "true".to_owned(),
            Type::String => {
                let text = match schema.values_in(self.variant.minor).next() {
                    Some(value) => value.value.as_str(),
                    None if schema.format == Some(Format::Duration) => "10m",
                    None => "…",
                };
                match self.is_yaml {
                    true => text.to_owned(),
                    false => format!("\"{text}\""),
                }
            }
        };
        match self.is_yaml {
            true => format!("`{field}: {value}`"),
            false => format!("`{field} = {value}`"),
        }
    }

    /// What messages call a field: `kustomizations.apps` for the root, the path from there below.
    pub(super) fn name(&self, path: &str) -> String {
        if path.is_empty() {
            self.place.clone()
        } else {
            path.to_owned()
        }
    }
}

/// A resource's table in the TOML file, without the expressions of its key.
fn place_of(variant: &Variant, resource: &Resource) -> String {
    let key = |resource: &Resource| {
        let Identity {
            namespace, name, ..
        } = &resource.identity;
        match namespace.as_str() {
            "" => name.clone(),
            namespace if namespace == variant.flux_namespace => name.clone(),
            namespace => format!("\"{namespace}/{name}\""),
        }
    };
    let section = variant.section.as_str();
    match variant.resources.first() {
        // A policy of an image that has several.
        Some(first) if key(first) != key(resource) => {
            format!("{section}.{}.policies.{}", key(first), key(resource))
        }
        _ => format!("{section}.{}", key(resource)),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}
