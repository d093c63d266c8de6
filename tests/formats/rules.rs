//! What the readers of the formats refuse, checked with every report of the fixture.

use std::collections::BTreeSet;

use fluxgen::compare::report::Report;
use fluxgen::report::{Format, Input, render};
use serde_json::{Value, json};

use crate::fixture;

fn every_report() -> Vec<(&'static str, Report)> {
    vec![
        ("failing check", fixture::failing_check().report),
        ("clean check", fixture::clean_check()),
        ("denied diff", fixture::denied_diff().report),
        ("broken base", fixture::broken_base()),
        ("hostile", fixture::hostile(40)),
    ]
}

fn rendered(report: &Report, format: Format) -> String {
    let input = Input {
        pages: &fixture::pages,
        ..Input::new(report)
    };
    render(&input, format)
}

fn errors(schema: &Value, instance: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).expect("the schema is one");
    validator
        .iter_errors(instance)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn report_schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/report.schema.json");
    let text = fs_err::read_to_string(path).expect("the schema is there");
    serde_json::from_str(&text).expect("the schema is JSON")
}

/// Readers must bear new fields; here a field that the schema does not describe is a fault.
fn refuse_undescribed(schema: &mut Value) {
    if let Some(fields) = schema.as_object_mut() {
        if fields.contains_key("properties") {
            fields.insert("additionalProperties".to_owned(), json!(false));
        }
        fields.values_mut().for_each(refuse_undescribed);
    } else if let Some(items) = schema.as_array_mut() {
        items.iter_mut().for_each(refuse_undescribed);
    }
}

#[test]
fn json_is_as_its_schema_says_and_reads_back_equal() {
    let mut schema = report_schema();
    refuse_undescribed(&mut schema);
    for (name, report) in every_report() {
        let text = rendered(&report, Format::Json);
        let instance: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(errors(&schema, &instance), [] as [String; 0], "{name}");
        let back: Report = serde_json::from_value(instance).expect("reads back");
        assert_eq!(back, report, "{name}");
    }
}

#[test]
fn the_schema_of_the_report_refuses_what_is_not_one() {
    let schema = report_schema();
    let good: Value = serde_json::from_str(&rendered(&fixture::denied_diff().report, Format::Json))
        .expect("JSON");
    type Spoil = fn(&mut Value);
    let spoil: [(&str, Spoil); 7] = [
        ("another version", |report| report["version"] = json!(2)),
        ("no head", |report| {
            report.as_object_mut().expect("object").remove("head");
        }),
        ("an unknown action", |report| {
            report["changes"][0]["action"] = json!("moved")
        }),
        ("a line of zero", |report| {
            report["forecast"][0]["place"]["line"] = json!(0)
        }),
        ("a negative count", |report| {
            report["totals"]["created"] = json!(-1)
        }),
        ("an unknown severity", |report| {
            report["forecast"][0]["severity"] = json!("bad")
        }),
        ("a nameless object", |report| {
            report["changes"][0]["resource"] = json!({"kind": "X"})
        }),
    ];
    for (name, spoil) in spoil {
        let mut bad = good.clone();
        spoil(&mut bad);
        assert!(!errors(&schema, &bad).is_empty(), "{name}");
    }
}

/// The rules of SARIF 2.1.0 for the properties that we write, in our own words.
/// Source: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html>
fn sarif_rules() -> Value {
    serde_json::from_str(include_str!("sarif-rules.json")).expect("the rules are JSON")
}

#[test]
fn sarif_keeps_the_rules_of_2_1_0_and_of_github() {
    for (name, report) in every_report() {
        let log: Value = serde_json::from_str(&rendered(&report, Format::Sarif)).expect("JSON");
        assert_eq!(errors(&sarif_rules(), &log), [] as [String; 0], "{name}");
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
        let ids: BTreeSet<_> = rules.iter().map(|rule| rule["id"].to_string()).collect();
        assert_eq!(ids.len(), rules.len(), "{name}: a rule twice");
        let mut prints = BTreeSet::new();
        for result in run["results"].as_array().expect("results") {
            let index = result["ruleIndex"].as_u64().expect("index");
            let rule = &rules[usize::try_from(index).expect("small")];
            assert_eq!(rule["id"], result["ruleId"], "{name}");
            let print = result["partialFingerprints"].to_string();
            assert!(prints.insert(print), "{name}: a fingerprint twice");
        }
    }
}

/// The official schema is not part of the project; where a copy is named, it judges too.
#[test]
fn sarif_is_valid_by_the_published_schema_where_that_is_at_hand() {
    let Some(path) = std::env::var_os("SARIF_SCHEMA") else {
        eprintln!("skipped: SARIF_SCHEMA names no copy of sarif-schema-2.1.0.json");
        return;
    };
    let text = fs_err::read_to_string(path).expect("SARIF_SCHEMA can be read");
    let schema: Value = serde_json::from_str(&text).expect("the schema is JSON");
    for (name, report) in every_report() {
        let log: Value = serde_json::from_str(&rendered(&report, Format::Sarif)).expect("JSON");
        assert_eq!(errors(&schema, &log), [] as [String; 0], "{name}");
    }
}

#[test]
fn gitlab_gets_the_five_fields_and_every_fingerprint_once() {
    let schema = json!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["description", "check_name", "fingerprint", "severity", "location"],
            "properties": {
                "description": { "type": "string", "minLength": 1 },
                "check_name": { "type": "string", "minLength": 1 },
                "fingerprint": { "type": "string", "pattern": "^[0-9a-f]{32}$" },
                "severity": { "enum": ["info", "minor", "major", "critical", "blocker"] },
                "location": {
                    "type": "object",
                    "required": ["path", "lines"],
                    "properties": {
                        "path": { "type": "string", "pattern": "^[^./]" },
                        "lines": { "type": "object", "required": ["begin"],
                            "properties": { "begin": { "type": "integer", "minimum": 1 } } },
                    },
                },
            },
        },
    });
    for (name, report) in every_report() {
        let issues: Value = serde_json::from_str(&rendered(&report, Format::Gitlab)).expect("JSON");
        assert_eq!(errors(&schema, &issues), [] as [String; 0], "{name}");
        let issues = issues.as_array().expect("array");
        let prints: BTreeSet<_> = issues
            .iter()
            .map(|issue| issue["fingerprint"].to_string())
            .collect();
        assert_eq!(prints.len(), issues.len(), "{name}");
    }
}

#[test]
fn github_gets_one_command_a_line_whatever_the_text_holds() {
    for (name, report) in every_report() {
        let text = rendered(&report, Format::Github);
        let lines: Vec<_> = text.lines().collect();
        let (last, commands) = lines.split_last().expect("a headline");
        assert!(last.starts_with("fluxgen: "), "{name}: {last}");
        for line in commands {
            let rest = ["::error ", "::warning ", "::notice "]
                .iter()
                .find_map(|command| line.strip_prefix(command))
                .unwrap_or_else(|| panic!("{name}: {line}"));
            let (properties, _) = rest.split_once("::").expect("properties end");
            for property in properties.split(',') {
                let (key, value) = property.split_once('=').expect("key=value");
                assert!(
                    ["file", "line", "col", "endLine", "endColumn", "title"].contains(&key),
                    "{name}: {key}"
                );
                assert!(!value.contains(':'), "{name}: {value}");
            }
        }
        assert!(!text.contains('\r'), "{name}");
    }
}

#[test]
fn junit_is_well_formed_and_counts_its_tests() {
    for (name, report) in every_report() {
        let text = rendered(&report, Format::Junit);
        let elements = elements(&text).unwrap_or_else(|fault| panic!("{name}: {fault}\n{text}"));
        let count = |wanted: &str| elements.iter().filter(|element| *element == wanted).count();
        let tests = count("testcase");
        let failures = count("failure");
        assert!(
            text.contains(&format!("tests=\"{tests}\" failures=\"{failures}\"")),
            "{name}"
        );
    }
}

/// The names of all elements of a document, or why it is not well-formed. Knows as much of XML as
/// we write: no comments, no CDATA, five entities.
fn elements(text: &str) -> Result<Vec<String>, String> {
    let body = text
        .strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
        .ok_or("no declaration")?;
    let mut open: Vec<String> = Vec::new();
    let mut all = Vec::new();
    for (number, piece) in body.split('<').enumerate() {
        if number == 0 {
            continue;
        }
        let (tag, content) = piece
            .split_once('>')
            .ok_or(format!("no end of `{piece}`"))?;
        for part in [tag, content] {
            let is_allowed = |letter: char| matches!(letter, '\n' | '\t' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
            if let Some(bad) = part.chars().find(|letter| !is_allowed(*letter)) {
                return Err(format!("character {bad:?}"));
            }
            for entity in part.split('&').skip(1) {
                let known = ["amp;", "lt;", "gt;", "quot;", "apos;"];
                if !known.iter().any(|name| entity.starts_with(name)) {
                    return Err(format!("entity `&{entity}`"));
                }
            }
        }
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop().as_deref() != Some(name) {
                return Err(format!("`</{name}>` closes nothing"));
            }
            continue;
        }
        let name: String = tag
            .chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '-')
            .collect();
        if tag.matches('"').count() % 2 != 0 {
            return Err(format!("quotes in `<{tag}>`"));
        }
        if !tag.ends_with('/') {
            open.push(name.clone());
        }
        all.push(name);
    }
    match open.is_empty() {
        true => Ok(all),
        false => Err(format!("left open: {open:?}")),
    }
}
