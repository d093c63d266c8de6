//! Where the files of a repository are read from: the working tree, a commit, the index, a test's memory.
//!
//! Whoever reads a project reads it through this, so that a commit is read by the same code as the disk.

pub(crate) mod absolute;
mod git;
pub(crate) mod index;
mod memory;
mod noted;
pub(crate) mod open;
mod overlay;
pub(crate) mod path;
mod snapshot;
mod sparse;
mod working_tree;
pub(crate) mod writer;

use std::io;
use std::sync::Arc;

pub use git::{GitObjects, GitTree};
pub use memory::MemoryFiles;
pub(crate) use noted::NotedFiles;
pub use overlay::Overlay;
pub use snapshot::Snapshot;
pub(crate) use snapshot::folder_of;
pub use working_tree::WorkingTree;

/// What a file holds; equal files of a repository may share it.
pub type Bytes = Arc<[u8]>;

/// Read access to one state of a repository. Paths have `/` and start at its root.
///
/// Symbolic links are followed nowhere, neither at the end of a path nor on its way; `follow` is for
/// those that may be.
pub trait Files: Send + Sync {
    /// What stands at a path; `None` for nothing.
    fn kind(&self, path: &str) -> io::Result<Option<EntryKind>>;

    /// The bytes of a file; `None` where there is none, or where it is no plain file. One of more than
    /// `most` bytes is an error of the kind `FileTooLarge`.
    fn read(&self, path: &str, most: u64) -> io::Result<Option<Bytes>>;

    /// What a folder holds, sorted by name and without `.git`; `None` where there is no such folder.
    fn list(&self, folder: &str) -> io::Result<Option<Vec<FolderEntry>>>;

    /// All that is below a folder, in any order and without `.git`; empty where there is no such folder.
    fn walk(&self, folder: &str) -> Vec<io::Result<Found>>;

    /// The bytes of a file that `walk` found, with the bound of `read`.
    fn open(&self, found: &Found, most: u64) -> io::Result<Bytes>;

    /// Where a symbolic link leads, as it is written in it; `None` where there is no link.
    fn link(&self, path: &str) -> io::Result<Option<String>>;
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FolderEntry {
    pub name: String,
    pub kind: EntryKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    File,
    Folder,
    Link,
    /// A repository of its own, a submodule as a rule; a socket and the like.
    Other,
}

/// Something below a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// From the root of the repository.
    pub path: String,
    pub kind: EntryKind,
    /// The object that holds a file's bytes, where git keeps them.
    pub id: Option<git2::Oid>,
}

/// Symbolic links on the way to one place.
const LINKS: usize = 40;

/// The place that a path leads to when symbolic links are followed; `None` where one leads nowhere.
/// A link out of the repository is an error.
pub fn follow(files: &dyn Files, path: &str) -> io::Result<Option<String>> {
    let outside = || io::Error::other(format!("`{path}` leads out of the repository"));
    let mut place = String::new();
    let mut left: Vec<String> = parts(&path::join("", path).ok_or_else(outside)?);
    let mut links = 0;
    while let Some(part) = left.pop() {
        let next = path::join(&place, &part).ok_or_else(outside)?;
        match files.kind(&next)? {
            None => return Ok(None),
            Some(EntryKind::Link) => {
                links += 1;
                if links > LINKS {
                    return Err(io::Error::other(format!("`{path}` is a loop of links")));
                }
                let target = files.link(&next)?.unwrap_or_default();
                if target.starts_with('/') {
                    return Err(outside());
                }
                left.extend(parts(&target));
            }
            Some(EntryKind::File | EntryKind::Folder | EntryKind::Other) => place = next,
        }
    }
    Ok(Some(place))
}

/// The parts of a path, the first at the end. `..` stays: what it leaves may be a link.
fn parts(path: &str) -> Vec<String> {
    let parts = path.split('/').rev();
    let parts = parts.filter(|part| !matches!(*part, "" | "."));
    parts.map(str::to_owned).collect()
}

fn too_large(path: &str, most: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("`{path}` is larger than {most} bytes"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn links_are_followed_as_far_as_they_stay_in_the_repository() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = camino::Utf8Path::from_path(folder.path()).expect("a UTF-8 path");
        fs_err::create_dir_all(root.join("a/b")).expect("a folder");
        fs_err::write(root.join("a/b/c.yaml"), "c").expect("a file");
        for (target, link) in [
            ("a/b", "inside"),
            ("../a/b/c.yaml", "a/file.yaml"),
            ("../../a", "a/b/up"),
            ("/etc", "absolute"),
            ("../..", "above"),
            ("loop", "loop"),
            ("nothing", "dangling"),
        ] {
            symlink(target, root.join(link)).expect("a link");
        }
        let files = WorkingTree::new(root);
        let of = |path: &str| follow(&files, path).map_err(|error| error.to_string());
        assert_eq!(of("inside/c.yaml"), Ok(Some("a/b/c.yaml".to_owned())));
        assert_eq!(of("a/file.yaml"), Ok(Some("a/b/c.yaml".to_owned())));
        assert_eq!(of("inside/up/b/c.yaml"), Ok(Some("a/b/c.yaml".to_owned())));
        assert!(of("absolute/passwd").is_err() && of("above/x").is_err());
        assert!(of("loop").is_err());
        assert_eq!(of("dangling"), Ok(None));
        assert_eq!(of("nothing/at/all"), Ok(None));
    }
}
