//! Files of a local distribution: through the reader of the project, or at an absolute path that the user wrote.

use std::io::{self, ErrorKind};

use camino::Utf8Path;

use crate::files::{EntryKind, Snapshot, absolute, follow};

/// Where local distributions are read from.
#[derive(Debug, Clone, Default)]
pub struct Local {
    /// States of the repository; the first that has something at a path is asked.
    states: Vec<Snapshot>,
}

impl Local {
    /// `folder` is that of the TOML file, which paths are relative to.
    pub fn on_disk(folder: &Utf8Path) -> Self {
        Self {
            states: vec![Snapshot::on_disk(folder)],
        }
    }

    /// What another state of the repository has is read from there; what it does not have, as before.
    pub(crate) fn first_of(mut self, snapshot: &Snapshot) -> Self {
        self.states.insert(0, snapshot.clone());
        self
    }

    /// The state that has something at a relative path, the place in it after all links, and what is there.
    fn locate(&self, path: &str) -> io::Result<(&Snapshot, String, EntryKind)> {
        for snapshot in &self.states {
            let files = snapshot.files();
            if let Some(place) = follow(&**files, &snapshot.from_root(path))?
                && let Some(kind) = files.kind(&place)?
            {
                return Ok((snapshot, place, kind));
            }
        }
        Err(io::Error::new(ErrorKind::NotFound, "nothing is there"))
    }

    /// The bytes of a file of at most `most` bytes.
    pub(crate) fn read(&self, path: &str, most: u64) -> io::Result<Vec<u8>> {
        let read = if Utf8Path::new(path).is_absolute() {
            absolute::read(path.into(), most)
        } else {
            let (snapshot, place, _) = self.locate(path)?;
            let read = snapshot.files().read(&place, most);
            read.and_then(|bytes| bytes.ok_or_else(|| io::Error::other("it is not a regular file")))
        };
        match read {
            Ok(bytes) => Ok(bytes.to_vec()),
            Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                Err(io::Error::other(format!("it has more than {most} bytes")))
            }
            Err(error) => Err(error),
        }
    }

    /// The names of the files in a folder, sorted.
    pub(crate) fn list(&self, path: &str) -> io::Result<Vec<String>> {
        if Utf8Path::new(path).is_absolute() {
            return absolute::list(path.into());
        }
        let (snapshot, place, _) = self.locate(path)?;
        let Some(entries) = snapshot.files().list(&place)? else {
            return Err(io::Error::other("it is not a folder"));
        };
        let is_read = |kind| matches!(kind, EntryKind::File | EntryKind::Link);
        let files = entries.into_iter().filter(|entry| is_read(entry.kind));
        Ok(files.map(|entry| entry.name).collect())
    }
}
