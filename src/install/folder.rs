//! The `flux-system` folder of each cluster: what installs Flux there and what makes it sync.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::emit::{ClusterTree, Tree, head};
use crate::expand::Includes;
use crate::expand::include::{included_path, normalize};
use crate::files::Snapshot;
use crate::install::{
    OperatorSync, Options, Reference, Refusal, Releases, Sync, flux_instance, kustomization, sync,
};
use crate::kustomize::normalised;
use crate::node::{Node, Table, Value};
use crate::resource::Resource;
use crate::settings::folder::Folders;
use crate::settings::{Cluster, DEFAULT_NAMESPACE, Install, Settings};
use crate::source::Span;
use crate::tree::{Existing, File};
use crate::validate::validate_one;
use crate::yaml;

pub(crate) const COMPONENTS_FILE: &str = "gotk-components.yaml";
pub(crate) const SYNC_FILE: &str = "gotk-sync.yaml";
pub(crate) const KUSTOMIZATION_FILE: &str = "kustomization.yaml";
pub(crate) const INSTANCE_FILE: &str = "flux-instance.yaml";

/// A release that could not be had: the run could not do its work, whatever the TOML file says.
pub(crate) const UNAVAILABLE: &str = "flux-release-unavailable";

/// All files that the folder may hold of ours.
const FILES: [&str; 4] = [
    COMPONENTS_FILE,
    SYNC_FILE,
    KUSTOMIZATION_FILE,
    INSTANCE_FILE,
];

/// The names kustomize finds its file by.
const KUSTOMIZATIONS: [&str; 3] = [KUSTOMIZATION_FILE, "kustomization.yml", "Kustomization"];

/// What the folders are made from besides the settings.
pub(crate) struct Inputs<'a> {
    pub config: &'a str,
    pub includes: &'a Includes,
    pub existing: &'a BTreeMap<String, Existing>,
    /// Where the project's folder is in the repository.
    pub snapshot: &'a Snapshot,
    /// The clusters that are asked for; empty for all.
    pub only: &'a [String],
}

/// Adds the folders to a tree.
///
/// Without `releases` the committed install manifests stay as they are, which is what a commit that
/// is only looked at wants. Without a tree, the faults of the settings alone are told.
pub(crate) fn add(
    settings: &Settings,
    tree: Option<&mut Tree>,
    inputs: &Inputs<'_>,
    mut releases: Option<&mut Releases>,
    diagnostics: &mut Diagnostics,
) {
    let folders = Folders::of(settings, inputs.snapshot);
    let Some(tree) = tree.filter(|_| !diagnostics.has_errors()) else {
        for cluster in asked(settings, inputs) {
            check(settings, cluster, &folders, inputs, diagnostics);
        }
        return;
    };
    let head = head(settings, inputs.config);
    let mut components: BTreeMap<(String, String), Arc<str>> = BTreeMap::new();
    for cluster in asked(settings, inputs) {
        let Some(at) = tree
            .clusters
            .iter()
            .position(|tree| tree.name == cluster.name.value)
        else {
            continue;
        };
        let mut folder = Folder {
            settings,
            cluster,
            existing: inputs.existing.get(&cluster.name.value),
            head: &head,
            files: Vec::new(),
        };
        check(settings, cluster, &folders, inputs, diagnostics);
        match cluster.flux.install {
            Install::None => {
                tree.clusters[at].left_alone = folder.paths().collect();
                continue;
            }
            Install::Release => {
                folder.release(
                    &tree.clusters[at],
                    inputs,
                    releases.as_deref_mut(),
                    &mut components,
                    diagnostics,
                );
            }
            Install::Operator => folder.operator(inputs, diagnostics),
        }
        let files = std::mem::take(&mut folder.files);
        for (path, text) in files {
            let taken = tree.clusters[at]
                .files
                .keys()
                .any(|known| known.eq_ignore_ascii_case(&path));
            if taken {
                diagnostics.push(
                    Diagnostic::error("layout", format!("`{path}` is Flux's own file"))
                        .in_cluster(cluster.name.value.as_str())
                        .with_help("choose another `layout.path` for the resource that is there"),
                );
            }
            tree.clusters[at].files.insert(Arc::from(path), text);
        }
    }
}

fn asked<'a>(settings: &'a Settings, inputs: &'a Inputs<'_>) -> impl Iterator<Item = &'a Cluster> {
    settings
        .clusters
        .iter()
        .filter(|cluster| inputs.only.is_empty() || inputs.only.contains(&cluster.name.value))
}

/// What the settings lack for Flux to sync the repository.
fn check(
    settings: &Settings,
    cluster: &Cluster,
    folders: &Folders,
    inputs: &Inputs<'_>,
    diagnostics: &mut Diagnostics,
) {
    let flux = &cluster.flux;
    if flux.install == Install::None {
        return;
    }
    check_path(settings, cluster, folders, inputs.snapshot, diagnostics);
    let repo = &settings.repo;
    if repo.url.is_none() {
        diagnostics.push(
            Diagnostic::error("missing-field", "Flux cannot sync without `repo.url`")
                .at(repo.span, "")
                .with_help("add `url = \"ssh://git@host/owner/repository\"` to `[repo]`"),
        );
    }
    let (repo_namespace, repo_name) = repo.in_namespace(&flux.namespace);
    if (repo_namespace, repo_name) != (flux.namespace.as_str(), flux.namespace.as_str()) {
        let namespace = &flux.namespace;
        diagnostics.push(
            Diagnostic::error(
                "flux-sync",
                format!(
                    "the repository is the GitRepository `{}/{}`, which Flux will not make in namespace `{namespace}`",
                    repo_namespace, repo_name
                ),
            )
            .at(repo.span, "")
            .in_cluster(cluster.name.value.as_str())
            .with_note("Flux names the GitRepository and the Kustomization that sync it after its namespace")
            .with_help(format!("leave `repo.name` out, or set it to \"{namespace}/{namespace}\"")),
        );
    }
    if flux.install == Install::Operator {
        if let Some(registry) = flux.registry.as_ref().filter(|text| text.value.is_empty()) {
            diagnostics.push(
                Diagnostic::error("flux-sync", "a FluxInstance cannot do without a registry")
                    .at(registry.span, "")
                    .with_help(
                        "write where the images are, or leave `registry` out for `ghcr.io/fluxcd`",
                    ),
            );
        }
        if let Some(distribution) = &flux.distribution {
            diagnostics.push(
                Diagnostic::warning(
                    "flux-sync",
                    "`flux.distribution` has no effect: the Flux Operator fetches the release itself",
                )
                .at(distribution.span, "")
                .with_help("leave it out, or set `flux.install = \"release\"`"),
            );
        }
        for patch in &flux.patches {
            for key in ["path", "options"] {
                if let Some(found) = patch.get(key) {
                    diagnostics.push(
                        Diagnostic::error(
                            "flux-sync",
                            format!("a patch in a FluxInstance cannot have `{key}`"),
                        )
                        .at(found.span, "")
                        .with_help("write `patch` and `target` alone"),
                    );
                }
            }
        }
    }
}

/// The folder that Flux syncs must hold the cluster's, and no other cluster's.
fn check_path(
    settings: &Settings,
    cluster: &Cluster,
    folders: &Folders,
    snapshot: &Snapshot,
    diagnostics: &mut Diagnostics,
) {
    let Some(path) = &cluster.flux.sync.path else {
        return;
    };
    let name = cluster.name.value.as_str();
    let own = snapshot.from_root(&cluster.folder);
    let synced = normalised(path.value.as_str());
    if synced == own {
        return;
    }
    let holds = synced.is_empty() || own.starts_with(&format!("{synced}/"));
    let other = folders.inside(&synced).find(|(_, at)| {
        let other = &settings.clusters[*at].name.value;
        holds && other != name
    });
    let diagnostic = match other {
        Some((folder, at)) => Diagnostic::error(
            "flux-sync",
            format!(
                "cluster `{name}` would sync `{}`, which holds the folder `{folder}` of cluster `{}` too",
                path.value, settings.clusters[at].name.value
            ),
        )
        .with_help(format!("set `flux.sync.path = \"{own}\"`, or leave it out")),
        None if holds => return,
        None => {
            let diagnostic = Diagnostic::error(
                "flux-sync",
                format!("cluster `{name}` would sync `{}`, but its files are in `{own}`", path.value),
            )
            .with_note("Flux would apply nothing of what fluxgen writes");
            match below(snapshot, &synced) {
                Some(folder) => diagnostic.with_help(format!(
                    "for the files to go there, write `path = \"{folder}\"` in `[clusters.{name}]` instead"
                )),
                None => diagnostic,
            }
            .with_help(format!("to sync `{own}`, leave `flux.sync.path` out"))
        }
    };
    diagnostics.push(diagnostic.at(path.span, "").in_cluster(name));
}

/// A path from the root of the repository as one from the project's folder.
fn below<'p>(snapshot: &Snapshot, path: &'p str) -> Option<&'p str> {
    let below = match snapshot.folder() {
        "" => Some(path),
        folder => path.strip_prefix(folder)?.strip_prefix('/'),
    };
    below.filter(|below| !below.is_empty())
}

/// Says which clusters have no install manifest in their tree: there is nothing to install Flux from.
///
/// `only` are the clusters that are asked for; empty for all.
pub(crate) fn missing(
    settings: &Settings,
    existing: &BTreeMap<String, Existing>,
    only: &[String],
    diagnostics: &mut Diagnostics,
) {
    for cluster in &settings.clusters {
        let name = &cluster.name.value;
        let is_asked = only.is_empty() || only.contains(name);
        if !is_asked {
            continue;
        }
        let path = format!("{}/{COMPONENTS_FILE}", cluster.flux.namespace);
        if has_no_manifest(cluster, existing) {
            diagnostics.push(
                Diagnostic::warning(
                    "missing-install-manifest",
                    format!(
                        "there is no `{}/{path}` to install Flux from",
                        cluster.folder
                    ),
                )
                .at(cluster.flux.version.span, "")
                .in_cluster(name.as_str())
                .with_help("run `fluxgen build` and commit what it writes"),
            );
        }
    }
}

/// Whether the tree of a cluster lacks what would install Flux there.
pub(crate) fn has_no_manifest(cluster: &Cluster, existing: &BTreeMap<String, Existing>) -> bool {
    let path = format!("{}/{COMPONENTS_FILE}", cluster.flux.namespace);
    cluster.flux.install == Install::Release
        && !existing
            .get(&cluster.name.value)
            .is_some_and(|known| known.files.contains_key(&path))
}

/// Why a cluster has no install manifest, at the places that say which one it is.
pub(crate) fn refused(cluster: &Cluster, refusal: Refusal) -> Diagnostic {
    let code = match refusal.is_unavailable {
        true => UNAVAILABLE,
        false => "flux-release",
    };
    let mut diagnostic = Diagnostic::error(code, refusal.message);
    if let Some(distribution) = &cluster.flux.distribution {
        diagnostic = diagnostic.at(distribution.span, "");
    }
    diagnostic
        .at(cluster.flux.version.span, "")
        .in_cluster(cluster.name.value.as_str())
        .with_help(refusal.help)
}

struct Folder<'a> {
    settings: &'a Settings,
    cluster: &'a Cluster,
    existing: Option<&'a Existing>,
    head: &'a str,
    files: Vec<(String, Arc<str>)>,
}

impl Folder<'_> {
    fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.cluster.flux.namespace)
    }

    fn paths(&self) -> impl Iterator<Item = Arc<str>> {
        FILES.map(|file| Arc::from(self.path(file))).into_iter()
    }

    fn put(&mut self, file: &str, text: &str) {
        self.files
            .push((self.path(file), Arc::from(format!("{}{text}", self.head))));
    }

    fn release(
        &mut self,
        tree: &ClusterTree,
        inputs: &Inputs<'_>,
        releases: Option<&mut Releases>,
        components: &mut BTreeMap<(String, String), Arc<str>>,
        diagnostics: &mut Diagnostics,
    ) {
        let flux = &self.cluster.flux;
        let url = match &self.settings.repo.url {
            Some(url) => url.value.clone(),
            None => return,
        };
        let path = self.path(COMPONENTS_FILE);
        match releases {
            Some(releases) => {
                let Ok(options) = Options::of(flux) else {
                    return;
                };
                let distribution = flux.distribution.as_ref().map(|text| text.value.as_str());
                let committed = inputs.existing.values().filter_map(|existing| {
                    match existing.files.get(&path)? {
                        File::Ours(bytes) => Some(&**bytes),
                        File::Foreign(_) | File::Link | File::Temporary => None,
                    }
                });
                match releases.text(distribution, &options, committed) {
                    Ok(text) => {
                        let key = (
                            distribution.unwrap_or_default().to_owned(),
                            options.digest(),
                        );
                        let whole = components
                            .entry(key)
                            .or_insert_with(|| Arc::from(format!("{}{text}", self.head)));
                        self.files.push((path, whole.clone()));
                    }
                    Err(refusal) => {
                        diagnostics.push(refused(self.cluster, refusal));
                    }
                }
            }
            None => {
                let standing = self.existing.and_then(|known| known.files.get(&path));
                if let Some(File::Ours(bytes)) = standing
                    && let Ok(text) = std::str::from_utf8(bytes)
                {
                    self.files.push((path, Arc::from(text)));
                }
            }
        }
        let patches = patches(&flux.patches, inputs.includes, diagnostics);
        self.check_standing(diagnostics);
        let sync_path = match &flux.sync.path {
            Some(path) => path.value.to_string(),
            None => inputs.snapshot.from_root(&self.cluster.folder),
        };
        let [repository, mut root] = sync(&Sync {
            namespace: flux.namespace.clone(),
            url,
            reference: Reference::branch(self.settings.repo.branch.as_str()),
            secret: self.secret(),
            interval: flux.sync.interval,
            path: sync_path,
            recurse_submodules: flux.sync.submodules,
            sparse_checkout: texts(&flux.sync.sparse_checkout),
            provider: self.provider(),
        });
        set_root(&mut root, &flux.sync.root);
        self.check_root(&root, diagnostics);
        let text = format!(
            "---\n{}---\n{}",
            yaml::write(&repository),
            yaml::write(&root)
        );
        self.put(SYNC_FILE, &text);
        let resources = self.resources(tree, &patches);
        let resources = resources.iter().map(String::as_str);
        let file = kustomization(resources, &flux.labels, &patches);
        self.put(KUSTOMIZATION_FILE, &yaml::write(&file));
    }

    fn operator(&mut self, inputs: &Inputs<'_>, diagnostics: &mut Diagnostics) {
        let flux = &self.cluster.flux;
        let Some(url) = &self.settings.repo.url else {
            return;
        };
        let Ok(options) = Options::of(flux) else {
            return;
        };
        let path = match &flux.sync.path {
            Some(path) => path.value.as_str().trim_start_matches("./").to_owned(),
            None => inputs.snapshot.from_root(&self.cluster.folder),
        };
        let operator_sync = OperatorSync {
            url: url.value.clone(),
            reference: format!("refs/heads/{}", self.settings.repo.branch),
            path,
            pull_secret: self.secret(),
            interval: flux.sync.interval.to_string(),
            name: None,
            provider: self.provider(),
            recurse_submodules: flux.sync.submodules,
            sparse_checkout: texts(&flux.sync.sparse_checkout),
        };
        let mut patches = patches(&flux.patches, inputs.includes, diagnostics);
        if !flux.sync.root.is_empty() {
            let [_, mut root] = sync(&Sync {
                namespace: flux.namespace.clone(),
                url: url.value.clone(),
                reference: Reference::default(),
                secret: None,
                interval: flux.sync.interval,
                path: operator_sync.path.clone(),
                recurse_submodules: false,
                sparse_checkout: Vec::new(),
                provider: None,
            });
            set_root(&mut root, &flux.sync.root);
            self.check_root(&root, diagnostics);
            // Before the user's own, which have the last word.
            patches.insert(0, root_patch(&flux.sync.root));
        }
        let mut instance = flux_instance(&options, Some(&operator_sync), &patches);
        if !flux.labels.is_empty()
            && let Some(spec) = instance
                .as_table_mut()
                .and_then(|table| table.get_mut("spec"))
            && let Some(spec) = spec.as_table_mut()
        {
            let mut metadata = Table::new();
            metadata.set("labels", Node::new(flux.labels.clone(), Span::BUILT_IN));
            spec.set("commonMetadata", Node::new(metadata, Span::BUILT_IN));
        }
        if let Some(resource) = Resource::from_node(instance.clone()) {
            diagnostics.extend(validate_one(&resource, self.cluster, flux.version.span));
        }
        self.put(INSTANCE_FILE, &format!("---\n{}", yaml::write(&instance)));
    }

    /// Holds what `flux.sync` says of the root Kustomization to the kind's schema.
    fn check_root(&self, root: &Node, diagnostics: &mut Diagnostics) {
        let flux = &self.cluster.flux;
        if !flux.sync.root.is_empty()
            && let Some(resource) = Resource::from_node(root.clone())
        {
            diagnostics.extend(validate_one(&resource, self.cluster, flux.version.span));
        }
    }

    /// The Secret of the credentials; Flux's own default does not follow the namespace.
    fn secret(&self) -> Option<String> {
        match &self.cluster.flux.sync.secret {
            None => Some(DEFAULT_NAMESPACE.to_owned()),
            Some(secret) if secret.value.is_empty() => None,
            Some(secret) => Some(secret.value.clone()),
        }
    }

    /// `generic` is what a GitRepository without a provider has.
    fn provider(&self) -> Option<String> {
        let provider = self.cluster.flux.sync.provider.as_ref()?;
        (provider.value != "generic").then(|| provider.value.clone())
    }

    /// What `flux bootstrap` lists: the folder's files that are Kubernetes resources, and folders
    /// with a kustomize file of their own. Patches are no resources.
    fn resources(&self, tree: &ClusterTree, patches: &[Node]) -> BTreeSet<String> {
        let mut found = BTreeSet::from([COMPONENTS_FILE.to_owned(), SYNC_FILE.to_owned()]);
        let base = format!("{}/", self.cluster.flux.namespace);
        let patch_files: BTreeSet<&str> = patches
            .iter()
            .filter_map(|patch| patch.get("path")?.as_str())
            .map(|path| path.trim_start_matches("./"))
            .collect();
        let nothing = BTreeMap::new();
        let standing = self.existing.map_or(&nothing, |known| &known.files);
        let own_folders: BTreeSet<&str> = standing
            .keys()
            .filter_map(|path| path.strip_prefix(&base)?.rsplit_once('/'))
            .filter(|(_, file)| KUSTOMIZATIONS.contains(file))
            .map(|(folder, _)| folder)
            .collect();
        let mut add = |path: &str| {
            let folder = path
                .match_indices('/')
                .map(|(at, _)| &path[..at])
                .find(|folder| own_folders.contains(folder));
            match folder {
                Some(folder) => found.insert(folder.to_owned()),
                None => found.insert(path.to_owned()),
            };
        };
        for (path, file) in standing {
            let Some(name) = path.strip_prefix(&base) else {
                continue;
            };
            let is_inside_own = name.contains('/')
                && own_folders.iter().any(|folder| {
                    name.strip_prefix(folder)
                        .is_some_and(|rest| rest.starts_with('/'))
                });
            let is_ours = FILES.contains(&name);
            if is_ours || patch_files.contains(name) {
                continue;
            }
            let is_resource = match file {
                File::Foreign(Some(bytes)) => {
                    !KUSTOMIZATIONS.contains(&name) && holds_resources(bytes)
                }
                File::Foreign(None) | File::Ours(_) | File::Link | File::Temporary => false,
            };
            if is_inside_own || is_resource {
                add(name);
            }
        }
        for path in tree.files.keys() {
            if let Some(name) = path.strip_prefix(&base) {
                add(name);
            }
        }
        found
    }

    /// Reports a second kustomize file beside ours.
    fn check_standing(&self, diagnostics: &mut Diagnostics) {
        let Some(existing) = self.existing else {
            return;
        };
        let others = KUSTOMIZATIONS
            .iter()
            .filter(|name| **name != KUSTOMIZATION_FILE);
        for name in others {
            let Some(File::Foreign(_)) = existing.files.get(&self.path(name)) else {
                continue;
            };
            let shown = existing.path_of(&self.path(name));
            diagnostics.push(
                Diagnostic::error(
                    "file-in-the-way",
                    format!("`{shown}` is a second kustomize file beside fluxgen's own"),
                )
                .in_cluster(self.cluster.name.value.as_str())
                .with_help(format!(
                    "move its patches to `flux.patches` and remove it: {KUSTOMIZATION_FILE} takes its place"
                )),
            );
        }
    }
}

/// Lays fields over the spec of the root Kustomization.
fn set_root(root: &mut Node, fields: &Table) {
    let spec = root.as_table_mut().and_then(|root| root.get_mut("spec"));
    if let Some(spec) = spec.and_then(Node::as_table_mut) {
        for (field, entry) in fields.iter() {
            spec.insert(field, entry.clone());
        }
    }
}

/// The same as a patch in a FluxInstance, which makes the Kustomization itself.
///
/// Source: <https://fluxoperator.dev/docs/crd/fluxinstance/#kustomize-patches>
fn root_patch(fields: &Table) -> Node {
    let table = |entries: Vec<(&str, Node)>| {
        let mut table = Table::new();
        for (key, node) in entries {
            table.set(key, node);
        }
        Node::new(table, Span::BUILT_IN)
    };
    let text = |text: &str| Node::new(text, Span::BUILT_IN);
    let operations: Vec<Node> = fields
        .iter()
        .map(|(field, entry)| {
            table(vec![
                ("op", text("add")),
                ("path", text(&format!("/spec/{field}"))),
                ("value", entry.node.clone()),
            ])
        })
        .collect();
    let patch = yaml::write(&Node::new(operations, Span::BUILT_IN));
    table(vec![
        ("target", table(vec![("kind", text("Kustomization"))])),
        ("patch", text(&patch)),
    ])
}

/// Whether each document of a file is a resource, as kustomize would read it.
fn holds_resources(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let documents = yaml::read_all(text, Span::BUILT_IN.file).unwrap_or_default();
    let is_resource = |node: &Node| {
        ["apiVersion", "kind"]
            .iter()
            .all(|key| node.get(key).is_some_and(|value| value.as_str().is_some()))
    };
    let mut documents = documents
        .iter()
        .filter(|node| node.value != Value::Null)
        .peekable();
    documents.peek().is_some() && documents.all(is_resource)
}

/// The patches with the files they include.
fn patches(patches: &[Node], includes: &Includes, diagnostics: &mut Diagnostics) -> Vec<Node> {
    patches
        .iter()
        .map(|patch| {
            let mut patch = patch.clone();
            let included = patch.get("patch").and_then(|node| {
                let (path, span) = included_path(node)?;
                Some((path.to_owned(), span))
            });
            let (Some((path, span)), Some(table)) = (included, patch.as_table_mut()) else {
                return patch;
            };
            let found = normalize(&path).and_then(|path| includes.files.get(&path));
            match found {
                Some(Ok(file)) => set(table, "patch", &file.text),
                Some(Err(reason)) => diagnostics.push(
                    Diagnostic::error("include", format!("`{path}` cannot be read: {reason}"))
                        .at(span, ""),
                ),
                None => diagnostics.push(
                    Diagnostic::error("include", format!("there is no file `{path}`"))
                        .at(span, "")
                        .with_help("paths are relative to the TOML file and stay in its folder"),
                ),
            }
            patch
        })
        .collect()
}

fn set(table: &mut Table, key: &str, text: &str) {
    table.set(key, Node::new(text, Span::BUILT_IN));
}

fn texts(found: &[crate::source::Spanned<String>]) -> Vec<String> {
    found.iter().map(|text| text.value.clone()).collect()
}
