//! Fields that are switches: what turning one does, now or later.

use super::found::{Found, Told};
use super::kustomization::everything;
use super::kustomization_spec::KustomizationSpec;
use super::rule::{Rule, told_elsewhere};
use super::view::{HELM, KUSTOMIZE, Time, View, flag, text};
use crate::compare::Entry;
use crate::compare::report::{Affected, Outcome, Severity};
use crate::resource::Identity;

const KUSTOMIZATIONS: &str = "https://fluxcd.io/flux/components/kustomize/kustomizations/#prune";

pub(super) static PRUNE_OFF: Rule = Rule::new(
    "prune-turned-off",
    "from now on nothing is deleted that leaves the folder",
    KUSTOMIZATIONS,
    kustomizations,
);
/// What left the folder while it was off is not in the inventory any more, and stays.
pub(super) static PRUNE_ON: Rule = Rule::new(
    "prune-turned-on",
    "from now on what leaves the folder is deleted",
    KUSTOMIZATIONS,
    told_elsewhere,
);
pub(super) static DELETION_POLICY: Rule = Rule::new(
    "deletion-policy-changed",
    "deleting the Kustomization later does something else with its objects",
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#deletion-policy",
    told_elsewhere,
);
pub(super) static FORCE: Rule = Rule::new(
    "force-turned-on",
    "objects whose immutable fields change are deleted and created again",
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#force",
    told_elsewhere,
);
pub(super) static SUSPENDED: Rule = Rule::new(
    "reconciliation-suspended",
    "a suspended resource is not reconciled: nothing is applied, corrected or pruned",
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#suspend",
    suspension,
);
pub(super) static RESUMED: Rule = Rule::new(
    "reconciliation-resumed",
    "what was held back takes effect",
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#suspend",
    told_elsewhere,
);
pub(super) static CHANGED_WHILE_SUSPENDED: Rule = Rule::new(
    "changed-while-suspended",
    "a change to a suspended resource takes effect when it is resumed",
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#suspend",
    told_elsewhere,
);
/// The controllers record what they applied, not where.
pub(super) static OTHER_CLUSTER: Rule = Rule::new(
    "target-cluster-changed",
    "with another kubeconfig the objects are applied there and stay where they were",
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#kubeconfig-remote-clusters",
    other_cluster,
);
pub(super) static KEEPS_HISTORY: Rule = Rule::new(
    "uninstall-history-changed",
    "an uninstalled release keeps its records, or no longer does",
    "https://fluxcd.io/flux/components/helm/helmreleases/#uninstall-configuration",
    keep_history,
);

fn kustomizations(view: &View<'_>, found: &mut Found<'_>) {
    for (old, new) in view.changed(KUSTOMIZE, "Kustomization") {
        let (before, after) = (
            KustomizationSpec::of(&old.resource),
            KustomizationSpec::of(&new.resource),
        );
        let name = &new.identity().name;
        if before.prune && !after.prune {
            let told = Told::new(
                Severity::Notice,
                Outcome::Orphan,
                format!(
                    "`{name}` no longer prunes: what leaves its folder stays there without an owner"
                ),
            );
            found.push(&PRUNE_OFF, view, Some(old), Some(new), told);
        }
        if !before.prune && after.prune {
            let told = Told::new(
                Severity::Notice,
                Outcome::Prune,
                format!("`{name}` prunes from now on what leaves its folder"),
            )
            .note("what left it while `prune` was off is not remembered and stays");
            found.push(&PRUNE_ON, view, Some(old), Some(new), told);
        }
        if before.deletion_policy != after.deletion_policy {
            let consequence = match after.keeps_objects() {
                Some(_) if !after.suspend => "leaves what it applied",
                _ => "deletes what it applied",
            };
            let told = Told::new(
                Severity::Info,
                Outcome::Reconcile,
                format!("deleting `{name}` in a later change {consequence}"),
            );
            found.push(&DELETION_POLICY, view, Some(old), Some(new), told);
        }
        if !before.force && after.force {
            let contents = view.contents(Time::After, &after);
            let told = Told::new(
                Severity::Notice,
                Outcome::Recreate,
                format!(
                    "`{name}` deletes and creates again whatever the API refuses to change in place"
                ),
            )
            .note("a StatefulSet, a Job or a Service that is created again is down in between")
            .affects(everything(&contents.objects, &contents.unknown));
            found.push(&FORCE, view, Some(old), Some(new), told);
        }
    }
}

fn suspension(view: &View<'_>, found: &mut Found<'_>) {
    for (old, new) in view.all_changed() {
        let is_flux = new.identity().group.ends_with(".toolkit.fluxcd.io");
        // A suspended source is told with those that wait for it.
        if !is_flux || new.identity().group == super::view::SOURCE {
            continue;
        }
        let (before, after) = (
            flag(old.get(&["spec", "suspend"])),
            flag(new.get(&["spec", "suspend"])),
        );
        let (kind, name) = (&new.identity().kind, &new.identity().name);
        let is_applier = matches!(kind.as_str(), "Kustomization" | "HelmRelease");
        let page = suspend_page(new.identity());
        match (before, after) {
            (false, true) => {
                let consequence = match kind.as_str() {
                    "Kustomization" | "HelmRelease" => {
                        "nothing is applied, corrected or deleted until it is resumed"
                    }
                    "ImageUpdateAutomation" => "no image is updated until it is resumed",
                    "Alert" | "Receiver" => "nothing is passed on until it is resumed",
                    _ => "nothing is done until it is resumed",
                };
                let severity = if is_applier {
                    Severity::Notice
                } else {
                    Severity::Info
                };
                let told = Told::new(
                    severity,
                    Outcome::Stall,
                    format!("{kind} `{name}` is suspended: {consequence}"),
                )
                .docs(page);
                found.push(&SUSPENDED, view, Some(old), Some(new), told);
            }
            (true, false) => {
                let severity = if is_applier {
                    Severity::Notice
                } else {
                    Severity::Info
                };
                let told = Told::new(
                    severity,
                    Outcome::Reconcile,
                    format!(
                        "{kind} `{name}` is resumed: what was held back takes effect, {}",
                        if is_helm(new) {
                            "upgrades and rollbacks too"
                        } else {
                            "pruning too"
                        }
                    ),
                )
                .docs(page);
                found.push(&RESUMED, view, Some(old), Some(new), told);
            }
            (true, true) if is_applier => {
                let told = Told::new(
                    Severity::Notice,
                    Outcome::Stall,
                    format!(
                        "{kind} `{name}` is suspended: this change to it takes effect when it is resumed"
                    ),
                )
                .docs(page);
                found.push(&CHANGED_WHILE_SUSPENDED, view, Some(old), Some(new), told);
            }
            (true, true) | (false, false) => {}
        }
    }
}

fn is_helm(entry: &Entry) -> bool {
    entry.identity().group == HELM
}

/// The page about suspending a kind.
fn suspend_page(identity: &Identity) -> &'static str {
    match (identity.group.as_str(), identity.kind.as_str()) {
        (HELM, _) => "https://fluxcd.io/flux/components/helm/helmreleases/#suspend",
        ("image.toolkit.fluxcd.io", "ImageRepository") => {
            "https://fluxcd.io/flux/components/image/imagerepositories/#suspend"
        }
        ("image.toolkit.fluxcd.io", "ImagePolicy") => {
            "https://fluxcd.io/flux/components/image/imagepolicies/#suspend"
        }
        ("image.toolkit.fluxcd.io", _) => {
            "https://fluxcd.io/flux/components/image/imageupdateautomations/#suspend"
        }
        ("notification.toolkit.fluxcd.io", "Receiver") => {
            "https://fluxcd.io/flux/components/notification/receivers/#suspend"
        }
        ("notification.toolkit.fluxcd.io", _) => {
            "https://fluxcd.io/flux/components/notification/alerts/#suspend"
        }
        _ => "https://fluxcd.io/flux/components/kustomize/kustomizations/#suspend",
    }
}

fn other_cluster(view: &View<'_>, found: &mut Found<'_>) {
    for (group, kind) in [(KUSTOMIZE, "Kustomization"), (HELM, "HelmRelease")] {
        for (old, new) in view.changed(group, kind) {
            let config = |entry: &Entry| entry.get(&["spec", "kubeConfig"]).cloned();
            let (before, after) = (config(old), config(new));
            let same = match (&before, &after) {
                (None, None) => true,
                (Some(before), Some(after)) => before.value.same(&after.value),
                _ => false,
            };
            if same || flag(new.get(&["spec", "suspend"])) {
                continue;
            }
            let affected = if kind == "Kustomization" {
                let spec = KustomizationSpec::of(&old.resource);
                let contents = view.contents(Time::Before, &spec);
                everything(&contents.objects, &contents.unknown)
            } else {
                Affected::unknown("what the chart installs")
            };
            let whereto = |config: &Option<crate::node::Node>| match config {
                None => "this cluster".to_owned(),
                Some(node) => ["secretRef", "configMapRef"]
                    .iter()
                    .find_map(|key| text(node.at(&[key, "name"])))
                    .map_or_else(
                        || "another cluster".to_owned(),
                        |name| format!("the cluster of `{name}`"),
                    ),
            };
            let told = Told::new(
                Severity::Notice,
                Outcome::Orphan,
                format!(
                    "{kind} `{}` goes from {} to {}: what it applied there stays there without an owner",
                    new.identity().name,
                    whereto(&before),
                    whereto(&after)
                ),
            )
            .affects(affected)
            .docs(match kind {
                "HelmRelease" => "https://fluxcd.io/flux/components/helm/helmreleases/#kubeconfig-remote-clusters",
                _ => OTHER_CLUSTER.docs,
            });
            found.push(&OTHER_CLUSTER, view, Some(old), Some(new), told);
        }
    }
}

fn keep_history(view: &View<'_>, found: &mut Found<'_>) {
    for (old, new) in view.changed(HELM, "HelmRelease") {
        let keeps = |entry: &Entry| flag(entry.get(&["spec", "uninstall", "keepHistory"]));
        let name = &new.identity().name;
        let message = match (keeps(old), keeps(new)) {
            (false, true) => {
                format!("uninstalling `{name}` deletes its objects and keeps Helm's records of it")
            }
            (true, false) => {
                format!("uninstalling `{name}` deletes its objects and Helm's records of it")
            }
            (true, true) | (false, false) => continue,
        };
        let told = Told::new(Severity::Info, Outcome::Reconcile, message);
        found.push(&KEEPS_HISTORY, view, Some(old), Some(new), told);
    }
}
