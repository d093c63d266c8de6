//! The JSON Schema of fluxgen.toml for editors: `schemas/settings.json` with the kinds' fields put in.
//!
//! It is wider than `fluxgen check`: any layer may leave out what another gives, so nothing of a spec is
//! required, and every value may be an expression, an include, a mark or `{ unset = true }`.

use serde_json::{Map, Value, json};

use super::{Additional, FluxMinor, Format, KindSchema, Registry, SchemaNode, Shorthand, Type};

pub(super) const SETTINGS: &str = include_str!("../../schemas/settings.json");

/// What an expression looks like, somewhere in a string.
const EXPRESSION: &str = r"\$\{\{";

/// What an expression or a variable that Flux substitutes looks like, somewhere in a string.
const VARIABLE: &str = r"\$\{";

/// The schema, as `fluxgen schema` prints it and `schemas/fluxgen.schema.json` holds it.
pub fn editor_schema() -> Value {
    let mut settings: Value = serde_json::from_str(SETTINGS).unwrap_or_default();
    let Some(root) = settings.as_object_mut() else {
        return settings;
    };
    let own_keys = take(root, "x-own-keys");
    let mut own_keys_of = take(root, "x-own-keys-of");
    let mut definitions = take(root, "definitions");
    if let Some(flux) = definitions.get_mut("flux") {
        computable(flux);
    }

    let registry = Registry::get();
    let mut sections: Vec<&str> = registry.sections();
    for section in &sections {
        let kinds: Vec<_> = registry.section(section).collect();
        let own = take(&mut own_keys_of, section);
        definitions.insert((*section).to_owned(), resource(&kinds, &own_keys, own));
    }
    if let Some(manifests) = definitions
        .get_mut("manifests")
        .and_then(|value| value.get_mut("properties"))
    {
        extend(manifests, own_keys);
    }
    sections.push("manifests");

    for definition in definitions.values_mut() {
        fill(definition, &sections);
    }
    root.insert("definitions".to_owned(), Value::Object(definitions));
    fill(&mut settings, &sections);
    if let Some(definitions) = settings.get_mut("definitions") {
        extend(definitions, shared());
    }
    settings
}

/// The same as text, as it is committed.
pub fn editor_schema_text() -> String {
    let mut text = format!("{:#}", editor_schema());
    text.push('\n');
    text
}

/// Lets expressions stand where a setting's own shape has no room for them.
fn computable(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else {
        return;
    };
    if let Some(properties) = map.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(computable);
        return;
    }
    let is_text = map.get("type") == Some(&json!("string")) && !map.contains_key("enum");
    if is_text {
        if let Some(Value::String(pattern)) = map.get_mut("pattern") {
            *pattern = format!("{pattern}|{EXPRESSION}");
        }
        return;
    }
    let shape = ["type", "enum", "items", "$ref"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), map.shift_remove(key)?)));
    let mut shape: Map<String, Value> = shape.collect();
    if let Some(items) = shape.get_mut("items") {
        computable(items);
    }
    map.insert(
        "anyOf".to_owned(),
        json!([shape, { "$ref": "#/definitions/computed" }]),
    );
}

/// Puts sections and specs where `settings.json` asks for them.
fn fill(schema: &mut Value, sections: &[&str]) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, sections)),
        Value::Object(map) => {
            for value in map.values_mut() {
                fill(value, sections);
            }
            if let Some(mode) = map.remove("x-sections") {
                let mode = mode.as_str().unwrap_or_default();
                let properties = map.entry("properties").or_insert_with(|| json!({}));
                extend(properties, section_properties(sections, mode));
            }
            if let Some(name) = map.remove("x-spec-of") {
                let kind = name.as_str().and_then(|name| Registry::get().kind(name));
                let properties = map.entry("properties").or_insert_with(|| json!({}));
                if let Some(kind) = kind {
                    extend(properties, fields(kind.root()));
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The sections as properties: of resources, of what groups and clusters change, or of defaults.
fn section_properties(sections: &[&str], mode: &str) -> Map<String, Value> {
    let mut properties = Map::new();
    for section in sections {
        let reference = json!({ "$ref": format!("#/definitions/{section}") });
        let without = |keys: &[&str]| {
            let banned: Vec<_> = keys
                .iter()
                .map(|key| json!({ "required": [key] }))
                .collect();
            json!({ "allOf": [reference.clone(), { "not": { "anyOf": banned } }] })
        };
        let description = section_description(section);
        let schema = match mode {
            "defaults" => without(&["clusters", "groups", "renamedFrom", "acknowledge"]),
            "overrides" => json!({
                "description": description,
                "type": "object",
                "additionalProperties": without(&["clusters", "groups"])
            }),
            _ => json!({
                "description": description,
                "type": "object",
                "additionalProperties": reference
            }),
        };
        match section.split_once('.') {
            None => {
                properties.insert((*section).to_owned(), schema);
            }
            Some((outer, inner)) => {
                let outer = properties.entry(outer).or_insert_with(|| {
                    json!({
                        "description": "What resources are made from, by kind of source.",
                        "type": "object",
                        "properties": {},
                        "additionalProperties": false
                    })
                });
                outer["properties"][inner] = schema;
            }
        }
    }
    if mode == "defaults" {
        common_fields(sections, &mut properties);
    }
    properties
}

/// For `[defaults]`: every field of any kind, by reference to where it is described.
fn common_fields(sections: &[&str], properties: &mut Map<String, Value>) {
    let mut places: Vec<(&str, Vec<Value>)> = Vec::new();
    for section in sections {
        for kind in Registry::get().section(section) {
            for key in kind.root().properties.keys() {
                let place = json!({ "$ref": format!("#/definitions/{section}/properties/{key}") });
                match places.iter_mut().find(|(known, _)| known == key) {
                    Some((_, places)) if places.contains(&place) => {}
                    Some((_, places)) => places.push(place),
                    None => places.push((key, vec![place])),
                }
            }
        }
    }
    for key in ["labels", "annotations"] {
        let place = json!({ "$ref": format!("#/definitions/manifests/properties/{key}") });
        places.push((key, vec![place]));
    }
    for (key, mut places) in places {
        let schema = match places.len() {
            1 => places.remove(0),
            _ => json!({ "anyOf": places }),
        };
        properties.entry(key).or_insert(schema);
    }
}

fn section_description(section: &str) -> String {
    let kinds: Vec<_> = Registry::get().section(section).collect();
    match kinds.as_slice() {
        [] => "Any other Kubernetes objects, by `name` or `namespace/name`.".to_owned(),
        kinds => {
            let names: Vec<_> = kinds.iter().map(|kind| kind.kind.as_str()).collect();
            let what: Vec<_> = kinds.iter().map(|kind| kind.description.as_str()).collect();
            format!(
                "{}, by `name` or `namespace/name`. {}",
                names.join(" and "),
                what.join(" ")
            )
        }
    }
}

/// A resource's table: the fields of its kinds (of the first that has one) and our own keys.
fn resource(
    kinds: &[&KindSchema],
    own_keys: &Map<String, Value>,
    own: Map<String, Value>,
) -> Value {
    let mut properties = Map::new();
    for kind in kinds {
        for (key, field) in fields(kind.root()) {
            properties.entry(key).or_insert(field);
        }
    }
    for (key, field) in own_keys.iter().chain(&own) {
        properties.entry(key.as_str()).or_insert(field.clone());
    }
    properties.insert("unset".to_owned(), json!({ "$ref": "#/definitions/unset" }));
    let description: Vec<_> = kinds.iter().map(|kind| kind.description.as_str()).collect();
    let docs = kinds.first().map_or("", |kind| kind.docs.as_str());
    json!({
        "description": description.join(" "),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "x-taplo": { "links": { "key": docs } }
    })
}

/// The fields of an object, with `source` where it can fill one of them.
fn fields(node: &SchemaNode) -> Map<String, Value> {
    let mut properties = Map::new();
    for (key, child) in &node.properties {
        properties.insert(key.clone(), field(child));
        if child.shorthand == Some(Shorthand::Source) {
            properties.insert(
                "source".to_owned(),
                json!({ "$ref": "#/definitions/source" }),
            );
        }
    }
    properties
}

/// One field: its own shape, or anything that becomes a value later.
fn field(node: &SchemaNode) -> Value {
    let mut schema = Map::new();
    if let Some(description) = description(node) {
        schema.insert("description".to_owned(), description.into());
    }
    if let Some(default) = node.fill.as_ref().or(node.default.as_ref()) {
        schema.insert("default".to_owned(), default.clone());
    }
    if node.is_deprecated {
        schema.insert("deprecated".to_owned(), true.into());
    }
    let keywords = node.keywords(FluxMinor::NEWEST);
    let shape = match node.kind {
        Type::String if !node.values.is_empty() => {
            let values: Vec<_> = node
                .values
                .iter()
                .map(|value| value.value.as_str())
                .chain(node.operator_values.iter().map(String::as_str))
                .collect();
            json!({ "anyOf": [{ "enum": values }, { "$ref": "#/definitions/computed" }] })
        }
        Type::String => match &keywords.pattern {
            Some(_) if node.format == Some(Format::Duration) => {
                let pattern = keywords
                    .pattern
                    .as_ref()
                    .map_or("", |pattern| pattern.as_str());
                let name = if pattern.contains('h') {
                    "duration"
                } else {
                    "durationWithoutHours"
                };
                json!({ "allOf": [{ "$ref": format!("#/definitions/{name}") }] })
            }
            Some(pattern) => json!({
                "allOf": [{ "$ref": "#/definitions/text" }],
                "pattern": format!("{}|{VARIABLE}", pattern.as_str())
            }),
            None => json!({ "allOf": [{ "$ref": "#/definitions/text" }] }),
        },
        Type::Boolean | Type::Integer => {
            json!({ "anyOf": [{ "type": node.kind.as_str() }, { "$ref": "#/definitions/computed" }] })
        }
        Type::Array => {
            let mut shape = json!({
                "type": ["array", "string", "object"],
                "pattern": EXPRESSION,
                "properties": {
                    "file": { "$ref": "#/definitions/file" },
                    "unset": { "$ref": "#/definitions/unset" }
                },
                "additionalProperties": false
            });
            if let Some(items) = &node.items {
                shape["items"] = field(items);
            }
            for (key, limit) in [
                ("minItems", keywords.min_items),
                ("maxItems", keywords.max_items),
            ] {
                if let Some(limit) = limit {
                    shape[key] = limit.into();
                }
            }
            shape
        }
        Type::Object => object(node),
    };
    if let Value::Object(shape) = shape {
        schema.extend(shape);
    }
    Value::Object(schema)
}

fn object(node: &SchemaNode) -> Value {
    let mut shape = json!({ "type": ["object", "string"] });
    if node.shorthand != Some(Shorthand::Name) {
        shape["pattern"] = EXPRESSION.into();
    }
    let mut properties = fields(node);
    properties.insert("unset".to_owned(), json!({ "$ref": "#/definitions/unset" }));
    match &node.additional {
        Additional::Closed => {
            properties.insert("file".to_owned(), json!({ "$ref": "#/definitions/file" }));
            shape["additionalProperties"] = false.into();
        }
        Additional::Each(each) => shape["additionalProperties"] = field(each),
        // Anything may stand there, `unset` and `file` as well.
        Additional::Free => return shape,
    }
    shape["properties"] = Value::Object(properties);
    shape
}

fn description(node: &SchemaNode) -> Option<String> {
    if node.description.is_empty() {
        return None;
    }
    let mut text = node.description.clone();
    if let Some(since) = node.since {
        text.push_str(&format!(" (since Flux {since})"));
    }
    if let Some(until) = node.until {
        text.push_str(&format!(" (before Flux {until})"));
    }
    let later: Vec<String> = node
        .values
        .iter()
        .filter_map(|value| Some(format!("`{}` since Flux {}", value.value, value.since?)))
        .collect();
    if !later.is_empty() {
        text.push_str(&format!(" ({})", later.join(", ")));
    }
    Some(text)
}

/// The shapes which values of ours have.
fn shared() -> Map<String, Value> {
    let references = json!({
        "file": { "$ref": "#/definitions/file" },
        "unset": { "$ref": "#/definitions/unset" },
        "imagePolicy": { "$ref": "#/definitions/imagePolicy" },
        "initial": { "description": "Value to start from; afterwards the one in the tree is kept.", "type": "string" }
    });
    let text = |pattern: Option<&str>| {
        let mut text = json!({
            "type": ["string", "object"],
            "properties": references,
            "additionalProperties": false
        });
        if let Some(pattern) = pattern {
            text["pattern"] = format!("{pattern}|{VARIABLE}").into();
        }
        text
    };
    let prefixes: Vec<_> = Registry::get()
        .sources()
        .filter_map(|kind| kind.shorthand.as_deref())
        .collect();
    let shapes = json!({
        "text": text(None),
        "duration": text(Some(r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$")),
        "durationWithoutHours": text(Some(r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$")),
        "computed": {
            "description": "An expression, a marked value, or `{ unset = true }`.",
            "type": ["string", "object"],
            "pattern": EXPRESSION,
            "properties": references,
            "additionalProperties": false
        },
        "source": {
            "description": "A source by its section and name, such as `git.podinfo`.",
            "type": ["string", "object"],
            "pattern": format!(r"^({})\.|{EXPRESSION}", prefixes.join("|")),
            "properties": { "unset": { "$ref": "#/definitions/unset" } },
            "additionalProperties": false
        },
        "file": { "description": "File beside this one whose content is taken.", "type": "string" },
        "unset": { "description": "Removes what lower layers say.", "const": true },
        "imagePolicy": { "description": "Policy that this value follows, `name`, `name:tag`, `name:name` or `name:digest`; the name may have a namespace in front.", "type": "string" }
    });
    match shapes {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn take(map: &mut Map<String, Value>, key: &str) -> Map<String, Value> {
    match map.shift_remove(key) {
        Some(Value::Object(taken)) => taken,
        _ => Map::new(),
    }
}

fn extend(target: &mut Value, with: Map<String, Value>) {
    if let Some(map) = target.as_object_mut() {
        for (key, value) in with {
            map.entry(key).or_insert(value);
        }
    }
}
