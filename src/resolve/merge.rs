//! Lays one table over another: tables merge, everything else replaces, `{ unset = true }` removes.

use crate::node::{Entry, Node, Table, Value};
use crate::source::Span;

/// Whether the value says that an inherited value goes.
pub(crate) fn is_unset(node: &Node) -> bool {
    node.as_table().is_some_and(|table| {
        table.len() == 1
            && table
                .get("unset")
                .is_some_and(|value| value.value == Value::Bool(true))
    })
}

/// Whether the value is `{ imagePolicy = "…" }` or `{ file = "…" }`: a table to write, one value to read.
pub(crate) fn is_one_value(node: &Node) -> bool {
    node.as_table().is_some_and(|table| {
        table
            .get("imagePolicy")
            .is_some_and(|value| value.as_str().is_some())
            && table
                .keys()
                .all(|key| ["imagePolicy", "initial"].contains(&key))
            || table.len() == 1
                && table
                    .get("file")
                    .is_some_and(|file| file.as_str().is_some())
    })
}

/// Lays `over` over `base`.
pub(crate) fn merge(base: &mut Table, over: &Table) {
    lay(base, over, false);
}

/// Lays `over` over `base` and keeps each `{ unset = true }`, for tables that inherit from others afterwards.
pub(crate) fn merge_keeping_unset(base: &mut Table, over: &Table) {
    lay(base, over, true);
}

fn lay(base: &mut Table, over: &Table, keeps_unset: bool) {
    for (key, entry) in over.iter() {
        match (base.get_mut(key), &entry.node.value) {
            (_, Value::Table(_)) if is_unset(&entry.node) && !keeps_unset => {
                base.remove(key);
            }
            (Some(below), Value::Table(above))
                if below.as_table().is_some()
                    && ![&*below, &entry.node]
                        .into_iter()
                        .any(|node| is_unset(node) || is_one_value(node)) =>
            {
                below.span = entry.node.span;
                let below = below.as_table_mut().expect("seen just before");
                lay(below, above, keeps_unset);
            }
            _ => {
                let node = match keeps_unset {
                    true => entry.node.clone(),
                    false => without_unset(&entry.node),
                };
                let key_span = entry.key;
                base.insert(
                    key,
                    Entry {
                        key: key_span,
                        node,
                    },
                );
            }
        }
    }
}

/// A copy in which nothing is left to be unset, for where there is nothing below.
pub(crate) fn without_unset(node: &Node) -> Node {
    match &node.value {
        Value::Table(table) => {
            let kept = table
                .iter()
                .filter(|(_, entry)| !is_unset(&entry.node))
                .map(|(key, entry)| {
                    let entry = Entry {
                        key: entry.key,
                        node: without_unset(&entry.node),
                    };
                    (key.to_owned(), entry)
                })
                .collect::<Table>();
            Node::new(kept, node.span)
        }
        _ => node.clone(),
    }
}

/// Where two tables of equal rank set one value differently: the dotted path and both places.
pub(crate) fn conflicts(a: &Table, b: &Table) -> Vec<(String, Span, Span)> {
    let mut found = Vec::new();
    collect_conflicts(a, b, "", &mut found);
    found
}

fn collect_conflicts(a: &Table, b: &Table, path: &str, found: &mut Vec<(String, Span, Span)>) {
    for (key, left) in a.iter() {
        let Some(right) = b.entry(key) else { continue };
        let path = if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        };
        match (left.node.as_table(), right.node.as_table()) {
            (Some(left_table), Some(right_table))
                if !is_one_value(&left.node)
                    && !is_one_value(&right.node)
                    && !is_unset(&left.node)
                    && !is_unset(&right.node) =>
            {
                collect_conflicts(left_table, right_table, &path, found);
            }
            _ if left.node.value.same(&right.node.value) => {}
            _ => found.push((path, left.node.span, right.node.span)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        let mut sources = crate::source::Sources::default();
        let mut diagnostics = crate::diagnostic::Diagnostics::default();
        crate::load::load(
            "t.toml".into(),
            text.as_bytes(),
            &mut sources,
            &mut diagnostics,
        )
        .expect("TOML")
        .root
    }

    fn merged(base: &str, over: &str) -> Value {
        let mut base = table(base);
        merge(&mut base, &table(over));
        base.into()
    }

    #[test]
    fn tables_merge_deeply_and_arrays_are_replaced() {
        let expected = Value::from(table("a.x = 1\na.y = 3\nlist = [9]"));
        assert!(merged("a.x = 1\na.y = 2\nlist = [1, 2]", "a.y = 3\nlist = [9]").same(&expected));
    }

    #[test]
    fn unset_removes_and_leaves_no_trace_where_nothing_is_below() {
        assert!(merged("a = 1\nb = 2", "a = { unset = true }").same(&table("b = 2").into()));
        let over = "c.d = { unset = true }\nc.e = 1";
        assert!(merged("b = 2", over).same(&table("b = 2\nc.e = 1").into()));
    }

    #[test]
    fn what_inherits_later_keeps_what_it_unsets() {
        let keeping = |base: &str, over: &str| {
            let mut base = table(base);
            merge_keeping_unset(&mut base, &table(over));
            Value::from(base)
        };
        let unset = Value::from(table("a.x = { unset = true }\na.y = 1"));
        assert!(keeping("a.x = 1\na.y = 1", "a.x = { unset = true }").same(&unset));
        assert!(keeping("a.x = { unset = true }\na.y = 2", "a.y = 1").same(&unset));
        // A higher layer sets it again, be it as a table.
        let set = Value::from(table("a.x.z = 1"));
        assert!(keeping("a.x = { unset = true }", "a.x.z = 1").same(&set));
    }

    #[test]
    fn marked_values_are_replaced_whole() {
        let expected = Value::from(table("t = { imagePolicy = \"b:tag\" }"));
        assert!(
            merged(
                "t = { imagePolicy = \"a:tag\", initial = \"1\" }",
                "t = { imagePolicy = \"b:tag\" }"
            )
            .same(&expected)
        );
    }

    #[test]
    fn conflicts_are_only_differing_values_of_one_path() {
        let found = conflicts(
            &table("a.x = 1\na.y = 1\nb = [1]\nc = 1"),
            &table("a.x = 1\na.y = 2\nb = [2]\nd = 1"),
        );
        let paths: Vec<&str> = found.iter().map(|(path, ..)| path.as_str()).collect();
        assert_eq!(paths, ["a.y", "b"]);
    }
}
