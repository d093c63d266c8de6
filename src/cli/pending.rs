//! `fluxgen build --commit`: what is generated and not in HEAD, and the commit of it.

use std::collections::BTreeMap;

use super::unreadable;
use crate::commit::{Changes, Committer};
use crate::diagnostic::Diagnostics;
use crate::emit::Tree;
use crate::files::Snapshot;
use crate::install::Releases;
use crate::project::{LARGEST_INCLUDE, Project};
use crate::repository::{Repository, RepositoryError};
use crate::tree::{self, Adopting, Makers};

/// What is generated and not in HEAD.
pub(super) struct Pending {
    /// `None` before the first commit.
    head: Option<Snapshot>,
    disk: Snapshot,
    trees: Changes,
}

impl Pending {
    /// Looks at HEAD; the tree is what a build is about to write.
    pub(super) fn find(project: &Project, tree: &Tree) -> anyhow::Result<Self> {
        let repository = Repository::around(&project.root).map_err(unreadable)?;
        let head = match repository.revision("HEAD") {
            Ok(head) => Some(repository.at(&head)),
            Err(RepositoryError::NoCommits { .. }) => None,
            Err(error) => return Err(unreadable(error)),
        };
        let mut existing = BTreeMap::new();
        if let Some(head) = &head {
            for cluster in &tree.clusters {
                existing.insert(cluster.name.clone(), tree::read(head, &cluster.folder)?);
            }
        }
        // What may be taken over was decided for the disk.
        let mut found = Diagnostics::default();
        let makers = Makers::of(&project.config, &existing, &project.snapshot);
        let plan = tree::plan(tree, &existing, &makers, Adopting::Decided, &mut found);
        if let Some(first) = found.into_sorted().into_iter().next() {
            anyhow::bail!(
                "in HEAD, {}\n  help: commit its removal first",
                first.message
            );
        }
        let mut trees = Changes::default();
        for cluster in &plan.clusters {
            let path = |path: &str| {
                project
                    .snapshot
                    .from_root(&format!("{}/{path}", cluster.folder))
            };
            trees
                .written
                .extend(cluster.write.iter().map(|(own, _)| path(own)));
            trees
                .removed
                .extend(cluster.remove.iter().map(|own| path(own)));
        }
        Ok(Self {
            head,
            disk: project.snapshot.clone(),
            trees,
        })
    }

    /// The changes of the trees, and of the lock as it stands on disk.
    pub(super) fn with_lock(&self, releases: &Releases) -> Changes {
        let mut changes = self.trees.clone();
        let lock = releases.lock_file();
        if let Some(name) = lock.file_name().filter(|name| self.differs(name)) {
            changes.written.push(self.disk.from_root(name));
        }
        changes
    }

    /// Whether a file of the project's folder is there and not as in HEAD.
    pub(super) fn differs(&self, name: &str) -> bool {
        let read = |from: &Snapshot| from.read(name, LARGEST_INCLUDE).ok().flatten();
        let now = read(&self.disk);
        now.is_some() && now != self.head.as_ref().and_then(read)
    }

    /// Commits what a build wrote, and says so.
    pub(super) fn commit(
        &self,
        committer: &Committer,
        releases: &Releases,
    ) -> anyhow::Result<String> {
        let Some(made) = committer.commit(&self.with_lock(releases))? else {
            return Ok("nothing to commit: HEAD has the generated files as they are\n".to_owned());
        };
        let files = match made.files {
            1 => "1 file".to_owned(),
            files => format!("{files} files"),
        };
        let branch = made.branch.map(|branch| format!(" on {branch}"));
        let branch = branch.unwrap_or_default();
        Ok(format!("committed {files} as {}{branch}\n", made.commit))
    }
}
