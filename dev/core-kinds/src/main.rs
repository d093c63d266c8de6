//! Condenses the OpenAPI documents of Kubernetes releases into `schemas/core-kinds.json`.
//!
//! `core-kinds FOLDER` reads `FOLDER/<minor>.json` and writes to standard output; README.md has the format.

mod expression;
mod required;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::{env, fs};

use serde_json::{Map, Value, json};

/// Minors whose fields are known; older documents only add kinds that are gone.
const OLDEST: u32 = 30;

#[derive(Default)]
struct Kind {
    is_namespaced: bool,
    definition: String,
    minors: BTreeSet<u32>,
}

#[derive(Default)]
struct Property {
    /// Of the newest minor that has it.
    is: String,
    minors: BTreeSet<u32>,
}

#[derive(Default)]
struct Type {
    properties: BTreeMap<String, Property>,
    minors: BTreeSet<u32>,
    /// What every minor requires.
    required: Option<BTreeSet<String>>,
}

#[derive(Default)]
struct Condensed {
    minors: BTreeSet<u32>,
    kinds: BTreeMap<String, Kind>,
    types: BTreeMap<String, Type>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args().nth(1).ok_or("usage: core-kinds FOLDER")?;
    let mut documents = BTreeMap::new();
    for entry in fs::read_dir(Path::new(&folder))? {
        let path = entry?.path();
        let minor = path
            .file_stem()
            .and_then(|stem| stem.to_str()?.parse::<u32>().ok());
        if let (Some(minor), Some("json")) = (minor, path.extension().and_then(|e| e.to_str())) {
            documents.insert(minor, path);
        }
    }
    let mut condensed = Condensed::default();
    for (minor, path) in documents {
        condensed.read(minor, &serde_json::from_slice(&fs::read(path)?)?);
    }
    print!("{}", condensed.write());
    Ok(())
}

impl Condensed {
    fn read(&mut self, minor: u32, document: &Value) {
        let empty = Map::new();
        let definitions = document["definitions"].as_object().unwrap_or(&empty);
        let by_kind = definitions_by_kind(definitions);
        for (path, methods) in document["paths"].as_object().unwrap_or(&empty) {
            let Some(of) = methods
                .get("post")
                .and_then(|post| post.get(GROUP_VERSION_KIND))
            else {
                continue;
            };
            // Subresources are of an object, so its name is in their path.
            let (key, kind) = (kind_key(of), text(&of["kind"]));
            if path.contains("{name}") || kind.ends_with("Options") {
                continue;
            }
            let Some(definition) = by_kind.get(&key) else {
                continue;
            };
            let entry = self.kinds.entry(key).or_default();
            entry.is_namespaced |= path.contains("/namespaces/{namespace}/");
            entry.definition = (*definition).to_owned();
            entry.minors.insert(minor);
        }
        if minor < OLDEST {
            return;
        }
        self.minors.insert(minor);
        for (name, definition) in definitions {
            if definition["properties"].is_object() {
                self.types
                    .entry(name.clone())
                    .or_default()
                    .read(minor, definition);
            }
        }
    }

    /// The types that a kind needs, from the kinds on.
    fn reached(&self) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut waiting: Vec<&str> = self
            .kinds
            .values()
            .map(|kind| kind.definition.as_str())
            .collect();
        while let Some(name) = waiting.pop() {
            let Some((name, of)) = self.types.get_key_value(name) else {
                continue;
            };
            if reached.insert(name.as_str()) {
                let refs = of
                    .properties
                    .values()
                    .filter_map(|property| property.is.split_once('#'));
                waiting.extend(refs.map(|(_, name)| name));
            }
        }
        reached
    }

    fn write(&self) -> String {
        let all = &self.minors;
        let kinds = self.kinds.iter().map(|(key, kind)| {
            let mut value = json!({ "namespaced": kind.is_namespaced });
            if kind.minors.iter().any(|minor| all.contains(minor)) {
                value["type"] = expression::short(&kind.definition).into();
            }
            span(&mut value, &kind.minors, all);
            (key.clone(), value)
        });
        let reached = self.reached();
        let types = self
            .types
            .iter()
            .filter(|(name, _)| reached.contains(name.as_str()));
        let types = types.map(|(name, of)| (expression::short(name), of.write(&self.types)));
        let minors: Vec<String> = all.iter().map(|minor| format!("1.{minor}")).collect();
        format!(
            "{{\n\"minors\": {},\n\"kinds\": {{\n{}\n}},\n\"types\": {{\n{}\n}}\n}}\n",
            json!(minors),
            lines(kinds),
            lines(types)
        )
    }
}

impl Type {
    fn read(&mut self, minor: u32, definition: &Value) {
        self.minors.insert(minor);
        for (name, schema) in definition["properties"].as_object().into_iter().flatten() {
            let property = self.properties.entry(name.clone()).or_default();
            property.is = match name.as_str() {
                // What is applied there is ignored.
                "status" if schema["$ref"].is_string() => "any".into(),
                _ => expression::of(schema),
            };
            property.minors.insert(minor);
        }
        let required = definition["required"].as_array().into_iter().flatten();
        let required = required.map(|name| text(name).to_owned()).collect();
        self.required = Some(match self.required.take() {
            Some(before) => before.intersection(&required).cloned().collect(),
            None => required,
        });
    }

    /// The fields that the server insists on.
    fn required(&self) -> impl Iterator<Item = &str> {
        let required = self.required.iter().flatten().map(String::as_str);
        required.filter(|name| {
            self.properties.get(*name).is_some_and(|property| {
                required::is_insisted_on(name, &property.is)
                    && property.minors.len() == self.minors.len()
            })
        })
    }

    fn write(&self, types: &BTreeMap<String, Type>) -> Value {
        let mut properties = Map::new();
        for (name, property) in &self.properties {
            let is = match property.is.split_once('#') {
                // Some types have no properties.
                Some((before, name)) if !types.contains_key(name) => format!("{before}table"),
                _ => expression::shortened(&property.is),
            };
            let mut value = json!({ "is": is });
            span(&mut value, &property.minors, &self.minors);
            let is_plain = value.as_object().is_some_and(|value| value.len() == 1);
            properties.insert(name.clone(), if is_plain { is.into() } else { value });
        }
        let mut value = json!({ "properties": properties });
        let mut required: Vec<&str> = self.required().collect();
        // A kind's `spec` is no pointer: one that is left out is an empty one.
        let spec = self
            .properties
            .get("spec")
            .and_then(|spec| types.get(spec.is.strip_prefix('#')?));
        let is_kind =
            self.properties.contains_key("apiVersion") && self.properties.contains_key("metadata");
        if is_kind
            && !required.contains(&"spec")
            && spec.is_some_and(|spec| spec.required().next().is_some())
        {
            required.push("spec");
        }
        if !required.is_empty() {
            value["required"] = json!(required);
        }
        value
    }
}

const GROUP_VERSION_KIND: &str = "x-kubernetes-group-version-kind";

fn definitions_by_kind(definitions: &Map<String, Value>) -> BTreeMap<String, &str> {
    let mut found = BTreeMap::new();
    for (name, definition) in definitions {
        // One that is of all groups is a parameter, such as DeleteOptions.
        if let Some([of]) = definition[GROUP_VERSION_KIND].as_array().map(Vec::as_slice) {
            found.insert(kind_key(of), name.as_str());
        }
    }
    found
}

fn kind_key(of: &Value) -> String {
    format!(
        "{}/{}/{}",
        text(&of["group"]),
        text(&of["version"]),
        text(&of["kind"])
    )
}

/// Adds `since` and `until` where not all minors have it.
fn span(value: &mut Value, minors: &BTreeSet<u32>, all: &BTreeSet<u32>) {
    if let (Some(first), Some(oldest)) = (minors.first(), all.first())
        && first > oldest
    {
        value["since"] = format!("1.{first}").into();
    }
    if let (Some(last), Some(newest)) = (minors.last(), all.last())
        && last < newest
    {
        value["until"] = format!("1.{last}").into();
    }
}

fn lines(rows: impl Iterator<Item = (String, Value)>) -> String {
    let rows: Vec<String> = rows
        .map(|(key, value)| format!("{}: {value}", json!(key)))
        .collect();
    rows.join(",\n")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
