//! Whether a value is a secret by where it is: in a Secret's data, below the name of a secret, in a
//! field that its schema calls sensitive.

use super::name::{is_about, is_secret, vague_word};
use super::text::{announces, is_port_or_path};
use crate::node::{Node, Table, Value};
use crate::schema::{Registry, SchemaNode};

/// Fields that hold what another field of their table names.
const VALUES: [&str; 6] = [
    "value",
    "default",
    "literal",
    "content",
    "data",
    "stringValue",
];
/// Fields that name what is in one of [`VALUES`].
const NAMES: [&str; 7] = [
    "name", "key", "envName", "env", "variable", "field", "header",
];
/// Fields beside which `key` is a key of a Secret, not a secret.
const BESIDE_KEY: [&str; 7] = [
    "name",
    "secretName",
    "namespace",
    "path",
    "optional",
    "remoteRef",
    "operator",
];
/// Names of tables that hold more than the secret: `auth.database`, `cookie.domain`.
const MIXED: [&str; 8] = [
    "auth",
    "authorization",
    "cookie",
    "seed",
    "jwt",
    "otp",
    "dsn",
    "kubeconfig",
];

/// Where a value is, as far as it decides whether it is secret.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot<'a> {
    pub(super) secrecy: Secrecy,
    /// What the scalars of a table below inherit.
    below: Secrecy,
    /// The field's name, or that of the field that a list is in.
    name: &'a str,
    vague: Option<&'static str>,
    schema: Option<&'static SchemaNode>,
    /// A field that its schema calls sensitive: of an address the host is shown.
    pub(super) is_sensitive: bool,
    /// The text of a patch whose target is a Secret.
    pub(super) patches_secret: bool,
    /// The table below names resources of one section of a TOML file.
    section: Option<&'static SchemaNode>,
    is_toml: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrecy {
    Open,
    /// Below the name of a secret: a field that only tells something about one is open again.
    Named,
    /// Whatever is below.
    Whole,
}

impl<'a> Spot<'a> {
    /// A document's root, or that of a text inside of one.
    pub(crate) fn root() -> Self {
        Self {
            secrecy: Secrecy::Open,
            below: Secrecy::Open,
            name: "",
            vague: None,
            schema: None,
            is_sensitive: false,
            patches_secret: false,
            section: None,
            is_toml: false,
        }
    }

    /// The root of a project's TOML file.
    pub(super) fn toml() -> Self {
        Self {
            is_toml: true,
            ..Self::root()
        }
    }

    /// The root of a patch's text.
    pub(super) fn patch(of_secret: bool) -> Self {
        Self {
            patches_secret: of_secret,
            ..Self::root()
        }
    }

    /// The spot of the field `name` of `table`, which is at this spot.
    pub(crate) fn field(self, table: &Table, name: &'a str) -> Self {
        let schema = self.schema_of(table, name);
        let (secrecy, below) = match self.is_toml && self.name == "sync" && name == "secret" {
            // `flux.sync.secret` is the name of a Secret.
            true => (Secrecy::Open, Secrecy::Open),
            false => self.inherited(table, name),
        };
        Self {
            secrecy,
            below,
            name,
            vague: match secrecy {
                Secrecy::Named => vague_in(table, name),
                Secrecy::Open | Secrecy::Whole => None,
            },
            schema,
            is_sensitive: schema.is_some_and(|schema| is_sensitive(schema, table)),
            patches_secret: match name {
                "patch" => may_be_secret(table.get("target")),
                _ => self.patches_secret,
            },
            section: self.section_of(name),
            is_toml: self.is_toml,
        }
    }

    /// The spots of a list's items, which are at this spot.
    pub(crate) fn items(self, items: &[Node]) -> Items<'a> {
        let spot = Self {
            schema: self.schema.and_then(|schema| schema.items.as_deref()),
            ..self
        };
        let announced = items
            .windows(2)
            .filter(|pair| {
                let flag = pair[0].as_str().unwrap_or_default();
                let value = pair[1].as_str().unwrap_or_default();
                announces(flag)
                    && !value.starts_with("--")
                    && !(flag == "-p" && is_port_or_path(value))
            })
            .map(|pair| {
                let flag = pair[0].as_str().unwrap_or_default();
                (std::ptr::from_ref(&pair[1]), vague_word(flag))
            })
            .collect();
        Items { spot, announced }
    }

    /// The same place, known to hold a secret.
    pub(super) fn hidden(self) -> Self {
        Self {
            secrecy: Secrecy::Named,
            below: Secrecy::Named,
            ..self
        }
    }

    /// The word of [`vague_word`] in the name that makes this a secret.
    pub(super) fn vague(self) -> Option<&'static str> {
        self.vague
    }

    fn inherited(self, table: &Table, name: &str) -> (Secrecy, Secrecy) {
        let both = |secrecy| (secrecy, secrecy);
        let is_data = matches!(name, "data" | "stringData");
        let is_whole = self.below == Secrecy::Whole
            || (is_data && is_secret_kind(table))
            || (is_data && self.patches_secret && !table.contains("kind"))
            || (name == "stringData" && self.name.is_empty())
            || (name == "literals" && self.name == "secretGenerator");
        if is_whole {
            return both(Secrecy::Whole);
        }
        if let Some(secrecy) = self.in_operation(table, name) {
            return both(secrecy);
        }
        if VALUES.contains(&name) && is_named_secret(table) {
            return both(Secrecy::Named);
        }
        let is_key = name == "key" && BESIDE_KEY.iter().any(|beside| table.contains(beside));
        let is_remote = name == "secretKey" && table.contains("remoteRef");
        if is_about(name) || is_key || is_remote {
            return both(Secrecy::Open);
        }
        if self.below == Secrecy::Named {
            return both(Secrecy::Named);
        }
        match is_secret(name) {
            true if MIXED.contains(&name.to_ascii_lowercase().as_str()) => {
                (Secrecy::Named, Secrecy::Open)
            }
            true => both(Secrecy::Named),
            false => both(Secrecy::Open),
        }
    }

    /// `value` of a JSON patch's operation, which its `path` names.
    fn in_operation(self, table: &Table, name: &str) -> Option<Secrecy> {
        if name != "value" || !table.contains("op") {
            return None;
        }
        let path = table.get("path")?.as_str()?;
        let first = path.trim_start_matches('/').split('/').next()?;
        if first == "stringData" || (self.patches_secret && matches!(first, "data" | "")) {
            return Some(Secrecy::Whole);
        }
        let mut above = Spot::root();
        let nothing = Table::new();
        // Segments live as long as the patch; only what they say of secrecy is kept.
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            let (secrecy, below) = above.inherited(&nothing, segment);
            above.secrecy = secrecy;
            above.below = below;
        }
        Some(above.secrecy)
    }

    fn schema_of(self, table: &Table, name: &str) -> Option<&'static SchemaNode> {
        if let Some(schema) = self.schema {
            return schema.child(name).map(|child| &**child);
        }
        if let Some(section) = self.section {
            return Some(section);
        }
        if self.is_toml && self.name == "defaults" {
            return section(name);
        }
        (name == "spec").then(|| schema_of_kind(table)).flatten()
    }

    fn section_of(self, name: &str) -> Option<&'static SchemaNode> {
        let is_layer = self.is_toml && self.schema.is_none() && self.section.is_none();
        (is_layer && self.name != "defaults")
            .then(|| section(name))
            .flatten()
    }
}

/// The spots of a list's items.
pub(crate) struct Items<'a> {
    spot: Spot<'a>,
    /// Items that the flag before them calls a secret.
    announced: Vec<(*const Node, Option<&'static str>)>,
}

impl<'a> Items<'a> {
    pub(crate) fn of(&self, item: &Node) -> Spot<'a> {
        let announced = self
            .announced
            .iter()
            .find(|(announced, _)| std::ptr::eq(*announced, item));
        match announced {
            Some((_, vague)) => Spot {
                secrecy: Secrecy::Named,
                vague: *vague,
                ..self.spot
            },
            // A list's own scalars inherit as a table's do.
            None => Spot {
                secrecy: match item.value.scalar() {
                    Value::Table(_) | Value::Array(_) => self.spot.below,
                    _ => self.spot.secrecy,
                },
                ..self.spot
            },
        }
    }
}

/// `{ name: DB_PASSWORD, value: … }`, as environment variables and parameters are written.
fn is_named_secret(table: &Table) -> bool {
    let named = NAMES.iter().filter_map(|name| table.get(name)?.as_str());
    named
        .flat_map(|name| [name, name.rsplit(['.', '/']).next().unwrap_or(name)])
        .any(is_secret)
}

/// The word of the field's name, or of the name beside it: `{ name: RANDOM_SEED, value: … }`.
fn vague_in(table: &Table, name: &str) -> Option<&'static str> {
    if !VALUES.contains(&name) {
        return vague_word(name);
    }
    let beside = NAMES.iter().filter_map(|name| table.get(name)?.as_str());
    beside.filter(|name| is_secret(name)).find_map(vague_word)
}

fn is_secret_kind(table: &Table) -> bool {
    let group = table.get("apiVersion").and_then(Node::as_str);
    table.get("kind").and_then(Node::as_str) == Some("Secret")
        && group.is_none_or(|version| !version.contains('/'))
}

/// Whether a patch may change a Secret: its target names the kind, as a regular expression, or none.
fn may_be_secret(target: Option<&Node>) -> bool {
    let Some(target) = target else { return false };
    match target.get("kind").and_then(Node::as_str) {
        Some(kind) => kind
            .split('|')
            .any(|kind| kind.trim_matches(['(', ')', '^', '$']) == "Secret"),
        None => true,
    }
}

fn schema_of_kind(table: &Table) -> Option<&'static SchemaNode> {
    let version = table.get("apiVersion")?.as_str()?;
    let kind = Registry::get().kind(table.get("kind")?.as_str()?)?;
    let (group, _) = version.split_once('/')?;
    (kind.group == group).then(|| kind.root())
}

fn section(name: &str) -> Option<&'static SchemaNode> {
    let kind = Registry::get().section(name).next()?;
    Some(kind.root())
}

fn is_sensitive(schema: &SchemaNode, siblings: &Table) -> bool {
    schema.is_sensitive
        && !schema.public_with.iter().any(|(field, values)| {
            let value = siblings.get(field).and_then(Node::as_str);
            value.is_some_and(|value| values.iter().any(|known| known == value))
        })
}
