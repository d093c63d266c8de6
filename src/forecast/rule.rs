//! A rule of the controllers, and the table of all that are known here.

use super::found::Found;
use super::view::View;
use super::{
    cluster, contents, dependencies, helm_release, immutable, kustomization, owners, rights,
    sources, switches,
};

/// What is known of a rule beside its code.
pub struct Rule {
    /// Kebab-case; says what happens.
    pub name: &'static str,
    /// One sentence for the list of rules.
    pub summary: &'static str,
    /// The page that it comes from.
    pub docs: &'static str,
    /// The first Flux minor that it holds for, of those that are supported: 2.6 and later.
    pub since: &'static str,
    /// It holds even when the whole folder of the cluster is gone.
    pub holds_without_folder: bool,
    pub(super) check: fn(&View<'_>, &mut Found<'_>),
}

impl Rule {
    pub(super) const fn new(
        name: &'static str,
        summary: &'static str,
        docs: &'static str,
        check: fn(&View<'_>, &mut Found<'_>),
    ) -> Self {
        Self {
            name,
            summary,
            docs,
            since: "2.6",
            holds_without_folder: false,
            check,
        }
    }

    pub(super) const fn since(self, since: &'static str) -> Self {
        Self { since, ..self }
    }

    pub(super) const fn without_folder(self) -> Self {
        Self {
            holds_without_folder: true,
            ..self
        }
    }
}

/// A rule whose findings another rule's check makes as well: the check is that one's.
pub(super) fn told_elsewhere(_: &View<'_>, _: &mut Found<'_>) {}

/// All rules, in the order in which they are run.
pub static RULES: &[&Rule] = &[
    &cluster::REMOVED,
    &cluster::STAYS,
    &kustomization::DELETED,
    &kustomization::ORPHANED,
    &kustomization::RENAMED,
    &kustomization::RENAMED_SAFELY,
    &contents::PATH,
    &contents::SOURCE,
    &contents::NAMESPACE,
    &contents::NAMES,
    &contents::FOLDER,
    &contents::APPLIES_MORE,
    &contents::NOT_PRUNED,
    &contents::BROKEN,
    &owners::MOVED,
    &owners::SHARED,
    &switches::PRUNE_OFF,
    &switches::PRUNE_ON,
    &switches::DELETION_POLICY,
    &switches::FORCE,
    &immutable::RECREATED,
    &immutable::REFUSED,
    &switches::SUSPENDED,
    &switches::RESUMED,
    &switches::CHANGED_WHILE_SUSPENDED,
    &switches::OTHER_CLUSTER,
    &switches::KEEPS_HISTORY,
    &helm_release::DELETED,
    &helm_release::ORPHANED,
    &helm_release::RENAMED,
    &helm_release::ADOPTED,
    &helm_release::MOVED,
    &helm_release::CHART,
    &helm_release::CHART_IN_PLACE,
    &helm_release::CHART_UNKNOWN,
    &helm_release::SHARED,
    &sources::DELETED,
    &sources::SUSPENDED,
    &sources::ELSEWHERE,
    &sources::CHARTS,
    &sources::NOT_KNOWN,
    &sources::CHART_HERE,
    &dependencies::SUSPENDED,
    &dependencies::GONE,
    &cluster::OBJECT_DELETED,
    &rights::GRANTED,
];
