//! Reads a settings table key by key, so that what nobody asked for is an unknown key.

use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::node::{Node, Table, Value};
use crate::source::{Span, Spanned};

/// A table being read. [`Fields::finish`] reports the keys that were not read.
pub(crate) struct Fields<'a, 'd> {
    table: &'a Table,
    /// The dotted path of the table, for messages; empty for the root.
    path: String,
    known: Vec<&'static str>,
    pub(crate) diagnostics: &'d mut Diagnostics,
}

impl<'a, 'd> Fields<'a, 'd> {
    pub(crate) fn new(
        table: &'a Table,
        path: impl Into<String>,
        diagnostics: &'d mut Diagnostics,
    ) -> Self {
        Self {
            table,
            path: path.into(),
            known: Vec::new(),
            diagnostics,
        }
    }

    /// The value of `key` as it stands.
    pub(crate) fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        self.table.get(key)
    }

    pub(crate) fn text(&mut self, key: &'static str) -> Option<Spanned<String>> {
        let node = self.node(key)?;
        let text = node.as_str().map(str::to_owned);
        self.typed(key, node, text, "a string")
    }

    pub(crate) fn bool(&mut self, key: &'static str) -> Option<Spanned<bool>> {
        let node = self.node(key)?;
        self.typed(key, node, node.as_bool(), "a boolean")
    }

    pub(crate) fn integer(&mut self, key: &'static str) -> Option<Spanned<i64>> {
        let node = self.node(key)?;
        let value = node
            .as_integer()
            .and_then(|value| i64::try_from(value).ok());
        self.typed(key, node, value, "an integer")
    }

    pub(crate) fn table(&mut self, key: &'static str) -> Option<(&'a Table, Span)> {
        let node = self.node(key)?;
        self.typed(key, node, node.as_table(), "a table")
            .map(|table| (table.value, table.span))
    }

    pub(crate) fn array(&mut self, key: &'static str) -> Option<&'a [Node]> {
        let node = self.node(key)?;
        self.typed(key, node, node.as_array(), "an array")
            .map(|items| items.value)
    }

    /// An array of strings; items of another type are reported and left out.
    pub(crate) fn texts(&mut self, key: &'static str) -> Option<Vec<Spanned<String>>> {
        let items = self.array(key)?;
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            let text = item.as_str().map(str::to_owned);
            texts.extend(self.typed(key, item, text, "a string"));
        }
        Some(texts)
    }

    /// One of `accepted`.
    pub(crate) fn one_of(
        &mut self,
        key: &'static str,
        accepted: &[&'static str],
    ) -> Option<Spanned<&'static str>> {
        let text = self.text(key)?;
        if let Some(known) = accepted.iter().find(|known| **known == text.value) {
            return Some(Spanned::new(known, text.span));
        }
        let mut diagnostic = Diagnostic::error(
            "wrong-value",
            format!("`{}` is no value of `{}`", text.value, self.name(key)),
        )
        .at(text.span, "")
        .with_help(format!("accepted: {}", list(accepted.iter().copied())));
        if let Some(near) = nearest(&text.value, accepted.iter().copied()) {
            diagnostic = diagnostic.with_help(format!("did you mean `{near}`?"));
        }
        self.diagnostics.push(diagnostic);
        None
    }

    /// The dotted path of `key`.
    pub(crate) fn name(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn typed<T>(
        &mut self,
        key: &str,
        node: &Node,
        value: Option<T>,
        expected: &str,
    ) -> Option<Spanned<T>> {
        if value.is_none() {
            self.diagnostics
                .push(wrong_type(&self.name(key), node, expected));
        }
        value.map(|value| Spanned::new(value, node.span))
    }

    /// Reports unknown keys; `also` are keys that somebody else reads.
    pub(crate) fn finish<'k>(self, also: impl IntoIterator<Item = &'k str>) {
        let mut known: Vec<&str> = self.known;
        known.extend(also);
        for (key, entry) in self.table.iter() {
            if !known.contains(&key) {
                self.diagnostics.push(unknown_key(
                    &self.path,
                    key,
                    entry.key,
                    known.iter().copied(),
                ));
            }
        }
    }
}

/// The least that stands around an expression, quotes included: `"${{}}"`, less one.
const EXPRESSION: usize = 6;

/// `wrong-type`: what was expected of `name`, and what stands there.
pub(crate) fn wrong_type(name: &str, node: &Node, expected: &str) -> Diagnostic {
    let mut diagnostic = Diagnostic::error("wrong-type", format!("`{name}` must be {expected}"))
        .at(node.span, format!("this is {}", node.value.type_name()));
    let written = match &node.value {
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        _ => return diagnostic,
    };
    if expected == "a string" {
        // What an expression gives stands at the place of the expression, which is longer.
        let is_expression = node.span.range().len() > written.len() + EXPRESSION;
        diagnostic = diagnostic.with_help(match is_expression {
            true => "make the expression a string: `${{ … | string }}`",
            false => "put it in quotes",
        });
    }
    diagnostic
}

/// `unknown-key`, with the nearest of the `known` ones.
pub(crate) fn unknown_key<'k>(
    path: &str,
    key: &str,
    span: Span,
    known: impl Iterator<Item = &'k str> + Clone,
) -> Diagnostic {
    let place = if path.is_empty() {
        "at the top level".to_owned()
    } else {
        format!("in `{path}`")
    };
    let diagnostic =
        Diagnostic::error("unknown-key", format!("unknown key `{key}` {place}")).at(span, "");
    match nearest(key, known.clone()) {
        Some(near) => diagnostic
            .with_help(format!("did you mean `{near}`?"))
            .with_fix(span, near),
        None => {
            let mut known: Vec<&str> = known.collect();
            known.sort_unstable();
            known.dedup();
            diagnostic.with_help(format!("known keys: {}", list(known.into_iter())))
        }
    }
}

/// `` `a`, `b` and `c` ``
pub(crate) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}
