//! The files of a commit or of the index, read from git objects: nothing is checked out.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use git2::{ErrorCode, Oid, Repository};

use super::index::Staged;
use super::memory::{prefix, with_folders};
use super::{Bytes, EntryKind, Files, FolderEntry, Found, path, too_large};

/// The objects of a repository; what was read once is kept for all states that share it.
pub struct GitObjects {
    repository: Mutex<Repository>,
    /// Where it is opened again for a thread that would have to wait for another.
    place: PathBuf,
    idle: Mutex<Vec<Repository>>,
    blobs: RwLock<HashMap<Oid, Bytes>>,
    trees: RwLock<HashMap<Oid, Entries>>,
}

/// What a tree holds, sorted by name.
type Entries = Arc<[TreeEntry]>;

struct TreeEntry {
    name: Box<str>,
    id: Oid,
    kind: EntryKind,
}

/// One state of a repository as git keeps it.
pub struct GitTree {
    objects: Arc<GitObjects>,
    state: State,
}

enum State {
    Tree(Oid),
    /// The staged files: path to object and mode.
    Index(BTreeMap<String, (Oid, u32)>),
}

impl GitObjects {
    pub fn new(repository: Repository) -> Self {
        Self {
            place: repository.path().to_owned(),
            repository: Mutex::new(repository),
            idle: Mutex::default(),
            blobs: RwLock::default(),
            trees: RwLock::default(),
        }
    }

    pub fn repository(&self) -> MutexGuard<'_, Repository> {
        self.repository
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads with a repository that no other thread reads with.
    fn reading<T>(&self, read: impl FnOnce(&Repository) -> T) -> T {
        if let Ok(repository) = self.repository.try_lock() {
            return read(&repository);
        }
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let known = idle().pop();
        match known.map_or_else(|| Repository::open(&self.place), Ok) {
            Ok(repository) => {
                let done = read(&repository);
                idle().push(repository);
                done
            }
            Err(_) => read(&self.repository()),
        }
    }

    /// The bytes of a blob. One that is not there is an error: the commit does not tell what was in it.
    fn blob(&self, id: Oid, path: &str, most: u64) -> io::Result<Bytes> {
        let bytes = kept(&self.blobs, id, || {
            self.reading(|repository| {
                let blob = repository.find_blob(id);
                let blob = blob.map_err(|error| missing(&error, path))?;
                Ok(Bytes::from(blob.content()))
            })
        })?;
        if bytes.len() as u64 > most {
            return Err(too_large(path, most));
        }
        Ok(bytes)
    }

    fn tree(&self, id: Oid, path: &str) -> io::Result<Entries> {
        kept(&self.trees, id, || {
            self.reading(|repository| {
                let tree = repository.find_tree(id);
                let tree = tree.map_err(|error| missing(&error, path))?;
                let entries = tree.iter();
                let mut entries: Vec<TreeEntry> = entries
                    .filter_map(|entry| {
                        Some(TreeEntry {
                            // No path of ours can name what is not UTF-8.
                            name: entry.name().ok()?.into(),
                            id: entry.id(),
                            kind: of_mode(entry.filemode()),
                        })
                    })
                    .collect();
                // git sorts a folder as if its name ended with a slash.
                entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
                Ok(Entries::from(entries))
            })
        })
    }
}

/// What was read before, or is read now. Two threads may read the same; what the first one got counts.
fn kept<T: Clone>(
    known: &RwLock<HashMap<Oid, T>>,
    id: Oid,
    read: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    if let Some(known) = known
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&id)
    {
        return Ok(known.clone());
    }
    let new = read()?;
    let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
    Ok(known.entry(id).or_insert(new).clone())
}

/// An object that a tree names and that is not there.
fn missing(error: &git2::Error, path: &str) -> io::Error {
    match error.code() {
        ErrorCode::NotFound => io::Error::other(format!(
            "the object of `{path}` is not in this clone, which is a partial one\n  help: fetch all objects with `git fetch --refetch --no-filter`"
        )),
        _ => io::Error::other(format!("`{path}`: {}", error.message())),
    }
}

impl GitTree {
    /// The tree of a commit.
    pub fn of_tree(objects: &Arc<GitObjects>, tree: Oid) -> Self {
        Self {
            objects: Arc::clone(objects),
            state: State::Tree(tree),
        }
    }

    /// What is staged. Entries in conflict are left out.
    pub(crate) fn of_staged(
        objects: &Arc<GitObjects>,
        entries: impl IntoIterator<Item = Staged>,
    ) -> Self {
        let entries = entries
            .into_iter()
            .filter(|entry| entry.stage == 0 && !entry.is_intended)
            .map(|entry| (entry.path, (entry.id, entry.mode)))
            .collect();
        Self {
            objects: Arc::clone(objects),
            state: State::Index(entries),
        }
    }

    /// The object at a path and what it is.
    fn locate(&self, path: &str) -> io::Result<Option<(Oid, EntryKind)>> {
        let Some(path) = path::join("", path) else {
            return Ok(None);
        };
        match &self.state {
            State::Tree(root) if path.is_empty() => Ok(Some((*root, EntryKind::Folder))),
            State::Tree(root) => {
                let mut place = (*root, EntryKind::Folder);
                for part in path.split('/') {
                    if place.1 != EntryKind::Folder {
                        return Ok(None);
                    }
                    let entries = self.objects.tree(place.0, &path)?;
                    let at = entries.binary_search_by(|entry| entry.name.as_ref().cmp(part));
                    let Ok(at) = at else { return Ok(None) };
                    place = (entries[at].id, entries[at].kind);
                }
                Ok(Some(place))
            }
            State::Index(entries) => {
                if let Some((id, mode)) = entries.get(&path) {
                    return Ok(Some((*id, of_mode(mode.cast_signed()))));
                }
                let below = prefix(&path);
                let next = entries.range(below.clone()..).next();
                let is_folder =
                    path.is_empty() || next.is_some_and(|(path, _)| path.starts_with(&below));
                Ok(is_folder.then_some((Oid::ZERO_SHA1, EntryKind::Folder)))
            }
        }
    }
}

/// The modes that git knows.
fn of_mode(mode: i32) -> EntryKind {
    match mode {
        0o040_000 => EntryKind::Folder,
        0o120_000 => EntryKind::Link,
        0o160_000 => EntryKind::Other,
        _ => EntryKind::File,
    }
}

impl Files for GitTree {
    fn kind(&self, path: &str) -> io::Result<Option<EntryKind>> {
        Ok(self.locate(path)?.map(|(_, kind)| kind))
    }

    fn read(&self, path: &str, most: u64) -> io::Result<Option<Bytes>> {
        match self.locate(path)? {
            Some((id, EntryKind::File)) => self.objects.blob(id, path, most).map(Some),
            _ => Ok(None),
        }
    }

    fn list(&self, folder: &str) -> io::Result<Option<Vec<FolderEntry>>> {
        let Some((id, EntryKind::Folder)) = self.locate(folder)? else {
            return Ok(None);
        };
        let mut entries = BTreeMap::new();
        match &self.state {
            State::Tree(_) => {
                for entry in self.objects.tree(id, folder)?.iter() {
                    entries.insert(entry.name.to_string(), entry.kind);
                }
            }
            State::Index(staged) => {
                let prefix = prefix(&path::join("", folder).unwrap_or_default());
                for (path, (_, mode)) in staged.range(prefix.clone()..) {
                    let Some(rest) = path.strip_prefix(&prefix) else {
                        break;
                    };
                    match rest.split_once('/') {
                        Some((name, _)) => entries.insert(name.to_owned(), EntryKind::Folder),
                        None => entries.insert(rest.to_owned(), of_mode(mode.cast_signed())),
                    };
                }
            }
        }
        let entries = entries.into_iter();
        Ok(Some(
            entries
                .map(|(name, kind)| FolderEntry { name, kind })
                .collect(),
        ))
    }

    fn walk(&self, folder: &str) -> Vec<io::Result<Found>> {
        let start = match self.locate(folder) {
            Ok(Some((id, EntryKind::Folder))) => id,
            Ok(_) => return Vec::new(),
            Err(error) => return vec![Err(error)],
        };
        let folder = path::join("", folder).unwrap_or_default();
        let mut all = Vec::new();
        match &self.state {
            State::Tree(_) => {
                let mut waiting = vec![(folder, start)];
                while let Some((folder, id)) = waiting.pop() {
                    let entries = match self.objects.tree(id, &folder) {
                        Ok(entries) => entries,
                        Err(error) => {
                            all.push(Err(error));
                            continue;
                        }
                    };
                    let prefix = prefix(&folder);
                    for entry in entries.iter() {
                        let path = format!("{prefix}{}", entry.name);
                        if entry.kind == EntryKind::Folder {
                            waiting.push((path.clone(), entry.id));
                        }
                        all.push(Ok(Found {
                            path,
                            kind: entry.kind,
                            id: Some(entry.id),
                        }));
                    }
                }
            }
            State::Index(staged) => {
                let prefix = prefix(&folder);
                let below = staged.range(prefix.clone()..);
                let below = below.take_while(|(path, _)| path.starts_with(&prefix));
                let files = below.map(|(path, (id, mode))| Found {
                    path: path.clone(),
                    kind: of_mode(mode.cast_signed()),
                    id: Some(*id),
                });
                all.extend(with_folders(&prefix, files).into_iter().map(Ok));
            }
        }
        all
    }

    fn open(&self, found: &Found, most: u64) -> io::Result<Bytes> {
        match found.id {
            Some(id) => self.objects.blob(id, &found.path, most),
            None => self
                .read(&found.path, most)?
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)),
        }
    }

    fn link(&self, path: &str) -> io::Result<Option<String>> {
        /// Longer than any path that a file system takes.
        const MOST: u64 = 64 * 1024;
        match self.locate(path)? {
            Some((id, EntryKind::Link)) => {
                let bytes = self.objects.blob(id, path, MOST)?;
                Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(files: &GitTree, path: &str) -> Option<String> {
        let bytes = files.read(path, 100).expect("readable")?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn count(files: &GitTree, folder: &str) -> Option<usize> {
        Some(files.list(folder).expect("readable")?.len())
    }

    #[test]
    fn a_commit_and_the_index_are_read_without_a_checkout() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let repository = Repository::init(folder.path()).expect("a repository");
        let blob = repository.blob(b"kind: A").expect("a blob");
        let outer = {
            let mut inner = repository.treebuilder(None).expect("a builder");
            inner.insert("a.yaml", blob, 0o100_644).expect("an entry");
            inner.insert("link", blob, 0o120_000).expect("an entry");
            let inner = inner.write().expect("a tree");
            let mut outer = repository.treebuilder(None).expect("a builder");
            outer.insert("apps", inner, 0o040_000).expect("an entry");
            outer.write().expect("a tree")
        };
        let mut index = repository.index().expect("an index");
        index
            .read_tree(&repository.find_tree(outer).expect("the tree"))
            .expect("read");
        let staged = crate::files::index::entries(&repository, None).expect("entries");

        let objects = Arc::new(GitObjects::new(repository));
        let files = GitTree::of_tree(&objects, outer);
        assert_eq!(text(&files, "apps/a.yaml").as_deref(), Some("kind: A"));
        assert_eq!(text(&files, "apps/link"), None);
        assert_eq!(text(&files, "apps"), None);
        assert_eq!(count(&files, "apps"), Some(2));
        assert_eq!(files.walk("").len(), 3);
        let link = files.link("apps/link").expect("readable");
        assert_eq!(link.as_deref(), Some("kind: A"));

        let files = GitTree::of_staged(&objects, staged);
        assert_eq!(text(&files, "apps/a.yaml").as_deref(), Some("kind: A"));
        assert_eq!(text(&files, "apps/link"), None);
        assert_eq!(count(&files, ""), Some(1));
        assert_eq!(count(&files, "nowhere"), None);
        assert_eq!(files.walk("apps").len(), 2);
        assert_eq!(
            files.kind("apps").expect("readable"),
            Some(EntryKind::Folder)
        );
    }
}
