//! TOML text -> `Document`: every key and value with its place, every syntax error of the file.
//!
//! Reads no file itself; the edge hands over bytes.

use camino::Utf8Path;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Diagnostic, Diagnostics, Ignores};
use crate::node::{Entry, Node, Table, Value};
use crate::source::{FileId, Source, Sources, Span};

/// The largest TOML file that is read, in bytes: a thousand clusters with a hundred overrides each stay below it.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// How deep tables and arrays may nest; Kubernetes objects stay far below it.
pub const MAX_DEPTH: usize = 100;

/// A TOML file with places.
#[derive(Debug, Clone)]
pub struct Document {
    pub file: FileId,
    pub root: Table,
}

/// The table of a TOML file that was parsed before; its places are of no file that is known.
pub(crate) fn again(source: &Source) -> Option<Table> {
    let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
    let bytes = source.text().as_bytes();
    load(source.path(), bytes, &mut sources, &mut diagnostics).map(|document| document.root)
}

/// Parses `bytes`; `None` where there is nothing to go on with.
///
/// A byte order mark and CRLF line ends are accepted. Text that is not UTF-8, holds NUL bytes or is
/// longer than [`MAX_BYTES`] is refused.
pub fn load(
    path: &Utf8Path,
    bytes: &[u8],
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Option<Document> {
    if bytes.len() > MAX_BYTES {
        diagnostics.push(
            Diagnostic::error(
                "toml-too-large",
                format!(
                    "`{path}` has {} bytes, more than the {MAX_BYTES} that are read",
                    bytes.len()
                ),
            )
            .with_help("move long values into files of their own: `values = { file = \"…\" }`"),
        );
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = &bytes[..error.valid_up_to()];
            let text = String::from_utf8_lossy(valid).into_owned();
            let end = text.len();
            let file = sources.add(path, text);
            diagnostics.push(
                Diagnostic::error("toml-not-utf8", format!("`{path}` is not UTF-8"))
                    .at(Span::new(file, end..end), "the byte after this is no UTF-8")
                    .with_help("save the file as UTF-8"),
            );
            return None;
        }
    };
    let file = sources.add(path, text);
    if let Some(at) = text.find('\0') {
        diagnostics.push(
            Diagnostic::error("toml-syntax", "a NUL byte cannot stand in TOML")
                .at(Span::new(file, at..at + 1), ""),
        );
        return None;
    }
    diagnostics.ignore(Ignores::read(file, text));
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let message = lower_first(error.message().trim_end_matches('.'));
        let message = match (message.as_str(), text.get(span.clone())) {
            ("duplicate key", Some(key)) => format!("the key `{key}` is there twice"),
            _ => message,
        };
        diagnostics.push(Diagnostic::error("toml-syntax", message).at(Span::new(file, span), ""));
    }
    let mut converter = Converter {
        file,
        text,
        depth: 0,
        diagnostics,
    };
    let root = converter.table(root.get_ref());
    Some(Document { file, root })
}

/// Messages of the TOML parser in the voice of ours.
fn lower_first(message: &str) -> String {
    let message = message.lines().collect::<Vec<_>>().join("; ");
    let mut characters = message.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => "not TOML".to_owned(),
    }
}

struct Converter<'a> {
    file: FileId,
    text: &'a str,
    depth: usize,
    diagnostics: &'a mut Diagnostics,
}

impl Converter<'_> {
    fn table(&mut self, table: &DeTable<'_>) -> Table {
        table
            .iter()
            .map(|(key, value)| {
                let entry = Entry {
                    key: Span::new(self.file, key.span()),
                    node: self.node(value.get_ref(), value.span()),
                };
                (key.get_ref().to_string(), entry)
            })
            .collect()
    }

    /// A string with the line ends that it would have in a file with LF. An escape, `\r`, is kept.
    fn string(&self, value: &str, span: Span) -> String {
        let source = self.text.get(span.range()).unwrap_or_default();
        if !value.contains("\r\n") || !source.contains("\r\n") {
            return value.to_owned();
        }
        let source = format!("value = {}", source.replace("\r\n", "\n"));
        let read = source.parse::<toml::Table>().ok();
        let read = read.and_then(|table| table.get("value")?.as_str().map(str::to_owned));
        read.unwrap_or_else(|| value.to_owned())
    }

    fn node(&mut self, value: &DeValue<'_>, span: std::ops::Range<usize>) -> Node {
        let span = Span::new(self.file, span);
        if self.depth == MAX_DEPTH {
            self.diagnostics.push(
                Diagnostic::error(
                    "toml-syntax",
                    format!("nested deeper than {MAX_DEPTH} levels"),
                )
                .at(span, "this level is too deep"),
            );
            return Node::new(Value::Null, span);
        }
        self.depth += 1;
        let value = match value {
            DeValue::String(text) => Value::String(self.string(text, span)),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Integer(integer) => {
                match i128::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()) {
                    Ok(value) if i64::try_from(value).is_ok() => Value::Integer(value),
                    _ => {
                        self.diagnostics.push(
                            Diagnostic::error(
                                "toml-syntax",
                                format!("`{}` is no 64-bit integer", integer.as_str()),
                            )
                            .at(span, ""),
                        );
                        Value::Null
                    }
                }
            }
            DeValue::Float(float) => {
                match float.as_str().replace('_', "").parse::<f64>() {
                    Ok(value) if value.is_finite() => Value::Float(value),
                    _ => {
                        let message = format!("`{}` is not a number in JSON", float.as_str());
                        self.diagnostics.push(
                        Diagnostic::error("wrong-value", message)
                            .at(span, "")
                            .with_note("Kubernetes' objects are JSON, which has no infinity and no NaN")
                            .with_help("write a number, or a string in quotes"),
                    );
                        Value::Null
                    }
                }
            }
            DeValue::Datetime(datetime) => {
                self.diagnostics.push(
                    Diagnostic::error("wrong-type", "Kubernetes has no date type")
                        .at(span, "this is a TOML date")
                        .with_help(format!("write it as a string: \"{datetime}\"")),
                );
                Value::String(datetime.to_string())
            }
            DeValue::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| self.node(item.get_ref(), item.span()))
                    .collect(),
            ),
            DeValue::Table(table) => Value::Table(self.table(table)),
        };
        self.depth -= 1;
        Node { value, span }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> (Option<Document>, Vec<String>, Sources) {
        let mut sources = Sources::default();
        let mut diagnostics = Diagnostics::default();
        let document = load("fluxgen.toml".into(), bytes, &mut sources, &mut diagnostics);
        let messages = diagnostics
            .into_sorted()
            .iter()
            .map(|diagnostic| {
                let place = diagnostic.primary().map(|span| sources.locate(span));
                format!("{}: {}", place.unwrap_or_default(), diagnostic.message)
            })
            .collect();
        (document, messages, sources)
    }

    #[test]
    fn keys_and_values_know_their_places() {
        let (document, messages, sources) = parse(b"[a]\nb.c = [1, \"x\"]\n");
        assert!(messages.is_empty(), "{messages:?}");
        let root = document.expect("a document").root;
        let c = root
            .get("a")
            .and_then(|a| a.at(&["b", "c"]))
            .expect("a.b.c");
        assert_eq!(sources.locate(c.span), "fluxgen.toml:2:7");
        let items = c.as_array().expect("an array");
        assert_eq!(sources.locate(items[1].span), "fluxgen.toml:2:11");
    }

    #[test]
    fn every_syntax_error_is_told_not_only_the_first() {
        let (_, messages, _) = parse(b"a = \nb = 1\nc = @\n");
        assert!(messages.len() >= 2, "{messages:?}");
        assert!(messages[0].starts_with("fluxgen.toml:1:"), "{messages:?}");
        assert!(
            messages.iter().any(|m| m.starts_with("fluxgen.toml:3:")),
            "{messages:?}"
        );
    }

    #[test]
    fn a_byte_order_mark_and_crlf_are_accepted() {
        let (document, messages, sources) = parse(b"\xef\xbb\xbfa = 1\r\nb = 2\r\n");
        assert!(messages.is_empty(), "{messages:?}");
        let root = document.expect("a document").root;
        assert_eq!(root.keys().collect::<Vec<_>>(), ["a", "b"]);
        let b = root.get("b").expect("b");
        assert_eq!(sources.locate(b.span), "fluxgen.toml:2:5");
    }

    #[test]
    fn hostile_bytes_are_refused_with_a_place() {
        assert_eq!(
            parse(b"a = 1\nb = \"\xff\"\n").1,
            ["fluxgen.toml:2:6: `fluxgen.toml` is not UTF-8"]
        );
        assert_eq!(
            parse(b"a = 1\n\0").1,
            ["fluxgen.toml:2:1: a NUL byte cannot stand in TOML"]
        );
        let large = vec![b'#'; MAX_BYTES + 1];
        assert!(parse(&large).1[0].contains("more than"));
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_overflow() {
        for text in [
            "a = ".to_owned() + &"[".repeat(10_000),
            "a = ".to_owned() + &"{b=".repeat(10_000),
        ] {
            assert!(!parse(text.as_bytes()).1.is_empty());
        }
        let dotted = vec!["a"; 10_000].join(".") + " = 1";
        assert!(!parse(dotted.as_bytes()).1.is_empty());
        let header = format!("[{}]", vec!["a"; 10_000].join("."));
        assert!(!parse(header.as_bytes()).1.is_empty());
    }

    #[test]
    fn dates_and_wide_integers_are_refused() {
        let (_, messages, _) = parse(b"a = 2026-01-01\nb = 99999999999999999999\n");
        assert_eq!(messages.len(), 2, "{messages:?}");
    }
}
