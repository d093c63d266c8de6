//! `spec.components` of a Kustomization that are not there.

use super::{Facts, Rule};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::files::EntryKind;
use crate::files::path::join;
use crate::kustomize::is_local;
use crate::link::Graph;
use crate::node::Node;
use crate::survey::Contents;

pub(super) const RULE: Rule = Rule {
    code: "component-not-found",
    summary: "a Kustomization has a component that is missing or not local",
    page: "\
`spec.components` are folders of Kustomize components, relative to the Kustomization's own `path`.
kustomize-controller refuses to build where one is missing, absolute or a URL: nothing of the Kustomization
is applied any longer.

Checked are Kustomizations of this repository, those in the repository's own YAML included. With
`ignoreMissingComponents = true` a missing one is left out by the controller and here; an absolute one is
refused all the same.

Write the path from the Kustomization's `path` to the component: `../../components/tls`.

Flux: <https://fluxcd.io/flux/components/kustomize/kustomizations/#components>",
    check,
};

fn check(graph: &Graph, facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    let (Some(survey), Some(repository)) = (facts.survey, facts.repository) else {
        return;
    };
    // A link or a submodule is not looked into.
    let is_folder = |path: &str| {
        let kind = repository.files().kind(path);
        path.is_empty() || !matches!(kind, Ok(None | Some(EntryKind::File)))
    };
    for (at, cluster) in graph.settings().clusters.iter().enumerate() {
        for applier in &survey.cluster(at).appliers {
            let (Some(resource), Contents::Folder(build, _)) =
                (&applier.resource, &applier.contents)
            else {
                continue;
            };
            if applier.is_suspended || build.components.is_empty() || !is_folder(&build.path) {
                continue;
            }
            let items = resource.get(&["spec", "components"]);
            let items = items.and_then(Node::as_array).unwrap_or_default();
            for item in items {
                let component = item.as_str().filter(|text| !text.contains("${"));
                let Some(component) = component else { continue };
                let name = resource.identity.name.as_str();
                let found = if is_local(component) {
                    let folder = join(&build.path, component);
                    if build.ignore_missing_components || folder.as_deref().is_some_and(is_folder) {
                        continue;
                    }
                    missing(
                        component,
                        name,
                        (&build.path, folder.as_deref()),
                        &is_folder,
                    )
                } else {
                    not_local(component, name, &build.path, &is_folder)
                };
                let place = match item.span.is_built_in() {
                    true => applier.place,
                    false => item.span,
                };
                let found = found.at(place, "");
                diagnostics.push(found.in_cluster(cluster.name.value.as_str()));
            }
        }
    }
}

fn missing(
    component: &str,
    name: &str,
    (path, folder): (&str, Option<&str>),
    is_folder: &dyn Fn(&str) -> bool,
) -> Diagnostic {
    let message = format!("the component `{component}` of `{name}` does not exist");
    let found = Diagnostic::error(RULE.code, message).with_note(match folder {
        Some(folder) => format!(
            "components are relative to the Kustomization's `path`: there is no folder `{folder}`"
        ),
        None => "it is outside of the repository".to_owned(),
    });
    let from_root = component.trim_start_matches("./");
    match !from_root.is_empty() && is_folder(from_root) {
        true => found.with_help(format!("write `{}`", relative(path, from_root))),
        false => found.with_help("correct the path, or set `ignoreMissingComponents = true`"),
    }
}

fn not_local(
    component: &str,
    name: &str,
    path: &str,
    is_folder: &dyn Fn(&str) -> bool,
) -> Diagnostic {
    let message = format!("the component `{component}` of `{name}` is not a relative path");
    let rest = component.trim_start_matches('/');
    let help = match rest.len() < component.len() && !rest.is_empty() && is_folder(rest) {
        true => format!("write `{}`", relative(path, rest)),
        false => "write its path in this repository, relative to the Kustomization's `path`".into(),
    };
    Diagnostic::error(RULE.code, message)
        .with_note("kustomize-controller refuses absolute paths and URLs")
        .with_help(help)
}

/// The way from one folder to another, both from the root of the repository.
fn relative(from: &str, to: &str) -> String {
    let from: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    let to: Vec<&str> = to.split('/').filter(|part| !part.is_empty()).collect();
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", from.len() - common);
    let parts: Vec<&str> = up.chain(to[common..].iter().copied()).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::relative;

    #[test]
    fn a_path_is_relative_to_a_folder() {
        assert_eq!(
            relative("apps/podinfo", "components/tls"),
            "../../components/tls"
        );
        assert_eq!(relative("apps/podinfo", "apps/tls"), "../tls");
        assert_eq!(relative("", "tls"), "tls");
    }
}
