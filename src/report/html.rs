//! The report as one page that stands alone: nothing is loaded from elsewhere.
//!
//! A policy in the page allows its own style and script by their hashes and nothing else, so that
//! no text of a project can become more than text, even by a fault of ours. Without the script
//! everything is there but the filter.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::remark;
use super::{Input, value, wording};
use crate::compare::report::{
    Action, Change, ClusterSummary, Command, FieldChange, Finding, Level, Place, Problem, Report,
    TextTag,
};

mod escape;
mod graph;
mod sets;

use escape::{attribute, link, message, text};
use sets::Sets;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// Entries of each section; a page of more is slow and read by nobody.
const MOST_ENTRIES: usize = 2_000;
const MOST_CLUSTERS: usize = 2_000;
const MOST_GRAPHS: usize = 12;
/// Bytes of details; entries behind them keep their first line.
const MOST_DETAILS: usize = 6_000_000;
/// Lines of one value, and characters of one line.
const MOST_LINES: usize = 200;
const MOST_LINE: usize = 2_000;

pub(super) fn render(input: &Input<'_>) -> String {
    let mut page = Page {
        input,
        sets: Sets::default(),
        out: String::new(),
        details: 0,
    };
    page.write();
    page.out
}

struct Page<'a> {
    input: &'a Input<'a>,
    sets: Sets<'a>,
    out: String,
    /// Bytes of details so far.
    details: usize,
}

impl<'a> Page<'a> {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn write(&mut self) {
        let report = self.input.report;
        let headline = wording::headline(report);
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
            hash(STYLE),
            hash(SCRIPT)
        );
        let _ = write!(
            self.out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>fluxgen: {}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
            attribute(&policy).replace("&#39;", "'"),
            text(&headline),
        );
        self.header(&headline);
        self.push("<main>\n");
        self.push("<div class=\"bar\"><input id=\"filter\" type=\"search\" placeholder=\"filter by cluster, kind, name, field or rule\" aria-label=\"filter\" autocomplete=\"off\" spellcheck=\"false\"><output id=\"count\"></output><button id=\"clear\" type=\"button\">clear</button></div>\n");
        self.clusters();
        let (errors, others): (Vec<&'a Problem>, Vec<&'a Problem>) = report
            .problems
            .iter()
            .partition(|problem| problem.level == Level::Error);
        self.section("errors", "Errors", &errors, Page::problem);
        let forecast: Vec<&'a Finding> = report.forecast.iter().collect();
        self.section("forecast", "What Flux will do", &forecast, Page::finding);
        let changes: Vec<&'a Change> = report.changes.iter().collect();
        self.section("changes", "Changes", &changes, Page::change);
        self.section("remarks", "Warnings and notes", &others, Page::problem);
        self.trees();
        self.graphs();
        let _ = writeln!(
            self.out,
            "<footer>Written by fluxgen from <code>{}</code>.</footer>\n</main>",
            text(&report.config)
        );
        let sets = escape::json(&self.sets.names());
        let _ = write!(
            self.out,
            "<script type=\"application/json\" id=\"sets\">{sets}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
        );
    }

    fn header(&mut self, headline: &str) {
        let report = self.input.report;
        let _ = writeln!(self.out, "<header>\n<h1>{}</h1>", text(headline));
        let sides = match &report.base {
            Some(base) => format!("{} → {}", wording::side(base), wording::side(&report.head)),
            None => wording::side(&report.head),
        };
        let _ = writeln!(
            self.out,
            "<p class=\"soft\"><code>{}</code> · {}</p>",
            text(&report.config),
            text(&sides)
        );
        let totals = &report.totals;
        let chips = [
            (totals.errors, "error", "errors"),
            (totals.destructive, "destructive", "destructive"),
            (totals.deleted, "deleted", "deleted"),
            (totals.renamed, "renamed", "renamed"),
            (totals.changed, "changed", "changed"),
            (totals.created, "created", "created"),
            (totals.warnings, "warning", "warnings"),
            (totals.notice, "notice", "notices"),
            (totals.info, "info", "info"),
            (totals.notes, "note", "notes"),
            (totals.unchanged, "", "unchanged"),
        ];
        self.push("<ul class=\"chips\">\n");
        for (count, class, word) in chips.iter().filter(|(count, ..)| *count > 0) {
            let word = match (*count, *word) {
                (1, "errors" | "warnings" | "notices" | "notes") => class,
                (_, word) => word,
            };
            let _ = writeln!(self.out, "<li class=\"chip {class}\">{count} {word}</li>");
        }
        self.push("</ul>\n");
        for caveat in wording::caveats(report) {
            let _ = writeln!(self.out, "<p class=\"caveat\">{}</p>", text(&caveat));
        }
        self.push("</header>\n");
    }

    fn clusters(&mut self) {
        let report = self.input.report;
        if report.clusters.is_empty() || report.command == Command::Check {
            return;
        }
        self.push("<section data-list=\"clusters\"><h2>Clusters</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>cluster</th><th class=\"count\">created</th><th class=\"count\">changed</th><th class=\"count\">renamed</th><th class=\"count\">deleted</th><th class=\"count\">unchanged</th><th>forecast</th><th>tree</th></tr></thead>\n<tbody>\n");
        // the changed ones first, else by name
        let mut clusters: Vec<&ClusterSummary> = report.clusters.iter().collect();
        clusters.sort_by_key(|cluster| !cluster.is_changed());
        for cluster in clusters.iter().take(MOST_CLUSTERS) {
            self.cluster(cluster);
        }
        self.push("</tbody></table></div>\n");
        self.left_out(clusters.len().saturating_sub(MOST_CLUSTERS), "cluster");
        self.push("</section>\n");
    }

    fn cluster(&mut self, cluster: &'a ClusterSummary) {
        let set = self.sets.number(std::slice::from_ref(&cluster.name));
        let name = attribute(&cluster.name);
        let presence = wording::presence(cluster.presence).map_or_else(String::new, |presence| {
            format!(" <span class=\"soft\">{presence}</span>")
        });
        let _ = write!(
            self.out,
            "<tr data-text=\"{name}\"{set}><td><button class=\"cluster\" type=\"button\" data-cluster=\"{}\">{name}</button>{presence}</td>",
            attribute(&cluster.name.to_lowercase()),
        );
        for count in [
            cluster.created,
            cluster.changed,
            cluster.renamed,
            cluster.deleted,
            cluster.unchanged,
        ] {
            let count = if count == 0 {
                String::new()
            } else {
                count.to_string()
            };
            let _ = write!(self.out, "<td class=\"count\">{count}</td>");
        }
        let tags = |counts: &[(usize, &str, &str)]| -> String {
            let tags: Vec<String> = counts
                .iter()
                .filter(|(count, ..)| *count > 0)
                .map(|(count, class, word)| {
                    format!("<span class=\"tag {class}\">{count} {word}</span>")
                })
                .collect();
            tags.join(" ")
        };
        let forecast = tags(&[
            (cluster.destructive, "destructive", "destructive"),
            (cluster.notice, "notice", "notice"),
            (cluster.info, "info", "info"),
        ]);
        let tree = tags(&[
            (cluster.head_tree.stale.len(), "warning", "stale"),
            (
                cluster.head_tree.hand_edited.len(),
                "warning",
                "hand-edited",
            ),
        ]);
        let _ = writeln!(self.out, "<td>{forecast}</td><td>{tree}</td></tr>");
    }

    /// A list of entries, if there are any.
    fn section<T>(&mut self, id: &str, title: &str, all: &[&'a T], write: fn(&mut Self, &'a T)) {
        if all.is_empty() {
            return;
        }
        let _ = writeln!(
            self.out,
            "<section id=\"{id}\" data-list=\"{id}\"><h2>{title} <span class=\"soft\">{}</span></h2>",
            all.len()
        );
        for one in all.iter().take(MOST_ENTRIES) {
            write(self, one);
        }
        self.left_out(all.len().saturating_sub(MOST_ENTRIES), "entry");
        self.push("</section>\n");
    }

    fn left_out(&mut self, count: usize, noun: &str) {
        if count > 0 {
            let more = match noun {
                "entry" if count > 1 => format!("{count} more entries"),
                noun => wording::counted(count, &format!("more {noun}")),
            };
            let _ = writeln!(
                self.out,
                "<p class=\"soft\">Left out of this page: {more}.</p>"
            );
        }
    }

    /// One entry that unfolds; `body` is empty where there is nothing more to say.
    fn entry(
        &mut self,
        about: &str,
        clusters: &'a [String],
        is_open: bool,
        summary: &str,
        body: &str,
    ) {
        let set = self.sets.number(clusters);
        let open = if is_open { " open" } else { "" };
        let names = wording::in_clusters(clusters).map_or_else(String::new, |names| {
            format!(" <span class=\"where\">{}</span>", text(&names))
        });
        let _ = write!(
            self.out,
            "<details class=\"item\" data-text=\"{}\"{set}{open}><summary>{summary}{names}</summary>",
            attribute(&value::cut(about, MOST_LINE)),
        );
        if self.details + body.len() <= MOST_DETAILS {
            self.details += body.len();
            let _ = write!(self.out, "<div class=\"body\">{body}");
        } else {
            self.push("<div class=\"body\"><p class=\"soft\">Left out of this page, which is long enough.</p>");
        }
        let all_named = clusters.len() > 4;
        if all_named {
            let named: Vec<&str> = clusters.iter().take(200).map(String::as_str).collect();
            let more = clusters.len() - named.len();
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let _ = write!(
                self.out,
                "<p class=\"where\">clusters: {}{more}</p>",
                text(&named.join(", "))
            );
        }
        self.push("</div></details>\n");
    }

    fn problem(&mut self, problem: &'a Problem) {
        let level = match problem.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        };
        let at = problem.places.first().map_or_else(String::new, |first| {
            format!(
                " <span class=\"where\">{}</span>",
                place(self.input.report, &first.place)
            )
        });
        let summary = format!(
            "<span class=\"tag {level}\">{level}</span> {}{at}",
            message(&problem.message)
        );
        let mut notes: Vec<String> = problem
            .places
            .iter()
            .filter(|labelled| !labelled.label.is_empty())
            .map(|labelled| {
                format!(
                    "{}: {}",
                    place(self.input.report, &labelled.place),
                    message(&labelled.label)
                )
            })
            .collect();
        notes.extend(problem.notes.iter().map(|note| message(note)));
        notes.extend(
            problem
                .help
                .iter()
                .map(|help| format!("<b>help</b>: {}", message(help))),
        );
        let url = (self.input.pages)(&problem.code).and_then(|page| page.url);
        notes.push(link(url.as_deref().unwrap_or(""), &problem.code));
        let about = format!("{level} {} {}", problem.code, problem.message);
        let is_open = problem.level == Level::Error;
        self.entry(&about, &problem.clusters, is_open, &summary, &list(&notes));
    }

    fn finding(&mut self, finding: &'a Finding) {
        let severity = finding.severity.as_str();
        let mut tags = format!("<span class=\"tag {severity}\">{severity}</span>");
        if finding.denied {
            tags.push_str(" <span class=\"tag error\">denied</span>");
        }
        if finding.acknowledged.is_some() {
            tags.push_str(" <span class=\"tag note\">acknowledged</span>");
        }
        let summary = format!("{tags} {}", message(&finding.message));
        let mut notes = Vec::new();
        if !finding.affected.objects.is_empty() {
            notes.push(text(&wording::affected(finding)));
        }
        notes.extend(
            finding
                .affected
                .unknown
                .iter()
                .map(|why| format!("not known here: {}", message(why))),
        );
        notes.extend(finding.notes.iter().map(|note| message(note)));
        if let Some(reason) = &finding.acknowledged {
            notes.push(format!("<b>acknowledged</b>: {}", text(reason)));
        }
        notes.extend(
            finding
                .help
                .iter()
                .map(|help| format!("<b>help</b>: {}", message(help))),
        );
        if let Some(at) = &finding.place {
            notes.push(place(self.input.report, at));
        }
        notes.push(link(&finding.docs, &finding.rule));
        let about = format!(
            "{severity} {} {} {} {}",
            finding.rule,
            finding.outcome.as_str(),
            finding.resource,
            finding.message
        );
        self.entry(
            &about,
            &finding.clusters,
            finding.denied,
            &summary,
            &list(&notes),
        );
    }

    fn change(&mut self, change: &'a Change) {
        let action = change.action.as_str();
        let mut summary = format!(
            "<span class=\"tag {action}\">{} {action}</span> <span class=\"name\">{}</span>",
            text(&wording::sign(change.action).to_string()),
            text(&change.resource.to_string())
        );
        let mut about = format!("{action} {}", change.resource);
        if let Some(old) = &change.renamed_from {
            let old = old.to_string();
            let _ = write!(
                summary,
                ", which was <span class=\"name\">{}</span>",
                text(&old)
            );
            let _ = write!(about, " {old}");
        }
        for field in change.fields.iter().take(50) {
            let _ = write!(about, " {}", field.path);
        }
        let mut body = String::new();
        if let Some(at) = &change.place {
            let _ = write!(
                body,
                "<p class=\"where\">{}</p>",
                place(self.input.report, at)
            );
        }
        if !change.fields.is_empty() {
            body.push_str(&fields(&change.fields));
        }
        if let Some(document) = &change.document {
            let sign = match change.action {
                Action::Deleted => '-',
                Action::Created | Action::Changed | Action::Renamed => '+',
            };
            let lines: Vec<_> = value::block(document)
                .lines()
                .map(|line| (sign, line.to_owned()))
                .collect();
            body.push_str(&block(&lines));
        }
        self.entry(&about, &change.clusters, false, &summary, &body);
    }

    fn trees(&mut self) {
        let remarks = remark::of_trees(self.input.report);
        if remarks.is_empty() {
            return;
        }
        self.push("<section data-list=\"trees\"><h2>Trees</h2>\n");
        for remark in &remarks {
            let summary = format!(
                "<span class=\"tag warning\">warning</span> {}",
                message(&remark.message)
            );
            let help: Vec<String> = remark.help.iter().map(|help| message(help)).collect();
            let about = format!("warning {} {}", remark.code, remark.message);
            self.entry(&about, &[], false, &summary, &list(&help));
        }
        self.push("</section>\n");
    }

    fn graphs(&mut self) {
        let report = self.input.report;
        if report.graphs.is_empty() {
            return;
        }
        self.push("<section id=\"graph\"><h2>Dependencies</h2>\n");
        for (number, graph) in report.graphs.iter().take(MOST_GRAPHS).enumerate() {
            let set = self.sets.id(&graph.clusters);
            let picture = graph::draw(graph, set);
            let title = wording::in_clusters(&graph.clusters).unwrap_or_default();
            let open = if number == 0 { " open" } else { "" };
            let _ = write!(
                self.out,
                "<details class=\"item\"{open}><summary>{}, {}</summary>\n<div class=\"graph\">{}</div>\n",
                text(&title),
                wording::counted(graph.nodes.len(), "resource"),
                picture.svg
            );
            self.push("<div class=\"legend\"><span>an arrow points to what is referred to</span><span>+ created</span><span>~ changed</span><span>&gt; renamed</span><span>- deleted</span><span>● destructive</span><span>dashed: not in the TOML</span></div>\n");
            if picture.left_out > 0 {
                let _ = writeln!(
                    self.out,
                    "<p class=\"legend\">Left out of this picture: {}, none of them changed or near a change if that was possible.</p>",
                    wording::counted(picture.left_out, "resource")
                );
            }
            self.push("</details>\n");
        }
        self.left_out(report.graphs.len().saturating_sub(MOST_GRAPHS), "graph");
        self.push("</section>\n");
    }
}

fn place(report: &Report, place: &Place) -> String {
    let located = text(&remark::located(place));
    match place.side {
        crate::compare::report::Side::Head => format!("<code>{located}</code>"),
        side => format!(
            "<code>{located}</code> in {}",
            text(wording::side_name(report, side))
        ),
    }
}

fn list(notes: &[String]) -> String {
    let items: String = notes
        .iter()
        .map(|note| format!("<li>{note}</li>\n"))
        .collect();
    format!("<ul>\n{items}</ul>")
}

fn fields(fields: &[FieldChange]) -> String {
    let mut out = String::from(
        "<table class=\"fields\"><thead><tr><th>field</th><th>before</th><th>after</th></tr></thead><tbody>\n",
    );
    for field in fields {
        let path = text(&field.path);
        if field.masked {
            let _ = writeln!(
                out,
                "<tr><td>{path}</td><td colspan=\"2\" class=\"soft\">the values are secret</td></tr>"
            );
        } else if field.text.is_empty() {
            let cell =
                |side: &Option<serde_json::Value>| side.as_ref().map_or_else(String::new, shown);
            let class = |side: &Option<serde_json::Value>, class: &'static str| match side {
                Some(_) => class,
                None => "",
            };
            let _ = writeln!(
                out,
                "<tr><td>{path}</td><td class=\"{}\">{}</td><td class=\"{}\">{}</td></tr>",
                class(&field.old, "old"),
                cell(&field.old),
                class(&field.new, "new"),
                cell(&field.new)
            );
        } else {
            let lines: Vec<(char, String)> = field
                .text
                .iter()
                .map(|line| match line.tag {
                    TextTag::Equal => (' ', line.text.clone()),
                    TextTag::Removed => ('-', line.text.clone()),
                    TextTag::Added => ('+', line.text.clone()),
                    TextTag::Skipped => ('…', wording::counted(line.skipped, "equal line")),
                })
                .collect();
            let _ = writeln!(
                out,
                "<tr><td>{path}</td><td colspan=\"2\">{}</td></tr>",
                block(&lines)
            );
        }
    }
    out.push_str("</tbody></table>\n");
    out
}

/// A value in a cell.
fn shown(side: &serde_json::Value) -> String {
    if value::fits(side, 120) {
        return text(&value::line(side, 120));
    }
    let whole = value::block(side);
    let mut lines: Vec<String> = whole
        .lines()
        .take(MOST_LINES)
        .map(|line| value::cut(line, MOST_LINE))
        .collect();
    let more = whole.lines().count() - lines.len();
    if more > 0 {
        lines.push(format!("… {}", wording::counted(more, "more line")));
    }
    text(&lines.join("\n"))
}

fn block(lines: &[(char, String)]) -> String {
    let mut out = String::from("<pre>");
    for (sign, line) in lines.iter().take(MOST_LINES) {
        let class = match sign {
            '+' => "add",
            '-' => "del",
            ' ' => "",
            _ => "gap",
        };
        let _ = writeln!(
            out,
            "<span class=\"{class}\">{sign} {}</span>",
            text(&value::cut(line, MOST_LINE))
        );
    }
    if lines.len() > MOST_LINES {
        let more = wording::counted(lines.len() - MOST_LINES, "more line");
        let _ = writeln!(out, "<span class=\"gap\">… {more}</span>");
    }
    out.push_str("</pre>");
    out
}

fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text))
}
