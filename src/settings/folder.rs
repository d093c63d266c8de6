//! `[clusters.NAME] path`: the folder of each cluster, below that of the TOML file.

use std::collections::BTreeMap;
use std::ops::Bound;

use camino::{Utf8Component, Utf8Path};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::files::Snapshot;
use crate::files::path::is_git;
use crate::node::Table;
use crate::settings::Settings;
use crate::settings::fields::wrong_type;
use crate::source::Span;

/// Where a cluster's folder is without `path`.
pub(crate) const CLUSTERS: &str = "clusters";

/// The longest path of a folder, in bytes.
const LONGEST: usize = 1024;

/// A cluster and its folder, with `/` and from the folder of the TOML file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterFolder {
    pub name: String,
    pub folder: String,
}

impl ClusterFolder {
    /// The folder of the cluster `name`, whose table is `table`; the usual one if `path` is not valid.
    pub(crate) fn of(name: &str, table: &Table) -> Self {
        let chosen = table.get("path").and_then(|path| path.as_str());
        Self {
            name: name.to_owned(),
            folder: chosen
                .and_then(|path| normal(path).ok())
                .unwrap_or_else(|| usual(name)),
        }
    }
}

/// The folder of a cluster without `path`.
pub(crate) fn usual(name: &str) -> String {
    format!("{CLUSTERS}/{name}")
}

/// A path and all folders above it, without the root.
pub(crate) fn above(path: &str) -> impl Iterator<Item = &str> {
    let folders = path.rmatch_indices('/').map(|(at, _)| &path[..at]);
    std::iter::once(path).chain(folders)
}

/// Reads `path` of a cluster's table; reports a path that cannot be a cluster's folder.
pub(crate) fn read(name: &str, table: &Table, diagnostics: &mut Diagnostics) -> String {
    let Some(node) = table.get("path") else {
        return usual(name);
    };
    let setting = format!("clusters.{name}.path");
    let Some(path) = node.as_str() else {
        diagnostics.push(wrong_type(&setting, node, "a string"));
        return usual(name);
    };
    normal(path).unwrap_or_else(|fault| {
        diagnostics.push(
            Diagnostic::error("cluster-path", format!("`{path}` {}", fault.message))
                .at(node.span, "")
                .with_help(fault.help),
        );
        usual(name)
    })
}

/// Why a path cannot be a cluster's folder.
struct Fault {
    message: String,
    help: String,
}

/// The path without `./`, `//` and the last `/`.
fn normal(path: &str) -> Result<String, Fault> {
    let fault = |message: &str, help: &str| {
        Err(Fault {
            message: message.to_owned(),
            help: help.to_owned(),
        })
    };
    const EXAMPLE: &str = "write it from the folder of the TOML file: `kubernetes/flux/cluster`";
    if path.contains("${{") {
        return fault(
            "is not evaluated: the path of a cluster has no expressions",
            "write the path itself",
        );
    }
    if path.len() > LONGEST || path.contains(|c: char| c.is_control() || c == '\\' || c == '$') {
        return fault("cannot be the path of a folder here", EXAMPLE);
    }
    let mut parts = Vec::new();
    for part in Utf8Path::new(path).components() {
        match part {
            Utf8Component::Normal(part) => parts.push(part),
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => {
                return fault("leads out of the folder of the TOML file", EXAMPLE);
            }
            Utf8Component::RootDir | Utf8Component::Prefix(_) => {
                return fault("is an absolute path", EXAMPLE);
            }
        }
    }
    if parts.is_empty() {
        return fault(
            "is the folder of the TOML file itself, not one below it",
            "give the cluster a folder of its own, and Flux only that: `path = \"clusters/prod\"`",
        );
    }
    if parts.iter().any(|part| is_git(part)) {
        return fault("is inside `.git`, which holds git's own files", EXAMPLE);
    }
    if parts.iter().any(|part| part.len() > 255) {
        return fault("has a part of more than 255 bytes", "shorten it");
    }
    Ok(parts.join("/"))
}

/// The folders of all clusters, from the root of the repository.
#[derive(Debug, Default)]
pub(crate) struct Folders(BTreeMap<String, usize>);

impl Folders {
    pub(crate) fn of(settings: &Settings, snapshot: &Snapshot) -> Self {
        let clusters = settings.clusters.iter().enumerate();
        Self(
            clusters
                .map(|(at, cluster)| (snapshot.from_root(&cluster.folder), at))
                .collect(),
        )
    }

    /// The cluster whose folder a path is or is inside of, as an index into the settings' clusters.
    pub(crate) fn around(&self, path: &str) -> Option<usize> {
        above(path).find_map(|folder| self.0.get(folder).copied())
    }

    /// The cluster whose folder a path is.
    pub(crate) fn exact(&self, path: &str) -> Option<(&str, usize)> {
        let (folder, at) = self.0.get_key_value(path)?;
        Some((folder.as_str(), *at))
    }

    /// The clusters whose folders are inside a folder; all of them are inside the root, `""`.
    pub(crate) fn inside<'a>(&'a self, folder: &str) -> impl Iterator<Item = (&'a str, usize)> {
        let start = match folder {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        let found = self
            .0
            .range::<str, _>((Bound::Included(start.as_str()), Bound::Unbounded));
        found
            .take_while(move |(own, _)| own.starts_with(&start))
            .map(|(own, at)| (own.as_str(), *at))
    }

    /// Whether a path is a cluster's folder, inside one, or holds one: what is there is made by this run.
    pub(crate) fn touch(&self, path: &str) -> bool {
        self.around(path).is_some() || self.inside(path).next().is_some()
    }
}

/// A cluster's name and folder, and the place that decides the folder.
pub(crate) struct Placed<'a> {
    pub name: &'a str,
    pub folder: &'a str,
    pub span: Span,
}

/// Reports clusters that share a folder, or whose folder is inside another's: Flux would apply one
/// cluster's resources in the other, and builds would undo each other.
pub(crate) fn check_apart(clusters: &[Placed<'_>], diagnostics: &mut Diagnostics) {
    // Folders that differ in case only are one on macOS and Windows.
    let mut sorted: Vec<(String, &Placed<'_>)> = clusters
        .iter()
        .map(|cluster| (format!("{}/", cluster.folder.to_lowercase()), cluster))
        .collect();
    sorted.sort_by(|(a, first), (b, second)| (a, first.name).cmp(&(b, second.name)));
    let mut outer: Option<&(String, &Placed<'_>)> = None;
    for inner in &sorted {
        match outer {
            // Names that differ in case only are reported as such.
            Some(found) if found.1.name.eq_ignore_ascii_case(inner.1.name) => {}
            Some(found) if inner.0.starts_with(&found.0) => {
                diagnostics.push(overlap(found.1, inner.1));
            }
            _ => outer = Some(inner),
        }
    }
}

fn overlap(outer: &Placed<'_>, inner: &Placed<'_>) -> Diagnostic {
    let message = match outer.folder.eq_ignore_ascii_case(inner.folder) {
        true => format!(
            "the clusters `{}` and `{}` have the same folder `{}`",
            outer.name, inner.name, inner.folder
        ),
        false => format!(
            "the folder `{}` of cluster `{}` is inside `{}`, the folder of cluster `{}`",
            inner.folder, inner.name, outer.folder, outer.name
        ),
    };
    Diagnostic::error("cluster-path", message)
        .at(inner.span, "")
        .at(outer.span, format!("`{}` is here", outer.name))
        .with_note(format!(
            "Flux applies a whole folder: `{}` would get the resources of `{}` too",
            outer.name, inner.name
        ))
        .with_help("give each cluster a folder of its own with `path`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_in_one_way() {
        for (path, folder) in [
            ("kubernetes/flux/cluster", "kubernetes/flux/cluster"),
            ("./k8s/prod/", "k8s/prod"),
            ("a//b/./c", "a/b/c"),
            ("flux", "flux"),
            ("clusters/dev/base", "clusters/dev/base"),
        ] {
            assert_eq!(normal(path).ok().as_deref(), Some(folder), "{path}");
        }
    }

    #[test]
    fn a_path_that_is_no_folder_of_the_project_is_refused() {
        for path in [
            "",
            ".",
            "./",
            "/",
            "/clusters/prod",
            "..",
            "../fleet",
            "clusters/../..",
            "clusters/../prod",
            ".git",
            ".git/hooks",
            "clusters/.GIT/x",
            "a\\b",
            "a\nb",
            "clusters/${{ cluster.name }}",
            "clusters/${name}",
        ] {
            assert!(normal(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn folders_that_share_files_are_found_in_pairs() {
        let named = |clusters: &[(&str, &str)]| {
            let placed: Vec<Placed<'_>> = clusters
                .iter()
                .map(|(name, folder)| Placed {
                    name,
                    folder,
                    span: Span::BUILT_IN,
                })
                .collect();
            let mut diagnostics = Diagnostics::default();
            check_apart(&placed, &mut diagnostics);
            diagnostics.into_sorted().len()
        };
        const NAMES: [&str; 5] = ["one", "two", "three", "four", "five"];
        let overlaps = |folders: &[&str]| {
            let clusters: Vec<_> = NAMES.into_iter().zip(folders.iter().copied()).collect();
            named(&clusters)
        };
        // beside each other, names that only begin alike among them
        assert_eq!(overlaps(&["a/b", "a/c", "a/b-c", "a/b.d", "ab"]), 0);
        // the same one, in another case too
        assert_eq!(overlaps(&["a/b", "A/B"]), 1);
        // one inside of another, however deep, and with a namesake between them
        assert_eq!(overlaps(&["a", "a/b/c"]), 1);
        assert_eq!(overlaps(&["a/b", "a/b-c", "a/b/c", "a/b/d/e"]), 2);
        // names that differ in case only are an error of their own
        let alike = [("prod", "clusters/prod"), ("Prod", "clusters/Prod")];
        assert_eq!(named(&alike), 0);
        assert_eq!(named(&[alike[0], alike[1], ("x", "clusters/prod/x")]), 1);
    }
}
