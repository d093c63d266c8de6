//! A sparse checkout: what is not checked out is read from the index, where git keeps it unchanged.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::index::entries;
use super::open::discover;
use super::{Bytes, EntryKind, Files, FolderEntry, Found, GitObjects, GitTree, WorkingTree};

/// The files on disk, and those that a sparse checkout leaves out.
pub(super) struct SparseTree {
    disk: WorkingTree,
    rest: GitTree,
}

impl SparseTree {
    /// `None` where all of the repository at `top` is checked out.
    pub(super) fn of(top: &Utf8Path) -> Option<Self> {
        // Cheap, so that all other checkouts pay next to nothing.
        if !folder_of_git(top)?.join("info/sparse-checkout").is_file() {
            return None;
        }
        let repository = discover(top).ok()?;
        let entries = entries(&repository, None).ok()?.into_iter();
        let skipped: Vec<_> = entries.filter(|entry| entry.is_skipped).collect();
        if skipped.is_empty() {
            return None;
        }
        let objects = Arc::new(GitObjects::new(repository));
        Some(Self {
            disk: WorkingTree::new(top),
            rest: GitTree::of_staged(&objects, skipped),
        })
    }

    fn is_on_disk(&self, path: &str) -> io::Result<bool> {
        Ok(self.disk.kind(path)?.is_some())
    }
}

/// Where git keeps what belongs to a work tree.
fn folder_of_git(top: &Utf8Path) -> Option<Utf8PathBuf> {
    let own = top.join(".git");
    if own.is_dir() {
        return Some(own);
    }
    let text = fs_err::read_to_string(&own).ok()?;
    Some(top.join(text.strip_prefix("gitdir:")?.trim()))
}

impl Files for SparseTree {
    fn kind(&self, path: &str) -> io::Result<Option<EntryKind>> {
        match self.disk.kind(path)? {
            None => self.rest.kind(path),
            found => Ok(found),
        }
    }

    fn read(&self, path: &str, most: u64) -> io::Result<Option<Bytes>> {
        match self.is_on_disk(path)? {
            true => self.disk.read(path, most),
            false => self.rest.read(path, most),
        }
    }

    fn list(&self, folder: &str) -> io::Result<Option<Vec<FolderEntry>>> {
        let (disk, rest) = (self.disk.list(folder)?, self.rest.list(folder)?);
        if disk.is_none() && (rest.is_none() || self.is_on_disk(folder)?) {
            return Ok(None);
        }
        let all = rest.into_iter().chain(disk).flatten();
        let all: BTreeMap<String, EntryKind> = all.map(|entry| (entry.name, entry.kind)).collect();
        let all = all
            .into_iter()
            .map(|(name, kind)| FolderEntry { name, kind });
        Ok(Some(all.collect()))
    }

    fn walk(&self, folder: &str) -> Vec<io::Result<Found>> {
        let mut all = self.disk.walk(folder);
        let known: BTreeSet<String> = all
            .iter()
            .flatten()
            .map(|found| found.path.clone())
            .collect();
        let rest = self.rest.walk(folder).into_iter();
        all.extend(rest.filter(|found| {
            found
                .as_ref()
                .map_or(true, |found| !known.contains(&found.path))
        }));
        all
    }

    fn open(&self, found: &Found, most: u64) -> io::Result<Bytes> {
        match found.id {
            Some(_) => self.rest.open(found, most),
            None => self.disk.open(found, most),
        }
    }

    fn link(&self, path: &str) -> io::Result<Option<String>> {
        match self.is_on_disk(path)? {
            true => self.disk.link(path),
            false => self.rest.link(path),
        }
    }
}
