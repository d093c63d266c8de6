//! `[layout]` and `[templates]`: where files go and what stands around the resources.

use camino::Utf8PathBuf;

use super::fields::Fields;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::node::Table;
use crate::source::{Span, Spanned};

/// How the tree is laid out.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// A template of paths below `clusters/<name>`; without it, the default layout.
    pub path: Option<Spanned<String>>,
    /// A line of the user's own, after ours, at the top of each file.
    pub header: Option<Spanned<String>>,
    /// A template of the URL in a `# yaml-language-server: $schema=` line.
    pub schema_comment: Option<Spanned<String>>,
}

/// A folder whose templates replace the built-in ones of the same name.
#[derive(Debug, Clone, Default)]
pub struct Templates {
    pub dir: Option<Spanned<Utf8PathBuf>>,
}

impl Layout {
    pub(crate) fn read(table: Option<(&Table, Span)>, diagnostics: &mut Diagnostics) -> Self {
        let Some((table, _)) = table else {
            return Self::default();
        };
        let mut fields = Fields::new(table, "layout", diagnostics);
        let layout = Self {
            path: fields.text("path"),
            header: fields.text("header"),
            schema_comment: fields.text("schemaComment"),
        };
        fields.finish([]);
        if let Some(header) = &layout.header {
            check_header(header, diagnostics);
        }
        layout
    }
}

/// A header is written as comments, which any line break of YAML 1.1 would end.
fn check_header(header: &Spanned<String>, diagnostics: &mut Diagnostics) {
    let is_refused = |c: &char| {
        let is_break = matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
        is_break || (c.is_control() && !matches!(c, '\n' | '\t'))
    };
    let text = header.value.replace("\r\n", "\n");
    if let Some(refused) = text.chars().find(is_refused) {
        diagnostics.push(
            Diagnostic::error(
                "wrong-value",
                format!(
                    "`layout.header` holds the character `{}`",
                    refused.escape_unicode()
                ),
            )
            .at(header.span, "")
            .with_note("a comment of YAML cannot hold it")
            .with_help("write plain text; `\\n` begins another line"),
        );
    }
}

impl Templates {
    pub(crate) fn read(table: Option<(&Table, Span)>, diagnostics: &mut Diagnostics) -> Self {
        let Some((table, _)) = table else {
            return Self::default();
        };
        let mut fields = Fields::new(table, "templates", diagnostics);
        let dir = fields
            .text("dir")
            .map(|dir| Spanned::new(Utf8PathBuf::from(dir.value), dir.span));
        fields.finish([]);
        Self { dir }
    }
}
