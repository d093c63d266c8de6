//! The install folder as documents: what belongs to the cluster before Flux runs, and what tells
//! Flux to sync.
//!
//! Documents stay the text they are; only their kind and name are read.

use camino::Utf8PathBuf;
use serde::Deserialize as _;

use super::environment::Environment;
use super::error::{Error, Result};
use super::kubectl::Kubectl;
use super::target::{File, Target};

/// One YAML document with its identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    pub(crate) text: String,
    value: serde_json::Value,
}

/// What is applied, in two parts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Install {
    /// Namespace, CRDs, RBAC, Deployments; or a FluxInstance.
    pub(crate) components: Vec<Document>,
    /// Resources of Flux's own kinds: they need the CRDs of the first part.
    pub(crate) sync: Vec<Document>,
}

impl Document {
    fn group(&self) -> &str {
        self.api_version
            .split_once('/')
            .map_or("", |(group, _)| group)
    }

    pub(crate) fn is(&self, group: &str, kind: &str) -> bool {
        self.group() == group && self.kind == kind
    }

    pub(crate) fn spec(&self, key: &str) -> &serde_json::Value {
        &self.value["spec"][key]
    }

    pub(crate) fn whole_spec(&self) -> &serde_json::Value {
        &self.value["spec"]
    }
}

impl Install {
    /// Reads the folder, through `kubectl kustomize` where it has a `kustomization.yaml`: the
    /// user's patches to the controllers are in it.
    pub(crate) fn read(env: &Environment, target: &Target) -> Result<Self> {
        let built;
        let texts: Vec<&[u8]> = if target.install.iter().any(is_kustomization) {
            let folder = tempfile::Builder::new()
                .prefix("fluxgen-install-")
                .tempdir()
                .map_err(|error| Error::new(error.to_string()))?;
            let root = Utf8PathBuf::from_path_buf(folder.path().to_owned())
                .map_err(|_| Error::new("the temporary folder's path is not Unicode"))?;
            for File { path, bytes } in &target.install {
                let path = root.join(path);
                let write = || {
                    fs_err::create_dir_all(path.parent().unwrap_or(&root))?;
                    fs_err::write(&path, bytes)
                };
                write().map_err(|error| Error::new(error.to_string()))?;
            }
            built = Kubectl::kustomize(env, &root)?;
            vec![&built]
        } else {
            target
                .install
                .iter()
                .filter(|file| is_yaml(file))
                .map(|file| &file.bytes[..])
                .collect()
        };
        let mut install = Self::default();
        for text in texts {
            for document in documents(&String::from_utf8_lossy(text))? {
                if document.group().ends_with(".toolkit.fluxcd.io") {
                    install.sync.push(document);
                } else {
                    install.components.push(document);
                }
            }
        }
        Ok(install)
    }

    pub(crate) fn find(&self, group: &str, kind: &str, name: &str) -> Option<&Document> {
        let mut all = self.components.iter().chain(&self.sync);
        all.find(|document| document.is(group, kind) && document.name == name)
    }
}

/// The documents as one stream.
pub(crate) fn stream(documents: &[Document]) -> Vec<u8> {
    let mut text = String::new();
    for document in documents {
        text.push_str("---\n");
        text.push_str(document.text.trim_end());
        text.push('\n');
    }
    text.into_bytes()
}

fn is_kustomization(file: &File) -> bool {
    // The names that kustomize accepts.
    matches!(
        file.path.as_str(),
        "kustomization.yaml" | "kustomization.yml" | "Kustomization"
    )
}

fn is_yaml(file: &File) -> bool {
    matches!(file.path.extension(), Some("yaml" | "yml"))
}

/// Splits a stream at its `---` lines and reads each part's identity; empty parts are left out.
pub(crate) fn documents(text: &str) -> Result<Vec<Document>> {
    let mut parts = vec![String::new()];
    for line in text.lines() {
        if line == "---" || line.starts_with("--- ") {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    let mut documents = Vec::new();
    for text in parts {
        if text
            .lines()
            .all(|line| line.trim().is_empty() || line.starts_with('#'))
        {
            continue;
        }
        let value = serde_json::Value::deserialize(serde_yaml::Deserializer::from_str(&text))
            .map_err(|error| {
                Error::new(format!("a document of the Flux folder is no YAML: {error}"))
            })?;
        if value.is_null() {
            continue;
        }
        let field = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let metadata = &value["metadata"];
        let (Some(api_version), Some(kind), Some(name)) = (
            field(&value["apiVersion"]),
            field(&value["kind"]),
            field(&metadata["name"]),
        ) else {
            return Err(Error::new(
                "a document of the Flux folder has no `apiVersion`, `kind` or `metadata.name`",
            ));
        };
        let namespace = field(&metadata["namespace"]);
        documents.push(Document {
            api_version,
            kind,
            namespace,
            name,
            text,
            value,
        });
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_split_and_its_comments_make_no_documents() {
        let text = "# generated\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n---\n\
                    # nothing\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b, namespace: a}\n";
        let all = documents(text).unwrap();
        let names: Vec<_> = all.iter().map(|document| document.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(all[1].is("apps", "Deployment") && all[0].is("", "Namespace"));
        let again = documents(&String::from_utf8(stream(&all)).unwrap()).unwrap();
        assert_eq!(again.len(), 2);
    }

    #[test]
    fn three_dashes_inside_a_literal_block_do_not_split() {
        let text =
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  x: |\n    ---\n    y\n";
        assert_eq!(documents(text).unwrap().len(), 1);
    }

    #[test]
    fn a_document_without_a_name_is_refused() {
        assert!(documents("kind: Namespace\n").is_err());
        assert!(documents("a: [").is_err());
    }
}
