//! Fields that the API server does not let change: the object is recreated with `force`, and the
//! apply fails without it.
//!
//! Known for Kubernetes' own kinds, as far as the manifests show it: what a transformer of kustomize
//! changes (images, labels) is not seen here.

use std::collections::BTreeMap;

use super::found::{Found, Told};
use super::kustomization_spec::KustomizationSpec;
use super::rule::{Rule, told_elsewhere};
use super::view::{KUSTOMIZE, Time, View};
use crate::compare::Entry;
use crate::compare::report::{Affected, Object, Outcome, Severity};
use crate::immutable::{changed_fields, has_immutable_fields};
use crate::kustomize::Contents;
use crate::node::Node;
use crate::resource::{Identity, Resource};

const FORCE: &str = "https://fluxcd.io/flux/components/kustomize/kustomizations/#force";

pub(super) static RECREATED: Rule = Rule::new(
    "immutable-field-recreates",
    "with `force`, an object whose immutable fields change is deleted and created again",
    FORCE,
    check,
);
pub(super) static REFUSED: Rule = Rule::new(
    "immutable-field-refused",
    "without `force`, an object whose immutable fields change cannot be applied",
    FORCE,
    told_elsewhere,
);

/// A label or annotation with this value, in any case of letters.
fn has_mark(resource: &Resource, key: &str, values: &[&str]) -> bool {
    ["labels", "annotations"].iter().any(|part| {
        let value = resource.get(&["metadata", part]).and_then(|it| it.get(key));
        let value = value.and_then(Node::as_str);
        value.is_some_and(|value| values.iter().any(|it| it.eq_ignore_ascii_case(value)))
    })
}

/// Whether the controller leaves an object alone that is there already.
fn is_left_alone(resource: &Resource) -> bool {
    has_mark(
        resource,
        "kustomize.toolkit.fluxcd.io/ssa",
        &["Ignore", "IfNotPresent"],
    ) || has_mark(
        resource,
        "kustomize.toolkit.fluxcd.io/reconcile",
        &["disabled"],
    )
}

/// What becomes of an object whose immutable fields change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Recreated,
    /// Only the old spec has `force`, which comes first as a rule.
    MayBeRecreated,
    Refused,
}

type Changes<'c> = BTreeMap<Fate, Vec<(&'c Identity, Vec<String>)>>;

fn check(view: &View<'_>, found: &mut Found<'_>) {
    for (old, new) in view.kept(KUSTOMIZE, "Kustomization") {
        let (before, after) = (
            KustomizationSpec::of(&old.resource),
            KustomizationSpec::of(&new.resource),
        );
        if after.suspend || before.has_kube_config() != after.has_kube_config() {
            continue;
        }
        let (was, is) = (
            view.contents(Time::Before, &before),
            view.contents(Time::After, &after),
        );
        let changes = changes(&was, &is, [before.force, after.force]);
        tell(view, found, (old, new), &changes);
    }
    // What the root applies; it is not known to force anything.
    for (old, new) in &view.changes.changed {
        if let Some((fate, fields)) = fate(&old.resource, &new.resource, [false, false]) {
            let changes = Changes::from([(fate, vec![(new.identity(), fields)])]);
            tell(view, found, (old, new), &changes);
        }
    }
}

fn changes<'c>(was: &'c Contents, is: &'c Contents, force: [bool; 2]) -> Changes<'c> {
    let mut changes = Changes::new();
    for (identity, built) in &is.objects {
        let old = was
            .objects
            .get(identity)
            .and_then(|it| it.resource.as_ref());
        let (Some(old), Some(new)) = (old, &built.resource) else {
            continue;
        };
        if let Some((fate, fields)) = fate(old, new, force) {
            changes.entry(fate).or_default().push((identity, fields));
        }
    }
    changes
}

fn fate(old: &Resource, new: &Resource, force: [bool; 2]) -> Option<(Fate, Vec<String>)> {
    if !has_immutable_fields(&new.identity.group, &new.identity.kind) || is_left_alone(new) {
        return None;
    }
    let fields = changed_fields(old, new);
    if fields.is_empty() {
        return None;
    }
    let marked = [old, new]
        .iter()
        .any(|it| has_mark(it, "kustomize.toolkit.fluxcd.io/force", &["enabled"]));
    let fate = match force {
        _ if marked => Fate::Recreated,
        [_, true] => Fate::Recreated,
        [true, false] => Fate::MayBeRecreated,
        [false, false] => Fate::Refused,
    };
    Some((fate, fields))
}

fn tell(
    view: &View<'_>,
    found: &mut Found<'_>,
    (old, new): (&Entry, &Entry),
    changes: &Changes<'_>,
) {
    let name = &new.identity().name;
    for (fate, objects) in changes {
        let what: Vec<String> = objects
            .iter()
            .map(|(identity, fields)| format!("{identity} (`{}`)", fields.join("`, `")))
            .collect();
        let what = what.join(", ");
        let affected = Affected::known(objects.iter().map(|(identity, _)| Object::from(*identity)));
        let mut told = match fate {
            Fate::Refused => Told::new(
                Severity::Notice,
                Outcome::Stall,
                format!("`{name}` cannot be applied, because immutable fields change: {what}"),
            )
            .note("the API server refuses the change with `field is immutable`; nothing of this revision is applied or pruned until it is solved")
            .help("give the object another name, or set the annotation `kustomize.toolkit.fluxcd.io/force: enabled` on it to have it deleted and created again"),
            Fate::Recreated | Fate::MayBeRecreated => Told::new(
                Severity::Destructive,
                Outcome::Recreate,
                format!(
                    "objects of `{name}` {} deleted and created again, because immutable fields change and `force` is on: {what}",
                    if *fate == Fate::Recreated { "are" } else { "may be" }
                ),
            )
            .uncertain_if(*fate == Fate::MayBeRecreated),
        };
        if *fate != Fate::Refused {
            for (identity, _) in objects {
                if identity.group.is_empty() && identity.kind == "PersistentVolumeClaim" {
                    told = told.note(format!(
                        "PersistentVolumeClaim `{}` goes with its data where the storage class says `Delete`",
                        identity.name
                    ));
                }
            }
        }
        let rule = if *fate == Fate::Refused {
            &REFUSED
        } else {
            &RECREATED
        };
        found.push(rule, view, Some(old), Some(new), told.affects(affected));
    }
}
