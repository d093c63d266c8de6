//! An artifact that copies from a source which its generator does not name.

use super::{Facts, Rule};
use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::link::Graph;
use crate::node::Node;
use crate::resource::{Identity, Resource};
use crate::settings::fields::list;

pub(super) const RULE: Rule = Rule {
    code: "unknown-alias",
    summary: "an artifact names a source that its generator does not have",
    page: "\
`@alias` in `copy[].from`, `revision`, `originRevision` and `pathPattern` of an ArtifactGenerator means
the entry of `sources` with that `alias`. source-watcher refuses a generator whose artifacts name
another one. Add the source, or correct the alias.

Flux: <https://fluxcd.io/flux/components/source/artifactgenerators/>",
    check,
};

fn is_generator(identity: &Identity) -> bool {
    identity.is_kind("source.extensions.fluxcd.io", "ArtifactGenerator")
}

fn check(graph: &Graph, _facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    for variant in &graph.validated.expanded.variants {
        let generators = variant.resources.iter();
        for generator in generators.filter(|one| is_generator(&one.identity)) {
            let aliases: Vec<&str> = items(generator, "sources")
                .iter()
                .filter_map(|source| source.get("alias")?.as_str())
                .collect();
            for (field, place) in uses(generator) {
                let Some(alias) = place.as_str().and_then(alias_of) else {
                    // Its pattern has told.
                    continue;
                };
                if aliases.contains(&alias) {
                    continue;
                }
                let help = match nearest(alias, aliases.iter().copied()) {
                    Some(near) => format!("did you mean `@{near}`?"),
                    None => format!(
                        "the aliases in `sources` are {}",
                        list(aliases.iter().copied())
                    ),
                };
                let message = format!("`{field}` names the source `@{alias}`, which is not there");
                let span = match place.span.is_built_in() {
                    true => variant.span,
                    false => place.span,
                };
                diagnostics.push(
                    Diagnostic::error("unknown-alias", message)
                        .at(span, "")
                        .with_help(help),
                );
            }
        }
    }
}

/// Every value that starts with an alias, with its field.
fn uses(generator: &Resource) -> Vec<(String, &Node)> {
    let mut found = Vec::new();
    if let Some(pattern) = generator.get(&["spec", "pathPattern"]) {
        found.push(("pathPattern".to_owned(), pattern));
    }
    for (at, artifact) in items(generator, "artifacts").iter().enumerate() {
        for key in ["revision", "originRevision"] {
            if let Some(value) = artifact.get(key) {
                found.push((format!("artifacts[{at}].{key}"), value));
            }
        }
        let copies = artifact.get("copy").and_then(Node::as_array);
        for (copy, item) in copies.unwrap_or_default().iter().enumerate() {
            if let Some(from) = item.get("from") {
                found.push((format!("artifacts[{at}].copy[{copy}].from"), from));
            }
        }
    }
    found
}

fn items<'a>(generator: &'a Resource, key: &str) -> &'a [Node] {
    let items = generator.get(&["spec", key]).and_then(Node::as_array);
    items.unwrap_or_default()
}

/// `one` of `@one/**`.
fn alias_of(text: &str) -> Option<&str> {
    let alias = text.strip_prefix('@')?.split('/').next()?;
    (!alias.is_empty()).then_some(alias)
}
