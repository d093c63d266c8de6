//! JSON patches (RFC 6902), as kustomize applies them: any operation that does not fit is an error.

use crate::node::{Node, Table, Value};

/// The operations of a patch.
#[derive(Debug, Clone)]
pub(super) struct JsonPatch {
    operations: Vec<Operation>,
}

#[derive(Debug, Clone)]
struct Operation {
    op: String,
    path: Vec<String>,
    /// The path as it is written, for messages.
    written: String,
    from: Option<Vec<String>>,
    value: Option<Node>,
}

impl JsonPatch {
    /// `None` where a node is no list of operations.
    pub(super) fn read(node: &Node) -> Option<Self> {
        let mut operations = Vec::new();
        for item in node.as_array()? {
            let text = |key: &str| item.get(key).and_then(Node::as_str);
            let written = text("path").unwrap_or_default().to_owned();
            operations.push(Operation {
                op: text("op").unwrap_or_default().to_owned(),
                path: pointer(&written),
                written,
                from: text("from").map(pointer),
                value: item.get("value").cloned(),
            });
        }
        Some(Self { operations })
    }

    /// The error names the operation that does not fit.
    pub(super) fn apply(&self, object: &mut Node) -> Result<(), String> {
        for operation in &self.operations {
            operation.apply(object).map_err(|why| {
                format!(
                    "`{} {}` does not apply: {why}",
                    operation.op, operation.written
                )
            })?;
        }
        Ok(())
    }
}

fn pointer(text: &str) -> Vec<String> {
    let parts = text.split('/').skip(1);
    parts
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .collect()
}

impl Operation {
    fn apply(&self, object: &mut Node) -> Result<(), &'static str> {
        let null = || Node::new(Value::Null, object.span);
        match self.op.as_str() {
            "add" => {
                let value = self.value.clone().unwrap_or_else(null);
                add(object, &self.path, value)
            }
            "replace" => {
                let value = self.value.clone().unwrap_or_else(null);
                replace(object, &self.path, value)
            }
            "remove" => remove(object, &self.path).map(drop),
            "move" => {
                let from = self.from.as_ref().ok_or("it has no `from`")?;
                let value = remove(object, from)?;
                add(object, &self.path, value)
            }
            "copy" => {
                let from = self.from.as_ref().ok_or("it has no `from`")?;
                let value = find_mut(object, from).ok_or(MISSING)?.clone();
                add(object, &self.path, value)
            }
            "test" => {
                let found = find_mut(object, &self.path).map(|node| &node.value);
                let wanted = self.value.as_ref().map_or(&Value::Null, |node| &node.value);
                match found.unwrap_or(&Value::Null).same(wanted) {
                    true => Ok(()),
                    false => Err("the value is another"),
                }
            }
            _ => Err("the operation is unknown"),
        }
    }
}

const MISSING: &str = "there is no such path";

fn find_mut<'n>(node: &'n mut Node, path: &[String]) -> Option<&'n mut Node> {
    path.iter()
        .try_fold(node, |node, part| match &mut node.value {
            Value::Table(table) => table.get_mut(part),
            Value::Array(items) => {
                let at = index(part, items.len())?;
                items.get_mut(at)
            }
            _ => None,
        })
}

/// A place in a list; negative ones count from the end.
fn index(part: &str, length: usize) -> Option<usize> {
    match part.strip_prefix('-') {
        Some(back) => length.checked_sub(back.parse().ok()?),
        None => part.parse().ok(),
    }
}

/// A key of a mapping need not be there, the item of a list has to be.
fn replace(object: &mut Node, path: &[String], value: Node) -> Result<(), &'static str> {
    if let Some(target) = find_mut(object, path) {
        *target = value;
        return Ok(());
    }
    let (last, above) = path.split_last().ok_or(MISSING)?;
    let holder = find_mut(object, above).ok_or(MISSING)?;
    match holder.as_table_mut() {
        Some(table) => {
            table.set(last.as_str(), value);
            Ok(())
        }
        None => Err(MISSING),
    }
}

fn add(object: &mut Node, path: &[String], value: Node) -> Result<(), &'static str> {
    let Some((last, above)) = path.split_last() else {
        *object = value;
        return Ok(());
    };
    let holder = find_mut(object, above).ok_or(MISSING)?;
    match &mut holder.value {
        Value::Table(table) => {
            table.set(last.as_str(), value);
            Ok(())
        }
        Value::Array(items) => {
            let at = match last.as_str() {
                "-" => items.len(),
                part => index(part, items.len() + 1).ok_or("the index is not a number")?,
            };
            if at > items.len() {
                return Err("the index is behind the end of the list");
            }
            items.insert(at, value);
            Ok(())
        }
        Value::Null => {
            let mut table = Table::new();
            table.set(last.as_str(), value);
            holder.value = Value::Table(table);
            Ok(())
        }
        _ => Err(MISSING),
    }
}

fn remove(object: &mut Node, path: &[String]) -> Result<Node, &'static str> {
    let (last, above) = path.split_last().ok_or("it removes the whole object")?;
    let holder = find_mut(object, above).ok_or(MISSING)?;
    match &mut holder.value {
        Value::Table(table) => table.remove(last).map(|entry| entry.node).ok_or(MISSING),
        Value::Array(items) => match index(last, items.len()) {
            Some(at) if at < items.len() => Ok(items.remove(at)),
            _ => Err("the index is behind the end of the list"),
        },
        _ => Err(MISSING),
    }
}
