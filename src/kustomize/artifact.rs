//! Which files of a repository the artifact of a source holds: source-controller leaves out what its own list,
//! `.sourceignore` files and `spec.ignore` exclude, the last one that matches deciding.
//!
//! Source: <https://fluxcd.io/flux/components/source/gitrepositories/#ignore> and
//! github.com/fluxcd/pkg/sourceignore, v0.18.0.

use crate::go::glob::matches;

/// What a source leaves out of its artifact, beside what every source does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Artifact {
    /// `spec.ignore`.
    pub ignore: Option<String>,
    /// `spec.sparseCheckout`; empty: everything.
    pub sparse: Vec<String>,
}

/// What every source leaves out.
///
/// Source: <https://fluxcd.io/flux/components/source/gitrepositories/#default-exclusions>
const DEFAULTS: &str = "\
.git/
.gitignore
.gitmodules
.gitattributes
*.jpg
*.jpeg
*.gif
*.png
*.wmv
*.flv
*.tar.gz
*.zip
.github/
.circleci/
.travis.yml
.gitlab-ci.yml
appveyor.yml
.drone.yml
cloudbuild.yaml
codeship-services.yml
codeship-steps.yml
**/.goreleaser.yml
**/.sops.yaml
**/.flux.yaml
";

/// Patterns in their order, those of a `.sourceignore` for what is below its folder.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns(Vec<Pattern>);

#[derive(Debug, Clone)]
struct Pattern {
    /// Between slashes; a pattern without a slash is for the names of any folder or file.
    parts: Vec<String>,
    is_path: bool,
    includes: bool,
    only_folders: bool,
}

impl Patterns {
    pub(super) fn defaults() -> Self {
        Self::read(DEFAULTS)
    }

    /// Reads the lines of an ignore file.
    pub(super) fn read(text: &str) -> Self {
        let lines = text.lines();
        let lines = lines.filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        Self(lines.map(Pattern::read).collect())
    }

    /// What the last pattern that matches a path says, from the folder of the patterns on: it is left out or it is
    /// not. `None`: no pattern matches.
    pub(super) fn excludes(&self, path: &str, is_folder: bool) -> Option<bool> {
        let parts: Vec<&str> = path.split('/').collect();
        let pattern = self
            .0
            .iter()
            .rev()
            .find(|it| it.matches(&parts, is_folder))?;
        Some(!pattern.includes)
    }
}

impl Pattern {
    fn read(line: &str) -> Self {
        let (includes, line) = match line.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let line = match line.ends_with("\\ ") {
            true => line,
            false => line.trim_end_matches(' '),
        };
        let (only_folders, line) = match line.strip_suffix('/') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        Self {
            parts: line.split('/').map(str::to_owned).collect(),
            is_path: line.contains('/'),
            includes,
            only_folders,
        }
    }

    fn matches(&self, path: &[&str], is_folder: bool) -> bool {
        match self.is_path {
            true => self.matches_path(path, is_folder),
            false => self.matches_name(path, is_folder),
        }
    }

    fn matches_name(&self, path: &[&str], is_folder: bool) -> bool {
        let is = |name: &&str| matches(self.parts[0].as_bytes(), name.as_bytes()) == Ok(true);
        match path.iter().position(is) {
            Some(at) => !self.only_folders || is_folder || at + 1 < path.len(),
            None => false,
        }
    }

    /// What is below a folder that matches matches as well.
    fn matches_path(&self, mut path: &[&str], is_folder: bool) -> bool {
        let mut is_matched = false;
        let mut is_deep = false;
        for (at, part) in self.parts.iter().enumerate() {
            match part.as_str() {
                "" => is_deep = false,
                "**" if at + 1 == self.parts.len() => break,
                "**" => is_deep = true,
                part if part.contains("**") => return false,
                part => {
                    let is = |name: &&str| matches(part.as_bytes(), name.as_bytes()) == Ok(true);
                    let found = match std::mem::take(&mut is_deep) {
                        true => path.iter().position(is),
                        false => path.first().is_some_and(is).then_some(0),
                    };
                    let Some(found) = found else { return false };
                    is_matched = true;
                    path = &path[found + 1..];
                }
            }
        }
        is_matched && (!self.only_folders || is_folder || !path.is_empty())
    }
}

impl Artifact {
    /// Whether a sparse checkout has a path.
    pub(super) fn is_checked_out(&self, path: &str) -> bool {
        let mut folders = self.sparse.iter();
        self.sparse.is_empty()
            || folders.any(|folder| {
                let folder = crate::files::path::from_root(folder);
                // A folder above one that is checked out is there, too.
                path.starts_with(&folder) || folder.starts_with(&format!("{path}/"))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_pattern_that_matches_decides() {
        // As github.com/fluxcd/pkg/sourceignore matches.
        for (patterns, path, expected) in [
            ("/*\n!/deploy", "deploy/a.yaml", Some(false)),
            ("/*\n!/deploy", "other/a.yaml", Some(true)),
            ("*.md", "a/b.md", Some(true)),
            ("docs/", "docs", None),
            ("docs/", "a/docs/b.yaml", Some(true)),
            ("/docs/", "a/docs/b.yaml", None),
            ("a/**/c.yaml", "a/b/d/c.yaml", Some(true)),
            ("a/**/c.yaml", "a/c.yaml", Some(true)),
            ("**/c.yaml", "a/b/c.yaml", Some(true)),
            ("a/**", "a/b/c.yaml", Some(true)),
            ("a/*.yaml", "a/b/c.yaml", None),
            ("# comment\n\n!x.yaml", "x.yaml", Some(false)),
        ] {
            let excludes = Patterns::read(patterns).excludes(path, false);
            assert_eq!(excludes, expected, "{patterns:?} {path}");
        }
        let defaults = Patterns::defaults();
        assert_eq!(defaults.excludes("apps/.sops.yaml", false), Some(true));
        assert_eq!(
            defaults.excludes(".github/workflows/a.yaml", false),
            Some(true)
        );
        assert_eq!(defaults.excludes("apps/a.yaml", false), None);
    }
}
