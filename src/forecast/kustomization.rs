//! A Kustomization that is deleted or has another name: its finalizer deletes what it applied.

use super::contents::FOLDER;
use super::fates::{Builds, Fate};
use super::found::{Found, Told};
use super::kustomization_spec::{DeletionPolicy, KustomizationSpec};
use super::objects::{Lost, lost, lost_with};
use super::owners;
use super::rule::{Rule, told_elsewhere};
use super::view::{KUSTOMIZE, Time, View, text};
use crate::compare::Entry;
use crate::compare::report::{Affected, Object, Outcome, Severity};

const DELETION: &str =
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#deletion-policy";
const RENAME: &str = "https://fluxcd.io/flux/faq/#how-can-i-safely-rename-a-flux-kustomization";

/// With `deletionPolicy` `Delete` or `WaitForTermination`, or `MirrorPrune` and `prune`, the
/// finalizer deletes the inventory: all that carries this Kustomization's labels.
pub(super) static DELETED: Rule = Rule::new(
    "kustomization-deleted-prunes",
    "a deleted Kustomization deletes what it applied",
    DELETION,
    deleted,
);

/// A suspended one, one with `Orphan`, and one that mirrors `prune: false` delete nothing.
pub(super) static ORPHANED: Rule = Rule::new(
    "kustomization-deleted-orphans",
    "a deleted Kustomization leaves what it applied without an owner",
    DELETION,
    told_elsewhere,
);

/// To Kubernetes another name is another object: the old one is deleted while the new one starts.
///
/// Source: <https://github.com/fluxcd/flux2/issues/3316>
pub(super) static RENAMED: Rule = Rule::new(
    "kustomization-renamed-recreates",
    "a Kustomization under another name deletes what it applied, and applies it again",
    RENAME,
    renamed,
);

/// Where the old one deletes nothing, the new one takes over what is there.
pub(super) static RENAMED_SAFELY: Rule = Rule::new(
    "kustomization-renamed-adopts",
    "a Kustomization under another name takes over what the old one left",
    RENAME,
    told_elsewhere,
);

fn deleted(view: &View<'_>, found: &mut Found<'_>) {
    for old in view.deleted(KUSTOMIZE, "Kustomization") {
        if view.stays(old).is_some() {
            continue;
        }
        let spec = KustomizationSpec::of(&old.resource);
        let name = &old.identity().name;
        let before = view.contents(Time::Before, &spec);
        if let Some(why) = spec.keeps_objects() {
            let told = Told::new(
                Severity::Notice,
                Outcome::Orphan,
                format!("`{name}` is deleted and what it applied stays in the cluster without an owner: {why}"),
            )
            .affects(everything(&before.objects, &before.unknown));
            found.push(&ORPHANED, view, Some(old), None, told);
            tell_removed_first(view, found, &spec, (old, None));
            continue;
        }
        let lost = lost_with(view, old.identity(), &before);
        owners::tell_moved(view, found, old.identity(), (Some(old), None), &lost);
        if !lost.contested.is_empty() && lost.is_nothing() {
            continue;
        }
        found.push(
            &DELETED,
            view,
            Some(old),
            None,
            prunes(view, old, &spec, &lost),
        );
    }
}

fn prunes(view: &View<'_>, old: &Entry, spec: &KustomizationSpec<'_>, lost: &Lost) -> Told {
    let name = &old.identity().name;
    let severity = if lost.is_nothing() {
        Severity::Info
    } else {
        Severity::Destructive
    };
    let message = match (spec.deletion_policy, lost.is_nothing()) {
        (_, true) => format!("`{name}` is deleted; it applied nothing that goes with it"),
        (DeletionPolicy::Delete, _) => {
            format!(
                "`{name}` is deleted and deletes all that it applied: its `deletionPolicy` is `Delete`"
            )
        }
        (DeletionPolicy::WaitForTermination, _) => format!(
            "`{name}` is deleted, deletes all that it applied, and waits until that is gone: its `deletionPolicy` is `WaitForTermination`"
        ),
        (DeletionPolicy::MirrorPrune | DeletionPolicy::Orphan, _) => {
            format!("`{name}` is deleted and deletes all that it applied: its `prune` is on")
        }
    };
    let mut told = Told::new(severity, Outcome::Prune, message).affects(lost.deleted.clone());
    told.notes = lost.notes();
    if let Some(account) = text(old.get(&["spec", "serviceAccountName"])) {
        let namespace = &old.identity().namespace;
        let goes = view.deleted("", "ServiceAccount").iter().any(|entry| {
            entry.identity().name == account && entry.identity().namespace == *namespace
        });
        if goes {
            told = told.note(format!(
                "ServiceAccount `{account}` goes at the same time: if it goes first, nothing is deleted and all stays without an owner"
            ));
        }
    }
    if severity == Severity::Destructive {
        told = told.help(format!(
            "to keep the objects, merge `deletionPolicy = \"Orphan\"` on `{name}` first and delete it after that is applied"
        ));
    }
    told
}

fn renamed(view: &View<'_>, found: &mut Found<'_>) {
    for (old, new) in view.renamed(KUSTOMIZE, "Kustomization") {
        let spec = KustomizationSpec::of(&old.resource);
        let (from, to) = owners::distinct_names(old.identity(), new.identity());
        let before = view.contents(Time::Before, &spec);
        if let Some(why) = view.stays(old) {
            let told = Told::new(
                Severity::Notice,
                Outcome::Adopt,
                format!("`{to}` is new and `{from}` stays in the cluster beside it, both applying the same: {why}"),
            )
            .affects(everything(&before.objects, &before.unknown))
            .help(format!("delete `{from}` from the cluster by hand"));
            found.push(&RENAMED_SAFELY, view, Some(old), Some(new), told);
            continue;
        }
        if let Some(why) = spec.keeps_objects() {
            let told = Told::new(
                Severity::Info,
                Outcome::Adopt,
                format!("`{from}` is renamed to `{to}`, which takes over what is there: `{from}` deletes nothing, {why}"),
            )
            .affects(everything(&before.objects, &before.unknown));
            found.push(&RENAMED_SAFELY, view, Some(old), Some(new), told);
            tell_removed_first(view, found, &spec, (old, Some(new)));
            continue;
        }
        let mut all = lost_with(view, old.identity(), &before);
        // What the new one applies is what the rename is about, not a dispute with a third.
        let (own, others): (Vec<_>, Vec<_>) = std::mem::take(&mut all.contested)
            .into_iter()
            .partition(|(_, owner)| owner == new.identity());
        all.contested = others;
        owners::tell_moved(view, found, old.identity(), (Some(old), Some(new)), &all);
        all.deleted
            .objects
            .extend(own.iter().map(|(identity, _)| Object::from(identity)));
        all.deleted.objects.sort();
        if all.is_nothing() {
            continue;
        }
        let mut told = Told::new(
            Severity::Destructive,
            Outcome::Recreate,
            format!("`{from}` is renamed to `{to}`: the old one deletes what it applied while the new one starts, and the new one applies it again"),
        )
        .affects(all.deleted.clone())
        .help(format!(
            "run `fluxgen plan-rename` to do it in two safe steps: pruning off for `{from}`, then the rename"
        ));
        told.notes = all.notes();
        found.push(&RENAMED, view, Some(old), Some(new), told);
    }
}

/// One that goes without deleting anything may build the new folder before it goes, and prune then.
fn tell_removed_first(
    view: &View<'_>,
    found: &mut Found<'_>,
    spec: &KustomizationSpec<'_>,
    (old, new): (&Entry, Option<&Entry>),
) {
    let name = &old.identity().name;
    let builds = Builds::of_last(view, spec);
    let mut fates = builds.fates();
    let removed = fates.remove(&Fate::RemovedBeforeSpec).unwrap_or_default();
    let mut lost = lost(view, old.identity(), removed, []);
    // What goes on under the new name is applied again.
    let successor = new.map(Entry::identity);
    let (again, others): (Vec<_>, Vec<_>) = std::mem::take(&mut lost.contested)
        .into_iter()
        .partition(|(_, owner)| Some(owner) == successor);
    lost.contested = others;
    owners::tell_moved(view, found, old.identity(), (Some(old), new), &lost);
    let again = again.iter().map(|(identity, _)| Object::from(identity));
    lost.deleted.objects.extend(again);
    lost.deleted.objects.sort();
    if lost.is_nothing() {
        return;
    }
    let mut told = Told::new(
        Severity::Destructive,
        Outcome::Prune,
        format!("objects of `{name}` may be deleted: they are gone from its folder, and it prunes them unless it is deleted first"),
    )
    .affects(lost.deleted.clone())
    .uncertain()
    .help("to keep them, remove them from the folder in a later change");
    told.notes = lost.notes();
    found.push(&FOLDER, view, Some(old), new, told);
}

pub(super) fn everything<'a, T>(
    objects: impl IntoIterator<Item = (&'a crate::resource::Identity, T)>,
    unknown: &std::collections::BTreeSet<String>,
) -> Affected {
    let mut affected = Affected::known(objects.into_iter().map(|(identity, _)| identity.into()));
    affected.unknown = unknown.iter().cloned().collect();
    affected
}
