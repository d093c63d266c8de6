//! One state of a repository and the folder in it that is looked at.

use std::fmt;
use std::io;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::sparse::SparseTree;
use super::{Bytes, EntryKind, Files, Found, WorkingTree, follow};

/// Where a project is read from: its folder, in the working tree, in a commit or in the index.
#[derive(Clone)]
pub struct Snapshot {
    files: Arc<dyn Files>,
    /// The project's folder from the root of the repository; empty for the root.
    folder: String,
    is_of_git: bool,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    /// `folder` is the project's, from the root of the repository.
    pub fn new(files: Arc<dyn Files>, folder: impl Into<String>) -> Self {
        Self {
            files,
            folder: folder.into(),
            is_of_git: true,
        }
    }

    /// The files on disk, of the repository around `root` or of the folder alone.
    pub fn on_disk(root: &Utf8Path) -> Self {
        let own = root.canonicalize_utf8().unwrap_or_else(|_| root.to_owned());
        let of_git = repository_of(&own);
        let repository = of_git.unwrap_or(&own);
        let files: Arc<dyn Files> = match of_git.and_then(SparseTree::of) {
            Some(sparse) => Arc::new(sparse),
            None => Arc::new(WorkingTree::new(repository)),
        };
        let folder = own.strip_prefix(repository).unwrap_or(Utf8Path::new(""));
        Self {
            files,
            folder: folder.as_str().replace('\\', "/"),
            is_of_git: of_git.is_some(),
        }
    }

    /// The top of the repository around `root` on disk, or `root` where there is none.
    pub(crate) fn top_of(root: &Utf8Path) -> Utf8PathBuf {
        let own = root.canonicalize_utf8().unwrap_or_else(|_| root.to_owned());
        repository_of(&own).unwrap_or(&own).to_owned()
    }

    /// The same place in other files, those that this one's are read through.
    pub(crate) fn through(&self, files: Arc<dyn Files>) -> Self {
        Self {
            files,
            ..self.clone()
        }
    }

    /// Whether the files are those of a git repository, and not of the project's folder alone.
    pub fn is_of_git(&self) -> bool {
        self.is_of_git
    }

    /// The files of the whole repository.
    pub fn files(&self) -> &Arc<dyn Files> {
        &self.files
    }

    /// The project's folder from the root of the repository.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// `path`, which starts in the project's folder, from the root of the repository.
    pub fn from_root(&self, path: &str) -> String {
        match (self.folder.as_str(), path) {
            ("", path) => path.to_owned(),
            (folder, "") => folder.to_owned(),
            (folder, path) => format!("{folder}/{path}"),
        }
    }

    /// What stands at a path of the project's folder; links are not followed.
    pub fn kind(&self, path: &str) -> io::Result<Option<EntryKind>> {
        self.files.kind(&self.from_root(path))
    }

    /// Whether a path of the project's folder leads to a file.
    pub fn is_file(&self, path: &str) -> bool {
        let kind = follow(&*self.files, &self.from_root(path))
            .and_then(|place| place.map_or(Ok(None), |place| self.files.kind(&place)));
        matches!(kind, Ok(Some(EntryKind::File)))
    }

    /// A file of the project's folder, through links as far as they stay in the repository.
    pub fn read(&self, path: &str, most: u64) -> io::Result<Option<Bytes>> {
        match follow(&*self.files, &self.from_root(path))? {
            Some(place) => self.files.read(&place, most),
            None => Ok(None),
        }
    }

    /// The same, through links as far as they stay in the project's folder.
    pub fn read_own(&self, path: &str, most: u64) -> io::Result<Option<Bytes>> {
        let leads_out = || io::Error::other("it leads out of the project folder");
        match follow(&*self.files, &self.from_root(path)).map_err(|_| leads_out())? {
            Some(place) if !Utf8Path::new(&place).starts_with(&self.folder) => Err(leads_out()),
            Some(place) => self.files.read(&place, most),
            None => Ok(None),
        }
    }

    /// All that is below a folder of the project's, the paths from the project's folder.
    pub fn walk(&self, folder: &str) -> impl Iterator<Item = io::Result<(String, Found)>> {
        let start = match self.folder.as_str() {
            "" => 0,
            own => own.len() + 1,
        };
        let all = self.files.walk(&self.from_root(folder));
        all.into_iter().map(move |found| {
            let found = found?;
            Ok((
                found.path.get(start..).unwrap_or_default().to_owned(),
                found,
            ))
        })
    }
}

fn repository_of(folder: &Utf8Path) -> Option<&Utf8Path> {
    folder
        .ancestors()
        .find(|folder| folder.join(".git").symlink_metadata().is_ok())
}

/// The folder of a TOML file as it was given.
pub fn folder_of(config: &Utf8Path) -> Utf8PathBuf {
    match config.parent() {
        Some(parent) if !parent.as_str().is_empty() => parent.to_owned(),
        _ => Utf8PathBuf::from("."),
    }
}
