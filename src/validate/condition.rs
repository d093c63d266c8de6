//! Holds values to the conditions of their schemas, those of the API server and those of the controllers.

use std::borrow::Cow;

use super::Validating;
use super::format::has_password;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Value};
use crate::schema::{Condition, Origin, SchemaNode};

/// Corrections applied to one text at the most; each removes one fault.
const CORRECTIONS: usize = 8;

impl Validating<'_> {
    /// The conditions on a table.
    pub(super) fn conditions(&mut self, node: &Node, schema: &SchemaNode, path: &str) {
        for condition in schema.conditions_in(self.variant.minor) {
            if condition.is_met(node) {
                continue;
            }
            let located = match condition.at.is_empty() {
                true => Some(node),
                false => locate(node, &condition.at),
            };
            let text = located.and_then(Node::as_str).unwrap_or_default();
            if is_open(text) || self.is_yaml && located.is_some_and(has_open_text) {
                continue;
            }
            let span = located.map(|node| node.span);
            let mut span = span.filter(|span| !span.is_built_in()).unwrap_or(node.span);
            let mut value = text;
            if let Some(table) = located.and_then(Node::as_table)
                && let Some(key) = condition.refused_key(table.iter().map(|(key, _)| key))
                && let Some(entry) = table.entry(key)
            {
                (span, value) = (entry.key, key);
            }
            let place = self.name(path);
            let message = condition
                .message
                .replace("{value}", &without_password(value));
            let message = match message.starts_with(&format!("`{place}` "))
                || condition.message.contains("{value}")
            {
                true => message,
                false => format!("`{place}`: {message}"),
            };
            let corrected = condition.corrected(value).filter(|_| !has_password(value));
            let diagnostic = finding("refused-combination", condition, message, corrected);
            let span = match path.is_empty() && span == node.span {
                true => self.variant.span,
                false => span,
            };
            self.push(diagnostic, span);
        }
    }

    /// The conditions on a text: reports the first that is broken, and says whether it is an error.
    pub(super) fn is_refused_text(&mut self, node: &Node, text: &str, schema: &SchemaNode) -> bool {
        if schema.conditions.is_empty() || is_open(text) {
            return false;
        }
        let minor = self.variant.minor;
        let broken = |node: &Node| {
            let mut broken = schema
                .conditions_in(minor)
                .filter(|condition| !condition.is_met(node));
            let first = broken.next()?;
            // An error says more than a warning.
            match first.is_warning {
                true => broken
                    .find(|condition| !condition.is_warning)
                    .or(Some(first)),
                false => Some(first),
            }
        };
        let Some(condition) = broken(node) else {
            return false;
        };
        // A text can have several faults: what is offered has none.
        let mut corrected = text.to_owned();
        for _ in 0..CORRECTIONS {
            let candidate = Node::new(corrected.as_str(), node.span);
            let Some(next) = broken(&candidate) else {
                break;
            };
            let Some(better) = next.corrected(&corrected) else {
                break;
            };
            corrected = better;
        }
        let is_right = broken(&Node::new(corrected.as_str(), node.span)).is_none()
            && schema
                .keywords(minor)
                .pattern
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(&corrected));
        let corrected = (is_right && !has_password(text)).then_some(corrected);
        let message = condition
            .message
            .replace("{value}", &without_password(text));
        self.push(
            finding("wrong-value", condition, message, corrected),
            node.span,
        );
        !condition.is_warning
    }
}

fn finding(
    code: &'static str,
    condition: &Condition,
    message: String,
    corrected: Option<String>,
) -> Diagnostic {
    let mut diagnostic = match condition.is_warning {
        true => Diagnostic::warning("cannot-work", message),
        false => Diagnostic::error(code, message),
    };
    diagnostic = match (&condition.note, condition.origin) {
        (Some(note), _) => diagnostic.with_note(note.as_str()),
        (None, _) if condition.is_warning => diagnostic,
        (None, Origin::Api) => diagnostic.with_note("the API server refuses it"),
        (None, Origin::Controller) => diagnostic.with_note("the controller refuses it"),
    };
    match corrected {
        Some(corrected) => diagnostic.with_help(format!("write `{corrected}`")),
        None => diagnostic.with_help(condition.help.as_str()),
    }
}

/// A URL as it may be shown.
fn without_password(url: &str) -> Cow<'_, str> {
    match (
        has_password(url),
        url.split_once("://"),
        url.rsplit_once('@'),
    ) {
        (true, Some((scheme, _)), Some((_, rest))) => Cow::Owned(format!("{scheme}://…@{rest}")),
        _ => Cow::Borrowed(url),
    }
}

/// Whether a part of the text comes from a substitution, so that the rest says nothing about the whole.
pub(crate) fn is_open(text: &str) -> bool {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        // `$$` is an escape.
        let dollars = before.len() - before.trim_end_matches('$').len();
        if dollars % 2 == 0 {
            return true;
        }
        rest = after;
    }
    false
}

/// Whether a value, or one below it, comes from a substitution.
fn has_open_text(node: &Node) -> bool {
    match node.value.scalar() {
        Value::String(text) => is_open(text),
        Value::Array(items) => items.iter().any(has_open_text),
        Value::Table(table) => table
            .iter()
            .any(|(key, entry)| is_open(key) || has_open_text(&entry.node)),
        _ => false,
    }
}

/// The place of a condition's field, or of the nearest one above it that is there.
fn locate<'n>(node: &'n Node, at: &str) -> Option<&'n Node> {
    let mut node = node;
    let mut found = None;
    for key in at.split('.') {
        let (key, is_item) = match key.strip_suffix("[]") {
            Some(key) => (key, true),
            None => (key, false),
        };
        let Some(entry) = node.as_table().and_then(|table| table.entry(key)) else {
            break;
        };
        node = &entry.node;
        found = Some(node);
        if is_item {
            match node.as_array().and_then(<[Node]>::first) {
                Some(item) => node = item,
                None => break,
            }
        }
    }
    found
}
