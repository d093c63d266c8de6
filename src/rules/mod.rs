//! What a graph must hold to beyond its schemas: one file and one row a rule.

mod applied_twice;
mod component_not_found;
mod cross_namespace;
mod dangling_reference;
mod dependency_cycle;
mod malformed_substitution;
mod missing_component;
mod not_checked;
mod not_substituted;
mod own_yaml;
mod path_not_found;
mod policy_lint;
mod policy_test;
mod retyped_value;
mod shared_release;
mod unbuildable_folder;
mod unknown_alias;
mod unset_variable;
mod unused_external;

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostics;
use crate::files::Snapshot;
use crate::link::Graph;
use crate::node::{Node, Value};
use crate::resource::Resource;
use crate::settings::{Install, Settings};
use crate::survey::Survey;
use crate::tree::Existing;

/// A rule: what it finds is explained by its page.
pub struct Rule {
    /// The code of its findings.
    pub code: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What is wrong, why it matters and what to do, for `fluxgen explain CODE`.
    pub page: &'static str,
    pub(crate) check: fn(&Graph, &Facts<'_>, &mut Diagnostics),
}

/// What rules may know beside the graph.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The state of the repository that is compiled. What it is read from is the edge's business.
    pub repository: Option<&'a Snapshot>,
    /// What is in the trees of the clusters, by their names.
    pub trees: Option<&'a BTreeMap<String, Existing>>,
    /// What the clusters apply; there is one wherever there is a repository.
    pub(crate) survey: Option<&'a Survey<'a>>,
}

impl Facts<'_> {
    /// Whether a patch gives controllers of the cluster an argument: one of `flux.patches`, or of a
    /// `flux-system` folder that somebody else keeps.
    fn controllers_are_told(&self, settings: &Settings, cluster: usize, argument: &str) -> bool {
        let cluster = &settings.clusters[cluster];
        if cluster
            .flux
            .patches
            .iter()
            .any(|patch| says(patch, argument))
        {
            return true;
        }
        let file = format!(
            "{}/{}/kustomization.yaml",
            cluster.folder, cluster.flux.namespace
        );
        let text = self
            .repository
            .filter(|_| cluster.flux.install == Install::None)
            .and_then(|repository| repository.read_own(&file, 1 << 20).ok().flatten());
        text.is_some_and(|text| String::from_utf8_lossy(&text).contains(argument))
    }
}

/// Whether a resource is a Kustomization of the repository that `[repo]` names.
fn builds_the_repository(resource: &Resource, settings: &Settings) -> bool {
    if resource.identity.kind != "Kustomization"
        || resource.identity.group != "kustomize.toolkit.fluxcd.io"
    {
        return false;
    }
    let source = |key: &str| {
        resource
            .get(&["spec", "sourceRef", key])
            .and_then(Node::as_str)
    };
    let own = resource.identity.namespace.as_str();
    let namespace = source("namespace").unwrap_or(own);
    source("kind") == Some("GitRepository")
        && source("name").is_some_and(|name| settings.repo.is_named(namespace, name))
}

fn says(node: &Node, word: &str) -> bool {
    match &node.value {
        Value::String(text) => text.contains(word),
        Value::Array(items) => items.iter().any(|item| says(item, word)),
        Value::Table(table) => table.iter().any(|(_, entry)| says(&entry.node, word)),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Marked(_) => {
            false
        }
    }
}

/// Every rule, in the order in which they run.
pub static RULES: &[Rule] = &[
    dangling_reference::RULE,
    dependency_cycle::RULE,
    shared_release::RULE,
    path_not_found::RULE,
    applied_twice::RULE,
    missing_component::RULE,
    unknown_alias::RULE,
    component_not_found::RULE,
    own_yaml::RULE,
    unbuildable_folder::RULE,
    malformed_substitution::RULE,
    unset_variable::RULE,
    retyped_value::RULE,
    not_substituted::RULE,
    unused_external::RULE,
    cross_namespace::RULE,
    policy_test::RULE,
    policy_lint::RULE,
    not_checked::RULE,
];
