//! Reports what cannot be judged here, once for the project.

use std::collections::HashSet;

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::link::Graph;
use crate::validate::schema_of;

pub(super) const RULE: Rule = Rule {
    code: "not-checked",
    summary: "something could not be judged offline",
    page: "\
fluxgen reports what it did not check: objects of kinds without a schema here (`[manifests]`), and regular
expressions that it cannot read as Go does. Silence means that it was checked.
`kubectl apply --dry-run=server` checks the rest.",
    check,
};

fn check(graph: &Graph, _facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    let mut manifests = Vec::new();
    // One that differs by cluster is still one.
    let mut seen = HashSet::new();
    for variant in &graph.validated.expanded.variants {
        for resource in &variant.resources {
            if schema_of(resource, variant.minor).is_none()
                && seen.insert((variant.span, &resource.identity))
            {
                manifests.push(&resource.identity.kind);
            }
        }
    }
    let count = manifests.len();
    manifests.sort();
    manifests.dedup();
    if count > 0 {
        let kinds: Vec<&str> = manifests.iter().map(|kind| kind.as_str()).collect();
        diagnostics.push(Diagnostic::note(
            "not-checked",
            format!(
                "{count} manifest{} not checked against a schema: {}",
                if count == 1 { " is" } else { "s are" },
                kinds.join(", ")
            ),
        ));
    }
}
