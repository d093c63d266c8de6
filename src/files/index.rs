//! What git's index holds, in every form of it.

use std::path::Path;
use std::process::Command;

use git2::{Oid, Repository};

/// A file in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Staged {
    pub path: String,
    pub id: Oid,
    pub mode: u32,
    /// 0 but for the sides of a conflict.
    pub stage: u16,
    /// It is not checked out: a sparse checkout leaves it out.
    pub is_skipped: bool,
    /// `git add --intent-to-add`: nothing of it is staged.
    pub is_intended: bool,
}

const INTENT_TO_ADD: u16 = 1 << 13;
const SKIP_WORKTREE: u16 = 1 << 14;

/// The entries of the index at `path`, or of the repository's own. Paths that are not UTF-8 are left out.
///
/// libgit2 does not read a sparse index, which has folders for entries; then git itself is asked.
pub(crate) fn entries(
    repository: &Repository,
    path: Option<&Path>,
) -> Result<Vec<Staged>, git2::Error> {
    let index = match path {
        Some(path) => git2::Index::open(path),
        None => repository.index(),
    };
    match index {
        Ok(index) => Ok(index
            .iter()
            .filter_map(|entry| {
                Some(Staged {
                    path: String::from_utf8(entry.path).ok()?,
                    id: entry.id,
                    mode: entry.mode,
                    stage: (entry.flags >> 12) & 3,
                    is_skipped: entry.flags_extended & SKIP_WORKTREE != 0,
                    is_intended: entry.flags_extended & INTENT_TO_ADD != 0,
                })
            })
            .collect()),
        Err(error) => listed(repository).ok_or(error),
    }
}

/// What `git ls-files` says, in its full form.
fn listed(repository: &Repository) -> Option<Vec<Staged>> {
    let output = Command::new("git")
        .arg("-C")
        .arg(repository.workdir()?)
        .args(["ls-files", "-s", "-t", "-z"])
        .output()
        .ok()?;
    let lines = output.stdout.split(|byte| *byte == 0);
    let lines = lines.filter(|line| !line.is_empty());
    output.status.success().then(|| {
        lines
            .filter_map(|line| line_of(std::str::from_utf8(line).ok()?))
            .collect()
    })
}

/// `S 100644 0123… 0\tapps/a.yaml`
fn line_of(line: &str) -> Option<Staged> {
    let (about, path) = line.split_once('\t')?;
    let mut about = about.split(' ');
    Some(Staged {
        is_skipped: about.next()? == "S",
        mode: u32::from_str_radix(about.next()?, 8).ok()?,
        id: Oid::from_str(about.next()?).ok()?,
        stage: about.next()?.parse().ok()?,
        path: path.to_owned(),
        is_intended: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_git_is_an_entry() {
        let id = "0123456789012345678901234567890123456789";
        let entry = line_of(&format!("S 100755 {id} 0\ta b/c.yaml")).expect("an entry");
        assert_eq!((entry.path.as_str(), entry.mode), ("a b/c.yaml", 0o100_755));
        assert!(entry.is_skipped && entry.stage == 0);
        assert!(
            !line_of(&format!("H 100644 {id} 2\ta"))
                .expect("an entry")
                .is_skipped
        );
        assert_eq!(line_of("nothing"), None);
    }
}
