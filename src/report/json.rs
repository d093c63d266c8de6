//! The report itself, for programs.

use super::Input;
use crate::diagnostic::render::printable_json;

/// The report as JSON, as `schemas/report.schema.json` describes it.
pub(super) fn render(input: &Input<'_>) -> String {
    let mut text = serde_json::to_string_pretty(input.report)
        .expect("a report's keys are strings and its values are JSON's");
    text.push('\n');
    printable_json(&text).into_owned()
}
