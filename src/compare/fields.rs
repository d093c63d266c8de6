//! The fields in which two documents differ.

use super::list::{Matching, match_up};
use super::report::{FieldChange, TextLine};
use super::text;
use crate::go::duration::Duration;
use crate::mask::{self, Spot};
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
        is_flux: is_flux(&new.identity),
        stops_early: false,
        changes: Vec::new(),
    };
    walk.node("", Spot::root(), &old.node, &new.node);
    walk.changes
}

/// Whether there is a change to show at all.
pub(crate) fn differ(old: &Resource, new: &Resource) -> bool {
    let mut walk = Walk {
        is_flux: is_flux(&new.identity),
        stops_early: true,
        changes: Vec::new(),
    };
    walk.node("", Spot::root(), &old.node, &new.node);
    !walk.changes.is_empty()
}

struct Walk {
    is_flux: bool,
    /// The first change is enough, and what it says does not matter.
    stops_early: bool,
    changes: Vec<FieldChange>,
}

impl Walk {
    fn node(&mut self, path: &str, spot: Spot<'_>, old: &Node, new: &Node) {
        if self.stops_early && !self.changes.is_empty() {
            return;
        }
        match (&old.value, &new.value) {
            (Value::Table(before), Value::Table(after)) => {
                self.table(path, spot, before, after);
            }
            (Value::Array(before), Value::Array(after)) => {
                self.array(path, spot, before, after);
            }
            (Value::Marked(before), Value::Marked(after)) if before.policy == after.policy => {}
            (Value::Marked(_), _) | (_, Value::Marked(_)) => {
                self.changed(path, spot, old, new);
            }
            (before, after) if before.same(after) => {}
            (Value::String(before), Value::String(after))
                if self.is_flux && is_same_duration(path, before, after) => {}
            _ => self.changed(path, spot, old, new),
        }
    }

    fn table(&mut self, path: &str, spot: Spot<'_>, before: &Table, after: &Table) {
        for (key, entry) in before.iter() {
            if !after.contains(key) {
                let spot = spot.field(before, key);
                self.push(&joined(path, key), spot, Some(&entry.node), None);
            }
        }
        for (key, entry) in after.iter() {
            let path = joined(path, key);
            let spot = spot.field(after, key);
            match before.get(key) {
                Some(old) => self.node(&path, spot, old, &entry.node),
                None => self.push(&path, spot, None, Some(&entry.node)),
            }
        }
    }

    fn array(&mut self, path: &str, spot: Spot<'_>, old: &[Node], new: &[Node]) {
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
            self.changed(path, spot, &list(old), &list(new));
            return;
        }
        let (spots_before, spots_after) = (spot.items(old), spot.items(new));
        for pair in pairs {
            let path = format!("{path}[{}]", pair.label);
            let spot = match (pair.old, pair.new) {
                (_, Some(new)) => spots_after.of(new),
                (Some(old), None) => spots_before.of(old),
                (None, None) => spot,
            };
            match (pair.old, pair.new) {
                (Some(old), Some(new)) => self.node(&path, spot, old, new),
                (old, new) => self.push(&path, spot, old, new),
            }
        }
    }

    fn changed(&mut self, path: &str, spot: Spot<'_>, old: &Node, new: &Node) {
        self.push(path, spot, Some(old), Some(new));
    }

    fn push(&mut self, path: &str, spot: Spot<'_>, old: Option<&Node>, new: Option<&Node>) {
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
        let text = match (old.and_then(Node::as_str), new.and_then(Node::as_str)) {
            (Some(old), Some(new)) => inner_diff(old, new, spot),
            _ => Vec::new(),
        };
        let shown = |node: &Node| mask::json(node, spot);
        let (old, hidden_before) = old.map(shown).unzip();
        let (new, hidden_after) = new.map(shown).unzip();
        self.changes.push(FieldChange {
            // An item may be named by an address.
            path: mask::hide(path).into_owned(),
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

/// Line by line what differs between two texts, if one has several lines and both can be shown.
fn inner_diff(old: &str, new: &str, spot: Spot<'_>) -> Vec<TextLine> {
    if !old.contains('\n') && !new.contains('\n') {
        return Vec::new();
    }
    let (shown_old, shown_new) = (mask::text(old, spot), mask::text(new, spot));
    if [&shown_old, &shown_new]
        .iter()
        .any(|shown| shown.as_ref() == mask::MASK)
    {
        return Vec::new();
    }
    text::lines((old, &shown_old), (new, &shown_new))
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
