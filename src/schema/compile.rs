//! From the JSON text of a schema to [`SchemaNode`]s. An unknown keyword is a fault, so that none is passed over.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::condition::Condition;
use super::node::{
    Additional, EnumValue, Format, Keywords, Pattern, Reference, SchemaNode, Shorthand, Target,
    Type,
};
use super::version::FluxMinor;
use crate::go::cel::{self, Scope};
use crate::node::OrderedMap;

/// What is wrong with a schema file. Only a schema of ours can have one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", path.join("."))]
pub struct Fault {
    path: Vec<String>,
    message: String,
}

const PREFIXES: [&str; 2] = ["../definitions.json#/definitions/", "#/definitions/"];

/// Keywords at the top of a file which tell of the kind and not of its spec.
const KIND_KEYWORDS: [&str; 13] = [
    "$schema",
    "title",
    "x-kind",
    "x-group",
    "x-api-version",
    "x-served-until",
    "x-component",
    "x-section",
    "x-name",
    "x-shorthand",
    "x-docs",
    "x-order",
    "examples",
];

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            path: Vec::new(),
            message: message.into(),
        }
    }

    fn below(mut self, step: &str) -> Self {
        self.path.insert(0, step.to_owned());
        self
    }
}

/// Compiles the spec of a kind from its file's top object.
pub(super) fn root(
    file: &Map<String, Value>,
    definitions: &Map<String, Value>,
) -> Result<SchemaNode, Fault> {
    let spec: Map<_, _> = file
        .iter()
        .filter(|(key, _)| !KIND_KEYWORDS.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    node(&spec, definitions)
}

/// Compiles one schema; what stands beside a `$ref` goes over what it refers to.
pub(super) fn node(
    map: &Map<String, Value>,
    definitions: &Map<String, Value>,
) -> Result<SchemaNode, Fault> {
    if let Some(target) = map.get("$ref") {
        let target = string("$ref", target)?;
        let name = PREFIXES
            .iter()
            .find_map(|prefix| target.strip_prefix(prefix));
        let shape = name
            .and_then(|name| definitions.get(name))
            .and_then(Value::as_object)
            .ok_or_else(|| Fault::new(format!("no definition for `{target}`")))?;
        let mut merged = shape.clone();
        for (key, value) in map.iter().filter(|(key, _)| *key != "$ref") {
            merged.insert(key.clone(), value.clone());
        }
        return node(&merged, definitions);
    }

    let mut reader = Reader::default();
    for (key, value) in map {
        reader.keyword(key, value, definitions)?;
    }
    reader.finish()
}

/// A node under way.
#[derive(Default)]
struct Reader {
    kind: Option<Type>,
    description: String,
    since: Option<FluxMinor>,
    until: Option<FluxMinor>,
    properties: OrderedMap<String, Arc<SchemaNode>>,
    additional: Option<Additional>,
    items: Option<Arc<SchemaNode>>,
    values: Vec<String>,
    values_since: Vec<(String, FluxMinor)>,
    conditions: Vec<Condition>,
    default: Option<Value>,
    fill: Option<Value>,
    fills_repository: bool,
    format: Option<Format>,
    cel: Option<Scope>,
    template_fields: Vec<String>,
    operator_values: Vec<String>,
    reference: Option<Reference>,
    shorthand: Option<Shorthand>,
    unique: Vec<String>,
    is_sensitive: bool,
    public_with: Vec<(String, Vec<String>)>,
    is_text: bool,
    is_deprecated: bool,
    preserve: bool,
    keywords: Keywords,
    versions: Vec<(FluxMinor, Option<FluxMinor>, Map<String, Value>)>,
}

impl Reader {
    fn keyword(
        &mut self,
        key: &str,
        value: &Value,
        definitions: &Map<String, Value>,
    ) -> Result<(), Fault> {
        match key {
            "type" => self.kind = Some(kind(key, value)?),
            "description" => self.description = string(key, value)?,
            "x-since" => self.since = Some(minor(key, value)?),
            "x-until" => self.until = Some(minor(key, value)?),
            "properties" => {
                for (name, value) in object(key, value)? {
                    let child = node(object(name, value)?, definitions)
                        .map_err(|fault| fault.below(name))?;
                    self.properties.insert(name.clone(), Arc::new(child));
                }
            }
            "items" => {
                let child =
                    node(object(key, value)?, definitions).map_err(|fault| fault.below("[]"))?;
                self.items = Some(Arc::new(child));
            }
            "additionalProperties" => {
                self.additional = Some(match value {
                    Value::Bool(false) => Additional::Closed,
                    Value::Object(map) => {
                        let child = node(map, definitions).map_err(|fault| fault.below("{}"))?;
                        Additional::Each(Arc::new(child))
                    }
                    _ => return Err(Fault::new("additionalProperties is false or a schema")),
                });
            }
            "x-preserve" => self.preserve = boolean(key, value)?,
            "enum" => self.values = strings(key, value)?,
            "x-enum-since" => {
                for (name, value) in object(key, value)? {
                    self.values_since.push((name.clone(), minor(name, value)?));
                }
            }
            "x-enum-operator" => self.operator_values = strings(key, value)?,
            "x-cel" => self.cel = Some(scope(object(key, value)?)?),
            "x-template-fields" => self.template_fields = strings(key, value)?,
            "allOf" => {
                for value in array(key, value)? {
                    self.conditions.push(Condition::read(object(key, value)?)?);
                }
            }
            "default" => self.default = Some(value.clone()),
            "x-default" => self.fill = Some(value.clone()),
            "x-default-source" => match string(key, value)?.as_str() {
                "repo" => self.fills_repository = true,
                other => return Err(Fault::new(format!("unknown x-default-source `{other}`"))),
            },
            "x-format" => {
                let name = string(key, value)?;
                let format = Format::ALL
                    .into_iter()
                    .find(|format| format.as_str() == name);
                self.format =
                    Some(format.ok_or_else(|| Fault::new(format!("unknown x-format `{name}`")))?);
            }
            "x-ref" => self.reference = Some(reference(object(key, value)?)?),
            "x-shorthand" => {
                self.shorthand = Some(match string(key, value)?.as_str() {
                    "source" => Shorthand::Source,
                    "name" => Shorthand::Name,
                    other => return Err(Fault::new(format!("unknown x-shorthand `{other}`"))),
                });
            }
            "x-unique" => self.unique = strings(key, value)?,
            "x-sensitive" => self.is_sensitive = boolean(key, value)?,
            "x-public-with" => {
                for (field, values) in object(key, value)? {
                    self.public_with
                        .push((field.clone(), strings(key, values)?));
                }
            }
            "x-text" => self.is_text = boolean(key, value)?,
            "deprecated" => self.is_deprecated = boolean(key, value)?,
            "x-versions" => {
                for value in array(key, value)? {
                    let entry = object(key, value)?;
                    let since = entry
                        .get("since")
                        .ok_or_else(|| Fault::new("x-versions without since"))?;
                    let until = entry
                        .get("until")
                        .map(|value| minor("until", value))
                        .transpose()?;
                    let keywords = entry
                        .get("keywords")
                        .ok_or_else(|| Fault::new("x-versions without keywords"))?;
                    let keywords = object("keywords", keywords)?.clone();
                    self.versions
                        .push((minor("since", since)?, until, keywords));
                }
            }
            _ => limit(&mut self.keywords, key, value)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<SchemaNode, Fault> {
        let kind = self.kind.ok_or_else(|| Fault::new("no type"))?;
        let properties = self.properties;
        let effective = |mut keywords: Keywords| {
            let has_default = |key: &String| {
                properties
                    .get(key)
                    .is_some_and(|node| node.default.is_some())
            };
            let declared = &keywords.declared_required;
            keywords.required = declared
                .iter()
                .filter(|key| !has_default(key))
                .cloned()
                .collect();
            keywords
        };
        let mut older = Vec::new();
        for (since, until, replaced) in self.versions {
            let mut keywords = self.keywords.clone();
            for (key, value) in &replaced {
                limit(&mut keywords, key, value)?;
            }
            older.push((since, until, effective(keywords)));
        }
        let newest = effective(self.keywords);
        let named = older
            .iter()
            .flat_map(|(_, _, keywords)| &keywords.declared_required);
        if let Some(key) = named
            .chain(&newest.declared_required)
            .find(|key| !properties.contains_key(*key))
        {
            return Err(Fault::new(format!("`{key}` is required but not described")));
        }
        if let Some((name, _)) = self
            .values_since
            .iter()
            .find(|(name, _)| !self.values.contains(name))
        {
            return Err(Fault::new(format!(
                "x-enum-since names `{name}`, which enum does not"
            )));
        }
        let values = self.values.into_iter().map(|value| EnumValue {
            since: self
                .values_since
                .iter()
                .find_map(|(name, since)| (*name == value).then_some(*since)),
            value,
        });
        let additional = match (self.preserve, self.additional) {
            (true, None) => Additional::Free,
            (false, Some(additional)) => additional,
            (false, None) if kind != Type::Object => Additional::Closed,
            _ => {
                return Err(Fault::new(
                    "an object needs either additionalProperties or x-preserve",
                ));
            }
        };
        if (kind == Type::Array) != self.items.is_some() {
            return Err(Fault::new("`items` and the type array go together"));
        }
        Ok(SchemaNode {
            kind,
            description: self.description,
            since: self.since,
            until: self.until,
            additional,
            items: self.items,
            values: values.collect(),
            conditions: self.conditions,
            default: self.default,
            fill: self.fill,
            fills_repository: self.fills_repository,
            format: self.format,
            cel: self.cel,
            template_fields: self.template_fields,
            operator_values: self.operator_values,
            reference: self.reference,
            shorthand: self.shorthand,
            unique: self.unique,
            is_sensitive: self.is_sensitive,
            public_with: self.public_with,
            is_text: self.is_text,
            is_deprecated: self.is_deprecated,
            newest,
            older,
            properties,
        })
    }
}

/// Sets one limit; null takes it away.
fn limit(keywords: &mut Keywords, key: &str, value: &Value) -> Result<(), Fault> {
    let count = || match value {
        Value::Null => Ok(None),
        _ => unsigned(key, value).map(Some),
    };
    let bound = || match value {
        Value::Null => Ok(None),
        _ => value
            .as_i64()
            .map(Some)
            .ok_or_else(|| Fault::new(format!("`{key}` is not an integer"))),
    };
    match key {
        "required" if value.is_null() => keywords.declared_required.clear(),
        "required" => keywords.declared_required = strings(key, value)?,
        "pattern" if value.is_null() => keywords.pattern = None,
        "pattern" => keywords.pattern = Some(Arc::new(Pattern::new(string(key, value)?))),
        "minLength" => keywords.min_length = count()?,
        "maxLength" => keywords.max_length = count()?,
        "minItems" => keywords.min_items = count()?,
        "maxItems" => keywords.max_items = count()?,
        "minimum" => keywords.minimum = bound()?,
        "maximum" => keywords.maximum = bound()?,
        _ => return Err(Fault::new(format!("unknown keyword `{key}`"))),
    }
    Ok(())
}

fn scope(map: &Map<String, Value>) -> Result<Scope, Fault> {
    let mut scope = Scope {
        variables: Vec::new(),
        result: None,
    };
    for (key, value) in map {
        match key.as_str() {
            "variables" => scope.variables = strings(key, value)?,
            "result" => {
                scope.result = Some(match string(key, value)?.as_str() {
                    "bool" => cel::Type::Bool,
                    "string" => cel::Type::String,
                    other => return Err(Fault::new(format!("unknown result `{other}` in x-cel"))),
                });
            }
            _ => return Err(Fault::new(format!("x-cel does not know `{key}`"))),
        }
    }
    Ok(scope)
}

fn reference(map: &Map<String, Value>) -> Result<Reference, Fault> {
    let mut target = None;
    let mut reference = Reference {
        target: Target::Kind(String::new()),
        kinds: Vec::new(),
        name_field: "name".to_owned(),
        namespace_field: None,
        optional_field: None,
        wildcard: false,
        relation: None,
    };
    for (key, value) in map {
        match key.as_str() {
            "kind" => target = Some(Target::Kind(string(key, value)?)),
            "kindField" => target = Some(Target::KindField(string(key, value)?)),
            "kinds" => reference.kinds = strings(key, value)?,
            "nameField" => reference.name_field = string(key, value)?,
            "namespaceField" => reference.namespace_field = Some(string(key, value)?),
            "optionalField" => reference.optional_field = Some(string(key, value)?),
            "wildcard" => reference.wildcard = boolean(key, value)?,
            "relation" => reference.relation = Some(string(key, value)?),
            _ => return Err(Fault::new(format!("x-ref does not know `{key}`"))),
        }
    }
    reference.target = target.ok_or_else(|| Fault::new("x-ref needs kind or kindField"))?;
    Ok(reference)
}

fn kind(key: &str, value: &Value) -> Result<Type, Fault> {
    let name = string(key, value)?;
    [
        Type::Object,
        Type::Array,
        Type::String,
        Type::Integer,
        Type::Boolean,
    ]
    .into_iter()
    .find(|kind| kind.as_str() == name)
    .ok_or_else(|| Fault::new(format!("unknown type `{name}`")))
}

pub(super) fn string(key: &str, value: &Value) -> Result<String, Fault> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Fault::new(format!("`{key}` is not a string")))
}

pub(super) fn strings(key: &str, value: &Value) -> Result<Vec<String>, Fault> {
    array(key, value)?
        .iter()
        .map(|value| string(key, value))
        .collect()
}

pub(super) fn minor(key: &str, value: &Value) -> Result<FluxMinor, Fault> {
    string(key, value)?
        .parse()
        .map_err(|error| Fault::new(format!("`{key}`: {error}")))
}

pub(super) fn unsigned(key: &str, value: &Value) -> Result<u64, Fault> {
    value
        .as_u64()
        .ok_or_else(|| Fault::new(format!("`{key}` is not a count")))
}

pub(super) fn object<'a>(key: &str, value: &'a Value) -> Result<&'a Map<String, Value>, Fault> {
    value
        .as_object()
        .ok_or_else(|| Fault::new(format!("`{key}` is not an object")))
}

pub(super) fn array<'a>(key: &str, value: &'a Value) -> Result<&'a Vec<Value>, Fault> {
    value
        .as_array()
        .ok_or_else(|| Fault::new(format!("`{key}` is not an array")))
}

fn boolean(key: &str, value: &Value) -> Result<bool, Fault> {
    value
        .as_bool()
        .ok_or_else(|| Fault::new(format!("`{key}` is not a boolean")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compile(schema: Value, definitions: Value) -> Result<SchemaNode, Fault> {
        let definitions = definitions.as_object().cloned().unwrap_or_default();
        node(schema.as_object().expect("an object"), &definitions)
    }

    #[test]
    fn an_unknown_keyword_is_a_fault_that_names_its_place() {
        let schema = json!({
            "type": "object",
            "properties": { "a": { "type": "string", "maxlength": 5 } },
            "additionalProperties": false
        });
        let fault = compile(schema, json!({})).expect_err("a fault");
        assert_eq!(fault.to_string(), "a: unknown keyword `maxlength`");
    }

    #[test]
    fn what_stands_beside_a_reference_goes_over_it() {
        let definitions =
            json!({ "d": { "type": "string", "description": "shared", "maxLength": 9 } });
        let node = compile(
            json!({ "$ref": "#/definitions/d", "description": "own" }),
            definitions,
        )
        .expect("a node");
        assert_eq!(node.description, "own");
        assert_eq!(node.keywords(FluxMinor::NEWEST).max_length, Some(9));
    }

    #[test]
    fn a_reference_to_nothing_is_a_fault() {
        let fault =
            compile(json!({ "$ref": "#/definitions/nope" }), json!({})).expect_err("a fault");
        assert!(fault.to_string().contains("#/definitions/nope"));
    }

    #[test]
    fn limits_of_older_versions_replace_or_remove() {
        let node = compile(
            json!({
                "type": "string", "pattern": "^new$", "maxLength": 5,
                "x-versions": [{ "since": "2.6", "until": "2.8", "keywords": { "pattern": null, "maxLength": 3 } }]
            }),
            json!({}),
        )
        .expect("a node");
        let old = node.keywords("2.7".parse().expect("a minor"));
        let new = node.keywords("2.8".parse().expect("a minor"));
        assert_eq!((old.pattern.is_some(), old.max_length), (false, Some(3)));
        assert_eq!((new.pattern.is_some(), new.max_length), (true, Some(5)));
    }

    #[test]
    fn a_required_field_with_a_default_need_not_be_set() {
        let node = compile(
            json!({
                "type": "object", "required": ["a", "b"], "additionalProperties": false,
                "properties": { "a": { "type": "string", "default": "x" }, "b": { "type": "string" } }
            }),
            json!({}),
        )
        .expect("a node");
        let keywords = node.keywords(FluxMinor::NEWEST);
        assert_eq!(keywords.required, ["b"]);
        assert_eq!(keywords.declared_required, ["a", "b"]);
    }

    #[test]
    fn a_required_field_without_a_description_of_it_is_a_fault() {
        let schema = json!({ "type": "object", "required": ["a"], "additionalProperties": false });
        assert!(compile(schema, json!({})).is_err());
    }
}
