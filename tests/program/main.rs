//! The program as users meet it: what its commands say, what it writes, and what it survives.

mod cluster_path;
mod folders;
mod git;
mod help;
mod init;
mod interrupted;
mod laws;
mod layout;
mod line_ends;
mod obstacles;
mod readme;
mod summary;
mod terminal;
mod where_flux_is;
mod writes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program, in a folder.
fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fluxgen"));
    command.arg("-C").arg(folder);
    command
}

fn fluxgen(folder: &Path, args: &[&str]) -> Output {
    command(folder)
        .args(args)
        .output()
        .expect("the program runs")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs and insists on exit code 0.
fn succeeds(folder: &Path, args: &[&str]) -> String {
    let output = fluxgen(folder, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", told(&output));
    printed(&output)
}

/// Runs and insists on an exit code; what was said on stderr.
fn fails(folder: &Path, code: i32, args: &[&str]) -> String {
    let output = fluxgen(folder, args);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{args:?}: {}",
        told(&output)
    );
    told(&output)
}

fn write(folder: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    std::fs::write(path, text).expect("written");
}

fn read(folder: &Path, path: &str) -> String {
    std::fs::read_to_string(folder.join(path)).expect(path)
}

/// A folder with a fluxgen.toml.
fn project(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "fluxgen.toml", text);
    folder
}

/// Every file below a folder, by path.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.expect("readable"))
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(folder).expect("below");
            let bytes = std::fs::read(entry.path()).expect("readable");
            (path.to_str().expect("UTF-8").to_owned(), bytes)
        })
        .collect()
}

fn copy(from: &Path, to: &Path) {
    for (path, bytes) in files(from) {
        write(to, &path, bytes);
    }
}

/// The projects of examples/ and tests/trees/, each in a folder of its own.
fn projects() -> Vec<(String, tempfile::TempDir)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for parent in ["examples", "tests/trees"] {
        let entries = std::fs::read_dir(root.join(parent)).expect("readable");
        let mut folders: Vec<PathBuf> = entries
            .map(|entry| entry.expect("readable").path())
            .collect();
        folders.sort();
        for folder in folders {
            if folder.join("fluxgen.toml").is_file() {
                let scratch = tempfile::tempdir().expect("a folder");
                copy(&folder, scratch.path());
                found.push((folder.display().to_string(), scratch));
            }
        }
    }
    assert!(found.len() >= 4);
    found
}

/// Whether a program is here; said aloud where it is not.
fn has(program: &str, args: &[&str]) -> bool {
    let works = Command::new(program)
        .args(args)
        .output()
        .is_ok_and(|run| run.status.success());
    if !works {
        eprintln!("skipped: {program} is not here");
    }
    works
}
