//! `clusters = ["prod-*"]` and `groups = ["prod"]`: where a resource goes.

use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::node::Table;
use crate::settings::fields::{Fields, list};
use crate::settings::pattern::matches;
use crate::settings::{Cluster, Group};
use crate::source::Spanned;

/// What can be chosen from, and what has been.
pub(super) struct Selection<'a> {
    pub clusters: &'a [Cluster],
    pub groups: &'a [Group],
    pub used_groups: Vec<bool>,
}

impl Selection<'_> {
    /// The clusters that a table's `clusters` and `groups` name; `None` where it has neither key.
    ///
    /// With both keys, what either names.
    pub(super) fn of(
        &mut self,
        table: &Table,
        path: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Vec<usize>> {
        let mut fields = Fields::new(table, path, diagnostics);
        let clusters = fields.texts("clusters");
        let groups = fields.texts("groups");
        if clusters.is_none() && groups.is_none() {
            return None;
        }
        let mut chosen = vec![false; self.clusters.len()];
        for pattern in clusters.unwrap_or_default() {
            let names = self
                .clusters
                .iter()
                .map(|cluster| cluster.name.value.as_str());
            for at in find(&pattern, names, "cluster", diagnostics) {
                chosen[at] = true;
            }
        }
        for pattern in groups.unwrap_or_default() {
            let names = self.groups.iter().map(|group| group.name.value.as_str());
            for group in find(&pattern, names, "group", diagnostics) {
                self.used_groups[group] = true;
                for (at, cluster) in self.clusters.iter().enumerate() {
                    chosen[at] |= cluster.groups.contains(&group);
                }
            }
        }
        Some((0..chosen.len()).filter(|at| chosen[*at]).collect())
    }
}

/// The indices of the names that a pattern matches; none is an error.
pub(super) fn find<'a>(
    pattern: &Spanned<String>,
    names: impl Iterator<Item = &'a str> + Clone,
    noun: &str,
    diagnostics: &mut Diagnostics,
) -> Vec<usize> {
    let found: Vec<usize> = names
        .clone()
        .enumerate()
        .filter(|(_, name)| matches(&pattern.value, name))
        .map(|(at, _)| at)
        .collect();
    if found.is_empty() {
        let is_pattern = pattern.value.contains(['*', '?']);
        let message = match is_pattern {
            true => format!("no {noun} matches `{}`", pattern.value),
            false => format!("no {noun} is named `{}`", pattern.value),
        };
        let mut diagnostic =
            Diagnostic::error("pattern-without-match", message).at(pattern.span, "");
        let near = nearest(&pattern.value, names.clone()).filter(|_| !is_pattern);
        diagnostic = match near {
            Some(near) => diagnostic
                .with_help(format!("did you mean `{near}`?"))
                .with_fix(pattern.span, format!("\"{near}\"")),
            None if is_pattern && names.clone().next().is_some() => {
                let known = list(names.clone().take(10));
                diagnostic.with_help(format!("correct it or remove it; there are {known}"))
            }
            None if is_pattern => diagnostic.with_help("remove it"),
            None => {
                diagnostic.with_help(format!("define `[{noun}s.{}]` or remove it", pattern.value))
            }
        };
        diagnostics.push(diagnostic);
    }
    found
}
