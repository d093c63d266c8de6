//! `stale-tree`: what is staged is committed as it is, and the staged trees are not built from it.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;

use crate::diagnostic::Diagnostic;
use crate::project::Project;
use crate::settings::folder::{CLUSTERS, above};
use crate::tree::Plan;

/// The most files that are named; the others are counted.
const MOST_NAMED: usize = 10;

/// The staged files that a build would change, if there are any.
pub(super) fn stale(project: &Project, plan: &Plan) -> Option<Diagnostic> {
    if plan.is_empty() {
        return None;
    }
    let mut files = Vec::new();
    for cluster in &plan.clusters {
        let written = cluster
            .write
            .iter()
            .map(|(path, _)| ("build", path.as_ref()));
        let removed = cluster.remove.iter().map(|path| ("remove", path.as_str()));
        for (verb, path) in written.chain(removed) {
            let path = format!("{}/{path}", cluster.folder);
            files.push(format!("{verb} {}", project.snapshot.from_root(&path)));
        }
    }
    let left = files.len().saturating_sub(MOST_NAMED);
    let mut diagnostic = Diagnostic::error(
        "stale-tree",
        format!(
            "the staged trees are not what the staged `{}` gives",
            project.config
        ),
    );
    diagnostic.notes.extend(files.into_iter().take(MOST_NAMED));
    if left > 0 {
        diagnostic = diagnostic.with_note(format!("and {left} more"));
    }
    Some(diagnostic)
}

/// What to do where nothing was built.
pub(super) fn build_them(project: &Project) -> String {
    format!(
        "run `fluxgen build`, and stage the trees with `{}`",
        add(project)
    )
}

/// What to do after a build.
pub(super) fn stage_them(project: &Project) -> String {
    format!(
        "they are built now; stage them with `{}`, and commit again",
        add(project)
    )
}

/// The folders of the trees as git takes them from where the user is: `:/` starts at the top.
fn add(project: &Project) -> String {
    let is_usual = |folder: &str| above(folder).any(|above| above == CLUSTERS);
    let folders: BTreeSet<&str> = project
        .existing
        .values()
        .map(|existing| match existing.folder.as_str() {
            folder if is_usual(folder) => CLUSTERS,
            folder => folder,
        })
        .collect();
    let paths: Vec<String> = folders.iter().map(|it| from_here(project, it)).collect();
    format!("git add --all {}", paths.join(" "))
}

fn from_here(project: &Project, folder: &str) -> String {
    let root = project.root.canonicalize_utf8();
    let full = root.unwrap_or_else(|_| project.root.clone()).join(folder);
    let here = std::env::current_dir()
        .ok()
        .and_then(|here| Utf8PathBuf::from_path_buf(here).ok());
    let below = here.and_then(|here| Some(full.strip_prefix(here).ok()?.to_string()));
    let below = below.filter(|below| !below.is_empty());
    let path = below.unwrap_or_else(|| format!(":/{}", project.snapshot.from_root(folder)));
    match path.contains(|c: char| !(c.is_ascii_alphanumeric() || "/-_.:".contains(c))) {
        true => format!("'{}'", path.replace('\'', r"'\''")),
        false => path,
    }
}
