//! The process's surroundings as plain data: variables, the working folder, a terminal to talk to.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use camino::Utf8PathBuf;

use super::error::{Error, Result};
use super::secret::Secret;

/// The variables that child programs get, and where the project lies.
#[derive(Debug, Clone)]
pub struct Environment {
    vars: BTreeMap<OsString, OsString>,
    /// The folder that holds `fluxgen.toml`.
    pub project: Utf8PathBuf,
}

/// What somebody at the keyboard said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    /// Nobody can be asked: no terminal.
    Nobody,
}

/// Where a run says what it does. Everything goes to standard error in the command.
pub trait Ui {
    /// The plan, which is what somebody may want to keep.
    fn plan(&self, text: &str) {
        self.say(text);
    }
    /// A line that stays.
    fn say(&self, text: &str);
    /// What is being waited for; a terminal may overwrite it, a log may leave it out.
    fn progress(&self, text: &str);
    fn confirm(&self, question: &str) -> Answer;
    /// Asks for a secret that the screen does not show; `None` where nobody can be asked.
    fn secret(&self, question: &str) -> Option<Secret>;
}

impl Environment {
    pub fn of_process(project: impl Into<Utf8PathBuf>) -> Self {
        Self::new(project, std::env::vars_os())
    }

    pub fn new<K, V>(
        project: impl Into<Utf8PathBuf>,
        vars: impl IntoIterator<Item = (K, V)>,
    ) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        Self {
            vars: vars
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
            project: project.into(),
        }
    }

    /// The variable's value, unless it is empty or not Unicode.
    pub fn var(&self, name: &str) -> Option<&str> {
        let value = self.vars.get(OsStr::new(name))?.to_str()?;
        (!value.is_empty()).then_some(value)
    }

    pub(crate) fn vars(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.vars.iter()
    }

    /// The program's full path, found on this environment's `PATH`.
    pub(crate) fn find_program(&self, name: &str) -> Option<std::path::PathBuf> {
        let path = self.vars.get(OsStr::new("PATH"))?;
        std::env::split_paths(path)
            .map(|dir| dir.join(name))
            .find(|file| is_executable(file))
    }

    /// `$XDG_STATE_HOME/fluxgen`, or `$HOME/.local/state/fluxgen`.
    ///
    /// Source: <https://specifications.freedesktop.org/basedir-spec/latest/>, which also says
    /// that a relative path there is to be ignored.
    pub(crate) fn state_dir(&self) -> Result<Utf8PathBuf> {
        let absolute = |name: &str| {
            self.var(name)
                .map(Utf8PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        absolute("XDG_STATE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
            .map(|dir| dir.join("fluxgen"))
            .ok_or_else(|| {
                Error::new("neither `XDG_STATE_HOME` nor `HOME` names a folder for the journal")
                    .help("set `XDG_STATE_HOME` to a folder of yours")
            })
    }
}

#[cfg(unix)]
fn is_executable(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &std::path::Path) -> bool {
    file.is_file() || file.with_extension("exe").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_state_folder_is_ignored() {
        let env = Environment::new(".", [("XDG_STATE_HOME", "here"), ("HOME", "/home/me")]);
        assert_eq!(env.state_dir().unwrap(), "/home/me/.local/state/fluxgen");
        assert!(Environment::new(".", [("HOME", "")]).state_dir().is_err());
    }
}
