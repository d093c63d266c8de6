//! GitLab's code quality report, shown in the merge request's widget and beside its lines.
//!
//! Source: <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>

use serde_json::{Value, json};

use super::Input;
use super::remark::{self, Remark};
use crate::compare::report::Level;
use crate::diagnostic::render::printable_json;

/// A JSON array, empty where there is nothing to say.
pub(super) fn render(input: &Input<'_>) -> String {
    let issues: Vec<Value> = remark::all(input).iter().map(issue).collect();
    let mut text =
        serde_json::to_string_pretty(&issues).expect("JSON values are written as they are");
    text.push('\n');
    printable_json(&text).into_owned()
}

fn issue(remark: &Remark<'_>) -> Value {
    let severity = match remark.level {
        Level::Error => "critical",
        Level::Warning => "major",
        Level::Note => "info",
    };
    let (path, begin, end) = match remark.place {
        Some(place) => (place.file.as_str(), place.line, place.end_line),
        None => (remark.file, 1, 1),
    };
    json!({
        "description": remark.text(),
        "check_name": remark.code,
        "fingerprint": remark.fingerprint,
        "severity": severity,
        // GitLab shows nothing for a path that begins with `./`.
        "location": { "path": path.trim_start_matches("./"), "lines": { "begin": begin, "end": end } },
    })
}
