//! The YAML files of the repository, those that are not generated.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use camino::Utf8Path;
use rayon::prelude::*;

use super::GROUP;
use crate::emit::{ClusterTree, HEADER};
use crate::files::open::discover;
use crate::files::{Bytes, EntryKind, Files, Found};
use crate::image::marker::TOKEN;
use crate::tree::{Existing, File};

/// The largest YAML file that is looked at, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// A file that has to do with image automation.
pub(super) struct OwnFile {
    /// From the repository's root.
    pub path: String,
    /// None where it is no UTF-8, or too large to be read.
    pub text: Option<String>,
}

pub(super) fn joined(prefix: &str, path: &str) -> String {
    if prefix.is_empty() {
        path.to_owned()
    } else {
        format!("{prefix}/{path}")
    }
}

/// Whether a path is a folder itself or below it; an empty one is the root.
pub(super) fn reach(folder: &str, path: &str) -> bool {
    folder.is_empty()
        || path == folder
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
}

/// A path and every folder above it, the root among them: what can reach it.
pub(super) fn above(path: &str) -> impl Iterator<Item = &str> {
    let folders = path.rmatch_indices('/').map(|(at, _)| &path[..at]);
    std::iter::once(path).chain(folders).chain([""])
}

/// The generated files, by the folders of their clusters from the repository's root.
pub(super) struct Generated<'a>(BTreeMap<String, &'a ClusterTree>);

impl<'a> Generated<'a> {
    pub(super) fn new(trees: impl Iterator<Item = (String, &'a ClusterTree)>) -> Self {
        Self(trees.collect())
    }

    /// The tree that a path is in, and the path below its folder.
    fn of<'p>(&self, path: &'p str) -> Option<(&'a ClusterTree, &'p str)> {
        above(path).find_map(|folder| {
            let tree = self.0.get(folder)?;
            Some((*tree, path.strip_prefix(folder)?.trim_start_matches('/')))
        })
    }

    fn contains(&self, path: &str) -> bool {
        self.of(path)
            .is_some_and(|(tree, path)| tree.files.contains_key(path))
    }

    /// Whether a folder, or file, reaches one of them.
    pub(super) fn is_reached(&self, folder: &str) -> bool {
        if let Some((tree, path)) = self.of(folder) {
            let mut next = tree
                .files
                .range::<str, _>((Bound::Included(path), Bound::Unbounded));
            return match next.next() {
                Some((first, _)) if reach(path, first) => true,
                Some(_) => {
                    let below = format!("{path}/");
                    let from = (Bound::Included(below.as_str()), Bound::Unbounded);
                    let first = tree.files.range::<str, _>(from).next();
                    first.is_some_and(|(first, _)| first.starts_with(&below))
                }
                None => false,
            };
        }
        let below = joined(folder, "");
        let trees = self.0.range::<String, _>(&below..);
        let mut trees = trees.take_while(|(own, _)| own.starts_with(&below));
        trees.any(|(_, tree)| !tree.files.is_empty())
    }
}

/// The files below `roots` that hold markers or image policies and are not `generated`. What git ignores is in no
/// checkout of the automation's; `on_disk` is a folder of the repository. The folders of `existing` have been read.
pub(super) fn own_files(
    files: &dyn Files,
    on_disk: &Utf8Path,
    roots: &[&str],
    existing: &BTreeMap<String, &Existing>,
    generated: &Generated<'_>,
) -> Vec<OwnFile> {
    let mut roots = roots.to_vec();
    roots.sort_unstable();
    roots.dedup();
    let all = roots.clone();
    roots.retain(|root| !all.iter().any(|other| other != root && reach(other, root)));
    let repository = discover(on_disk).ok();
    let mut found: Vec<Found> = roots
        .iter()
        .flat_map(|root| {
            let is_own = |path: &str| !generated.contains(path);
            yaml_files(files, root, repository.as_ref(), existing, is_own)
        })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
        .into_par_iter()
        .filter_map(|found| {
            let path = found.path.clone();
            let bytes = match read(files, &found, existing) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => {
                    return Some(OwnFile { path, text: None });
                }
                Err(_) => return None,
            };
            // What the tree does not hold any more is removed by the next build.
            if !concerns_images(&bytes) || bytes.starts_with(HEADER.as_bytes()) {
                return None;
            }
            let text = std::str::from_utf8(&bytes).ok().map(str::to_owned);
            Some(OwnFile { path, text })
        })
        .collect()
}

/// The bytes of a file, which may have been read with the tree that it is in.
fn read(
    files: &dyn Files,
    found: &Found,
    existing: &BTreeMap<String, &Existing>,
) -> std::io::Result<Bytes> {
    let known = above(&found.path).find_map(|folder| {
        let path = found.path.strip_prefix(folder)?.trim_start_matches('/');
        existing.get(folder)?.files.get(path)
    });
    match known {
        Some(File::Foreign(Some(bytes))) => Ok(Bytes::clone(bytes)),
        _ => files.open(found, LARGEST),
    }
}

fn concerns_images(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.contains(TOKEN) || text.contains(GROUP),
        // It is passed over and told; the token is ASCII.
        Err(_) => bytes
            .windows(TOKEN.len())
            .any(|window| window == TOKEN.as_bytes()),
    }
}

/// The YAML files below a folder that are wanted; with a repository, those that it does not ignore. Of the
/// folders of `existing`, by their paths, only the user's own files count.
pub(crate) fn yaml_files(
    files: &dyn Files,
    root: &str,
    repository: Option<&git2::Repository>,
    existing: &BTreeMap<String, &Existing>,
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<Found> {
    let is_ignored = |path: &str| {
        repository.is_some_and(|repository| repository.is_path_ignored(path).unwrap_or(false))
    };
    let mut found = Vec::new();
    let is_folder = below(files, root, existing, &is_ignored, &mut found);
    if !is_folder && matches!(files.kind(root), Ok(Some(EntryKind::File))) {
        found.push(file(root.to_owned()));
    }
    found.retain(|found| {
        found.kind == EntryKind::File && is_yaml(&found.path) && is_wanted(&found.path)
    });
    // git is slow to tell: it is asked once about each folder that holds one of the files.
    let mut known: HashMap<String, bool> = HashMap::new();
    found.retain(|found| {
        repository.is_none() || !is_below_ignored(&found.path, root, &is_ignored, &mut known)
    });
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Adds what is below a folder; false where there is no such folder.
fn below(
    files: &dyn Files,
    folder: &str,
    existing: &BTreeMap<String, &Existing>,
    is_ignored: &dyn Fn(&str) -> bool,
    found: &mut Vec<Found>,
) -> bool {
    let Ok(Some(entries)) = files.list(folder) else {
        return false;
    };
    for entry in entries {
        let path = joined(folder, &entry.name);
        match entry.kind {
            // Folders that are ignored, those of compilers and package managers, are large.
            EntryKind::Folder if is_ignored(&path) => {}
            EntryKind::Folder => {
                let mut known = existing.range::<String, _>(&path..);
                match known.next().filter(|(known, _)| reach(&path, known)) {
                    Some((known, existing)) if *known == path => {
                        found.extend(plain_files(&path, existing));
                    }
                    Some(_) => {
                        below(files, &path, existing, is_ignored, found);
                    }
                    None => found.extend(files.walk(&path).into_iter().filter_map(Result::ok)),
                }
            }
            EntryKind::File => found.push(file(path)),
            EntryKind::Link | EntryKind::Other => {}
        }
    }
    true
}

/// The user's own files in a tree.
fn plain_files<'a>(folder: &'a str, existing: &'a Existing) -> impl Iterator<Item = Found> + 'a {
    let files = existing.files.iter();
    let plain = files.filter(|(_, known)| matches!(known, File::Foreign(_)));
    plain.map(|(path, _)| file(joined(folder, path)))
}

fn file(path: String) -> Found {
    Found {
        path,
        kind: EntryKind::File,
        id: None,
    }
}

/// Whether a folder between `root` and a path is ignored; `known` are those asked about before.
fn is_below_ignored(
    path: &str,
    root: &str,
    is_ignored: &impl Fn(&str) -> bool,
    known: &mut HashMap<String, bool>,
) -> bool {
    let Some((folder, _)) = path.rsplit_once('/').filter(|(folder, _)| *folder != root) else {
        return false;
    };
    if let Some(known) = known.get(folder) {
        return *known;
    }
    let is_below = is_below_ignored(folder, root, is_ignored, known) || is_ignored(folder);
    known.insert(folder.to_owned(), is_below);
    is_below
}

fn is_yaml(path: &str) -> bool {
    let path = Utf8Path::new(path);
    matches!(path.extension(), Some("yaml" | "yml")) || path.file_name() == Some("Kustomization")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{ClusterTree, Generated, above, joined, reach};

    #[test]
    fn a_folder_reaches_what_is_below_it_and_no_namesake() {
        assert!(reach("", "a.yaml") && reach("a", "a/b.yaml") && reach("a.yaml", "a.yaml"));
        assert!(!reach("a", "ab/c.yaml") && !reach("a/b", "a"));
    }

    #[test]
    fn what_is_above_a_path_is_what_reaches_it() {
        let files = ["a.yaml", "a/b.yaml", "a/b/c.yaml", "ab/c.yaml", "é/x.yaml"];
        for file in files {
            for folder in ["", "a", "ab", "a/b", "a.yaml", "b", "é", "a/b/c.yaml"] {
                let is_above = above(file).any(|above| above == folder);
                assert_eq!(is_above, reach(folder, file), "{folder} {file}");
            }
        }
    }

    #[test]
    fn a_folder_reaches_the_generated_files_below_it() {
        let tree = |files: &[&str]| ClusterTree {
            name: String::new(),
            folder: String::new(),
            files: files
                .iter()
                .map(|path| (Arc::from(*path), Arc::from("")))
                .collect(),
            left_alone: Vec::new(),
        };
        let (first, second) = (
            tree(&["a-b.yaml", "a/b.yaml", "é/x.yaml"]),
            tree(&["x.yaml"]),
        );
        for prefix in ["", "deploy"] {
            let folder = |name: &str| joined(prefix, &joined("clusters", name));
            let trees = [("a", &first), ("ab", &second), ("none", &tree(&[]))];
            let generated =
                Generated::new(trees.map(|(name, tree)| (folder(name), tree)).into_iter());
            let files: Vec<String> = trees
                .iter()
                .flat_map(|(name, tree)| tree.files.keys().map(|path| joined(&folder(name), path)))
                .collect();
            for path in [
                "",
                "clusters",
                "clusters/a",
                "clusters/ab",
                "clusters/none",
                "clusters/other",
                "clusters/a/a",
                "clusters/a/a-",
                "clusters/a/a-b.yaml",
                "clusters/a/a/b.yaml",
                "clusters/a/a/b.yamlx",
                "clusters/a/é",
                "clusters/a/z",
                "clusters-b",
                "apps",
            ] {
                for path in [path.to_owned(), joined(prefix, path)] {
                    let any = files.iter().any(|file| reach(&path, file));
                    assert_eq!(generated.is_reached(&path), any, "{prefix} {path}");
                    assert_eq!(generated.contains(&path), files.contains(&path), "{path}");
                }
            }
        }
    }
}
