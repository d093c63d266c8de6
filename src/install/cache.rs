//! Releases that were fetched before, kept by their sha256 and checked whenever they are read.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

use crate::files::writer::{Folder, Rights};
use crate::install::{InstallError, Locked};

/// A folder of archives named by what is in them.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: Utf8PathBuf,
}

impl Cache {
    /// `$XDG_CACHE_HOME/fluxgen/releases`, else `~/.cache/fluxgen/releases`.
    pub fn from_environment() -> Result<Self, InstallError> {
        let variable = |name: &str| {
            let path = Utf8PathBuf::from(std::env::var(name).ok()?);
            path.is_absolute().then_some(path)
        };
        let base = variable("XDG_CACHE_HOME")
            .or_else(|| Some(variable("HOME")?.join(".cache")))
            .ok_or(InstallError::NoCache)?;
        Ok(Self::at(base.join("fluxgen").join("releases")))
    }

    pub fn at(folder: impl Into<Utf8PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    fn path(&self, sha256: &str) -> Utf8PathBuf {
        self.folder.join(format!("{sha256}.tar.gz"))
    }

    /// The archive, if it is there whole; a file with other bytes counts as not there.
    pub(crate) fn get(&self, locked: &Locked) -> Option<Vec<u8>> {
        let path = self.path(&locked.sha256);
        if fs_err::metadata(&path).ok()?.len() != locked.size {
            return None;
        }
        let bytes = fs_err::read(&path).ok()?;
        (locked_by(&bytes) == *locked).then_some(bytes)
    }

    /// Keeps an archive; no reader ever sees a part of one.
    pub(crate) fn put(&self, bytes: &[u8]) -> Result<(), InstallError> {
        let path = self.path(&locked_by(bytes).sha256);
        let failed =
            |error: std::io::Error| InstallError::io("cannot write to the cache", &path, &error);
        let name = path.file_name().unwrap_or_default();
        fs_err::create_dir_all(&self.folder)
            .and_then(|()| Folder::open(&self.folder))
            .and_then(|folder| folder.write_durably(name, bytes, Rights::Private))
            .map_err(failed)?;
        Ok(())
    }
}

/// Size and sha256 of an archive.
pub(crate) fn locked_by(bytes: &[u8]) -> Locked {
    Locked {
        size: bytes.len() as u64,
        sha256: sha256(bytes),
    }
}

/// Size and sha256 of a text, the same whatever line ends git gave it.
pub(crate) fn locked_by_text(text: &str) -> Locked {
    match text.contains("\r\n") {
        true => locked_by(text.replace("\r\n", "\n").as_bytes()),
        false => locked_by(text.as_bytes()),
    }
}

/// Size and sha256 of files: the sum of their sizes, and what `sha256sum *.yaml | sha256sum` prints.
pub(crate) fn locked_by_files(files: &BTreeMap<String, String>) -> Locked {
    let mut size = 0;
    let mut sums = String::new();
    for (name, text) in files {
        let file = locked_by_text(text);
        size += file.size;
        sums.push_str(&format!("{}  {name}\n", file.sha256));
    }
    Locked {
        size,
        sha256: sha256(sums.as_bytes()),
    }
}

/// Lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
