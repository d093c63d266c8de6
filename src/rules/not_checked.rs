//! What nobody here can judge is said, once for the project.

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::link::Graph;
use crate::node::{Node, Value};
use crate::schema::{Format, SchemaNode};
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
    let (mut manifests, mut expressions) = (Vec::new(), 0_usize);
    for variant in &graph.validated.expanded.variants {
        for resource in &variant.resources {
            match schema_of(resource, variant.minor) {
                Some(kind) => {
                    if let Some(spec) = resource.get(&["spec"]) {
                        expressions += cel(spec, kind.root());
                    }
                }
                None => manifests.push(&resource.identity.kind),
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

fn cel(node: &Node, schema: &SchemaNode) -> usize {
    match &node.value {
        Value::String(_) if schema.format == Some(Format::Cel) => 1,
        Value::Table(table) => table
            .iter()
            .filter_map(|(key, entry)| Some(cel(&entry.node, schema.child(key)?)))
            .sum(),
        Value::Array(items) => match &schema.items {
            Some(shape) => items.iter().map(|item| cel(item, shape)).sum(),
            None => 0,
        },
        _ => 0,
    }
}
