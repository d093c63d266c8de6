//! `[clusters]`, `[groups]` and `[vars]`: which clusters there are and what each is given.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::merge::{conflicts, merge};
use super::sections;
use super::selection::Names;
use crate::budget::{self, Budget};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::expand::expression::{Expressions, table_has_expression};
use crate::expand::variables::{Place, Variables};
use crate::node::{Node, Table, Value};
use crate::schema::core::KubernetesMinor;
use crate::settings::fields::{Fields, wrong_type};
use crate::settings::folder::{self, Placed};
use crate::settings::{Cluster, DEFAULT_NAMESPACE, Flux, Group, Repo};
use crate::source::{Span, Spanned};

/// The longest cluster name, in bytes: it is a folder's name.
const MAX_NAME: usize = 200;

/// What a cluster in a group takes in memory: its index, and its name where expressions read it.
const MEMBERSHIP: u64 = 300;

/// The steps that comparing the values of two groups counts for.
pub(crate) const COMPARED: u64 = 20;

/// What a cluster takes in memory beside its variables.
const CLUSTER: u64 = 6_000;

pub(super) struct Clusters {
    pub clusters: Vec<Cluster>,
    pub groups: Vec<Group>,
    pub vars: Option<Node>,
    /// Per group, whether anything asks for it.
    pub used_groups: Vec<bool>,
    /// The variables that expressions of `[flux]` use, dotted.
    pub used_vars: Vec<String>,
}

/// Reads clusters and groups, and what groups and clusters lay over `[flux]` and `[vars]`.
pub(super) fn read(
    root: &Table,
    repo: &Repo,
    budget: &Arc<Budget>,
    diagnostics: &mut Diagnostics,
) -> Clusters {
    let mut fields = Fields::new(root, "", diagnostics);
    let flux_base = fields.table("flux").map(|(table, _)| table);
    let vars_base = fields.table("vars");
    let group_tables = fields.table("groups").map(|(table, _)| table);
    let cluster_tables = fields.table("clusters").map(|(table, _)| table);

    let section_roots: Vec<&str> = sections()
        .iter()
        .filter_map(|section| section.path().next())
        .collect();
    let mut names: Vec<(&str, Span, &Table, Span)> =
        tables(cluster_tables, "clusters", diagnostics);
    names.sort_by_key(|(name, ..)| *name);
    check_names(&names, diagnostics);
    names.retain(|(name, ..)| is_safe_name(name));

    let mut groups: Vec<(Group, &Table)> = Vec::new();
    for (name, key, table, span) in tables(group_tables, "groups", diagnostics) {
        let mut fields = Fields::new(table, format!("groups.{name}"), diagnostics);
        let clusters = fields.texts("clusters");
        let priority = fields.integer("priority").map_or(0, |value| value.value);
        for known in ["vars", "flux"] {
            fields.node(known);
        }
        fields.finish(section_roots.iter().copied());
        if clusters.is_none() {
            diagnostics.push(
                Diagnostic::error(
                    "missing-field",
                    format!("the group `{name}` names no clusters"),
                )
                .at(key, "")
                .with_help("add `clusters = [\"prod-*\"]`"),
            );
        }
        let group = Group {
            name: Spanned::new(name.to_owned(), key),
            clusters: clusters.unwrap_or_default(),
            priority,
            span,
        };
        groups.push((group, table));
    }
    groups.sort_by(|(a, _), (b, _)| (a.priority, &a.name.value).cmp(&(b.priority, &b.name.value)));
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); names.len()];
    let known = names.iter().map(|(name, ..)| *name).collect();
    let mut known = Names::new("cluster", known, budget);
    for (at, (group, _)) in groups.iter().enumerate() {
        let mut chosen = vec![false; names.len()];
        for pattern in &group.clusters {
            for cluster in known.find(pattern, diagnostics).iter() {
                chosen[*cluster] = true;
            }
        }
        let count = chosen.iter().filter(|chosen| **chosen).count() as u64;
        if let Err(exceeded) = budget.memory(count * MEMBERSHIP) {
            diagnostics.push(
                exceeded
                    .diagnostic()
                    .at(group.name.span, "with the clusters of this group"),
            );
            break;
        }
        for (cluster, chosen) in chosen.into_iter().enumerate() {
            if chosen {
                members[cluster].push(at);
            }
        }
    }

    let mut used_groups = vec![false; groups.len()];
    for (at, (_, table)) in groups.iter().enumerate() {
        used_groups[at] = table.contains("vars") || table.contains("flux");
    }
    let mut read_flux: HashMap<Vec<usize>, Flux> = HashMap::new();
    let mut read_vars: HashMap<Vec<usize>, Arc<Table>> = HashMap::new();
    let mut expressions = Expressions::new(budget);
    let mut used_vars = BTreeSet::new();
    let mut clusters = Vec::with_capacity(names.len());
    for ((name, key, table, span), members) in names.into_iter().zip(members) {
        if let Err(exceeded) = budget.memory(CLUSTER) {
            diagnostics.push(exceeded.diagnostic().at(key, "with this cluster"));
            break;
        }
        let mut fields = Fields::new(table, format!("clusters.{name}"), diagnostics);
        let context = fields.text("context");
        let kubernetes = fields.text("kubernetes");
        for known in ["path", "vars", "flux"] {
            fields.node(known);
        }
        fields.finish(section_roots.iter().copied());
        let kubernetes = kubernetes.and_then(|text| kubernetes_minor(text, diagnostics));
        let folder = folder::read(name, table, diagnostics);
        let layered = |what: &str, diagnostics: &mut Diagnostics| {
            let base = root.get(what).and_then(Node::as_table);
            let place = Spanned::new(name, key);
            layer(
                what,
                base,
                &groups,
                &members,
                place,
                table,
                budget,
                diagnostics,
            )
        };
        // So do their variables.
        let with_vars: Vec<usize> = members
            .iter()
            .copied()
            .filter(|group| groups[*group].1.contains("vars"))
            .collect();
        let vars = match read_vars.get(&with_vars) {
            Some(vars) if !table.contains("vars") => Arc::clone(vars),
            _ => {
                let vars = Arc::new(layered("vars", diagnostics));
                if let Err(exceeded) = budget.memory(budget::weight_of_table(&vars)) {
                    diagnostics.push(
                        exceeded
                            .diagnostic()
                            .at(key, "with the variables of this cluster"),
                    );
                    break;
                }
                if !table.contains("vars") {
                    read_vars.insert(with_vars, Arc::clone(&vars));
                }
                vars
            }
        };
        // Most clusters share their Flux settings with all of their groups' other clusters.
        let with_flux: Vec<usize> = members
            .iter()
            .copied()
            .filter(|group| groups[*group].1.contains("flux"))
            .collect();
        let flux = match read_flux.get(&with_flux) {
            Some(flux) if !table.contains("flux") => flux.clone(),
            _ => {
                let merged = layered("flux", diagnostics);
                if table_has_expression(&merged) {
                    let place = Place {
                        name: &Spanned::new(name.to_owned(), key),
                        folder: &folder,
                        flux_namespace: merged
                            .get("namespace")
                            .and_then(Node::as_str)
                            .unwrap_or(DEFAULT_NAMESPACE),
                        context: context.as_ref(),
                        groups: members
                            .iter()
                            .map(|at| groups[*at].0.name.value.as_str())
                            .collect(),
                        span,
                    };
                    let mut variables = Variables::of(place, repo);
                    let flux = variables.flux(&vars, &merged, &mut expressions, diagnostics);
                    used_vars.extend(variables.used);
                    // The values are evaluated again where they stay.
                    let _ = expressions.settle(0);
                    flux
                } else {
                    let flux = Flux::read(&merged, diagnostics);
                    if !table.contains("flux") {
                        read_flux.insert(with_flux, flux.clone());
                    }
                    flux
                }
            }
        };
        clusters.push(Cluster {
            name: Spanned::new(name.to_owned(), key),
            folder,
            context,
            kubernetes,
            flux,
            vars,
            groups: members,
            span,
        });
    }
    check_folders(&clusters, cluster_tables, diagnostics);
    let is_plain = |flux: &&Table| clusters.is_empty() && !table_has_expression(flux);
    if let Some(flux) = flux_base.filter(is_plain) {
        // Nobody else would read it, and its faults are faults all the same.
        Flux::read(flux, diagnostics);
    }
    Clusters {
        clusters,
        groups: groups.into_iter().map(|(group, _)| group).collect(),
        vars: vars_base.map(|(table, span)| Node::new(Value::Table(table.clone()), span)),
        used_groups,
        used_vars: used_vars.into_iter().collect(),
    }
}

/// `[flux]` or `[vars]` of the project, its groups and the cluster, laid over each other.
#[expect(
    clippy::too_many_arguments,
    reason = "the layers and whose they are, each once"
)]
fn layer(
    what: &str,
    base: Option<&Table>,
    groups: &[(Group, &Table)],
    members: &[usize],
    Spanned {
        value: cluster,
        span: at,
    }: Spanned<&str>,
    table: &Table,
    budget: &Budget,
    diagnostics: &mut Diagnostics,
) -> Table {
    let mut merged = base.cloned().unwrap_or_default();
    let layers: Vec<(usize, &Table)> = members
        .iter()
        .filter_map(|at| Some((*at, groups[*at].1.get(what)?.as_table()?)))
        .collect();
    let own = table.get(what);
    // Each is compared with those before it.
    let pairs = (layers.len() as u64).pow(2) / 2;
    if let Err(exceeded) = budget.steps(pairs * COMPARED) {
        diagnostics.push(
            exceeded
                .diagnostic()
                .at(at, "with the groups of this cluster"),
        );
        return merged;
    }
    for (index, (group, over)) in layers.iter().enumerate() {
        for (other, under) in &layers[..index] {
            if groups[*other].0.priority != groups[*group].0.priority {
                continue;
            }
            let overridden = own.and_then(Node::as_table);
            report_conflicts(
                what,
                (&groups[*other].0, under),
                (&groups[*group].0, over),
                overridden,
                cluster,
                diagnostics,
            );
        }
        merge(&mut merged, over);
    }
    for holder in members
        .iter()
        .filter_map(|at| groups[*at].1.get(what))
        .chain(own)
    {
        if holder.as_table().is_none() {
            diagnostics.push(wrong_type(what, holder, "a table"));
        }
    }
    if let Some(own) = own.and_then(Node::as_table) {
        merge(&mut merged, own);
    }
    merged
}

/// `conflicting-groups`, unless a cluster's own value settles it.
pub(crate) fn report_conflicts(
    what: &str,
    (first, under): (&Group, &Table),
    (second, over): (&Group, &Table),
    settled_by: Option<&Table>,
    cluster: &str,
    diagnostics: &mut Diagnostics,
) {
    for (path, left, right) in conflicts(under, over) {
        let keys: Vec<&str> = path.split('.').collect();
        let settled = settled_by.and_then(|own| {
            let (first, rest) = keys.split_first()?;
            own.get(first)?.at(rest)
        });
        if settled.is_some() {
            continue;
        }
        diagnostics.push(
            Diagnostic::error(
                "conflicting-groups",
                format!(
                    "groups `{}` and `{}` set `{what}.{path}` differently",
                    first.name.value, second.name.value
                ),
            )
            .at(right, format!("set by `{}`", second.name.value))
            .at(left, format!("set by `{}`", first.name.value))
            .in_cluster(cluster)
            .with_note("both groups hold the cluster, and neither has the higher `priority`")
            .with_help(format!(
                "give one of the groups a `priority`, or set the value in `[clusters.{cluster}]`"
            )),
        );
    }
}

fn tables<'a>(
    table: Option<&'a Table>,
    place: &str,
    diagnostics: &mut Diagnostics,
) -> Vec<(&'a str, Span, &'a Table, Span)> {
    let mut found = Vec::new();
    for (name, entry) in table.into_iter().flat_map(Table::iter) {
        match entry.node.as_table() {
            Some(table) => found.push((name, entry.key, table, entry.node.span)),
            None => diagnostics.push(wrong_type(
                &format!("{place}.{name}"),
                &entry.node,
                "a table",
            )),
        }
    }
    found
}

/// A cluster's name is a folder on every machine, case-insensitive ones among them.
fn check_names(names: &[(&str, Span, &Table, Span)], diagnostics: &mut Diagnostics) {
    let mut seen: HashMap<String, (&str, Span)> = HashMap::new();
    for (name, span, ..) in names {
        if !is_safe_name(name) {
            diagnostics.push(
                Diagnostic::error("cluster-name", format!("`{name}` cannot be a cluster's name"))
                    .at(*span, "")
                    .with_help("use letters, digits, `-`, `_` and `.`, starting with a letter or digit: it is a folder's name"),
            );
        }
        if let Some((other, place)) = seen.insert(name.to_lowercase(), (name, *span)) {
            diagnostics.push(
                Diagnostic::error(
                    "cluster-name",
                    format!("`{name}` and `{other}` differ only in case"),
                )
                .at(*span, "")
                .at(place, "the other one")
                .with_note("both would be one folder on macOS and Windows"),
            );
        }
    }
}

fn check_folders(clusters: &[Cluster], tables: Option<&Table>, diagnostics: &mut Diagnostics) {
    let path_of = |name: &str| Some(tables?.get(name)?.get("path")?.span);
    let placed: Vec<Placed<'_>> = clusters
        .iter()
        .map(|cluster| Placed {
            name: &cluster.name.value,
            folder: &cluster.folder,
            span: path_of(&cluster.name.value).unwrap_or(cluster.name.span),
        })
        .collect();
    folder::check_apart(&placed, diagnostics);
}

pub(crate) fn is_safe_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !name.ends_with('.')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// The Kubernetes that a cluster runs, if its fields are known here.
fn kubernetes_minor(
    text: Spanned<String>,
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<KubernetesMinor>> {
    let (oldest, newest) = (KubernetesMinor::OLDEST, KubernetesMinor::NEWEST);
    let minor = KubernetesMinor::of(&text.value);
    if let Some(minor) = minor.filter(|minor| minor.is_known()) {
        return Some(Spanned::new(minor, text.span));
    }
    let message = match minor {
        Some(minor) => format!("the fields of Kubernetes {minor} are not known here"),
        None => format!("`{}` is not a Kubernetes version", text.value),
    };
    let help = match minor {
        Some(_) => format!("write `{oldest}` to `{newest}`, or leave it out"),
        None => format!("write the minor version: `{newest}`"),
    };
    let diagnostic = Diagnostic::error("wrong-value", message).at(text.span, "");
    diagnostics.push(diagnostic.with_help(help));
    None
}
