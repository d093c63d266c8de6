//! Annotations of a GitHub workflow run: `::error file=…,line=…::message` on stdout.
//!
//! GitHub shows ten errors, ten warnings and ten notices of a step, so the worst come first; the
//! log has them all.
//!
//! Source: <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>

use std::fmt::Write as _;

use super::remark::{self, Remark};
use super::{Input, wording};
use crate::compare::report::Level;
use crate::diagnostic::render::printable;

/// One workflow command a line, and the headline last, as plain text.
pub(super) fn render(input: &Input<'_>) -> String {
    let mut out = String::new();
    for remark in remark::all(input) {
        command(&remark, &mut out);
    }
    let headline = wording::headline(input.report);
    // A line of the log that began with `::` would be a command.
    let _ = writeln!(out, "fluxgen: {}", data(&printable(&headline)));
    out
}

fn command(remark: &Remark<'_>, out: &mut String) {
    let name = match remark.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "notice",
    };
    let mut properties = vec![(
        "file",
        remark
            .place
            .map_or(remark.file, |place| &place.file)
            .to_owned(),
    )];
    if let Some(place) = remark.place {
        properties.push(("line", place.line.to_string()));
        // GitHub refuses columns of a range of several lines.
        if place.end_line == place.line {
            properties.push(("col", place.column.to_string()));
            properties.push(("endColumn", place.end_column.to_string()));
        } else {
            properties.push(("endLine", place.end_line.to_string()));
        }
    }
    properties.push(("title", format!("fluxgen: {}", remark.code)));
    let properties: Vec<String> = properties
        .iter()
        .map(|(key, value)| format!("{key}={}", property(&printable(value))))
        .collect();
    let text = remark.text();
    let _ = writeln!(
        out,
        "::{name} {}::{}",
        properties.join(","),
        data(&printable(&text))
    );
}

/// What comes after `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The value of a property, which `,` and `:` would end.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_is_escaped() {
        assert_eq!(data("50%\r\n::error::x"), "50%25%0D%0A::error::x");
        assert_eq!(property("a:b,c%3A\n"), "a%3Ab%2Cc%253A%0A");
    }
}
