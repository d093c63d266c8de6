//! Reports what cannot be judged here, once for the project.

use std::collections::HashSet;

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::link::Graph;
use crate::resource::Resource;
use crate::source::Span;
use crate::validate::{core, schema_of};

pub(super) const RULE: Rule = Rule {
    code: "not-checked",
    summary: "something could not be judged offline",
    page: "\
`fluxgen check` reports what it could not check: custom resources in `[manifests]`, whose schema is not known
here, and regular expressions that it cannot read as Go does. Silence means that it was checked.
`kubectl apply --dry-run=server` checks the rest. `# fluxgen: ignore[not-checked]` above the table of
a manifest says that you know.",
    check,
};

fn check(graph: &Graph, _facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    let mut manifests = Vec::new();
    // One that differs by cluster is still one.
    let mut seen = HashSet::new();
    for variant in &graph.validated.expanded.variants {
        for resource in &variant.resources {
            if schema_of(resource, variant.minor).is_none()
                && core::is_foreign(resource)
                && seen.insert((variant.span, &resource.identity))
                && !is_ignored(variant.span, resource, diagnostics)
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

/// Whether a comment on the table of a manifest, or on its kind, says that this is known.
fn is_ignored(table: Span, resource: &Resource, diagnostics: &mut Diagnostics) -> bool {
    let kind = resource.get(&["kind"]).map(|kind| kind.span);
    let mut spans = [Some(table), kind].into_iter().flatten();
    spans.any(|span| diagnostics.is_ignored(RULE.code, span))
}
