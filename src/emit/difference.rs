//! The first place where what a template rendered is another resource.

use crate::node::{Node, Value};

/// What differs, and the keys that lead there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub what: String,
    keys: Vec<String>,
}

/// The first difference of `made` from `wanted`; `None` where they are the same.
pub(super) fn difference(made: &Node, wanted: &Node) -> Option<Difference> {
    find(&made.value, &wanted.value, &mut Vec::new())
}

fn find(made: &Value, wanted: &Value, keys: &mut Vec<String>) -> Option<Difference> {
    if made.same(wanted) {
        return None;
    }
    let said = |what: String, keys: &[String]| {
        Some(Difference {
            what,
            keys: keys.to_vec(),
        })
    };
    match (made, wanted) {
        (Value::Table(made), Value::Table(wanted)) => {
            for (key, entry) in made.iter() {
                keys.push(key.to_owned());
                match wanted.get(key) {
                    None => {
                        return said(format!("`{}` is not in the resource", keys.join(".")), keys);
                    }
                    Some(wanted) => {
                        if let Some(found) = find(&entry.node.value, &wanted.value, keys) {
                            return Some(found);
                        }
                    }
                }
                keys.pop();
            }
            let missing = wanted.keys().find(|key| made.get(key).is_none())?;
            let path: Vec<&str> = keys.iter().map(String::as_str).chain([missing]).collect();
            said(format!("`{}` is missing", path.join(".")), keys)
        }
        (Value::Array(made), Value::Array(wanted)) if made.len() == wanted.len() => made
            .iter()
            .zip(wanted)
            .find_map(|(made, wanted)| find(&made.value, &wanted.value, keys)),
        _ if keys.is_empty() => said("it is no table".to_owned(), keys),
        _ => said(format!("`{}` has another value", keys.join(".")), keys),
    }
}

impl Difference {
    /// The line of the text, counted from one, where the keys lead.
    pub(super) fn line(&self, text: &str) -> usize {
        let lines: Vec<&str> = text.lines().collect();
        let mut line = 0;
        for key in &self.keys {
            let is_key = |line: &&str| {
                let start = line.trim_start_matches([' ', '-']);
                let rest = start.strip_prefix(['"', '\'']).unwrap_or(start);
                rest.strip_prefix(key.as_str())
                    .is_some_and(|rest| rest.trim_start_matches(['"', '\'']).starts_with(':'))
            };
            let found = lines
                .iter()
                .enumerate()
                .skip(line)
                .find(|(_, line)| is_key(line));
            match found {
                Some((at, _)) => line = at,
                None => break,
            }
        }
        line + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    fn read(text: &str) -> Node {
        crate::yaml::read_all(text, Span::BUILT_IN.file)
            .expect("YAML")
            .remove(0)
    }

    #[test]
    fn the_first_difference_is_told_with_its_line() {
        let wanted = read("kind: A\nspec:\n  list:\n  - name: a\n    x: 1\n  count: 2\n");
        for (made, what, line) in [
            // a key too many, at the top and inside
            (
                "kind: A\nspec:\n  list:\n  - name: a\n    x: 1\n  count: 2\nextra: 1\n",
                "`extra` is not in the resource",
                7,
            ),
            (
                "kind: A\nspec:\n  list:\n  - name: a\n    z: 1\n    x: 1\n  count: 2\n",
                "`spec.list.z` is not in the resource",
                5,
            ),
            // another value
            (
                "kind: A\nspec:\n  list:\n  - name: a\n    x: 1\n  count: 3\n",
                "`spec.count` has another value",
                6,
            ),
            (
                "kind: \"yes\"\nspec:\n  list:\n  - name: a\n    x: 1\n  count: 2\n",
                "`kind` has another value",
                1,
            ),
            // a key that is gone
            (
                "kind: A\nspec:\n  list:\n  - name: a\n    x: 1\n",
                "`spec.count` is missing",
                2,
            ),
        ] {
            let found = difference(&read(made), &wanted).expect("a difference");
            assert_eq!((found.what.as_str(), found.line(made)), (what, line));
        }
        assert_eq!(difference(&wanted, &wanted), None);
    }
}
