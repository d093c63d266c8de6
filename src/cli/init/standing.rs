//! What stands in `clusters/` before there is a fluxgen.toml, `flux bootstrap`'s files above all.

use camino::Utf8Path;

use crate::files::Snapshot;
use crate::resolve::clusters::is_safe_name;
use crate::resource::Resource;
use crate::schema::FluxMinor;
use crate::settings::flux::{COMPONENTS, DEFAULT_VERSION};
use crate::settings::folder::{CLUSTERS, usual};
use crate::tree::{self, Existing, File};

/// What is known of the clusters.
#[derive(Debug)]
pub(super) struct Standing {
    /// By name; one of an example where there is none.
    pub clusters: Vec<Cluster>,
    /// What the first cluster that `flux bootstrap` set up syncs.
    pub synced: Option<Synced>,
    /// The user's own files define a Kustomization `apps` already.
    pub has_apps: bool,
    pub notes: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Cluster {
    pub name: String,
    /// Without the leading `v`.
    pub version: Option<String>,
    /// The controllers that are installed; empty where nothing says it.
    pub components: Vec<String>,
}

/// The GitRepository that a cluster syncs.
#[derive(Debug)]
pub(super) struct Synced {
    pub name: String,
    pub url: String,
    pub branch: Option<String>,
}

impl Standing {
    pub(super) fn read(folder: &Utf8Path) -> anyhow::Result<Self> {
        let mut standing = Self {
            clusters: Vec::new(),
            synced: None,
            has_apps: false,
            notes: Vec::new(),
        };
        let snapshot = Snapshot::on_disk(folder);
        for name in folders(&folder.join(CLUSTERS)) {
            if !is_safe_name(&name) {
                standing.notes.push(format!(
                    "the folder `{CLUSTERS}/{name}` is left out: its name cannot be a cluster's"
                ));
                continue;
            }
            let existing = tree::read(&snapshot, &usual(&name))?;
            standing.look(name, &existing);
        }
        if standing.clusters.is_empty() {
            standing.clusters.push(Cluster {
                name: "staging".to_owned(),
                version: None,
                components: Vec::new(),
            });
        }
        Ok(standing)
    }

    fn look(&mut self, name: String, existing: &Existing) {
        let mut cluster = Cluster {
            name,
            version: None,
            components: Vec::new(),
        };
        for (path, file) in &existing.files {
            let File::Foreign(Some(bytes)) = file else {
                continue;
            };
            if path.ends_with("/gotk-components.yaml") {
                self.components(&mut cluster, &String::from_utf8_lossy(bytes));
                continue;
            }
            for resource in tree::resources(bytes) {
                let identity = &resource.identity;
                self.has_apps |= identity.kind == "Kustomization" && identity.name == "apps";
                if path.ends_with("/gotk-sync.yaml") && identity.kind == "GitRepository" {
                    self.synced = self.synced.take().or_else(|| synced(&resource));
                }
            }
        }
        self.clusters.push(cluster);
    }

    /// The comments at the top of an install manifest.
    fn components(&mut self, cluster: &mut Cluster, text: &str) {
        let said = |key: &str| {
            let mut lines = text.lines().take(8);
            lines.find_map(|line| Some(line.strip_prefix(key)?.trim()))
        };
        if let Some(version) = said("# Flux Version:") {
            let version = version.trim_start_matches('v');
            let known = FluxMinor::from_version(version).ok();
            match known.and_then(|pinned| pinned.minor()) {
                Some(_) => cluster.version = Some(version.to_owned()),
                None => self.notes.push(format!(
                    "cluster `{}` runs Flux {version}; fluxgen knows {} and newer, and {DEFAULT_VERSION} is pinned for it",
                    cluster.name, FluxMinor::OLDEST
                )),
            }
        }
        let components = said("# Components:").unwrap_or_default().split(',');
        cluster.components = components
            .map(str::trim)
            .filter(|component| COMPONENTS.contains(component))
            .map(str::to_owned)
            .collect();
    }
}

fn synced(resource: &Resource) -> Option<Synced> {
    let spec = resource.node.get("spec")?;
    let text = |node: &crate::node::Node, key: &str| Some(node.get(key)?.as_str()?.to_owned());
    Some(Synced {
        name: format!("{}/{}", resource.identity.namespace, resource.identity.name),
        url: text(spec, "url")?,
        branch: spec
            .get("ref")
            .and_then(|reference| text(reference, "branch")),
    })
}

/// The folders in a folder, by name.
fn folders(folder: &Utf8Path) -> Vec<String> {
    let entries = folder.read_dir_utf8();
    let mut names: Vec<String> = entries
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.file_name().to_owned())
        .collect();
    names.sort();
    names
}
