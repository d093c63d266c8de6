//! What nobody here can judge is said, once for the project.

use std::collections::HashSet;

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::link::Graph;
use crate::node::{Node, Value};
use crate::schema::{Format, SchemaNode};
use crate::source::Span;
use crate::validate::schema_of;

pub(super) const RULE: Rule = Rule {
    code: "not-checked",
    summary: "something could not be judged offline",
    page: "\
fluxgen says aloud what it did not check: objects of kinds without a schema here (`[manifests]`),
CEL expressions, and regular expressions that it cannot read as Go does. Silence means that it was
checked. `kubectl apply --dry-run=server` checks the rest.",
    check,
};

fn check(graph: &Graph, _facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    let mut manifests = Vec::new();
    let mut expressions = HashSet::new();
    // One that differs by cluster is still one.
    let mut seen = HashSet::new();
    for variant in &graph.validated.expanded.variants {
        for resource in &variant.resources {
            match schema_of(resource, variant.minor) {
                Some(kind) => {
                    if let Some(spec) = resource.get(&["spec"]) {
                        cel(spec, kind.root(), &mut expressions);
                    }
                }
                None => {
                    if seen.insert((variant.span, &resource.identity)) {
                        manifests.push(&resource.identity.kind);
                    }
                }
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
    let expressions = expressions.len();
    if expressions > 0 {
        diagnostics.push(Diagnostic::note(
            "not-checked",
            format!(
                "{expressions} CEL expression{} not checked",
                if expressions == 1 { " is" } else { "s are" }
            ),
        ));
    }
}

/// The places of the CEL expressions below a value.
fn cel(node: &Node, schema: &SchemaNode, found: &mut HashSet<Span>) {
    match &node.value {
        Value::String(_) if schema.format == Some(Format::Cel) => {
            found.insert(node.span);
        }
        Value::Table(table) => {
            for (key, entry) in table.iter() {
                if let Some(child) = schema.child(key) {
                    cel(&entry.node, child, found);
                }
            }
        }
        Value::Array(items) => {
            if let Some(shape) = &schema.items {
                items.iter().for_each(|item| cel(item, shape, found));
            }
        }
        _ => {}
    }
}
