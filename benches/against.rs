//! `cargo bench --bench against`: what `fluxgen diff --against` takes on fleets of two sizes, beside
//! `git diff --stat` of the same change.
//!
//! `cargo bench --bench against -- 10x100` measures that size alone. Each row is the median of several runs of
//! the program as users start it, the files in the system's cache.

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
const SIZES: [&str; 2] = ["10x100", "1000x100"];

/// A row's name, its program and its arguments.
type Row = (&'static str, &'static str, &'static [&'static str]);

/// What is measured where nothing differs, where one line of the TOML file and its trees do, and where
/// that is committed.
const ROWS: [&[Row]; 3] = [
    &[
        (
            "git diff --stat, no change",
            "git",
            &["diff", "--stat", "HEAD"],
        ),
        ("diff, no change", "fluxgen", &["diff", "--against", "HEAD"]),
    ],
    &[
        (
            "git diff --stat, working tree",
            "git",
            &["diff", "--stat", "HEAD"],
        ),
        (
            "diff, working tree",
            "fluxgen",
            &["diff", "--against", "HEAD"],
        ),
        (
            "diff, as markdown and JSON",
            "fluxgen",
            &[
                "diff",
                "--against",
                "HEAD",
                "--format",
                "markdown",
                "--format",
                "json=/dev/null",
            ],
        ),
    ],
    &[
        (
            "git diff --stat, two commits",
            "git",
            &["diff", "--stat", "HEAD~1", "HEAD"],
        ),
        (
            "diff, two commits",
            "fluxgen",
            &["diff", "--against", "HEAD~1", "--head", "HEAD"],
        ),
        ("check --staged", "fluxgen", &["check", "--staged"]),
    ],
];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let mut fleets: Vec<Fleet> = arguments.iter().filter_map(|size| fleet_of(size)).collect();
    if fleets.is_empty() {
        fleets.extend(SIZES.iter().filter_map(|size| fleet_of(size)));
    }
    for fleet in fleets {
        report(&fleet);
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
    let root = folder.path();
    fleet.write(root).expect("written");
    git(root, &["init", "--quiet"]);
    run(program(root, "fluxgen").arg("build"), 0);
    commit(root);
    println!(
        "{} clusters of {} resources",
        fleet.clusters, fleet.resources
    );
    println!(
        "{:32}{:>12}{:>12}{:>12}{:>12}",
        "", "median", "fastest", "CPU", "memory"
    );
    for (number, rows) in ROWS.iter().enumerate() {
        match number {
            0 => {}
            1 => {
                change(root);
                run(program(root, "fluxgen").arg("build"), 0);
            }
            _ => commit(root),
        }
        for (name, kind, arguments) in *rows {
            let measured = (0..runs).map(|_| run(program(root, kind).args(*arguments), 0));
            tell(name, measured.collect());
        }
    }
    println!();
}

fn tell(name: &str, mut usages: Vec<Usage>) {
    usages.sort_by_key(|usage| usage.cpu);
    let cpu = usages[usages.len() / 2].cpu;
    usages.sort_by_key(|usage| usage.wall);
    let milliseconds = |time: std::time::Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    let peak = usages.iter().map(|usage| usage.peak).max().unwrap_or(0);
    println!(
        "{name:32}{:>12}{:>12}{:>12}{:>12}",
        milliseconds(usages[usages.len() / 2].wall),
        milliseconds(usages[0].wall),
        milliseconds(cpu),
        format!("{} MB", peak / 1_000_000)
    );
}

/// Another chart version, which every cluster gets.
fn change(root: &Path) {
    let toml = root.join("fluxgen.toml");
    let text = fs::read_to_string(&toml).expect("read");
    let edited = text.replacen(
        "chart = \"web\", version = \"1.x\"",
        "chart = \"web\", version = \"1.2.x\"",
        1,
    );
    assert_ne!(text, edited);
    fs::write(&toml, &edited).expect("written");
}

fn program(root: &Path, name: &str) -> Command {
    let mut command = match name {
        "git" => Command::new("git"),
        _ => Command::new(env!("CARGO_BIN_EXE_fluxgen")),
    };
    command.arg("-C").arg(root);
    command
}

fn git(root: &Path, arguments: &[&str]) {
    let mut command = program(root, "git");
    command.args([
        "-c",
        "user.name=bench",
        "-c",
        "user.email=bench@example.com",
    ]);
    run(command.args(["-c", "gc.auto=0"]).args(arguments), 0);
}

fn commit(root: &Path) {
    git(root, &["add", "--all"]);
    git(root, &["commit", "--quiet", "--message", "change"]);
}
