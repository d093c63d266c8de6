//! What the root Kustomization does with the cluster's own folder.

use super::found::{Found, Told};
use super::rule::Rule;
use super::view::{HELM, KUSTOMIZE, SOURCE, View};
use crate::compare::report::{Affected, Object, Outcome, Severity};

const PRUNE: &str = "https://fluxcd.io/flux/components/kustomize/kustomizations/#prune";

/// A Kustomization whose path is not there fails before it applies or prunes anything.
pub(super) static REMOVED: Rule = Rule::new(
    "cluster-removed",
    "a cluster whose folder is gone goes on as it is, and reports a missing path",
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#path",
    removed,
)
.without_folder();
/// What garbage collection does not delete goes on doing what it did.
pub(super) static STAYS: Rule = Rule::new(
    "deleted-resource-stays",
    "a resource that the root Kustomization does not prune goes on in the cluster",
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#garbage-collection",
    stays,
);
pub(super) static OBJECT_DELETED: Rule = Rule::new(
    "object-deleted",
    "what is gone from the cluster's folder is deleted by the root Kustomization",
    PRUNE,
    object_deleted,
);

fn removed(view: &View<'_>, found: &mut Found<'_>) {
    if !view.is_abandoned() {
        return;
    }
    let Some(first) = view.changes.deleted.first() else {
        return;
    };
    let folder = &view.root().folder;
    let told = Told::new(
        Severity::Notice,
        Outcome::Stall,
        format!("the folder of cluster `{}` goes: everything in the cluster stays and goes on, and its root Kustomization reports a missing path", view.cluster),
    )
    .affects(Affected::known(
        view.changes.deleted.iter().map(|entry| Object::from(entry.identity())),
    ))
    .help(format!("uninstall Flux from the cluster if it is to be left alone; keep `{folder}` until its resources are deleted if they are to go"));
    found.push(&REMOVED, view, Some(first), None, told);
}

fn stays(view: &View<'_>, found: &mut Found<'_>) {
    for old in &view.changes.deleted {
        let Some(why) = view.stays(old) else { continue };
        let identity = old.identity();
        let told = Told::new(
            Severity::Notice,
            Outcome::Orphan,
            format!(
                "{} `{}` is gone from the folder and stays in the cluster, where it goes on: {why}",
                identity.kind, identity.name
            ),
        )
        .affects(Affected::known([Object::from(identity)]));
        found.push(&STAYS, view, Some(old), None, told);
    }
}

fn object_deleted(view: &View<'_>, found: &mut Found<'_>) {
    let gone = view
        .changes
        .deleted
        .iter()
        .copied()
        .map(|old| (old, None))
        .chain(
            view.changes
                .renamed
                .iter()
                .map(|(old, new)| (*old, Some(*new))),
        );
    for (old, new) in gone {
        let identity = old.identity();
        // Those have rules of their own; of sources only the users matter.
        let has_own_rule = matches!(identity.group.as_str(), KUSTOMIZE | HELM | SOURCE)
            || identity.group == "source.extensions.fluxcd.io";
        if has_own_rule || view.stays(old).is_some() || view.moved_to(identity).is_some() {
            continue;
        }
        let (kind, name) = (identity.kind.as_str(), &identity.name);
        let (severity, message) = match (identity.group.as_str(), kind) {
            ("image.toolkit.fluxcd.io", "ImageUpdateAutomation") => (
                Severity::Notice,
                format!("{kind} `{name}` is deleted: images are not updated by it any more"),
            ),
            ("notification.toolkit.fluxcd.io", _) | ("image.toolkit.fluxcd.io", _) => {
                (Severity::Info, format!("{kind} `{name}` is deleted"))
            }
            ("", "Namespace") => (
                Severity::Destructive,
                format!(
                    "Namespace `{name}` is deleted with everything in it, whoever applied that"
                ),
            ),
            ("apiextensions.k8s.io", "CustomResourceDefinition") => (
                Severity::Destructive,
                format!(
                    "CustomResourceDefinition `{name}` is deleted with every object of its kind"
                ),
            ),
            ("", "PersistentVolumeClaim") => (
                Severity::Destructive,
                format!(
                    "PersistentVolumeClaim `{name}` is deleted, and its data where the storage class says `Delete`"
                ),
            ),
            ("fluxcd.controlplane.io", "FluxInstance") => (
                Severity::Destructive,
                format!("FluxInstance `{name}` is deleted: the operator uninstalls Flux"),
            ),
            ("fluxcd.controlplane.io", "ResourceSet") => (
                Severity::Destructive,
                format!("ResourceSet `{name}` is deleted with everything that it made"),
            ),
            _ => (Severity::Destructive, format!("{kind} `{name}` is deleted")),
        };
        let mut affected = Affected::known([Object::from(identity)]);
        if matches!(
            kind,
            "Namespace" | "CustomResourceDefinition" | "ResourceSet"
        ) {
            affected
                .unknown
                .push(format!("what goes with {kind} `{name}`"));
        }
        let told = Told::new(severity, Outcome::Prune, message).affects(affected);
        found.push(&OBJECT_DELETED, view, Some(old), new, told);
    }
}
