//! Collects findings; the same finding in many clusters is one.

use std::collections::{BTreeMap, BTreeSet};

use crate::compare::Entry;
use crate::compare::report::{Affected, Finding, Object, Outcome, Severity};
use crate::diagnostic::replaced;
use crate::resource::Identity;

use super::rule::Rule;
use super::view::View;

pub(super) struct Found<'a> {
    acknowledged: &'a BTreeMap<String, String>,
    /// Cluster and resource to the change that is told of it.
    ids: BTreeMap<&'a str, BTreeMap<&'a Object, &'a str>>,
    findings: BTreeMap<String, Finding>,
    answered: BTreeSet<String>,
}

/// What a rule says, without what every finding has.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) severity: Severity,
    pub(super) outcome: Outcome,
    pub(super) message: String,
    pub(super) notes: Vec<String>,
    pub(super) help: Vec<String>,
    pub(super) affected: Affected,
    pub(super) uncertain: bool,
    /// Where the page is not the rule's.
    pub(super) docs: Option<&'static str>,
}

impl Told {
    pub(super) fn new(severity: Severity, outcome: Outcome, message: impl Into<String>) -> Self {
        Self {
            severity,
            outcome,
            message: message.into(),
            notes: Vec::new(),
            help: Vec::new(),
            affected: Affected::default(),
            uncertain: false,
            docs: None,
        }
    }

    /// It may happen or not.
    pub(super) fn uncertain(self) -> Self {
        self.uncertain_if(true)
    }

    pub(super) fn uncertain_if(mut self, uncertain: bool) -> Self {
        self.uncertain = uncertain;
        self
    }

    pub(super) fn docs(mut self, page: &'static str) -> Self {
        self.docs = Some(page);
        self
    }

    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    pub(super) fn affects(mut self, affected: Affected) -> Self {
        self.affected = affected;
        self
    }
}

/// `Kind/namespace/name`, as `diff.acknowledge` names a resource.
pub(super) fn key_of(identity: &Identity) -> String {
    match identity.namespace.as_str() {
        "" => format!("{}/{}", identity.kind, identity.name),
        namespace => format!("{}/{namespace}/{}", identity.kind, identity.name),
    }
}

impl<'a> Found<'a> {
    pub(super) fn new(
        acknowledged: &'a BTreeMap<String, String>,
        ids: BTreeMap<&'a str, BTreeMap<&'a Object, &'a str>>,
    ) -> Self {
        Self {
            acknowledged,
            ids,
            findings: BTreeMap::new(),
            answered: BTreeSet::new(),
        }
    }

    /// Files a finding about `old`, `new` or both: the head's place and acknowledgement win.
    pub(super) fn push(
        &mut self,
        rule: &Rule,
        view: &View<'_>,
        old: Option<&Entry>,
        new: Option<&Entry>,
        told: Told,
    ) {
        let Some(subject) = new.or(old) else { return };
        let mut acknowledged = None;
        if told.severity == Severity::Destructive {
            for entry in [new, old].into_iter().flatten() {
                let key = key_of(entry.identity());
                if acknowledged.is_none() {
                    acknowledged = entry
                        .acknowledge()
                        .or_else(|| self.acknowledged.get(&key).map(String::as_str))
                        .map(str::to_owned);
                }
                self.answered.insert(key);
            }
        }
        let known = self.ids.get(view.cluster);
        let mut changes: Vec<String> = [old, new]
            .into_iter()
            .flatten()
            .map(|entry| Object::from(entry.identity()))
            .filter_map(|object| known?.get(&object).map(|id| (*id).to_owned()))
            .collect();
        changes.dedup();
        let finding = Finding {
            rule: rule.name.to_owned(),
            severity: told.severity,
            outcome: told.outcome,
            resource: Object::from(subject.identity()),
            clusters: Vec::new(),
            message: told.message,
            notes: told.notes,
            help: told.help,
            affected: told.affected,
            acknowledged,
            denied: false,
            uncertain: told.uncertain,
            docs: told.docs.unwrap_or(rule.docs).to_owned(),
            changes: Vec::new(),
            place: None,
        };
        let known = self
            .findings
            .entry(format!("{finding:?}"))
            .or_insert_with(|| Finding {
                place: subject.place().cloned(),
                ..finding
            });
        if known.clusters.last().map(String::as_str) != Some(view.cluster) {
            known.clusters.push(view.cluster.to_owned());
        }
        for id in changes {
            if !known.changes.contains(&id) {
                known.changes.push(id);
            }
        }
    }

    /// The findings, the worst first, and the keys of what has a destructive one.
    pub(super) fn finish(self) -> (Vec<Finding>, BTreeSet<String>) {
        let mut findings = merge_by_cluster(self.findings.into_values().collect());
        findings.sort_by(|a, b| {
            (
                b.severity,
                a.outcome,
                &a.resource,
                &a.rule,
                &a.clusters,
                &a.message,
            )
                .cmp(&(
                    a.severity,
                    b.outcome,
                    &b.resource,
                    &b.rule,
                    &b.clusters,
                    &b.message,
                ))
        });
        (findings, self.answered)
    }
}

/// Findings of one cluster each: what is the same in several clusters is one.
pub(crate) fn folded(all: Vec<(String, Finding)>) -> Vec<Finding> {
    let mut known: BTreeMap<String, Finding> = BTreeMap::new();
    for (cluster, finding) in all {
        let entry = known.entry(format!("{finding:?}")).or_insert(finding);
        if !entry.clusters.contains(&cluster) {
            entry.clusters.push(cluster);
        }
    }
    merge_by_cluster(known.into_values().collect())
}

/// Joins findings that differ only in the name of their cluster, for which `<cluster>` stands then.
fn merge_by_cluster(findings: Vec<Finding>) -> Vec<Finding> {
    let mut alike: BTreeMap<String, Vec<(Finding, Finding)>> = BTreeMap::new();
    let mut done = Vec::new();
    for finding in findings {
        match generalised(&finding) {
            Some(general) => alike
                .entry(format!("{general:?}"))
                .or_default()
                .push((finding, general)),
            None => done.push(finding),
        }
    }
    for mut group in alike.into_values() {
        if group.len() == 1 {
            done.extend(group.pop().map(|(finding, _)| finding));
            continue;
        }
        let mut all = group.into_iter();
        let Some((first, mut joined)) = all.next() else {
            continue;
        };
        joined.place = first.place;
        for finding in [(first.clusters, first.changes)]
            .into_iter()
            .chain(all.map(|(finding, _)| (finding.clusters, finding.changes)))
        {
            joined.clusters.extend(finding.0);
            for id in finding.1 {
                if !joined.changes.contains(&id) {
                    joined.changes.push(id);
                }
            }
        }
        joined.clusters.sort();
        done.push(joined);
    }
    done
}

/// A finding of one cluster without what is that cluster's alone; `None` where its name is not in it.
fn generalised(finding: &Finding) -> Option<Finding> {
    let [cluster] = finding.clusters.as_slice() else {
        return None;
    };
    let mut general = finding.clone();
    let mut is_named = false;
    let texts = [&mut general.message]
        .into_iter()
        .chain(&mut general.notes)
        .chain(&mut general.help)
        .chain(&mut general.affected.unknown);
    for text in texts {
        if let Some(replaced) = replaced(text, cluster) {
            *text = replaced;
            is_named = true;
        }
    }
    general.clusters.clear();
    general.changes.clear();
    general.place = None;
    is_named.then_some(general)
}
