//! What there is to say about fluxgen's own keys, for `fluxgen explain`: `schemas/settings.json`, read aloud.

use std::fmt::{self, Write as _};
use std::sync::OnceLock;

use serde_json::{Map, Value};

use super::docs::line;
use super::editor::SETTINGS;
use super::{Registry, UnknownPath};

/// One of fluxgen's own keys.
#[derive(Debug, Clone)]
pub struct SettingDocs {
    /// The path in fluxgen.toml: `clusters.NAME.flux.version`.
    pub path: String,
    schema: &'static Map<String, Value>,
    /// What is said where the key is used, before what is said of its shape.
    description: Option<&'static str>,
}

fn settings() -> &'static Map<String, Value> {
    static SETTING: OnceLock<Value> = OnceLock::new();
    static NONE: OnceLock<Map<String, Value>> = OnceLock::new();
    SETTING
        .get_or_init(|| serde_json::from_str(SETTINGS).unwrap_or_default())
        .as_object()
        .unwrap_or_else(|| NONE.get_or_init(Map::new))
}

/// What stands at the top level and is described with the kinds.
fn others() -> &'static Map<String, Value> {
    static OTHERS: OnceLock<Map<String, Value>> = OnceLock::new();
    OTHERS.get_or_init(|| {
        let others = serde_json::json!({
            "sources": {
                "description": "What resources are made from, by kind of source: `[sources.git.NAME]`.",
                "type": "object"
            },
            "manifests": {
                "description": "Any other Kubernetes objects, by `name` or `namespace/name`, written as they are; their schemas are not checked.",
                "type": "object",
                "additionalProperties": { "$ref": "#/definitions/manifests" }
            }
        });
        match others {
            Value::Object(others) => others,
            _ => Map::new(),
        }
    })
}

/// The names at the top level that are no kinds' sections.
pub fn setting_names() -> Vec<&'static str> {
    let properties = settings().get("properties").and_then(Value::as_object);
    let names = properties.into_iter().flat_map(Map::keys);
    names.chain(others().keys()).map(String::as_str).collect()
}

/// Finds one of fluxgen's own keys: `flux.version`, `clusters.prod.vars`, `kustomizations.groups`.
///
/// The name of a group, a cluster or a set may be left out.
pub fn setting(path: &str) -> Result<SettingDocs, UnknownPath> {
    let parts: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
    if let Some((section, rest)) = section(&parts) {
        let [name] = rest else {
            return Err(unknown(section, rest.first().unwrap_or(&""), Vec::new()));
        };
        let own = own_keys(section);
        let found = own.iter().find(|(key, _)| key == name);
        return match found {
            Some((key, schema)) => Ok(SettingDocs::new(format!("{section}.{key}"), schema)),
            None => Err(unknown(
                section,
                name,
                own.iter().map(|(key, _)| key.to_string()).collect(),
            )),
        };
    }
    if let [name] = parts.as_slice()
        && let Some((name, schema)) = others().iter().find(|(key, _)| key == name)
        && let Some(schema) = schema.as_object()
    {
        return Ok(SettingDocs::new(name.clone(), schema));
    }
    let mut docs = SettingDocs::new(String::new(), settings());
    for part in parts {
        docs = docs.below(part)?;
    }
    Ok(docs)
}

/// The section that a path begins with, and what follows; `manifests` has no kind of its own.
fn section<'p>(parts: &'p [&'p str]) -> Option<(&'static str, &'p [&'p str])> {
    let sections = Registry::get().sections().into_iter().chain(["manifests"]);
    sections.into_iter().find_map(|section| {
        let depth = section.split('.').count();
        let is_it = parts.len() > depth && parts[..depth].join(".") == section;
        is_it.then(|| (section, &parts[depth..]))
    })
}

/// fluxgen's own keys in the resources of a section.
pub(super) fn own_keys(section: &str) -> Vec<(&'static str, &'static Map<String, Value>)> {
    let root = settings();
    let all = root.get("x-own-keys");
    let own = root.get("x-own-keys-of").and_then(|own| own.get(section));
    let manifests = (section == "manifests")
        .then(|| root.get("definitions")?.get("manifests")?.get("properties"))
        .flatten();
    [own, manifests, all]
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .flatten()
        .filter_map(|(key, schema)| Some((key.as_str(), schema.as_object()?)))
        .collect()
}

fn unknown(within: &str, part: &str, known: Vec<String>) -> UnknownPath {
    UnknownPath::new(part.to_owned(), within.to_owned(), known)
}

impl SettingDocs {
    fn new(path: String, schema: &'static Map<String, Value>) -> Self {
        let mut docs = Self {
            path,
            schema,
            description: None,
        };
        while let Some(name) = docs.text("$ref") {
            docs.description = docs.description.or_else(|| docs.text("description"));
            let name = name.rsplit('/').next().unwrap_or_default();
            let shape = settings()
                .get("definitions")
                .and_then(|shapes| shapes.get(name)?.as_object());
            match shape {
                Some(shape) => docs.schema = shape,
                None => break,
            }
        }
        docs.description = docs.description.or_else(|| docs.text("description"));
        docs
    }

    fn text(&self, key: &str) -> Option<&'static str> {
        self.schema.get(key)?.as_str()
    }

    fn properties(&self) -> impl Iterator<Item = (&'static str, &'static Map<String, Value>)> {
        let properties = self.schema.get("properties").and_then(Value::as_object);
        properties
            .into_iter()
            .flatten()
            .filter_map(|(key, schema)| Some((key.as_str(), schema.as_object()?)))
    }

    fn below(&self, part: &str) -> Result<Self, UnknownPath> {
        let path = |part: &str| match self.path.as_str() {
            "" => part.to_owned(),
            path => format!("{path}.{part}"),
        };
        if let Some((key, schema)) = self.properties().find(|(key, _)| *key == part) {
            return Ok(Self::new(path(key), schema));
        }
        if let Some(each) = self.schema.get("additionalProperties")
            && let Some(each) = each.as_object()
        {
            let each = Self::new(path("NAME"), each);
            return each.below(part).or(Ok(each));
        }
        // Anything may stand in `vars`.
        if self.schema.get("additionalProperties").is_none() && self.properties().next().is_none() {
            return Ok(self.clone());
        }
        let known = self.properties().map(|(key, _)| key.to_owned());
        Err(unknown(&self.path, part, known.collect()))
    }

    /// Everything in plain lines, as `fluxgen explain` prints it.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("writing to a string");
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        match self.path.as_str() {
            "" => writeln!(out, "fluxgen.toml")?,
            path => writeln!(out, "{path} (fluxgen's own)")?,
        }
        if let Some(description) = self.description {
            writeln!(out, "\n{description}")?;
        }
        writeln!(out)?;
        line(out, "type", &type_of(self.schema))?;
        let holder = match self.schema.get("items").and_then(Value::as_object) {
            Some(items) => Self::new(String::new(), items),
            None => self.clone(),
        };
        let first = holder.schema.get("anyOf").and_then(|shapes| shapes.get(0));
        let values = holder
            .schema
            .get("enum")
            .or_else(|| first?.get("enum"))
            .and_then(Value::as_array);
        if let Some(values) = values {
            line(out, "values", &texts(values))?;
        }
        if let Some(default) = self.schema.get("default") {
            line(out, "default", &plain(default))?;
        }
        if let Some(pattern) = holder.text("pattern") {
            line(out, "pattern", pattern)?;
        }
        let each = self
            .schema
            .get("additionalProperties")
            .and_then(Value::as_object);
        let held = match each {
            Some(each) => Self::new(String::new(), each),
            None => self.clone(),
        };
        if held.schema.contains_key("x-sections") || self.path == "sources" {
            let sections = Registry::get().sections();
            let (sources, others): (Vec<&str>, Vec<&str>) = sections
                .into_iter()
                .partition(|section| section.starts_with("sources."));
            let sections = match self.path.as_str() {
                "sources" => sources,
                _ => others.into_iter().chain(sources).collect(),
            };
            line(out, "sections", &sections.join(", "))?;
        }
        let keys: Vec<_> = held.properties().collect();
        if keys.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nkeys:")?;
        write_keys(out, &keys)
    }
}

/// A line a key, with what it is.
pub(super) fn write_keys(
    out: &mut String,
    keys: &[(&'static str, &'static Map<String, Value>)],
) -> fmt::Result {
    let width = keys.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    for (key, schema) in keys {
        let docs = SettingDocs::new(String::new(), schema);
        writeln!(
            out,
            "  {key:width$}  {}",
            docs.description.unwrap_or_default()
        )?;
    }
    Ok(())
}

fn type_of(schema: &'static Map<String, Value>) -> String {
    let word = |word: &str| if word == "object" { "table" } else { word }.to_owned();
    match schema.get("type") {
        Some(Value::String(kind)) if kind == "array" => {
            let items = schema.get("items").and_then(Value::as_object);
            let items = items.map(|items| SettingDocs::new(String::new(), items));
            let of = items.map_or("anything".to_owned(), |items| type_of(items.schema));
            format!("array of {of}")
        }
        Some(Value::String(kind))
            if kind == "object"
                && schema
                    .get("additionalProperties")
                    .is_some_and(Value::is_object) =>
        {
            "table by name".to_owned()
        }
        Some(Value::String(kind)) => word(kind),
        Some(Value::Array(kinds)) => {
            let kinds: Vec<String> = kinds.iter().filter_map(Value::as_str).map(word).collect();
            kinds.join(" or ")
        }
        _ if schema.contains_key("enum") => "string".to_owned(),
        _ => match schema.get("anyOf").and_then(Value::as_array) {
            Some(shapes) => {
                let shapes: Vec<String> = shapes
                    .iter()
                    .filter_map(Value::as_object)
                    .map(type_of)
                    .collect();
                shapes.join(" or ")
            }
            None => "anything".to_owned(),
        },
    }
}

fn texts(values: &[Value]) -> String {
    values.iter().map(plain).collect::<Vec<_>>().join(", ")
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_something_to_say() {
        fn walk(docs: &SettingDocs, seen: &mut usize) {
            let keys: Vec<_> = docs.properties().collect();
            for (key, _) in keys {
                let below = docs.below(key).expect(key);
                assert!(below.description.is_some(), "{}", below.path);
                *seen += 1;
                walk(&below, seen);
            }
            if docs
                .schema
                .get("additionalProperties")
                .is_some_and(Value::is_object)
            {
                walk(&docs.below("anything").expect("a name"), seen);
            }
        }
        let mut seen = 0;
        walk(&SettingDocs::new(String::new(), settings()), &mut seen);
        assert!(seen > 60, "{seen}");
    }

    #[test]
    fn the_defaults_of_the_installation_are_those_that_are_taken() {
        use crate::settings::flux::{DEFAULT_COMPONENTS, DEFAULT_VERSION};
        let default = |path: &str| setting(path).expect(path).schema["default"].clone();
        assert_eq!(default("flux.version"), DEFAULT_VERSION);
        assert_eq!(
            default("flux.components"),
            serde_json::json!(DEFAULT_COMPONENTS)
        );
    }

    #[test]
    fn settings_are_found_with_and_without_the_names_of_users() {
        for (path, found) in [
            ("flux.version", "flux.version"),
            ("clusters", "clusters"),
            ("clusters.staging", "clusters.NAME"),
            (
                "clusters.staging.flux.sync.interval",
                "clusters.NAME.flux.sync.interval",
            ),
            ("groups.priority", "groups.NAME.priority"),
            ("vars.a.b", "vars"),
            ("kustomizations.clusters", "kustomizations.clusters"),
            ("sources.git.groups", "sources.git.groups"),
            ("images.expect", "images.expect"),
            ("manifests.kind", "manifests.kind"),
            ("manifests", "manifests"),
            ("sources", "sources"),
        ] {
            assert_eq!(setting(path).expect(path).path, found);
        }
        assert_eq!(
            setting("flux.versoin")
                .expect_err("unknown")
                .nearest
                .as_deref(),
            Some("version")
        );
        assert_eq!(
            setting("kustomizations.cluster")
                .expect_err("unknown")
                .nearest
                .as_deref(),
            Some("clusters")
        );
    }
}
