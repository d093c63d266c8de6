//! Generated files as image-automation-controller leaves them: set, and written anew in kyaml's layout.
//!
//! kyaml spells some values otherwise, `\x7F` for `\u007F`, and a block of text with an emoji in it as one quoted
//! line. To write the file back would set build and controller against each other for ever.

use std::collections::HashMap;

use crate::node::{Node, Table, Value};
use crate::source::Sources;
use crate::yaml;

use super::marker::{self, TOKEN};

/// Whether the text that stands in a tree is the one that would be written but for its layout: the same
/// documents, keys in the same order, the same marks and comments.
pub(crate) fn is_rewritten(standing: &[u8], text: &str) -> bool {
    if !text.contains(TOKEN) || standing.contains(&b'\r') {
        return false;
    }
    let Ok(standing) = std::str::from_utf8(standing) else {
        return false;
    };
    let file = Sources::default().add("", "");
    let (Ok(there), Ok(here)) = (
        marker::read_all(standing, file),
        marker::read_all(text, file),
    ) else {
        return false;
    };
    let is_same = |(there, here): (&Node, &Node)| form(there) == form(here);
    there.len() == here.len()
        && there.iter().zip(&here).all(is_same)
        && comments(standing, &there) == comments(text, &here)
}

/// A document as we write it. kyaml takes out annotations that are empty, since it puts in its own for a while.
fn form(document: &Node) -> String {
    let is_empty = document
        .at(&["metadata", "annotations"])
        .and_then(Node::as_table)
        .is_some_and(Table::is_empty);
    if !is_empty {
        return yaml::write(document);
    }
    let mut document = document.clone();
    let metadata = document
        .as_table_mut()
        .and_then(|table| table.get_mut("metadata")?.as_table_mut());
    if let Some(metadata) = metadata {
        metadata.remove("annotations");
    }
    yaml::write(&document)
}

/// The lines that are comments, and how often each stands there; those of scripts in texts are none.
fn comments<'t>(text: &'t str, documents: &[Node]) -> HashMap<&'t str, usize> {
    let mut script_lines = Vec::new();
    for document in documents {
        collect(document, &mut script_lines);
    }
    let mut found = HashMap::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('#') && !script_lines.contains(&line) {
            *found.entry(line).or_default() += 1;
        }
    }
    found
}

fn collect<'n>(node: &'n Node, lines: &mut Vec<&'n str>) {
    match &node.value {
        Value::String(text) => {
            let comments = text.lines().map(str::trim);
            lines.extend(comments.filter(|line| line.starts_with('#')));
        }
        Value::Table(table) => table
            .iter()
            .for_each(|(_, entry)| collect(&entry.node, lines)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, lines)),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Marked(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::is_rewritten;

    const OURS: &str = "# Generated\na: \"\\u007F\"\nb: |\n  # no comment\n  🙂\n# of a template\nc: \"1\" # {\"$imagepolicy\": \"a:b:tag\"}\n---\nd: e\n";

    #[test]
    fn what_kyaml_makes_of_a_file_is_the_same_file() {
        let kyaml = "# Generated\na: \"\\x7F\"\nb: \"# no comment\\n\\U0001F642\\n\"\n# of a template\nc: \"1\" # {\"$imagepolicy\": \"a:b:tag\"}\n---\nd: e\n";
        assert!(is_rewritten(kyaml.as_bytes(), OURS));
    }

    #[test]
    fn what_people_make_of_a_file_is_another() {
        for (from, to) in [
            ("d: e", "d: f"),
            ("# of a template", "# mine"),
            ("# of a template\n", ""),
            ("d: e", "# mine\nd: e"),
            ("a:b:tag", "a:c:tag"),
            (" # {\"$imagepolicy\": \"a:b:tag\"}", ""),
            ("\n", "\r\n"),
            ("---\n", ""),
        ] {
            let other = OURS.replace(from, to);
            assert_ne!(other, OURS);
            assert!(!is_rewritten(other.as_bytes(), OURS), "{from}");
        }
        // Only the automation writes files anew, and only those with marks.
        assert!(!is_rewritten(b"a: 'b'\n", "a: b\n"));
    }
}
