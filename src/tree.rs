//! The trees on disk: what stands there, whose it is, and writing what differs.
//!
//! Only files with our header are replaced or removed. How a file gets onto the disk is `files::writer`'s.

mod adoption;
mod conflict;
mod maker;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use crate::beside::is_applied;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::emit::{ClusterTree, HEADER, Standing, Tree};
use crate::files::writer::{Folder, Rights, is_temporary};
use crate::files::{Bytes, EntryKind, Found, Snapshot};
use crate::image::marker;
use crate::image::rewritten::is_rewritten;
use crate::link::ForeignResource;
use crate::node::Node;
use crate::resource::{Identity, Resource};
use crate::source::Sources;

use adoption::{Generated, Loss};
pub(crate) use maker::Makers;

/// The largest file of a user's own that is read for its resources, in bytes.
pub(crate) const LARGEST_FOREIGN: u64 = 16 * 1024 * 1024;

/// The files of a cluster's folder on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Existing {
    /// From the project's folder, with `/`.
    pub folder: String,
    /// By path below the cluster's folder, with `/`.
    pub files: BTreeMap<String, File>,
    /// Sorted.
    pub folders: Vec<String>,
}

/// One file on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum File {
    /// It has our header.
    Ours(Bytes),
    /// A user's own; the text of YAML files.
    Foreign(Option<Bytes>),
    Link,
    /// Left behind by a build that was killed.
    Temporary,
}

/// What a build did in a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    pub written: Vec<String>,
    pub removed: Vec<String>,
    pub unchanged: usize,
}

/// Reads the tree in a cluster's folder; a missing one is an empty tree.
pub fn read(from: &Snapshot, base: &str) -> std::io::Result<Existing> {
    let mut existing = Existing {
        folder: base.to_owned(),
        ..Existing::default()
    };
    let above = base.match_indices('/').map(|(at, _)| &base[..at]);
    for folder in above.chain([base]) {
        let what = match from.kind(folder)? {
            None => return Ok(existing),
            Some(EntryKind::Folder) => continue,
            Some(EntryKind::Link) => "a symbolic link",
            Some(EntryKind::File) => "a file",
            Some(EntryKind::Other) => "a repository of its own",
        };
        let message = format!("`{folder}` is {what}, not a folder");
        return Err(std::io::Error::other(message));
    }
    for found in from.walk(base) {
        let (path, found) = found?;
        let path = path[base.len() + 1..].to_owned();
        let name = path
            .rsplit_once('/')
            .map_or(path.as_str(), |(_, name)| name);
        let file = match found.kind {
            EntryKind::Folder => {
                existing.folders.push(path);
                continue;
            }
            EntryKind::Link => File::Link,
            EntryKind::Other => File::Foreign(None),
            EntryKind::File if is_temporary(name) => File::Temporary,
            EntryKind::File => read_file(from, &found, name)?,
        };
        existing.files.insert(path, file);
    }
    existing.folders.sort_unstable();
    Ok(existing)
}

fn read_file(from: &Snapshot, found: &Found, name: &str) -> std::io::Result<File> {
    if !name.ends_with(".yaml") && !name.ends_with(".yml") {
        return Ok(File::Foreign(None));
    }
    match from.files().open(found, LARGEST_FOREIGN) {
        Ok(bytes) if bytes.starts_with(HEADER.as_bytes()) => Ok(File::Ours(bytes)),
        Ok(bytes) => Ok(File::Foreign(Some(bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => Ok(File::Foreign(None)),
        Err(error) => Err(error),
    }
}

impl Existing {
    /// A file of the tree, from the project's folder.
    pub(crate) fn path_of(&self, file: &str) -> String {
        format!("{}/{file}", self.folder)
    }

    /// The resources that a user's own files define; files that are no YAML are passed over.
    pub fn foreign(&self) -> Vec<ForeignResource> {
        let mut found = Vec::new();
        for (path, file) in &self.files {
            if let File::Foreign(Some(bytes)) = file {
                let resources = resources(bytes).into_iter();
                let is_applied = is_applied(path, self);
                found.extend(resources.map(|resource| ForeignResource {
                    identity: resource.identity,
                    is_applied,
                    path: self.path_of(path),
                }));
            }
        }
        found
    }
}

/// Paths and bytes of the files in which something is marked.
type MarkedFiles<'a> = Vec<(&'a str, &'a Bytes)>;

/// The resources of a file that many clusters may have.
type SharedResources = Vec<(Arc<Identity>, Arc<Node>)>;

/// The documents of a file as they stand in it.
pub(crate) type Documents = Arc<[Arc<Node>]>;

/// What a file holds: the resources, and where a merge left it in conflict those of the other branch.
struct Sides {
    /// None of a file that is in conflict.
    documents: Option<Documents>,
    ours: SharedResources,
    theirs: SharedResources,
}

fn sides(bytes: &[u8]) -> Option<Sides> {
    if let Some(documents) = documents(bytes) {
        return Some(Sides {
            ours: shared(&documents),
            theirs: Vec::new(),
            documents: Some(documents),
        });
    }
    let [ours, theirs] = conflict::sides(bytes)?;
    Some(Sides {
        documents: None,
        ours: shared(&documents(ours.as_bytes())?),
        theirs: shared(&documents(theirs.as_bytes())?),
    })
}

fn shared(documents: &Documents) -> SharedResources {
    let documents = documents.iter();
    documents
        .filter_map(|node| Some((Arc::new(Identity::of(node)?), Arc::clone(node))))
        .collect()
}

fn documents(bytes: &[u8]) -> Option<Documents> {
    Some(nodes(bytes)?.into_iter().map(Arc::new).collect())
}

fn nodes(bytes: &[u8]) -> Option<Vec<Node>> {
    let text = std::str::from_utf8(bytes).ok()?;
    marker::read_all(text, Sources::default().add("", "")).ok()
}

/// What stands in the trees.
#[derive(Debug, Default)]
pub(crate) struct Stands {
    pub clusters: BTreeMap<String, Standing>,
    /// The files with marked values that cannot be read, from the project's folder.
    pub unreadable: Vec<(String, String)>,
    /// The documents of files in which something is marked, by their bytes.
    pub read: HashMap<Bytes, Documents>,
}

/// Reads the resources that stand in the trees.
///
/// Most clusters of a fleet hold the same files; each distinct one is read once. Of a file that a merge left in
/// conflict both sides are read.
pub(crate) fn standing(existing: &BTreeMap<String, Existing>) -> Stands {
    // What installs Flux is large, and nothing of it is ever marked.
    let is_small = |path: &str| !path.starts_with("flux-system/");
    let sorted: Vec<(&String, MarkedFiles<'_>, Vec<Bytes>)> = existing
        .par_iter()
        .map(|(name, existing)| {
            let (mut marked, mut others) = (Vec::new(), Vec::new());
            for (path, file) in &existing.files {
                let File::Ours(bytes) = file else { continue };
                if has_marks(bytes) {
                    marked.push((path.as_str(), bytes));
                } else if is_small(path) {
                    others.push(bytes.clone());
                }
            }
            (name, marked, others)
        })
        .collect();
    let distinct: HashSet<&Bytes> = sorted
        .iter()
        .flat_map(|(_, marked, _)| marked.iter().map(|(_, bytes)| *bytes))
        .collect();
    let read: HashMap<&Bytes, Option<Sides>> = distinct
        .into_par_iter()
        .map(|bytes| (bytes, sides(bytes)))
        .collect();
    let clusters: Vec<(String, Standing, Vec<String>)> = sorted
        .into_par_iter()
        .map(|(name, files, others)| {
            let mut marked = HashMap::new();
            let mut theirs = HashMap::new();
            let mut unreadable = Vec::new();
            for (path, bytes) in files {
                match &read[bytes] {
                    Some(sides) => {
                        marked.extend(sides.ours.iter().cloned());
                        theirs.extend(sides.theirs.iter().cloned());
                    }
                    None => unreadable.push(existing[name].path_of(path)),
                }
            }
            let standing = Standing::new(marked, theirs, others);
            (name.clone(), standing, unreadable)
        })
        .collect();
    let read = read
        .into_iter()
        .filter_map(|(bytes, sides)| Some((bytes.clone(), sides?.documents?)));
    let mut stands = Stands {
        read: read.collect(),
        ..Stands::default()
    };
    for (name, standing, unreadable) in clusters {
        let unreadable = unreadable.into_iter().map(|path| (name.clone(), path));
        stands.unreadable.extend(unreadable);
        stands.clusters.insert(name, standing);
    }
    stands
}

/// Tells of generated files that a merge left in conflict: Flux could not read them either. `build` makes them
/// anew.
pub(crate) fn tell_conflicts(existing: &BTreeMap<String, Existing>, diagnostics: &mut Diagnostics) {
    for (cluster, existing) in existing {
        for (path, file) in &existing.files {
            let File::Ours(bytes) = file else { continue };
            if conflict::sides(bytes).is_some() && nodes(bytes).is_none() {
                let path = existing.path_of(path);
                diagnostics.push(
                    Diagnostic::error("unreadable-tree", format!("a merge left its conflict in `{path}`"))
                        .in_cluster(cluster.as_str())
                        .with_help("run `fluxgen build`: it makes the file anew, and of two image tags keeps the newer"),
                );
            }
        }
    }
}

fn has_marks(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.contains(MARK),
        Err(_) => bytes
            .windows(MARK.len())
            .any(|window| window == MARK.as_bytes()),
    }
}

/// What every marked line holds.
const MARK: &str = "$imagepolicy";

/// The resources in a file of a tree; none where it cannot be read.
pub(crate) fn resources(bytes: &[u8]) -> Vec<Resource> {
    let nodes = nodes(bytes).unwrap_or_default().into_iter();
    nodes.filter_map(Resource::from_node).collect()
}

/// What has to be done for a tree to stand on disk. Making it finds every fault before the first write.
#[derive(Debug, Default)]
pub struct Plan {
    pub clusters: Vec<ClusterPlan>,
}

#[derive(Debug)]
pub struct ClusterPlan {
    pub name: String,
    /// From the project's folder.
    pub folder: String,
    pub write: Vec<(Arc<str>, Arc<str>)>,
    pub remove: Vec<String>,
    pub temporary: Vec<String>,
    pub unchanged: usize,
}

/// Whether a file that stands in a tree is one that nothing gives and the next build removes.
pub(crate) fn is_left_over(
    cluster: &ClusterTree,
    path: &str,
    file: &File,
    makers: &Makers,
) -> bool {
    matches!(file, File::Ours(bytes) if makers.is_own(bytes))
        && !cluster.files.contains_key(path)
        && !cluster.left_alone.iter().any(|left| **left == *path)
}

/// The user's own files that a build may replace.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Adopting<'a> {
    /// These, and those in these folders, as far as nothing that they say is lost.
    Checked(&'a [Utf8PathBuf]),
    /// All: it was decided before.
    Decided,
}

/// Compares a tree with what is on disk.
pub(crate) fn plan(
    tree: &Tree,
    existing: &BTreeMap<String, Existing>,
    makers: &Makers,
    adopting: Adopting<'_>,
    diagnostics: &mut Diagnostics,
) -> Plan {
    let nothing = Existing::default();
    let mut plan = Plan::default();
    for cluster in &tree.clusters {
        let mut no_folders = BTreeSet::new();
        let mut generated = Generated::new(cluster);
        let standing = existing.get(&cluster.name).unwrap_or(&nothing);
        let mut own = ClusterPlan {
            name: cluster.name.clone(),
            folder: cluster.folder.clone(),
            write: Vec::new(),
            remove: Vec::new(),
            temporary: Vec::new(),
            unchanged: 0,
        };
        for (path, text) in &cluster.files {
            let full = Utf8Path::new(&cluster.folder).join(path.as_ref());
            match standing.files.get(path.as_ref()) {
                Some(File::Ours(bytes))
                    if **bytes == *text.as_bytes() || is_rewritten(bytes, text) =>
                {
                    own.unchanged += 1
                }
                None if standing
                    .folders
                    .iter()
                    .any(|folder| folder == path.as_ref()) =>
                {
                    diagnostics.push(
                        in_the_way(&cluster.name, &full, "a folder is in the way of")
                            .with_help("move the folder away"),
                    );
                }
                None => {
                    let mut above = Utf8Path::new(path.as_ref()).parent();
                    while let Some(folder) = above.filter(|folder| !folder.as_str().is_empty()) {
                        if standing.files.contains_key(folder.as_str()) {
                            no_folders.insert(folder);
                        }
                        above = folder.parent();
                    }
                    own.write.push((path.clone(), text.clone()));
                }
                Some(File::Ours(_) | File::Temporary) => {
                    own.write.push((path.clone(), text.clone()))
                }
                Some(File::Foreign(bytes)) => {
                    let mut losses =
                        || generated.losses(bytes.as_deref().unwrap_or_default(), text);
                    let found = match adopting {
                        Adopting::Decided => None,
                        Adopting::Checked(paths) if paths.iter().any(|it| full.starts_with(it)) => {
                            lossy(&cluster.name, &full, losses())
                        }
                        Adopting::Checked(_) => Some(not_adopted(&cluster.name, &full, losses())),
                    };
                    match found {
                        Some(found) => diagnostics.push(found),
                        None => own.write.push((path.clone(), text.clone())),
                    }
                }
                Some(File::Link) => diagnostics.push(
                    in_the_way(&cluster.name, &full, "a symbolic link is in the way of")
                        .with_note("fluxgen follows no link out of the tree")
                        .with_help("remove the link"),
                ),
            }
        }
        for folder in no_folders {
            let (what, help) = match standing.files.get(folder.as_str()) {
                Some(File::Link) => ("a symbolic link", "remove the link"),
                _ => ("a file", "move the file away"),
            };
            let full = Utf8Path::new(&cluster.folder).join(folder);
            let message = format!("{what} is where the folder `{full}` has to be");
            diagnostics.push(
                Diagnostic::error("file-in-the-way", message)
                    .in_cluster(cluster.name.as_str())
                    .with_help(help),
            );
        }
        for (path, file) in &standing.files {
            match file {
                file if is_left_over(cluster, path, file, makers) => own.remove.push(path.clone()),
                File::Temporary => own.temporary.push(path.clone()),
                File::Ours(_) | File::Foreign(_) | File::Link => {}
            }
        }
        plan.clusters.push(own);
    }
    plan
}

/// The right to write a project's trees: builds take turns.
///
/// It ends with the value, and with the process, however that ends. Where the file system has no locks
/// there are no turns.
#[derive(Debug)]
pub struct Turn {
    _folder: std::fs::File,
}

impl Turn {
    /// Waits for another build to end; `waiting` is called when there is one.
    pub fn take(root: &Utf8Path, waiting: impl FnOnce()) -> std::io::Result<Self> {
        let folder = fs_err::File::open(root)?.into_file();
        if let Err(std::fs::TryLockError::WouldBlock) = folder.try_lock() {
            waiting();
            // A file system that has locks fails here only when a signal comes.
            let _ = folder.lock();
        }
        Folder::open(root)?.sweep()?;
        Ok(Self { _folder: folder })
    }
}

/// The fields that are named of one file; the others are counted.
const NAMED_LOSSES: usize = 12;

/// `adopting-loses`, if adopting a file would lose something of it.
fn lossy(cluster: &str, path: &Utf8Path, losses: Result<Vec<Loss>, ()>) -> Option<Diagnostic> {
    let Ok(losses) = losses else {
        let message = format!("`{path}` cannot be read, and what it says may be lost");
        let diagnostic = Diagnostic::error("adopting-loses", message).in_cluster(cluster);
        return Some(diagnostic.with_help("correct its YAML, or remove the file"));
    };
    if losses.is_empty() {
        return None;
    }
    let message = format!("adopting `{path}` would lose or change what it says");
    let mut diagnostic = Diagnostic::error("adopting-loses", message).in_cluster(cluster);
    for loss in losses.iter().take(NAMED_LOSSES) {
        diagnostic = diagnostic.with_note(match &loss.help {
            Some(help) => format!("{}: {help}", loss.field),
            None => loss.field.clone(),
        });
    }
    if losses.len() > NAMED_LOSSES {
        diagnostic = diagnostic.with_note(format!("and {} more", losses.len() - NAMED_LOSSES));
    }
    Some(
        diagnostic.with_help(
            "say the same in the TOML file, or remove from the file what you do not want",
        ),
    )
}

/// `file-in-the-way`, with what adopting the file would lose.
fn not_adopted(cluster: &str, path: &Utf8Path, losses: Result<Vec<Loss>, ()>) -> Diagnostic {
    let mut diagnostic = in_the_way(cluster, path, "a file of your own is in the way of");
    for loss in losses.iter().flatten().take(NAMED_LOSSES) {
        diagnostic = diagnostic.with_note(format!("the TOML file does not say `{}`", loss.field));
    }
    diagnostic.with_help(format!(
        "move it, or adopt it with `fluxgen build --adopt {path}`"
    ))
}

fn in_the_way(cluster: &str, path: &Utf8Path, what: &str) -> Diagnostic {
    Diagnostic::error("file-in-the-way", format!("{what} `{path}`")).in_cluster(cluster)
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.clusters
            .iter()
            .all(|cluster| cluster.write.is_empty() && cluster.remove.is_empty())
    }

    /// Does it. Stops at the first file that cannot be written; a later build goes on from there.
    pub fn carry_out(&self, root: &Utf8Path) -> std::io::Result<()> {
        let root = Folder::open(root)?;
        let is_due = |cluster: &&ClusterPlan| !cluster.is_empty();
        self.clusters
            .par_iter()
            .filter(is_due)
            .try_for_each(|cluster| cluster.carry_out(&root.below(&cluster.folder)?))
    }
}

impl ClusterPlan {
    /// Whether nothing of it is to be touched.
    fn is_empty(&self) -> bool {
        self.write.is_empty() && self.remove.is_empty() && self.temporary.is_empty()
    }

    fn carry_out(&self, base: &Folder) -> std::io::Result<()> {
        for path in &self.temporary {
            let (folder, name) = split(path);
            removed(base, folder, name)?;
        }
        let mut last: Option<(&str, Folder)> = None;
        for (path, text) in &self.write {
            let (folder, name) = split(path);
            let open = match last.take() {
                Some((same, open)) if same == folder => open,
                Some(_) | None => base.below(folder)?,
            };
            open.write(name, text.as_bytes(), Rights::Plain)?;
            last = Some((folder, open));
        }
        for path in &self.remove {
            let (mut folder, name) = split(path);
            removed(base, folder, name)?;
            while !folder.is_empty() {
                let (above, name) = split(folder);
                let above_it = base.existing(above);
                if !above_it.is_ok_and(|above| above.remove_empty(name)) {
                    break;
                }
                folder = above;
            }
        }
        Ok(())
    }
}

/// Removes a file. In a sparse checkout not even its folder need be there.
fn removed(base: &Folder, folder: &str, name: &str) -> std::io::Result<()> {
    match base.existing(folder) {
        Ok(folder) => folder.remove(name),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The folder of a path, empty at the top, and the name in it.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
