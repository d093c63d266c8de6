//! `clusters = ["prod-*"]` and `groups = ["prod"]`: where a resource goes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::budget::Budget;
use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::node::Table;
use crate::settings::fields::{Fields, list};
use crate::settings::pattern::{Pattern, is_pattern};
use crate::settings::{Cluster, Group};
use crate::source::Spanned;

/// What can be chosen from, and what has been.
pub(super) struct Selection<'a> {
    clusters: Names<'a>,
    groups: Names<'a>,
    /// Per group, its clusters.
    members: Vec<Vec<usize>>,
    pub used_groups: Vec<bool>,
}

impl<'a> Selection<'a> {
    pub(super) fn new(
        clusters: &'a [Cluster],
        groups: &'a [Group],
        used_groups: Vec<bool>,
        budget: &Arc<Budget>,
    ) -> Self {
        let mut members = vec![Vec::new(); groups.len()];
        for (at, cluster) in clusters.iter().enumerate() {
            cluster
                .groups
                .iter()
                .for_each(|group| members[*group].push(at));
        }
        let cluster_names = clusters.iter().map(|cluster| cluster.name.value.as_str());
        let group_names = groups.iter().map(|group| group.name.value.as_str());
        Self {
            clusters: Names::new("cluster", cluster_names.collect(), budget),
            groups: Names::new("group", group_names.collect(), budget),
            members,
            used_groups,
        }
    }

    pub(super) fn all_clusters(&self) -> Arc<[usize]> {
        (0..self.clusters.names.len()).collect()
    }

    /// The clusters that a table's `clusters` and `groups` name; `None` where it has neither key.
    ///
    /// With both keys, what either names.
    pub(super) fn of(
        &mut self,
        table: &Table,
        path: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Arc<[usize]>> {
        let mut fields = Fields::new(table, path, diagnostics);
        let clusters = fields.texts("clusters");
        let groups = fields.texts("groups");
        if clusters.is_none() && groups.is_none() {
            return None;
        }
        let mut chosen = vec![false; self.clusters.names.len()];
        for pattern in clusters.unwrap_or_default() {
            for at in self.clusters.find(&pattern, diagnostics).iter() {
                chosen[*at] = true;
            }
        }
        for pattern in groups.unwrap_or_default() {
            for group in self.groups.find(&pattern, diagnostics).iter() {
                self.used_groups[*group] = true;
                self.members[*group]
                    .iter()
                    .for_each(|at| chosen[*at] = true);
            }
        }
        Some((0..chosen.len()).filter(|at| chosen[*at]).collect())
    }
}

/// The names of all clusters or groups, for patterns to be looked up in.
pub(super) struct Names<'a> {
    noun: &'static str,
    names: Vec<&'a str>,
    by_name: HashMap<&'a str, usize>,
    /// Patterns that were looked up before.
    found: HashMap<String, Arc<[usize]>>,
    budget: Arc<Budget>,
}

impl<'a> Names<'a> {
    pub(super) fn new(noun: &'static str, names: Vec<&'a str>, budget: &Arc<Budget>) -> Self {
        let by_name = names.iter().enumerate().map(|(at, name)| (*name, at));
        Self {
            noun,
            by_name: by_name.collect(),
            names,
            found: HashMap::new(),
            budget: Arc::clone(budget),
        }
    }

    /// The indices of the names that a pattern matches, rising; none is an error.
    pub(super) fn find(
        &mut self,
        pattern: &Spanned<String>,
        diagnostics: &mut Diagnostics,
    ) -> Arc<[usize]> {
        let text = pattern.value.as_str();
        if !is_pattern(text) {
            let found: Arc<[usize]> = self.by_name.get(text).copied().into_iter().collect();
            if found.is_empty() {
                diagnostics.push(self.without_match(pattern));
            }
            return found;
        }
        if let Some(found) = self.found.get(text).filter(|found| !found.is_empty()) {
            return Arc::clone(found);
        }
        // A name is compared in a few nanoseconds, a step of an expression takes some more.
        if let Err(exceeded) = self.budget.steps(self.names.len() as u64 / 4) {
            diagnostics.push(exceeded.diagnostic().at(pattern.span, ""));
            return Arc::default();
        }
        let compiled = Pattern::new(text);
        let names = self.names.iter().enumerate();
        let found: Arc<[usize]> = names
            .filter(|(_, name)| compiled.matches(name))
            .map(|(at, _)| at)
            .collect();
        if found.is_empty() {
            diagnostics.push(self.without_match(pattern));
        }
        if let Err(exceeded) = self.budget.memory(8 * found.len() as u64) {
            diagnostics.push(exceeded.diagnostic().at(pattern.span, ""));
            return Arc::default();
        }
        self.found.insert(text.to_owned(), Arc::clone(&found));
        found
    }

    fn without_match(&self, pattern: &Spanned<String>) -> Diagnostic {
        let noun = self.noun;
        let names = || self.names.iter().copied();
        let is_pattern = is_pattern(&pattern.value);
        let message = match is_pattern {
            true => format!("no {noun} matches `{}`", pattern.value),
            false => format!("no {noun} is named `{}`", pattern.value),
        };
        let diagnostic = Diagnostic::error("pattern-without-match", message).at(pattern.span, "");
        if is_pattern {
            return match self.names.is_empty() {
                true => diagnostic.with_help("remove it"),
                false => {
                    let known = list(names().take(10));
                    diagnostic.with_help(format!("correct it or remove it; there are {known}"))
                }
            };
        }
        match nearest(&pattern.value, names()) {
            Some(near) => diagnostic
                .with_help(format!("did you mean `{near}`?"))
                .with_fix(pattern.span, format!("\"{near}\"")),
            None => {
                diagnostic.with_help(format!("define `[{noun}s.{}]` or remove it", pattern.value))
            }
        }
    }
}
