//! What Flux syncs, from the files that make it sync: `flux bootstrap`'s and a FluxInstance.

use crate::files::{EntryKind, Snapshot};
use crate::kustomize::normalised;
use crate::node::{Node, Table};
use crate::resource::Resource;
use crate::settings::flux::ROOT;
use crate::tree;

/// The largest file that is looked at, in bytes.
const LARGEST: u64 = 256 * 1024;

/// The repository and the folder that one cluster syncs.
#[derive(Debug, Clone)]
pub(super) struct Synced {
    /// The file that says so, from the project's folder.
    pub file: String,
    pub namespace: String,
    pub name: String,
    pub url: String,
    pub branch: Option<String>,
    /// The folder, from the root of the repository.
    pub path: String,
    /// The version and the components that a FluxInstance says.
    pub version: Option<String>,
    pub components: Vec<String>,
    /// What `flux.sync` has to say for the same: fields that are not as Flux writes them.
    pub sync: Table,
}

/// Everything below the project's folder that makes a Flux sync this repository.
pub(super) fn find(snapshot: &Snapshot) -> anyhow::Result<Vec<Synced>> {
    let mut found = Vec::new();
    for entry in snapshot.walk("") {
        let (path, entry) = entry?;
        if entry.kind != EntryKind::File || !is_candidate(&path) {
            continue;
        }
        let Ok(bytes) = snapshot.files().open(&entry, LARGEST) else {
            continue;
        };
        let resources = tree::resources(&bytes);
        found.extend(bootstrap(&path, &snapshot.from_root(&path), &resources));
        found.extend(resources.iter().filter_map(|it| instance(&path, it)));
    }
    found.sort_by(|a, b| (&a.path, &a.file).cmp(&(&b.path, &b.file)));
    found.dedup_by(|a, b| a.path == b.path);
    Ok(found)
}

/// Whether a file may be one of Flux's, by its path.
fn is_candidate(path: &str) -> bool {
    let is_yaml = path.ends_with(".yaml") || path.ends_with(".yml");
    let lower = path.to_lowercase();
    let is_manifest = path.ends_with("/gotk-components.yaml");
    is_yaml
        && !is_manifest
        && ["flux", "gotk", "instance"]
            .iter()
            .any(|it| lower.contains(it))
}

fn text(node: &Node, path: &[&str]) -> Option<String> {
    Some(node.at(path)?.as_str()?.to_owned())
}

/// The GitRepository of a file, and the Kustomization beside it that applies the folder of the file.
fn bootstrap(file: &str, from_root: &str, resources: &[Resource]) -> Option<Synced> {
    let of = |group: &str, kind: &str| {
        let mut all = resources.iter();
        all.find(|it| it.identity.group == group && it.identity.kind == kind)
    };
    let source = of("source.toolkit.fluxcd.io", "GitRepository")?;
    let root = of("kustomize.toolkit.fluxcd.io", "Kustomization")?;
    let path = normalised(&text(&root.node, &["spec", "path"]).unwrap_or_default());
    let applies_itself = path.is_empty() || from_root.starts_with(&format!("{path}/"));
    if !applies_itself && !file.ends_with("/gotk-sync.yaml") {
        return None;
    }
    let mut sync = Table::new();
    let mut keep = |resource: &Resource, field: &str, key: &str, usual: &str| {
        let value = resource.get(&["spec", field]);
        if let Some(value) = value.filter(|value| value.as_str() != Some(usual)) {
            sync.set(key, value.clone());
        }
    };
    keep(source, "interval", "interval", "1m0s");
    keep(root, "interval", "rootInterval", "10m0s");
    for field in ROOT {
        keep(root, field, field, "");
    }
    keep(source, "sparseCheckout", "sparseCheckout", "");
    keep(source, "recurseSubmodules", "submodules", "");
    keep(source, "provider", "provider", "generic");
    let secret = text(&source.node, &["spec", "secretRef", "name"]).unwrap_or_default();
    if secret != "flux-system" {
        sync.set("secret", Node::new(secret.as_str(), source.node.span));
    }
    Some(Synced {
        file: file.to_owned(),
        namespace: source.identity.namespace.clone(),
        name: source.identity.name.clone(),
        url: text(&source.node, &["spec", "url"])?,
        branch: text(&source.node, &["spec", "ref", "branch"]),
        path,
        version: None,
        components: Vec::new(),
        sync,
    })
}

fn instance(file: &str, resource: &Resource) -> Option<Synced> {
    let identity = &resource.identity;
    if identity.group != "fluxcd.controlplane.io" || identity.kind != "FluxInstance" {
        return None;
    }
    let node = &resource.node;
    let sync = |key: &str| text(node, &["spec", "sync", key]);
    if sync("kind").is_some_and(|kind| kind != "GitRepository") {
        return None;
    }
    let mut own = Table::new();
    if let Some(interval) = node.at(&["spec", "sync", "interval"]) {
        own.set("interval", interval.clone());
    }
    if let Some(provider) = node.at(&["spec", "sync", "provider"]) {
        own.set("provider", provider.clone());
    }
    let secret = sync("pullSecret").unwrap_or_default();
    if secret != "flux-system" {
        own.set("secret", Node::new(secret.as_str(), node.span));
    }
    let components = node.at(&["spec", "components"]).and_then(Node::as_array);
    let components = components.unwrap_or_default().iter();
    let reference = sync("ref").unwrap_or_default();
    Some(Synced {
        file: file.to_owned(),
        namespace: identity.namespace.clone(),
        name: sync("name").unwrap_or_else(|| identity.namespace.clone()),
        url: sync("url")?,
        branch: reference.strip_prefix("refs/heads/").map(str::to_owned),
        path: normalised(&sync("path").unwrap_or_default()),
        version: text(node, &["spec", "distribution", "version"]),
        components: components
            .filter_map(|it| it.as_str().map(str::to_owned))
            .collect(),
        sync: own,
    })
}

/// Words of folders that say nothing of the cluster.
const GENERAL: &[&str] = &[
    "base",
    "bootstrap",
    "cluster",
    "clusters",
    "config",
    "configs",
    "deploy",
    "env",
    "environments",
    "envs",
    "fleet",
    "flux",
    "flux-system",
    "fluxcd",
    "gitops",
    "infra",
    "k8s",
    "kubernetes",
    "main",
    "manifests",
    "sync",
];

/// A name for the cluster that syncs a folder, which `taken` says is not given yet.
pub(super) fn name_of(path: &str, is_free: impl Fn(&str) -> bool) -> Option<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let own = parts.iter().rfind(|part| !GENERAL.contains(part));
    let last = own.or(parts.last()).map(|part| (*part).to_owned());
    let names = last.into_iter().chain([parts.join("-")]);
    let mut names = names.filter(|name| !name.is_empty() && is_free(name));
    names.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_named_after_what_is_its_own_in_the_path() {
        for (path, name) in [
            ("clusters/prod", "prod"),
            ("clusters/dev/base", "dev"),
            ("kubernetes/flux/cluster", "cluster"),
            ("kubernetes/main/flux", "flux"),
            ("fleet/eu-1/flux-system", "eu-1"),
            ("flux", "flux"),
        ] {
            assert_eq!(name_of(path, |_| true).as_deref(), Some(name), "{path}");
        }
        assert_eq!(
            name_of("a/dev", |name| name != "dev").as_deref(),
            Some("a-dev")
        );
        assert_eq!(name_of("", |_| true), None);
    }
}
