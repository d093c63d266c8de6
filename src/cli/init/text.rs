//! The text of a new fluxgen.toml.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::repository::Repository;
use super::standing::Standing;
use crate::node::{Node, Table, Value};
use crate::settings::DEFAULT_NAMESPACE;
use crate::settings::flux::{DEFAULT_COMPONENTS, DEFAULT_VERSION};
use crate::settings::folder::usual;

pub(super) fn text(repository: &Repository, standing: &Standing) -> String {
    let first = &standing.clusters[0];
    let version = first.version.as_deref().unwrap_or(DEFAULT_VERSION);
    let below = match repository.below.as_str() {
        "" => String::new(),
        below => format!("{below}/"),
    };
    let mut clusters = String::new();
    let namespace = first.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
    for cluster in &standing.clusters {
        let _ = writeln!(clusters, "[clusters.{}]", key(&cluster.name));
        if cluster.folder != usual(&cluster.name) {
            let _ = writeln!(clusters, "path = {:?}", cluster.folder);
        }
        if let Some(own) = cluster.version.as_deref().filter(|own| *own != version) {
            let _ = writeln!(clusters, "flux.version = {own:?}");
        }
        if let Some(own) = cluster.namespace.as_deref().filter(|own| *own != namespace) {
            let _ = writeln!(clusters, "flux.namespace = {own:?}");
        }
        clusters.push_str(&components(&cluster.components, &first.components, "flux."));
        entries("flux.sync", &cluster.sync, &mut clusters);
    }
    let namespace = match namespace {
        DEFAULT_NAMESPACE => String::new(),
        other => format!("namespace = {other:?}\n"),
    };
    let name = repository.name.as_ref();
    let name = name.map_or(String::new(), |name| format!("name = {name:?}\n"));
    // A second Kustomization of one name would stop the cluster's own from building, and so would one without a
    // folder.
    let comment = if standing.wants_apps { "" } else { "# " };
    format!(
        "\
# What fluxgen compiles into the folders of the clusters.
#   fluxgen check                     shows what is wrong, and where
#   fluxgen build                     writes the trees
#   fluxgen explain kustomizations    shows the keys of a section, and what a field takes

# The repository that Flux syncs.
[repo]
{name}url = {url:?}
branch = {branch:?}

# Flux itself. With `install = \"release\"` fluxgen writes the folder flux-system of each cluster too.
[flux]
version = {version:?}
{namespace}{components}
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
        components = components(&first.components, &[], ""),
    )
}

/// Whether nothing but the usual controllers, and all of them, or nothing known is installed.
fn is_usual(known: &[String]) -> bool {
    known.is_empty() || extra(known).is_some_and(|extra| extra.is_empty())
}

/// What is installed beside the usual controllers; `None` where one of these is missing.
fn extra(known: &[String]) -> Option<Vec<&String>> {
    let has = |usual: &&&str| known.iter().any(|component| component == **usual);
    let is_extra = |own: &&String| !DEFAULT_COMPONENTS.contains(&own.as_str());
    let has_all = DEFAULT_COMPONENTS.iter().all(|usual| has(&usual));
    has_all.then(|| known.iter().filter(is_extra).collect())
}

/// The controllers, where they are not those that `base` would give.
fn components(known: &[String], base: &[String], table: &str) -> String {
    if known.is_empty() || is_usual(known) && is_usual(base) {
        return String::new();
    }
    let sorted = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
    if sorted(known) == sorted(base) {
        return String::new();
    }
    match (extra(known), base.is_empty() || extra(base).is_some()) {
        (Some(extra), true) => list(&format!("{table}componentsExtra"), extra),
        (None, _) | (_, false) => {
            let mut text = list(&format!("{table}components"), known.iter().collect());
            if extra(base).is_some_and(|extra| !extra.is_empty()) {
                text.push_str(&format!("{table}componentsExtra = []\n"));
            }
            text
        }
    }
}

/// The longest line that formatters of TOML leave on one line.
const WIDTH: usize = 80;

/// An array as formatters of TOML write it: on lines of its own where it is long.
fn list(key: &str, items: Vec<&String>) -> String {
    let line = format!("{key} = {items:?}\n");
    if line.len() <= WIDTH {
        return line;
    }
    let items: String = items.iter().map(|item| format!("  {item:?},\n")).collect();
    format!("{key} = [\n{items}]\n")
}

/// The values of a table under dotted keys.
fn entries(path: &str, table: &Table, out: &mut String) {
    for (name, entry) in table.iter() {
        let path = format!("{path}.{}", key(name));
        match &entry.node.value {
            Value::Table(inner) if !inner.is_empty() => entries(&path, inner, out),
            _ => {
                if let Some(value) = inline(&entry.node) {
                    let _ = writeln!(out, "{path} = {value}");
                }
            }
        }
    }
}

/// A value on one line; `None` for null, which TOML does not have.
fn inline(node: &Node) -> Option<String> {
    Some(match &node.value {
        Value::Null | Value::Marked(_) => return None,
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => toml_edit::Value::from(*value).to_string(),
        Value::String(text) => toml_edit::Value::from(text.as_str()).to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().filter_map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(table) => {
            let fields: Vec<String> = table
                .iter()
                .filter_map(|(name, entry)| {
                    Some(format!("{} = {}", key(name), inline(&entry.node)?))
                })
                .collect();
            match fields.is_empty() {
                true => "{}".to_owned(),
                false => format!("{{ {} }}", fields.join(", ")),
            }
        }
    })
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
