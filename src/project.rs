//! The edge: finds the TOML file, reads what it includes and what stands in the trees, runs the stages.

mod held;
mod look;
mod sides;
pub(crate) mod stale;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::ErrorKind;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use crate::beside;
use crate::build::{Built, build};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::emit::{Standing, Surroundings, TemplateFiles};
use crate::expand::include::{holds_value, included_path, normalize};
use crate::expand::{Included, Includes};
use crate::files::open::bare_around;
use crate::files::writer::Folder;
use crate::files::{Bytes, EntryKind, Snapshot, folder_of};
use crate::image::marker;
use crate::install::{Held, Mode, Releases, folder};
use crate::link::Foreign;
use crate::load::{self, Document};
use crate::node::{Node, Table, Value};
use crate::resolve::resolve;
use crate::rules::Facts;
use crate::settings::Settings;
use crate::settings::fields::list;
use crate::settings::folder::{CLUSTERS, ClusterFolder, above};
use crate::source::Sources;
use crate::templates;
use crate::tree::{self, Adopting, Documents, Existing, Makers, Plan};
pub(crate) use look::Asker;

/// The name the TOML file is found by.
pub const CONFIG: &str = "fluxgen.toml";

/// The largest included file, in bytes.
pub(crate) const LARGEST_INCLUDE: u64 = 8 * 1024 * 1024;

/// What stands in the tree of each cluster. Two sides of a comparison share what they have in common.
pub type Trees = Arc<BTreeMap<String, Existing>>;

/// A project and what a run made of it.
#[derive(Debug)]
pub struct Project {
    /// The folder of the TOML file; trees stand below it.
    pub root: Utf8PathBuf,
    /// The TOML file's name in it.
    pub config: String,
    /// Where it was read from.
    pub snapshot: Snapshot,
    pub sources: Sources,
    pub diagnostics: Diagnostics,
    pub existing: Trees,
    /// Per cluster, the resources in files of the tree that hold marked values.
    pub standing: Arc<BTreeMap<String, Standing>>,
    /// The documents of those files, by their bytes.
    pub(crate) read: HashMap<Bytes, Documents>,
    /// Per cluster that installs a release of Flux, how its committed manifest relates to the lock.
    pub(crate) manifests: BTreeMap<String, Held>,
    /// The text of the lock.
    pub(crate) lock: Option<String>,
    /// Policies whose values in the trees are not kept, as `namespace/name`.
    pub reset: Vec<String>,
    /// The folders of included files, from the project's.
    included: BTreeSet<Utf8PathBuf>,
    /// `None` where the TOML could not be read at all.
    pub built: Option<Built>,
}

/// The TOML file: the named one, or the nearest `fluxgen.toml` upwards of `start`.
pub fn find(start: &Utf8Path, config: Option<&Utf8Path>) -> anyhow::Result<Utf8PathBuf> {
    if let Some(config) = config {
        let path = start.join(config);
        if !path.is_file() {
            bail!("there is no file `{path}`");
        }
        return Ok(path);
    }
    let start = start
        .canonicalize_utf8()
        .with_context(|| format!("cannot open the folder `{start}`"))?;
    for folder in start.ancestors() {
        let path = folder.join(CONFIG);
        if path.is_file() {
            return Ok(path);
        }
    }
    if let Some(folder) = bare_around(&start) {
        bail!(
            "`{folder}` is git's own folder, with no files checked out\n  help: run it where the files are: in a clone, or make one with `git worktree add DIR`"
        );
    }
    bail!("no {CONFIG} here or in a folder above; `fluxgen init` makes one");
}

impl Project {
    /// What has to be done for the tree to stand on disk, and what is in its way; `None` where there is no tree.
    pub fn plan(&self, adopted: &[Utf8PathBuf], diagnostics: &mut Diagnostics) -> Option<Plan> {
        let built = self.built.as_ref()?;
        let tree = built.tree.as_ref()?;
        let makers = Makers::of(&self.config, &self.existing, &self.snapshot);
        let settings = &built.resolved.settings;
        makers.check(tree, &self.existing, adopted, settings, diagnostics);
        Some(tree::plan(
            tree,
            &self.existing,
            &makers,
            Adopting::Checked(adopted),
            diagnostics,
        ))
    }

    /// Reads and compiles a project offline; `only` limits what is emitted to some clusters.
    pub fn open(config: &Utf8Path, only: &[String]) -> anyhow::Result<Self> {
        Self::open_resetting(config, only, &[])
    }

    /// The same with the values of some policies, `namespace/name`, as `initial` says.
    pub fn open_resetting(
        config: &Utf8Path,
        only: &[String],
        reset: &[String],
    ) -> anyhow::Result<Self> {
        let mut releases = Releases::open(config, Mode::Offline, false)?;
        Self::on_disk(config, only, &mut releases, reset)
    }

    /// The same, with the releases of Flux from where the caller allows.
    pub fn open_with(
        config: &Utf8Path,
        only: &[String],
        releases: &mut Releases,
    ) -> anyhow::Result<Self> {
        Self::on_disk(config, only, releases, &[])
    }

    /// Compiles other bytes in place of the TOML file's, with what was read of them changed by
    /// `change`. Install manifests of Flux stay what they are.
    pub(crate) fn open_changed(
        config: &Utf8Path,
        bytes: &[u8],
        change: impl FnOnce(&mut Document),
    ) -> anyhow::Result<Self> {
        let snapshot = Snapshot::on_disk(&folder_of(config));
        let (mut project, document) = Self::load(snapshot, config, bytes);
        if let Some(mut document) = document {
            change(&mut document);
            project.compile(&document, &[], None)?;
        }
        Ok(project)
    }

    fn on_disk(
        config: &Utf8Path,
        only: &[String],
        releases: &mut Releases,
        reset: &[String],
    ) -> anyhow::Result<Self> {
        let snapshot = Snapshot::on_disk(&folder_of(config));
        let read = Self::read(snapshot, config, only, Some(releases), reset)?;
        read.with_context(|| format!("there is no file `{config}`"))
    }

    /// Reads and compiles the project that a snapshot holds: a commit, the index or the disk. `config`
    /// is the TOML file's path on disk. `None` where the snapshot has no such file.
    ///
    /// Without `releases`, install manifests of Flux stay what they are.
    pub fn read(
        snapshot: Snapshot,
        config: &Utf8Path,
        only: &[String],
        releases: Option<&mut Releases>,
        reset: &[String],
    ) -> anyhow::Result<Option<Self>> {
        let name = config.file_name().unwrap_or(CONFIG).to_owned();
        let Some(bytes) = read_config(&snapshot, &name)? else {
            return Ok(None);
        };
        let (mut project, document) = Self::load(snapshot, config, &bytes);
        project.reset = reset.to_vec();
        if let Some(document) = document {
            project.compile(&document, only, releases)?;
        }
        Ok(Some(project))
    }

    /// A project that is not compiled yet; no document where there were errors.
    fn load(snapshot: Snapshot, config: &Utf8Path, bytes: &[u8]) -> (Self, Option<Document>) {
        let name = config.file_name().unwrap_or(CONFIG).to_owned();
        let mut sources = Sources::default();
        let mut diagnostics = Diagnostics::default();
        let document = load::load(name.as_str().into(), bytes, &mut sources, &mut diagnostics);
        let document = document.filter(|_| !diagnostics.has_errors());
        let project = Self {
            root: folder_of(config),
            config: name,
            snapshot,
            sources,
            diagnostics,
            existing: Trees::default(),
            standing: Arc::default(),
            read: HashMap::new(),
            manifests: BTreeMap::new(),
            lock: None,
            reset: Vec::new(),
            included: BTreeSet::new(),
            built: None,
        };
        (project, document)
    }

    fn compile(
        &mut self,
        document: &Document,
        only: &[String],
        releases: Option<&mut Releases>,
    ) -> anyhow::Result<()> {
        let clusters = cluster_folders(document);
        check_names(only, clusters.iter().map(|cluster| cluster.name.as_str()))?;
        self.existing = trees(&self.snapshot, &clusters)?;
        if only.is_empty() {
            self.left_over(&clusters)?;
        }
        self.compile_with_trees(document, only, releases);
        Ok(())
    }

    /// Removes what a killed `image adopt` left beside an included file.
    pub(crate) fn sweep(&self) -> std::io::Result<()> {
        let root = Folder::open(&self.root)?;
        for folder in &self.included {
            // Through a link it would be another folder than the name says.
            if let Ok(folder) = root.existing(folder.as_str()) {
                folder.sweep()?;
            }
        }
        Ok(())
    }

    fn left_over(&mut self, clusters: &[ClusterFolder]) -> std::io::Result<()> {
        beside::left_over(
            &self.snapshot,
            &self.config,
            clusters,
            &mut self.diagnostics,
        )
    }

    /// Compiles a project whose trees were read.
    fn compile_with_trees(
        &mut self,
        document: &Document,
        only: &[String],
        releases: Option<&mut Releases>,
    ) {
        let includes = self.includes(document);
        let templates = templates::read(&self.snapshot, document, &mut self.diagnostics);
        self.run(document, &includes, templates, only, releases);
    }

    fn run(
        &mut self,
        document: &Document,
        includes: &Includes,
        templates: TemplateFiles,
        only: &[String],
        releases: Option<&mut Releases>,
    ) {
        let foreign = foreign(&self.existing);
        let around = self.around(templates);
        let built = build(
            document,
            includes,
            &foreign,
            &around,
            &Facts {
                repository: Some(&self.snapshot),
                trees: Some(&self.existing),
                survey: None,
            },
            &mut self.diagnostics,
        );
        self.sources.add_all_of_repository(self.diagnostics.texts());
        self.finish(built, around, includes, only, releases);
    }

    fn around(&mut self, templates: TemplateFiles) -> Surroundings {
        let stands = tree::standing(&self.existing);
        tell_unreadable(&stands.unreadable, &mut self.diagnostics);
        self.read = stands.read;
        Surroundings {
            config: self.config.clone(),
            templates,
            standing: stands.clusters,
            reset: self.reset.clone(),
        }
    }

    /// What is beside the stages: Flux's own folder, and the user's own files.
    fn finish(
        &mut self,
        mut built: Built,
        around: Surroundings,
        includes: &Includes,
        only: &[String],
        releases: Option<&mut Releases>,
    ) {
        self.standing = Arc::new(around.standing);
        if let (Some(tree), false) = (&mut built.tree, only.is_empty()) {
            tree.clusters.retain(|cluster| only.contains(&cluster.name));
        }
        let inputs = folder::Inputs {
            config: &self.config,
            includes,
            existing: &self.existing,
            snapshot: &self.snapshot,
            only,
        };
        folder::add(
            &built.resolved.settings,
            built.tree.as_mut(),
            &inputs,
            releases,
            &mut self.diagnostics,
        );
        if let Some(tree) = &built.tree {
            beside::check(tree, &self.existing, &mut self.diagnostics);
        }
        if self.diagnostics.has_errors() {
            built.tree = None;
            // Whether the others are needed can be said once there are no errors.
            self.diagnostics.tell_refused_ignores();
        } else {
            // The markers of the whole repository are looked at by `check` alone.
            self.diagnostics
                .tell_unused_ignores(|code| !code.starts_with("image-"));
        }
        self.built = Some(built);
    }

    /// Reads what the document includes. A path with expressions stands for whatever fits it.
    fn includes(&mut self, document: &Document) -> Includes {
        let mut paths = Vec::new();
        mentioned(&document.root, &mut paths);
        // Those with expressions in one folder fit the same files.
        let mut seen = HashSet::new();
        paths.retain(|path| {
            let fixed = path.split_once("${{").map(|(before, _)| before.to_owned());
            seen.insert((fixed.is_some(), fixed.unwrap_or_else(|| path.clone())))
        });
        let mut includes = Includes::default();
        for path in paths {
            for path in self.matching(&path) {
                if includes.files.contains_key(&path) {
                    continue;
                }
                let included = self.include(&path);
                self.included.extend(path.parent().map(Utf8Path::to_owned));
                includes.files.insert(path, included);
            }
        }
        includes
    }

    fn matching(&self, path: &str) -> Vec<Utf8PathBuf> {
        let Some((before, _)) = path.split_once("${{") else {
            let exists = |path: &Utf8PathBuf| self.snapshot.is_file(path.as_str());
            return normalize(path).filter(exists).into_iter().collect();
        };
        let folder = before.rsplit_once('/').map_or("", |(folder, _)| folder);
        let Some(folder) = (match folder {
            "" | "." => Some(Utf8PathBuf::new()),
            folder => normalize(folder),
        }) else {
            return Vec::new();
        };
        let mut paths: Vec<Utf8PathBuf> = self
            .snapshot
            .walk(folder.as_str())
            .filter_map(Result::ok)
            .filter(|(_, found)| found.kind == EntryKind::File)
            .map(|(path, _)| Utf8PathBuf::from(path))
            .collect();
        paths.sort();
        paths
    }

    fn include(&mut self, path: &Utf8Path) -> Result<Included, String> {
        let bytes = match self.snapshot.read_own(path.as_str(), LARGEST_INCLUDE) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err("there is no such file".to_owned()),
            Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                return Err(format!("it is larger than {LARGEST_INCLUDE} bytes"));
            }
            Err(error) => return Err(error.to_string()),
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        Ok(included(path, text, &mut self.sources))
    }
}

fn trees(snapshot: &Snapshot, clusters: &[ClusterFolder]) -> std::io::Result<Trees> {
    let read = clusters
        .par_iter()
        .map(|cluster| Ok((cluster.name.clone(), tree::read(snapshot, &cluster.folder)?)))
        .collect::<std::io::Result<_>>()?;
    Ok(Arc::new(read))
}

fn foreign(existing: &BTreeMap<String, Existing>) -> Foreign {
    existing
        .par_iter()
        .map(|(name, existing)| (name.clone(), existing.foreign()))
        .collect()
}

/// The bytes of the TOML file; of one that is too large, as many as say so.
pub(crate) fn read_config(snapshot: &Snapshot, name: &str) -> anyhow::Result<Option<Bytes>> {
    match snapshot.read(name, load::MAX_BYTES as u64) {
        Err(error) if error.kind() == ErrorKind::FileTooLarge => {
            Ok(Some(Bytes::from(vec![b' '; load::MAX_BYTES + 1])))
        }
        read => Ok(read?),
    }
}

/// What the TOML file says of the project itself, with nothing else read or compiled.
pub(crate) fn settings(
    config: &Utf8Path,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> anyhow::Result<Option<Settings>> {
    let name = config.file_name().unwrap_or(CONFIG);
    let bytes = read_config(&Snapshot::on_disk(&folder_of(config)), name)?
        .with_context(|| format!("there is no file `{config}`"))?;
    let document = load::load(name.into(), &bytes, sources, diagnostics);
    let document = document.filter(|_| !diagnostics.has_errors());
    Ok(document.map(|document| resolve(&document, diagnostics).settings))
}

/// The folders from the root of the repository that hold the trees of either side, as far as its TOML file can be
/// read.
pub(crate) fn tree_folders(
    before: &Snapshot,
    after: &Snapshot,
    config: &Utf8Path,
) -> BTreeSet<String> {
    let name = config.file_name().unwrap_or(CONFIG);
    let mut found = BTreeSet::new();
    for snapshot in [before, after] {
        let usual = snapshot.from_root(CLUSTERS);
        let bytes = read_config(snapshot, name).ok().flatten();
        let document = bytes.and_then(|bytes| {
            let mut diagnostics = Diagnostics::default();
            load::load(
                name.into(),
                &bytes,
                &mut Sources::default(),
                &mut diagnostics,
            )
        });
        let clusters = document.iter().flat_map(cluster_folders);
        let folders = clusters.map(|cluster| snapshot.from_root(&cluster.folder));
        let is_usual = |folder: &String| above(folder).any(|above| above == usual);
        found.extend(folders.filter(|folder| !is_usual(folder)));
        found.insert(usual);
    }
    found
}

/// A file that cannot be read would lose what image automation set in it.
fn tell_unreadable(files: &[(String, String)], diagnostics: &mut Diagnostics) {
    for (name, path) in files {
        diagnostics.push(
            Diagnostic::error(
                "unreadable-tree",
                format!("`{path}` cannot be read, and what image automation set in it would be lost"),
            )
            .in_cluster(name.as_str())
            .with_note("a merge may have left its conflict in the file")
            .with_help("take one side, `git checkout --ours` or `--theirs`, or remove the file to start from `initial`"),
        );
    }
}

/// The clusters that a document names and their folders, without names that cannot be a folder's.
pub(crate) fn cluster_folders(document: &Document) -> Vec<ClusterFolder> {
    let is_safe = |name: &str| !name.contains(['/', '\\', '\0']) && !name.starts_with('.');
    let nothing = Table::new();
    let clusters = document.root.get("clusters").and_then(Node::as_table);
    clusters
        .into_iter()
        .flat_map(Table::iter)
        .filter(|(name, _)| is_safe(name))
        .map(|(name, entry)| ClusterFolder::of(name, entry.node.as_table().unwrap_or(&nothing)))
        .collect()
}

/// Whether every name is a cluster's.
pub(crate) fn check_names<'a>(
    only: &[String],
    clusters: impl Iterator<Item = &'a str>,
) -> anyhow::Result<()> {
    let clusters: Vec<&str> = clusters.collect();
    for name in only {
        if !clusters.contains(&name.as_str()) {
            let near = crate::diagnostic::nearest::nearest(name, clusters.iter().copied());
            match near {
                Some(near) => bail!("no cluster is named `{name}`; did you mean `{near}`?"),
                None if (1..=5).contains(&clusters.len()) => bail!(
                    "no cluster is named `{name}`; there is {}",
                    list(clusters.iter().copied())
                ),
                None => bail!("no cluster is named `{name}`"),
            }
        }
    }
    Ok(())
}

/// An included file, its value read where its name says that it holds one.
pub(crate) fn included(path: &Utf8Path, text: &str, sources: &mut Sources) -> Included {
    let file = sources.add(path, text);
    let value = holds_value(path).then(|| {
        if path.extension() == Some("toml") {
            let mut diagnostics = Diagnostics::default();
            let document = load::load(path, text.as_bytes(), sources, &mut diagnostics);
            return match (document, diagnostics.into_sorted().into_iter().next()) {
                (Some(document), None) => Ok(Node::new(
                    document.root,
                    crate::source::Span::new(file, 0..0),
                )),
                (_, first) => Err(Diagnostic::error(
                    "include",
                    format!(
                        "`{path}`: {}",
                        first.map_or("not TOML".to_owned(), |first| first.message)
                    ),
                )),
            };
        }
        match marker::read_all(text, file) {
            Ok(mut documents) if documents.len() == 1 => {
                let mut document = documents.remove(0);
                marker::as_texts(&mut document);
                Ok(document)
            }
            Ok(documents) => Err(Diagnostic::error(
                "include",
                format!("`{path}` holds {} documents, not one", documents.len()),
            )),
            Err(error) => Err(Diagnostic::error("include", format!("`{path}`: {error}"))),
        }
    });
    Included {
        file,
        // The bytes of a tree are the same whatever line ends git gave this file.
        text: text.replace("\r\n", "\n").into(),
        value,
    }
}

/// The paths that a document includes, expressions and all.
pub(crate) fn mentioned(table: &Table, paths: &mut Vec<String>) {
    for (_, entry) in table.iter() {
        mentioned_in(&entry.node, paths);
    }
}

fn mentioned_in(node: &Node, paths: &mut Vec<String>) {
    match &node.value {
        Value::Table(table) => match included_path(node) {
            Some((path, _)) => paths.push(path.to_owned()),
            None => mentioned(table, paths),
        },
        Value::Array(items) => items.iter().for_each(|item| mentioned_in(item, paths)),
        Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Marked(_) => {}
    }
}
