//! `replacements`: a value of one object, copied into fields of others.
//!
//! Source: <https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/replacements/>

use super::item::{Id, Item, text_of};
use super::kustomization::{items_at, text_at, texts_at};
use super::selector::{Selector, Target};
use crate::node::{Node, Table, Value};
use crate::source::Span;

#[derive(Debug, Clone)]
pub(super) struct Replacement {
    pub(super) span: Span,
    /// It is in another file.
    pub(super) path: Option<String>,
    source: Option<Source>,
    value: Option<Node>,
    targets: Vec<Aim>,
}

#[derive(Debug, Clone)]
struct Source {
    target: Target,
    field: String,
    delimiter: Option<Delimiter>,
}

#[derive(Debug, Clone)]
struct Aim {
    select: Target,
    reject: Vec<Target>,
    fields: Vec<String>,
    delimiter: Option<Delimiter>,
    creates: bool,
}

#[derive(Debug, Clone)]
struct Delimiter {
    text: String,
    index: i128,
}

pub(super) fn read(node: &Node) -> Replacement {
    Replacement {
        span: node.span,
        path: text_at(node, "path"),
        source: node.get("source").map(|source| Source {
            target: Target::of(source),
            field: text_at(source, "fieldPath").unwrap_or_else(|| "metadata.name".to_owned()),
            delimiter: delimiter(source),
        }),
        value: node.get("sourceValue").cloned(),
        targets: items_at(node, "targets")
            .iter()
            .map(|target| {
                let mut fields: Vec<String> = texts_at(target, "fieldPaths")
                    .into_iter()
                    .map(|(text, _)| text)
                    .collect();
                if fields.is_empty() {
                    fields.push("metadata.name".to_owned());
                }
                let creates = target.at(&["options", "create"]).and_then(Node::as_bool);
                Aim {
                    select: target.get("select").map(Target::of).unwrap_or_default(),
                    reject: items_at(target, "reject").iter().map(Target::of).collect(),
                    fields,
                    delimiter: delimiter(target),
                    creates: creates == Some(true),
                }
            })
            .collect(),
    }
}

fn delimiter(node: &Node) -> Option<Delimiter> {
    let options = node.get("options")?;
    Some(Delimiter {
        text: text_at(options, "delimiter")?,
        index: options.get("index").and_then(Node::as_integer).unwrap_or(0),
    })
}

impl Replacement {
    /// The error says why kustomize would refuse it.
    pub(super) fn apply(&self, items: &mut [Item]) -> Result<(), String> {
        let value = self.value(items)?;
        for aim in &self.targets {
            let invalid =
                |pattern: String| format!("a replacement has an invalid expression `{pattern}`");
            let select = Selector::new(&aim.select).map_err(invalid)?;
            let reject: Vec<Selector> = aim
                .reject
                .iter()
                .map(Selector::new)
                .collect::<Result<_, _>>()
                .map_err(invalid)?;
            for item in items.iter_mut() {
                let ids = item.ids();
                let is_rejected = reject.iter().any(|one| {
                    let by_marks = one.has_only_marks();
                    (by_marks || ids.iter().any(|id| one.has_identity(id))) && one.has_marks(item)
                });
                let is_selected =
                    select.has_marks(item) && ids.iter().any(|id| select.has_identity(id));
                if is_rejected || !is_selected {
                    continue;
                }
                for field in &aim.fields {
                    let written = write(item.node_mut(), &parts(field), &value, aim);
                    if written == 0 {
                        return Err(format!(
                            "a replacement finds no field `{field}` in {}",
                            item.id()
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    fn value(&self, items: &[Item]) -> Result<Node, String> {
        let Some(source) = &self.source else {
            let value = self.value.clone();
            return value.ok_or_else(|| "a replacement has no `source`".to_owned());
        };
        let mut found = items
            .iter()
            .filter(|item| item.ids().iter().any(|id| is_named(&source.target, id)));
        let (Some(item), None) = (found.next(), found.next()) else {
            let name = source.target.name.as_deref().unwrap_or_default();
            return Err(format!(
                "the source `{name}` of a replacement is not exactly one object"
            ));
        };
        let mut node = item.node();
        for part in parts(&source.field) {
            node = step(node, &part).ok_or_else(|| {
                format!(
                    "the source of a replacement, {}, has no field `{}`",
                    item.id(),
                    source.field
                )
            })?;
        }
        let Some(delimiter) = &source.delimiter else {
            return Ok(node.clone());
        };
        let text = text_of(node);
        let parts: Vec<&str> = text.split(delimiter.text.as_str()).collect();
        let part = usize::try_from(delimiter.index)
            .ok()
            .and_then(|at| parts.get(at));
        match part {
            Some(part) => Ok(Node::new(*part, node.span)),
            None => Err(format!(
                "`{text}` has no part {} for a replacement",
                delimiter.index
            )),
        }
    }
}

/// Whether an identity has what a source asks for, word by word.
fn is_named(target: &Target, id: &Id) -> bool {
    let fits = |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|it| it == own);
    fits(&target.group, &id.group)
        && fits(&target.version, &id.version)
        && fits(&target.kind, &id.kind)
        && fits(&target.name, &id.name)
        && fits(&target.namespace, &id.namespace)
}

/// The parts of `spec.containers.[name=web].image`; dots in brackets and behind a backslash are no ends.
fn parts(path: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_usize;
    let mut letters = path.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                let next = letters.next();
                if next != Some('.') {
                    last(&mut parts).push('\\');
                }
                last(&mut parts).extend(next);
            }
            '.' if depth == 0 => parts.push(String::new()),
            _ => {
                match letter {
                    '[' => depth += 1,
                    ']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                last(&mut parts).push(letter);
            }
        }
    }
    parts.retain(|part| !part.is_empty());
    // `[a.b/c]` is a key in brackets.
    for part in &mut parts {
        let inner = part
            .strip_prefix('[')
            .and_then(|part| part.strip_suffix(']'));
        if let Some(inner) = inner
            && !inner.contains('=')
        {
            *part = inner.to_owned();
        }
    }
    parts
}

fn last(parts: &mut [String]) -> &mut String {
    parts.last_mut().expect("it starts with one part")
}

/// The item that `[name=web]` means.
fn condition(part: &str) -> Option<(&str, &str)> {
    let inner = part.strip_prefix('[')?.strip_suffix(']')?;
    inner.split_once('=')
}

fn is_meant(item: &Node, key: &str, value: &str) -> bool {
    match key {
        "" => text_of(item) == value,
        key => item.get(key).is_some_and(|own| text_of(own) == value),
    }
}

fn step<'n>(node: &'n Node, part: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Table(table) => table.get(part),
        Value::Array(items) => match condition(part) {
            Some((key, value)) => items.iter().find(|item| is_meant(item, key, value)),
            None => items.get(part.parse::<usize>().ok()?),
        },
        _ => None,
    }
}

/// Writes a value to every field of a path; how many there were.
fn write(node: &mut Node, path: &[String], value: &Node, aim: &Aim) -> usize {
    let Some((part, rest)) = path.split_first() else {
        put(node, value, aim);
        return 1;
    };
    let missing = || match rest.first() {
        Some(next) if condition(next).is_some() => Value::Array(Vec::new()),
        Some(_) => Value::Table(Table::new()),
        None => Value::String(String::new()),
    };
    match &mut node.value {
        Value::Table(table) if part == "*" => {
            let entries = table.iter_mut();
            entries
                .map(|(_, entry)| write(&mut entry.node, rest, value, aim))
                .sum()
        }
        Value::Table(table) => {
            if !table.contains(part) && aim.creates {
                table.set(part.as_str(), Node::new(missing(), value.span));
            }
            table
                .get_mut(part)
                .map_or(0, |below| write(below, rest, value, aim))
        }
        Value::Array(items) => {
            let chosen: Vec<usize> = match (part.as_str(), condition(part)) {
                ("*", _) => (0..items.len()).collect(),
                (_, Some((key, wanted))) => {
                    let is = |at: &usize| is_meant(&items[*at], key, wanted);
                    (0..items.len()).filter(is).collect()
                }
                (part, None) => {
                    let at = part.parse::<usize>().ok();
                    at.filter(|at| *at < items.len()).into_iter().collect()
                }
            };
            chosen
                .into_iter()
                .map(|at| write(&mut items[at], rest, value, aim))
                .sum()
        }
        _ => 0,
    }
}

fn put(node: &mut Node, value: &Node, aim: &Aim) {
    let value = match &aim.delimiter {
        None => value.clone(),
        Some(delimiter) => {
            let own = text_of(node).into_owned();
            let mut parts: Vec<&str> = own.split(delimiter.text.as_str()).collect();
            let new = text_of(value);
            match usize::try_from(delimiter.index) {
                Err(_) => parts.insert(0, &new),
                Ok(at) if at >= parts.len() => parts.push(&new),
                Ok(at) => parts[at] = &new,
            }
            Node::new(parts.join(&delimiter.text), value.span)
        }
    };
    // A scalar keeps its type where the new text fits it.
    node.value = match (&node.value, &value.value) {
        (Value::String(_), Value::Bool(_) | Value::Integer(_) | Value::Float(_)) => {
            Value::String(text_of(&value).into_owned())
        }
        _ => value.value,
    };
    node.span = value.span;
}
