//! The clusters of a repository before there is a fluxgen.toml: those whose Flux syncs it, else the folders of
//! `clusters/`.

use camino::Utf8Path;

use super::synced::{self, Synced};
use crate::files::Snapshot;
use crate::node::Table;
use crate::resolve::clusters::is_safe_name;
use crate::schema::FluxMinor;
use crate::settings::flux::{COMPONENTS, DEFAULT_VERSION};
use crate::settings::folder::{CLUSTERS, usual};
use crate::tree::{self, Existing, File};

/// What is known of the clusters.
#[derive(Debug)]
pub(super) struct Standing {
    /// By name; one of an example where there is none.
    pub clusters: Vec<Cluster>,
    /// What the first cluster syncs.
    pub synced: Option<Synced>,
    /// The folder `apps` is there, and no file of the user's own defines a Kustomization of this name.
    pub wants_apps: bool,
    pub notes: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Cluster {
    pub name: String,
    /// From the project's folder.
    pub folder: String,
    /// Where Flux is, if it syncs the repository.
    pub namespace: Option<String>,
    /// Without the leading `v`.
    pub version: Option<String>,
    /// The controllers that are installed; empty where nothing says it.
    pub components: Vec<String>,
    /// What `flux.sync` has to say.
    pub sync: Table,
}

impl Cluster {
    fn new(name: String, folder: String) -> Self {
        Self {
            name,
            folder,
            namespace: None,
            version: None,
            components: Vec::new(),
            sync: Table::new(),
        }
    }
}

impl Standing {
    pub(super) fn read(folder: &Utf8Path) -> anyhow::Result<Self> {
        let mut standing = Self {
            clusters: Vec::new(),
            synced: None,
            wants_apps: folder.join("apps").is_dir(),
            notes: Vec::new(),
        };
        let snapshot = Snapshot::on_disk(folder);
        for synced in synced::find(&snapshot)? {
            standing.follow(synced, &snapshot)?;
        }
        let is_synced = !standing.clusters.is_empty();
        for name in folders(&folder.join(CLUSTERS)) {
            standing.folder(&name, is_synced, &snapshot)?;
        }
        if standing.clusters.is_empty() {
            let example = "staging".to_owned();
            let folder = usual(&example);
            standing.clusters.push(Cluster::new(example, folder));
        }
        standing.clusters.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(standing)
    }

    /// A cluster whose Flux syncs the repository.
    fn follow(&mut self, synced: Synced, snapshot: &Snapshot) -> anyhow::Result<()> {
        let folder = match snapshot.folder() {
            "" => Some(synced.path.as_str()),
            own => synced
                .path
                .strip_prefix(own)
                .and_then(|it| it.strip_prefix('/')),
        };
        let is_free = |name: &str| {
            is_safe_name(name)
                && !self
                    .clusters
                    .iter()
                    .any(|it| it.name.eq_ignore_ascii_case(name))
        };
        let folder = folder
            .filter(|folder| !folder.is_empty())
            .map(str::to_owned);
        let name = folder
            .as_deref()
            .and_then(|folder| synced::name_of(folder, is_free));
        let (Some(folder), Some(name)) = (folder, name) else {
            self.notes.push(format!(
                "`{}` syncs `./{}`, which cannot be a cluster's folder here: it has to be below that of the TOML file",
                synced.file, synced.path
            ));
            return Ok(());
        };
        let overlaps = |other: &Cluster| {
            let (a, b) = (format!("{}/", other.folder), format!("{folder}/"));
            a.starts_with(&b) || b.starts_with(&a)
        };
        if let Some(other) = self.clusters.iter().find(|other| overlaps(other)) {
            self.notes.push(format!(
                "`{}` syncs `./{}`, which overlaps the folder `{}` of cluster `{}`; it is left out",
                synced.file, synced.path, other.folder, other.name
            ));
            return Ok(());
        }
        let mut cluster = Cluster::new(name, folder);
        cluster.namespace = Some(synced.namespace.clone());
        cluster.components = known_components(synced.components.iter().map(String::as_str));
        cluster.sync = synced.sync.clone();
        if let Some(version) = &synced.version {
            self.version(&mut cluster, version);
        }
        let existing = tree::read(snapshot, &cluster.folder)?;
        self.look(&mut cluster, &existing);
        match &self.synced {
            None => self.synced = Some(synced),
            Some(first) if (&first.url, &first.branch) != (&synced.url, &synced.branch) => {
                let branch = |synced: &Synced| synced.branch.clone().unwrap_or_default();
                self.notes.push(format!(
                    "cluster `{}` syncs branch `{}` of another address or branch than `{}`, and this file has one `[repo]`: give it a TOML file of its own",
                    cluster.name, branch(&synced), branch(first)
                ));
            }
            Some(_) => {}
        }
        self.clusters.push(cluster);
        Ok(())
    }

    /// A folder of `clusters/` that no Flux is known to sync.
    fn folder(&mut self, name: &str, is_synced: bool, snapshot: &Snapshot) -> anyhow::Result<()> {
        let folder = usual(name);
        let is_known = |cluster: &Cluster| {
            cluster.folder == folder || cluster.folder.starts_with(&format!("{folder}/"))
        };
        if self.clusters.iter().any(is_known) {
            return Ok(());
        }
        let is_shared = ["base", "common", "shared"].contains(&name);
        let why = match (is_safe_name(name), is_synced || is_shared) {
            (false, _) => "its name cannot be a cluster's",
            (true, true) => "nothing in it makes Flux sync it",
            (true, false) => {
                let mut cluster = Cluster::new(name.to_owned(), folder);
                let existing = tree::read(snapshot, &cluster.folder)?;
                self.look(&mut cluster, &existing);
                self.clusters.push(cluster);
                return Ok(());
            }
        };
        self.notes
            .push(format!("the folder `{folder}` is left out: {why}"));
        Ok(())
    }

    fn look(&mut self, cluster: &mut Cluster, existing: &Existing) {
        for (path, file) in &existing.files {
            let File::Foreign(Some(bytes)) = file else {
                continue;
            };
            if path.ends_with("/gotk-components.yaml") {
                self.components(cluster, &String::from_utf8_lossy(bytes));
                continue;
            }
            let mut resources = tree::resources(bytes).into_iter();
            let is_apps = resources.any(|resource| {
                let identity = &resource.identity;
                identity.kind == "Kustomization" && identity.name == "apps"
            });
            self.wants_apps &= !is_apps;
        }
    }

    /// The comments at the top of an install manifest.
    fn components(&mut self, cluster: &mut Cluster, text: &str) {
        let said = |key: &str| {
            let mut lines = text.lines().take(8);
            lines.find_map(|line| Some(line.strip_prefix(key)?.trim()))
        };
        if let Some(version) = said("# Flux Version:") {
            self.version(cluster, version.trim_start_matches('v'));
        }
        let components = said("# Components:").unwrap_or_default().split(',');
        cluster.components = known_components(components.map(str::trim));
    }

    /// A version, or a range of them as a FluxInstance may have.
    fn version(&mut self, cluster: &mut Cluster, version: &str) {
        let version = version.trim_start_matches('v');
        let known = |version: &str| {
            let pinned = FluxMinor::from_version(version).ok();
            pinned.and_then(|pinned| pinned.minor()).is_some()
        };
        let is_exact = semver::Version::parse(version).is_ok();
        if is_exact && known(version) {
            cluster.version = Some(version.to_owned());
            return;
        }
        let newest = semver::Version::parse(DEFAULT_VERSION).ok();
        let range = semver::VersionReq::parse(version).ok();
        if !is_exact && newest.is_some_and(|it| range.is_some_and(|range| range.matches(&it))) {
            cluster.version = Some(DEFAULT_VERSION.to_owned());
            return;
        }
        let first = format!(
            "{}.0",
            version.trim_end_matches(".x").trim_end_matches(".*")
        );
        if !is_exact && known(&first) && semver::Version::parse(&first).is_ok() {
            self.notes.push(format!(
                "cluster `{}` runs Flux {version}; {first} is pinned: write the exact version",
                cluster.name
            ));
            cluster.version = Some(first);
            return;
        }
        self.notes.push(format!(
            "cluster `{}` runs Flux {version}; fluxgen knows {} and newer, and {DEFAULT_VERSION} is pinned for it",
            cluster.name, FluxMinor::OLDEST
        ));
    }
}

fn known_components<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names
        .filter(|component| COMPONENTS.contains(component))
        .map(str::to_owned)
        .collect()
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
