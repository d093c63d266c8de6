//! Files by path, for tests and for what is not written yet.

use std::collections::BTreeMap;
use std::io;

use super::{Bytes, EntryKind, Files, FolderEntry, Found, too_large};

/// Files that are nowhere but here.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    files: BTreeMap<String, Bytes>,
}

impl MemoryFiles {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn insert(&mut self, path: impl Into<String>, text: impl Into<Vec<u8>>) {
        self.files.insert(path.into(), Bytes::from(text.into()));
    }

    pub fn remove(&mut self, path: &str) {
        self.files.remove(path);
    }

    fn below(&self, folder: &str) -> (String, impl Iterator<Item = &String>) {
        let prefix = prefix(folder);
        let paths = self.files.range(prefix.clone()..).map(|(path, _)| path);
        let of = prefix.clone();
        (prefix, paths.take_while(move |path| path.starts_with(&of)))
    }
}

/// What the paths below a folder start with.
pub(super) fn prefix(folder: &str) -> String {
    match folder {
        "" => String::new(),
        folder => format!("{folder}/"),
    }
}

/// Sorted files and the folders that they are in, as far as these are below `prefix`.
pub(super) fn with_folders(prefix: &str, files: impl Iterator<Item = Found>) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    let mut last = String::new();
    for file in files {
        let end = file.path.rfind('/').unwrap_or(0);
        let ends = file.path.match_indices('/').map(|(at, _)| at);
        for at in ends.filter(|at| *at > prefix.len() && *at <= end) {
            let folder = &file.path[..at];
            let is_known = last.starts_with(folder) && last[at..].starts_with('/');
            if !is_known {
                all.push(Found {
                    path: folder.to_owned(),
                    kind: EntryKind::Folder,
                    id: None,
                });
            }
        }
        last.clone_from(&file.path);
        all.push(file);
    }
    all
}

impl<P: Into<String>, T: Into<Vec<u8>>> FromIterator<(P, T)> for MemoryFiles {
    fn from_iter<I: IntoIterator<Item = (P, T)>>(files: I) -> Self {
        let mut all = Self::new();
        for (path, text) in files {
            all.insert(path, text);
        }
        all
    }
}

impl Files for MemoryFiles {
    fn kind(&self, path: &str) -> io::Result<Option<EntryKind>> {
        if self.files.contains_key(path) {
            return Ok(Some(EntryKind::File));
        }
        let is_folder = path.is_empty() || self.below(path).1.next().is_some();
        Ok(is_folder.then_some(EntryKind::Folder))
    }

    fn read(&self, path: &str, most: u64) -> io::Result<Option<Bytes>> {
        match self.files.get(path) {
            Some(bytes) if bytes.len() as u64 > most => Err(too_large(path, most)),
            found => Ok(found.cloned()),
        }
    }

    fn list(&self, folder: &str) -> io::Result<Option<Vec<FolderEntry>>> {
        let mut entries = BTreeMap::new();
        let (prefix, paths) = self.below(folder);
        for path in paths {
            let rest = &path[prefix.len()..];
            match rest.split_once('/') {
                Some((name, _)) => entries.insert(name.to_owned(), EntryKind::Folder),
                None => entries.insert(rest.to_owned(), EntryKind::File),
            };
        }
        if entries.is_empty() && !folder.is_empty() {
            return Ok(None);
        }
        let entries = entries.into_iter();
        Ok(Some(
            entries
                .map(|(name, kind)| FolderEntry { name, kind })
                .collect(),
        ))
    }

    fn walk(&self, folder: &str) -> Vec<io::Result<Found>> {
        let (prefix, paths) = self.below(folder);
        let files = paths.map(|path| Found {
            path: path.clone(),
            kind: EntryKind::File,
            id: None,
        });
        with_folders(&prefix, files).into_iter().map(Ok).collect()
    }

    fn open(&self, found: &Found, most: u64) -> io::Result<Bytes> {
        self.read(&found.path, most)?
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn link(&self, _: &str) -> io::Result<Option<String>> {
        Ok(None)
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
            let entries = files.list(folder).expect("memory is readable");
            let entries = entries.into_iter().flatten();
            entries.map(|entry| entry.name).collect()
        };
        assert_eq!(names(""), ["a", "ab"]);
        assert_eq!(names("a"), ["b", "d.yaml"]);
        assert_eq!(files.list("x").expect("memory is readable"), None);
        let walked: Vec<String> = files
            .walk("")
            .into_iter()
            .map(|it| it.expect("readable").path)
            .collect();
        assert_eq!(
            walked,
            ["a", "a/b", "a/b/c.yaml", "a/d.yaml", "ab", "ab/e.yaml"]
        );
        assert_eq!(files.walk("a").len(), 3);
    }
}
