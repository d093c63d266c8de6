//! Reads `schemas/core-kinds.json`, line by line and on demand.
//!
//! Its format is described in `dev/core-kinds/README.md`.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::Value;

use super::KubernetesMinor;

static TEXT: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/schemas/core-kinds.json"
));

/// The minors that have a kind or a field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lifetime {
    /// The first one, where the oldest known minor lacks it.
    pub(crate) since: Option<KubernetesMinor>,
    /// The last one, where the newest known minor lacks it.
    pub(crate) until: Option<KubernetesMinor>,
}

/// A version of a built-in kind.
#[derive(Debug)]
pub(crate) struct CoreKind {
    /// The name of its type; `None` for one that no known minor has.
    pub(crate) of_type: Option<String>,
    pub(crate) lifetime: Lifetime,
}

/// The properties of a table.
#[derive(Debug)]
pub(crate) struct CoreType {
    pub(crate) properties: HashMap<String, CoreProperty>,
    pub(crate) required: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct CoreProperty {
    pub(crate) shape: Shape,
    pub(crate) lifetime: Lifetime,
}

/// What a value has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    Any,
    Text,
    Boolean,
    Number,
    Integer {
        bits: u32,
    },
    /// Text in base64.
    Bytes,
    IntOrText,
    Quantity,
    /// A table of any content.
    Free,
    Type(String),
    /// A table of a type, or something else.
    Perhaps(String),
    /// Items that differ in their keys, each with its default; without keys they need not.
    List {
        keys: Vec<(String, Option<String>)>,
        item: Box<Shape>,
    },
    Map(Box<Shape>),
}

/// Every version of every built-in kind.
#[derive(Debug)]
pub(super) struct Kinds {
    /// Group and kind, in the order of their names, then the versions.
    by_group: HashMap<&'static str, Vec<(&'static str, &'static str, CoreKind)>>,
}

impl Lifetime {
    pub(crate) fn includes(self, minor: KubernetesMinor) -> bool {
        self.since.is_none_or(|since| minor >= since)
            && self.until.is_none_or(|until| minor <= until)
    }

    fn read(value: &Value) -> Self {
        let minor = |key: &str| KubernetesMinor::of(value.get(key)?.as_str()?);
        Self {
            since: minor("since"),
            until: minor("until"),
        }
    }
}

impl Kinds {
    pub(super) fn get() -> &'static Self {
        static KINDS: OnceLock<Kinds> = OnceLock::new();
        KINDS.get_or_init(Self::read)
    }

    fn read() -> Self {
        let mut by_group: HashMap<_, Vec<_>> = HashMap::new();
        for (key, text) in rows("kinds") {
            let (group, rest) = key.split_once('/').expect(SOUND);
            let (version, kind) = rest.split_once('/').expect(SOUND);
            let value = parse(text);
            let known = CoreKind {
                of_type: value["type"].as_str().map(str::to_owned),
                lifetime: Lifetime::read(&value),
            };
            by_group
                .entry(group)
                .or_default()
                .push((version, kind, known));
        }
        Self { by_group }
    }

    /// Versions of one kind, in the order of their names.
    pub(super) fn of(
        &self,
        group: &str,
        kind: &str,
    ) -> impl Iterator<Item = (&'static str, &CoreKind)> {
        let of_group = self.by_group.get(group).into_iter().flatten();
        of_group
            .filter(move |(_, name, _)| *name == kind)
            .map(|(version, _, known)| (*version, known))
    }

    /// The kinds of a group; a kind comes once for each of its versions.
    pub(super) fn in_group(
        &self,
        group: &str,
    ) -> impl Iterator<Item = (&'static str, &CoreKind)> + Clone {
        let of_group = self.by_group.get(group).into_iter().flatten();
        of_group.map(|(_, kind, known)| (*kind, known))
    }

    /// The groups, in the order of their names.
    pub(super) fn groups(&self) -> Vec<&'static str> {
        let mut groups: Vec<&str> = self.by_group.keys().copied().collect();
        groups.sort_unstable();
        groups
    }
}

/// The type of a name from the data.
pub(crate) fn core_type(name: &str) -> &'static CoreType {
    struct Row {
        text: &'static str,
        parsed: OnceLock<CoreType>,
    }
    static TYPES: OnceLock<HashMap<&'static str, Row>> = OnceLock::new();
    let types = TYPES.get_or_init(|| {
        let row = |text| Row {
            text,
            parsed: OnceLock::new(),
        };
        rows("types")
            .map(|(name, text)| (name, row(text)))
            .collect()
    });
    let row = types.get(name).expect(SOUND);
    row.parsed.get_or_init(|| CoreType::read(&parse(row.text)))
}

impl CoreType {
    fn read(value: &Value) -> Self {
        let properties = value["properties"].as_object().expect(SOUND);
        let properties = properties.iter().map(|(name, value)| {
            let shape = value
                .as_str()
                .or_else(|| value["is"].as_str())
                .expect(SOUND);
            let property = CoreProperty {
                shape: Shape::read(shape),
                lifetime: Lifetime::read(value),
            };
            (name.clone(), property)
        });
        let required = value
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        Self {
            properties: properties.collect(),
            required: required
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        }
    }
}

impl Shape {
    fn read(text: &str) -> Self {
        if let Some(name) = text.strip_prefix('#') {
            return Self::Type(name.to_owned());
        }
        if let Some(name) = text.strip_prefix("?#") {
            return Self::Perhaps(name.to_owned());
        }
        if let Some(values) = text.strip_prefix("{}") {
            return Self::Map(Box::new(Self::read(values)));
        }
        if let Some((keys, item)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let keys = keys.split(',').filter(|key| !key.is_empty());
            let keys = keys.map(|key| match key.split_once('=') {
                Some((key, default)) => (key.to_owned(), Some(default.to_owned())),
                None => (key.to_owned(), None),
            });
            return Self::List {
                keys: keys.collect(),
                item: Box::new(Self::read(item)),
            };
        }
        match text {
            "string" => Self::Text,
            "boolean" => Self::Boolean,
            "number" => Self::Number,
            "int32" => Self::Integer { bits: 32 },
            "integer" => Self::Integer { bits: 64 },
            "byte" => Self::Bytes,
            "int-or-string" => Self::IntOrText,
            "quantity" => Self::Quantity,
            "table" => Self::Free,
            "any" => Self::Any,
            other => unreachable!("`{other}` in the data"),
        }
    }
}

const SOUND: &str = "the data is built in, and a test reads all of it";

/// Keys and values of one of the tables of the file.
fn rows(table: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let start = format!("\"{table}\": {{");
    let lines = TEXT.lines().skip_while(move |line| *line != start).skip(1);
    lines.take_while(|line| line.starts_with('"')).map(|line| {
        line[1..]
            .trim_end_matches(',')
            .split_once("\": ")
            .expect(SOUND)
    })
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect(SOUND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_the_data_can_be_read_and_every_type_is_there() {
        let file: Value = serde_json::from_str(TEXT).expect("it is JSON");
        let minors: Vec<String> = KubernetesMinor::known()
            .map(|minor| minor.to_string())
            .collect();
        assert_eq!(
            file["minors"],
            serde_json::json!(minors),
            "KubernetesMinor differs from the data"
        );
        fn follow(shape: &Shape) {
            match shape {
                Shape::Type(name) | Shape::Perhaps(name) => {
                    assert!(!core_type(name).properties.is_empty())
                }
                Shape::List { item, .. } => follow(item),
                Shape::Map(value) => follow(value),
                _ => {}
            }
        }
        for kinds in Kinds::get().by_group.values() {
            for name in kinds
                .iter()
                .filter_map(|(_, _, kind)| kind.of_type.as_ref())
            {
                core_type(name);
            }
        }
        let mut count = 0;
        for (name, _) in rows("types") {
            core_type(name)
                .properties
                .values()
                .for_each(|property| follow(&property.shape));
            count += 1;
        }
        assert_eq!(count, file["types"].as_object().expect("a table").len());
    }
}
