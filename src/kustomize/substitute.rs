//! Post-build substitution of a built object, as Flux does it: in the object's text, which is then read
//! again.
//!
//! Source: <https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution>
//! and `SubstituteVariables` of github.com/fluxcd/pkg/kustomize.

use std::collections::{BTreeMap, BTreeSet};

use super::emission::as_yaml;
use super::item::{Item, text_of};
use crate::go::envsubst::{Lookup, Malformed, Substituted, Template, is_unknown, shown};
use crate::node::{Node, Table, Value};
use crate::source::Span;
use crate::yaml::read_all;

const SUBSTITUTE: &str = "kustomize.toolkit.fluxcd.io/substitute";

/// The values of `postBuild`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'v> {
    pub(super) known: &'v BTreeMap<String, String>,
    /// Others may have a value that is only in the cluster.
    pub(super) from_cluster: bool,
}

/// A value that is a string in the file and something else after substitution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Retyped {
    /// Where the object has it: `data.port`.
    pub field: String,
    /// As the file has it: `${port}`.
    pub written: String,
    /// As it is read back: `8080`.
    pub text: String,
    /// `an integer`.
    pub becomes: &'static str,
    pub span: Span,
}

/// An object after substitution.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Variables without a value that strict substitution refuses, where they are used first.
    pub(super) unset: BTreeMap<String, Span>,
    /// Variables whose values are not known here.
    pub(super) unknown: BTreeSet<String>,
    pub(super) retyped: Vec<Retyped>,
}

/// Why an object cannot be substituted.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) span: Span,
}

/// Whether a label or annotation keeps an object from being substituted.
pub(super) fn is_disabled(item: &Item) -> bool {
    ["labels", "annotations"]
        .iter()
        .any(|field| item.mark(field, SUBSTITUTE).as_deref() == Some("disabled"))
}

/// Substitutes in an object. What depends on unknown values stays as it is written.
pub(super) fn substitute(item: &mut Item, values: Values<'_>) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    if !is_needed(item.node()) {
        return Ok(outcome);
    }
    let place = item.place;
    let failure = |message: String, span: Span| Failure { message, span };
    let template = Template::parse(&as_yaml(item.node())).map_err(|why| {
        let (text, span) = malformed(item.node(), why).unwrap_or_else(|| (String::new(), place));
        failure(
            format!("{text}: {why}").trim_start_matches(": ").to_owned(),
            span,
        )
    })?;
    for one in template.uses() {
        let is_known = values.known.contains_key(one.name) || values.from_cluster;
        if !one.has_default && !is_known && !outcome.unset.contains_key(one.name) {
            let span = used(item.node(), one.name).unwrap_or(place);
            outcome.unset.insert(one.name.to_owned(), span);
        }
    }
    let lookup = |name: &str| match values.known.get(name) {
        Some(value) => Lookup::Value(value),
        None if values.from_cluster => Lookup::Unknown,
        None => Lookup::Value(""),
    };
    let Some(Substituted { text, unknown }) = template.expand(&lookup) else {
        return Err(failure(
            "the text after substitution is too large".to_owned(),
            place,
        ));
    };
    outcome.unknown = unknown;
    let read = String::from_utf8(text)
        .map_err(|_| "it is not UTF-8".to_owned())
        .and_then(|text| read_all(&text, Span::BUILT_IN.file).map_err(|error| error.message));
    let read = match read.as_deref() {
        Ok([node]) if node.as_table().is_some() => node.clone(),
        // An unknown value may be what makes it readable.
        _ if !outcome.unknown.is_empty() => return Ok(outcome),
        Ok(_) => {
            return Err(failure(
                "the text after substitution is not one object".to_owned(),
                place,
            ));
        }
        Err(why) => {
            return Err(failure(
                format!("the text after substitution is not YAML: {why}"),
                place,
            ));
        }
    };
    let mut path = Vec::new();
    let node = restored(read, item.node(), &mut path, &mut outcome.retyped);
    *item.node_mut() = node;
    Ok(outcome)
}

fn is_needed(node: &Node) -> bool {
    match node.value.scalar() {
        Value::String(text) => Template::is_needed(text),
        Value::Array(items) => items.iter().any(is_needed),
        Value::Table(table) => table
            .iter()
            .any(|(key, entry)| Template::is_needed(key) || is_needed(&entry.node)),
        _ => false,
    }
}

/// Every text of an object, keys among them, with its place.
fn texts<'n>(node: &'n Node, found: &mut Vec<(&'n str, Span)>) {
    match node.value.scalar() {
        Value::String(text) => found.push((text, node.span)),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Table(table) => {
            for (key, entry) in table.iter() {
                found.push((key, entry.key));
                texts(&entry.node, found);
            }
        }
        _ => {}
    }
}

/// The expression that cannot be read, and its place.
fn malformed(node: &Node, why: Malformed) -> Option<(String, Span)> {
    let mut all = Vec::new();
    texts(node, &mut all);
    let (text, span) = all
        .into_iter()
        .find(|(text, _)| Template::parse(text).is_err_and(|own| own == why))?;
    let start = text
        .match_indices("${")
        .map(|(at, _)| at)
        .find(|at| Template::parse(&text[*at..]).is_err())?;
    let rest = text[start..].lines().next().unwrap_or_default();
    let end = rest.find('}').map_or(rest.len(), |at| at + 1);
    let expression: String = rest[..end].chars().take(60).collect();
    Some((format!("`{expression}`"), span))
}

/// Where a variable is used.
fn used(node: &Node, name: &str) -> Option<Span> {
    let mut all = Vec::new();
    texts(node, &mut all);
    all.into_iter()
        .filter(|(text, _)| text.contains(name) && Template::is_needed(text))
        .find(|(text, _)| {
            Template::parse(text).is_ok_and(|it| {
                it.uses()
                    .iter()
                    .any(|one| one.name == name && !one.has_default)
            })
        })
        .map(|(_, span)| span)
}

/// Gives what was read back the places of what it is from, and finds strings that are none any longer.
/// The text has the keys in their order, so entries fit one by one.
fn restored(read: Node, old: &Node, path: &mut Vec<String>, retyped: &mut Vec<Retyped>) -> Node {
    let span = old.span;
    match (read.value, old.value.scalar()) {
        (Value::Table(new), Value::Table(old)) => {
            let mut sorted: Vec<_> = old.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            let is_alike = new.len() == sorted.len();
            let entries = new.into_iter().enumerate().map(|(at, (key, mut entry))| {
                if let (true, Some((was, old))) = (is_alike, sorted.get(at)) {
                    path.push((*was).to_owned());
                    entry.key = old.key;
                    entry.node = restored(entry.node, &old.node, path, retyped);
                    path.pop();
                }
                (shown(&key).into_owned(), entry)
            });
            let table: Table = entries.collect();
            Node::new(Value::Table(table), span)
        }
        (Value::Array(new), Value::Array(old)) => {
            let is_alike = new.len() == old.len();
            let items = new.into_iter().enumerate().map(|(at, item)| {
                if !is_alike {
                    return item;
                }
                path.push(format!("[{at}]"));
                let item = restored(item, &old[at], path, retyped);
                path.pop();
                item
            });
            Node::new(items.collect::<Vec<_>>(), span)
        }
        (Value::String(text), _) => Node::new(shown(&text).into_owned(), span),
        (value, Value::String(written)) => {
            let node = Node::new(value, span);
            let text = text_of(&node);
            if !is_unknown(&text) {
                retyped.push(Retyped {
                    field: path.join(".").replace(".[", "["),
                    written: written.clone(),
                    text: text.into_owned(),
                    becomes: node.value.type_name(),
                    span,
                });
            }
            node
        }
        (value, _) => Node::new(value, span),
    }
}

/// The variables in a file's values that have neither a value nor a default.
///
/// Documents that Flux leaves alone are passed over, as is a file that is no YAML.
pub(crate) fn unset_variables(text: &str, values: &BTreeMap<String, String>) -> Vec<String> {
    let mut unset = BTreeSet::new();
    for document in read_all(text, Span::BUILT_IN.file).unwrap_or_default() {
        let is_left_alone = ["annotations", "labels"].iter().any(|holder| {
            let value = document.at(&["metadata", holder, SUBSTITUTE]);
            value.and_then(Node::as_str) == Some("disabled")
        });
        if is_left_alone {
            continue;
        }
        let mut all = Vec::new();
        texts(&document, &mut all);
        for (text, _) in all {
            let Ok(template) = Template::parse(text) else {
                continue;
            };
            let uses = template.uses().into_iter();
            unset.extend(
                uses.filter(|one| !one.has_default && !values.contains_key(one.name))
                    .map(|one| one.name.to_owned()),
            );
        }
    }
    unset.into_iter().collect()
}
