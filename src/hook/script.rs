//! The text of the hook: what it runs, and telling our own hook from any other.

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

/// The start of the last line, which tells whether somebody changed the hook since.
const SEAL: &str = "# sha256 of the lines above: ";
const MARKER: &str = "# Installed by `fluxgen hook install`";
const CALL: &str = "check ";
const PROGRAM: &str = "program=";
/// What a hook that was there before is called now, beside ours.
pub(super) const KEPT: &str = "pre-commit.before-fluxgen";

/// What a hook of ours does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Script {
    /// The program to run where none is on the PATH, as for a commit from a desktop program.
    pub(super) program: Option<Utf8PathBuf>,
    /// The projects' TOML files, relative to the top of the work tree.
    pub(super) configs: Vec<String>,
}

/// Whose hook a text is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Ours(Script),
    /// Ours with changes that are not.
    Changed,
    Other,
}

impl Script {
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "\
#!/bin/sh
{MARKER}; `fluxgen hook uninstall` takes it away.
# Checks what is staged. `git commit --no-verify` goes past it.

kept=\"${{0%/*}}/{KEPT}\"
if [ -x \"$kept\" ]; then
    \"$kept\" \"$@\" || exit
fi

{PROGRAM}{program}
if command -v fluxgen >/dev/null 2>&1; then
    program=fluxgen
elif [ ! -x \"$program\" ]; then
    echo 'error: fluxgen, which checks this commit, is not on the PATH' >&2
    echo '  help: install it, or go past the check with `git commit --no-verify`' >&2
    exit 1
fi

# A branch without the project is not checked.
check() {{
    git cat-file -e \":$1\" 2>/dev/null || return 0
    \"$program\" --config=\"$1\" hook run
}}
",
            program = quoted(self.program.as_deref().map_or("", Utf8Path::as_str)),
        );
        for config in &self.configs {
            text.push_str(&format!("{CALL}{} || exit\n", quoted(config)));
        }
        let seal = sum(&text);
        text.push_str(&format!("{SEAL}{seal}\n"));
        text
    }
}

impl Owner {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Owner::Other;
        };
        if !text.lines().any(|line| line.starts_with(MARKER)) {
            return Owner::Other;
        }
        let Some((body, seal)) = text.rsplit_once(SEAL) else {
            return Owner::Changed;
        };
        if seal.trim_end_matches('\n') != sum(body) {
            return Owner::Changed;
        }
        let program = body
            .lines()
            .find_map(|line| unquoted(line.strip_prefix(PROGRAM)?))
            .filter(|program| !program.is_empty());
        let configs = body
            .lines()
            .filter_map(|line| unquoted(line.strip_prefix(CALL)?.strip_suffix(" || exit")?))
            .collect();
        Owner::Ours(Script {
            program: program.map(Utf8PathBuf::from),
            configs,
        })
    }
}

fn sum(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A word that a shell takes as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn unquoted(word: &str) -> Option<String> {
    let inner = word.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner.replace(r"'\''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script() -> Script {
        Script {
            program: Some("/opt/it's here/fluxgen".into()),
            configs: vec![
                "fluxgen.toml".to_owned(),
                "a b/$(id)'/fluxgen.toml".to_owned(),
            ],
        }
    }

    #[test]
    fn a_hook_of_ours_is_read_back() {
        let text = script().text();
        assert_eq!(Owner::of(text.as_bytes()), Owner::Ours(script()));
        let nothing = Script {
            program: None,
            configs: Vec::new(),
        };
        assert_eq!(Owner::of(nothing.text().as_bytes()), Owner::Ours(nothing));
    }

    #[test]
    fn a_changed_hook_of_ours_and_one_of_others_are_told_apart() {
        let text = script().text();
        for changed in [
            text.clone() + "make lint\n",
            text.replace("hook run", "hook run || true"),
            text.replace(SEAL, "# "),
        ] {
            assert_eq!(Owner::of(changed.as_bytes()), Owner::Changed, "{changed}");
        }
        for other in [&b"#!/bin/sh\nfluxgen check\n"[..], b"", b"\x7fELF\xff"] {
            assert_eq!(Owner::of(other), Owner::Other);
        }
    }
}
