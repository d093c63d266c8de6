//! Edits of the user's TOML file.

use anyhow::bail;
use camino::Utf8Path;

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

/// Writes the TOML file beside its place and renames it, so that it is old or new and never half.
pub(super) fn write(config: &Utf8Path, text: &str) -> anyhow::Result<()> {
    let Some(folder) = config.parent() else {
        bail!("`{config}` is in no folder");
    };
    let folder = if folder.as_str().is_empty() {
        ".".into()
    } else {
        folder
    };
    let mut file = tempfile::Builder::new()
        .prefix(".fluxgen-")
        .suffix(".tmp")
        .tempfile_in(folder)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    fs_err::set_permissions(file.path(), fs_err::metadata(config)?.permissions())?;
    file.persist(config.canonicalize_utf8()?)?;
    Ok(())
}
