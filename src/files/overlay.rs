//! Files of which one has another text: a step that is planned and not written yet.

use std::io;
use std::sync::Arc;

use super::{Bytes, EntryKind, Files, FolderEntry, Found, too_large};

/// Everything as it is in `under`, but for the file at `path`, which is there already.
pub struct Overlay {
    under: Arc<dyn Files>,
    path: String,
    text: Bytes,
}

impl Overlay {
    pub fn new(under: Arc<dyn Files>, path: impl Into<String>, text: &str) -> Self {
        Self {
            under,
            path: path.into(),
            text: Bytes::from(text.as_bytes()),
        }
    }

    fn own(&self, path: &str, most: u64) -> Option<io::Result<Bytes>> {
        (path == self.path).then(|| match self.text.len() as u64 > most {
            true => Err(too_large(path, most)),
            false => Ok(Arc::clone(&self.text)),
        })
    }
}

impl Files for Overlay {
    fn kind(&self, path: &str) -> io::Result<Option<EntryKind>> {
        self.under.kind(path)
    }

    fn read(&self, path: &str, most: u64) -> io::Result<Option<Bytes>> {
        match self.own(path, most) {
            Some(own) => own.map(Some),
            None => self.under.read(path, most),
        }
    }

    fn list(&self, folder: &str) -> io::Result<Option<Vec<FolderEntry>>> {
        self.under.list(folder)
    }

    fn walk(&self, folder: &str) -> Vec<io::Result<Found>> {
        self.under.walk(folder)
    }

    fn open(&self, found: &Found, most: u64) -> io::Result<Bytes> {
        match self.own(&found.path, most) {
            Some(own) => own,
            None => self.under.open(found, most),
        }
    }

    fn link(&self, path: &str) -> io::Result<Option<String>> {
        self.under.link(path)
    }
}
