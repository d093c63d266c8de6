//! The report for a terminal or a log.
//!
//! First what will happen, then what changes, then what is wrong with the project, then one line
//! that sums it up. Signs stand beside the colours, so that nothing is lost without them.

use std::fmt::Write as _;

use super::{Input, value, wording};
use crate::compare::report::{
    Action, Change, ClusterSummary, Command, FieldChange, Finding, Level, Problem, Severity,
    TextTag,
};
use crate::diagnostic::render::{self, Style, printable, printable_line};

/// Values longer than this are shown as a block of lines, or cut.
const MOST_LINE: usize = 60;
/// Lines of one value before the rest is counted.
const MOST_LINES: usize = 40;

pub(super) fn render(input: &Input<'_>) -> String {
    let mut out = match input.found {
        Some((diagnostics, sources)) => render::human(diagnostics, sources, &input.style),
        None => input
            .report
            .problems
            .iter()
            .map(|problem| told(problem, input))
            .collect(),
    };
    match input.report.command {
        Command::Check => {
            let headline = wording::headline(input.report);
            let _ = writeln!(out, "{}", Ink(input.style).bold(&printable_line(&headline)));
        }
        Command::Diff => out.push_str(&changes(input)),
    }
    out
}

/// Forecast, changes, trees and the headline; empty for a check.
pub(super) fn changes(input: &Input<'_>) -> String {
    let report = input.report;
    if report.command == Command::Check {
        return String::new();
    }
    let ink = Ink(input.style);
    let mut out = String::new();
    if let Some(base) = &report.base {
        let sides = format!(
            "{}: {} -> {}",
            report.config,
            wording::side(base),
            wording::side(&report.head)
        );
        let _ = writeln!(out, "{}\n", ink.bold(&printable_line(&sides)));
    }
    for caveat in wording::caveats(report) {
        let _ = writeln!(out, "{} {}\n", ink.yellow("note:"), printable_line(&caveat));
    }
    for finding in &report.forecast {
        out.push_str(&foretold(finding, input, ink));
    }
    let mut clusters: Option<&[String]> = None;
    let mut in_order: Vec<&Change> = report.changes.iter().collect();
    in_order.sort_by(|a, b| a.clusters.cmp(&b.clusters));
    for change in in_order {
        if clusters != Some(change.clusters.as_slice()) {
            if clusters.is_some() {
                out.push('\n');
            }
            clusters = Some(&change.clusters);
            if let Some(names) = wording::in_clusters(&change.clusters) {
                let _ = writeln!(out, "{}", ink.bold(&printable_line(&names)));
            }
        }
        changed(change, ink, &mut out);
    }
    if clusters.is_some() {
        out.push('\n');
    }
    trees(input, ink, &mut out);
    let _ = writeln!(
        out,
        "{}",
        ink.bold(&printable_line(&wording::headline(report)))
    );
    out
}

/// A line for each cluster that changes, and the headline; empty for a check.
pub(super) fn summary(input: &Input<'_>) -> String {
    let report = input.report;
    if report.command == Command::Check {
        return String::new();
    }
    let ink = Ink(input.style);
    let mut out = String::new();
    for caveat in wording::caveats(report) {
        let _ = writeln!(out, "{} {}", ink.yellow("note:"), printable_line(&caveat));
    }
    let is_told = |cluster: &&ClusterSummary| {
        cluster.is_changed() || cluster.notice + cluster.destructive > 0
    };
    let told: Vec<&ClusterSummary> = report.clusters.iter().filter(is_told).collect();
    let longest = told.iter().map(|cluster| cluster.name.len()).max();
    let width = longest.unwrap_or(0).min(MOST_LINE);
    for cluster in told {
        let counts = wording::of_cluster(cluster);
        let name = printable_line(&cluster.name);
        let _ = writeln!(out, "{name:width$}  {counts}");
    }
    let headline = wording::headline(report);
    let _ = writeln!(out, "{}", ink.bold(&printable_line(&headline)));
    out
}

/// A finding of the forecast, in the shape of a diagnostic.
fn foretold(finding: &Finding, input: &Input<'_>, ink: Ink) -> String {
    let mut out = String::new();
    let (word, paint): (&str, fn(Ink, &str) -> String) = match finding.severity {
        Severity::Destructive => ("destructive", Ink::red),
        Severity::Notice => ("notice", Ink::yellow),
        Severity::Info => ("info", Ink::cyan),
    };
    let head = format!("{word}[{}]", finding.rule);
    let denied = if finding.denied { " (denied)" } else { "" };
    let _ = writeln!(
        out,
        "{}: {}{denied}",
        paint(ink, &head),
        ink.bold(&printable_line(&finding.message))
    );
    if let Some(place) = &finding.place {
        let side = wording::side_name(input.report, place.side);
        let at = format!("{}:{}:{} ({side})", place.file, place.line, place.column);
        let _ = writeln!(out, "  {} {}", ink.cyan("-->"), printable_line(&at));
    }
    let mut line = |label: &str, text: &str| {
        let text = input.style.fit(text, label.len() + 6);
        let indent = " ".repeat(label.len() + 6);
        let text = text.replace('\n', &format!("\n{indent}"));
        let _ = writeln!(out, "  {} {}: {text}", ink.cyan("="), ink.bold(label));
    };
    if !finding.affected.objects.is_empty() {
        line("objects", &wording::affected(finding));
    }
    for why in &finding.affected.unknown {
        line("not known here", why);
    }
    if let Some(names) = wording::in_clusters(&finding.clusters) {
        line("note", &names);
    }
    for note in &finding.notes {
        line("note", note);
    }
    if let Some(reason) = &finding.acknowledged {
        line("acknowledged", reason);
    }
    for help in &finding.help {
        line("help", help);
    }
    if !finding.docs.is_empty() {
        line("see", &finding.docs);
    }
    out.push('\n');
    out
}

fn changed(change: &Change, ink: Ink, out: &mut String) {
    let line = format!(
        "{} {} {}",
        wording::sign(change.action),
        change.action.as_str(),
        printable_line(&change.resource.to_string())
    );
    let line = match change.action {
        Action::Deleted => ink.red(&line),
        Action::Created => ink.green(&line),
        Action::Renamed | Action::Changed => ink.yellow(&line),
    };
    let _ = write!(out, "  {line}");
    if let Some(old) = &change.renamed_from {
        let _ = write!(out, ", which was {}", printable_line(&old.to_string()));
    }
    if let Some(place) = &change.place {
        let at = format!("{}:{}", place.file, place.line);
        let _ = write!(out, "  {}", ink.dim(&printable_line(&at)));
    }
    out.push('\n');
    for field in &change.fields {
        field_changed(field, ink, out);
    }
}

fn field_changed(field: &FieldChange, ink: Ink, out: &mut String) {
    let path = printable_line(&field.path);
    if field.masked {
        let what = match (&field.old, &field.new) {
            (None, _) => "set (the value is secret)",
            (_, None) => "removed (the value was secret)",
            _ => "changed (the values are secret)",
        };
        let _ = writeln!(out, "      {path}: {what}");
        return;
    }
    if !field.text.is_empty() {
        let _ = writeln!(out, "      {path}:");
        for line in &field.text {
            let text = printable_line(&line.text);
            let _ = match line.tag {
                TextTag::Equal => writeln!(out, "          {text}"),
                TextTag::Removed => writeln!(out, "        {}", ink.red(&format!("- {text}"))),
                TextTag::Added => writeln!(out, "        {}", ink.green(&format!("+ {text}"))),
                TextTag::Skipped => {
                    let skipped = wording::counted(line.skipped, "equal line");
                    writeln!(out, "          {}", ink.dim(&format!("… {skipped}")))
                }
            };
        }
        return;
    }
    let fits = |side: &Option<serde_json::Value>| {
        side.as_ref()
            .is_none_or(|side| value::fits(side, MOST_LINE))
    };
    if fits(&field.old) && fits(&field.new) {
        let show =
            |side: &serde_json::Value| printable_line(&value::line(side, MOST_LINE)).into_owned();
        let _ = match (&field.old, &field.new) {
            (Some(old), Some(new)) => writeln!(
                out,
                "      {path}: {} -> {}",
                ink.red(&show(old)),
                ink.green(&show(new))
            ),
            (None, Some(new)) => writeln!(
                out,
                "      {path}: {}",
                ink.green(&format!("+ {}", show(new)))
            ),
            (Some(old), None) => writeln!(
                out,
                "      {path}: {}",
                ink.red(&format!("- {}", show(old)))
            ),
            (None, None) => writeln!(out, "      {path}"),
        };
        return;
    }
    let _ = writeln!(out, "      {path}:");
    type Paint = fn(Ink, &str) -> String;
    let sides = [
        (&field.old, '-', Ink::red as Paint),
        (&field.new, '+', Ink::green as Paint),
    ];
    for (side, sign, paint) in sides {
        let Some(side) = side else { continue };
        let block = value::block(side);
        let count = block.lines().count();
        for line in block.lines().take(MOST_LINES) {
            let line = value::cut(&printable_line(line), 4 * MOST_LINE);
            let _ = writeln!(out, "        {}", paint(ink, &format!("{sign} {line}")));
        }
        if count > MOST_LINES {
            let more = wording::counted(count - MOST_LINES, "more line");
            let _ = writeln!(out, "        {}", ink.dim(&format!("{sign} … {more}")));
        }
    }
}

/// Trees of the head that are not what its TOML gives.
fn trees(input: &Input<'_>, ink: Ink, out: &mut String) {
    for remark in super::remark::of_trees(input.report) {
        let head = format!("warning[{}]", remark.code);
        let _ = writeln!(
            out,
            "{}: {}",
            ink.yellow(&head),
            printable_line(&remark.message)
        );
        for help in &remark.help {
            let _ = writeln!(out, "  {} {}: {help}", ink.cyan("="), ink.bold("help"));
        }
        out.push('\n');
    }
}

/// A problem whose text is not at hand.
fn told(problem: &Problem, input: &Input<'_>) -> String {
    let ink = Ink(input.style);
    let (word, paint): (&str, fn(Ink, &str) -> String) = match problem.level {
        Level::Error => ("error", Ink::red),
        Level::Warning => ("warning", Ink::yellow),
        Level::Note => ("note", Ink::green),
    };
    let head = format!("{word}[{}]", problem.code);
    let mut out = format!(
        "{}: {}\n",
        paint(ink, &head),
        ink.bold(&printable(&problem.message))
    );
    for labelled in &problem.places {
        let at = super::remark::located(&labelled.place);
        let label = match labelled.label.as_str() {
            "" => String::new(),
            label => format!(" {label}"),
        };
        let _ = writeln!(
            out,
            "  {} {}",
            ink.cyan("-->"),
            printable_line(&format!("{at}{label}"))
        );
    }
    let notes = problem
        .notes
        .iter()
        .cloned()
        .chain(wording::in_clusters(&problem.clusters))
        .map(|note| ("note", note))
        .chain(problem.help.iter().map(|help| ("help", help.clone())));
    for (label, text) in notes {
        let indent = " ".repeat(label.len() + 6);
        let text = input
            .style
            .fit(&text, indent.len())
            .replace('\n', &format!("\n{indent}"));
        let _ = writeln!(out, "  {} {}: {text}", ink.cyan("="), ink.bold(label));
    }
    out.push('\n');
    out
}

/// Colours, where there are any.
#[derive(Clone, Copy)]
struct Ink(Style);

impl Ink {
    fn paint(self, code: &str, text: &str) -> String {
        if self.0.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    fn cyan(self, text: &str) -> String {
        self.paint("36", text)
    }

    fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }
}
