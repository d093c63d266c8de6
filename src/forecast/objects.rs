//! Which objects go when a Kustomization lets go of them.

use std::collections::BTreeSet;

use super::helm_spec::HelmReleaseSpec;
use super::kustomization_spec::KustomizationSpec;
use super::view::{HELM, KUSTOMIZE, Time, View};
use crate::compare::report::{Affected, Object};
use crate::kustomize::{Built, Contents};
use crate::resource::Identity;

/// Kustomizations that apply Kustomizations: deeper than anybody nests them.
const DEPTH: usize = 8;

/// What an owner lets go of.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// Deleted, with what their own deletion deletes.
    pub(super) deleted: Affected,
    /// Deleted here and applied by another, which may come first or second: object and owner.
    pub(super) contested: Vec<(Identity, Identity)>,
    /// Passed over by garbage collection.
    pub(super) kept: Vec<Identity>,
}

impl Lost {
    /// It is certain that nothing is deleted.
    pub(super) fn is_nothing(&self) -> bool {
        self.deleted.objects.is_empty() && self.deleted.unknown.is_empty()
    }

    /// What to say beside the list.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let named = |kind: &str| -> Vec<String> {
            self.deleted
                .objects
                .iter()
                .filter(|object| object.kind == kind)
                .map(|object| format!("`{}`", object.name))
                .collect()
        };
        for (kind, consequence) in [
            (
                "Namespace",
                "goes with everything in it, whoever applied that",
            ),
            (
                "CustomResourceDefinition",
                "goes with every object of its kind",
            ),
            (
                "PersistentVolumeClaim",
                "goes with its data where the storage class says `Delete`",
            ),
        ] {
            let names = named(kind);
            if !names.is_empty() {
                notes.push(format!("{kind} {} {consequence}", names.join(", ")));
            }
        }
        if !self.kept.is_empty() {
            let names: Vec<_> = self.kept.iter().map(|it| format!("`{it}`")).collect();
            notes.push(format!(
                "{} {} in the cluster: garbage collection is disabled there",
                names.join(", "),
                if names.len() == 1 { "stays" } else { "stay" }
            ));
        }
        notes
    }
}

/// What goes when `owner` no longer applies what was in `before` and is not in `after`.
pub(super) fn lost(
    view: &View<'_>,
    owner: &Identity,
    before: &Contents,
    after: Option<&Contents>,
) -> Lost {
    let mut lost = Lost::default();
    let mut objects = BTreeSet::new();
    let mut unknown: BTreeSet<String> = before
        .unknown
        .iter()
        .chain(&before.broken)
        .filter(|reason| after.is_none_or(|after| !after.unknown.contains(*reason)))
        .cloned()
        .collect();
    for (identity, built) in &before.objects {
        if after.is_some_and(|after| after.objects.contains_key(identity)) {
            continue;
        }
        if built.prune_disabled {
            lost.kept.push(identity.clone());
            continue;
        }
        let others = view.owners(Time::After).get(identity);
        if let Some(other) = others.into_iter().flatten().find(|other| *other != owner) {
            lost.contested.push((identity.clone(), other.clone()));
            continue;
        }
        delete(view, identity, built, &mut objects, &mut unknown, 0);
    }
    lost.deleted = Affected {
        objects: objects.into_iter().collect(),
        unknown: unknown.into_iter().collect(),
    };
    lost
}

/// An object goes, and with it what its own controller deletes.
fn delete(
    view: &View<'_>,
    identity: &Identity,
    built: &Built,
    objects: &mut BTreeSet<Object>,
    unknown: &mut BTreeSet<String>,
    depth: usize,
) {
    if !objects.insert(Object::from(identity)) {
        return;
    }
    match (
        identity.group.as_str(),
        identity.kind.as_str(),
        &built.resource,
    ) {
        (KUSTOMIZE, "Kustomization", Some(resource)) if depth < DEPTH => {
            let spec = KustomizationSpec::of(resource);
            if spec.keeps_objects().is_some() {
                return;
            }
            if spec.path.contains("${") {
                unknown.insert(format!("what {identity} applies"));
                return;
            }
            let contents = view.contents(Time::Before, &spec);
            unknown.extend(contents.unknown.iter().chain(&contents.broken).cloned());
            for (identity, built) in &contents.objects {
                if !built.prune_disabled {
                    delete(view, identity, built, objects, unknown, depth + 1);
                }
            }
        }
        (HELM, "HelmRelease", Some(resource)) => {
            let spec = HelmReleaseSpec::of(resource);
            if !spec.suspend {
                unknown.insert(format!(
                    "what Helm release `{}` installed",
                    spec.release_name()
                ));
            }
        }
        (KUSTOMIZE | HELM, _, _) => {
            unknown.insert(format!("what {identity} applies"));
        }
        _ => {}
    }
}
