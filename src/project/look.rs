//! All that is looked for in a compiled project, in one list for `build`, `check`, the hook and `diff --against`.

use camino::Utf8PathBuf;

use super::Project;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::image::scan;
use crate::install::folder;
use crate::repository::Repository;
use crate::review::{declares_renames, unsafe_renames};
use crate::tree::{self, Plan};

/// Who asks, and what follows from it.
pub(crate) enum Asker<'a> {
    /// What the trees hold is about to be replaced, and is not judged; files that may be adopted.
    Build(&'a [Utf8PathBuf]),
    /// What is committed is what Flux gets.
    Check,
    /// The same, beside a forecast that reports renames itself.
    Diff,
}

impl Project {
    /// Looks at all that there is; `only` are the clusters that are asked for, empty for all. What was found while
    /// compiling is part of what is found. The plan is `None` where there is no tree.
    pub(crate) fn look(
        &mut self,
        asker: &Asker<'_>,
        only: &[String],
    ) -> anyhow::Result<(Diagnostics, Option<Plan>)> {
        let mut diagnostics = std::mem::take(&mut self.diagnostics);
        let adopted = match asker {
            Asker::Build(adopted) => *adopted,
            Asker::Check | Asker::Diff => &[],
        };
        let plan = self.plan(adopted, &mut diagnostics);
        if !matches!(asker, Asker::Diff) {
            diagnostics.extend(self.renamed_in_one_step()?);
        }
        scan::scan(self, &mut diagnostics);
        if !matches!(asker, Asker::Build(_)) {
            self.hold_manifests();
            self.look_at_trees(only, &mut diagnostics);
        }
        if !diagnostics.has_errors() {
            diagnostics.tell_unused_ignores(|_| true);
        }
        Ok((diagnostics, plan))
    }

    /// What is wrong with the files that are there, whatever a build would make of them.
    fn look_at_trees(&self, only: &[String], diagnostics: &mut Diagnostics) {
        tree::tell_conflicts(&self.existing, diagnostics);
        if let Some(built) = &self.built {
            let settings = &built.resolved.settings;
            folder::missing(settings, &self.existing, only, diagnostics);
        }
        self.look_at_manifests(only, diagnostics);
    }

    /// The renames of a project whose gate is on, held against what is committed. Without a commit there is
    /// nothing that Flux could have applied.
    fn renamed_in_one_step(&self) -> anyhow::Result<Vec<Diagnostic>> {
        if !declares_renames(self) {
            return Ok(Vec::new());
        }
        let Ok(repository) = Repository::around(&self.root) else {
            return Ok(Vec::new());
        };
        let Ok(revision) = repository.revision("HEAD") else {
            return Ok(Vec::new());
        };
        let config = self.root.join(&self.config);
        let base = Self::read(repository.at(&revision), &config, &[], None, &[])?;
        Ok(base.map_or_else(Vec::new, |base| unsafe_renames(&base, self)))
    }
}
