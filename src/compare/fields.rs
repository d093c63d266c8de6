//! The fields in which two documents differ.

use super::list::{Matching, match_up};
use super::mask::{self, Spot};
use super::report::FieldChange;
use super::text;
use crate::go::duration::Duration;
use crate::node::{Node, Table, Value};
use crate::resource::{Identity, Resource};

/// Lists whose order means something: a later value overrides, a later patch sees the earlier.
const ORDERED: [&str; 8] = [
    "valuesFrom",
    "substituteFrom",
    "patches",
    "postRenderers",
    "components",
    "valuesFiles",
    "command",
    "args",
];

/// The changes from one document to the other, in the order of the new one.
///
/// Lists are matched by their natural key, so that an order that means nothing is no change; a
/// marked value is no change while its policy stays.
pub fn field_changes(old: &Resource, new: &Resource) -> Vec<FieldChange> {
    let mut walk = Walk {
        owner: &new.identity,
        stops_early: false,
        changes: Vec::new(),
    };
    walk.node("", 0, Spot::root(), &old.node, &new.node);
    walk.changes
}

/// Whether there is a change to show at all.
pub(crate) fn differ(old: &Resource, new: &Resource) -> bool {
    let mut walk = Walk {
        owner: &new.identity,
        stops_early: true,
        changes: Vec::new(),
    };
    walk.node("", 0, Spot::root(), &old.node, &new.node);
    !walk.changes.is_empty()
}

struct Walk<'a> {
    owner: &'a Identity,
    /// The first change is enough, and what it says does not matter.
    stops_early: bool,
    changes: Vec<FieldChange>,
}

impl Walk<'_> {
    fn node(&mut self, path: &str, depth: usize, spot: Spot<'_>, old: &Node, new: &Node) {
        if self.stops_early && !self.changes.is_empty() {
            return;
        }
        match (&old.value, &new.value) {
            (Value::Table(before), Value::Table(after)) => {
                self.table(path, depth, spot, (old, before), (new, after));
            }
            (Value::Array(before), Value::Array(after)) => {
                self.array(path, depth, spot, before, after);
            }
            (Value::Marked(before), Value::Marked(after)) if before.policy == after.policy => {}
            (Value::Marked(_), _) | (_, Value::Marked(_)) => {
                self.changed(path, depth, spot, old, new);
            }
            (before, after) if before.same(after) => {}
            (Value::String(before), Value::String(after))
                if is_flux(self.owner) && is_same_duration(path, before, after) => {}
            _ => self.changed(path, depth, spot, old, new),
        }
    }

    fn table(
        &mut self,
        path: &str,
        depth: usize,
        spot: Spot<'_>,
        (old, before): (&Node, &Table),
        (new, after): (&Node, &Table),
    ) {
        for (key, entry) in before.iter() {
            if !after.contains(key) {
                let spot = spot.field(self.owner, depth, key).named_by(old);
                self.push(&joined(path, key), depth + 1, spot, Some(&entry.node), None);
            }
        }
        for (key, entry) in after.iter() {
            let path = joined(path, key);
            let spot = spot.field(self.owner, depth, key).named_by(new);
            match before.get(key) {
                Some(old) => self.node(&path, depth + 1, spot, old, &entry.node),
                None => self.push(&path, depth + 1, spot, None, Some(&entry.node)),
            }
        }
    }

    fn array(&mut self, path: &str, depth: usize, spot: Spot<'_>, old: &[Node], new: &[Node]) {
        let Matching {
            pairs,
            is_reordered,
        } = match_up(old, new);
        let field = path.rsplit(['.', ']']).next().unwrap_or(path);
        if is_reordered && ORDERED.contains(&field) {
            let list = |items: &[Node]| Node {
                value: Value::Array(items.to_vec()),
                span: crate::source::Span::BUILT_IN,
            };
            self.changed(path, depth, spot, &list(old), &list(new));
            return;
        }
        for pair in pairs {
            let path = format!("{path}[{}]", pair.label);
            match (pair.old, pair.new) {
                (Some(old), Some(new)) => self.node(&path, depth + 1, spot, old, new),
                (old, new) => self.push(&path, depth + 1, spot, old, new),
            }
        }
    }

    fn changed(&mut self, path: &str, depth: usize, spot: Spot<'_>, old: &Node, new: &Node) {
        self.push(path, depth, spot, Some(old), Some(new));
    }

    fn push(
        &mut self,
        path: &str,
        depth: usize,
        spot: Spot<'_>,
        old: Option<&Node>,
        new: Option<&Node>,
    ) {
        if self.stops_early {
            self.changes.push(FieldChange {
                path: String::new(),
                old: None,
                new: None,
                masked: false,
                text: Vec::new(),
            });
            return;
        }
        let shown = |node: &Node| mask::json(node, self.owner, depth, spot);
        let (old, hidden_before) = old.map(shown).unzip();
        let (new, hidden_after) = new.map(shown).unzip();
        let text = match (
            old.as_ref().and_then(|it| it.as_str()),
            new.as_ref().and_then(|it| it.as_str()),
        ) {
            (Some(old), Some(new)) if old.contains('\n') || new.contains('\n') => {
                text::lines(old, new)
            }
            _ => Vec::new(),
        };
        self.changes.push(FieldChange {
            path: path.to_owned(),
            old,
            new,
            masked: hidden_before.unwrap_or(false) || hidden_after.unwrap_or(false),
            text,
        });
    }
}

fn is_flux(owner: &Identity) -> bool {
    owner.group.ends_with(".toolkit.fluxcd.io")
}

/// Whether two texts are one duration to Flux: `1m0s` and `1m`. What somebody else reads stays a text.
fn is_same_duration(path: &str, before: &str, after: &str) -> bool {
    let is_of_others = ["spec.values", "spec.postBuild", "spec.patches", "metadata."]
        .iter()
        .any(|start| path.starts_with(start));
    let nanoseconds = |text: &str| Duration::parse(text).ok().map(Duration::nanoseconds);
    !is_of_others && nanoseconds(before).is_some_and(|it| Some(it) == nanoseconds(after))
}

/// `spec.values`, `spec.values["a.b"]`.
fn joined(path: &str, key: &str) -> String {
    let is_plain = !key.is_empty()
        && key
            .chars()
            .all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '$'));
    match (path.is_empty(), is_plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{key:?}]"),
    }
}
