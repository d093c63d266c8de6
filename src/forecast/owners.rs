//! Objects that two Kustomizations apply, or that go from one to the other.

use super::dependencies;
use super::found::{Found, Told};
use super::helm_spec::HelmReleaseSpec;
use super::kustomization_spec::KustomizationSpec;
use super::objects::Lost;
use super::rule::Rule;
use super::view::{HELM, KUSTOMIZE, Time, View};
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
    left_the_cluster_folder,
);

/// Both apply it in turn, and the first to let go of it deletes it.
pub(super) static SHARED: Rule = Rule::new(
    "object-in-two-kustomizations",
    "an object that two Kustomizations apply is fought over",
    COLLECTION,
    shared,
);

/// Reports what `from` lets go of and another applies; called by the rules that find that out.
pub(super) fn tell_moved(
    view: &View<'_>,
    found: &mut Found<'_>,
    from: &Identity,
    (old, new): (Option<&Entry>, Option<&Entry>),
    lost: &Lost,
) {
    let mut others: Vec<_> = lost.contested.iter().map(|(_, owner)| owner).collect();
    others.sort();
    others.dedup();
    for to in others {
        let objects: Vec<_> = lost
            .contested
            .iter()
            .filter(|(_, owner)| owner == to)
            .map(|(identity, _)| identity)
            .collect();
        let handover = Handover::of(view, from, to, &objects);
        found.push(&MOVED, view, old, new, handover.told(view));
    }
}

/// What is gone from the cluster's folder and is in another that it applies.
fn left_the_cluster_folder(view: &View<'_>, found: &mut Found<'_>) {
    let root = view.root_identity();
    for old in &view.changes.deleted {
        let Some(to) = view.moved_to(old.identity()) else {
            continue;
        };
        if view.stays(old).is_none() {
            let handover = Handover::of(view, &root, &to, &[old.identity()]);
            found.push(&MOVED, view, Some(old), None, handover.told(view));
        }
    }
}

/// Objects that go from one applier to another.
struct Handover<'h> {
    from: &'h Identity,
    to: &'h Identity,
    objects: Vec<&'h Identity>,
    /// Both applied them before.
    is_shared: bool,
    order: Order,
}

/// Who applies the new revision first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    From,
    To,
    NotKnown,
}

impl<'h> Handover<'h> {
    fn of(view: &View<'_>, from: &'h Identity, to: &'h Identity, objects: &[&'h Identity]) -> Self {
        let held = |identity: &Identity| {
            let owners = view.owners(Time::Before).get(identity);
            owners.is_some_and(|owners| owners.contains(to))
                || (*to == view.root_identity()
                    && view
                        .side(Time::Before)
                        .is_some_and(|side| side.get(identity).is_some()))
        };
        let order = if dependencies::waits_for(view, from, to) {
            Order::To
        } else if dependencies::waits_for(view, to, from) {
            Order::From
        } else {
            Order::NotKnown
        };
        Self {
            from,
            to,
            objects: objects.to_vec(),
            is_shared: objects.iter().any(|identity| held(identity)),
            order,
        }
    }

    fn told(&self, view: &View<'_>) -> Told {
        let (from, to) = distinct_names(self.from, self.to);
        let start = match self.is_shared {
            true => format!("`{from}` lets go of objects that `{to}` applies too"),
            false => format!("objects move from `{from}` to `{to}`"),
        };
        let affected = Affected::known(self.objects.iter().map(|it| Object::from(*it)));
        let message = match (self.order, self.is_shared) {
            (Order::To, _) => {
                let message =
                    format!("{start}, which applies them first: `{from}` depends on `{to}`");
                return Told::new(Severity::Notice, Outcome::Adopt, message).affects(affected);
            }
            (Order::From, false) => format!(
                "{start}: they are deleted and created again, because `{to}` depends on `{from}` and applies them later"
            ),
            (Order::From | Order::NotKnown, true) => format!(
                "{start}: they may be deleted and created again, depending on which of the two applied them last"
            ),
            (Order::NotKnown, false) => format!(
                "{start}: they may be deleted and created again, depending on which of the two is reconciled first"
            ),
        };
        let mut told = Told::new(Severity::Destructive, Outcome::Recreate, message)
            .affects(affected)
            .uncertain_if(self.is_shared || self.order == Order::NotKnown)
            .help(format!(
                "put `kustomize.toolkit.fluxcd.io/prune: disabled` on them, or set `prune = false` on `{from}`, and merge that first"
            ));
        for identity in &self.objects {
            if let Some(note) = self.consequence(view, identity) {
                told = told.note(note);
            }
        }
        told
    }

    /// What else goes, if the object is deleted in between.
    fn consequence(&self, view: &View<'_>, identity: &Identity) -> Option<String> {
        let name = &identity.name;
        let resource = || {
            view.get(Time::Before, identity)
                .map(|entry| &entry.resource)
        };
        match (identity.group.as_str(), identity.kind.as_str()) {
            ("", "Namespace") => Some(format!(
                "Namespace `{name}` goes with everything in it, whoever applied that"
            )),
            ("apiextensions.k8s.io", "CustomResourceDefinition") => Some(format!(
                "CustomResourceDefinition `{name}` goes with every object of its kind"
            )),
            (KUSTOMIZE, "Kustomization") => resource()
                .is_none_or(|it| KustomizationSpec::of(it).keeps_objects().is_none())
                .then(|| format!("Kustomization `{name}` goes with what it applied")),
            (HELM, "HelmRelease") => resource()
                .is_none_or(|it| !HelmReleaseSpec::of(it).suspend)
                .then(|| format!("HelmRelease `{name}` uninstalls its release when it goes")),
            _ => None,
        }
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
    let root = view.root_identity();
    let mut pairs: std::collections::BTreeMap<_, Vec<Object>> = std::collections::BTreeMap::new();
    for (identity, owners) in view.owners(Time::After) {
        let in_folder = |time| {
            view.side(time)
                .is_some_and(|side| side.get(identity).is_some())
        };
        let (first, last) = match owners.as_slice() {
            [first, .., last] => (first, last),
            [only] if in_folder(Time::After) => (&root, only),
            _ => continue,
        };
        let was_shared = before.get(identity).is_some_and(|owners| {
            owners.len() > 1 || (!owners.is_empty() && in_folder(Time::Before))
        });
        if !was_shared {
            pairs
                .entry((first, last))
                .or_default()
                .push(identity.into());
        }
    }
    for ((first, last), objects) in pairs {
        let Some(entry) = view.get(Time::After, last) else {
            continue;
        };
        let (one, other) = distinct_names(first, last);
        let told = Told::new(
            Severity::Notice,
            Outcome::Adopt,
            format!(
                "`{one}` and `{other}` apply the same objects: each takes them from the other, and one that lets go may delete them"
            ),
        )
        .affects(Affected::known(objects))
        .help("apply each object from one Kustomization only");
        found.push(&SHARED, view, None, Some(entry), told);
    }
}
