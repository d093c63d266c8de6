//! What README shows is what the program does.

use std::path::Path;

use super::{project, read, succeeds};

/// The fenced blocks of one language, indented ones as well.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for line in text.lines() {
        let bare = line.trim_start();
        match &mut open {
            Some((_, block)) if bare == "```" => {
                found.push(std::mem::take(block));
                open = None;
            }
            Some((indent, block)) => {
                block.push_str(line.get(*indent..).unwrap_or_default());
                block.push('\n');
            }
            None if bare == format!("```{language}") => {
                open = Some((line.len() - bare.len(), String::new()));
            }
            None => {}
        }
    }
    found
}

fn readme() -> String {
    read(Path::new(env!("CARGO_MANIFEST_DIR")), "README.md")
}

#[test]
fn the_first_example_gives_what_stands_below_it() {
    let readme = readme();
    let example = &blocks(&readme, "toml")[0];
    assert!(example.lines().count() <= 25);
    let folder = project(example);
    succeeds(folder.path(), &["build"]);
    let apps = read(folder.path(), "clusters/staging/kustomizations/apps.yaml");
    assert_eq!(apps, blocks(&readme, "yaml")[0]);
}

#[test]
fn every_example_is_toml_that_the_editor_would_pass() {
    let schema = fluxgen::schema::editor_schema();
    let validator = jsonschema::draft7::new(&schema).expect("a schema");
    let blocks = blocks(&readme(), "toml");
    assert!(blocks.len() > 3);
    for block in blocks {
        let file: serde_json::Value =
            toml::from_str(&block).unwrap_or_else(|error| panic!("{error}{block}"));
        let faults: Vec<String> = validator
            .iter_errors(&file)
            .map(|fault| fault.to_string())
            .collect();
        assert!(faults.is_empty(), "{faults:?}\n{block}");
    }
}

#[test]
fn every_command_is_in_the_table() {
    let readme = readme();
    let help = succeeds(Path::new("."), &["--help"]);
    let listed = help.split("\nCommands:\n").nth(1).expect("commands");
    for line in listed.lines().take_while(|line| !line.is_empty()) {
        let is_name = line.starts_with("  ") && !line.starts_with("   ");
        let Some(name) = line
            .split_whitespace()
            .next()
            .filter(|name| is_name && *name != "help")
        else {
            continue;
        };
        let row = [format!("`{name}`"), format!("`{name} ")];
        assert!(row.iter().any(|row| readme.contains(row)), "{name}");
    }
}
