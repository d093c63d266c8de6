//! What becomes of the objects of a Kustomization when its spec, its folder or both change.
//!
//! One new revision starts both at once: the child builds the new folder with the spec that it has
//! in the cluster, while its parent applies the new spec. So there are two builds after the merge,
//! the old spec over the new folder and the new spec over the new folder. The first comes first as a
//! rule, but nothing guarantees it: what only the old spec deletes *may* be deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kustomization_spec::KustomizationSpec;
use super::view::{Time, View};
use crate::kustomize::{Built, Contents};
use crate::resource::Identity;

/// What happens to an object that was applied and is not simply kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// The new spec no longer selects it, and prunes it.
    Deselected,
    /// It left the folder, and both specs prune.
    Removed,
    /// It left the folder, and only the old spec prunes: turning `prune` off comes too late.
    RemovedBeforeSpec,
    /// It left the folder in the change that turns `prune` on.
    RemovedAsPruneComes,
    /// It is gone from where the old spec looks and is where the new spec looks.
    Relocated,
    /// Nobody prunes it.
    Orphaned,
}

/// The builds around a merge.
pub(super) struct Builds {
    /// The old spec over the old folder: what is in the cluster.
    pub(super) before: Arc<Contents>,
    /// The old spec over the new folder.
    pub(super) between: Arc<Contents>,
    /// The new spec over the new folder.
    pub(super) after: Arc<Contents>,
    /// Whether the old spec applies the new folder, if it comes first.
    old_acts: bool,
    old_prunes: bool,
    /// Whether the new spec applies anything to the same cluster.
    pub(super) new_acts: bool,
    new_prunes: bool,
}

pub(super) type Fates<'a> = BTreeMap<Fate, Vec<(&'a Identity, &'a Built)>>;

impl Builds {
    pub(super) fn of(
        view: &View<'_>,
        old: &KustomizationSpec<'_>,
        new: &KustomizationSpec<'_>,
    ) -> Self {
        let before = view.contents(Time::Before, old);
        let between = view.contents(Time::After, old);
        let after = view.contents(Time::After, new);
        let moves_away = old.has_kube_config() != new.has_kube_config();
        let old_acts = !old.suspend && between.broken.is_none();
        let new_acts = !new.suspend && !moves_away && after.broken.is_none();
        Self {
            old_prunes: old_acts && old.prune,
            new_prunes: new_acts && new.prune,
            before,
            between,
            after,
            old_acts,
            new_acts,
        }
    }

    /// Of a Kustomization that is deleted without deleting what it applied.
    pub(super) fn of_last(view: &View<'_>, old: &KustomizationSpec<'_>) -> Self {
        let mut builds = Self::of(view, old, old);
        (builds.new_acts, builds.new_prunes) = (false, false);
        builds
    }

    pub(super) fn fates(&self) -> Fates<'_> {
        let mut fates = Fates::new();
        for (identity, built) in &self.before.objects {
            if let Some(fate) = self.fate(identity) {
                fates.entry(fate).or_default().push((identity, built));
            }
        }
        fates
    }

    fn fate(&self, identity: &Identity) -> Option<Fate> {
        let stays_in_folder = !self.old_acts || self.between.objects.contains_key(identity);
        let stays = self.new_acts && self.after.objects.contains_key(identity);
        match (stays_in_folder, stays) {
            (true, true) => None,
            (false, true) => self.old_prunes.then_some(Fate::Relocated),
            (true, false) if !self.new_acts => None,
            (true, false) if self.new_prunes => Some(Fate::Deselected),
            (true, false) => Some(Fate::Orphaned),
            (false, false) => match (self.old_prunes, self.new_prunes) {
                (true, true) => Some(Fate::Removed),
                (true, false) => Some(Fate::RemovedBeforeSpec),
                (false, true) => Some(Fate::RemovedAsPruneComes),
                (false, false) => Some(Fate::Orphaned),
            },
        }
    }

    /// Reasons why the new build may still hold what is not seen in it; the old one did not have them.
    pub(super) fn newly_unknown(&self) -> Vec<String> {
        let reasons = self.after.unknown.iter();
        reasons
            .filter(|reason| !self.before.unknown.contains(*reason))
            .cloned()
            .collect()
    }

    /// Reasons why there may be more in the cluster than is known, which the new build does not have.
    pub(super) fn no_longer_unknown(&self) -> Vec<String> {
        let reasons = self.before.unknown.iter().chain(&self.before.broken);
        reasons
            .filter(|reason| !self.after.unknown.contains(*reason))
            .cloned()
            .collect()
    }
}
