//! The files of a commit or of the index, read from git objects: nothing is checked out.

use std::collections::BTreeMap;

use git2::{ObjectType, Oid, Repository, Tree};

use super::files::{Files, FolderEntry, FolderEntryKind};
use super::path;

/// One state of a repository as git keeps it.
pub struct GitTree<'repository> {
    repository: &'repository Repository,
    state: State,
}

enum State {
    Tree(Oid),
    /// The staged files: path to object and mode.
    Index(BTreeMap<String, (Oid, u32)>),
}

const FILE_MODES: [u32; 2] = [0o100_644, 0o100_755];

impl<'repository> GitTree<'repository> {
    /// The tree of a commit.
    pub fn of_tree(repository: &'repository Repository, tree: &Tree<'_>) -> Self {
        Self {
            repository,
            state: State::Tree(tree.id()),
        }
    }

    /// What is staged. Entries in conflict are left out.
    pub fn of_index(repository: &'repository Repository) -> Result<Self, git2::Error> {
        let index = repository.index()?;
        let entries = index
            .iter()
            .filter(|entry| (entry.flags >> 12) & 3 == 0)
            .filter_map(|entry| {
                let path = String::from_utf8(entry.path).ok()?;
                Some((path, (entry.id, entry.mode)))
            })
            .collect();
        Ok(Self {
            repository,
            state: State::Index(entries),
        })
    }

    fn blob(&self, id: Oid) -> Option<Vec<u8>> {
        Some(self.repository.find_blob(id).ok()?.content().to_vec())
    }
}

impl Files for GitTree<'_> {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let path = path::join("", path)?;
        match &self.state {
            State::Tree(tree) => {
                let tree = self.repository.find_tree(*tree).ok()?;
                let entry = tree.get_path(std::path::Path::new(&path)).ok()?;
                if entry.kind() != Some(ObjectType::Blob) || entry.filemode() == 0o120_000 {
                    return None;
                }
                self.blob(entry.id())
            }
            State::Index(entries) => {
                let (id, mode) = entries.get(&path)?;
                if !FILE_MODES.contains(mode) {
                    return None;
                }
                self.blob(*id)
            }
        }
    }

    fn list(&self, folder: &str) -> Option<Vec<FolderEntry>> {
        let folder = path::join("", folder)?;
        match &self.state {
            State::Tree(tree) => {
                let root = self.repository.find_tree(*tree).ok()?;
                let tree = if folder.is_empty() {
                    root
                } else {
                    let entry = root.get_path(std::path::Path::new(&folder)).ok()?;
                    self.repository.find_tree(entry.id()).ok()?
                };
                let mut entries: Vec<_> = tree
                    .iter()
                    .filter_map(|entry| {
                        let kind = match (entry.kind(), entry.filemode()) {
                            (Some(ObjectType::Tree), _) => FolderEntryKind::Folder,
                            (Some(ObjectType::Blob), mode) if mode != 0o120_000 => {
                                FolderEntryKind::File
                            }
                            _ => FolderEntryKind::Other,
                        };
                        let name = entry.name().ok()?.to_owned();
                        Some(FolderEntry { name, kind })
                    })
                    .collect();
                entries.sort();
                Some(entries)
            }
            State::Index(staged) => {
                let prefix = match folder.as_str() {
                    "" => String::new(),
                    folder => format!("{folder}/"),
                };
                let mut entries = BTreeMap::new();
                for (path, (_, mode)) in staged.range(prefix.clone()..) {
                    let Some(rest) = path.strip_prefix(&prefix) else {
                        break;
                    };
                    match rest.split_once('/') {
                        Some((name, _)) => entries.insert(name.to_owned(), FolderEntryKind::Folder),
                        None if FILE_MODES.contains(mode) => {
                            entries.insert(rest.to_owned(), FolderEntryKind::File)
                        }
                        None => entries.insert(rest.to_owned(), FolderEntryKind::Other),
                    };
                }
                if entries.is_empty() && !folder.is_empty() {
                    return None;
                }
                Some(
                    entries
                        .into_iter()
                        .map(|(name, kind)| FolderEntry { name, kind })
                        .collect(),
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_and_the_index_are_read_without_a_checkout() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let repository = Repository::init(folder.path()).expect("a repository");
        let blob = repository.blob(b"kind: A").expect("a blob");
        let mut inner = repository.treebuilder(None).expect("a builder");
        inner.insert("a.yaml", blob, 0o100_644).expect("an entry");
        inner.insert("link", blob, 0o120_000).expect("an entry");
        let inner = inner.write().expect("a tree");
        let mut outer = repository.treebuilder(None).expect("a builder");
        outer.insert("apps", inner, 0o040_000).expect("an entry");
        let tree = repository
            .find_tree(outer.write().expect("a tree"))
            .expect("the tree");

        let files = GitTree::of_tree(&repository, &tree);
        assert_eq!(files.read("apps/a.yaml").as_deref(), Some(&b"kind: A"[..]));
        assert_eq!(files.read("apps/link"), None);
        assert_eq!(files.read("apps"), None);
        assert_eq!(files.list("apps").map(|entries| entries.len()), Some(2));

        repository
            .index()
            .and_then(|mut index| {
                index.read_tree(&tree)?;
                index.write()
            })
            .expect("an index");
        let files = GitTree::of_index(&repository).expect("the index");
        assert_eq!(files.read("apps/a.yaml").as_deref(), Some(&b"kind: A"[..]));
        assert_eq!(files.read("apps/link"), None);
        assert_eq!(files.list("").map(|entries| entries.len()), Some(1));
        assert_eq!(files.list("nowhere"), None);
    }
}
