//! Test results, which every CI server can show: a finding that fails the run is a failed test.
//!
//! The elements are the ones that Jenkins, GitLab and Azure read; there is no published standard:
//! <https://github.com/testmoapp/junitxml>

use std::fmt::Write as _;

use super::remark::{self, Remark};
use super::{Input, wording};
use crate::compare::report::{Command, Level};
use crate::diagnostic::render::printable;

/// One suite; a run that found nothing is one test that passed, so that it is seen to have run.
pub(super) fn render(input: &Input<'_>) -> String {
    let report = input.report;
    let remarks = remark::all(input);
    let failures = remarks
        .iter()
        .filter(|remark| remark.level == Level::Error)
        .count();
    let suite = match report.command {
        Command::Check => "fluxgen check",
        Command::Diff => "fluxgen diff",
    };
    let counts = format!(
        r#"name="{suite}" tests="{}" failures="{failures}" errors="0" skipped="0""#,
        remarks.len() + 1,
    );
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites {counts}>");
    let _ = writeln!(out, "  <testsuite {counts}>");
    let _ = writeln!(
        out,
        r#"    <testcase classname="{}" name="{suite}"><system-out>{}</system-out></testcase>"#,
        escape(&report.config),
        escape(&wording::headline(report)),
    );
    for remark in &remarks {
        test(remark, &mut out);
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn test(remark: &Remark<'_>, out: &mut String) {
    let file = remark.place.map_or(remark.file, |place| &place.file);
    let at = remark
        .place
        .map_or_else(String::new, |place| format!(r#" line="{}""#, place.line));
    let _ = writeln!(
        out,
        r#"    <testcase classname="{0}" name="{1}: {2}" file="{0}"{at}>"#,
        escape(file),
        escape(remark.code),
        escape(&remark.message),
    );
    let place = remark
        .place
        .map_or_else(|| file.to_owned(), remark::located);
    let text = escape(&format!("{place}\n{}", remark.text()));
    let _ = match remark.level {
        Level::Error => writeln!(
            out,
            r#"      <failure type="{}" message="{}">{text}</failure>"#,
            escape(remark.code),
            escape(&remark.message),
        ),
        Level::Warning | Level::Note => writeln!(out, "      <system-out>{text}</system-out>"),
    };
    out.push_str("    </testcase>\n");
}

/// Text for an element or an attribute. Characters that XML 1.0 cannot hold are made visible.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in printable(text).chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_made_visible() {
        assert_eq!(
            escape("<a b=\"&\">\u{0}\u{ffff}"),
            "&lt;a b=&quot;&amp;&quot;&gt;␀\u{fffd}"
        );
    }
}
