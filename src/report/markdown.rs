//! The comment on a pull request: what to know first, everything else folded below.
//!
//! GitHub refuses a comment of more than 65,536 characters, so the text is never longer: what does
//! not fit is shown in one line each, and what even so does not fit is counted at the end.

use super::remark::{self, Remark};
use super::{Input, value, wording};
use crate::compare::report::{
    Action, Change, ClusterSummary, Command, FieldChange, Finding, Level, Object, Place, Problem,
    Report, TextTag,
};

mod escape;

use escape::{code, fenced, link, message, text};

/// The most that a comment takes up, in bytes: however GitHub counts, it counts no more than that.
pub const LIMIT: usize = 65_535;
/// The first line of every comment: by it the next run finds the comment it is to replace.
pub const MARKER: &str = "<!-- fluxgen -->";

/// What the last lines need, which say what was left out.
const FOOTER: usize = 1_200;
/// Rows of the table of clusters.
const MOST_ROWS: usize = 25;
/// Characters of one name, and of one message in a heading.
const MOST_NAME: usize = 80;
const MOST_IN_TABLE: usize = 40;
const MOST_HEADLINE: usize = 200;
const MOST_MESSAGE: usize = 600;
/// Lines of one change, and characters of one line.
const MOST_LINES: usize = 120;
const MOST_LINE: usize = 300;
/// Notes of one finding.
const MOST_NOTES: usize = 12;

/// What one folded entry is about.
#[expect(clippy::large_enum_variant, reason = "few entries, each made once")]
enum Entry<'a> {
    Problem(&'a Problem),
    Finding(&'a Finding),
    Change(&'a Change),
    Tree(Remark<'a>),
}

struct Section<'a> {
    title: &'static str,
    /// What one entry is called where entries are left out.
    noun: &'static str,
    entries: Vec<Entry<'a>>,
}

/// How much of an entry is shown. Entries are written only as long as there is room: a report may
/// hold a hundred thousand.
enum Shown {
    Nothing,
    Short(String),
    Full(String),
}

pub(super) fn render(input: &Input<'_>) -> String {
    let report = input.report;
    let head = head(report);
    let sections = sections(input);
    let room = LIMIT.saturating_sub(head.len() + FOOTER);
    let shown = choose(&sections, room, input);
    let mut out = head;
    for (section, shown) in sections.iter().zip(&shown) {
        if shown.iter().all(|shown| matches!(shown, Shown::Nothing)) {
            continue;
        }
        out.push_str(&heading(section));
        for shown in shown {
            match shown {
                Shown::Nothing => {}
                Shown::Short(text) | Shown::Full(text) => out.push_str(text),
            }
        }
    }
    out.push_str(&footer(report, &sections, &shown));
    debug_assert!(out.len() <= LIMIT);
    out
}

/// First one line for every entry, in order, as long as there is room; then whole entries.
fn choose(sections: &[Section<'_>], mut room: usize, input: &Input<'_>) -> Vec<Vec<Shown>> {
    /// No entry's details are shorter than this.
    const LEAST_DETAILS: usize = 16;
    let mut all: Vec<Vec<Shown>> = Vec::new();
    for section in sections {
        let mut shown = Vec::new();
        let heading = heading(section).len();
        if !section.entries.is_empty() && heading <= room {
            room -= heading;
            for entry in &section.entries {
                let short = folded(&entry.summary(), "");
                if short.len() > room {
                    break;
                }
                room -= short.len();
                shown.push(Shown::Short(short));
            }
        }
        shown.resize_with(section.entries.len(), || Shown::Nothing);
        all.push(shown);
    }
    for (section, shown) in sections.iter().zip(&mut all) {
        for (entry, shown) in section.entries.iter().zip(shown) {
            let Shown::Short(short) = shown else { break };
            if room < LEAST_DETAILS {
                return all;
            }
            let full = folded(&entry.summary(), &entry.details(input));
            if full.len() <= room + short.len() {
                room = room + short.len() - full.len();
                *shown = Shown::Full(full);
            }
        }
    }
    all
}

fn folded(summary: &str, details: &str) -> String {
    format!("<details><summary>{summary}</summary>{details}</details>\n")
}

impl Entry<'_> {
    /// The line that is seen.
    fn summary(&self) -> String {
        match self {
            Entry::Problem(problem) => problem_summary(problem),
            Entry::Finding(finding) => finding_summary(finding),
            Entry::Change(change) => change_summary(change),
            Entry::Tree(remark) => format!("<b>warning</b>: {}", said(&remark.message)),
        }
    }

    /// What is folded below it; may be empty.
    fn details(&self, input: &Input<'_>) -> String {
        match self {
            Entry::Problem(problem) => list(&problem_notes(problem, input)),
            Entry::Finding(finding) => list(&finding_notes(finding)),
            Entry::Change(change) => change_lines(change),
            Entry::Tree(remark) => list(
                &remark
                    .help
                    .iter()
                    .map(|help| said(help))
                    .collect::<Vec<_>>(),
            ),
        }
    }

    fn has_details(&self) -> bool {
        match self {
            Entry::Problem(_) | Entry::Finding(_) | Entry::Tree(_) => true,
            Entry::Change(change) => !change.fields.is_empty() || change.document.is_some(),
        }
    }
}

fn heading(section: &Section<'_>) -> String {
    format!("\n### {}\n\n", section.title)
}

fn head(report: &Report) -> String {
    let headline = value::cut(&wording::headline(report), MOST_HEADLINE);
    let mut out = format!("{MARKER}\n## fluxgen: {}\n\n", text(&headline));
    let sides = match &report.base {
        Some(base) => format!(
            "{} → {}",
            text(&short(&wording::side(base))),
            text(&short(&wording::side(&report.head)))
        ),
        None => text(&short(&wording::side(&report.head))),
    };
    out.push_str(&format!("{} · {sides}\n\n", code(&short(&report.config))));
    match report.command {
        Command::Check => out.push_str(&table_of_counts(report)),
        Command::Diff => out.push_str(&table_of_clusters(report)),
    }
    for caveat in wording::caveats(report) {
        let caveat = value::cut(&caveat, MOST_HEADLINE);
        out.push_str(&format!("\n> [!WARNING]\n> {}\n", text(&caveat)));
    }
    out
}

fn table_of_counts(report: &Report) -> String {
    let totals = &report.totals;
    format!(
        "| clusters | errors | warnings | notes |\n|---:|---:|---:|---:|\n| {} | {} | {} | {} |\n",
        totals.clusters, totals.errors, totals.warnings, totals.notes
    )
}

/// One row for all clusters in which the same number of things happen.
fn table_of_clusters(report: &Report) -> String {
    let mut rows: indexmap::IndexMap<String, Vec<&str>> = indexmap::IndexMap::new();
    let mut quiet = 0;
    for cluster in &report.clusters {
        let row = row(cluster);
        if row.is_empty() {
            quiet += 1;
        } else {
            rows.entry(row).or_default().push(&cluster.name);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "| cluster | created | changed | renamed | deleted | forecast | tree |\n|---|---:|---:|---:|---:|---|---|\n",
    );
    for (row, names) in rows.iter().take(MOST_ROWS) {
        let mut named: Vec<String> = names
            .iter()
            .take(4)
            .map(|name| code(&value::cut(name, MOST_IN_TABLE)))
            .collect();
        if names.len() > named.len() {
            named.push(format!("and {} more", names.len() - named.len()));
        }
        out.push_str(&format!("| {} {row}\n", named.join(", ")));
    }
    let left: usize = rows.values().skip(MOST_ROWS).map(Vec::len).sum();
    if left > 0 {
        out.push_str(&format!(
            "| {} more | | | | | | |\n",
            wording::counted(left, "cluster")
        ));
    }
    if quiet > 0 {
        out.push_str(&format!(
            "| {} without changes | | | | | | |\n",
            wording::counted(quiet, "cluster")
        ));
    }
    out
}

/// The cells behind a cluster's name; empty if there is nothing to say.
fn row(cluster: &ClusterSummary) -> String {
    let number = |count: usize| match count {
        0 => String::new(),
        count => count.to_string(),
    };
    let list = |counts: &[(usize, &str)]| -> String {
        let said: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        said.join(", ")
    };
    let forecast = list(&[
        (cluster.destructive, "**destructive**"),
        (cluster.notice, "notice"),
        (cluster.info, "info"),
    ]);
    let tree = list(&[
        (cluster.head_tree.stale.len(), "stale"),
        (cluster.head_tree.hand_edited.len(), "hand-edited"),
    ]);
    let cells = [
        number(cluster.created),
        number(cluster.changed),
        number(cluster.renamed),
        number(cluster.deleted),
        forecast,
        tree,
    ];
    let presence = wording::presence(cluster.presence);
    if presence.is_none() && cells.iter().all(String::is_empty) {
        return String::new();
    }
    let presence = presence.map_or_else(String::new, |presence| format!("({presence}) "));
    format!("{presence}| {} |", cells.join(" | "))
}

fn sections<'a>(input: &Input<'a>) -> Vec<Section<'a>> {
    let report = input.report;
    let (errors, mut others): (Vec<&Problem>, Vec<&Problem>) = report
        .problems
        .iter()
        .partition(|problem| problem.level == Level::Error);
    others.sort_by_key(|problem| problem.level);
    let trees = remark::of_trees(report);
    vec![
        Section {
            title: "Errors",
            noun: "error",
            entries: errors.into_iter().map(Entry::Problem).collect(),
        },
        Section {
            title: "What Flux will do",
            noun: "forecast",
            entries: report.forecast.iter().map(Entry::Finding).collect(),
        },
        Section {
            title: "Changes",
            noun: "change",
            entries: report.changes.iter().map(Entry::Change).collect(),
        },
        Section {
            title: "Warnings and notes",
            noun: "other remark",
            entries: others
                .into_iter()
                .map(Entry::Problem)
                .chain(trees.into_iter().map(Entry::Tree))
                .collect(),
        },
    ]
}

/// Notes as a list without an empty line, which would end the HTML.
fn list(notes: &[String]) -> String {
    let mut items: String = notes
        .iter()
        .take(MOST_NOTES)
        .map(|note| format!("<li>{note}</li>\n"))
        .collect();
    if notes.len() > MOST_NOTES {
        items.push_str(&format!("<li>and {} more</li>\n", notes.len() - MOST_NOTES));
    }
    format!("<ul>\n{items}</ul>")
}

fn problem_summary(problem: &Problem) -> String {
    let level = match problem.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    };
    let mut summary = format!("<b>{level}</b>: {}", said(&problem.message));
    if let Some(first) = problem.places.first() {
        summary.push_str(&format!(" at {}", at(&first.place)));
    }
    summary
}

fn problem_notes(problem: &Problem, input: &Input<'_>) -> Vec<String> {
    let mut notes: Vec<String> = problem
        .places
        .iter()
        .filter(|labelled| !labelled.label.is_empty())
        .map(|labelled| format!("{}: {}", at(&labelled.place), said(&labelled.label)))
        .collect();
    notes.extend(in_clusters(&problem.clusters));
    notes.extend(problem.notes.iter().map(|note| said(note)));
    notes.extend(
        problem
            .help
            .iter()
            .map(|help| format!("<b>help</b>: {}", said(help))),
    );
    let url = (input.pages)(&problem.code).and_then(|page| page.url);
    notes.push(link(url.as_deref().unwrap_or(""), &problem.code));
    notes
}

fn finding_summary(finding: &Finding) -> String {
    let mut summary = format!(
        "<b>{}</b>: {}",
        finding.severity.as_str(),
        said(&finding.message)
    );
    if let Some(names) = in_clusters(&finding.clusters) {
        summary.push_str(&format!(" <i>{names}</i>"));
    }
    if finding.denied {
        summary.push_str(" (denied)");
    }
    summary
}

fn finding_notes(finding: &Finding) -> Vec<String> {
    let mut notes = Vec::new();
    if !finding.affected.objects.is_empty() {
        notes.push(said(&wording::affected(finding)));
    }
    notes.extend(
        finding
            .affected
            .unknown
            .iter()
            .map(|why| format!("not known here: {}", said(why))),
    );
    notes.extend(finding.notes.iter().map(|note| said(note)));
    if let Some(reason) = &finding.acknowledged {
        notes.push(format!("<b>acknowledged</b>: {}", said(reason)));
    }
    notes.extend(
        finding
            .help
            .iter()
            .map(|help| format!("<b>help</b>: {}", said(help))),
    );
    if let Some(place) = &finding.place {
        notes.push(at(place));
    }
    notes.push(link(&finding.docs, &finding.rule));
    notes
}

fn change_summary(change: &Change) -> String {
    let name = |object: &Object| code(&value::cut(&object.to_string(), 2 * MOST_NAME));
    let mut summary = format!("{} {}", change.action.as_str(), name(&change.resource));
    if let Some(old) = &change.renamed_from {
        summary.push_str(&format!(", which was {}", name(old)));
    }
    if let Some(names) = in_clusters(&change.clusters) {
        summary.push_str(&format!(" <i>{names}</i>"));
    }
    summary
}

/// The fields or the document as a block of a diff; empty if there is neither.
fn change_lines(change: &Change) -> String {
    let mut lines = Vec::new();
    for field in &change.fields {
        if lines.len() > MOST_LINES {
            break;
        }
        field_lines(field, &mut lines);
    }
    if let Some(document) = &change.document {
        let sign = match change.action {
            Action::Deleted => '-',
            Action::Created | Action::Changed | Action::Renamed => '+',
        };
        lines.extend(
            value::block(document)
                .lines()
                .map(|line| format!("{sign}{line}")),
        );
    }
    if lines.is_empty() {
        return String::new();
    }
    let mut block: String = lines
        .iter()
        .take(MOST_LINES)
        .map(|line| value::cut(line, MOST_LINE) + "\n")
        .collect();
    if lines.len() > MOST_LINES {
        block.push_str(&format!("@@ the first {MOST_LINES} lines @@\n"));
    }
    format!("\n\n{}\n", fenced("diff", &block))
}

fn field_lines(field: &FieldChange, lines: &mut Vec<String>) {
    lines.push(format!("@@ {} @@", field.path.replace('\n', "␤")));
    if field.masked {
        lines.push("  the values are secret".to_owned());
        return;
    }
    if !field.text.is_empty() {
        for line in &field.text {
            lines.push(match line.tag {
                TextTag::Equal => format!(" {}", line.text),
                TextTag::Removed => format!("-{}", line.text),
                TextTag::Added => format!("+{}", line.text),
                TextTag::Skipped => {
                    format!("@@ {} @@", wording::counted(line.skipped, "equal line"))
                }
            });
        }
        return;
    }
    for (side, sign) in [(&field.old, '-'), (&field.new, '+')] {
        let Some(side) = side else { continue };
        if value::fits(side, MOST_NAME) {
            lines.push(format!("{sign}{}", value::line(side, MOST_NAME)));
        } else {
            lines.extend(
                value::block(side)
                    .lines()
                    .map(|line| format!("{sign}{line}")),
            );
        }
    }
}

fn in_clusters(clusters: &[String]) -> Option<String> {
    let names: Vec<String> = clusters.iter().map(|name| short(name)).collect();
    wording::in_clusters(&names).map(|names| text(&names))
}

fn said(note: &str) -> String {
    message(&value::cut(note, MOST_MESSAGE))
}

fn at(place: &Place) -> String {
    code(&value::cut(&remark::located(place), 2 * MOST_NAME))
}

fn short(name: &str) -> String {
    value::cut(name, MOST_NAME)
}

/// What is not there and how to see it; empty if everything is there.
fn footer(report: &Report, sections: &[Section<'_>], shown: &[Vec<Shown>]) -> String {
    let mut missing = Vec::new();
    let mut folded = Vec::new();
    for (section, shown) in sections.iter().zip(shown) {
        let gone = shown
            .iter()
            .filter(|shown| matches!(shown, Shown::Nothing))
            .count();
        let cut = section
            .entries
            .iter()
            .zip(shown)
            .filter(|(entry, shown)| matches!(shown, Shown::Short(_)) && entry.has_details())
            .count();
        if gone > 0 {
            missing.push(wording::counted(gone, section.noun));
        }
        if cut > 0 {
            folded.push(wording::counted(cut, section.noun));
        }
    }
    let mut said = Vec::new();
    if !missing.is_empty() {
        said.push(missing.join(", "));
    }
    if !folded.is_empty() {
        said.push(format!("the details of {}", folded.join(", ")));
    }
    if said.is_empty() {
        return String::new();
    }
    let command = match (&report.base, report.command) {
        (Some(base), Command::Diff) => format!("fluxgen diff --against {}", short(&base.name)),
        _ => "fluxgen check".to_owned(),
    };
    format!(
        "\n> [!NOTE]\n> Left out, because a comment holds no more: {}. Run {} to see everything.\n",
        said.join("; "),
        code(&command)
    )
}
