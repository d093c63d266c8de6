//! Colour: on a terminal and nowhere else. The terminal is that of `script`.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{has, project, succeeds, write};

const PROJECT: &str = "\
[repo]
url = \"ssh://git@github.com/acme/fleet\"
[clusters.staging]
[kustomizations.apps]
path = \"./apps\"
";

/// What a shell's command shows on a terminal, with some variables set.
fn shown(folder: &Path, command: &str, variables: &[(&str, &str)]) -> String {
    let program = env!("CARGO_BIN_EXE_fluxgen");
    let command = command.replace("fluxgen", &format!("'{program}' -C '{}'", folder.display()));
    let output = Command::new("script")
        .current_dir(folder)
        .args(["-q", "-c", &command, "/dev/null"])
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("script runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn findings_and_differences_are_coloured_on_a_terminal_alone() {
    if !has("script", &["--version"]) {
        return;
    }
    let folder = project(PROJECT);
    let root = folder.path();
    succeeds(root, &["build"]);
    write(root, "fluxgen.toml", PROJECT.replace("./apps", "./others"));
    let diff = shown(root, "fluxgen diff", &[]);
    assert!(diff.contains("\u{1b}[31m-  path: ./apps"), "{diff:?}");
    assert!(diff.contains("\u{1b}[32m+  path: ./others"), "{diff:?}");
    write(root, "fluxgen.toml", PROJECT.replace("path", "pth"));
    let check = shown(root, "fluxgen check", &[]);
    let is_plain = |text: &str| !text.contains('\u{1b}');
    assert!(check.contains("pth") && !is_plain(&check), "{check:?}");
    // An empty variable says nothing.
    assert!(!is_plain(&shown(
        root,
        "fluxgen check",
        &[("NO_COLOR", "")]
    )));
    // Findings go to the terminal where only the data goes elsewhere.
    assert!(!is_plain(&shown(root, "fluxgen check > report.json", &[])));
    for (command, variables) in [
        ("fluxgen check", &[("NO_COLOR", "1")][..]),
        ("fluxgen check", &[("TERM", "dumb")]),
        ("fluxgen check 2>&1 | cat", &[]),
    ] {
        let said = shown(root, command, variables);
        assert!(
            said.contains("pth") && is_plain(&said),
            "{command}: {said:?}"
        );
    }
    write(root, "fluxgen.toml", PROJECT.replace("./apps", "./others"));
    for (command, variables) in [
        ("fluxgen diff", &[("NO_COLOR", "1")][..]),
        ("fluxgen diff", &[("TERM", "dumb")]),
        ("fluxgen diff | cat", &[]),
        ("fluxgen diff > out; cat out", &[]),
    ] {
        let said = shown(root, command, variables);
        assert!(
            said.contains("+  path: ./others") && is_plain(&said),
            "{command}: {said:?}"
        );
    }
}
