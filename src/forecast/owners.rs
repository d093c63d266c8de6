//! Objects that two Kustomizations apply, or that go from one to the other.

use super::found::{Found, Told};
use super::objects::Lost;
use super::rule::{Rule, told_elsewhere};
use super::view::{Time, View};
use crate::compare::Entry;
use crate::compare::report::{Affected, Object, Outcome, Severity};
use crate::resource::Identity;

const COLLECTION: &str =
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#garbage-collection";

/// Garbage collection deletes what still carries the labels of the one that lets go: whether the
/// other has applied it by then, and written its own, is a race. A Namespace takes all in it along.
///
/// Source: <https://github.com/fluxcd/kustomize-controller/issues/1724>
pub(super) static MOVED: Rule = Rule::new(
    "object-moves-between-kustomizations",
    "an object that one Kustomization lets go of and another applies may be deleted in between",
    COLLECTION,
    told_elsewhere,
);

/// Both apply it in turn, and the first to let go of it deletes it.
pub(super) static SHARED: Rule = Rule::new(
    "object-in-two-kustomizations",
    "an object that two Kustomizations apply is fought over",
    COLLECTION,
    shared,
);

/// Told by the rules that find out what a Kustomization lets go of.
pub(super) fn tell_moved(
    view: &View<'_>,
    found: &mut Found<'_>,
    old: &Entry,
    new: Option<&Entry>,
    lost: &Lost,
) {
    let mut others: Vec<_> = lost.contested.iter().map(|(_, owner)| owner).collect();
    others.sort();
    others.dedup();
    for other in others {
        let objects: Vec<_> = lost
            .contested
            .iter()
            .filter(|(_, owner)| owner == other)
            .map(|(identity, _)| identity)
            .collect();
        let held = objects.iter().any(|identity| {
            view.owners(Time::Before)
                .get(*identity)
                .is_some_and(|owners| owners.contains(other))
        });
        let (from, to) = distinct_names(old.identity(), other);
        let message = if held {
            format!(
                "`{from}` lets go of objects that `{to}` applies too, and deletes those that it applied last"
            )
        } else {
            format!(
                "objects move from `{from}` to `{to}`: they are deleted and created again unless `{to}` applies them first"
            )
        };
        let mut told = Told::new(Severity::Destructive, Outcome::Recreate, message)
            .affects(Affected::known(objects.iter().map(|it| Object::from(*it))))
            .help(format!(
                "put `kustomize.toolkit.fluxcd.io/prune: disabled` on them, or set `prune = false` on `{from}`, and merge that first"
            ));
        for identity in objects {
            if identity.kind == "Namespace" && identity.group.is_empty() {
                told = told.note(format!(
                    "Namespace `{}` goes with everything in it, whoever applied that",
                    identity.name
                ));
            }
        }
        found.push(&MOVED, view, Some(old), new, told);
    }
}

/// With the namespaces, where those are not the same.
pub(super) fn distinct_names(one: &Identity, other: &Identity) -> (String, String) {
    if one.namespace == other.namespace {
        (one.name.clone(), other.name.clone())
    } else {
        (
            format!("{}/{}", one.namespace, one.name),
            format!("{}/{}", other.namespace, other.name),
        )
    }
}

fn shared(view: &View<'_>, found: &mut Found<'_>) {
    let before = view.owners(Time::Before);
    let mut pairs: std::collections::BTreeMap<_, Vec<Object>> = std::collections::BTreeMap::new();
    for (identity, owners) in view.owners(Time::After) {
        let [first, .., last] = owners.as_slice() else {
            continue;
        };
        let was_shared = before.get(identity).is_some_and(|owners| owners.len() > 1);
        if !was_shared {
            pairs
                .entry((first, last))
                .or_default()
                .push(identity.into());
        }
    }
    for ((first, last), objects) in pairs {
        let Some(entry) = view.side(Time::After).and_then(|side| side.get(last)) else {
            continue;
        };
        let (one, other) = distinct_names(first, last);
        let told = Told::new(
            Severity::Notice,
            Outcome::Adopt,
            format!(
                "`{one}` and `{other}` apply the same objects: each takes them from the other, and the first to let go deletes them"
            ),
        )
        .affects(Affected::known(objects))
        .help("apply each object from one Kustomization only");
        found.push(&SHARED, view, None, Some(entry), told);
    }
}
