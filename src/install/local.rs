//! Files of a local distribution: on disk, or as git's index has them.

use std::io::{self, ErrorKind};

use camino::{Utf8Path, Utf8PathBuf};

use crate::files::{EntryKind, Snapshot, path};

/// Where local distributions are read from.
#[derive(Debug, Clone, Default)]
pub struct Local {
    /// The folder of the TOML file, and the state of the repository that counts before the disk.
    staged: Option<(Utf8PathBuf, Snapshot)>,
}

impl Local {
    /// What git's index has is read from there; what it does not have, from disk.
    pub fn staged(folder: &Utf8Path, snapshot: &Snapshot) -> Self {
        Self {
            staged: Some((folder.to_owned(), snapshot.clone())),
        }
    }

    /// The place in the snapshot, if something of that name is there.
    fn tracked(&self, path: &Utf8Path) -> Option<(&Snapshot, String, EntryKind)> {
        let (folder, snapshot) = self.staged.as_ref()?;
        let relative = path.strip_prefix(folder).ok()?;
        let place = path::join(snapshot.folder(), relative.as_str())?;
        match snapshot.files().kind(&place) {
            Ok(Some(kind @ (EntryKind::File | EntryKind::Folder))) => Some((snapshot, place, kind)),
            Ok(Some(EntryKind::Link | EntryKind::Other) | None) | Err(_) => None,
        }
    }

    /// The bytes of a file of at most `most` bytes.
    pub(crate) fn read(&self, path: &Utf8Path, most: u64) -> io::Result<Vec<u8>> {
        let too_large = || io::Error::other(format!("it has more than {most} bytes"));
        if let Some((snapshot, place, EntryKind::File)) = self.tracked(path) {
            return match snapshot.files().read(&place, most) {
                Ok(Some(bytes)) => Ok(bytes.to_vec()),
                Ok(None) => Err(io::Error::from(ErrorKind::NotFound)),
                Err(error) if error.kind() == ErrorKind::FileTooLarge => Err(too_large()),
                Err(error) => Err(error),
            };
        }
        if fs_err::metadata(path)?.len() > most {
            return Err(too_large());
        }
        fs_err::read(path)
    }

    /// The names of the files in a folder.
    pub(crate) fn list(&self, folder: &Utf8Path) -> io::Result<Vec<String>> {
        if let Some((snapshot, place, EntryKind::Folder)) = self.tracked(folder) {
            let entries = snapshot.files().list(&place)?.unwrap_or_default();
            let files = entries.into_iter().filter(|it| it.kind == EntryKind::File);
            return Ok(files.map(|entry| entry.name).collect());
        }
        let mut names = Vec::new();
        for entry in fs_err::read_dir(folder.as_std_path())? {
            let entry = entry?;
            if entry.metadata()?.is_file()
                && let Some(name) = entry.file_name().to_str()
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }
}
