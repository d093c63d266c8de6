//! git's pre-commit hook, for those without a hook manager: put in, and taken out without a trace.
//!
//! A hook that was there before keeps its bytes under another name and runs first. What somebody
//! changed since is never overwritten.

mod place;
mod script;

use anyhow::{Context as _, bail};
use camino::{Utf8Path, Utf8PathBuf};

use crate::files::writer::{Folder, Rights};
use crate::repository::Repository;
use place::HookPlace;
use script::{KEPT, Owner, Script};

/// What git calls before a commit.
const NAME: &str = "pre-commit";

/// The hook of the repository around a folder.
#[derive(Debug)]
pub(crate) struct Hook {
    place: HookPlace,
    path: Utf8PathBuf,
    kept: Utf8PathBuf,
}

/// What stands at the hook's path.
enum Standing {
    Nothing,
    Ours(Script),
    /// Ours, changed by somebody.
    Changed,
    Other,
}

/// What was done; paths as the user sees them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Installed {
        hook: Utf8PathBuf,
        /// Where the hook that was there before is kept, which runs first.
        kept: Option<Utf8PathBuf>,
        /// The hook lies in the work tree, to be committed or not.
        is_in_work_tree: bool,
    },
    /// It was as it should be.
    InstalledBefore {
        hook: Utf8PathBuf,
    },
    Removed {
        hook: Utf8PathBuf,
    },
    /// The hook that was there before is there again.
    Restored {
        hook: Utf8PathBuf,
    },
    /// The hook stays for other projects of the repository.
    Left {
        hook: Utf8PathBuf,
        configs: Vec<String>,
    },
    NothingToRemove {
        hook: Utf8PathBuf,
    },
}

impl Hook {
    pub(crate) fn find(folder: &Utf8Path) -> anyhow::Result<Self> {
        let place = HookPlace::find(folder)?;
        Ok(Self {
            path: place.hooks.join(NAME),
            kept: place.hooks.join(KEPT),
            place,
        })
    }

    /// Puts the check of one project in; `program` is what runs where no fluxgen is on the PATH.
    pub(crate) fn install(
        &self,
        config: &Utf8Path,
        program: Option<&Utf8Path>,
    ) -> anyhow::Result<Done> {
        // A hook that cannot read the repository would refuse every commit.
        if let Err(error) = Repository::around(&self.place.top) {
            bail!("{error}\n  help: {}", error.help());
        }
        let config = self.below_top(config)?;
        // Another machine has another path.
        let program = program.filter(|_| !self.place.is_in_work_tree);
        let mut script = Script {
            program: program.map(Utf8Path::to_owned),
            configs: vec![config.clone()],
        };
        let has_kept = self.kept.symlink_metadata().is_ok();
        let is_other = match self.standing()? {
            Standing::Nothing => false,
            Standing::Ours(there) => {
                script.configs.clone_from(&there.configs);
                if !script.configs.contains(&config) {
                    script.configs.push(config);
                }
                if script == there && script.text().as_bytes() == fs_err::read(&self.path)? {
                    return Ok(Done::InstalledBefore {
                        hook: self.place.shown(&self.path),
                    });
                }
                false
            }
            Standing::Changed => return Err(self.changed()),
            Standing::Other if has_kept => bail!(
                "`{}` is not fluxgen's, and `{}`, where it would be kept, is there too\n  help: remove or rename one of them",
                self.place.shown(&self.path),
                self.place.shown(&self.kept)
            ),
            Standing::Other => true,
        };
        fs_err::create_dir_all(&self.place.hooks)?;
        let hooks = self.folder()?;
        if is_other {
            hooks.rename(NAME, KEPT)?;
        }
        if let Err(error) = self.put(&hooks, &script) {
            if is_other {
                hooks.rename(KEPT, NAME)?;
            }
            return Err(error);
        }
        Ok(Done::Installed {
            hook: self.place.shown(&self.path),
            kept: (is_other || has_kept).then(|| self.place.shown(&self.kept)),
            is_in_work_tree: self.place.is_in_work_tree,
        })
    }

    /// Takes the check of one project out, or of all; with the last one the hook goes.
    pub(crate) fn uninstall(&self, config: Option<&Utf8Path>) -> anyhow::Result<Done> {
        let hook = self.place.shown(&self.path);
        let has_kept = self.kept.symlink_metadata().is_ok();
        let mut script = match self.standing()? {
            Standing::Ours(script) => script,
            Standing::Changed => return Err(self.changed()),
            Standing::Other if has_kept => bail!(
                "`{hook}` is not fluxgen's: somebody replaced it, and the hook that was there before is still `{}`\n  \
                 help: decide by hand which of them to keep",
                self.place.shown(&self.kept)
            ),
            Standing::Nothing if has_kept => {
                fs_err::rename(&self.kept, &self.path)?;
                return Ok(Done::Restored { hook });
            }
            Standing::Nothing | Standing::Other => return Ok(Done::NothingToRemove { hook }),
        };
        if let Some(config) = config {
            let config = self.below_top(config)?;
            let count = script.configs.len();
            script.configs.retain(|other| *other != config);
            if !script.configs.is_empty() {
                if script.configs.len() < count {
                    self.put(&self.folder()?, &script)?;
                }
                return Ok(Done::Left {
                    hook,
                    configs: script.configs,
                });
            }
        }
        if has_kept {
            fs_err::rename(&self.kept, &self.path)?;
            return Ok(Done::Restored { hook });
        }
        fs_err::remove_file(&self.path)?;
        Ok(Done::Removed { hook })
    }

    fn standing(&self) -> anyhow::Result<Standing> {
        let metadata = match self.path.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Standing::Nothing);
            }
            Err(error) => bail!("cannot read `{}`: {error}", self.place.shown(&self.path)),
        };
        if metadata.is_symlink() {
            return Ok(Standing::Other);
        }
        if !metadata.is_file() {
            bail!("`{}` is no file", self.place.shown(&self.path));
        }
        Ok(match Owner::of(&fs_err::read(&self.path)?) {
            Owner::Ours(script) => Standing::Ours(script),
            Owner::Changed => Standing::Changed,
            Owner::Other => Standing::Other,
        })
    }

    fn changed(&self) -> anyhow::Error {
        anyhow::anyhow!(
            "`{}` was changed since fluxgen installed it, and the changes would be lost\n  \
             help: move them to `{}`, which runs first, and remove the hook",
            self.place.shown(&self.path),
            self.place.shown(&self.kept)
        )
    }

    /// The TOML file as the hook names it.
    fn below_top(&self, config: &Utf8Path) -> anyhow::Result<String> {
        let folder = match config.parent() {
            Some(folder) if !folder.as_str().is_empty() => folder,
            _ => Utf8Path::new("."),
        };
        let name = config.file_name().context("the TOML file has no name")?;
        let full = folder.canonicalize_utf8()?.join(name);
        let Ok(below) = full.strip_prefix(&self.place.top) else {
            bail!("`{config}` is not in the repository `{}`", self.place.top);
        };
        if below.as_str().contains(char::is_control) {
            bail!("a hook cannot name {below:?}: it has a control character in it");
        }
        Ok(below.to_string())
    }

    /// The folder of hooks, without what a killed run left in it.
    fn folder(&self) -> anyhow::Result<Folder> {
        let folder = Folder::open(&self.place.hooks)?;
        folder.sweep()?;
        Ok(folder)
    }

    fn put(&self, hooks: &Folder, script: &Script) -> anyhow::Result<()> {
        hooks
            .write(NAME, script.text().as_bytes(), Rights::Executable)
            .with_context(|| format!("cannot write `{}`", self.place.shown(&self.path)))
    }
}
