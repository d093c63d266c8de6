//! Where the TOML file says what a generated file holds.

use std::ops::Range;

use super::{Marking, Scanning};
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Value};
use crate::resource::Identity;
use crate::source::Span;

/// Findings about the value itself, which is the tree's once image automation has set it.
const ABOUT_THE_VALUE: [&str; 3] = [
    "image-marker-on-number",
    "image-marker-other-image",
    "image-tag-not-of-policy",
];

/// A step from a document's root to a value in it.
#[derive(Clone, Copy)]
enum Step<'n> {
    Key(&'n str),
    Item(usize),
}

impl Scanning<'_, '_> {
    /// The place in the TOML file of the marked value that a finding is about. `None` for a file of the user's
    /// own, and for a value that is not the one in the TOML file.
    pub(super) fn written_at(
        &self,
        file: &Marking,
        range: &Range<usize>,
        diagnostic: &Diagnostic,
    ) -> Option<Span> {
        let cluster = file.cluster?;
        let mut found = None;
        for document in file.reading.documents.iter() {
            last_before(document, document, range.start, &mut Vec::new(), &mut found);
        }
        let (document, marked, path) = found?;
        let identity = Identity::of(document)?;
        let mut ids = self.graph.clusters[cluster].resources.iter().copied();
        let id = ids.find(|id| self.graph.resource(*id).identity == identity)?;
        let written =
            path.iter()
                .try_fold(&self.graph.resource(id).node, |node, step| match step {
                    Step::Key(key) => node.get(key),
                    Step::Item(at) => node.as_array()?.get(*at),
                })?;
        let is_the_trees = !written.value.scalar().same(marked.value.scalar());
        if is_the_trees && ABOUT_THE_VALUE.contains(&diagnostic.code) {
            return None;
        }
        Some(match written.span.is_built_in() {
            true => self.graph.variant(id).span,
            false => written.span,
        })
    }
}

/// A document, the value in it and the way to it.
type Marked<'n> = (&'n Node, &'n Node, Vec<Step<'n>>);

/// Finds the last marked value that begins at `end` or before it: its marker follows it.
fn last_before<'n>(
    document: &'n Node,
    node: &'n Node,
    end: usize,
    path: &mut Vec<Step<'n>>,
    found: &mut Option<Marked<'n>>,
) {
    match &node.value {
        Value::Marked(_) => {
            let start = node.span.range().start;
            let is_later = found
                .as_ref()
                .is_none_or(|(_, other, _)| other.span.range().start < start);
            if start <= end && is_later {
                *found = Some((document, node, path.clone()));
            }
        }
        Value::Table(table) => {
            for (key, entry) in table.iter() {
                path.push(Step::Key(key));
                last_before(document, &entry.node, end, path, found);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                path.push(Step::Item(at));
                last_before(document, item, end, path, found);
                path.pop();
            }
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_) => {}
    }
}
