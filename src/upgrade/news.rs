//! What the schemas say of an upgrade: API versions that change, and what is new or gone.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::link::Graph;
use crate::schema::{Additional, FluxMinor, KindSchema, Registry, SchemaNode};

/// The text for people; empty where nothing changes.
///
/// `rising` are clusters, as indices into the settings, and the minor that each comes from. Of the
/// fields, those of the kinds are listed that these clusters use.
pub(super) fn told(graph: &Graph, rising: &[(usize, FluxMinor)], to: FluxMinor) -> String {
    let mut out = String::new();
    let registry = Registry::get();
    let mut versions = String::new();
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for kind in registry.kinds() {
        let mut changed: Option<(String, String)> = None;
        let mut resources = BTreeSet::new();
        let mut clusters = Vec::new();
        for (at, from) in rising {
            let of_kind: Vec<_> = graph.clusters[*at]
                .resources
                .iter()
                .map(|id| &graph.resource(*id).identity)
                .filter(|identity| identity.kind == kind.kind && identity.group == kind.group)
                .collect();
            if of_kind.is_empty() {
                continue;
            }
            used.insert(kind.kind.as_str());
            let (old, new) = (kind.api_version(*from), kind.api_version(to));
            if let (Some(old), Some(new)) = (old, new)
                && old != new
            {
                resources.extend(of_kind);
                clusters.push(graph.settings().clusters[*at].name.value.as_str());
                changed = Some((old, new));
            }
        }
        if let Some((old, new)) = changed {
            let count = crate::diagnostic::render::counted(resources.len(), "resource");
            let _ = writeln!(
                versions,
                "  {}: {old} -> {new}, {count} in {}",
                kind.kind,
                clusters.join(", ")
            );
        }
    }
    if !versions.is_empty() {
        let _ = write!(
            out,
            "apiVersions that change with the next build:\n{versions}"
        );
    }
    let Some(from) = rising.iter().map(|(_, from)| *from).min() else {
        return out;
    };
    let news: String = FluxMinor::ALL
        .into_iter()
        .filter(|minor| from < *minor && *minor <= to)
        .map(|minor| of_minor(registry, minor, &used))
        .collect();
    if !news.is_empty() {
        let _ = write!(
            out,
            "new, in the kinds that are used here (`fluxgen explain KIND` tells more):\n{news}"
        );
    }
    out
}

fn of_minor(registry: &Registry, minor: FluxMinor, used: &BTreeSet<&str>) -> String {
    let mut out = String::new();
    let mut line = |what: &str, names: &[String]| {
        if !names.is_empty() {
            let _ = writeln!(out, "  {minor}  {what}: {}", names.join(", "));
        }
    };
    let of = |is: fn(&KindSchema, FluxMinor) -> bool| -> Vec<String> {
        registry
            .kinds()
            .filter(|kind| is(kind, minor))
            .map(|kind| kind.kind.clone())
            .collect()
    };
    line("kinds", &of(|kind, minor| kind.since == Some(minor)));
    line("kinds gone", &of(|kind, minor| kind.until == Some(minor)));
    for kind in registry
        .kinds()
        .filter(|kind| used.contains(kind.kind.as_str()))
    {
        let mut found = News::default();
        found.walk(kind.root(), "", minor);
        line(&kind.kind, &found.new);
        line(&format!("{} without", kind.kind), &found.gone);
    }
    out
}

#[derive(Default)]
struct News {
    new: Vec<String>,
    gone: Vec<String>,
}

impl News {
    fn walk(&mut self, node: &SchemaNode, path: &str, minor: FluxMinor) {
        for value in &node.values {
            if value.since == Some(minor) {
                self.new.push(format!("{path} = \"{}\"", value.value));
            }
        }
        for (key, child) in &node.properties {
            let path = match path {
                "" => key.clone(),
                path => format!("{path}.{key}"),
            };
            if child.since == Some(minor) {
                self.new.push(path);
            } else if child.until == Some(minor) {
                self.gone.push(path);
            } else {
                self.walk(child, &path, minor);
            }
        }
        if let Some(items) = &node.items {
            self.walk(items, &format!("{path}[]"), minor);
        }
        if let Additional::Each(each) = &node.additional {
            self.walk(each, &format!("{path}.NAME"), minor);
        }
    }
}
