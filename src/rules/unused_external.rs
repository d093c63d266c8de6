//! An `external` that nothing refers to.

use std::collections::{BTreeSet, HashSet};

use super::{Facts, Rule};
use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::image::spec;
use crate::link::Graph;
use crate::resource::Identity;
use crate::schema::Registry;

pub(super) const RULE: Rule = Rule {
    code: "unused-external",
    summary: "nothing refers to a resource that `external` declares",
    page: "\
`external` declares resources that exist though neither the TOML file nor YAML of your own under
`clusters/` defines them, so that references to them are no faults. One that nothing refers to is most
often misspelt, or a leftover. Correct it, or remove it.",
    check,
};

fn check(graph: &Graph, _facts: &Facts<'_>, diagnostics: &mut Diagnostics) {
    let externals = &graph.settings().external;
    if externals.is_empty() {
        return;
    }
    let used: HashSet<_> = graph
        .references
        .iter()
        .flatten()
        .flatten()
        .map(|reference| &reference.target)
        .collect();
    let clusters = graph.settings().clusters.iter();
    let namespaces: BTreeSet<&str> = clusters
        .map(|cluster| cluster.flux.namespace.as_str())
        .collect();
    for external in externals {
        let identity = &external.value;
        let is_used = match identity.namespace.as_str() {
            "" => namespaces.iter().any(|namespace| {
                let namespace = (*namespace).to_owned();
                used.contains(&Identity {
                    namespace,
                    ..identity.clone()
                })
            }),
            _ => used.contains(identity),
        };
        // Markers name policies, also those in files that no rule reads.
        if is_used || identity.is_kind(spec::GROUP, spec::KIND) {
            continue;
        }
        let diagnostic = Diagnostic::warning(
            "unused-external",
            format!("nothing refers to the external {identity}"),
        )
        .at(external.span, "");
        let registry = Registry::get();
        let kinds = || registry.kinds().map(|kind| kind.kind.as_str());
        let names = || {
            used.iter()
                .filter(|one| {
                    one.kind == identity.kind
                        && match identity.namespace.as_str() {
                            "" => namespaces.contains(one.namespace.as_str()),
                            namespace => one.namespace == namespace,
                        }
                })
                .map(|one| one.name.as_str())
        };
        diagnostics.push(match registry.kind(&identity.kind) {
            None => match nearest(&identity.kind, kinds()) {
                Some(near) => diagnostic.with_help(format!("did you mean the kind `{near}`?")),
                None => diagnostic.with_help("remove it: only kinds of Flux are looked for"),
            },
            Some(_) => match nearest(&identity.name, names()) {
                Some(near) => diagnostic.with_help(format!("did you mean `{near}`?")),
                None => diagnostic.with_help("remove it"),
            },
        });
    }
}
