//! One object of a release: its top-level sections, each as a value and as the text it came from.
//!
//! Most of a release is CRDs that no option touches. Their text is carried over as it is, so that a
//! build costs little and the result differs from Flux's own only where it must.

use std::sync::{Arc, OnceLock};

use crate::node::{Node, Table};
use crate::source::Span;
use crate::yaml::{read_all, write};

/// A Kubernetes object whose sections are shared with the release it came from.
#[derive(Debug, Clone)]
pub struct Document {
    sections: Vec<Arc<Section>>,
}

/// `spec: …` and all below it.
#[derive(Debug)]
struct Section {
    key: String,
    text: String,
    /// What the text says, once it was asked for; `None` where it is not YAML.
    node: OnceLock<Option<Node>>,
}

/// A section longer than this, in bytes, is read only when it is asked for: the spec of a CRD.
const EAGER: usize = 4096;

impl Document {
    /// Reads the objects of a file of a release.
    pub(crate) fn read_all(text: &str) -> Result<Vec<Self>, String> {
        let mut documents = Vec::new();
        for part in split(text) {
            match Self::from_sections(part) {
                Some(document) if document.sections.is_empty() => {}
                Some(document) => documents.push(document),
                None => documents.extend(Self::from_nodes(part)?),
            }
        }
        Ok(documents)
    }

    /// An object without sections, to be filled in output order.
    pub(crate) fn empty() -> Self {
        Self {
            sections: Vec::new(),
        }
    }

    /// Each run of lines from one key in the first column to the next, read alone.
    fn from_sections(text: &str) -> Option<Self> {
        let mut sections = Vec::new();
        for part in sections_of(text) {
            let (key, _) = part.split_once(':')?;
            if !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return None;
            }
            let section = Section::unread(key, part);
            if part.len() <= EAGER && section.node().is_none() {
                return None;
            }
            sections.push(Arc::new(section));
        }
        Some(Self { sections })
    }

    /// The way for a text whose lines do not tell its sections: written anew.
    fn from_nodes(text: &str) -> Result<Vec<Self>, String> {
        let nodes = read_all(text, Span::BUILT_IN.file).map_err(|error| error.to_string())?;
        nodes
            .iter()
            .map(|node| {
                let table = node.as_table().ok_or("a document is not an object")?;
                let sections = table
                    .iter()
                    .map(|(key, entry)| Arc::new(Section::new(key, entry.node.clone())));
                Ok(Self {
                    sections: sections.collect(),
                })
            })
            .collect()
    }

    /// Whether all of it is YAML, what was not asked for yet too.
    pub(crate) fn is_whole(&self) -> bool {
        self.sections.iter().all(|section| section.node().is_some())
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.sections
            .iter()
            .find(|section| section.key == key)?
            .node()
    }

    /// Follows keys through tables, the first being a section.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        let (first, rest) = path.split_first()?;
        self.get(first)?.at(rest)
    }

    pub fn kind(&self) -> &str {
        self.get("kind").and_then(Node::as_str).unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        self.at(&["metadata", "name"])
            .and_then(Node::as_str)
            .unwrap_or_default()
    }

    /// Changes a section, making it where it is missing; its text is written anew if it differs.
    pub(crate) fn change(&mut self, key: &str, change: impl FnOnce(&mut Node)) {
        let place = self.sections.iter().position(|section| section.key == key);
        let before = place.and_then(|place| self.sections[place].node());
        let mut node = before
            .cloned()
            .unwrap_or_else(|| Node::new(Table::new(), Span::BUILT_IN));
        change(&mut node);
        if before.is_some_and(|before| node.value.same(&before.value)) {
            return;
        }
        let section = Arc::new(Section::new(key, node));
        match place {
            Some(place) => self.sections[place] = section,
            None => self.sections.push(section),
        }
    }

    /// The whole object.
    pub fn node(&self) -> Node {
        let mut table = Table::new();
        for section in &self.sections {
            if let Some(node) = section.node() {
                table.set(section.key.as_str(), node.clone());
            }
        }
        Node::new(table, Span::BUILT_IN)
    }

    /// Appends the text, ending in a line break.
    pub(crate) fn write_to(&self, out: &mut String) {
        for section in &self.sections {
            out.push_str(&section.text);
        }
    }

    pub(crate) fn text_len(&self) -> usize {
        self.sections.iter().map(|section| section.text.len()).sum()
    }
}

impl Section {
    fn new(key: &str, node: Node) -> Self {
        let mut table = Table::new();
        table.set(key, node.clone());
        let text = write(&Node::new(table, Span::BUILT_IN));
        Self {
            key: key.to_owned(),
            text,
            node: OnceLock::from(Some(node)),
        }
    }

    fn unread(key: &str, text: &str) -> Self {
        let mut text = text.to_owned();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Self {
            key: key.to_owned(),
            text,
            node: OnceLock::new(),
        }
    }

    fn node(&self) -> Option<&Node> {
        let read = || {
            let [mut node] = read_all(&self.text, Span::BUILT_IN.file)
                .ok()?
                .try_into()
                .ok()?;
            let table = node.as_table_mut().filter(|table| table.len() == 1)?;
            Some(table.remove(&self.key)?.node)
        };
        self.node.get_or_init(read).as_ref()
    }
}

/// The texts between the lines that start a document. By the standard such a line is one wherever
/// it stands, in quotes and blocks too.
fn split(text: &str) -> Vec<&str> {
    let is_marker = |line: &str| {
        line.strip_prefix("---")
            .is_some_and(|rest| rest.trim().is_empty())
    };
    pieces(text, |line, _| is_marker(line))
        .into_iter()
        .map(|piece| match piece.split_once('\n') {
            Some((first, rest)) if is_marker(first) => rest,
            None if is_marker(piece) => "",
            _ => piece,
        })
        .collect()
}

fn sections_of(text: &str) -> Vec<&str> {
    let opens = |line: &str, _| line.starts_with(|letter: char| letter.is_ascii_alphabetic());
    let mut sections = pieces(text, opens);
    sections.retain(|section| {
        !section
            .lines()
            .all(|line| line.is_empty() || line.starts_with('#'))
    });
    sections
}

/// Cuts a text before each line that `starts`.
fn pieces(text: &str, starts: impl Fn(&str, usize) -> bool) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut begin, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        if starts(line, at) && at > begin {
            pieces.push(&text[begin..at]);
            begin = at;
        }
        at += line.len();
    }
    pieces.push(&text[begin..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(document: &Document) -> String {
        let mut out = String::new();
        document.write_to(&mut out);
        out
    }

    #[test]
    fn an_untouched_section_keeps_its_text() {
        let source = "# about\n---\napiVersion: v1\nkind: X\nmetadata:\n  name: 'a'\nspec:\n  text: a\n    b\n  other: [1,\n    2]\n---\n# nothing\n";
        let mut documents = Document::read_all(source).unwrap();
        assert_eq!(documents.len(), 1);
        let document = &mut documents[0];
        document.change("metadata", |node| {
            node.as_table_mut()
                .unwrap()
                .set("namespace", Node::new("web", Span::BUILT_IN));
        });
        document.change("spec", |_| {});
        assert_eq!(
            text(document),
            "apiVersion: v1\nkind: X\nmetadata:\n  name: a\n  namespace: web\nspec:\n  text: a\n    b\n  other: [1,\n    2]\n"
        );
        assert_eq!((document.kind(), document.name()), ("X", "a"));
    }

    #[test]
    fn a_text_whose_lines_do_not_tell_its_sections_is_written_anew() {
        let documents = Document::read_all("{kind: X, metadata: {name: a}}\n").unwrap();
        assert_eq!(text(&documents[0]), "kind: X\nmetadata:\n  name: a\n");
        let documents = Document::read_all("kind: &k X\nother: *k").unwrap();
        assert_eq!(text(&documents[0]), "kind: X\nother: X\n");
        assert!(Document::read_all("- a\n").is_err());
        assert!(Document::read_all("a: b: c\n").is_err());
    }

    #[test]
    fn a_long_section_is_read_when_it_is_asked_for() {
        let long = format!("kind: X\nspec:\n  a: {}\n", "x".repeat(EAGER));
        let documents = Document::read_all(&long).unwrap();
        assert!(documents[0].sections[1].node.get().is_none());
        assert!(documents[0].is_whole() && documents[0].at(&["spec", "a"]).is_some());
        let documents = Document::read_all(&format!("{long}  a: 2\n")).unwrap();
        assert!(!documents[0].is_whole());
    }
}
