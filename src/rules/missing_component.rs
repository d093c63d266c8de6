//! A kind whose controller is not installed.

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::link::Graph;
use crate::node::{Node, Value};
use crate::schema::{Registry, SchemaNode};
use crate::settings::Install;
use crate::settings::flux::DEFAULT_COMPONENTS;
use crate::validate::schema_of;

pub(super) const RULE: Rule = Rule {
    code: "missing-component",
    summary: "nothing in the cluster reconciles this kind",
    page: "\
The kind's controller is not among `flux.components` and `flux.componentsExtra` of the cluster. Its
CustomResourceDefinition comes with the controller, so the API server would refuse the resource.

Add the controller to `flux.componentsExtra`: the image controllers and source-watcher are optional.

Flux: <https://fluxcd.io/flux/installation/configuration/optional-components/>",
    check,
};

fn check(graph: &Graph, _facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    without_operator(graph, diagnostics);
    let registry = Registry::get();
    for (at, cluster) in graph.clusters.iter().enumerate() {
        let settings = &graph.settings().clusters[at];
        let mut last: Option<(&str, bool)> = None;
        for id in &cluster.resources {
            let identity = &graph.resource(*id).identity;
            let is_known = match last {
                Some((kind, known)) if kind == identity.kind => known,
                _ => registry
                    .kind(&identity.kind)
                    .filter(|kind| kind.group == identity.group)
                    .is_none_or(|kind| {
                        kind.component.is_empty() || settings.flux.has_component(&kind.component)
                    }),
            };
            last = Some((identity.kind.as_str(), is_known));
            if is_known {
                continue;
            }
            let Some(kind) = registry.kind(&identity.kind) else {
                continue;
            };
            let key = match DEFAULT_COMPONENTS.contains(&kind.component.as_str()) {
                true => "components",
                false => "componentsExtra",
            };
            diagnostics.push(
                Diagnostic::error(
                    "missing-component",
                    format!(
                        "`{}` needs {}, which is not installed",
                        kind.kind, kind.component
                    ),
                )
                .at(graph.variant(*id).span, "")
                .in_cluster(settings.name.value.as_str())
                .with_help(format!("add \"{}\" to `flux.{key}`", kind.component)),
            );
        }
    }
}

/// Values that the CRDs accept only where the Flux Operator has extended them.
///
/// Source: <https://github.com/controlplaneio-fluxcd/flux-operator/blob/v0.58.1/internal/builder/templates.go>.
fn without_operator(graph: &Graph, diagnostics: &mut Diagnostics) {
    for (at, cluster) in graph.clusters.iter().enumerate() {
        let settings = &graph.settings().clusters[at];
        if settings.flux.install == Install::Operator {
            continue;
        }
        for id in &cluster.resources {
            let (resource, variant) = (graph.resource(*id), graph.variant(*id));
            // The operator extends no other kinds.
            if resource.identity.group != "notification.toolkit.fluxcd.io" {
                continue;
            }
            let Some(kind) = schema_of(resource, variant.minor) else {
                continue;
            };
            let Some(spec) = resource.get(&["spec"]) else {
                continue;
            };
            let mut found = Vec::new();
            of_operator(spec, kind.root(), &mut found);
            for node in found {
                let value = node.as_str().unwrap_or_default();
                let message = format!(
                    "{} `{}` refers to kind `{value}`, which the API server accepts only with the Flux Operator",
                    kind.kind, resource.identity.name
                );
                diagnostics.push(
                    Diagnostic::error("missing-component", message)
                        .at(node.span, "")
                        .in_cluster(settings.name.value.as_str())
                        .with_help("set `flux.install = \"operator\"`, or remove this entry"),
                );
            }
        }
    }
}

fn of_operator<'n>(node: &'n Node, schema: &SchemaNode, found: &mut Vec<&'n Node>) {
    match &node.value {
        Value::String(text) if schema.operator_values.contains(text) => found.push(node),
        Value::Table(table) => {
            for (key, entry) in table.iter() {
                if let Some(child) = schema.child(key) {
                    of_operator(&entry.node, child, found);
                }
            }
        }
        Value::Array(items) => {
            if let Some(shape) = &schema.items {
                items
                    .iter()
                    .for_each(|item| of_operator(item, shape, found));
            }
        }
        _ => {}
    }
}
