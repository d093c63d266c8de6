//! `{ file = "…" }`: long or opaque values that live beside the TOML file.
//!
//! The edge has read the files already; here they take their places. What an included file holds is
//! not looked at for expressions.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::budget::{self, Budget};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::node::{Entry, Node, Table, Value};
use crate::schema::{SchemaNode, Type};
use crate::source::{FileId, Span};

/// The files that the TOML file includes, by their normalized path from its folder.
#[derive(Debug, Clone, Default)]
pub struct Includes {
    pub files: BTreeMap<Utf8PathBuf, Result<Included, String>>,
}

/// One included file.
#[derive(Debug, Clone)]
pub struct Included {
    pub file: FileId,
    pub text: Arc<str>,
    /// The content as a value, where the file's name says that it is YAML, JSON or TOML.
    pub value: Option<Result<Node, Diagnostic>>,
}

/// Whether the file's name says that it holds a value.
pub(crate) fn holds_value(path: &Utf8Path) -> bool {
    matches!(path.extension(), Some("yaml" | "yml" | "json" | "toml"))
}

/// The path of a table that is nothing but `{ file = "…" }`.
pub(crate) fn included_path(node: &Node) -> Option<(&str, Span)> {
    let table = node.as_table().filter(|table| table.len() == 1)?;
    let file = table.get("file")?;
    Some((file.as_str()?, file.span))
}

/// `path` without `.` and `..`; `None` where it would leave the project folder.
pub(crate) fn normalize(path: &str) -> Option<Utf8PathBuf> {
    let mut normalized = Utf8PathBuf::new();
    for component in Utf8Path::new(path).components() {
        match component {
            Utf8Component::Normal(part) => normalized.push(part),
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => {
                if !normalized.pop() {
                    return None;
                }
            }
            Utf8Component::RootDir | Utf8Component::Prefix(_) => return None,
        }
    }
    (!normalized.as_str().is_empty()).then_some(normalized)
}

/// Puts included files in their places. `text_of` evaluates a path with expressions.
pub(super) struct Including<'a> {
    pub includes: &'a Includes,
    pub path_of: &'a mut dyn FnMut(&str, Span, &mut Diagnostics) -> Option<String>,
    pub budget: &'a Budget,
    /// What the included values take in memory, which is counted.
    pub bytes: u64,
    pub diagnostics: &'a mut Diagnostics,
}

impl Including<'_> {
    /// `roots` are the shapes that keys of the table may have: one kind's spec, or two for images.
    pub(super) fn table(&mut self, table: &Table, roots: &[&SchemaNode]) -> Table {
        table
            .iter()
            .map(|(key, entry)| {
                let shape = roots.iter().find_map(|root| root.child(key));
                let entry = Entry {
                    key: entry.key,
                    node: self.node(&entry.node, shape.map(Arc::as_ref)),
                };
                (key.to_owned(), entry)
            })
            .collect()
    }

    fn node(&mut self, node: &Node, shape: Option<&SchemaNode>) -> Node {
        if let Some((path, span)) = included_path(node) {
            let is_field = shape.is_some_and(|shape| shape.property("file").is_some());
            if !is_field {
                return self.include(path, span, shape);
            }
        }
        let value = match &node.value {
            Value::Table(table) => match shape {
                Some(shape) => Value::Table(self.table(table, &[shape])),
                None => Value::Table(self.table(table, &[])),
            },
            Value::Array(items) => {
                let shape = shape.and_then(|shape| shape.items.as_deref());
                Value::Array(items.iter().map(|item| self.node(item, shape)).collect())
            }
            other => other.clone(),
        };
        Node::new(value, node.span)
    }

    fn include(&mut self, path: &str, span: Span, shape: Option<&SchemaNode>) -> Node {
        let nothing = Node::new(Value::Null, span);
        let Some(path) = (self.path_of)(path, span, self.diagnostics) else {
            return nothing;
        };
        let Some(normalized) = normalize(&path) else {
            self.diagnostics.push(
                Diagnostic::error(
                    "include",
                    format!("`{path}` is not inside the project folder"),
                )
                .at(span, "")
                .with_help("name a file beside the TOML file or in a folder below it"),
            );
            return nothing;
        };
        let included = match self.includes.files.get(&normalized) {
            Some(Ok(included)) => included,
            Some(Err(reason)) => {
                self.diagnostics.push(
                    Diagnostic::error("include", format!("`{path}` cannot be included: {reason}"))
                        .at(span, ""),
                );
                return nothing;
            }
            None => {
                let names = self.includes.files.keys().map(|known| known.as_str());
                let near = crate::diagnostic::nearest::nearest(normalized.as_str(), names);
                let mut diagnostic =
                    Diagnostic::error("include", format!("there is no file `{path}`")).at(span, "");
                if let Some(near) = near {
                    diagnostic = diagnostic.with_help(format!("did you mean `{near}`?"));
                }
                self.diagnostics.push(diagnostic);
                return nothing;
            }
        };
        let wants_text = match shape {
            Some(shape) => shape.kind == Type::String,
            None => !holds_value(&normalized),
        };
        let bytes = match &included.value {
            Some(Ok(node)) if !wants_text => budget::weight(node),
            _ => included.text.len() as u64,
        };
        if let Err(exceeded) = self.budget.memory(bytes) {
            self.diagnostics.push(exceeded.diagnostic().at(span, ""));
            return nothing;
        }
        self.bytes += bytes;
        if wants_text {
            let inside = Span::new(included.file, 0..0);
            return Node::new(included.text.as_ref(), inside);
        }
        match &included.value {
            Some(Ok(node)) => node.clone(),
            Some(Err(diagnostic)) => {
                self.diagnostics
                    .push(diagnostic.clone().at(span, "included here"));
                nothing
            }
            None => {
                self.diagnostics.push(
                    Diagnostic::error("include", format!("`{path}` holds no value"))
                        .at(span, "a table or array must stand here")
                        .with_help("include a `.yaml`, `.yml`, `.json` or `.toml` file"),
                );
                nothing
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn paths_stay_inside_the_project_folder() {
        for (path, expected) in [
            ("values/podinfo.yaml", Some("values/podinfo.yaml")),
            ("./a/../b.yaml", Some("b.yaml")),
            ("../b.yaml", None),
            ("a/../../b.yaml", None),
            ("/etc/passwd", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(
                normalize(path).as_deref().map(|p| p.as_str()),
                expected,
                "{path}"
            );
        }
    }
}
