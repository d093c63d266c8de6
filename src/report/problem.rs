//! From a finding that points into a text to a problem that names line and column.

use camino::Utf8Path;

use crate::compare::report::{LabelledPlace, Level, Place, Problem, Replacement, Side};
use crate::diagnostic::{Diagnostic, Severity, masked};
use crate::mask::Secrets;
use crate::source::{Source, Sources, Span};

/// The findings as a report holds them.
///
/// `root` is the folder of the TOML file relative to the repository, empty if it is the
/// repository's own: reports name files as the repository does.
pub fn problems(
    diagnostics: &[Diagnostic],
    sources: &Sources,
    side: Side,
    root: &Utf8Path,
) -> Vec<Problem> {
    if diagnostics.is_empty() {
        return Vec::new();
    }
    masked(diagnostics, sources, &Secrets::of(sources))
        .into_iter()
        .map(|diagnostic| Problem {
            code: diagnostic.code.to_owned(),
            level: diagnostic.severity.into(),
            message: diagnostic.message.clone(),
            side,
            places: diagnostic
                .labels
                .iter()
                .filter_map(|label| {
                    Some(LabelledPlace {
                        place: place(label.span, sources, side, root)?,
                        label: label.message.clone(),
                    })
                })
                .collect(),
            notes: diagnostic.notes.clone(),
            help: diagnostic.help.clone(),
            clusters: diagnostic.clusters.clone(),
            fix: diagnostic.fix.as_ref().and_then(|fix| {
                Some(Replacement {
                    place: place(fix.span, sources, side, root)?,
                    text: fix.replacement.clone(),
                })
            }),
        })
        .collect()
}

/// Where `span` is; `None` for what no file says.
pub(crate) fn place(span: Span, sources: &Sources, side: Side, root: &Utf8Path) -> Option<Place> {
    let source: &Source = sources.get(span.file)?;
    let start = source.position(span.start);
    let end = source.position(span.end.max(span.start));
    Some(Place {
        file: from_root(root, source.path()),
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        side,
    })
}

/// `path` as the repository names it: with `/`, without `.` and `..` where they can be resolved.
fn from_root(root: &Utf8Path, path: &Utf8Path) -> String {
    let joined = root.join(path).as_str().replace('\\', "/");
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "." => {}
            // an absolute path keeps its first slash
            "" if !parts.is_empty() => {}
            ".." if parts
                .last()
                .is_some_and(|last| *last != ".." && !last.is_empty()) =>
            {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

impl From<Severity> for Level {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
            Severity::Note => Level::Note,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_named_as_the_repository_names_them() {
        let cases = [
            ("", "fluxgen.toml", "fluxgen.toml"),
            ("deploy", "fluxgen.toml", "deploy/fluxgen.toml"),
            ("deploy/", "./values/a.yaml", "deploy/values/a.yaml"),
            ("deploy", "../clusters/a.yaml", "clusters/a.yaml"),
            ("", "../a.yaml", "../a.yaml"),
            ("deploy", "/etc/a.yaml", "/etc/a.yaml"),
        ];
        for (root, path, expected) in cases {
            let found = from_root(Utf8Path::new(root), Utf8Path::new(path));
            assert_eq!(found, expected, "{root} {path}");
        }
    }

    #[test]
    fn lines_and_columns_count_from_one_and_the_end_is_exclusive() {
        let mut sources = Sources::default();
        let file = sources.add("fluxgen.toml", "a = 1\nü = \"x\"\n");
        let finding = Diagnostic::error("x", "y")
            .at(Span::new(file, 11..14), "z")
            .with_fix(Span::new(file, 11..14), "2");
        let found = problems(&[finding], &sources, Side::Head, Utf8Path::new("a"));
        let place = &found[0].places[0].place;
        assert_eq!(
            (
                place.file.as_str(),
                place.line,
                place.column,
                place.end_line,
                place.end_column
            ),
            ("a/fluxgen.toml", 2, 5, 2, 8)
        );
        assert_eq!(found[0].fix.as_ref().map(|fix| fix.place.column), Some(5));
    }
}
