//! Lists the schemas and built-in templates, so that adding a file to their folders needs no Rust.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let out = PathBuf::from(env::var("OUT_DIR").expect("set by cargo"));

    let schemas = root.join("schemas");
    let kinds: Vec<_> = files(&schemas, 2)?
        .into_iter()
        .filter_map(|path| Some((path.strip_suffix(".json")?.to_owned(), path)))
        .collect();
    let mut text = table(
        "SCHEMAS",
        "JSON Schemas of Flux's kinds, by `<group>/<Kind>`.",
        &schemas,
        &kinds,
    );
    let definitions = schemas.join("definitions.json");
    writeln!(
        text,
        "/// Shapes that several kinds share.\npub(crate) static DEFINITIONS: &str = include_str!({definitions:?});"
    )
    .expect("writing to a string");
    fs::write(out.join("schemas.rs"), text)?;

    let templates = root.join("templates");
    let named: Vec<_> = files(&templates, usize::MAX)?
        .into_iter()
        .map(|path| (path.clone(), path))
        .collect();
    let text = table(
        "TEMPLATES",
        "Built-in templates, by path under `templates/`.",
        &templates,
        &named,
    );
    fs::write(out.join("templates.rs"), text)?;

    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=schemas");
    // A path that is not there yet would count as changed at every build.
    if templates.exists() {
        println!("cargo::rerun-if-changed=templates");
    }
    Ok(())
}

/// The files under `folder`, sorted, as paths with `/`. `depth` 2 takes only those inside subfolders, no deeper.
fn files(folder: &Path, depth: usize) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut waiting = vec![(folder.to_owned(), String::new(), 1)];
    while let Some((dir, prefix, level)) = waiting.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            if entry.file_type()?.is_dir() {
                if level < depth {
                    waiting.push((entry.path(), format!("{prefix}{name}/"), level + 1));
                }
            } else if depth == usize::MAX || level == depth {
                found.push(format!("{prefix}{name}"));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn table(name: &str, docs: &str, folder: &Path, rows: &[(String, String)]) -> String {
    let mut text = format!("/// {docs}\npub(crate) static {name}: &[(&str, &str)] = &[\n");
    for (key, path) in rows {
        writeln!(
            text,
            "    ({key:?}, include_str!({:?})),",
            folder.join(path)
        )
        .expect("writing to a string");
    }
    text.push_str("];\n");
    text
}
