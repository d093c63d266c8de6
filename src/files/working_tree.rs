//! The files of a folder on disk.

use std::io::{self, Read as _};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{Mode, OFlags};

use super::{Bytes, EntryKind, Files, FolderEntry, Found, path, too_large};

/// The files of a checked-out repository.
#[derive(Debug, Clone)]
pub struct WorkingTree {
    root: Utf8PathBuf,
}

impl WorkingTree {
    /// `root` is the repository's top folder.
    pub fn new(root: impl Into<Utf8PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The place of `path` and what stands there, unless a link or another repository is on the way.
    fn locate(&self, path: &str) -> io::Result<Option<(Utf8PathBuf, EntryKind)>> {
        let Some(path) = path::join("", path) else {
            return Ok(None);
        };
        let mut place = self.root.clone();
        let mut kind = EntryKind::Folder;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            if kind != EntryKind::Folder {
                return Ok(None);
            }
            place.push(part);
            kind = match fs_err::symlink_metadata(&place) {
                Ok(metadata) => of_type(metadata.file_type()),
                Err(error) if is_nothing(&error) => return Ok(None),
                Err(error) => return Err(error),
            };
            if kind == EntryKind::Folder && is_repository(&place) {
                kind = EntryKind::Other;
            }
        }
        Ok(Some((place, kind)))
    }

    fn place_of(&self, path: &str, wanted: EntryKind) -> io::Result<Option<Utf8PathBuf>> {
        let found = self.locate(path)?;
        Ok(found
            .filter(|(_, kind)| *kind == wanted)
            .map(|(place, _)| place))
    }
}

fn of_type(found: std::fs::FileType) -> EntryKind {
    if found.is_file() {
        EntryKind::File
    } else if found.is_dir() {
        EntryKind::Folder
    } else if found.is_symlink() {
        EntryKind::Link
    } else {
        EntryKind::Other
    }
}

/// A submodule, which a commit knows as nothing but another commit.
fn is_repository(folder: &Utf8Path) -> bool {
    folder.join(".git").symlink_metadata().is_ok()
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename
    )
}

/// The bytes of a plain file. What took its place since it was looked at is neither followed nor waited for.
pub(super) fn read_file(place: &Utf8Path, path: &str, most: u64) -> io::Result<Bytes> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(place.as_std_path(), flags, Mode::empty());
    let opened = opened.map_err(io::Error::from);
    let mut file =
        std::fs::File::from(opened.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot open `{path}`: {error}"))
        })?);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other(format!("`{path}` is not a regular file")));
    }
    let length = metadata.len();
    if length > most {
        return Err(too_large(path, most));
    }
    // One byte more than there should be: a read that stops short of it has met the file's end, and saves the
    // one that would find nothing.
    let length = usize::try_from(length).unwrap_or(0);
    let mut bytes = vec![0; length + 1];
    let got = match file.read(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
        got => got?,
    };
    bytes.truncate(got);
    if got != length || length == 0 {
        // It grew or shrank meanwhile, or is one of those whose length nobody knows.
        file.take(most + 1 - got as u64).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > most {
        return Err(too_large(path, most));
    }
    Ok(Arc::from(bytes))
}

impl Files for WorkingTree {
    fn kind(&self, path: &str) -> io::Result<Option<EntryKind>> {
        Ok(self.locate(path)?.map(|(_, kind)| kind))
    }

    fn read(&self, path: &str, most: u64) -> io::Result<Option<Bytes>> {
        match self.place_of(path, EntryKind::File)? {
            Some(place) => read_file(&place, path, most).map(Some),
            None => Ok(None),
        }
    }

    fn list(&self, folder: &str) -> io::Result<Option<Vec<FolderEntry>>> {
        let Some(place) = self.place_of(folder, EntryKind::Folder)? else {
            return Ok(None);
        };
        let mut entries = Vec::new();
        for entry in fs_err::read_dir(&place)? {
            let entry = entry?;
            // No path of ours can name what is not UTF-8.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name == ".git" {
                continue;
            }
            let mut kind = of_type(entry.file_type()?);
            if kind == EntryKind::Folder && is_repository(&place.join(&name)) {
                kind = EntryKind::Other;
            }
            entries.push(FolderEntry { name, kind });
        }
        entries.sort();
        Ok(Some(entries))
    }

    fn walk(&self, folder: &str) -> Vec<io::Result<Found>> {
        let mut all = Vec::new();
        match self.place_of(folder, EntryKind::Folder) {
            Ok(Some(_)) => {}
            Ok(None) => return all,
            Err(error) => return vec![Err(error)],
        }
        let start = path::join("", folder).unwrap_or_default();
        let mut waiting = vec![start.clone()];
        while let Some(folder) = waiting.pop() {
            let here = all.len();
            let place = self.root.join(&folder);
            let entries = match fs_err::read_dir(&place) {
                Ok(entries) => entries,
                Err(error) => {
                    all.push(Err(error));
                    continue;
                }
            };
            let mut is_repository = false;
            let mut below = Vec::new();
            for entry in entries {
                let found = entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?)));
                let (name, kind) = match found {
                    Ok(found) => found,
                    Err(error) => {
                        all.push(Err(error));
                        continue;
                    }
                };
                let Ok(name) = name.into_string() else {
                    continue;
                };
                if name == ".git" {
                    is_repository = true;
                    continue;
                }
                let path = match folder.as_str() {
                    "" => name,
                    folder => format!("{folder}/{name}"),
                };
                let kind = of_type(kind);
                if kind == EntryKind::Folder {
                    below.push(path.clone());
                }
                all.push(Ok(Found {
                    path,
                    kind,
                    id: None,
                }));
            }
            if is_repository && folder != start {
                all.truncate(here);
            } else {
                waiting.extend(below);
            }
        }
        all
    }

    fn open(&self, found: &Found, most: u64) -> io::Result<Bytes> {
        read_file(&self.root.join(&found.path), &found.path, most)
    }

    fn link(&self, path: &str) -> io::Result<Option<String>> {
        let Some(place) = self.place_of(path, EntryKind::Link)? else {
            return Ok(None);
        };
        let target = Utf8PathBuf::from_path_buf(fs_err::read_link(&place)?)
            .map_err(|_| io::Error::other(format!("`{path}` leads to a path that is not UTF-8")))?;
        // An absolute link into this very folder leads nowhere in another clone.
        Ok(Some(target.into_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_is_not_followed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8Path::from_path(folder.path()).expect("a UTF-8 path");
        fs_err::create_dir(root.join("real")).expect("a folder");
        fs_err::write(root.join("real/a.yaml"), "a: 1").expect("a file");
        std::os::unix::fs::symlink(root.join("real"), root.join("link")).expect("a link");
        let tree = WorkingTree::new(root);
        let read = |path: &str| tree.read(path, 100).expect("readable").is_some();
        assert!(read("real/a.yaml"));
        assert!(!read("link/a.yaml"));
        assert_eq!(tree.list("link").expect("readable"), None);
        assert!(!read("../etc/passwd"));
        assert_eq!(tree.kind("link").expect("readable"), Some(EntryKind::Link));
        assert!(tree.read("real/a.yaml", 3).is_err());
        let paths: Vec<String> = tree
            .walk("")
            .into_iter()
            .map(|found| found.expect("readable").path)
            .collect();
        assert_eq!(paths.len(), 3, "{paths:?}");
    }

    #[test]
    fn a_repository_in_the_repository_is_not_looked_into() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8Path::from_path(folder.path()).expect("a UTF-8 path");
        fs_err::create_dir_all(root.join("apps/sub")).expect("a folder");
        fs_err::create_dir(root.join(".git")).expect("a folder");
        fs_err::write(root.join("apps/sub/.git"), "gitdir: elsewhere").expect("a file");
        fs_err::write(root.join("apps/sub/a.yaml"), "a: 1").expect("a file");
        let tree = WorkingTree::new(root);
        assert_eq!(tree.read("apps/sub/a.yaml", 100).expect("readable"), None);
        let kinds: Vec<EntryKind> = tree
            .list("apps")
            .expect("readable")
            .expect("a folder")
            .into_iter()
            .map(|entry| entry.kind)
            .collect();
        assert_eq!(kinds, [EntryKind::Other]);
        assert_eq!(tree.walk("apps").len(), 1);
        // Git's own folder is in no commit, and the working tree is compared with one.
        let names = tree.list("").expect("readable").expect("a folder");
        assert_eq!(names.len(), 1, "{names:?}");
    }
}
