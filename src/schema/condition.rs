//! Rules on values and combinations of fields: what Flux's CRDs say in CEL and what its controllers
//! refuse, written as draft-07.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::compile::{Fault, array, minor, object, string, strings, unsigned};
use super::node::Pattern;
use super::version::FluxMinor;

/// One condition on a value, with the message for a value that does not meet it.
#[derive(Debug, Clone)]
pub struct Condition {
    /// `{value}` stands for the text at `at`.
    pub message: String,
    /// What to type, imperative; used where no rewrite applies.
    pub help: String,
    /// Why it matters, where the origin alone does not explain it.
    pub note: Option<String>,
    /// Where the message points, relative to the object: `sts.provider`, or `artifacts[].name`
    /// for the first item that fails. The field may be missing; then the nearest one above is meant.
    /// Empty in a condition on a text.
    pub at: String,
    pub since: Option<FluxMinor>,
    pub until: Option<FluxMinor>,
    pub origin: Origin,
    /// Flux accepts the value, but it cannot work.
    pub is_warning: bool,
    rewrites: Vec<Rewrite>,
    test: Test,
}

/// How a wrong text is put right.
#[derive(Debug, Clone)]
struct Rewrite {
    pattern: Arc<Pattern>,
    /// The replacement, with `$1` for groups.
    to: String,
    is_lowered: bool,
}

/// Who refuses an object that does not meet a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The API server, by a CEL rule of the CRD.
    Api,
    /// The controller, once it reconciles the object.
    Controller,
}

/// What a condition can look into: a value of ours, or JSON.
pub trait Subject: Sized {
    fn member(&self, key: &str) -> Option<&Self>;
    fn is_object(&self) -> bool;
    fn keys(&self) -> Vec<&str>;
    fn elements(&self) -> Option<&[Self]>;
    fn text(&self) -> Option<&str>;
    fn equals(&self, value: &Value) -> bool;
}

/// The part of draft-07 that conditions use. As there, a keyword says nothing about other types.
#[derive(Debug, Clone, Default)]
struct Test {
    required: Vec<String>,
    property_names: Option<Box<Test>>,
    properties: Vec<(String, Test)>,
    items: Option<Box<Test>>,
    values: Option<Vec<Value>>,
    pattern: Option<Arc<Pattern>>,
    min_length: Option<u64>,
    min_items: Option<u64>,
    not: Option<Box<Test>>,
    all_of: Vec<Test>,
    any_of: Vec<Test>,
    one_of: Vec<Test>,
    when: Option<Box<When>>,
}

#[derive(Debug, Clone)]
struct When {
    test: Test,
    then: Option<Test>,
    otherwise: Option<Test>,
}

impl Condition {
    /// Whether `object` meets the condition.
    pub fn is_met(&self, object: &impl Subject) -> bool {
        self.test.holds(object)
    }

    pub fn holds_in(&self, minor: FluxMinor) -> bool {
        minor.is_within(self.since, self.until)
    }

    /// The first key of `object` that the condition refuses by its name.
    pub fn refused_key<'k>(&self, mut keys: impl Iterator<Item = &'k str>) -> Option<&'k str> {
        let names = self.test.property_names.as_ref()?;
        keys.find(|key| !names.holds(&Value::from(*key)))
    }

    /// The text with the fault removed, where the schema says how.
    pub fn corrected(&self, text: &str) -> Option<String> {
        self.rewrites
            .iter()
            .find_map(|rewrite| rewrite.apply(text))
            .filter(|corrected| corrected != text)
    }

    pub(super) fn read(map: &Map<String, Value>) -> Result<Self, Fault> {
        let mut condition = Self {
            message: String::new(),
            help: String::new(),
            note: None,
            at: String::new(),
            since: None,
            until: None,
            origin: Origin::Api,
            is_warning: false,
            rewrites: Vec::new(),
            test: Test::default(),
        };
        let mut rest = Map::new();
        for (key, value) in map {
            match key.as_str() {
                "x-message" => condition.message = string(key, value)?,
                "x-help" => condition.help = string(key, value)?,
                "x-note" => condition.note = Some(string(key, value)?),
                "x-at" => condition.at = string(key, value)?,
                "x-rewrite" => {
                    for value in array(key, value)? {
                        condition.rewrites.push(Rewrite::read(object(key, value)?)?);
                    }
                }
                "x-severity" => {
                    condition.is_warning = match string(key, value)?.as_str() {
                        "warning" => true,
                        other => return Err(Fault::new(format!("unknown x-severity `{other}`"))),
                    }
                }
                "x-since" => condition.since = Some(minor(key, value)?),
                "x-until" => condition.until = Some(minor(key, value)?),
                "x-origin" => {
                    condition.origin = match string(key, value)?.as_str() {
                        "api" => Origin::Api,
                        "controller" => Origin::Controller,
                        other => return Err(Fault::new(format!("unknown x-origin `{other}`"))),
                    }
                }
                _ => {
                    rest.insert(key.clone(), value.clone());
                }
            }
        }
        condition.test = Test::read(&rest)?;
        if condition.message.is_empty() || condition.help.is_empty() {
            return Err(Fault::new("an entry of allOf needs x-message and x-help"));
        }
        Ok(condition)
    }
}

impl Rewrite {
    fn read(map: &Map<String, Value>) -> Result<Self, Fault> {
        let (mut pattern, mut to, mut is_lowered) = (None, "$0".to_owned(), false);
        for (key, value) in map {
            match key.as_str() {
                "pattern" => pattern = Some(Arc::new(Pattern::new(string(key, value)?))),
                "to" => to = string(key, value)?,
                "lower" => is_lowered = value.as_bool().unwrap_or_default(),
                _ => return Err(Fault::new(format!("x-rewrite does not know `{key}`"))),
            }
        }
        let pattern = pattern.ok_or_else(|| Fault::new("x-rewrite needs a pattern"))?;
        Ok(Self {
            pattern,
            to,
            is_lowered,
        })
    }

    fn apply(&self, text: &str) -> Option<String> {
        let regex = self.pattern.whole()?;
        let found = regex.captures(text)?;
        let mut corrected = String::new();
        found.expand(&self.to, &mut corrected);
        Some(match self.is_lowered {
            true => corrected.to_lowercase(),
            false => corrected,
        })
    }
}

impl Test {
    fn read(map: &Map<String, Value>) -> Result<Self, Fault> {
        let mut test = Self::default();
        let mut when = None;
        let (mut then, mut otherwise) = (None, None);
        for (key, value) in map {
            match key.as_str() {
                "required" => test.required = strings(key, value)?,
                "properties" => {
                    for (name, value) in object(key, value)? {
                        let property = Self::read(object(name, value)?)?;
                        test.properties.push((name.clone(), property));
                    }
                }
                "propertyNames" => {
                    test.property_names = Some(Box::new(Self::read(object(key, value)?)?));
                }
                "items" => test.items = Some(Box::new(Self::read(object(key, value)?)?)),
                "const" => test.values = Some(vec![value.clone()]),
                "enum" => test.values = Some(array(key, value)?.clone()),
                "pattern" => test.pattern = Some(Arc::new(Pattern::new(string(key, value)?))),
                "minLength" => test.min_length = Some(unsigned(key, value)?),
                "minItems" => test.min_items = Some(unsigned(key, value)?),
                "not" => test.not = Some(Box::new(Self::read(object(key, value)?)?)),
                "allOf" => test.all_of = Self::read_all(key, value)?,
                "anyOf" => test.any_of = Self::read_all(key, value)?,
                "oneOf" => test.one_of = Self::read_all(key, value)?,
                "if" => when = Some(Self::read(object(key, value)?)?),
                "then" => then = Some(Self::read(object(key, value)?)?),
                "else" => otherwise = Some(Self::read(object(key, value)?)?),
                _ => return Err(Fault::new(format!("conditions do not know `{key}`"))),
            }
        }
        test.when = when.map(|test| {
            Box::new(When {
                test,
                then,
                otherwise,
            })
        });
        Ok(test)
    }

    fn read_all(key: &str, value: &Value) -> Result<Vec<Self>, Fault> {
        array(key, value)?
            .iter()
            .map(|value| Self::read(object(key, value)?))
            .collect()
    }

    fn holds<S: Subject>(&self, subject: &S) -> bool {
        let object = !subject.is_object()
            || (self
                .required
                .iter()
                .all(|key| subject.member(key).is_some())
                && self.properties.iter().all(|(key, test)| {
                    subject.member(key).is_none_or(|member| test.holds(member))
                })
                && self.property_names.as_ref().is_none_or(|test| {
                    let keys = subject.keys();
                    keys.into_iter().all(|key| test.holds(&Value::from(key)))
                }));
        let array = subject.elements().is_none_or(|elements| {
            self.min_items
                .is_none_or(|least| elements.len() as u64 >= least)
                && self
                    .items
                    .as_ref()
                    .is_none_or(|test| elements.iter().all(|element| test.holds(element)))
        });
        let text = subject.text().is_none_or(|text| {
            self.min_length
                .is_none_or(|least| text.chars().count() as u64 >= least)
                && self
                    .pattern
                    .as_ref()
                    .is_none_or(|pattern| pattern.is_match(text))
        });
        object
            && array
            && text
            && self
                .values
                .as_ref()
                .is_none_or(|values| values.iter().any(|value| subject.equals(value)))
            && self.not.as_ref().is_none_or(|test| !test.holds(subject))
            && self.all_of.iter().all(|test| test.holds(subject))
            && (self.any_of.is_empty() || self.any_of.iter().any(|test| test.holds(subject)))
            && (self.one_of.is_empty()
                || self
                    .one_of
                    .iter()
                    .filter(|test| test.holds(subject))
                    .count()
                    == 1)
            && self.when.as_ref().is_none_or(|when| when.holds(subject))
    }
}

impl When {
    fn holds(&self, subject: &impl Subject) -> bool {
        let branch = if self.test.holds(subject) {
            &self.then
        } else {
            &self.otherwise
        };
        branch.as_ref().is_none_or(|test| test.holds(subject))
    }
}

impl Subject for Value {
    fn member(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }

    fn is_object(&self) -> bool {
        self.is_object()
    }

    fn keys(&self) -> Vec<&str> {
        let map = self.as_object();
        map.map_or_else(Vec::new, |map| map.keys().map(String::as_str).collect())
    }

    fn elements(&self) -> Option<&[Self]> {
        self.as_array().map(Vec::as_slice)
    }

    fn text(&self) -> Option<&str> {
        self.as_str()
    }

    fn equals(&self, value: &Value) -> bool {
        self == value
    }
}

impl Subject for crate::node::Node {
    fn member(&self, key: &str) -> Option<&Self> {
        self.get(key)
    }

    fn is_object(&self) -> bool {
        self.as_table().is_some()
    }

    fn keys(&self) -> Vec<&str> {
        let table = self.as_table();
        table.map_or_else(Vec::new, |table| table.iter().map(|(key, _)| key).collect())
    }

    fn elements(&self) -> Option<&[Self]> {
        self.as_array()
    }

    fn text(&self) -> Option<&str> {
        self.as_str()
    }

    fn equals(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.as_str() == Some(text),
            Value::Bool(truth) => self.as_bool() == Some(*truth),
            Value::Number(number) => {
                number.as_i64().map(i128::from) == self.as_integer() && number.is_i64()
            }
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn condition(test: Value) -> Condition {
        let mut map = json!({ "x-message": "m", "x-help": "h", "x-at": "a" });
        let (Some(map), Value::Object(test)) = (map.as_object_mut(), test) else {
            panic!("objects");
        };
        map.extend(test);
        Condition::read(map).expect("a condition")
    }

    #[test]
    fn keywords_say_nothing_about_other_types() {
        let test = condition(json!({ "required": ["a"], "minItems": 1, "minLength": 1 }));
        assert!(test.is_met(&json!(5)));
        assert!(!test.is_met(&json!({})));
        assert!(!test.is_met(&json!([])));
        assert!(!test.is_met(&json!("")));
    }

    #[test]
    fn one_of_wants_exactly_one() {
        let test = condition(json!({ "oneOf": [{ "required": ["a"] }, { "required": ["b"] }] }));
        assert!(test.is_met(&json!({ "a": 1 })));
        assert!(!test.is_met(&json!({ "a": 1, "b": 1 })));
        assert!(!test.is_met(&json!({})));
    }

    #[test]
    fn without_a_then_a_matching_if_is_enough() {
        let test = condition(json!({ "if": { "required": ["a"] }, "else": { "required": ["b"] } }));
        assert!(test.is_met(&json!({ "a": 1 })));
        assert!(test.is_met(&json!({ "b": 1 })));
        assert!(!test.is_met(&json!({})));
    }

    #[test]
    fn a_keyword_that_conditions_do_not_know_is_a_fault() {
        let map = json!({ "x-message": "m", "x-help": "h", "x-at": "a", "maxProperties": 1 });
        assert!(Condition::read(map.as_object().expect("an object")).is_err());
    }
}
