//! Sources that others fetch from: gone, suspended, or pointing elsewhere.

use std::collections::BTreeSet;

use super::found::{Found, Told};
use super::kustomization_spec::{KustomizationSpec, SourceRef, items};
use super::rule::{Rule, told_elsewhere};
use super::view::{HELM, KUSTOMIZE, SOURCE, Time, View, flag, text};
use crate::compare::Entry;
use crate::compare::report::{Affected, Object, Outcome, Severity};
use crate::kustomize::normalised;
use crate::node::Node;
use crate::resource::Identity;
use crate::settings::repo::address;

const EXTENSIONS: &str = "source.extensions.fluxcd.io";

/// The user finds no source and tries again; what it applied stays as it is.
pub(super) static DELETED: Rule = Rule::new(
    "source-deleted",
    "those that fetch from a deleted source stop being reconciled",
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#source-reference",
    deleted,
);
pub(super) static SUSPENDED: Rule = Rule::new(
    "source-suspended",
    "those that fetch from a suspended source get nothing new",
    "https://fluxcd.io/flux/components/source/gitrepositories/#suspend",
    changed,
);
pub(super) static ELSEWHERE: Rule = Rule::new(
    "source-fetches-elsewhere",
    "those that fetch from the source get what is at the new place, and prune what is not",
    "https://fluxcd.io/flux/components/source/gitrepositories/#url",
    told_elsewhere,
);

pub(super) static CHARTS: Rule = Rule::new(
    "chart-source-changed",
    "a Helm release is upgraded when its source gives another chart",
    "https://fluxcd.io/flux/components/helm/helmreleases/#chart-reference",
    told_elsewhere,
);
/// What is pushed elsewhere from this repository arrives later, or never.
pub(super) static NOT_KNOWN: Rule = Rule::new(
    "kustomization-content-not-known",
    "what a source other than this repository holds is not known here",
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#source-reference",
    unknown_contents,
);
pub(super) static CHART_HERE: Rule = Rule::new(
    "helm-release-chart-files-changed",
    "a chart in this repository is upgraded when its version changes",
    "https://fluxcd.io/flux/components/source/helmcharts/#reconcile-strategy",
    charts_here,
);

/// What selects a version of what is there.
const VERSIONS: [&str; 2] = ["ref", "version"];

/// What decides where a source fetches from and what of it, beside the version.
pub(super) const PLACES: [&str; 10] = [
    "chart",
    "sourceRef",
    "url",
    "bucketName",
    "endpoint",
    "prefix",
    "ignore",
    "sparseCheckout",
    "include",
    "layerSelector",
];

fn deleted(view: &View<'_>, found: &mut Found<'_>) {
    let gone = view
        .changes
        .deleted
        .iter()
        .copied()
        .chain(view.changes.renamed.iter().map(|(old, _)| *old));
    for old in gone {
        if !is_source(old.identity()) && old.identity().group != EXTENSIONS {
            continue;
        }
        let users = users(view, old.identity());
        if users.is_empty() || view.stays(old).is_some() {
            continue;
        }
        let (kind, name) = (&old.identity().kind, &old.identity().name);
        let told = Told::new(
            Severity::Notice,
            Outcome::Stall,
            format!(
                "{kind} `{name}` is deleted: those that fetch from it are no longer reconciled"
            ),
        )
        .note("what they applied stays as it is")
        .affects(Affected::known(users));
        found.push(&DELETED, view, Some(old), None, told);
    }
}

fn changed(view: &View<'_>, found: &mut Found<'_>) {
    for (old, new) in view.all_changed() {
        let identity = new.identity();
        if !is_source(identity) && identity.group != EXTENSIONS {
            continue;
        }
        let users = || users(view, identity);
        let (kind, name) = (&identity.kind, &identity.name);
        let suspended = |entry: &Entry| flag(entry.get(&["spec", "suspend"]));
        if suspended(new) {
            if !suspended(old) {
                let told = Told::new(
                    Severity::Notice,
                    Outcome::Stall,
                    format!("{kind} `{name}` is suspended: those that fetch from it get nothing new until it is resumed"),
                )
                .affects(Affected::known(users()));
                found.push(&SUSPENDED, view, Some(old), Some(new), told);
            }
            continue;
        }
        let fields: Vec<_> = PLACES
            .iter()
            .chain(&VERSIONS)
            .filter(|key| is_changed(old, new, key))
            .collect();
        if fields.is_empty() {
            continue;
        }
        let (releases, others): (Vec<_>, Vec<_>) = users()
            .into_iter()
            .partition(|user| user.group == HELM && user.kind == "HelmRelease");
        let what = fetches(old, new, &fields);
        if !releases.is_empty() {
            let count = match releases.len() {
                1 => "one Helm release is".to_owned(),
                count => format!("{count} Helm releases are"),
            };
            let told = Told::new(
                Severity::Notice,
                Outcome::Reconcile,
                format!("{kind} `{name}` {what}: {count} upgraded if the chart differs"),
            )
            .uncertain()
            .affects(Affected::known(releases));
            found.push(&CHARTS, view, Some(old), Some(new), told);
        }
        if !others.is_empty() {
            let told = Told::new(
                Severity::Notice,
                Outcome::Prune,
                format!("{kind} `{name}` {what}: what is not in it may be pruned by those that fetch from it"),
            )
            .uncertain()
            .affects(Affected::known(others));
            found.push(&ELSEWHERE, view, Some(old), Some(new), told);
        }
    }
}

fn is_changed(old: &Entry, new: &Entry, key: &str) -> bool {
    match (old.get(&["spec", key]), new.get(&["spec", key])) {
        (None, None) => false,
        (Some(old), Some(new)) => !old.value.same(&new.value),
        _ => true,
    }
}

/// `goes from `2.x` to `3.x`` where one version is all that changes.
fn fetches(old: &Entry, new: &Entry, fields: &[&&str]) -> String {
    let version = |entry: &Entry, key: &str| -> Option<String> {
        let node = entry.get(&["spec", key])?;
        if let Some(text) = node.as_str() {
            return Some(text.to_owned());
        }
        let parts = node.as_table()?.iter();
        let parts: Option<Vec<_>> = parts.map(|(_, entry)| entry.node.as_str()).collect();
        Some(parts?.join(" "))
    };
    if let [key] = fields
        && VERSIONS.contains(*key)
        && let (Some(was), Some(is)) = (version(old, key), version(new, key))
    {
        return format!("goes from `{was}` to `{is}`");
    }
    let names: Vec<_> = fields.iter().map(|key| format!("`{key}`")).collect();
    format!(
        "fetches something else, because {} changed",
        names.join(", ")
    )
}

/// Sources that are not known here may be made from files of this repository.
fn unknown_contents(view: &View<'_>, found: &mut Found<'_>) {
    if !view.folders_changed() {
        return;
    }
    for (old, new) in view.kept(KUSTOMIZE, "Kustomization") {
        let spec = KustomizationSpec::of(&new.resource);
        let source = &spec.source;
        let is_known = view.is_this_repository(Time::After, source);
        let folder = normalised(spec.path);
        if is_known || spec.suspend || source.kind.is_empty() || !may_hold(view, source, &folder) {
            continue;
        }
        if !view.repository.is_changed(&folder) {
            continue;
        }
        let what = format!(
            "what {} `{}/{}` holds under `{}`",
            source.kind, source.namespace, source.name, spec.path
        );
        let name = &new.identity().name;
        let told = Told::new(
            Severity::Info,
            Outcome::Reconcile,
            format!("files under `{}` change here, but `{name}` applies what {} `{}` holds: it changes when that does", spec.path, source.kind, source.name),
        )
        .uncertain()
        .affects(Affected::unknown(what));
        found.push(&NOT_KNOWN, view, Some(old), Some(new), told);
    }
}

/// Whether a source may be made from a folder of this repository: there is one of that path. Every
/// repository has a root, so for that the owner in the source's address has to be this repository's.
fn may_hold(view: &View<'_>, source: &SourceRef<'_>, folder: &str) -> bool {
    if !folder.is_empty() {
        return view.repository.has_folder(folder);
    }
    let entry = view
        .side(Time::After)
        .and_then(|side| side.find(SOURCE, source.kind, source.namespace, source.name));
    let Some(url) = entry.and_then(|entry| text(entry.get(&["spec", "url"]))) else {
        return false;
    };
    let owner = view
        .repository_url()
        .and_then(|url| address(url).rsplit('/').nth(1));
    owner.is_some_and(|owner| address(url).split('/').skip(1).any(|part| part == owner))
}

/// A chart in this repository is packaged again only when its version changes, unless
/// `reconcileStrategy` is `Revision`.
fn charts_here(view: &View<'_>, found: &mut Found<'_>) {
    if !view.folders_changed() {
        return;
    }
    for (old, new) in view.kept(HELM, "HelmRelease") {
        let spec = |key: &str| new.get(&["spec", "chart", "spec", key]);
        let own = new.identity().namespace.as_str();
        let (Some(source), Some(chart)) =
            (SourceRef::of(spec("sourceRef"), own), text(spec("chart")))
        else {
            continue;
        };
        let was = text(old.get(&["spec", "chart", "spec", "chart"]));
        let Some(folder) = view.chart_folder(Time::After, &source, chart) else {
            continue;
        };
        let is_suspended = flag(new.get(&["spec", "suspend"]));
        if is_suspended || was != Some(chart) || !view.repository.is_changed(&folder) {
            continue;
        }
        let version = |time| view.repository.chart(time, &folder).map(|it| it.version);
        let name = &new.identity().name;
        let (before, after) = (version(Time::Before), version(Time::After));
        let told = if before != after || text(spec("reconcileStrategy")) == Some("Revision") {
            Told::new(
                Severity::Notice,
                Outcome::Reconcile,
                format!("`{name}` is upgraded: its chart `{chart}` changes"),
            )
        } else {
            Told::new(
                Severity::Notice,
                Outcome::Stall,
                format!(
                    "`{name}` is not upgraded: its chart `{chart}` changes, but its version is still `{}`",
                    after.unwrap_or_default()
                ),
            )
            .help(format!(
                "raise `version` in `{folder}/Chart.yaml`, or set `chart.spec.reconcileStrategy = \"Revision\"` on `{name}`"
            ))
        };
        found.push(&CHART_HERE, view, Some(old), Some(new), told);
    }
}

fn is_source(identity: &Identity) -> bool {
    identity.group == SOURCE
}

/// The ExternalArtifacts that an ArtifactGenerator makes: in its own namespace, by their names.
fn made_by(generator: &Entry) -> Vec<Identity> {
    items(generator.get(&["spec", "artifacts"]))
        .iter()
        .filter_map(|artifact| artifact.get("name")?.as_str())
        .map(|name| Identity {
            group: SOURCE.to_owned(),
            kind: "ExternalArtifact".to_owned(),
            namespace: generator.identity().namespace.clone(),
            name: name.to_owned(),
        })
        .collect()
}

/// Who fetches from a source after the change, also through others; those that are suspended do not.
fn users(view: &View<'_>, source: &Identity) -> Vec<Object> {
    let mut seen = BTreeSet::from([source.clone()]);
    let mut pending = vec![source.clone()];
    let mut users = BTreeSet::new();
    while let Some(source) = pending.pop() {
        for entry in direct_users(view, &source) {
            let identity = entry.identity();
            let passes_on: Vec<Identity> = match (identity.group.as_str(), identity.kind.as_str()) {
                (SOURCE, _) => vec![identity.clone()],
                (EXTENSIONS, _) => made_by(entry),
                _ => Vec::new(),
            };
            if passes_on.is_empty() && !flag(entry.get(&["spec", "suspend"])) {
                users.insert(Object::from(identity));
            }
            pending.extend(passes_on.into_iter().filter(|it| seen.insert(it.clone())));
        }
        if source.group == EXTENSIONS {
            let generator = view
                .get(Time::After, &source)
                .or(view.get(Time::Before, &source));
            let artifacts = generator.map(made_by).unwrap_or_default();
            pending.extend(artifacts.into_iter().filter(|it| seen.insert(it.clone())));
        }
    }
    users.into_iter().collect()
}

fn direct_users<'v>(view: &'v View<'_>, source: &Identity) -> Vec<&'v Entry> {
    const REFERENCES: [(&str, &str, &[&str]); 7] = [
        (KUSTOMIZE, "Kustomization", &["spec", "sourceRef"]),
        (HELM, "HelmRelease", &["spec", "chart", "spec", "sourceRef"]),
        (HELM, "HelmRelease", &["spec", "chartRef"]),
        (SOURCE, "HelmChart", &["spec", "sourceRef"]),
        (SOURCE, "GitRepository", &["spec", "include"]),
        (
            "image.toolkit.fluxcd.io",
            "ImageUpdateAutomation",
            &["spec", "sourceRef"],
        ),
        (EXTENSIONS, "ArtifactGenerator", &["spec", "sources"]),
    ];
    let mut users = Vec::new();
    for (group, kind, path) in REFERENCES {
        for entry in view.all(Time::After, group, kind) {
            let own = &entry.identity().namespace;
            let node = entry.get(path);
            let refers = |node: Option<&Node>| {
                let of = SourceRef::of(node, own);
                let is_it = of.is_some_and(|it| {
                    it.kind == source.kind
                        && it.namespace == source.namespace
                        && it.name == source.name
                });
                let included = text(node.and_then(|node| node.at(&["repository", "name"])));
                is_it
                    || (kind == "GitRepository"
                        && source.kind == kind
                        && source.namespace == *own
                        && included == Some(&source.name))
            };
            if refers(node) || items(node).iter().any(|item| refers(Some(item))) {
                users.push(entry);
            }
        }
    }
    users
}
