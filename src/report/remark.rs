//! What formats for machines list: problems, forecasts and stale trees in one shape.
//!
//! The one place that says how much a finding of ours matters in the words of others:
//!
//! | ours | level |
//! |---|---|
//! | problem: error, warning, note | the same |
//! | forecast, denied by `--deny` | error |
//! | forecast: destructive | warning |
//! | forecast: destructive, acknowledged; notice; info | note |
//! | a tree that is stale or edited by hand | warning |

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::wording::{counted, in_clusters};
use super::{Input, Pages};
use crate::compare::report::{
    ClusterSummary, Finding, Level, Place, Problem, Replacement, Report, Severity, Side,
};
use crate::diagnostic::render::{printable, printable_line};

/// One thing said about a place.
pub(super) struct Remark<'a> {
    pub code: &'a str,
    pub level: Level,
    pub message: String,
    /// In the head: other places cannot be pointed at.
    pub place: Option<&'a Place>,
    /// What the place's label says; may be empty.
    pub label: &'a str,
    pub related: Vec<(&'a Place, &'a str)>,
    pub notes: Vec<String>,
    pub help: Vec<String>,
    pub clusters: &'a [String],
    /// The page that the rule comes from.
    pub url: Option<String>,
    pub fix: Option<&'a Replacement>,
    /// The same in every run that finds the same, wherever in its file it stands.
    pub fingerprint: String,
    /// A file to name where there is no place.
    pub file: &'a str,
}

impl Remark<'_> {
    /// All of it in lines: message, label, clusters, notes and help.
    pub fn text(&self) -> String {
        let first = match self.label {
            "" => self.message.clone(),
            label => format!("{}: {label}", self.message),
        };
        let mut lines = vec![printable_line(&first).into_owned()];
        let notes = self.notes.iter().map(|note| format!("note: {note}"));
        let help = self.help.iter().map(|help| format!("help: {help}"));
        let rest = in_clusters(self.clusters)
            .into_iter()
            .chain(notes)
            .chain(help);
        lines.extend(rest.map(|text| printable(&text).into_owned()));
        lines.join("\n")
    }
}

/// Everything there is to say, the worst first and then as the report has it.
pub(super) fn all<'a>(input: &Input<'a>) -> Vec<Remark<'a>> {
    let report = input.report;
    let mut remarks: Vec<Remark<'a>> = report
        .problems
        .iter()
        .map(|problem| of_problem(problem, report, input.pages))
        .chain(
            report
                .forecast
                .iter()
                .map(|finding| of_finding(finding, report)),
        )
        .chain(of_trees(report))
        .collect();
    remarks.sort_by_key(|remark| remark.level);
    tell_apart(&mut remarks);
    remarks
}

/// The level of a forecast finding, as the module's table says.
pub(super) fn level(finding: &Finding) -> Level {
    match finding.severity {
        _ if finding.denied => Level::Error,
        Severity::Destructive if finding.acknowledged.is_none() => Level::Warning,
        Severity::Destructive | Severity::Notice | Severity::Info => Level::Note,
    }
}

fn of_problem<'a>(problem: &'a Problem, report: &'a Report, pages: &Pages<'_>) -> Remark<'a> {
    let in_head =
        |labelled: &&crate::compare::report::LabelledPlace| labelled.place.side == Side::Head;
    let primary = problem.places.first().filter(in_head);
    let mut notes = problem.notes.clone();
    if problem.side == Side::Base {
        let base = report.base.as_ref().map_or("the base", |base| &base.name);
        let at = problem.places.first().map_or_else(String::new, |labelled| {
            format!(", at {}", located(&labelled.place))
        });
        notes.insert(0, format!("this is in `{base}`{at}"));
    }
    Remark {
        code: &problem.code,
        level: problem.level,
        message: problem.message.clone(),
        place: primary.map(|labelled| &labelled.place),
        label: primary.map_or("", |labelled| &labelled.label),
        related: problem
            .places
            .iter()
            .skip(1)
            .filter(in_head)
            .map(|labelled| (&labelled.place, labelled.label.as_str()))
            .collect(),
        notes,
        help: problem.help.clone(),
        clusters: &problem.clusters,
        url: pages(&problem.code).and_then(|page| page.url),
        fix: problem
            .fix
            .as_ref()
            .filter(|fix| fix.place.side == Side::Head),
        fingerprint: fingerprint(&[
            &problem.code,
            &problem.message,
            problem
                .places
                .first()
                .map_or("", |labelled| &labelled.place.file),
        ]),
        file: &report.config,
    }
}

fn of_finding<'a>(finding: &'a Finding, report: &'a Report) -> Remark<'a> {
    let mut notes = Vec::new();
    if !finding.affected.objects.is_empty() {
        notes.push(super::wording::affected(finding));
    }
    notes.extend(
        finding
            .affected
            .unknown
            .iter()
            .map(|why| format!("not known here: {why}")),
    );
    notes.extend(finding.notes.iter().cloned());
    if let Some(reason) = &finding.acknowledged {
        notes.push(format!("acknowledged: {reason}"));
    }
    let place = finding.place.as_ref();
    if let Some(place) = place.filter(|place| place.side == Side::Base) {
        let base = report.base.as_ref().map_or("the base", |base| &base.name);
        notes.push(format!("it was at {} in `{base}`", located(place)));
    }
    Remark {
        code: &finding.rule,
        level: level(finding),
        message: finding.message.clone(),
        place: place.filter(|place| place.side == Side::Head),
        label: "",
        related: Vec::new(),
        notes,
        help: finding.help.clone(),
        clusters: &finding.clusters,
        url: Some(finding.docs.clone()).filter(|docs| !docs.is_empty()),
        fix: None,
        fingerprint: fingerprint(&[
            &finding.rule,
            &finding.resource.group,
            &finding.resource.to_string(),
            &finding.message,
        ]),
        file: &report.config,
    }
}

/// The head's trees that are not what its TOML gives; one remark for each way of being so.
pub(super) fn of_trees(report: &Report) -> Vec<Remark<'_>> {
    type Files = fn(&ClusterSummary) -> &[String];
    let states: [(&str, Files, &str, &str); 2] = [
        (
            "stale-tree",
            |cluster| &cluster.head_tree.stale,
            "not what the TOML gives",
            "run `fluxgen build` and commit what it writes",
        ),
        (
            "hand-edited-tree",
            |cluster| &cluster.head_tree.hand_edited,
            "changed by hand: the next build takes that back",
            "make the change in the TOML, then run `fluxgen build`",
        ),
    ];
    states
        .into_iter()
        .filter_map(|(code, files, what, help)| {
            let mut all = report.clusters.iter().flat_map(files);
            let first = all.next()?;
            let count = 1 + all.count();
            let message = match count {
                1 => format!("`{first}` is {what}"),
                _ => format!(
                    "{} are {what}, `{first}` among them",
                    counted(count, "file")
                ),
            };
            Some(Remark {
                code,
                level: Level::Warning,
                message,
                place: None,
                label: "",
                related: Vec::new(),
                notes: Vec::new(),
                help: vec![help.to_owned()],
                clusters: &[],
                url: None,
                fix: None,
                fingerprint: fingerprint(&[code]),
                file: first,
            })
        })
        .collect()
}

/// `fluxgen.toml:14:3`.
pub(super) fn located(place: &Place) -> String {
    format!("{}:{}:{}", place.file, place.line, place.column)
}

/// Thirty-two hexadecimal digits that stand for `parts`.
fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Readers take two equal fingerprints for one finding: the second of a kind gets its own.
fn tell_apart(remarks: &mut [Remark<'_>]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for remark in remarks {
        let count = seen.entry(remark.fingerprint.clone()).or_default();
        *count += 1;
        if *count > 1 {
            remark.fingerprint = fingerprint(&[&remark.fingerprint, &count.to_string()]);
        }
    }
}
