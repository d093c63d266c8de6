//! What the controllers will do when the head is merged, from the API's own rules.
//!
//! Nothing here asks a cluster. A rule says what is certain from the two sides and from the
//! repository's own folders, and names what is not known here.

mod cluster;
mod contents;
mod dependencies;
mod fates;
mod found;
mod helm_release;
mod helm_spec;
mod immutable;
mod kustomization;
pub(crate) mod kustomization_spec;
mod objects;
mod owners;
mod plan;
mod repository;
mod rights;
mod rule;
mod sources;
mod switches;
mod view;

use std::collections::{BTreeMap, BTreeSet};

/// What Flux builds from the folder of a Kustomization.
pub(crate) fn build_of(resource: &Resource) -> Build {
    kustomization_spec::KustomizationSpec::of(resource).build()
}

/// The release that a HelmRelease manages.
pub(crate) fn release(resource: &Resource) -> Release {
    helm_spec::HelmReleaseSpec::of(resource).release()
}

pub(crate) use helm_spec::Release;

pub(crate) use found::folded;
pub use plan::{Plan, PlanError, Rename, Step, plan_rename};
pub use rule::{RULES, Rule};

use crate::compare::Comparison;
use crate::compare::report::{Change, Finding, Object, Place};
use crate::files::Files;
use crate::kustomize::{Build, Resolver};
use crate::resource::Resource;

/// What a forecast is made from.
pub struct Input<'a> {
    pub comparison: &'a Comparison<'a>,
    /// The changes told for this comparison, for the findings to name.
    pub changes: &'a [Change],
    /// The repository as it is on either side. `None`: no folder can be looked into.
    pub base_files: Option<&'a dyn Files>,
    pub head_files: Option<&'a dyn Files>,
    /// Whether files outside of the generated trees differ. Where they do not, a Kustomization
    /// that did not change has nothing new to apply and its folder is not read.
    pub folders_changed: bool,
    /// Namespace and name of the GitRepository that is this repository.
    pub repository: (&'a str, &'a str),
    /// Its address and branch, to know it under other names.
    pub address: Option<(&'a str, &'a str)>,
    /// `diff.acknowledge`: `Kind/namespace/name` of a resource that is gone from the TOML, and why.
    pub acknowledged: &'a BTreeMap<String, String>,
}

/// The outcome of all rules.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Forecast {
    /// The worst first. `denied` is not decided yet.
    pub findings: Vec<Finding>,
    pub unneeded: Vec<Unneeded>,
}

/// An acknowledgement that nothing destructive answers to in any cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unneeded {
    /// `None` for an entry of `diff.acknowledge`.
    pub object: Option<Object>,
    /// What the resource is called in the message: `Kustomization flux-system/apps`.
    pub name: String,
    pub text: String,
    pub place: Option<Place>,
    pub clusters: Vec<String>,
}

/// Runs all rules over all clusters.
pub fn forecast(input: &Input<'_>) -> Forecast {
    let repository = repository::Repository::new(input.base_files, input.head_files);
    let base = input.base_files.map(Resolver::new);
    let head = input.head_files.map(Resolver::new);
    let mut ids: BTreeMap<&str, BTreeMap<&Object, &str>> = BTreeMap::new();
    for change in input.changes {
        for cluster in &change.clusters {
            let ids = ids.entry(cluster).or_default();
            for object in [Some(&change.resource), change.renamed_from.as_ref()] {
                ids.extend(object.map(|object| (object, change.id.as_str())));
            }
        }
    }
    let mut found = found::Found::new(input.acknowledged, ids);
    for (name, changes) in &input.comparison.clusters {
        if changes.is_empty() && !input.folders_changed {
            continue;
        }
        let view = view::View::new(
            name,
            changes,
            input,
            &repository,
            [base.as_ref(), head.as_ref()],
        );
        for rule in RULES {
            if view.is_abandoned() && !rule.holds_without_folder {
                continue;
            }
            (rule.check)(&view, &mut found);
        }
    }
    let (findings, answered) = found.finish();
    Forecast {
        unneeded: unneeded(input, &answered),
        findings,
    }
}

/// `answered`: cluster and `Kind/namespace/name` of what has a destructive finding.
fn unneeded(input: &Input<'_>, answered: &BTreeSet<String>) -> Vec<Unneeded> {
    let mut all: BTreeMap<(Object, String), Unneeded> = BTreeMap::new();
    for (cluster, changes) in &input.comparison.clusters {
        for entry in changes.head.into_iter().flat_map(|head| head.entries()) {
            let Some(text) = entry.acknowledge() else {
                continue;
            };
            if answered.contains(&found::key_of(entry.identity())) {
                continue;
            }
            let object = Object::from(entry.identity());
            all.entry((object.clone(), text.to_owned()))
                .or_insert_with(|| Unneeded {
                    name: object.to_string(),
                    object: Some(object),
                    text: text.to_owned(),
                    place: entry.place().cloned(),
                    clusters: Vec::new(),
                })
                .clusters
                .push((*cluster).to_owned());
        }
    }
    let mut all: Vec<_> = all.into_values().collect();
    for (name, text) in input.acknowledged {
        if !answered.contains(name) {
            all.push(Unneeded {
                object: None,
                name: name.clone(),
                text: text.clone(),
                place: None,
                clusters: Vec::new(),
            });
        }
    }
    all.sort();
    all
}
