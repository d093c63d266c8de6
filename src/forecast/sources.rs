//! Sources that others fetch from: gone, suspended, or pointing elsewhere.

use super::found::{Found, Told};
use super::kustomization_spec::{SourceRef, items};
use super::rule::{Rule, told_elsewhere};
use super::view::{HELM, KUSTOMIZE, SOURCE, Time, View, flag};
use crate::compare::Entry;
use crate::compare::report::{Affected, Object, Outcome, Severity};
use crate::resource::Identity;

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

/// What decides where a source fetches from and what of it, beside the version.
const PLACES: [&str; 8] = [
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
        let users = if is_source(old.identity()) {
            users(view, old.identity())
        } else if old.identity().group == EXTENSIONS {
            made_by(old)
                .iter()
                .flat_map(|artifact| users(view, artifact))
                .collect()
        } else {
            continue;
        };
        if users.is_empty() || view.stays(old).is_some() {
            continue;
        }
        let (kind, name) = (&old.identity().kind, &old.identity().name);
        let told = Told::new(
            Severity::Notice,
            Outcome::Stall,
            format!(
                "{kind} `{name}` is deleted: those that fetch from it are not reconciled any more"
            ),
        )
        .note("what they applied stays as it is")
        .affects(Affected::known(users));
        found.push(&DELETED, view, Some(old), None, told);
    }
}

fn changed(view: &View<'_>, found: &mut Found<'_>) {
    for (old, new) in &view.changes.changed {
        if !is_source(new.identity()) && new.identity().group != EXTENSIONS {
            continue;
        }
        let users = || {
            if is_source(new.identity()) {
                Affected::known(users(view, new.identity()))
            } else {
                Affected::known(made_by(new).iter().flat_map(|it| self::users(view, it)))
            }
        };
        let (kind, name) = (&new.identity().kind, &new.identity().name);
        let suspended = |entry: &Entry| flag(entry.get(&["spec", "suspend"]));
        if suspended(new) && !suspended(old) {
            let told = Told::new(
                Severity::Notice,
                Outcome::Stall,
                format!("{kind} `{name}` is suspended: those that fetch from it get nothing new until it is resumed"),
            )
            .affects(users());
            found.push(&SUSPENDED, view, Some(old), Some(new), told);
        }
        let moved: Vec<_> = PLACES
            .iter()
            .filter(
                |key| match (old.get(&["spec", key]), new.get(&["spec", key])) {
                    (None, None) => false,
                    (Some(old), Some(new)) => !old.value.same(&new.value),
                    _ => true,
                },
            )
            .map(|key| format!("`{key}`"))
            .collect();
        let affected = users();
        if !moved.is_empty() && !affected.objects.is_empty() && !suspended(new) {
            let told = Told::new(
                Severity::Notice,
                Outcome::Prune,
                format!(
                    "{kind} `{name}` fetches something else: {} changed, and what is not in it is pruned by those that fetch from it",
                    moved.join(", ")
                ),
            )
            .affects(affected);
            found.push(&ELSEWHERE, view, Some(old), Some(new), told);
        }
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

/// Who refers to a source after the change.
fn users(view: &View<'_>, source: &Identity) -> Vec<Object> {
    const REFERENCES: [(&str, &str, &[&str]); 6] = [
        (KUSTOMIZE, "Kustomization", &["spec", "sourceRef"]),
        (HELM, "HelmRelease", &["spec", "chart", "spec", "sourceRef"]),
        (HELM, "HelmRelease", &["spec", "chartRef"]),
        (SOURCE, "HelmChart", &["spec", "sourceRef"]),
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
            let refers = |node| {
                SourceRef::of(node, own).is_some_and(|it| {
                    it.kind == source.kind
                        && it.namespace == source.namespace
                        && it.name == source.name
                })
            };
            if refers(node) || items(node).iter().any(|item| refers(Some(item))) {
                users.push(Object::from(entry.identity()));
            }
        }
    }
    users
}
