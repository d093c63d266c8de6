//! Where the files of a repository are read from: a folder, a commit, a test's memory.

use std::collections::BTreeMap;
use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};

use super::path;

/// The largest file that is read: manifests are far smaller, and a larger one is not known here.
const LIMIT: u64 = 8 * 1024 * 1024;

/// Read access to one state of a repository. Paths have `/` and start at its root.
pub trait Files {
    /// The bytes of a file; `None` where there is none, or where it is no plain file.
    fn read(&self, path: &str) -> Option<Vec<u8>>;

    /// What a folder holds, sorted by name; `None` where there is no such folder.
    fn list(&self, folder: &str) -> Option<Vec<FolderEntry>>;
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FolderEntry {
    pub name: String,
    pub kind: FolderEntryKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FolderEntryKind {
    File,
    Folder,
    /// A symbolic link, a submodule: not followed.
    Other,
}

/// Files by path, for tests and for what is not written yet.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    files: BTreeMap<String, Vec<u8>>,
}

/// The files of a checked-out repository. Symbolic links are not followed.
#[derive(Debug, Clone)]
pub struct WorkingTree {
    root: Utf8PathBuf,
}

impl MemoryFiles {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn insert(&mut self, path: impl Into<String>, text: impl Into<Vec<u8>>) {
        self.files.insert(path.into(), text.into());
    }

    pub fn remove(&mut self, path: &str) {
        self.files.remove(path);
    }
}

impl<P: Into<String>, T: Into<Vec<u8>>> FromIterator<(P, T)> for MemoryFiles {
    fn from_iter<I: IntoIterator<Item = (P, T)>>(files: I) -> Self {
        Self {
            files: files
                .into_iter()
                .map(|(path, text)| (path.into(), text.into()))
                .collect(),
        }
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.files.get(path).cloned()
    }

    fn list(&self, folder: &str) -> Option<Vec<FolderEntry>> {
        let prefix = match folder {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        let mut entries = BTreeMap::new();
        for path in self.files.range(prefix.clone()..).map(|(path, _)| path) {
            let Some(rest) = path.strip_prefix(&prefix) else {
                break;
            };
            match rest.split_once('/') {
                Some((name, _)) => entries.insert(name.to_owned(), FolderEntryKind::Folder),
                None => entries.insert(rest.to_owned(), FolderEntryKind::File),
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

impl WorkingTree {
    /// `root` is the repository's top folder.
    pub fn new(root: impl Into<Utf8PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The place of `path`, unless a symbolic link is on the way.
    fn locate(&self, path: &str) -> Option<Utf8PathBuf> {
        let path = path::join("", path)?;
        let mut place = self.root.clone();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            place.push(part);
            if place.symlink_metadata().ok()?.is_symlink() {
                return None;
            }
        }
        Some(place)
    }
}

impl Files for WorkingTree {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let place = self.locate(path)?;
        let metadata = place.symlink_metadata().ok()?;
        if !metadata.is_file() || metadata.len() > LIMIT {
            return None;
        }
        let mut bytes = Vec::new();
        fs_err::File::open(place)
            .ok()?
            .take(LIMIT)
            .read_to_end(&mut bytes)
            .ok()?;
        Some(bytes)
    }

    fn list(&self, folder: &str) -> Option<Vec<FolderEntry>> {
        let place = self.locate(folder)?;
        let mut entries: Vec<_> = Utf8Path::read_dir_utf8(&place)
            .ok()?
            .filter_map(Result::ok)
            .filter_map(|entry| {
                let kind = entry.file_type().ok()?;
                Some(FolderEntry {
                    name: entry.file_name().to_owned(),
                    kind: if kind.is_file() {
                        FolderEntryKind::File
                    } else if kind.is_dir() {
                        FolderEntryKind::Folder
                    } else {
                        FolderEntryKind::Other
                    },
                })
            })
            .collect();
        entries.sort();
        Some(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_in_memory_are_listed_by_their_files() {
        let files: MemoryFiles = [("a/b/c.yaml", ""), ("a/d.yaml", ""), ("ab/e.yaml", "")]
            .into_iter()
            .collect();
        let names = |folder| -> Vec<String> {
            files
                .list(folder)
                .into_iter()
                .flatten()
                .map(|entry| entry.name)
                .collect()
        };
        assert_eq!(names(""), ["a", "ab"]);
        assert_eq!(names("a"), ["b", "d.yaml"]);
        assert_eq!(files.list("x"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_is_not_followed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8Path::from_path(folder.path()).expect("a UTF-8 path");
        fs_err::create_dir(root.join("real")).expect("a folder");
        fs_err::write(root.join("real/a.yaml"), "a: 1").expect("a file");
        std::os::unix::fs::symlink(root.join("real"), root.join("link")).expect("a link");
        let tree = WorkingTree::new(root);
        assert!(tree.read("real/a.yaml").is_some());
        assert!(tree.read("link/a.yaml").is_none());
        assert!(tree.list("link").is_none());
        assert!(tree.read("../etc/passwd").is_none());
    }
}
