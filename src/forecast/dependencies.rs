//! `dependsOn` that waits for what will not become ready.

use std::collections::{BTreeMap, BTreeSet};

use super::found::{Found, Told};
use super::kustomization_spec::{SourceRef, items};
use super::rule::{Rule, told_elsewhere};
use super::view::{HELM, KUSTOMIZE, Time, View, flag, text};
use crate::compare::report::{Affected, Object, Outcome, Severity};
use crate::resource::Identity;

const DEPENDENCIES: &str =
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#dependencies";

/// A suspended one does not take notice of its own change nor of a new revision, and ready means
/// both. With `readyExpr` (since 2.7) the expression decides, which is not judged here.
pub(super) static SUSPENDED: Rule = Rule::new(
    "depends-on-suspended",
    "what depends on something suspended waits until it is resumed",
    DEPENDENCIES,
    check,
);
pub(super) static GONE: Rule = Rule::new(
    "depends-on-deleted",
    "what depends on something deleted waits for ever",
    DEPENDENCIES,
    told_elsewhere,
);

fn check(view: &View<'_>, found: &mut Found<'_>) {
    for (group, kind) in [(KUSTOMIZE, "Kustomization"), (HELM, "HelmRelease")] {
        let page = match kind {
            "HelmRelease" => "https://fluxcd.io/flux/components/helm/helmreleases/#dependencies",
            _ => DEPENDENCIES,
        };
        let after = dependents(view, Time::After, group, kind);
        if after.is_empty() {
            continue;
        }
        let before = dependents(view, Time::Before, group, kind);
        for (dependency, direct) in &after {
            let new = view.get(Time::After, dependency);
            let old = view.get(Time::Before, dependency);
            let suspended = |entry: Option<&crate::compare::Entry>| {
                entry.is_some_and(|entry| flag(entry.get(&["spec", "suspend"])))
            };
            let came: Vec<_> = direct
                .iter()
                .filter(|it| !before.get(dependency).is_some_and(|were| were.contains(it)))
                .collect();
            let waiting =
                || Affected::known(all_dependents(&after, dependency).iter().map(Object::from));
            let name = &dependency.name;
            if suspended(new) && (!suspended(old) || !came.is_empty()) {
                let told = Told::new(
                    Severity::Notice,
                    Outcome::Stall,
                    format!("those that depend on `{name}` wait until it is resumed"),
                )
                .note("what they applied stays as it is, and nothing new is applied")
                .docs(page)
                .affects(waiting());
                found.push(&SUSPENDED, view, old, new, told);
            }
            // Something that was never in the TOML is external, and not for this rule to judge.
            if new.is_none() && old.is_some_and(|old| view.stays(old).is_none()) {
                let told = Told::new(
                    Severity::Notice,
                    Outcome::Stall,
                    format!("those that depend on `{name}` wait for ever: it is deleted"),
                )
                .help(format!("remove `{name}` from their `dependsOn`"))
                .docs(page)
                .affects(waiting());
                found.push(&GONE, view, old, None, told);
            }
        }
    }
}

type Dependents = BTreeMap<Identity, BTreeSet<Identity>>;

/// Who waits for whom, directly; those with an expression of their own are left out.
fn dependents(view: &View<'_>, time: Time, group: &str, kind: &str) -> Dependents {
    let mut dependents = Dependents::new();
    for entry in view.all(time, group, kind) {
        if flag(entry.get(&["spec", "suspend"])) {
            continue;
        }
        for item in items(entry.get(&["spec", "dependsOn"])) {
            let Some(name) = text(item.get("name")) else {
                continue;
            };
            if item.get("readyExpr").is_some() {
                continue;
            }
            let own = entry.identity().namespace.as_str();
            let dependency = Identity {
                group: group.to_owned(),
                kind: kind.to_owned(),
                namespace: text(item.get("namespace")).unwrap_or(own).to_owned(),
                name: name.to_owned(),
            };
            dependents
                .entry(dependency)
                .or_default()
                .insert(entry.identity().clone());
        }
    }
    dependents
}

/// Those too that wait for one that waits.
fn all_dependents(dependents: &Dependents, dependency: &Identity) -> BTreeSet<Identity> {
    let mut all = BTreeSet::new();
    let mut pending = vec![dependency.clone()];
    while let Some(next) = pending.pop() {
        for dependent in dependents.get(&next).into_iter().flatten() {
            if dependent != dependency && all.insert(dependent.clone()) {
                pending.push(dependent.clone());
            }
        }
    }
    all
}

/// Whether a Kustomization builds a new revision only after another has applied it, before and
/// after the change: it depends on it, maybe through others, and all have one source.
///
/// Source: <https://fluxcd.io/flux/components/kustomize/kustomizations/#dependencies>
pub(super) fn waits_for(view: &View<'_>, one: &Identity, other: &Identity) -> bool {
    [Time::Before, Time::After].into_iter().all(|time| {
        let mut dependents = dependents(view, time, KUSTOMIZE, "Kustomization");
        // With another source, ready does not mean that the new revision is applied.
        for (dependency, waiting) in &mut dependents {
            let source = source_of(view, time, dependency);
            waiting.retain(|it| source.is_some() && source_of(view, time, it) == source);
        }
        all_dependents(&dependents, other).contains(one)
    })
}

fn source_of<'v>(view: &'v View<'_>, time: Time, identity: &Identity) -> Option<SourceRef<'v>> {
    let entry = view.get(time, identity)?;
    let own = entry.identity().namespace.as_str();
    SourceRef::of(entry.get(&["spec", "sourceRef"]), own)
}
