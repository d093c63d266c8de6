//! Markers as image-automation-controller finds them: a comment with `$imagepolicy` after a scalar on one line.

use crate::node::{Marked, Node, Value};

/// What every marked line holds; files without it are not looked at.
///
/// Source: `internal/update` of <https://github.com/fluxcd/image-automation-controller>.
pub const TOKEN: &str = "\"$imagepolicy\"";

/// A marked line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Counted from zero.
    pub line: usize,
    /// The bytes of the marker's policy in the text.
    pub start: usize,
    pub end: usize,
    /// `namespace:name`, with `:tag`, `:name` or `:digest` after it.
    pub policy: String,
    /// The scalar before the comment, without quotes.
    pub value: String,
}

impl Marker {
    /// Namespace, name, and the part that is set: empty for the whole image.
    pub fn parts(&self) -> Option<(&str, &str, &str)> {
        let mut parts = self.policy.split(':');
        let (namespace, name) = (parts.next()?, parts.next()?);
        let part = parts.next().unwrap_or_default();
        let is_known = ["", "tag", "name", "digest"].contains(&part) && parts.next().is_none();
        (is_known && !namespace.is_empty() && !name.is_empty()).then_some((namespace, name, part))
    }
}

/// The markers of a text, in their order.
pub fn markers(text: &str) -> Vec<Marker> {
    let mut found = Vec::new();
    let mut offset = 0;
    for (at, line) in text.split_inclusive('\n').enumerate() {
        if line.contains(TOKEN)
            && let Some(marker) = marker(line, at, offset)
        {
            found.push(marker);
        }
        offset += line.len();
    }
    found
}

fn marker(line: &str, at: usize, offset: usize) -> Option<Marker> {
    let token = line.find(TOKEN)?;
    let comment = line.get(..token)?.rfind('#')?;
    let (before, after) = (line.get(..comment)?, line.get(token + TOKEN.len()..)?);
    let opening = after.find('"')?;
    let rest = after.get(opening + 1..)?;
    let policy = rest.get(..rest.find('"')?)?;
    let start = offset + token + TOKEN.len() + opening + 1;
    let before = before.trim();
    let value = match before.rsplit_once(": ") {
        Some((_, value)) => value,
        None => before.trim_start_matches("- "),
    };
    let value = value.trim().trim_start_matches("- ");
    Some(Marker {
        line: at,
        start,
        end: start + policy.len(),
        policy: policy.to_owned(),
        value: value.trim_matches(['"', '\'']).to_owned(),
    })
}

/// Marks the scalars of a document whose lines carry a marker; those that share a line with another stay.
pub fn mark(node: &mut Node, text: &str) {
    if !text.contains(TOKEN) {
        return;
    }
    let markers = markers(text);
    let starts: Vec<usize> = std::iter::once(0)
        .chain(
            text.bytes()
                .enumerate()
                .filter(|(_, byte)| *byte == b'\n')
                .map(|(at, _)| at + 1),
        )
        .collect();
    let line_of = |node: &Node| {
        let start = node.span.range().start;
        starts
            .partition_point(|line| *line <= start)
            .saturating_sub(1)
    };
    let mut counts = vec![0_usize; starts.len()];
    count(node, &line_of, &mut counts);
    set(node, &line_of, &counts, &markers);
}

fn count(node: &Node, line_of: &impl Fn(&Node) -> usize, counts: &mut [usize]) {
    match &node.value {
        Value::Table(table) => table
            .iter()
            .for_each(|(_, entry)| count(&entry.node, line_of, counts)),
        Value::Array(items) => items.iter().for_each(|item| count(item, line_of, counts)),
        _ => {
            if let Some(count) = counts.get_mut(line_of(node)) {
                *count += 1;
            }
        }
    }
}

fn set(node: &mut Node, line_of: &impl Fn(&Node) -> usize, counts: &[usize], markers: &[Marker]) {
    let line = line_of(node);
    match &mut node.value {
        Value::Table(table) => {
            for (_, entry) in table.iter_mut() {
                set(&mut entry.node, line_of, counts, markers);
            }
        }
        Value::Array(items) => {
            for item in items {
                set(item, line_of, counts, markers);
            }
        }
        Value::Null | Value::Marked(_) => {}
        value => {
            let marker = markers.iter().find(|marker| marker.line == line);
            if let Some(marker) = marker.filter(|_| counts.get(line) == Some(&1)) {
                let own = std::mem::replace(value, Value::Null);
                *value = Value::Marked(Box::new(Marked {
                    policy: marker.policy.clone(),
                    value: own,
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_read_with_its_scalar() {
        for (line, policy, value) in [
            (
                "  tag: 1.0.0 # {\"$imagepolicy\": \"flux-system:app:tag\"}",
                "flux-system:app:tag",
                "1.0.0",
            ),
            (
                "- image: \"a/b:1\" # {\"$imagepolicy\": \"apps:app\"}\n",
                "apps:app",
                "a/b:1",
            ),
            (
                "  - a/b:1 #{\"$imagepolicy\":\"apps:app\"}",
                "apps:app",
                "a/b:1",
            ),
        ] {
            let found = markers(line);
            assert_eq!(found.len(), 1, "{line}");
            assert_eq!(
                (found[0].policy.as_str(), found[0].value.as_str()),
                (policy, value)
            );
            assert_eq!(&line[found[0].start..found[0].end], policy);
            assert!(found[0].parts().is_some());
        }
        for line in [
            "# {\"$imagepolicy\"",
            "\"$imagepolicy\": \"a:b\"",
            "é # {\"$imagepolicy\": \"é",
        ] {
            assert!(markers(line).is_empty(), "{line}");
        }
        for policy in ["a", "a:b:c", "a:b:tag:x", ":b"] {
            let line = format!("a: b # {{\"$imagepolicy\": \"{policy}\"}}");
            assert_eq!(markers(&line)[0].parts(), None, "{policy}");
        }
    }
}
