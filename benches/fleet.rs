//! `cargo bench --bench fleet`: what the commands take on fleets of three sizes, beside `cp -r` and `diff -r`.
//!
//! `cargo bench --bench fleet -- 10x100` measures that size alone; with `--write=DIR` it only writes that
//! fleet's fluxgen.toml into a folder, to look at or to profile. Each row is the median of several runs of
//! the program as users start it, the files in the system's cache; the rows of one run follow each other, so
//! that other work on the machine slows them alike.

#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/process.rs"]
mod process;

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use fleet::Fleet;
use process::{Usage, run};

/// Clusters by resources.
const SIZES: [&str; 3] = ["1x10", "10x100", "1000x100"];

/// The rows of the table, in the order in which they are measured.
const ROWS: [&str; 9] = [
    "--version",
    "cp -r",
    "build, cold",
    "diff -r",
    "build, unchanged",
    "check",
    "diff",
    "diff, one line changed",
    "build, one line changed",
];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let folder = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("--write="));
    let mut fleets: Vec<Fleet> = arguments
        .iter()
        .filter_map(|argument| fleet_of(argument))
        .collect();
    if fleets.is_empty() {
        fleets.extend(SIZES.iter().filter_map(|size| fleet_of(size)));
    }
    for fleet in fleets {
        match folder {
            Some(folder) => fleet.write(Path::new(folder)).expect("written"),
            None => report(&fleet),
        }
    }
}

/// The fleet of a size such as `10x100`.
fn fleet_of(size: &str) -> Option<Fleet> {
    let (clusters, resources) = size.split_once('x')?;
    Some(Fleet {
        clusters: clusters.parse().ok()?,
        resources: resources.parse().ok()?,
    })
}

fn report(fleet: &Fleet) {
    let runs = if fleet.clusters < 100 { 21 } else { 5 };
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("fleet");
    fleet.write(&root).expect("written");
    run(fluxgen(&root).arg("build"), 0);
    bump(&root.join("clusters"));
    let (files, bytes) = size(&root.join("clusters"));
    println!(
        "{} clusters of {} resources: {files} files, {:.1} MB",
        fleet.clusters,
        fleet.resources,
        megabytes(bytes)
    );
    assert!(files >= fleet.clusters * fleet.resources, "{files} files");

    let mut measured: Vec<Vec<Usage>> = vec![Vec::new(); ROWS.len()];
    for number in 0..runs {
        let fresh = folder.path().join(format!("{number}"));
        fleet.write(&fresh).expect("written");
        for (row, usage) in measured.iter_mut().zip(once(&root, &fresh)) {
            row.push(usage);
        }
    }
    println!(
        "{:25}{:>12}{:>12}{:>12}{:>12}",
        "", "median", "fastest", "CPU", "memory"
    );
    let mut medians = Vec::new();
    for (name, mut usages) in ROWS.iter().zip(measured) {
        usages.sort_by_key(|usage| usage.cpu);
        let cpu = usages[usages.len() / 2].cpu;
        usages.sort_by_key(|usage| usage.wall);
        let median = usages[usages.len() / 2].wall;
        let peak = usages.iter().map(|usage| usage.peak).max().unwrap_or(0);
        let milliseconds =
            |time: std::time::Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
        println!(
            "{name:25}{:>12}{:>12}{:>12}{:>12}",
            milliseconds(median),
            milliseconds(usages[0].wall),
            milliseconds(cpu),
            format!("{:.0} MB", megabytes(peak))
        );
        medians.push(median.as_secs_f64());
    }
    println!(
        "cold is {:.2} times cp -r, unchanged {:.2} times diff -r\n",
        medians[2] / medians[1],
        medians[4] / medians[3]
    );
}

/// What image automation does: every marked tag is another one, the same in all clusters.
fn bump(clusters: &Path) {
    let files = walkdir::WalkDir::new(clusters).into_iter();
    for entry in files.filter_map(Result::ok) {
        if entry
            .path()
            .parent()
            .is_some_and(|folder| folder.ends_with("helm-releases"))
        {
            let text = fs::read_to_string(entry.path()).expect("read");
            if text.contains("\"1.4.2\" # {") {
                let text = text.replace("\"1.4.2\" # {", "\"1.5.0\" # {");
                fs::write(entry.path(), text).expect("written");
            }
        }
    }
}

/// Every row once. What is written is written into new folders and removed at the very end: a file system may
/// take longer to make a file where one was removed a moment ago.
fn once(root: &Path, fresh: &Path) -> [Usage; ROWS.len()] {
    // Not in the project, whose image checks look at every file.
    let (clusters, copy) = (root.join("clusters"), fresh.with_extension("copy"));
    let version = run(fluxgen(root).arg("--version"), 0);
    let copied = run(Command::new("cp").arg("-r").arg(&clusters).arg(&copy), 0);
    let cold = run(fluxgen(fresh).arg("build"), 0);
    let compared = run(Command::new("diff").arg("-r").arg(&clusters).arg(&copy), 0);
    let unchanged = run(fluxgen(root).arg("build"), 0);
    let check = run(fluxgen(root).arg("check"), 0);
    let diff = run(fluxgen(root).arg("diff"), 0);

    let toml = root.join("fluxgen.toml");
    let text = fs::read_to_string(&toml).expect("read");
    let line = "chart = \"web\", version = \"1.x\"";
    let edited = text.replacen(line, "chart = \"web\", version = \"1.2.x\"", 1);
    assert_ne!(text, edited);
    fs::write(&toml, &edited).expect("written");
    let changes = run(fluxgen(root).arg("diff"), 1);
    let changed = run(fluxgen(root).arg("build"), 0);
    fs::write(&toml, &text).expect("written");
    run(fluxgen(root).arg("build"), 0);
    [
        version, copied, cold, compared, unchanged, check, diff, changes, changed,
    ]
}

fn fluxgen(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fluxgen"));
    command.arg("-C").arg(root);
    command
}

/// Files and their bytes.
fn size(folder: &Path) -> (usize, u64) {
    let files = walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok);
    files
        .filter(|entry| entry.file_type().is_file())
        .fold((0, 0), |(count, bytes), entry| {
            (
                count + 1,
                bytes + entry.metadata().map_or(0, |metadata| metadata.len()),
            )
        })
}

#[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
