//! Writes a value as block-style YAML that every reader of YAML 1.1 and 1.2 reads back equal.
//!
//! Keys stay in the order they are in. Strings are bare for a conservative set, literal blocks for
//! clean text of several lines, else double-quoted; lines are never folded.

use crate::node::{Marked, Node, Table, Value};
use crate::yaml::scalar::{float_text, is_plain};

/// Readers look for the `:` of a key within 1024 characters; a longer key is written after a `?`.
const LONGEST_SIMPLE_KEY: usize = 1000;

/// Writes one document, without `---`, ending in a line break.
pub fn write(node: &Node) -> String {
    write_at(node, 0)
}

/// Writes a value as the lines that stand below a key, each indented by `indent` spaces.
pub fn write_at(node: &Node, indent: usize) -> String {
    let mut writer = Writer { out: String::new() };
    match &node.value {
        Value::Table(table) if !table.is_empty() => writer.table(table, indent, false),
        Value::Array(items) if !items.is_empty() => writer.array(items, indent, false),
        value => {
            writer.indent(indent);
            writer.one_line(value);
            writer.out.push('\n');
        }
    }
    writer.out
}

/// Writes a scalar, an empty array or an empty table on one line, its mark included; `None` for
/// what needs more lines.
pub fn write_scalar(value: &Value) -> Option<String> {
    match value {
        Value::Table(table) if !table.is_empty() => None,
        Value::Array(items) if !items.is_empty() => None,
        value => {
            let mut writer = Writer { out: String::new() };
            writer.one_line(value);
            Some(writer.out)
        }
    }
}

struct Writer {
    out: String,
}

impl Writer {
    fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    /// `inline`: the first key follows a `- ` on its line.
    fn table(&mut self, table: &Table, indent: usize, mut inline: bool) {
        for (key, entry) in table.iter() {
            if !std::mem::take(&mut inline) {
                self.indent(indent);
            }
            self.key(key, indent);
            match &entry.node.value {
                Value::Table(inner) if !inner.is_empty() => {
                    self.out.push('\n');
                    self.table(inner, indent + 2, false);
                }
                Value::Array(items) if !items.is_empty() => {
                    self.out.push('\n');
                    self.array(items, indent, false);
                }
                value => {
                    self.out.push(' ');
                    self.scalar(value, indent);
                }
            }
        }
    }

    fn key(&mut self, key: &str, indent: usize) {
        let start = self.out.len();
        self.string(key);
        let characters = self.out[start..].chars().count();
        if characters > LONGEST_SIMPLE_KEY {
            self.out.insert_str(start, "? ");
            self.out.push('\n');
            self.indent(indent);
        }
        self.out.push(':');
    }

    fn array(&mut self, items: &[Node], indent: usize, mut inline: bool) {
        for item in items {
            if !std::mem::take(&mut inline) {
                self.indent(indent);
            }
            self.out.push_str("- ");
            match &item.value {
                Value::Table(inner) if !inner.is_empty() => self.table(inner, indent + 2, true),
                Value::Array(inner) if !inner.is_empty() => self.array(inner, indent + 2, true),
                value => self.scalar(value, indent),
            }
        }
    }

    /// A scalar after `key: ` or `- `, and the line break after it.
    fn scalar(&mut self, value: &Value, indent: usize) {
        match value {
            Value::String(text) if is_literal(text) => self.literal(text, indent + 2),
            value => {
                self.one_line(value);
                self.out.push('\n');
            }
        }
    }

    fn one_line(&mut self, value: &Value) {
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(true) => self.out.push_str("true"),
            Value::Bool(false) => self.out.push_str("false"),
            Value::Integer(number) => self.out.push_str(&number.to_string()),
            Value::Float(number) => self.out.push_str(&float_text(*number)),
            Value::String(text) => self.string(text),
            Value::Array(_) => self.out.push_str("[]"),
            Value::Table(_) => self.out.push_str("{}"),
            Value::Marked(marked) => self.marked(marked),
        }
    }

    /// The form that image automation looks for: the value, and the policy in a comment after it.
    ///
    /// A text is always quoted: the controller keeps the quotes that are there, and whether a tag would need
    /// them changes from one tag to the next.
    ///
    /// Source: <https://fluxcd.io/flux/guides/image-update/#configure-image-update-for-custom-resources>
    fn marked(&mut self, marked: &Marked) {
        match &marked.value {
            Value::String(text) => self.quoted(text),
            other => self.one_line(other),
        }
        self.out.push_str(" # {\"$imagepolicy\": ");
        self.quoted(&marked.policy);
        self.out.push('}');
    }

    fn string(&mut self, text: &str) {
        if is_plain(text) {
            self.out.push_str(text);
        } else {
            self.quoted(text);
        }
    }

    /// JSON's escapes where they suffice, so that readers of JSON agree.
    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        for letter in text.chars() {
            match letter {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                letter if is_clean(letter) => self.out.push(letter),
                letter if u32::from(letter) <= 0xffff => {
                    self.out.push_str(&format!("\\u{:04X}", u32::from(letter)));
                }
                letter => self.out.push_str(&format!("\\U{:08X}", u32::from(letter))),
            }
        }
        self.out.push('"');
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.out.push('|');
        if text.starts_with([' ', '\n']) {
            self.out.push('2');
        }
        let body = match text.strip_suffix('\n') {
            None => {
                self.out.push('-');
                text
            }
            Some(body) => {
                if body.ends_with('\n') {
                    self.out.push('+');
                }
                body
            }
        };
        self.out.push('\n');
        for line in body.split('\n') {
            if !line.is_empty() {
                self.indent(indent);
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
    }
}

/// Whether `text` survives as a literal block and is better read as one.
fn is_literal(text: &str) -> bool {
    text.contains('\n')
        && text.bytes().any(|byte| byte != b'\n')
        && text.split('\n').all(|line| {
            !line.ends_with([' ', '\t'])
                && !line.trim_start_matches(' ').starts_with('\t')
                && line
                    .chars()
                    .all(|letter| letter == '\t' || is_clean(letter))
        })
}

/// Whether a character stands for itself on paper and to every reader: no controls, no line breaks
/// of other standards, no byte order mark, no non-characters, nothing that turns the direction of text.
fn is_clean(letter: char) -> bool {
    match u32::from(letter) {
        0x20..=0x7e => true,
        0..=0x9f => false,
        0x200e | 0x200f | 0x2028..=0x202e | 0x2066..=0x2069 => false,
        0xfeff | 0xfdd0..=0xfdef => false,
        code => code & 0xfffe != 0xfffe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    fn node(value: impl Into<Value>) -> Node {
        Node::new(value, Span::BUILT_IN)
    }

    fn table<const N: usize>(entries: [(&str, Node); N]) -> Node {
        let mut table = Table::new();
        for (key, value) in entries {
            table.set(key, value);
        }
        node(table)
    }

    #[test]
    fn tables_and_arrays_look_as_kubectl_writes_them() {
        let document = table([
            ("kind", node("ConfigMap")),
            (
                "spec",
                table([
                    ("empty", node(Table::new())),
                    ("none", node(Vec::new())),
                    (
                        "items",
                        node(vec![
                            table([("name", node("a")), ("on", node(vec![node(1), node("2")]))]),
                            node(vec![node(vec![node("x")]), node("y")]),
                        ]),
                    ),
                ]),
            ),
        ]);
        assert_eq!(
            write(&document),
            "kind: ConfigMap\nspec:\n  empty: {}\n  none: []\n  items:\n  - name: a\n    \"on\":\n    - 1\n    - \"2\"\n  - - - x\n    - \"y\"\n"
        );
    }

    #[test]
    fn text_of_several_lines_is_a_block_when_it_is_clean() {
        let document = table([
            ("clip", node("a\n\n  b\n")),
            ("strip", node("a\nb")),
            ("keep", node("a\n\n")),
            ("indented", node("  a\nb\n")),
            ("trailing", node("a \nb\n")),
            ("breaks", node("\n\n")),
        ]);
        assert_eq!(
            write(&document),
            "clip: |\n  a\n\n    b\nstrip: |-\n  a\n  b\nkeep: |+\n  a\n\nindented: |2\n    a\n  b\ntrailing: \"a \\nb\\n\"\nbreaks: \"\\n\\n\"\n"
        );
    }

    #[test]
    fn a_marked_value_carries_its_policy_on_its_line() {
        let marked = |value: &str| {
            node(Value::Marked(Box::new(Marked {
                policy: "flux-system:podinfo:tag".to_owned(),
                value: value.into(),
                bare: None,
            })))
        };
        assert_eq!(
            write(&table([
                ("tag", marked("6.5.0")),
                ("list", node(vec![marked("v1")]))
            ])),
            "tag: \"6.5.0\" # {\"$imagepolicy\": \"flux-system:podinfo:tag\"}\nlist:\n- \"v1\" # {\"$imagepolicy\": \"flux-system:podinfo:tag\"}\n"
        );
    }

    #[test]
    fn characters_that_do_not_show_are_escaped() {
        assert_eq!(
            write_scalar(&Value::from(
                "\u{0}\u{7f}\u{85}\u{2028}\u{feff}\u{202e}\u{1ffff}ä🙂"
            )),
            Some("\"\\u0000\\u007F\\u0085\\u2028\\uFEFF\\u202E\\U0001FFFFä🙂\"".to_owned())
        );
    }

    #[test]
    fn a_key_too_long_for_a_line_gets_a_question_mark() {
        let key = "k".repeat(2000);
        assert_eq!(write(&table([(&key, node(1))])), format!("? {key}\n: 1\n"));
    }
}
