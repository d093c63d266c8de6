//! Patches of kustomize: strategic merge patches and lists of JSON 6902 operations, as inline YAML.
//!
//! Source: <https://github.com/kubernetes-sigs/kustomize/blob/master/api/internal/builtins/PatchTransformer.go>.

use serde::Deserialize as _;
use serde::de::IgnoredAny;

use super::Validating;
use super::condition::is_open;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Table, Value};
use crate::source::Span;
use crate::yaml::read_all;

/// The operations of RFC 6902, with the key that each needs beside `path`. A missing `value` is null.
const OPERATIONS: &[(&str, Option<&str>)] = &[
    ("add", None),
    ("copy", Some("from")),
    ("move", Some("from")),
    ("remove", None),
    ("replace", None),
    ("test", None),
];

/// Why a patch is refused, and what to type.
struct Fault {
    message: String,
    help: String,
}

/// Judges one item of `patches`.
pub(super) fn validate(validating: &mut Validating<'_>, node: &Node, table: &Table) {
    let Some(entry) = table.entry("patch") else {
        return;
    };
    let Some(text) = entry.node.as_str().filter(|text| !is_open(text)) else {
        return;
    };
    let has_target = table.get("target").is_some();
    if let Some(fault) = fault_of(text, has_target) {
        let diagnostic = Diagnostic::error("wrong-value", fault.message)
            .with_note("kustomize refuses it, and nothing of this resource is applied")
            .with_help(fault.help);
        let span = match entry.node.span.is_built_in() {
            true => node.span,
            false => entry.node.span,
        };
        validating.push(diagnostic, span);
    }
}

fn fault_of(text: &str, has_target: bool) -> Option<Fault> {
    let fault = |message: &str, help: &str| {
        Some(Fault {
            message: message.to_owned(),
            help: help.to_owned(),
        })
    };
    let text = text.trim();
    if text.is_empty() {
        return fault("the patch is empty", "remove it, or write the patch");
    }
    let documents = match read_all(text, Span::BUILT_IN.file) {
        Ok(documents) => documents,
        // What the strict reader refuses beyond the syntax, as a key twice, kustomize takes.
        Err(_) if is_yaml(text) => return None,
        Err(error) => {
            return Some(Fault {
                message: format!("the patch is not YAML: {error}"),
                help: "write a strategic merge patch or a list of JSON 6902 operations".to_owned(),
            });
        }
    };
    let operations = documents.first().and_then(Node::as_array);
    if let Some(operations) = operations {
        // kustomize hands a text that starts with a bracket to its JSON reader.
        if text.starts_with('[') && serde_json::from_str::<serde_json::Value>(text).is_err() {
            return fault(
                "the patch starts with `[` and is not JSON",
                "write each operation on a line of its own: `- op: …`, or valid JSON",
            );
        }
        if operations.is_empty() {
            return None;
        }
        if !has_target {
            return fault(
                "a patch of JSON 6902 operations needs a `target`",
                "add `target = { kind = \"…\", name = \"…\" }`",
            );
        }
        return operations.iter().enumerate().find_map(operation_fault);
    }
    if has_target && documents.len() > 1 {
        return fault(
            "a strategic merge patch with a `target` has more than one document",
            "write one item of `patches` for each document",
        );
    }
    documents.iter().find_map(merge_fault)
}

fn is_yaml(text: &str) -> bool {
    let mut documents = serde_yaml::Deserializer::from_str(text);
    documents.all(|document| IgnoredAny::deserialize(document).is_ok())
}

/// What is wrong with one operation of a list.
fn operation_fault((at, operation): (usize, &Node)) -> Option<Fault> {
    let number = at + 1;
    let Some(table) = operation.as_table() else {
        return Some(Fault {
            message: format!("operation {number} of the patch is not a mapping"),
            help: "write `- op: replace`, `path: /…` and `value: …`".to_owned(),
        });
    };
    let names = || {
        let names: Vec<String> = OPERATIONS
            .iter()
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        names.join(", ")
    };
    let Some(name) = table.get("op").and_then(Node::as_str) else {
        return Some(Fault {
            message: format!("operation {number} of the patch has no `op`"),
            help: format!("add `op`, one of {}", names()),
        });
    };
    let Some((_, needed)) = OPERATIONS.iter().find(|(known, _)| *known == name) else {
        return Some(Fault {
            message: format!("operation {number} of the patch has the unknown `op` `{name}`"),
            help: format!("write one of {}", names()),
        });
    };
    let missing = ["path"]
        .into_iter()
        .chain(*needed)
        .find(|key| !table.contains(key));
    if let Some(missing) = missing {
        return Some(Fault {
            message: format!("operation {number} of the patch, `{name}`, has no `{missing}`"),
            help: format!("add `{missing}`"),
        });
    }
    let path = table.get("path").and_then(Node::as_str)?;
    (!path.is_empty() && !path.contains('/')).then(|| Fault {
        message: format!("the path `{path}` of the patch does not start with `/`"),
        help: format!("write `/{}`", path.replace('.', "/")),
    })
}

/// What is wrong with one document of a strategic merge patch: even one with a target names its object.
fn merge_fault(document: &Node) -> Option<Fault> {
    let Value::Table(table) = &document.value else {
        return Some(Fault {
            message: "the patch is neither a mapping nor a list of operations".to_owned(),
            help: "write a strategic merge patch or a list of JSON 6902 operations".to_owned(),
        });
    };
    let text = |key: &[&str]| document.at(key).and_then(Node::as_str).unwrap_or_default();
    let kind = text(&["kind"]);
    let has_name = match document.at(&["metadata", "name"]).map(|name| &name.value) {
        Some(Value::String(name)) => !name.is_empty(),
        // kustomize reads `name: 5` as a text.
        Some(Value::Integer(_) | Value::Float(_) | Value::Bool(_)) => true,
        _ => false,
    };
    let missing = if kind.is_empty() {
        "kind"
    } else if !has_name && !kind.ends_with("List") {
        "metadata.name"
    } else {
        return None;
    };
    if table.contains("op") && table.contains("path") {
        return Some(Fault {
            message: "the patch is one JSON 6902 operation, not a list of them".to_owned(),
            help: "begin it with `- `: `- op: …`".to_owned(),
        });
    }
    Some(Fault {
        message: format!("the strategic merge patch has no `{missing}`"),
        help: format!("add `{missing}`; with a `target`, any value will do"),
    })
}

#[cfg(test)]
mod tests {
    use super::fault_of;

    /// The answers of kustomize/api v0.21.1, for a folder with the ConfigMap `a` whose data has `b`.
    #[test]
    fn patches_are_judged_as_kustomize_does() {
        let merge = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  b: c\n";
        let two = format!("{merge}---\n{merge}");
        let operation = "- op: replace\n  path: /data/b\n  value: d\n";
        for (text, has_target) in [
            (merge, false),
            (merge, true),
            (&two, false),
            (operation, true),
            ("- op: remove\n  path: /data/b", true),
            ("- op: add\n  path: /data/b\n  value: null", true),
            (r#"[{"op": "remove", "path": "/data/b"}]"#, true),
            ("[]", true),
            ("# nothing yet", false),
            (
                "$patch: delete\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a",
                false,
            ),
            ("kind: ConfigMap\nmetadata:\n  name: a", true),
            ("kind: ConfigMap\nmetadata:\n  name: 5", true),
            (
                "kind: ConfigMap\nmetadata:\n  name: a\ndata:\n  b: c\n  b: d",
                true,
            ),
            (
                "kind: ConfigMap\nmetadata:\n  name: a\ndata:\n  b: !x c",
                true,
            ),
            ("{kind: ConfigMap, metadata: {name: a}}", true),
            ("- op: replace\n  path: /data/b", true),
            ("- op: add\n  path: data/x\n  value: y", true),
            ("# remove it\n- op: remove\n  path: /data/b", true),
            ("null", true),
        ] {
            let fault = fault_of(text, has_target).map(|fault| fault.message);
            assert_eq!(fault, None, "{text}");
        }
        for (text, has_target) in [
            ("}{", true),
            ("", true),
            ("  \n", true),
            ("text", true),
            ("5", true),
            ("a: [", true),
            ("a: b\n c: d\n  e", true),
            (operation, false),
            (&two, true),
            ("data:\n  b: c", true),
            ("kind: ConfigMap\ndata:\n  b: c", true),
            ("metadata:\n  name: a", false),
            ("op: remove\npath: /data/b", true),
            ("[{op: remove, path: /data/b}]", true),
            ("- remove", true),
            ("- op: delete\n  path: /data/b", true),
            ("- op: replace\n  value: d", true),
            ("- op: remove\n  path: data.b", true),
            ("- path: /data/b", true),
            ("- op: move\n  path: /data/x", true),
        ] {
            assert!(fault_of(text, has_target).is_some(), "{text}");
        }
    }
}
