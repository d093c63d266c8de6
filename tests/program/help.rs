//! What the commands say of themselves, completions and the manual page.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{fluxgen, has, printed, succeeds};

/// The help of a command, and of those below it, each under its name.
fn collect(command: &mut Vec<String>, all: &mut String) {
    let mut args: Vec<&str> = command.iter().map(String::as_str).collect();
    args.push("--help");
    let help = succeeds(Path::new("."), &args);
    let name: Vec<&str> = std::iter::once("fluxgen")
        .chain(command.iter().map(String::as_str))
        .collect();
    let _ = write!(all, "==== {}\n\n{help}\n", name.join(" "));
    let listed = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let names: Vec<String> = listed
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect();
    for name in names {
        command.push(name);
        collect(command, all);
        command.pop();
    }
}

#[test]
fn the_help_of_every_command_is_what_was_read() {
    let mut all = String::new();
    collect(&mut Vec::new(), &mut all);
    assert!(all.matches("==== ").count() > 10);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/help.txt");
    if std::env::var_os("FLUXGEN_UPDATE_HELP").is_some() {
        std::fs::write(&path, &all).expect("writable");
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (new, old)) in all.lines().zip(known.lines()).enumerate() {
        assert_eq!(
            new,
            old,
            "line {}: read the new text, then run `FLUXGEN_UPDATE_HELP=1 cargo test --test program help`",
            line + 1
        );
    }
    assert_eq!(all.lines().count(), known.lines().count());
}

#[test]
fn every_help_fits_eighty_columns_and_has_examples() {
    let mut all = String::new();
    collect(&mut Vec::new(), &mut all);
    for help in all.split("==== ").skip(1) {
        let name = help.lines().next().unwrap_or_default();
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
        let has_commands = help.contains("\nCommands:\n");
        assert!(has_commands || help.contains("\nExamples:\n"), "{name}");
        // Each example is a line of its own: one that was too long would have been wrapped.
        let examples = help.split("\nExamples:\n").nth(1).unwrap_or_default();
        for line in examples.lines().filter(|line| !line.is_empty()) {
            let is_example = line.starts_with("  ") && line.contains("fluxgen");
            assert!(is_example, "{name}: `{line}` is no example");
        }
    }
}

/// Lines that continue a paragraph have to fit, else their ends are wrapped to lines of their own.
#[test]
fn paragraphs_of_the_help_are_broken_where_eighty_columns_end() {
    let block = regex::Regex::new(r#"after_(?:long_)?help = "\\\n((?s).*?)"\s*\)?\]?"#);
    let block = block.expect("a pattern");
    let cli = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli");
    let mut seen = 0;
    for (path, bytes) in super::files(&cli) {
        let text = String::from_utf8(bytes).expect("UTF-8");
        for found in block.captures_iter(&text) {
            seen += 1;
            let lines: Vec<&str> = found[1].lines().collect();
            for (at, line) in lines.iter().enumerate() {
                let is_joined = line.ends_with('\\');
                let is_alone = is_joined || lines.get(at + 1).is_none_or(|next| next.is_empty());
                assert!(is_alone || line.chars().count() <= 80, "{path}: {line}");
            }
        }
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn completions_load_in_the_shells_that_are_here() {
    let home = tempfile::tempdir().expect("a folder");
    for (shell, check, completion) in [
        (
            "bash",
            "source /dev/stdin && complete -p fluxgen",
            "_fluxgen",
        ),
        (
            "zsh",
            // Without `-D` it writes what it found into a file.
            "autoload -U compinit && compinit -u -D; source /dev/stdin; whence _fluxgen",
            "_fluxgen",
        ),
        ("fish", "source -; complete -C 'fluxgen bui'", "build"),
    ] {
        let script = succeeds(Path::new("."), &["completions", shell]);
        assert!(script.contains("explain"), "{shell}");
        if !has(shell, &["--version"]) {
            continue;
        }
        let mut child = Command::new(shell)
            .args(["-c", check])
            .current_dir(home.path())
            .env("HOME", home.path())
            .env("ZDOTDIR", home.path())
            .env("XDG_CONFIG_HOME", home.path())
            .env("XDG_DATA_HOME", home.path())
            .env("XDG_CACHE_HOME", home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the shell runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut stdin, script.as_bytes()).expect("written");
        drop(stdin);
        let output = child.wait_with_output().expect("the shell ends");
        assert!(
            output.status.success() && printed(&output).contains(completion),
            "{shell}: {}",
            super::told(&output)
        );
    }
    let unknown = fluxgen(Path::new("."), &["completions", "tcsh"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn the_manual_page_names_every_command_and_renders() {
    let page = succeeds(Path::new("."), &["man"]);
    for command in [
        "init",
        "build",
        "check",
        "diff",
        "explain",
        "schema",
        "completions",
    ] {
        assert!(page.contains(command), "{command}");
    }
    assert!(
        page.contains("fluxgen explain helmReleases"),
        "the examples are there"
    );
    let of_command = succeeds(Path::new("."), &["man", "image", "test"]);
    assert!(of_command.contains("fluxgen\\-image\\-test") && of_command.contains("registry"));
    let unknown = super::fails(Path::new("."), 2, &["man", "bild"]);
    assert!(unknown.contains("did you mean `build`?"), "{unknown}");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("fluxgen.1");
    std::fs::write(&file, &page).expect("written");
    for (program, args) in [
        ("mandoc", &["-T", "lint", "-W", "error"][..]),
        ("man", &["--warnings", "-l"][..]),
    ] {
        let output = Command::new(program).args(args).arg(&file).output();
        let Ok(output) = output else {
            eprintln!("skipped: {program} is not here");
            continue;
        };
        assert!(
            output.status.success(),
            "{program}: {}",
            super::told(&output)
        );
        assert_eq!(super::told(&output), "", "{program}");
    }
}

#[test]
fn a_misspelt_command_or_flag_gets_the_nearest() {
    for (args, near) in [
        (&["bild"][..], "build"),
        (&["build", "--cluter", "x"][..], "--cluster"),
    ] {
        let output = fluxgen(Path::new("."), args);
        assert_eq!(output.status.code(), Some(2));
        assert!(
            super::told(&output).contains(near),
            "{}",
            super::told(&output)
        );
    }
}
