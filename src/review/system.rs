//! Flux's own folder: what makes it sync, and the version that is installed.

use std::collections::BTreeMap;
use std::sync::Arc;

use semver::Version;

use super::Committed;
use crate::compare::report::{Affected, Finding, Object, Outcome, Severity};
use crate::compare::{Side, SideBuilder};
use crate::install::folder::{INSTANCE_FILE, SYNC_FILE};
use crate::settings::Install;
use crate::tree::resources;

pub(crate) const VERSION: &str = "flux-version-changed";
pub(crate) const VERSION_DOCS: &str = "https://fluxcd.io/flux/installation/upgrade/";
pub(crate) const PATH: &str = "sync-path-changed";
pub(crate) const PATH_DOCS: &str =
    "https://fluxcd.io/flux/components/kustomize/kustomizations/#path";

/// The resources by which Flux syncs the repository, of both sides, where they differ.
///
/// They are compared apart from the others: what the root Kustomization applies is all the others.
pub(super) fn sides(base: Committed<'_>, head: Committed<'_>) -> [Side; 2] {
    let mut builders = [SideBuilder::new(), SideBuilder::new()];
    for new in &head.tree.clusters {
        let clusters = &base.tree.clusters;
        let known = clusters.binary_search_by(|old| old.name.cmp(&new.name));
        let Ok(known) = known else { continue };
        let old = &clusters[known];
        for file in [SYNC_FILE, INSTANCE_FILE] {
            let [before, after] = [(base, old), (head, new)].map(|(side, tree)| {
                let cluster = side.graph.settings().cluster(&tree.name)?;
                let path = format!("{}/{file}", cluster.flux.namespace);
                tree.files.get(path.as_str()).cloned()
            });
            if before == after {
                continue;
            }
            for (builder, text) in builders.iter_mut().zip([before, after]) {
                builder.cluster(&new.name);
                for resource in text.iter().flat_map(|text| resources(text.as_bytes())) {
                    builder.add(&new.name, Arc::new(resource), None);
                }
            }
        }
    }
    builders.map(SideBuilder::finish)
}

/// What the controllers make of it.
pub(super) fn findings(
    base: Committed<'_>,
    head: Committed<'_>,
    sides: &[Side; 2],
) -> Vec<Finding> {
    let mut all: BTreeMap<String, Finding> = BTreeMap::new();
    let mut push = |cluster: &str, finding: Finding| {
        let known = all.entry(finding.message.clone()).or_insert(finding);
        known.clusters.push(cluster.to_owned());
    };
    for new in &head.graph.settings().clusters {
        let name = new.name.value.as_str();
        let Some(old) = base.graph.settings().cluster(name) else {
            continue;
        };
        if new.flux.install == Install::None || new.flux.version.value == old.flux.version.value {
            continue;
        }
        let (from, to) = (&old.flux.version.value, &new.flux.version.value);
        let version = |text: &str| Version::parse(text.trim_start_matches('v')).ok();
        let goes_back = version(to) < version(from);
        let finding = finding(
            VERSION,
            VERSION_DOCS,
            if goes_back {
                Severity::Notice
            } else {
                Severity::Info
            },
            Outcome::Reconcile,
            &new.flux.namespace,
            format!(
                "Flux goes from {from} {}to {to}: its controllers and CRDs are applied anew",
                if goes_back { "back " } else { "" }
            ),
        );
        push(name, finding);
    }
    let [before, after] = sides;
    for (name, cluster) in &after.clusters {
        for entry in cluster.entries() {
            let path = |side: &Side| -> Option<String> {
                let identity = entry.identity();
                let found = side.clusters.get(name)?.get(identity)?;
                let path = match identity.kind.as_str() {
                    "FluxInstance" => found.get(&["spec", "sync", "path"]),
                    _ => found.get(&["spec", "path"]),
                };
                let path = path?.as_str()?;
                Some(crate::kustomize::normalised(path))
            };
            let (Some(from), Some(to)) = (path(before), path(after)) else {
                continue;
            };
            if from != to {
                let mut finding = finding(
                    PATH,
                    PATH_DOCS,
                    Severity::Destructive,
                    Outcome::Prune,
                    &entry.identity().namespace,
                    format!(
                        "the root Kustomization applies `{to}` instead of `{from}`: what is not in both is deleted"
                    ),
                );
                finding.affected =
                    Affected::unknown(format!("what is in `{from}` and not in `{to}`"));
                push(name, finding);
            }
        }
    }
    all.into_values().collect()
}

fn finding(
    rule: &str,
    docs: &str,
    severity: Severity,
    outcome: Outcome,
    namespace: &str,
    message: String,
) -> Finding {
    Finding {
        rule: rule.to_owned(),
        severity,
        outcome,
        resource: Object::new(
            "kustomize.toolkit.fluxcd.io",
            "Kustomization",
            namespace,
            namespace,
        ),
        clusters: Vec::new(),
        message,
        notes: Vec::new(),
        help: Vec::new(),
        affected: Affected::default(),
        acknowledged: None,
        denied: false,
        uncertain: false,
        docs: docs.to_owned(),
        changes: Vec::new(),
        place: None,
    }
}
