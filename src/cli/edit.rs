//! Edits of the user's TOML file.

use camino::Utf8Path;

use crate::files::writer::{Folder, Rights};
use crate::files::{Snapshot, folder_of};
use crate::source::Span;

/// The text with other words in some places.
pub(super) fn replaced(text: &str, mut edits: Vec<(Span, String)>) -> String {
    edits.sort();
    let mut edited = text.to_owned();
    for (span, literal) in edits.into_iter().rev() {
        if edited.get(span.range()).is_some() {
            edited.replace_range(span.range(), &literal);
        }
    }
    edited
}

/// Writes a file of the project that was read before; the file that it links to, where it is a link.
pub(super) fn write(file: &Utf8Path, text: &str) -> anyhow::Result<()> {
    let top = Snapshot::top_of(&folder_of(file));
    let (folder, name) = Folder::of_file(&top, file)?;
    folder.sweep()?;
    folder.write(&name, text.as_bytes(), Rights::Kept)?;
    Ok(())
}
