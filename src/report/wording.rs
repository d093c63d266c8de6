//! The sentences that several formats share.

pub(super) use crate::diagnostic::render::{counted, in_clusters};

use crate::compare::report::{
    Action, ClusterSummary, Command, Finding, Outcome, Presence, Report, Side, SideState,
    SideSummary, Totals,
};

/// Objects of a finding that are named before the rest is counted.
const NAMED_OBJECTS: usize = 12;

/// What the run comes to, in one line.
pub(super) fn headline(report: &Report) -> String {
    let totals = &report.totals;
    let clusters = counted(totals.clusters, "cluster");
    let problems = problems(totals);
    if report.head.state == SideState::Broken {
        let found = problems.unwrap_or_else(|| "see the problems".to_owned());
        return format!("{} does not compile: {found}", report.head.name);
    }
    if report.command == Command::Check {
        return match problems {
            Some(problems) => format!("{problems} in {clusters}"),
            None => format!("no problems in {clusters}"),
        };
    }
    if let Some(base) = report
        .base
        .as_ref()
        .filter(|base| base.state == SideState::Broken)
    {
        return format!("{} does not compile: nothing could be compared", base.name);
    }
    let counts = changes(totals);
    let mut line = match counts {
        None if report.forecast.is_empty() => format!("nothing changes in {clusters}"),
        // A file that is not understood, say, or a lock.
        None => format!("no known object changes in {clusters}"),
        Some(counts) if totals.clusters == totals.clusters_changed => {
            format!("{counts} in {clusters}")
        }
        Some(counts) => format!("{counts} in {} of {clusters}", totals.clusters_changed),
    };
    for part in [forecast(totals), problems].into_iter().flatten() {
        line.push_str("; ");
        line.push_str(&part);
    }
    line
}

/// `new cluster: 3 created, 1 destructive`.
pub(super) fn of_cluster(cluster: &ClusterSummary) -> String {
    let counts = listed(&[
        (cluster.created, "created"),
        (cluster.changed, "changed"),
        (cluster.renamed, "renamed"),
        (cluster.deleted, "deleted"),
        (cluster.destructive, "destructive"),
    ]);
    let notices = (cluster.notice > 0).then(|| counted(cluster.notice, "notice"));
    let parts: Vec<String> = counts.into_iter().chain(notices).collect();
    match presence(cluster.presence) {
        Some(presence) => format!("{presence}: {}", parts.join(", ")),
        None => parts.join(", "),
    }
}

/// `1 created, 2 changed`; `None` for nothing.
pub(super) fn changes(totals: &Totals) -> Option<String> {
    listed(&[
        (totals.created, "created"),
        (totals.changed, "changed"),
        (totals.renamed, "renamed"),
        (totals.deleted, "deleted"),
    ])
}

/// `1 destructive (denied), 2 notices`; `None` for nothing worth a headline.
fn forecast(totals: &Totals) -> Option<String> {
    let mut parts = Vec::new();
    if totals.destructive > 0 {
        let mut said = Vec::new();
        if totals.acknowledged > 0 {
            said.push(format!("{} acknowledged", totals.acknowledged));
        }
        if totals.denied > 0 {
            said.push(format!("{} denied", totals.denied));
        }
        let said = match said.is_empty() {
            true => String::new(),
            false => format!(" ({})", said.join(", ")),
        };
        parts.push(format!("{} destructive{said}", totals.destructive));
    }
    if totals.notice > 0 {
        parts.push(counted(totals.notice, "notice"));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// `2 errors, 1 warning`; `None` for none. Notes are no problems.
fn problems(totals: &Totals) -> Option<String> {
    let parts: Vec<_> = [(totals.errors, "error"), (totals.warnings, "warning")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| counted(count, word))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn listed(counts: &[(usize, &str)]) -> Option<String> {
    let parts: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// `main (1a2b3c4)`.
pub(super) fn side(side: &SideSummary) -> String {
    match &side.commit {
        Some(commit) => {
            let short: String = commit.chars().take(7).collect();
            if side.name == *commit || side.name == short {
                short
            } else {
                format!("{} ({short})", side.name)
            }
        }
        None => side.name.clone(),
    }
}

/// What must be known of the sides before the rest is read; empty if both compiled.
pub(super) fn caveats(report: &Report) -> Vec<String> {
    let mut said = Vec::new();
    if report.command == Command::Check {
        return said;
    }
    if let Some(base) = &report.base {
        match base.state {
            SideState::Compiled => {}
            SideState::Missing => {
                let is_new = |cluster: &ClusterSummary| cluster.presence == Presence::Added;
                let what = match report.clusters.iter().all(is_new) {
                    true => "everything is new",
                    false => {
                        "its YAML is compared, and what is not below a cluster's folder is new"
                    }
                };
                said.push(format!("{} has no {}: {what}", base.name, report.config));
            }
            SideState::Broken => said.push(format!(
                "{} does not compile: resources are not compared",
                base.name
            )),
        }
    }
    match report.head.state {
        SideState::Compiled => {}
        SideState::Missing => said.push(format!(
            "{} has no {}: resources are not compared",
            report.head.name, report.config
        )),
        SideState::Broken => said.push(format!(
            "{} does not compile: resources are not compared",
            report.head.name
        )),
    }
    said
}

/// `prunes Deployment web/podinfo and Service web/podinfo`.
pub(super) fn affected(finding: &Finding) -> String {
    let (does, may) = match finding.outcome {
        Outcome::Prune => ("prunes", "may prune"),
        Outcome::Uninstall => ("uninstalls", "may uninstall"),
        Outcome::Recreate => ("recreates", "may recreate"),
        Outcome::Orphan => ("orphans", "may orphan"),
        Outcome::Adopt => ("adopts", "may adopt"),
        Outcome::Stall => ("stalls", "may stall"),
        Outcome::Reconcile => ("reconciles", "may reconcile"),
    };
    let verb = if finding.uncertain { may } else { does };
    let objects: Vec<String> = finding
        .affected
        .objects
        .iter()
        .take(NAMED_OBJECTS)
        .map(ToString::to_string)
        .collect();
    let more = finding.affected.objects.len() - objects.len();
    match (more, objects.split_last()) {
        (0, Some((last, first))) if !first.is_empty() => {
            format!("{verb} {} and {last}", first.join(", "))
        }
        (0, _) => format!("{verb} {}", objects.join(", ")),
        (more, _) => format!("{verb} {} and {more} more", objects.join(", ")),
    }
}

/// The sign before a change where there is no colour.
pub(super) fn sign(action: Action) -> char {
    match action {
        Action::Deleted => '-',
        Action::Renamed => '>',
        Action::Changed => '~',
        Action::Created => '+',
    }
}

pub(super) fn presence(presence: Presence) -> Option<&'static str> {
    match presence {
        Presence::Both => None,
        Presence::Added => Some("new cluster"),
        Presence::Removed => Some("cluster removed"),
    }
}

pub(super) fn side_name(report: &Report, which: Side) -> &str {
    match (which, &report.base) {
        (Side::Base, Some(base)) => &base.name,
        (Side::Base, None) => "the base",
        (Side::Head, _) => &report.head.name,
    }
}
