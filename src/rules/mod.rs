//! What a graph must hold to beyond its schemas: one file and one row a rule.

mod cross_namespace;
mod dangling_reference;
mod dependency_cycle;
mod missing_component;
mod not_checked;
mod policy_lint;
mod policy_test;
mod strict_substitution;
mod unknown_alias;

use crate::diagnostic::Diagnostics;
use crate::files::Snapshot;
use crate::link::Graph;

/// A rule: what it finds is explained by its page.
pub struct Rule {
    /// The code of its findings.
    pub code: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What is wrong, why it matters and what to do, for `fluxgen explain CODE`.
    pub page: &'static str,
    pub(crate) check: fn(&Graph, &Facts<'_>, &mut Diagnostics),
}

/// What rules may know beside the graph.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The state of the repository that is compiled. What it is read from is the edge's business.
    pub repository: Option<&'a Snapshot>,
}

/// Every rule, in the order in which they run.
pub static RULES: &[Rule] = &[
    dangling_reference::RULE,
    dependency_cycle::RULE,
    missing_component::RULE,
    unknown_alias::RULE,
    strict_substitution::RULE,
    cross_namespace::RULE,
    policy_test::RULE,
    policy_lint::RULE,
    not_checked::RULE,
];
