//! Generated files that are not what the TOML file gives: a build would change them.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;

use super::{Project, read_config};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::files::Snapshot;
use crate::install::folder::has_no_manifest;
use crate::repository::Repository;
use crate::settings::folder::{CLUSTERS, above};
use crate::tree::{Existing, File, LARGEST_FOREIGN, Plan};

/// The most files that one finding names; the others are counted.
const MOST_NAMED: usize = 20;

/// The files that a build would change, by why they differ.
#[derive(Debug, Default)]
pub(crate) struct Differing {
    /// HEAD has what the TOML file gives; the working tree does not.
    pub edited: Vec<String>,
    /// HEAD has what is in the working tree, and the TOML file is HEAD's too: somebody changed either by hand and
    /// committed it, or another version of fluxgen made the file.
    pub differs_in_head: Vec<String>,
    /// The TOML file changed since, or there is no commit to know it by: what `build` would do.
    pub stale: Vec<String>,
}

impl Differing {
    /// Reads HEAD, unless a build would change nothing.
    pub(crate) fn find(project: &Project, plan: &Plan) -> Self {
        let mut found = Self::default();
        if plan.is_empty() {
            return found;
        }
        let head = head(project);
        let is_same_toml = head.as_ref().is_some_and(|head| {
            let now = read_config(&project.snapshot, &project.config);
            let then = read_config(head, &project.config);
            matches!((now, then), (Ok(now), Ok(then)) if now == then)
        });
        let nothing = Existing::default();
        for cluster in &plan.clusters {
            let existing = project.existing.get(&cluster.name).unwrap_or(&nothing);
            let folder = &cluster.folder;
            for (path, text) in &cluster.write {
                let path = format!("{folder}/{path}");
                let shown = project.snapshot.from_root(&path);
                let Some(File::Ours(bytes)) = existing.files.get(&path[folder.len() + 1..]) else {
                    found.stale.push(format!("build {shown}"));
                    continue;
                };
                let committed = head
                    .as_ref()
                    .and_then(|head| head.read_own(&path, LARGEST_FOREIGN).ok().flatten());
                match committed {
                    Some(committed) if *committed == *text.as_bytes() => found.edited.push(shown),
                    Some(committed) if is_same_toml && committed == *bytes => {
                        found.differs_in_head.push(shown);
                    }
                    _ => found.stale.push(format!("build {shown}")),
                }
            }
            for path in &cluster.remove {
                let path = project.snapshot.from_root(&format!("{folder}/{path}"));
                found.stale.push(format!("remove {path}"));
            }
        }
        found
    }

    /// What `check` says of them. It is no error: what counts is what is committed in the end, and the hook and
    /// `check --staged` see to that.
    pub(crate) fn tell(self, project: &Project, diagnostics: &mut Diagnostics) {
        let config = &project.config;
        let told = [
            (
                "hand-edited",
                self.edited,
                "generated files were changed by hand".to_owned(),
                format!("change `{config}` instead; `fluxgen build` takes the changes back"),
            ),
            (
                "stale-tree",
                self.differs_in_head,
                format!(
                    "generated files are not what `{config}` gives: changed by hand, or made by another fluxgen"
                ),
                "run `fluxgen build`, and commit what it writes".to_owned(),
            ),
            (
                "stale-tree",
                self.stale,
                format!("the trees are not built from `{config}` as it is now"),
                "run `fluxgen build`, and commit what it writes".to_owned(),
            ),
        ];
        for (code, files, message, help) in told {
            if !files.is_empty() {
                let found = Diagnostic::warning(code, message).with_help(help);
                diagnostics.push(naming(found, files));
            }
        }
    }
}

/// Leaves clusters out whose trees were never built: without a first build there is nothing to be stale. It is said
/// where other clusters have trees, unless a missing manifest says so already.
pub(crate) fn built_before(
    project: &Project,
    mut plan: Plan,
    diagnostics: &mut Diagnostics,
) -> Plan {
    let is_built = |name: &str| {
        let existing = project.existing.get(name);
        existing.is_some_and(|it| it.files.values().any(|file| matches!(file, File::Ours(_))))
    };
    if !plan.clusters.iter().any(|cluster| is_built(&cluster.name)) {
        plan.clusters.clear();
        return plan;
    }
    let settings = project.built.as_ref().map(|built| &built.resolved.settings);
    for cluster in plan
        .clusters
        .iter()
        .filter(|cluster| !is_built(&cluster.name))
    {
        let known = settings.and_then(|settings| settings.cluster(&cluster.name));
        let is_told = known.is_some_and(|known| has_no_manifest(known, &project.existing));
        if !is_told && !cluster.write.is_empty() {
            let folder = project.snapshot.from_root(&cluster.folder);
            diagnostics.push(
                Diagnostic::warning("stale-tree", format!("nothing is built in `{folder}` yet"))
                    .in_cluster(cluster.name.as_str())
                    .with_help("run `fluxgen build`, and commit what it writes"),
            );
        }
    }
    plan.clusters.retain(|cluster| is_built(&cluster.name));
    plan
}

fn head(project: &Project) -> Option<Snapshot> {
    let repository = Repository::around(&project.root).ok()?;
    let revision = repository.revision("HEAD").ok()?;
    Some(repository.at(&revision))
}

fn naming(mut diagnostic: Diagnostic, files: Vec<String>) -> Diagnostic {
    // Naming one more takes no more room than counting it.
    let most = match files.len() {
        count if count <= MOST_NAMED + 1 => count,
        _ => MOST_NAMED,
    };
    let left = files.len() - most;
    diagnostic.notes.extend(files.into_iter().take(most));
    match left {
        0 => diagnostic,
        left => diagnostic.with_note(format!("and {left} more")),
    }
}

/// `stale-tree` as an error: what is staged is committed as it is, and the staged trees are not built from it.
pub(crate) fn staged(project: &Project, plan: &Plan) -> Option<Diagnostic> {
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
    let diagnostic = Diagnostic::error(
        "stale-tree",
        format!(
            "the staged trees are not what the staged `{}` gives",
            project.config
        ),
    );
    Some(naming(diagnostic, files))
}

/// What to do where nothing was built.
pub(crate) fn build_them(project: &Project) -> String {
    format!(
        "run `fluxgen build`, and stage the trees with `{}`",
        add(project)
    )
}

/// What to do after a build.
pub(crate) fn stage_them(project: &Project) -> String {
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
