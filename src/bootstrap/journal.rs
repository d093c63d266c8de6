//! What an earlier run had begun: a small file that lets the next run say where it goes on.
//!
//! The journal never says that something exists; every step looks for itself. It holds what
//! cannot be looked up: what this tool pushed, what somebody confirmed. No secrets.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::{Error, Result};
use crate::files::writer::{Folder, Rights};

#[derive(Debug)]
pub(crate) struct Journal {
    path: Utf8PathBuf,
    record: Record,
    /// Why an existing journal could not be used.
    pub(crate) complaint: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Record {
    version: u32,
    repository: String,
    cluster: String,
    /// The commit pushed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    /// The fingerprint of the deploy key that somebody said they had added by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_deploy_key: Option<String>,
    #[serde(default)]
    steps: BTreeMap<String, StepState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StepState {
    Begun,
    Done,
}

impl Journal {
    const VERSION: u32 = 1;

    /// The journal of this repository and cluster: `bootstrap/<hash>.toml` in the state folder.
    ///
    /// One that cannot be read or is of another version is replaced: nothing hangs on it.
    pub(crate) fn open(state_dir: &Utf8Path, repository: &str, cluster: &str) -> Result<Self> {
        let hash = Sha256::digest(format!("{repository}\0{cluster}"));
        let name: String = hash
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let path = state_dir.join("bootstrap").join(format!("{name}.toml"));
        let fresh = Record {
            version: Self::VERSION,
            repository: repository.to_owned(),
            cluster: cluster.to_owned(),
            ..Record::default()
        };
        let (record, complaint) = match fs_err::read_to_string(&path) {
            Ok(text) => match toml::from_str::<Record>(&text) {
                Ok(record) if record.version == Self::VERSION => (record, None),
                Ok(record) => (fresh, Some(format!("it is of version {}", record.version))),
                Err(error) => (fresh, Some(error.message().to_owned())),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => (fresh, None),
            Err(error) => (fresh, Some(error.to_string())),
        };
        let complaint = complaint.map(|why| format!("the journal `{path}` is begun anew: {why}"));
        Ok(Self {
            path,
            record,
            complaint,
        })
    }

    /// The step that an earlier run was in when it ended.
    pub(crate) fn interrupted(&self) -> Option<&str> {
        let begun = |state: &StepState| *state == StepState::Begun;
        self.record
            .steps
            .iter()
            .find_map(|(step, state)| begun(state).then_some(step.as_str()))
    }

    pub(crate) fn begin(&mut self, step: &str) -> Result<()> {
        self.record.steps.insert(step.to_owned(), StepState::Begun);
        self.save()
    }

    pub(crate) fn done(&mut self, step: &str) -> Result<()> {
        self.record.steps.insert(step.to_owned(), StepState::Done);
        self.save()
    }

    /// Drops the marks of steps that turned out to have nothing left to do.
    pub(crate) fn settle(&mut self) -> Result<()> {
        if self.interrupted().is_none() {
            return Ok(());
        }
        for state in self.record.steps.values_mut() {
            *state = StepState::Done;
        }
        self.save()
    }

    pub(crate) fn commit(&self) -> Option<&str> {
        self.record.commit.as_deref()
    }

    pub(crate) fn set_commit(&mut self, commit: &str) -> Result<()> {
        self.record.commit = Some(commit.to_owned());
        self.save()
    }

    pub(crate) fn confirmed_deploy_key(&self) -> Option<&str> {
        self.record.confirmed_deploy_key.as_deref()
    }

    pub(crate) fn confirm_deploy_key(&mut self, fingerprint: &str) -> Result<()> {
        self.record.confirmed_deploy_key = Some(fingerprint.to_owned());
        self.save()
    }

    /// A kill leaves the old or the new one.
    fn save(&self) -> Result<()> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::new(format!(
                "the journal `{}` cannot be written: {error}",
                self.path
            ))
            .help("point `XDG_STATE_HOME` at a folder you may write to")
        };
        let text = toml::to_string(&self.record).map_err(|error| failed(&error))?;
        let dir = self.path.parent().unwrap_or(Utf8Path::new("."));
        let name = self.path.file_name().unwrap_or_default();
        fs_err::create_dir_all(dir)
            .and_then(|()| Folder::open(dir))
            .and_then(|folder| folder.write_durably(name, text.as_bytes(), Rights::Private))
            .map_err(|error| failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        (dir, path)
    }

    #[test]
    fn a_step_that_was_begun_and_not_done_is_where_the_next_run_goes_on() {
        let (_dir, path) = folder();
        let mut journal = Journal::open(&path, "ssh://h/a/b", "prod").unwrap();
        assert_eq!(journal.interrupted(), None);
        journal.begin("commit").unwrap();
        journal.done("commit").unwrap();
        journal.begin("components").unwrap();
        let again = Journal::open(&path, "ssh://h/a/b", "prod").unwrap();
        assert_eq!(again.interrupted(), Some("components"));
        assert_eq!(again.record, journal.record);
    }

    #[test]
    fn two_clusters_of_a_repository_have_journals_of_their_own() {
        let (_dir, path) = folder();
        Journal::open(&path, "r", "a")
            .unwrap()
            .begin("commit")
            .unwrap();
        assert_eq!(Journal::open(&path, "r", "b").unwrap().interrupted(), None);
    }

    #[test]
    fn a_broken_journal_is_begun_anew_and_said() {
        let (_dir, path) = folder();
        let mut journal = Journal::open(&path, "r", "a").unwrap();
        journal.begin("commit").unwrap();
        fs_err::write(&journal.path, "half a").unwrap();
        let again = Journal::open(&path, "r", "a").unwrap();
        assert!(again.complaint.is_some() && again.interrupted().is_none());
    }
}
