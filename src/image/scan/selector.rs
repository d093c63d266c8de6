//! Automations whose `policySelector` selects nothing.

use super::automation::Automation;
use super::{Policies, in_cluster};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::link::Graph;
use crate::node::{Node, Table};

/// Reports each automation of the TOML file that no policy of its namespace is selected by.
pub(super) fn check(
    graph: &Graph,
    automations: &[Automation<'_>],
    policies: &[Policies<'_>],
    diagnostics: &mut Diagnostics,
) {
    for automation in automations.iter().filter(|one| one.is_generated) {
        let resource = automation.resource;
        let Some(selector) = resource.get(&["spec", "policySelector"]) else {
            continue;
        };
        for at in &automation.clusters {
            let namespace = &resource.identity.namespace;
            let mut beside = policies[*at]
                .iter()
                .filter(|((of, _), _)| of == namespace || of.is_empty())
                .map(|(_, policy)| policy)
                .peekable();
            // Without any policy there is another fault, or they are made elsewhere.
            if beside.peek().is_none() {
                continue;
            }
            // Kustomize can add labels to a policy in the user's own files.
            let may_be_selected = |policy: &super::Policy<'_>| match policy.resource {
                Some(resource) if policy.is_generated => {
                    selects(selector, resource.get(&["metadata", "labels"]))
                }
                _ => true,
            };
            if beside.any(may_be_selected) {
                continue;
            }
            let message = format!(
                "the `policySelector` of `{}` selects no ImagePolicy in namespace `{namespace}`",
                resource.identity.name
            );
            let diagnostic = Diagnostic::warning("image-selector", message)
                .at(selector.span, "")
                .with_note("the automation never updates anything")
                .with_help(help(selector));
            diagnostics.push(in_cluster(graph, diagnostic, *at));
        }
    }
}

fn help(selector: &Node) -> String {
    let labels = selector.get("matchLabels").and_then(Node::as_table);
    let label = labels.and_then(|labels| {
        let (key, entry) = labels.iter().next()?;
        Some((key, entry.node.as_str()?))
    });
    match label {
        Some((key, value)) => format!(
            "give the images the label: `labels = {{ {} = \"{value}\" }}`, or correct the selector",
            toml_key(key)
        ),
        None => "correct the selector, or the labels of the images".to_owned(),
    }
}

fn toml_key(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match key.chars().all(is_bare) {
        true => key.to_owned(),
        false => format!("\"{key}\""),
    }
}

/// Whether a selector selects what carries these labels.
///
/// Source: <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>
fn selects(selector: &Node, labels: Option<&Node>) -> bool {
    let label = |key: &str| labels?.get(key)?.as_str();
    let wanted = selector.get("matchLabels").and_then(Node::as_table);
    let has_all = |wanted: &Table| {
        let mut wanted = wanted.iter();
        wanted.all(|(key, entry)| label(key) == entry.node.as_str())
    };
    let expressions = selector.get("matchExpressions").and_then(Node::as_array);
    wanted.is_none_or(has_all)
        && expressions.unwrap_or_default().iter().all(|expression| {
            let text = |key: &str| expression.get(key).and_then(Node::as_str);
            let value = text("key").and_then(label);
            let values = expression.get("values").and_then(Node::as_array);
            let mut values = values.unwrap_or_default().iter().filter_map(Node::as_str);
            match text("operator") {
                Some("In") => value.is_some_and(|value| values.any(|other| other == value)),
                Some("NotIn") => value.is_none_or(|value| values.all(|other| other != value)),
                Some("Exists") => value.is_some(),
                Some("DoesNotExist") => value.is_none(),
                // The schema reports it.
                _ => true,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::selects;
    use crate::source::Span;
    use crate::yaml::read_all;

    #[test]
    fn selectors_select_as_kubernetes_does() {
        let labels = "{team: a, tier: web}";
        let read = |text: &str| {
            let mut nodes = read_all(text, Span::BUILT_IN.file).expect("YAML");
            nodes.remove(0)
        };
        let expression = |key: &str, operator: &str, values: &str| {
            format!(
                "{{matchExpressions: [{{key: {key}, operator: {operator}, values: [{values}]}}]}}"
            )
        };
        for (selector, is_selected) in [
            ("{matchLabels: {}}".to_owned(), true),
            ("{matchLabels: {team: a}}".to_owned(), true),
            ("{matchLabels: {team: a, tier: db}}".to_owned(), false),
            ("{matchLabels: {other: a}}".to_owned(), false),
            (expression("team", "In", "b, a"), true),
            (expression("team", "In", "b"), false),
            (expression("other", "In", "a"), false),
            (expression("team", "NotIn", "a"), false),
            (expression("other", "NotIn", "a"), true),
            (expression("team", "Exists", ""), true),
            (expression("other", "Exists", ""), false),
            (expression("team", "DoesNotExist", ""), false),
            (expression("other", "DoesNotExist", ""), true),
        ] {
            let found = selects(&read(&selector), Some(&read(labels)));
            assert_eq!(found, is_selected, "{selector}");
        }
        assert!(!selects(&read("{matchLabels: {team: a}}"), None));
    }
}
