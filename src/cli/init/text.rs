//! The text of a new fluxgen.toml.

use std::fmt::Write as _;

use super::repository::Repository;
use super::standing::{Cluster, Standing};
use crate::settings::flux::{DEFAULT_COMPONENTS, DEFAULT_VERSION};
use crate::settings::folder::CLUSTERS;

pub(super) fn text(repository: &Repository, standing: &Standing) -> String {
    let first = &standing.clusters[0];
    let version = first.version.as_deref().unwrap_or(DEFAULT_VERSION);
    let below = match repository.below.as_str() {
        "" => String::new(),
        below => format!("{below}/"),
    };
    let mut clusters = String::new();
    for cluster in &standing.clusters {
        let _ = writeln!(clusters, "[clusters.{}]", key(&cluster.name));
        if let Some(own) = cluster.version.as_deref().filter(|own| *own != version) {
            let _ = writeln!(clusters, "flux.version = {own:?}");
        }
        if !below.is_empty() {
            // By default Flux syncs the folder as seen from the repository's root.
            let path = format!("./{below}{CLUSTERS}/{}", cluster.name);
            let _ = writeln!(clusters, "flux.sync.path = {path:?}");
        }
        if cluster.components != first.components {
            clusters.push_str(&components(cluster, "flux."));
        }
    }
    let name = repository.name.as_ref();
    let name = name.map_or(String::new(), |name| format!("name   = {name:?}\n"));
    // A second Kustomization of one name would stop the cluster's own from building.
    let comment = if standing.has_apps { "# " } else { "" };
    format!(
        "\
# What fluxgen compiles into {CLUSTERS}/<name>.
#   fluxgen check                     tells what is wrong, and where
#   fluxgen build                     writes the trees
#   fluxgen explain kustomizations    tells the keys of a section, and of a field what it takes

# The repository that Flux syncs.
[repo]
{name}url    = {url:?}
branch = {branch:?}

# Flux itself. With `install = \"release\"` fluxgen writes {CLUSTERS}/<name>/flux-system too.
[flux]
version = {version:?}
{components}
# What every Kustomization says that does not say otherwise. Durations are `30s`, `10m` or `1h30m`.
[defaults.kustomizations]
interval = \"10m\"

# One table a cluster. What differs in one goes below it: `[clusters.NAME.kustomizations.apps]`.
{clusters}# vars.domain = \"staging.example.com\"     # `${{{{ vars.domain }}}}` in the values of resources

# What several clusters share.
# [groups.production]
# clusters = [\"prod-*\"]

# A Kustomization without a source applies a folder of this repository.
{comment}[kustomizations.apps]
{comment}path = \"./{below}apps\"
# dependsOn = [\"infrastructure\"]

# [sources.helm.podinfo]
# url = \"https://stefanprodan.github.io/podinfo\"
# [helmReleases.\"web/podinfo\"]            # \"namespace/name\"
# chart.spec = {{ chart = \"podinfo\", version = \"6.x\", source = \"helm.podinfo\" }}
# values.replicaCount = 2
",
        url = repository.url,
        branch = repository.branch,
        components = components(first, ""),
    )
}

/// The controllers, where they are not the usual four.
fn components(cluster: &Cluster, table: &str) -> String {
    let is_usual = |component: &str| DEFAULT_COMPONENTS.contains(&component);
    let known = &cluster.components;
    if known.is_empty() {
        return String::new();
    }
    let has_all = DEFAULT_COMPONENTS
        .iter()
        .all(|usual| known.iter().any(|component| component == usual));
    let extra: Vec<&String> = known.iter().filter(|own| !is_usual(own)).collect();
    match (has_all, extra.is_empty()) {
        (true, true) if table.is_empty() => String::new(),
        (true, _) => format!("{table}componentsExtra = {extra:?}\n"),
        (false, _) => format!("{table}components = {known:?}\n"),
    }
}

/// A name as a TOML key.
fn key(name: &str) -> String {
    let is_bare = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if is_bare {
        name.to_owned()
    } else {
        format!("{name:?}")
    }
}
