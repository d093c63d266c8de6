//! A schema, compiled: references resolved, keywords typed, versions told apart.
//!
//! A validator walks a value beside these nodes for one Flux minor; nothing here looks at values.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::condition::Condition;
use super::version::FluxMinor;
use crate::go::cel::Scope;
use crate::node::OrderedMap;

/// One place in a kind's spec: a field, an item of an array, or a value of a map.
#[derive(Debug, Clone)]
pub struct SchemaNode {
    pub kind: Type,
    pub description: String,
    /// The minor that added it, where its parent is older; `None`: as old as its parent.
    pub since: Option<FluxMinor>,
    /// The minor that dropped it.
    pub until: Option<FluxMinor>,
    /// Fields in the order of the output.
    pub properties: OrderedMap<String, Arc<SchemaNode>>,
    pub additional: Additional,
    pub items: Option<Arc<SchemaNode>>,
    /// Accepted values; empty: any.
    pub values: Vec<EnumValue>,
    /// Values accepted as well where the Flux Operator installs Flux.
    pub operator_values: Vec<String>,
    pub conditions: Vec<Condition>,
    /// What the API server or the controller's defaulting fills in: for documentation only.
    pub default: Option<Value>,
    /// What fluxgen writes when the field is not set and its parent is.
    pub fill: Option<Value>,
    /// The field falls back to the repository itself as its source.
    pub fills_repository: bool,
    pub format: Option<Format>,
    /// What a CEL expression may use, where the controller compiles it; else it is only parsed.
    pub cel: Option<Scope>,
    /// The fields of a template's data; empty: not known.
    pub template_fields: Vec<String>,
    pub reference: Option<Reference>,
    pub shorthand: Option<Shorthand>,
    /// Keys by which no two items of this array may be equal.
    pub unique: Vec<String>,
    /// Values have to be masked where they are shown.
    pub is_sensitive: bool,
    /// Values of fields beside this one with which it is no secret.
    pub public_with: Vec<(String, Vec<String>)>,
    /// Text for people or for another language, in which `${` may be meant as it is.
    pub is_text: bool,
    pub is_deprecated: bool,
    pub(super) newest: Keywords,
    pub(super) older: Vec<(FluxMinor, Option<FluxMinor>, Keywords)>,
}

/// The JSON types that Flux's specs use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Object,
    Array,
    String,
    Integer,
    Boolean,
}

/// What stands beside the named properties of an object.
#[derive(Debug, Clone)]
pub enum Additional {
    /// Nothing: an unknown key is an error.
    Closed,
    /// Any key, each value of this shape.
    Each(Arc<SchemaNode>),
    /// Anything at all, as Helm's values.
    Free,
}

/// One accepted value of a field.
#[derive(Debug, Clone, PartialEq)]
pub struct EnumValue {
    pub value: String,
    pub since: Option<FluxMinor>,
}

/// Limits which can differ by Flux version. Lengths count Unicode scalar values, as the API server does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Keywords {
    /// Fields a user has to set, in output order: those declared, less those which have a default.
    pub required: Vec<String>,
    /// Fields that the CRD calls required, whatever their defaults.
    pub declared_required: Vec<String>,
    pub pattern: Option<Arc<Pattern>>,
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub min_items: Option<u64>,
    pub max_items: Option<u64>,
    pub minimum: Option<i64>,
    pub maximum: Option<i64>,
}

/// A regular expression of a CRD, compiled at first use. It matches anywhere unless anchored.
#[derive(Debug)]
pub struct Pattern {
    source: String,
    /// For texts of ASCII, nearly all: a fraction of the work to compile, and the same answers.
    ascii: OnceLock<Option<regex::bytes::Regex>>,
    whole: OnceLock<Option<regex::Regex>>,
}

/// A check that Go decides; `go` and `validate` know how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Duration,
    SemverRange,
    Regexp,
    Cel,
    GoTemplate,
    JsonPointer,
    LabelKey,
    LabelSelector,
    LabelValue,
    Patch,
    Url,
    Name,
    Namespace,
    Labels,
    Annotations,
}

/// A value which names another resource: the object with the fields, or the name itself as a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub target: Target,
    /// Kinds that can be meant; empty: whatever the kind's field accepts.
    pub kinds: Vec<String>,
    /// The field with the name.
    pub name_field: String,
    /// The field with the namespace; without it, or when it is not set, the resource's own.
    pub namespace_field: Option<String>,
    /// The field which, when true, lets the target be missing.
    pub optional_field: Option<String>,
    /// The name `*`, with labels or without, stands for many.
    pub wildcard: bool,
    /// A word for the edge, where it is more than "refers to": `dependsOn`.
    pub relation: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Kind(String),
    /// The field beside the name that holds the kind.
    KindField(String),
}

/// A shorter way to write a field in fluxgen.toml.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shorthand {
    /// The sibling key `source = "git.podinfo"` fills this field.
    Source,
    /// A string `name` or `namespace/name` stands for the object.
    Name,
}

impl SchemaNode {
    /// The field `key`, in whatever version it exists.
    pub fn property(&self, key: &str) -> Option<&Arc<SchemaNode>> {
        self.properties.get(key)
    }

    /// What a value under `key` has to be: a named field, or the shape of a map's values.
    pub fn child(&self, key: &str) -> Option<&Arc<SchemaNode>> {
        self.properties.get(key).or(match &self.additional {
            Additional::Each(node) => Some(node),
            Additional::Closed | Additional::Free => None,
        })
    }

    /// Whether `${name}` in the value can only be a variable that Flux substitutes.
    pub fn takes_variables(&self) -> bool {
        let is_language = matches!(
            self.format,
            Some(Format::Regexp | Format::Cel | Format::GoTemplate | Format::Patch)
        );
        self.kind == Type::String && !self.is_text && !is_language
    }

    pub fn is_in(&self, minor: FluxMinor) -> bool {
        minor.is_within(self.since, self.until)
    }

    /// The fields which this minor has, in output order.
    pub fn properties_in(
        &self,
        minor: FluxMinor,
    ) -> impl Iterator<Item = (&str, &Arc<SchemaNode>)> {
        self.properties
            .iter()
            .filter(move |(_, node)| node.is_in(minor))
            .map(|(key, node)| (key.as_str(), node))
    }

    /// The limits that hold in this minor.
    pub fn keywords(&self, minor: FluxMinor) -> &Keywords {
        self.older
            .iter()
            .find(|(since, until, _)| minor.is_within(Some(*since), *until))
            .map_or(&self.newest, |(_, _, keywords)| keywords)
    }

    /// The accepted values of this minor; nothing for a field that takes any.
    pub fn values_in(&self, minor: FluxMinor) -> impl Iterator<Item = &EnumValue> {
        self.values
            .iter()
            .filter(move |value| value.since.is_none_or(|since| minor >= since))
    }

    pub fn conditions_in(&self, minor: FluxMinor) -> impl Iterator<Item = &Condition> {
        self.conditions
            .iter()
            .filter(move |condition| condition.holds_in(minor))
    }

    /// Whether nothing is said about what is inside.
    pub fn is_free(&self) -> bool {
        matches!(self.additional, Additional::Free)
    }
}

impl Pattern {
    pub(super) fn new(source: String) -> Self {
        Self {
            source,
            ascii: OnceLock::new(),
            whole: OnceLock::new(),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether `text` has a match. A test sees to it that every pattern of the schemas compiles.
    pub fn is_match(&self, text: &str) -> bool {
        match self.ascii().filter(|_| text.is_ascii()) {
            Some(regex) => regex.is_match(text.as_bytes()),
            None => self.whole().is_some_and(|regex| regex.is_match(text)),
        }
    }

    pub(super) fn ascii(&self) -> Option<&regex::bytes::Regex> {
        let compile = || {
            let mut builder = regex::bytes::RegexBuilder::new(&self.source);
            builder.unicode(false).build().ok()
        };
        self.ascii.get_or_init(compile).as_ref()
    }

    pub(super) fn whole(&self) -> Option<&regex::Regex> {
        let compile = || regex::Regex::new(&self.source).ok();
        self.whole.get_or_init(compile).as_ref()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Type {
    /// The word of JSON Schema.
    pub fn as_str(self) -> &'static str {
        match self {
            Type::Object => "object",
            Type::Array => "array",
            Type::String => "string",
            Type::Integer => "integer",
            Type::Boolean => "boolean",
        }
    }
}

impl Format {
    /// The word after `x-format`.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Duration => "duration",
            Format::SemverRange => "semver-range",
            Format::Regexp => "regexp",
            Format::Cel => "cel",
            Format::GoTemplate => "go-template",
            Format::JsonPointer => "json-pointer",
            Format::LabelKey => "label-key",
            Format::LabelSelector => "label-selector",
            Format::LabelValue => "label-value",
            Format::Patch => "kustomize-patch",
            Format::Url => "url",
            Format::Name => "k8s-name",
            Format::Namespace => "k8s-namespace",
            Format::Labels => "labels",
            Format::Annotations => "annotations",
        }
    }

    pub(super) const ALL: [Self; 15] = [
        Format::Duration,
        Format::SemverRange,
        Format::Regexp,
        Format::Cel,
        Format::GoTemplate,
        Format::JsonPointer,
        Format::LabelKey,
        Format::LabelSelector,
        Format::LabelValue,
        Format::Patch,
        Format::Url,
        Format::Name,
        Format::Namespace,
        Format::Labels,
        Format::Annotations,
    ];
}
