//! Laws of the YAML writer: what it writes is read back equal, by our reader and by others.

use std::io::Write as _;
use std::process::{Command, Stdio};

use fluxgen::node::{Node, Table, Value};
use fluxgen::source::Span;
use fluxgen::yaml::{read_all, write, write_at};
use proptest::prelude::*;

/// A small generator of its own, so that the hostile strings are the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("bound is a usize")
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }
}

const WORDS: &[&str] = &[
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
    "Y",
    "N",
    "true",
    "false",
    "True",
    "NULL",
    "null",
    "~",
    "",
    "1_000",
    "0777",
    "0o7",
    "0x1F",
    "0b11",
    "12:30",
    "12:30:45",
    "1e3",
    "1.",
    ".5",
    "-.5",
    ".inf",
    "-.INF",
    ".nan",
    "1.0",
    "6.5.0",
    "2001-01-01",
    "2001-12-14T21:59:43Z",
    "=",
    "<<",
    "-",
    "?",
    ":",
    "---",
    "...",
    "--- a",
    "!!str",
    "!x",
    "&a",
    "*a",
    "|",
    ">",
    "%YAML 1.2",
    "@x",
    "`x",
    "{}",
    "[]",
    "{a: b}",
    "[a, b]",
    "${var}",
    "{{ .x }}",
    "${{ x }}",
    "# c",
    "a #b",
    "a: b",
    "a:",
    ":a",
    "'",
    "\"",
    "\\",
    "\\n",
    "a'b",
    "a\"b",
    ",",
    "a,b",
    "+1",
    "-1",
    "0",
    "00",
    "09",
    "1_0.5",
    "0x",
    "inf",
    "NaN",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\u{a0}",
    "\u{0}",
    "\u{7}",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{fffe}",
    "\u{1ffff}",
    "\u{fdd0}",
    "ä",
    "日本",
    "🙂",
    "\u{202e}",
    "\t",
    "\r",
    "\r\n",
    "\n",
    " ",
    "  ",
    "\n\n",
    "a\nb",
    "a\n",
    " a\nb\n",
    "\na",
    "a \nb",
    "a\n\tb",
    "\ta\nb",
    "x: |\n  y\n",
    "- a\n- b",
    "key",
    "value",
    "/path/x",
    "./a",
    "https://x.y/z?q=1#f",
    "app:v1.2",
    "/",
    ".",
    "..",
    "_",
    "$x",
    "%",
];

fn hostile(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..=random.below(4) {
        match random.below(5) {
            0..3 => text.push_str(random.word()),
            3 => text.extend(char::from_u32(
                u32::try_from(random.below(0x300)).expect("small"),
            )),
            _ => text.extend(char::from_u32(
                u32::try_from(random.below(0x11_0000)).expect("small"),
            )),
        }
    }
    text
}

fn node(value: impl Into<Value>) -> Node {
    Node::new(value, Span::BUILT_IN)
}

fn single(key: &str, value: Node) -> Node {
    let mut table = Table::new();
    table.set(key, value);
    node(table)
}

fn read_one(text: &str) -> Node {
    let mut nodes =
        read_all(text, Span::BUILT_IN.file).unwrap_or_else(|error| panic!("{error}:\n{text}"));
    assert_eq!(nodes.len(), 1, "{text}");
    nodes.remove(0)
}

/// Every string as a value, as a key, in a list, deep inside, and as the whole document.
fn shapes(text: &str) -> Vec<Node> {
    let inner = single(text, node(vec![node(text), single(text, node(text))]));
    vec![
        single("key", node(text)),
        single(text, node(1)),
        single(
            "list",
            node(vec![inner, node(vec![node(text), node(vec![node(text)])])]),
        ),
        node(vec![node(text), node(true)]),
        node(text),
    ]
}

#[test]
fn twenty_thousand_hostile_strings_survive_as_values_and_as_keys() {
    let mut random = Random(0x5eed_f10c);
    for _ in 0..20_000 {
        let text = hostile(&mut random);
        for shape in shapes(&text) {
            let written = write(&shape);
            let back = read_one(&written);
            assert!(back.value.same(&shape.value), "{text:?}\n{written}");
        }
    }
}

#[test]
fn serde_yaml_reads_the_same_strings_without_our_reader_between() {
    let mut random = Random(0xfeed_beef);
    for _ in 0..20_000 {
        let (key, value) = (hostile(&mut random), hostile(&mut random));
        let written = write(&single(&key, node(value.as_str())));
        let back: std::collections::BTreeMap<String, String> =
            serde_yaml::from_str(&written).unwrap_or_else(|error| panic!("{error}:\n{written}"));
        assert_eq!(
            back.into_iter().collect::<Vec<_>>(),
            [(key, value)],
            "{written}"
        );
    }
}

#[test]
fn a_value_written_below_a_key_is_the_value() {
    let mut random = Random(0xabcd_ef01);
    for _ in 0..2_000 {
        let text = hostile(&mut random);
        for shape in shapes(&text) {
            let written = format!("outer:\n{}", write_at(&shape, 4));
            let back = read_one(&written);
            assert!(
                back.get("outer")
                    .is_some_and(|back| back.value.same(&shape.value)),
                "{written}"
            );
        }
    }
}

fn any_value() -> impl Strategy<Value = Node> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (i128::from(i64::MIN)..=i128::from(u64::MAX)).prop_map(Value::Integer),
        any::<f64>()
            .prop_filter("JSON has no others", |value| value.is_finite())
            .prop_map(Value::Float),
        any::<String>().prop_map(Value::String),
        "[ \\n\\t#:'\"a-c0-9_.-]{0,24}".prop_map(Value::String),
        proptest::sample::select(WORDS).prop_map(Value::from),
    ];
    let leaf = scalar.prop_map(node);
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(node),
            proptest::collection::vec((any::<String>(), inner), 0..5).prop_map(|entries| {
                let mut table = Table::new();
                for (key, value) in entries {
                    table.set(key, value);
                }
                node(table)
            }),
        ]
    })
}

proptest! {
    #[test]
    fn write_then_read_is_equal(value in any_value().prop_filter("an empty document is none", |node| node.value != Value::Null)) {
        let written = write(&value);
        let back = read_one(&written);
        prop_assert!(back.value.same(&value.value), "{}", written);
        prop_assert_eq!(write(&back), written);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[ \\n\\t#:'\"a-c0-9_.,&*!|>%{}\\[\\]?-]{0,60}") {
        let _ = read_all(&text, Span::BUILT_IN.file);
    }
}

/// Strings that a sample sends through programs outside: what YAML can hold and JSON too.
fn sample() -> Vec<String> {
    let mut random = Random(0x0dd_ba11);
    let mut texts: Vec<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
    texts.extend((0..1_500).map(|_| hostile(&mut random)));
    texts
}

fn piped(program: &mut Command, input: &str) -> Option<String> {
    let mut child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(input.as_bytes()).ok()?;
    let output = child.wait_with_output().ok()?;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).ok()
}

#[test]
fn pyyaml_which_reads_yaml_1_1_agrees() {
    let known = Command::new("python3").args(["-c", "import yaml"]).output();
    if !known.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: python3 with PyYAML is not here");
        return;
    }
    let texts = sample();
    let values = node(
        texts
            .iter()
            .map(|text| node(text.as_str()))
            .collect::<Vec<_>>(),
    );
    let keys = node(
        texts
            .iter()
            .map(|text| single(text, single(text, node(text.as_str()))))
            .collect::<Vec<_>>(),
    );
    let mut document = Table::new();
    document.set("values", values);
    document.set("keys", keys);
    let script = "import sys, yaml, json; d = yaml.safe_load(sys.stdin.buffer.read().decode()); \
                  k = [[list(o)[0], list(list(o.values())[0])[0], list(list(o.values())[0].values())[0]] for o in d['keys']]; \
                  print(json.dumps([d['values'], k]))";
    let out = piped(
        Command::new("python3").args(["-c", script]),
        &write(&node(document)),
    )
    .expect("python3 runs");
    let back: serde_json::Value = serde_json::from_str(&out).expect("json");
    for (at, text) in texts.iter().enumerate() {
        assert_eq!(back[0][at], serde_json::json!(text));
        assert_eq!(back[1][at], serde_json::json!([text, text, text]));
    }
}

#[test]
fn kubectl_agrees_on_values_and_keys() {
    let known = Command::new("kubectl")
        .args(["version", "--client"])
        .output();
    if !known.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: kubectl is not here");
        return;
    }
    let texts = sample();
    let mut annotations = Table::new();
    for (at, text) in texts.iter().enumerate() {
        annotations.set(format!("k{at}"), node(text.as_str()));
        annotations.set(format!("{text}/{at}"), node("key"));
    }
    let mut map = Table::new();
    map.set("apiVersion", node("v1"));
    map.set("kind", node("ConfigMap"));
    map.set("metadata", single("name", node("sample")));
    map.set("data", node(annotations));
    // `--local` asks no server.
    let mut label = Command::new("kubectl");
    label.args(["label", "--local", "-f", "-", "a=b", "-o", "json"]);
    let out = piped(&mut label, &write(&node(map))).expect("kubectl runs");
    let back: serde_json::Value = serde_json::from_str(&out).expect("json");
    for (at, text) in texts.iter().enumerate() {
        assert_eq!(back["data"][format!("k{at}")], serde_json::json!(text));
        assert_eq!(
            back["data"][format!("{text}/{at}")],
            serde_json::json!("key")
        );
    }
}

/// Whether a value is what the second reader, a port of the library that Go's reader is a port of, makes of a text.
fn agrees(ours: &Value, theirs: &serde_yaml::Value) -> bool {
    use serde_yaml::Value as Yaml;
    match (ours, theirs) {
        // The second reader does not merge.
        (Value::Table(_), Yaml::Mapping(theirs)) if theirs.contains_key("<<") => true,
        (Value::Table(ours), Yaml::Mapping(theirs)) => {
            ours.iter().count() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|((key, entry), (their_key, value))| {
                        let is_key = match their_key {
                            Yaml::String(text) => text == key || is_word_of_yaml_1_1(text),
                            Yaml::Bool(_) | Yaml::Number(_) => true,
                            _ => false,
                        };
                        is_key && agrees(&entry.node.value, value)
                    })
        }
        (Value::Array(ours), Yaml::Sequence(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|(ours, theirs)| agrees(&ours.value, theirs))
        }
        (Value::String(ours), Yaml::String(theirs)) => ours == theirs,
        (_, Yaml::String(text)) => is_word_of_yaml_1_1(text),
        (Value::Null, Yaml::Null) => true,
        (Value::Bool(ours), Yaml::Bool(theirs)) => ours == theirs,
        (Value::Integer(ours), Yaml::Number(theirs)) => ours.to_string() == theirs.to_string(),
        (Value::Float(ours), Yaml::Number(theirs)) => theirs.as_f64() == Some(*ours),
        _ => false,
    }
}

/// Strings to a reader of YAML 1.2 alone.
fn is_word_of_yaml_1_1(text: &str) -> bool {
    const WORDS: [&str; 8] = ["y", "yes", "on", "n", "no", "off", "+.inf", "<<"];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
        || text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first))
}

/// Pieces of YAML that make texts of all kinds, a third of them valid.
const PIECES: &[&str] = &[
    "a", "b", "a: ", "b: ", "c:", "- ", "-", "? ", ": ", "\n", "\n", "\n", "\n  ", "\n    ", " ",
    "  ", "[", "]", "{", "}", ", ", "\"", "'", "x y", "# c", " # c", "a: |\n", "b: >\n", "- |-\n",
    "c: >+\n", "a: |2\n", "&x ", "*x", "!!str ", "---\n", "\t", "yes", "0777", "1.5", "~", "\\n",
    "é", "<<: ", "\r\n",
];

/// What only our reader refuses: JSON has no such keys, and Kubernetes has no such tags and merges.
const OURS_ALONE: &[&str] = &[
    "key is ",
    "`.inf` is not",
    "tag `",
    "`<<` merges",
    // Rules of YAML 1.2 that YAML 1.1 did not have.
    "comments must be separated",
    "wrongly indented line in block scalar",
    "simple key expected",
    "unknown anchor",
];

/// What only the second reader refuses: rules of YAML 1.1 that YAML 1.2 dropped.
const THEIRS_ALONE: &[&str] = &[
    "did not find expected",
    "found a tab character",
    "found character that cannot start any token",
    "mapping keys are not allowed",
    "block sequence entries are not allowed",
    "found unexpected",
];

#[test]
fn the_second_reader_agrees_on_any_text() {
    let mut random = Random(0x0012_3456_789a_bcde);
    let (mut same, mut ours_alone, mut theirs_alone) = (0, 0, 0);
    for _ in 0..30_000 {
        let length = 1 + random.below(12);
        let pieces = (0..length).map(|_| PIECES[random.below(PIECES.len())]);
        let text: String = pieces.collect();
        let theirs: Result<Vec<serde_yaml::Value>, _> = serde_yaml::Deserializer::from_str(&text)
            .map(serde::Deserialize::deserialize)
            .collect();
        match (read_all(&text, Span::BUILT_IN.file), theirs) {
            (Ok(ours), Ok(mut theirs)) => {
                theirs.retain(|value| !value.is_null());
                let is_same = ours.len() == theirs.len();
                let mut pairs = ours.iter().zip(&theirs);
                let agree = |(ours, theirs): (&Node, _)| agrees(&ours.value, theirs);
                assert!(
                    is_same && pairs.all(agree),
                    "{text:?}\n{ours:?}\n{theirs:?}"
                );
                same += 1;
            }
            (Err(_), Err(_)) => same += 1,
            (Err(ours), Ok(theirs)) => {
                let known = OURS_ALONE
                    .iter()
                    .any(|known| ours.message.starts_with(known));
                assert!(known, "{text:?}: {ours}\n{theirs:?}");
                ours_alone += 1;
            }
            (Ok(ours), Err(theirs)) => {
                let message = theirs.to_string();
                let known = THEIRS_ALONE.iter().any(|known| message.contains(known));
                assert!(known, "{text:?}: {message}\n{ours:?}");
                theirs_alone += 1;
            }
        }
    }
    assert!(
        same > 28_000,
        "{same} agree; {ours_alone} and {theirs_alone} are refused by one"
    );
    eprintln!("{same} agree; {ours_alone} and {theirs_alone} are refused by one");
}
