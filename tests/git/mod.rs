//! A repository made by the real git, and the real program run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// One cluster and two Kustomizations.
#[expect(
    clippy::allow_attributes,
    reason = "each test binary uses a part of it"
)]
#[allow(dead_code)]
pub const PROJECT: &str = r#"
[repo]
url = "ssh://git@github.com/acme/fleet"
[clusters.staging]
[kustomizations.apps]
path = "./apps"
[kustomizations.web]
path = "./web"
"#;

/// A repository in a temporary folder.
pub struct Repository {
    folder: tempfile::TempDir,
}

/// What a run of fluxgen said.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

#[expect(
    clippy::allow_attributes,
    reason = "each test binary uses a part of it"
)]
#[allow(dead_code)]
impl Repository {
    /// With the branch `main` and no commit.
    pub fn new() -> Self {
        let repository = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes files and commits everything.
    pub fn commit(&self, files: &[(&str, &str)]) {
        for (path, text) in files {
            self.write(path, text);
        }
        self.commit_all();
    }

    pub fn commit_all(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "change"]);
    }

    pub fn write(&self, path: &str, text: &str) {
        let file = self.path().join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(file, text).expect("written");
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).expect(path)
    }

    pub fn git(&self, args: &[&str]) -> String {
        git(self.path(), args)
    }

    pub fn fluxgen(&self, args: &[&str]) -> Run {
        fluxgen(self.path(), args)
    }

    /// Builds the trees and commits them with everything else.
    pub fn build_and_commit(&self) {
        let built = self.fluxgen(&["build"]);
        assert_eq!(built.code, Some(0), "{}{}", built.stdout, built.stderr);
        self.commit_all();
    }
}

/// Runs git, apart from the user's own settings.
pub fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args([
            "-c",
            "commit.gpgsign=false",
            "-c",
            "protocol.file.allow=always",
        ])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub fn fluxgen(folder: &Path, args: &[&str]) -> Run {
    run(command(folder).args(args))
}

/// The program, about to be run in a folder.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_fluxgen")));
    command
        .arg("-C")
        .arg(folder)
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE");
    command
}

pub fn run(command: &mut Command) -> Run {
    let output: Output = command.output().expect("the program runs");
    Run {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A report in JSON, held against its schema.
#[expect(
    clippy::allow_attributes,
    reason = "each test binary uses a part of it"
)]
#[allow(dead_code)]
pub fn report(text: &str) -> serde_json::Value {
    let report: serde_json::Value = serde_json::from_str(text).expect(text);
    let schema = std::fs::read_to_string("schemas/report.schema.json").expect("the schema");
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let faults: Vec<String> = validator
        .iter_errors(&report)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{faults:?}\n{text}");
    report
}
