//! SARIF 2.1.0, for GitHub code scanning and editors.
//!
//! Sources: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html> and, for what
//! GitHub reads of it and its limits,
//! <https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning>

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::remark::{self, Remark};
use super::{Input, RulePage, wording};
use crate::compare::report::{Command, Level, Place};
use crate::diagnostic::render::{printable_json, printable_line};

/// GitHub reads no more results of a run.
const MOST_RESULTS: usize = 25_000;
/// GitHub shows no more places of a result.
const MOST_RELATED: usize = 100;

/// A log of one run. Columns count characters, as ours do.
pub(super) fn render(input: &Input<'_>) -> String {
    let remarks = remark::all(input);
    let mut rules: IndexMap<&str, Value> = IndexMap::new();
    let mut results = Vec::new();
    for remark in remarks.iter().take(MOST_RESULTS) {
        let entry = rules.entry(remark.code);
        let index = entry.index();
        entry.or_insert_with(|| rule(remark, (input.pages)(remark.code)));
        results.push(result(remark, index));
    }
    let category = match input.report.command {
        Command::Check => "fluxgen/check/",
        Command::Diff => "fluxgen/diff/",
    };
    let mut invocation = json!({ "executionSuccessful": true });
    if remarks.len() > MOST_RESULTS {
        let left_out = remarks.len() - MOST_RESULTS;
        invocation["toolExecutionNotifications"] = json!([{
            "level": "warning",
            "message": { "text": format!("{} left out: GitHub reads {MOST_RESULTS}", wording::counted(left_out, "result")) },
        }]);
    }
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "fluxgen",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.into_values().collect::<Vec<_>>(),
            } },
            "automationDetails": { "id": category },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {
                "%SRCROOT%": { "description": { "text": "the root of the repository" } },
            },
            "invocations": [invocation],
            "results": results,
        }],
    });
    let mut text = serde_json::to_string_pretty(&log).expect("JSON values are written as they are");
    text.push('\n');
    printable_json(&text).into_owned()
}

fn rule(remark: &Remark<'_>, page: Option<RulePage>) -> Value {
    let explain = format!("Run `fluxgen explain {}` for more.", remark.code);
    let page = page.unwrap_or_default();
    let summary = match page.summary.as_str() {
        "" => remark.code.replace('-', " "),
        summary => summary.to_owned(),
    };
    let help = match page.text.as_str() {
        "" => explain,
        text => format!("{text}\n\n{explain}"),
    };
    let mut rule = Map::new();
    rule.insert("id".into(), remark.code.into());
    rule.insert("shortDescription".into(), json!({ "text": summary }));
    rule.insert("help".into(), json!({ "text": help, "markdown": help }));
    if let Some(url) = page.url.as_ref().or(remark.url.as_ref()) {
        rule.insert("helpUri".into(), url.as_str().into());
    }
    rule.insert(
        "defaultConfiguration".into(),
        json!({ "level": level(remark.level) }),
    );
    Value::Object(rule)
}

fn result(remark: &Remark<'_>, rule_index: usize) -> Value {
    let location = match remark.place {
        Some(place) => json!({ "physicalLocation": physical(place) }),
        // A result without a file is shown nowhere.
        None => json!({ "physicalLocation": { "artifactLocation": artifact(remark.file) } }),
    };
    let mut result = Map::new();
    result.insert("ruleId".into(), remark.code.into());
    result.insert("ruleIndex".into(), rule_index.into());
    result.insert("level".into(), level(remark.level).into());
    result.insert("message".into(), json!({ "text": remark.text() }));
    result.insert("locations".into(), json!([location]));
    let related: Vec<Value> = remark
        .related
        .iter()
        .take(MOST_RELATED)
        .enumerate()
        .map(|(id, (place, label))| {
            let label = if label.is_empty() { "see here" } else { label };
            json!({ "id": id + 1, "message": { "text": printable_line(label) }, "physicalLocation": physical(place) })
        })
        .collect();
    if !related.is_empty() {
        result.insert("relatedLocations".into(), related.into());
    }
    result.insert(
        "partialFingerprints".into(),
        json!({ "fluxgenFinding/v1": remark.fingerprint }),
    );
    if let Some(fix) = remark.fix {
        result.insert(
            "fixes".into(),
            json!([{
                "description": { "text": remark.help.first().map_or("write this instead", String::as_str) },
                "artifactChanges": [{
                    "artifactLocation": artifact(&fix.place.file),
                    "replacements": [{
                        "deletedRegion": region(&fix.place),
                        "insertedContent": { "text": fix.text },
                    }],
                }],
            }]),
        );
    }
    if !remark.clusters.is_empty() {
        result.insert("properties".into(), json!({ "clusters": remark.clusters }));
    }
    Value::Object(result)
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    }
}

fn physical(place: &Place) -> Value {
    json!({ "artifactLocation": artifact(&place.file), "region": region(place) })
}

fn region(place: &Place) -> Value {
    json!({
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    })
}

/// A file of the repository as a relative URI; a path outside of it has no base.
fn artifact(path: &str) -> Value {
    let uri = uri(path);
    if path.starts_with('/') || path.starts_with("../") {
        json!({ "uri": uri })
    } else {
        json!({ "uri": uri, "uriBaseId": "%SRCROOT%" })
    }
}

/// `path` with everything escaped that has a meaning in a URI.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_uri() {
        assert_eq!(
            uri("clusters/prod/a b#1%ü.yaml"),
            "clusters/prod/a%20b%231%25%C3%BC.yaml"
        );
        // a first segment with a colon would be a scheme
        assert_eq!(uri("c:x"), "c%3Ax");
    }
}
