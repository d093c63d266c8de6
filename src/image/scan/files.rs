//! The YAML files of the repository, those that are not generated.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use camino::Utf8Path;
use rayon::prelude::*;

use super::GROUP;
use crate::emit::HEADER;
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

/// Whether a folder, or file, reaches one of the files.
pub(super) fn reaches_any(folder: &str, files: &BTreeSet<String>) -> bool {
    if folder.is_empty() || files.contains(folder) {
        return !files.is_empty();
    }
    let below = format!("{folder}/");
    let first = files
        .range::<str, _>((Bound::Included(below.as_str()), Bound::Unbounded))
        .next();
    first.is_some_and(|file| file.starts_with(&below))
}

/// The files below `roots` that hold markers or image policies and are not `generated`. What git ignores is in no
/// checkout of the automation's; `on_disk` is a folder of the repository. The folders of `existing` have been read.
pub(super) fn own_files(
    files: &dyn Files,
    on_disk: &Utf8Path,
    roots: &[&str],
    existing: &BTreeMap<String, &Existing>,
    generated: &BTreeSet<&str>,
) -> Vec<OwnFile> {
    let mut roots = roots.to_vec();
    roots.sort_unstable();
    roots.dedup();
    let all = roots.clone();
    roots.retain(|root| !all.iter().any(|other| other != root && reach(other, root)));
    let repository = git2::Repository::discover(on_disk).ok();
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
        Some(File::Ours(bytes) | File::Foreign(Some(bytes))) => Ok(Bytes::clone(bytes)),
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

/// The YAML files below a folder that are wanted; with a repository, those that it does not ignore. What the
/// folders of `existing` hold, by their paths, is known.
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
            EntryKind::Folder if entry.name == ".git" || is_ignored(&path) => {}
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

fn plain_files<'a>(folder: &'a str, existing: &'a Existing) -> impl Iterator<Item = Found> + 'a {
    let plain = existing.files.iter().filter(|(_, known)| match known {
        File::Ours(_) | File::Foreign(_) => true,
        File::Link | File::Temporary => false,
    });
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
    use super::{above, reach, reaches_any};

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
        let all = files.map(str::to_owned).into_iter().collect();
        for folder in [
            "",
            "a",
            "ab",
            "a/b",
            "a.yaml",
            "b",
            "é",
            "a-",
            "z",
            "a/b.yaml",
            "a/b.yamlx",
        ] {
            let any = files.iter().any(|file| reach(folder, file));
            assert_eq!(reaches_any(folder, &all), any, "{folder}");
        }
    }
}
