//! Two thousand mutations of the examples' TOML files: none makes the compiler panic, and each gives
//! either errors or a tree.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use camino::Utf8Path;
use fluxgen::diagnostic::render::{Style, human};
use fluxgen::files::{MemoryFiles, Snapshot};
use fluxgen::project::Project;
use rayon::prelude::*;
use walkdir::WalkDir;

/// How many of each example.
const COUNT: u64 = 1000;

/// What takes the place of a value, a key or a table's name.
const ODD: &[&str] = &[
    "\"\"",
    "0",
    "-1",
    "1.5",
    "nan",
    "true",
    "[]",
    "{}",
    "{ unset = true }",
    "{ file = \"values/monitoring.yaml\" }",
    "{ file = \"../x\" }",
    "{ imagePolicy = \"podinfo:tag\", initial = \"1\" }",
    "{ imagePolicy = \"a/b:nothing\" }",
    "\"${{ vars }}\"",
    "\"${{ cluster.name }}\"",
    "\"${{ inputs.name }}\"",
    "\"${{\"",
    "\"git.\"",
    "\"*\"",
    "\"../../x\"",
    "\"ä\\u0000\u{202e}\"",
    "[[[]]]",
    "[{ name = \"x\" }, 1, \"y\"]",
    "1979-05-27",
    "\"9999999h\"",
    "\"2.6.4\"",
    "\"(?P<a>\"",
];

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).expect("31 bits") % end.max(1)
    }
}

/// A few changes of a text.
fn mutate(text: &str, seed: u64) -> String {
    let mut numbers = Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(lines.len());
        let other = numbers.below(lines.len());
        match numbers.below(9) {
            0 => {
                lines.remove(at);
            }
            1 => {
                let line = lines[at].clone();
                lines.insert(other, line);
            }
            2 => lines.swap(at, other),
            3 | 4 => {
                if let Some((key, _)) = lines[at].split_once('=') {
                    lines[at] = format!("{key}= {}", ODD[numbers.below(ODD.len())]);
                }
            }
            5 => {
                let (a, b) = (lines[at].clone(), lines[other].clone());
                if let (Some((key, _)), Some((_, value))) = (a.split_once('='), b.split_once('=')) {
                    lines[at] = format!("{key}={value}");
                }
            }
            6 => {
                let characters: Vec<char> = lines[at].chars().collect();
                let gone = numbers.below(characters.len());
                let kept = characters.iter().enumerate();
                lines[at] = kept.filter(|(n, _)| *n != gone).map(|(_, c)| c).collect();
            }
            7 => {
                let mut characters: Vec<char> = lines[at].chars().collect();
                let place = numbers.below(characters.len() + 1);
                let odd: Vec<char> = "\"'[]{}=.#\\$*/-0aZ\t ,ü".chars().collect();
                characters.insert(place, odd[numbers.below(odd.len())]);
                lines[at] = characters.into_iter().collect();
            }
            _ => lines.truncate(lines.len() - numbers.below(4).min(lines.len() - 1)),
        }
        if lines.is_empty() {
            lines.push(String::new());
        }
    }
    lines.join("\n")
}

/// The files of an example but its TOML file.
fn example(name: &str) -> (String, BTreeMap<String, Vec<u8>>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name);
    let mut files = BTreeMap::new();
    for entry in WalkDir::new(&root).into_iter().filter_map(Result::ok) {
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(&root).expect("below");
            let bytes = std::fs::read(entry.path()).expect("read");
            files.insert(path.to_str().expect("UTF-8").replace('\\', "/"), bytes);
        }
    }
    let toml = files.remove("fluxgen.toml").expect("its TOML file");
    (String::from_utf8(toml).expect("UTF-8"), files)
}

fn compile(toml: &str, files: &BTreeMap<String, Vec<u8>>) -> Project {
    let mut memory = MemoryFiles::new();
    for (path, bytes) in files {
        memory.insert(path.as_str(), bytes.clone());
    }
    memory.insert("fluxgen.toml", toml);
    let snapshot = Snapshot::new(Arc::new(memory), "");
    Project::read(snapshot, Utf8Path::new("fluxgen.toml"), &[], None, &[])
        .expect("nothing on disk is at fault")
        .expect("there is a TOML file")
}

fn survives(name: &str) {
    let (toml, files) = example(name);
    let whole = compile(&toml, &files);
    assert!(!whole.diagnostics.has_errors(), "{:?}", whole.diagnostics);
    let panicked: Vec<(u64, String)> = (0..COUNT)
        .into_par_iter()
        .filter_map(|seed| {
            let mutated = mutate(&toml, seed);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let project = compile(&mutated, &files);
                let has_tree = project.built.is_some_and(|built| built.tree.is_some());
                assert_ne!(has_tree, project.diagnostics.has_errors());
                let found = project.diagnostics.into_sorted();
                human(&found, &project.sources, &Style::PLAIN);
            }));
            outcome.err().map(|_| (seed, mutated))
        })
        .collect();
    let seeds: Vec<u64> = panicked.iter().map(|(seed, _)| *seed).collect();
    let first = panicked.first().map(|(_, text)| text.as_str());
    assert!(
        panicked.is_empty(),
        "seeds {seeds:?}\n{}",
        first.unwrap_or_default()
    );
}

#[test]
fn a_thousand_mutations_of_the_quickstart_cause_no_panic() {
    survives("quickstart");
}

#[test]
fn a_thousand_mutations_of_the_fleet_cause_no_panic() {
    survives("fleet");
}
