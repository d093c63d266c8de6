//! What may not stand in a report: passwords, tokens, keys, and whatever a Secret holds.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Map, Number, Value as Json};

use crate::node::{Node, Value};
use crate::resource::{Identity, Resource};

/// What stands for a masked value.
const MASK: &str = "***";

/// Ends of field names whose value is a secret, in lower case without `-` and `_`.
const SECRET_NAMES: [&str; 15] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "token",
    "secret",
    "secretkey",
    "privatekey",
    "apikey",
    "accesskey",
    "signingkey",
    "credentials",
    "clientsecret",
    "connectionstring",
    "webhookurl",
];

/// Starts of values that are secrets whatever their field is called.
const SECRET_STARTS: [&str; 12] = [
    "AGE-SECRET-KEY-",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "AKIA",
    "https://hooks.slack.com/",
    "https://discord.com/api/webhooks/",
    "https://outlook.office.com/webhook/",
];

static USERINFO: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^\s/@:]*:[^\s/@]+@").expect("it is tested")
});

/// `password: x`, `"api_token" = "x"`: a line of an opaque text.
static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^(?P<before>\s*(?:-\s+|export\s+)?["']?(?P<name>[A-Za-z0-9_.-]+)["']?\s*[:=]\s*)(?P<value>\S.*)$"#)
        .expect("it is tested")
});

/// Where a value stands, as far as it decides whether it is secret.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'a> {
    /// Everything below is secret.
    pub(super) is_secret: bool,
    /// The field's own name, or that of the field that a list is in.
    name: &'a str,
}

impl<'a> Spot<'a> {
    pub(super) fn root() -> Self {
        Self {
            is_secret: false,
            name: "",
        }
    }

    /// The spot of a field. `depth` counts from the document's root.
    pub(super) fn field(self, owner: &Identity, depth: usize, name: &'a str) -> Self {
        let is_secret_data = depth == 0
            && owner.group.is_empty()
            && owner.kind == "Secret"
            && matches!(name, "data" | "stringData");
        Self {
            is_secret: self.is_secret || is_secret_data,
            name,
        }
    }

    /// The spot of `value` in a `{ name: …, value: … }` pair, such as an environment variable's.
    pub(super) fn named_by(self, siblings: &'a Node) -> Self {
        let name = siblings.get("name").and_then(Node::as_str);
        match (self.name, name) {
            ("value" | "default" | "literal", Some(name)) => Self { name, ..self },
            _ => self,
        }
    }

    fn hides_scalars(self) -> bool {
        self.is_secret || is_secret_name(self.name)
    }
}

fn is_secret_name(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(|letter| !matches!(letter, '-' | '_' | '.'))
        .flat_map(char::to_lowercase)
        .collect();
    SECRET_NAMES.iter().any(|end| plain.ends_with(end))
}

/// The value of a scalar fit to be shown, and whether anything was taken from it.
pub(super) fn scalar(value: &Value, spot: Spot<'_>) -> (Json, bool) {
    let hidden = || (Json::from(MASK), true);
    match value {
        Value::Marked(marked) => {
            let (shown, masked) = scalar(&marked.value, spot);
            let text = match shown {
                Json::String(text) => text,
                other => other.to_string(),
            };
            let marker = format!("{text} # {{\"$imagepolicy\": \"{}\"}}", marked.policy);
            (Json::from(marker), masked)
        }
        Value::String(text) if !text.is_empty() => {
            if spot.hides_scalars() || is_secret_value(text) {
                return hidden();
            }
            let shown = opaque(text);
            let masked = shown != *text;
            (Json::from(shown), masked)
        }
        Value::Integer(_) | Value::Float(_) if spot.hides_scalars() => hidden(),
        Value::Null | Value::Array(_) | Value::Table(_) => (Json::Null, false),
        Value::Bool(value) => (Json::from(*value), false),
        Value::String(text) => (Json::from(text.as_str()), false),
        Value::Integer(value) => {
            let number = i64::try_from(*value)
                .map(Number::from)
                .or_else(|_| u64::try_from(*value).map(Number::from));
            let json = number.map_or_else(|_| Json::from(value.to_string()), Json::Number);
            (json, false)
        }
        Value::Float(value) => {
            let json = Number::from_f64(*value)
                .map_or_else(|| Json::from(value.to_string()), Json::Number);
            (json, false)
        }
    }
}

fn is_secret_value(text: &str) -> bool {
    SECRET_STARTS.iter().any(|start| text.starts_with(start))
        || (text.contains("-----BEGIN") && text.contains("PRIVATE KEY"))
}

/// A text without the passwords of its URLs and, where it has several lines, without what its
/// lines assign to secret names.
fn opaque(text: &str) -> String {
    let text = USERINFO.replace_all(text, |found: &Captures<'_>| {
        format!("{}{MASK}@", &found["scheme"])
    });
    if !text.contains('\n') {
        return text.into_owned();
    }
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn line(text: &str) -> String {
    match ASSIGNMENT.captures(text) {
        Some(found)
            if is_secret_name(&found["name"])
                || is_secret_value(found["value"].trim_matches(['"', '\''])) =>
        {
            format!("{}{MASK}", &found["before"])
        }
        _ => text.to_owned(),
    }
}

/// Any value fit to be shown.
pub(super) fn json(node: &Node, owner: &Identity, depth: usize, spot: Spot<'_>) -> (Json, bool) {
    match &node.value {
        Value::Table(table) => {
            let mut masked = false;
            let mut object = Map::new();
            for (key, entry) in table.iter() {
                let inner = spot.field(owner, depth, key).named_by(node);
                let (value, hidden) = json(&entry.node, owner, depth + 1, inner);
                masked |= hidden;
                object.insert(key.to_owned(), value);
            }
            (Json::Object(object), masked)
        }
        Value::Array(items) => {
            let mut masked = false;
            let values = items
                .iter()
                .map(|item| {
                    let (value, hidden) = json(item, owner, depth + 1, spot);
                    masked |= hidden;
                    value
                })
                .collect();
            (Json::Array(values), masked)
        }
        other => scalar(other, spot),
    }
}

/// A whole resource, secrets masked.
pub fn masked_document(resource: &Resource) -> Json {
    json(&resource.node, &resource.identity, 0, Spot::root()).0
}

/// The value of a field, whose path counts from the document's root, secrets masked.
pub(crate) fn masked_field(owner: &Identity, path: &[&str], node: &Node) -> Json {
    let spot = path
        .iter()
        .enumerate()
        .fold(Spot::root(), |spot, (depth, name)| {
            spot.field(owner, depth, name)
        });
    json(node, owner, path.len(), spot).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_and_references_to_them_are_not() {
        for name in [
            "password",
            "DB_PASSWORD",
            "api-token",
            "clientSecret",
            "privateKey",
            "AWS_ACCESS_KEY",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "secretRef",
            "secretName",
            "passwordSecretRef",
            "tokenPath",
            "keyPrefix",
            "author",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn passwords_inside_of_texts_are_masked() {
        assert_eq!(
            opaque("https://u:p@example.com/x"),
            "https://***@example.com/x"
        );
        assert_eq!(opaque("ssh://git@example.com/x"), "ssh://git@example.com/x");
        assert_eq!(
            opaque("db:\n  password: hunter2\n  user: me\n  - TOKEN=abc\n"),
            "db:\n  password: ***\n  user: me\n  - TOKEN=***\n"
        );
        let (shown, masked) = scalar(&Value::from("ghp_abcdef"), Spot::root());
        assert_eq!((shown, masked), (Json::from("***"), true));
    }
}
