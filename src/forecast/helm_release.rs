//! A HelmRelease whose release goes, moves, or is made anew.

use std::collections::{BTreeMap, BTreeSet};

use super::found::{Found, Told};
use super::helm_spec::{ChartName, HelmReleaseSpec, Release};
use super::owners::distinct_names;
use super::rule::{Rule, told_elsewhere};
use super::view::{HELM, Time, View};
use crate::compare::Entry;
use crate::compare::report::{Affected, Object, Outcome, Severity};
use crate::resource::Identity;

const UNINSTALL: &str =
    "https://fluxcd.io/flux/components/helm/helmreleases/#uninstall-configuration";
const TARGET: &str = "https://fluxcd.io/flux/components/helm/helmreleases/#release-name";

/// The finalizer runs `helm uninstall` with the last applied `uninstall` settings.
pub(super) static DELETED: Rule = Rule::new(
    "helm-release-deleted-uninstalls",
    "a deleted HelmRelease uninstalls its release",
    UNINSTALL,
    deleted,
);
/// The finalizer passes over a suspended one.
pub(super) static ORPHANED: Rule = Rule::new(
    "helm-release-deleted-orphans",
    "a deleted HelmRelease that is suspended leaves its release installed",
    "https://fluxcd.io/flux/components/helm/helmreleases/#suspend",
    told_elsewhere,
);
/// The old one's finalizer uninstalls while the new one installs; with one release name for both
/// it uninstalls what the new one has just taken over.
pub(super) static RENAMED: Rule = Rule::new(
    "helm-release-renamed-reinstalls",
    "a HelmRelease under another name uninstalls the release and installs one",
    TARGET,
    renamed,
);
pub(super) static ADOPTED: Rule = Rule::new(
    "helm-release-renamed-adopts",
    "a HelmRelease under another name takes over the release that a suspended one left",
    TARGET,
    told_elsewhere,
);
/// Release name, target namespace and storage namespace make a release the one it is.
pub(super) static MOVED: Rule = Rule::new(
    "helm-release-target-changed",
    "with another release name, target or storage namespace another release is installed",
    TARGET,
    moved,
);
/// From Flux 2.9 `upgrade.chartNameChangeStrategy` may say so; before it there was only reinstalling.
pub(super) static CHART_IN_PLACE: Rule = Rule::new(
    "helm-release-chart-upgraded-in-place",
    "another chart name upgrades the release in place",
    "https://fluxcd.io/flux/components/helm/helmreleases/#upgrade-configuration",
    told_elsewhere,
)
.since("2.9");
pub(super) static CHART: Rule = Rule::new(
    "helm-release-chart-changed",
    "another chart name uninstalls the release and installs it again",
    "https://fluxcd.io/flux/components/helm/helmreleases/#upgrade-configuration",
    told_elsewhere,
);
pub(super) static CHART_UNKNOWN: Rule = Rule::new(
    "helm-release-chart-may-change",
    "whether the chart has another name is not known here",
    "https://fluxcd.io/flux/components/helm/helmreleases/#upgrade-configuration",
    told_elsewhere,
);
pub(super) static SHARED: Rule = Rule::new(
    "helm-release-shared",
    "two HelmReleases of one release upgrade it in turn",
    TARGET,
    shared,
);

fn deleted(view: &View<'_>, found: &mut Found<'_>) {
    for old in view.deleted(HELM, "HelmRelease") {
        if view.stays(old).is_some() {
            continue;
        }
        let spec = HelmReleaseSpec::of(&old.resource);
        let release = spec.release();
        if spec.suspend {
            let told = Told::new(
                Severity::Notice,
                Outcome::Orphan,
                format!(
                    "`{}` is deleted and {} stays installed, without an owner: it is suspended",
                    old.identity().name,
                    release
                ),
            )
            .affects(installed(&release));
            found.push(&ORPHANED, view, Some(old), None, told);
            continue;
        }
        let told = Told::new(
            Severity::Destructive,
            Outcome::Uninstall,
            format!("`{}` is deleted and uninstalls {}", old.identity().name, release),
        )
        .affects(installed(&release))
        .help(format!(
            "to keep it installed, merge `suspend = true` on `{}` first and delete it after that is applied",
            old.identity().name
        ));
        found.push(
            &DELETED,
            view,
            Some(old),
            None,
            uninstall_notes(told, &spec),
        );
    }
}

fn uninstall_notes(mut told: Told, spec: &HelmReleaseSpec<'_>) -> Told {
    told = told.note("CustomResourceDefinitions from the chart's `crds` folder stay");
    if spec.keeps_history() {
        told = told.note("Helm's records of it stay: `uninstall.keepHistory`");
    }
    if spec.deletion_propagation() == "orphan" {
        told = told.note("what its objects made, such as pods, stays: `uninstall.deletionPropagation` is `orphan`");
    }
    told
}

fn renamed(view: &View<'_>, found: &mut Found<'_>) {
    for (old, new) in view.renamed(HELM, "HelmRelease") {
        let (before, after) = (
            HelmReleaseSpec::of(&old.resource),
            HelmReleaseSpec::of(&new.resource),
        );
        let (was, is) = (before.release(), after.release());
        let (from, to) = distinct_names(old.identity(), new.identity());
        let same =
            was.name == is.name && was.storage == is.storage && was.namespace == is.namespace;
        let stays = view.stays(old);
        if stays.is_some() || before.suspend {
            let (severity, outcome, message) = match (&stays, same) {
                (Some(why), _) => (
                    Severity::Notice,
                    Outcome::Adopt,
                    format!("`{to}` is new and `{from}` stays in the cluster beside it: {why}"),
                ),
                (None, true) => (
                    Severity::Info,
                    Outcome::Adopt,
                    format!(
                        "`{from}` is renamed to `{to}`, which takes over {}: `{from}` is suspended and uninstalls nothing",
                        was
                    ),
                ),
                (None, false) => (
                    Severity::Notice,
                    Outcome::Orphan,
                    format!(
                        "`{from}` is renamed to `{to}`, which installs {}; {} stays installed, without an owner",
                        is, was
                    ),
                ),
            };
            let told = Told::new(severity, outcome, message).affects(installed(&was));
            found.push(&ADOPTED, view, Some(old), Some(new), told);
            continue;
        }
        let message = if same {
            format!(
                "`{from}` is renamed to `{to}`: the old one uninstalls {} while the new one takes it over, and the new one installs it again",
                was
            )
        } else {
            format!(
                "`{from}` is renamed to `{to}`: {} is uninstalled and {} installed",
                was, is
            )
        };
        let told = Told::new(Severity::Destructive, Outcome::Recreate, message)
            .affects(installed(&was))
            .help(format!(
                "run `fluxgen plan-rename` to do it in two safe steps: `suspend = true` on `{from}`, then the rename with the release name kept"
            ));
        found.push(
            &RENAMED,
            view,
            Some(old),
            Some(new),
            uninstall_notes(told, &before),
        );
    }
}

fn moved(view: &View<'_>, found: &mut Found<'_>) {
    for (old, new) in view.kept(HELM, "HelmRelease") {
        let (before, after) = (
            HelmReleaseSpec::of(&old.resource),
            HelmReleaseSpec::of(&new.resource),
        );
        if after.suspend {
            continue;
        }
        let (was, is) = (before.release(), after.release());
        let changes: Vec<String> = [
            ("the release name", &was.name, &is.name),
            ("the target namespace", &was.namespace, &is.namespace),
            ("the storage namespace", &was.storage, &is.storage),
        ]
        .iter()
        .filter(|(_, old, new)| old != new)
        .map(|(what, old, new)| format!("{what} goes from `{old}` to `{new}`"))
        .collect();
        if changes.is_empty() {
            chart(view, found, (old, &before), (new, &after));
            continue;
        }
        let changes = changes.join(", ");
        let told = match was.namespace == is.namespace {
            true => Told::new(
                Severity::Destructive,
                Outcome::Recreate,
                format!("{was} is uninstalled and {is} is installed: {changes}"),
            ),
            false => left_behind(&before, &was, &is, &changes),
        };
        let told = uninstall_notes(told.affects(installed(&was)), &after);
        found.push(&MOVED, view, Some(old), Some(new), told);
    }
}

/// The controller uninstalls the old release with its client set to the new target namespace. Objects whose
/// template sets no namespace are looked for there, and those in the old one are not found.
fn left_behind(spec: &HelmReleaseSpec<'_>, was: &Release, is: &Release, changes: &str) -> Told {
    let (name, namespace) = (&spec.identity.name, &was.namespace);
    Told::new(
        Severity::Destructive,
        Outcome::Recreate,
        format!(
            "{is} is installed and the record of {was} is deleted, but not all of its objects: {changes}"
        ),
    )
    .note(format!(
        "objects whose template sets no namespace stay in namespace `{namespace}` without an owner; the others are deleted"
    ))
    .help(format!(
        "to uninstall it completely, give the HelmRelease another name than `{name}` in the same change; else delete what stays in `{namespace}` by hand"
    ))
}

fn chart(
    view: &View<'_>,
    found: &mut Found<'_>,
    (old, before): (&Entry, &HelmReleaseSpec<'_>),
    (new, after): (&Entry, &HelmReleaseSpec<'_>),
) {
    let was = before.chart_name(view, Time::Before);
    let is = after.chart_name(view, Time::After);
    if was == is {
        return;
    }
    let name = &new.identity().name;
    let release = after.release();
    let in_place = after.updates_in_place(view.flux());
    match (&was, &is) {
        (ChartName::Known(was), ChartName::Known(is)) if in_place => {
            let told = Told::new(
                Severity::Info,
                Outcome::Reconcile,
                format!("`{name}` is upgraded in place from chart `{was}` to chart `{is}`"),
            );
            found.push(&CHART_IN_PLACE, view, Some(old), Some(new), told);
        }
        (ChartName::Known(was), ChartName::Known(is)) => {
            let mut told = Told::new(
                Severity::Destructive,
                Outcome::Recreate,
                format!(
                    "{} is uninstalled and installed again: its chart goes from `{was}` to `{is}`",
                    release
                ),
            )
            .affects(installed(&release));
            if view.flux() >= (2, 9) {
                told = told.help(
                    "set `upgrade.chartNameChangeStrategy = \"InPlaceUpdate\"` to upgrade in place",
                );
            }
            found.push(
                &CHART,
                view,
                Some(old),
                Some(new),
                uninstall_notes(told, after),
            );
        }
        _ if in_place => {}
        _ => {
            let told = Told::new(
                Severity::Notice,
                Outcome::Recreate,
                format!("`{name}` takes its chart from elsewhere: if the chart itself has another name, {} is uninstalled and installed again", release),
            )
            .affects(installed(&release));
            found.push(&CHART_UNKNOWN, view, Some(old), Some(new), told);
        }
    }
}

/// Each release that several HelmReleases manage, once, if one of them changes.
fn shared(view: &View<'_>, found: &mut Found<'_>) {
    let touched: BTreeSet<&Identity> = view
        .changes
        .created
        .iter()
        .chain(view.changes.renamed.iter().map(|(_, new)| new))
        .map(|entry| entry.identity())
        .chain(view.all_changed().iter().map(|(_, new)| new.identity()))
        .filter(|identity| identity.group == HELM)
        .collect();
    if touched.is_empty() {
        return;
    }
    let mut by_release: BTreeMap<(String, String), Vec<&Entry>> = BTreeMap::new();
    for entry in view.all(Time::After, HELM, "HelmRelease") {
        if entry.get(&["spec", "kubeConfig"]).is_none() {
            let release = HelmReleaseSpec::of(&entry.resource).release();
            let key = (release.storage, release.name);
            by_release.entry(key).or_default().push(entry);
        }
    }
    for entries in by_release.values().filter(|entries| entries.len() > 1) {
        let is_touched = |entry: &&&Entry| touched.contains(entry.identity());
        let Some(subject) = entries.iter().find(is_touched) else {
            continue;
        };
        let others: Vec<_> = entries
            .iter()
            .map(|entry| entry.identity())
            .filter(|identity| *identity != subject.identity())
            .collect();
        let names: Vec<_> = entries
            .iter()
            .map(|entry| format!("`{}`", entry.identity().name))
            .collect();
        let told = Told::new(
            Severity::Notice,
            Outcome::Adopt,
            format!(
                "{} are {} {}: each upgrades it in turn to its own chart and values",
                names.join(" and "),
                if names.len() == 2 { "both" } else { "all" },
                HelmReleaseSpec::of(&subject.resource).release()
            ),
        )
        .affects(Affected::known(others.into_iter().map(Object::from)))
        .help("give each of them its own `releaseName`");
        found.push(&SHARED, view, None, Some(subject), told);
    }
}

fn installed(release: &Release) -> Affected {
    Affected::unknown(format!("what Helm release `{}` installed", release.name))
}
