//! The files of a release, each read at most once.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use semver::Version;

use crate::install::{Document, InstallError, identity};

/// The manifests of one release of Flux: `source-controller.yaml`, `rbac.yaml`, `policies.yaml` ….
///
/// Reading is lazy and shared, so that a release costs once however many option sets are built.
#[derive(Debug, Default)]
pub struct Manifests {
    files: BTreeMap<String, File>,
}

#[derive(Debug)]
struct File {
    text: String,
    documents: OnceLock<Result<Vec<Document>, String>>,
}

impl Manifests {
    /// From file names, without folders, and their texts.
    pub fn new(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let file = |text| File {
            text,
            documents: OnceLock::new(),
        };
        Self {
            files: files
                .into_iter()
                .map(|(name, text)| (name, file(text)))
                .collect(),
        }
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        Some(&self.files.get(name)?.text)
    }

    /// Reads all of it. What the lock pins was checked before it was pinned.
    pub(crate) fn check(&self) -> Result<(), InstallError> {
        for name in self.names() {
            let documents = self.documents(name)?.unwrap_or_default();
            if !documents.iter().all(Document::is_whole) {
                let reason = "a section of an object cannot be read".to_owned();
                return Err(InstallError::Yaml {
                    file: name.to_owned(),
                    reason,
                });
            }
        }
        Ok(())
    }

    /// Refuses controllers that belong to another minor of Flux: a release names its version nowhere else.
    pub(crate) fn check_version(&self, name: &str, version: &Version) -> Result<(), InstallError> {
        for file in self.names() {
            let documents: Vec<&Document> =
                self.documents(file)?.unwrap_or_default().iter().collect();
            let text = self.text(file).unwrap_or_default();
            identity::check_version(name, text, &documents, version)?;
        }
        Ok(())
    }

    /// The objects of a file; `None` if the release lacks it.
    pub(crate) fn documents(&self, name: &str) -> Result<Option<&[Document]>, InstallError> {
        let Some(file) = self.files.get(name) else {
            return Ok(None);
        };
        match file
            .documents
            .get_or_init(|| Document::read_all(&file.text))
        {
            Ok(documents) => Ok(Some(documents)),
            Err(reason) => Err(InstallError::Yaml {
                file: name.to_owned(),
                reason: reason.clone(),
            }),
        }
    }
}
