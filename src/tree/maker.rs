//! Which TOML file made the files of the trees: several may stand in one folder.
//!
//! A TOML file that is there keeps what it made; what one made that is gone, renamed most likely, is as our own.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Existing, File};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::emit::{ClusterTree, HEADER, Tree, header};
use crate::files::Snapshot;
use crate::settings::Settings;

/// The TOML file of a project, and others beside it that made files in its trees.
#[derive(Debug, Default)]
pub(crate) struct Makers {
    /// The project's own.
    own: String,
    /// The header of what it makes.
    header: String,
    /// The names of the others that are there.
    others: BTreeSet<String>,
}

/// The name of the TOML file that a generated file was made from, as its header has it.
fn made_from(bytes: &[u8]) -> Option<&str> {
    let rest = bytes.strip_prefix(HEADER.as_bytes())?;
    let line = rest.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.trim_end().strip_suffix(". Do not edit.")
}

impl Makers {
    /// `existing` are the trees of the project's clusters.
    pub(crate) fn of(
        config: &str,
        existing: &BTreeMap<String, Existing>,
        snapshot: &Snapshot,
    ) -> Self {
        let mut makers = Self {
            own: config.to_owned(),
            header: header(config),
            others: BTreeSet::new(),
        };
        for file in existing
            .values()
            .flat_map(|existing| existing.files.values())
        {
            let File::Ours(bytes) = file else { continue };
            makers.meet(bytes, snapshot);
        }
        makers
    }

    /// Takes note of the TOML file that a file was made from, if it is another one that is there.
    pub(crate) fn meet(&mut self, bytes: &[u8], snapshot: &Snapshot) {
        if bytes.starts_with(self.header.as_bytes()) {
            return;
        }
        // git may have given it other line ends.
        let other = made_from(bytes).filter(|name| *name != self.own);
        let other = other.filter(|name| !self.others.contains(*name));
        if let Some(name) = other.filter(|name| !name.contains('/') && snapshot.is_file(name)) {
            self.others.insert(name.to_owned());
        }
    }

    /// Whether a generated file is the project's to remove.
    pub(crate) fn is_own(&self, bytes: &[u8]) -> bool {
        bytes.starts_with(self.header.as_bytes()) || self.other(bytes).is_none()
    }

    fn other(&self, bytes: &[u8]) -> Option<&str> {
        if self.others.is_empty() {
            return None;
        }
        self.others.get(made_from(bytes)?).map(String::as_str)
    }

    /// Tells of files that would be written over though another TOML file makes them.
    pub(crate) fn check(
        &self,
        tree: &Tree,
        existing: &BTreeMap<String, Existing>,
        adopted: &[Utf8PathBuf],
        settings: &Settings,
        diagnostics: &mut Diagnostics,
    ) {
        if self.others.is_empty() {
            return;
        }
        for cluster in &tree.clusters {
            let Some(standing) = existing.get(&cluster.name) else {
                continue;
            };
            let folder = &cluster.folder;
            let mut made: BTreeMap<&str, Vec<String>> = BTreeMap::new();
            for path in cluster.files.keys() {
                let Some(File::Ours(bytes)) = standing.files.get(path.as_ref()) else {
                    continue;
                };
                let full = format!("{folder}/{path}");
                let is_adopted = adopted
                    .iter()
                    .any(|path| Utf8Path::new(&full).starts_with(path));
                if let Some(other) = self.other(bytes).filter(|_| !is_adopted) {
                    made.entry(other).or_default().push(full);
                }
            }
            for (other, paths) in made {
                diagnostics.push(taken(cluster, other, &paths, settings));
            }
        }
    }
}

fn taken(cluster: &ClusterTree, other: &str, paths: &[String], settings: &Settings) -> Diagnostic {
    let message = match paths {
        [one] => format!("`{one}` was generated from `{other}`"),
        many => format!(
            "{} files of `{}` were generated from `{other}`, `{}` among them",
            many.len(),
            cluster.folder,
            many[0]
        ),
    };
    let (adopt, what) = match paths {
        [one] => (one.clone(), "it"),
        _ => (cluster.folder.clone(), "them"),
    };
    let mut diagnostic =
        Diagnostic::error("file-in-the-way", message).in_cluster(cluster.name.as_str());
    if let Some(known) = settings.cluster(&cluster.name) {
        diagnostic = diagnostic.at(known.name.span, "");
    }
    diagnostic
        .with_note("both TOML files have the cluster; each build of one would undo the other's")
        .with_help(format!(
            "name the cluster otherwise in one of them, or remove `{other}` if this file replaces it"
        ))
        .with_help(format!("`fluxgen build --adopt {adopt}` takes {what} over"))
}

#[cfg(test)]
mod tests {
    use super::{header, made_from};

    #[test]
    fn the_header_names_the_toml_file() {
        for name in ["fluxgen.toml", "a b. Do not edit.toml", "é.toml"] {
            let text = format!("{}# owner: x\na: 1\n", header(name));
            assert_eq!(made_from(text.as_bytes()), Some(name));
            assert_eq!(made_from(text.replace('\n', "\r\n").as_bytes()), Some(name));
        }
        for text in ["", "a: 1\n", "# Generated by fluxgen from x\n"] {
            assert_eq!(made_from(text.as_bytes()), None, "{text}");
        }
    }
}
