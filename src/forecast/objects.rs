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
    /// What the HelmReleases among them do with their releases.
    releases: Vec<String>,
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
        notes.extend(self.releases.iter().cloned());
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

/// What goes when `owner` lets go of these objects; `unknown`: why there may be more of them.
pub(super) fn lost<'o>(
    view: &View<'_>,
    owner: &Identity,
    gone: impl IntoIterator<Item = (&'o Identity, &'o Built)>,
    unknown: impl IntoIterator<Item = String>,
) -> Lost {
    let mut lost = Lost::default();
    let mut gone_with = Gone {
        view,
        objects: BTreeSet::new(),
        unknown: unknown.into_iter().collect(),
        releases: Vec::new(),
    };
    for (identity, built) in gone {
        if built.prune_disabled {
            lost.kept.push(identity.clone());
            continue;
        }
        if let Some(other) = view.other_owner(Time::After, identity, owner) {
            lost.contested.push((identity.clone(), other));
            continue;
        }
        gone_with.delete(identity, built, 0);
    }
    lost.releases = gone_with.releases;
    lost.deleted = Affected {
        objects: gone_with.objects.into_iter().collect(),
        unknown: gone_with.unknown.into_iter().collect(),
    };
    lost
}

/// What goes with a Kustomization that deletes all that it applied.
pub(super) fn lost_with(view: &View<'_>, owner: &Identity, before: &Contents) -> Lost {
    let unknown = before.unknown.iter().chain(&before.broken).cloned();
    lost(view, owner, &before.objects, unknown)
}

/// Collects what goes.
struct Gone<'g> {
    view: &'g View<'g>,
    objects: BTreeSet<Object>,
    unknown: BTreeSet<String>,
    releases: Vec<String>,
}

impl Gone<'_> {
    /// An object goes, and with it what its own controller deletes.
    fn delete(&mut self, identity: &Identity, built: &Built, depth: usize) {
        if !self.objects.insert(Object::from(identity)) {
            return;
        }
        let (group, kind) = (identity.group.as_str(), identity.kind.as_str());
        match (group, kind, &built.resource) {
            (KUSTOMIZE, "Kustomization", Some(resource)) if depth < DEPTH => {
                let spec = KustomizationSpec::of(resource);
                if spec.keeps_objects().is_some() {
                    return;
                }
                let contents = self.view.contents(Time::Before, &spec);
                let unknown = contents.unknown.iter().chain(&contents.broken);
                self.unknown.extend(unknown.cloned());
                for (identity, built) in &contents.objects {
                    if !built.prune_disabled {
                        self.delete(identity, built, depth + 1);
                    }
                }
            }
            (HELM, "HelmRelease", Some(resource)) => {
                let spec = HelmReleaseSpec::of(resource);
                let release = spec.release();
                let fate = if spec.suspend {
                    "stays installed: it is suspended"
                } else {
                    let what = format!("what Helm release `{}` installed", release.name);
                    self.unknown.insert(what);
                    "is uninstalled"
                };
                self.releases.push(format!(
                    "HelmRelease `{}` is deleted, and {release} {fate}",
                    identity.name
                ));
            }
            (HELM, "HelmRelease", None) => {
                self.unknown.insert(format!("what {identity} installed"));
                self.releases.push(format!(
                    "HelmRelease `{}` is deleted and uninstalls its release, unless it is suspended",
                    identity.name
                ));
            }
            (KUSTOMIZE, _, _) => {
                self.unknown.insert(format!("what {identity} applies"));
            }
            _ => {}
        }
    }
}
