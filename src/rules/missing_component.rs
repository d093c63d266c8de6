//! A kind whose controller is not installed.

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::link::Graph;
use crate::schema::Registry;
use crate::settings::flux::DEFAULT_COMPONENTS;

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
