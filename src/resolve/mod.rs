//! `Document` -> `Settings` and `Draft`s: who says what about which resource, layer by layer.
//!
//! Layers, lowest first: built-in defaults, `[defaults]`, the resource, groups (rising priority),
//! the cluster. Tables merge, arrays and scalars replace, `{ unset = true }` removes. Groups of one
//! priority may not set one value differently.

pub(crate) mod clusters;
pub mod draft;
pub(crate) mod merge;
mod selection;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::budget::{Budget, Exceeded};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::load::Document;
use crate::node::{Node, Table, Value};
use crate::resource::Identity;
use crate::schema::Registry;
use crate::settings::fields::{Fields, unknown_key, wrong_type};
use crate::settings::{Layout, Repo, Settings, Templates};
use crate::source::{Span, Spanned};

pub use draft::{Draft, Layer, Origin, Override, Section};
use merge::is_unset;
use selection::Selection;

/// What a TOML file says, sorted by resource.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub settings: Settings,
    pub drafts: Vec<Draft>,
    pub overrides: Vec<Override>,
    /// The variables that expressions of `[flux]` use, dotted.
    pub used_vars: Vec<String>,
    /// The start of the TOML file, for faults of the whole project.
    pub file: Span,
}

/// The keys at the top of the file that are not sections.
const TOP_LEVEL: &[&str] = &[
    "repo",
    "flux",
    "defaults",
    "vars",
    "groups",
    "clusters",
    "sets",
    "layout",
    "templates",
    "external",
    "diff",
];

/// Keys of a resource that are fluxgen's own, not the Flux API's.
pub(crate) const OWN_KEYS: &[&str] = &[
    "clusters",
    "groups",
    "labels",
    "annotations",
    "renamedFrom",
    "acknowledge",
];

/// Reads the settings and sorts the resources; goes on after every error.
pub fn resolve(document: &Document, diagnostics: &mut Diagnostics) -> Resolved {
    let root = &document.root;
    let mut fields = Fields::new(root, "", diagnostics);
    for key in TOP_LEVEL {
        fields.node(key);
    }
    let sections = sections();
    let roots: Vec<&str> = sections
        .iter()
        .map(|section| section.path().next().expect("a section has a name"))
        .collect();
    fields.finish(roots.iter().copied());

    unevaluated(root, diagnostics);
    let mut fields = Fields::new(root, "", diagnostics);
    let repo = fields.table("repo");
    let layout = fields.table("layout");
    let templates = fields.table("templates");
    let external = fields.texts("external").unwrap_or_default();
    let diff = fields.table("diff");
    let defaults = fields.table("defaults");
    let sets = fields.table("sets");
    let mut repo = Repo::read(repo, diagnostics);
    let layout = Layout::read(layout, diagnostics);
    let templates = Templates::read(templates, diagnostics);
    let external = external
        .into_iter()
        .filter_map(|text| external_identity(&text, diagnostics))
        .collect();
    let (deny, acknowledge) =
        diff.map_or_else(Default::default, |(table, _)| gate(table, diagnostics));
    let budget: Arc<Budget> = Arc::default();
    let clusters::Clusters {
        clusters,
        groups,
        vars,
        mut used_groups,
        used_vars,
    } = clusters::read(root, &repo, &budget, diagnostics);
    repo.follow(
        clusters
            .iter()
            .map(|cluster| cluster.flux.namespace.as_str()),
    );
    if clusters.is_empty() && !root.contains("clusters") {
        diagnostics.push(
            Diagnostic::error("no-clusters", "no cluster is defined")
                .with_help("add `[clusters.NAME]` for each cluster"),
        );
    }

    let overrides = overrides(
        root,
        &clusters,
        &groups,
        &mut used_groups,
        &sections,
        diagnostics,
    );
    let mut drafting = Drafting {
        sections: &sections,
        defaults: Defaults::read(defaults, &sections, diagnostics),
        selection: Selection::new(&clusters, &groups, used_groups, &budget),
        bodies: HashMap::new(),
        drafts: Vec::new(),
        budget: &budget,
        diagnostics,
    };
    let all = drafting.selection.all_clusters();
    drafting.tables(root, "", None, None, &all);
    if let Some((sets, _)) = sets {
        drafting.sets(sets);
    }
    let Drafting {
        drafts, selection, ..
    } = drafting;
    for (group, used) in groups.iter().zip(&selection.used_groups) {
        if !used {
            diagnostics.push(
                Diagnostic::warning(
                    "unused-group",
                    format!("nothing uses the group `{}`", group.name.value),
                )
                .at(group.name.span, "")
                .with_help(
                    "give it `vars` or overrides, name it in a resource's `groups`, or remove it",
                ),
            );
        }
    }
    let settings = Settings {
        repo,
        clusters,
        groups,
        layout,
        templates,
        external,
        deny,
        acknowledge,
        vars,
        budget,
    };
    Resolved {
        settings,
        drafts,
        overrides,
        used_vars,
        file: Span::new(document.file, 0..0),
    }
}

/// Expressions where none are evaluated: they would be written as they stand.
fn unevaluated(root: &Table, diagnostics: &mut Diagnostics) {
    let mut found = Vec::new();
    for key in ["repo", "layout", "templates", "external", "diff"] {
        if let Some(node) = root.get(key) {
            expressions(node, key, &mut found);
        }
    }
    for holder in ["groups", "clusters"] {
        let tables = root.get(holder).and_then(Node::as_table);
        for (name, entry) in tables.into_iter().flat_map(Table::iter) {
            for key in ["context", "clusters"] {
                if let Some(node) = entry.node.get(key) {
                    expressions(node, &format!("{holder}.{name}.{key}"), &mut found);
                }
            }
        }
    }
    for (place, span) in found {
        diagnostics.push(
            Diagnostic::error(
                "expression",
                format!("`${{{{ … }}}}` is not evaluated in `{place}`"),
            )
            .at(span, "")
            .with_help("write the value out"),
        );
    }
}

fn expressions(node: &Node, place: &str, found: &mut Vec<(String, Span)>) {
    match &node.value {
        Value::String(text) if text.contains("${{") => found.push((place.to_owned(), node.span)),
        Value::Array(items) => items
            .iter()
            .for_each(|item| expressions(item, place, found)),
        Value::Table(table) => {
            for (key, entry) in table.iter() {
                expressions(&entry.node, &format!("{place}.{key}"), found);
            }
        }
        _ => {}
    }
}

/// Every section, in output order: those of the schemas, and other objects last.
pub(crate) fn sections() -> Vec<Section> {
    let kinds = Registry::get().sections().into_iter();
    kinds.map(Section).chain([Section::MANIFESTS]).collect()
}

/// `Kind/name` or `Kind/namespace/name`.
fn external_identity(
    text: &Spanned<String>,
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<Identity>> {
    let parts: Vec<&str> = text.value.split('/').collect();
    let (kind, namespace, name) = match parts.as_slice() {
        [kind, name] => (*kind, "", *name),
        [kind, namespace, name] if !namespace.is_empty() => (*kind, *namespace, *name),
        _ => ("", "", ""),
    };
    if kind.is_empty() || name.is_empty() {
        diagnostics.push(
            Diagnostic::error(
                "wrong-value",
                format!("`{}` does not name a resource", text.value),
            )
            .at(text.span, "")
            .with_help("write `Kind/namespace/name`, as in `HelmRepository/flux-system/bitnami`"),
        );
        return None;
    }
    let group = Registry::get()
        .kind(kind)
        .map_or(String::new(), |kind| kind.group.clone());
    let identity = Identity {
        group,
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    Some(Spanned::new(identity, text.span))
}

/// What `diff.deny` and `diff.acknowledge` say.
type Gate = (
    Vec<Spanned<&'static str>>,
    BTreeMap<String, Spanned<String>>,
);

fn gate(table: &Table, diagnostics: &mut Diagnostics) -> Gate {
    let mut fields = Fields::new(table, "diff", diagnostics);
    let deny = match fields.node("deny").map(|node| &node.value) {
        Some(Value::Array(_)) => {
            let texts = fields.texts("deny").unwrap_or_default();
            texts
                .into_iter()
                .filter_map(|text| match text.value.as_str() {
                    "destructive" => Some(Spanned::new("destructive", text.span)),
                    "notice" => Some(Spanned::new("notice", text.span)),
                    other => {
                        fields.diagnostics.push(
                            Diagnostic::error("wrong-value", format!("`{other}` is no severity"))
                                .at(text.span, "")
                                .with_help("accepted: `notice` and `destructive`"),
                        );
                        None
                    }
                })
                .collect()
        }
        Some(_) => fields
            .one_of("deny", &["notice", "destructive"])
            .into_iter()
            .collect(),
        None => Vec::new(),
    };
    let mut acknowledge = BTreeMap::new();
    let reasons = fields.table("acknowledge").map(|(table, _)| table);
    for (name, entry) in reasons.into_iter().flat_map(Table::iter) {
        let parts = name.split('/').count();
        if !(2..=3).contains(&parts) || name.split('/').any(str::is_empty) {
            fields.diagnostics.push(
                Diagnostic::error("wrong-value", format!("`{name}` names no resource"))
                    .at(entry.key, "")
                    .with_help("write `Kind/namespace/name`"),
            );
        }
        match entry.node.as_str() {
            Some(reason) => {
                let reason = Spanned::new(reason.to_owned(), entry.key);
                acknowledge.insert(name.to_owned(), reason);
            }
            None => fields.diagnostics.push(wrong_type(
                &format!("diff.acknowledge.{name}"),
                &entry.node,
                "a string that says why",
            )),
        }
    }
    fields.finish([]);
    (deny, acknowledge)
}

/// `[defaults]`: fields of every kind that has them, and tables for single sections.
struct Defaults {
    all: Option<Layer>,
    sections: Vec<(Section, Layer)>,
}

impl Defaults {
    fn read(
        table: Option<(&Table, Span)>,
        sections: &[Section],
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut defaults = Self {
            all: None,
            sections: Vec::new(),
        };
        let Some((table, span)) = table else {
            return defaults;
        };
        let mut rest = table.clone();
        for section in sections {
            let Some(layer) = section_table(table, *section, "defaults", diagnostics) else {
                continue;
            };
            defaults.sections.push((
                *section,
                Layer {
                    origin: Origin::SectionDefaults,
                    table: Arc::new(layer.0.clone()),
                    span: layer.1,
                },
            ));
        }
        for section in sections {
            rest.remove(section.path().next().expect("a section has a name"));
        }
        let registry = Registry::get();
        let mut known: Vec<&str> = vec!["labels", "annotations"];
        for kind in registry.kinds() {
            known.extend(kind.root().properties.keys().map(String::as_str));
        }
        for (key, entry) in rest.iter() {
            if !known.contains(&key) {
                let section_names = sections.iter().map(|section| section.as_str());
                diagnostics.push(unknown_key(
                    "defaults",
                    key,
                    entry.key,
                    known.iter().copied().chain(section_names),
                ));
            }
        }
        if let Some((_, nested)) = table.get("sources").map(|node| (node, node.as_table()))
            && let Some(nested) = nested
        {
            for (key, entry) in nested.iter() {
                let names = sections
                    .iter()
                    .filter_map(|section| section.as_str().strip_prefix("sources."));
                if !names.clone().any(|name| name == key) {
                    diagnostics.push(unknown_key("defaults.sources", key, entry.key, names));
                }
            }
        }
        if !rest.is_empty() {
            defaults.all = Some(Layer {
                origin: Origin::Defaults,
                table: Arc::new(rest),
                span,
            });
        }
        defaults
    }

    /// The layers below a resource of `section`, lowest first.
    fn layers(&self, section: Section) -> Vec<Layer> {
        let mut layers = Vec::new();
        layers.extend(self.all.clone());
        layers.extend(
            self.sections
                .iter()
                .filter(|(known, _)| *known == section)
                .map(|(_, layer)| layer.clone()),
        );
        layers
    }
}

/// The table of a section below `root`; another type is an error.
fn section_table<'a>(
    root: &'a Table,
    section: Section,
    place: &str,
    diagnostics: &mut Diagnostics,
) -> Option<(&'a Table, Span)> {
    let mut table = root;
    let mut span = Span::BUILT_IN;
    let mut name = place.to_owned();
    for key in section.path() {
        let node = table.get(key)?;
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(key);
        span = node.span;
        match node.as_table() {
            Some(found) => table = found,
            None => {
                diagnostics.push(wrong_type(&name, node, "a table"));
                return None;
            }
        }
    }
    Some((table, span))
}

/// What groups and clusters say about resources.
fn overrides(
    root: &Table,
    clusters: &[crate::settings::Cluster],
    groups: &[crate::settings::Group],
    used_groups: &mut [bool],
    sections: &[Section],
    diagnostics: &mut Diagnostics,
) -> Vec<Override> {
    let mut overrides = Vec::new();
    let holders =
        groups
            .iter()
            .enumerate()
            .map(|(at, group)| ("groups", group.name.value.as_str(), Origin::Group(at)))
            .chain(clusters.iter().enumerate().map(|(at, cluster)| {
                ("clusters", cluster.name.value.as_str(), Origin::Cluster(at))
            }));
    for (holder, name, origin) in holders {
        let Some(table) = root
            .get(holder)
            .and_then(|holders| holders.get(name))
            .and_then(Node::as_table)
        else {
            continue;
        };
        for section in sections {
            let place = format!("{holder}.{name}");
            let Some((resources, _)) = section_table(table, *section, &place, diagnostics) else {
                continue;
            };
            if let Origin::Group(at) = origin {
                used_groups[at] = true;
            }
            for (key, entry) in resources.iter() {
                let Some(body) = entry.node.as_table() else {
                    let name = format!("{place}.{}.{key}", section.as_str());
                    diagnostics.push(wrong_type(&name, &entry.node, "a table"));
                    continue;
                };
                for own in ["clusters", "groups"] {
                    if let Some(entry) = body.entry(own) {
                        diagnostics.push(
                            Diagnostic::error(
                                "unknown-key",
                                format!("`{own}` cannot stand in an override"),
                            )
                            .at(entry.key, "")
                            .with_help("say on the resource itself where it goes"),
                        );
                    }
                }
                overrides.push(Override {
                    section: *section,
                    key: Spanned::new(key.to_owned(), entry.key),
                    layer: Layer {
                        origin,
                        table: Arc::new(body.clone()),
                        span: entry.key,
                    },
                    removes: is_unset(&entry.node),
                });
            }
        }
    }
    overrides
}

struct Drafting<'a, 'd> {
    sections: &'a [Section],
    defaults: Defaults,
    selection: Selection<'a>,
    /// The resources of sets, which all inputs share, by their addresses in the document.
    bodies: HashMap<usize, Body>,
    budget: &'a Budget,
    drafts: Vec<Draft>,
    diagnostics: &'d mut Diagnostics,
}

/// A resource's own table, and where it goes.
#[derive(Clone)]
struct Body {
    table: Arc<Table>,
    clusters: Option<Arc<[usize]>>,
}

/// What a draft takes in memory beside the list of its clusters.
const DRAFT: u64 = 400;

impl Drafting<'_, '_> {
    /// Counts a draft and the resources that it becomes.
    fn count(&self, clusters: usize) -> Result<(), Exceeded> {
        self.budget.resources(clusters.max(1) as u64)?;
        self.budget.memory(DRAFT + 16 * clusters as u64)
    }

    fn body(&mut self, body: &Table, name: &str) -> Body {
        let address = std::ptr::from_ref(body).addr();
        if let Some(known) = self.bodies.get(&address) {
            return known.clone();
        }
        let made = Body {
            table: Arc::new(body.clone()),
            clusters: self.selection.of(body, name, self.diagnostics),
        };
        self.bodies.insert(address, made.clone());
        made
    }

    /// Drafts of all sections of a table: the document or a set.
    fn tables(
        &mut self,
        table: &Table,
        place: &str,
        set: Option<&str>,
        inputs: Option<&Arc<Node>>,
        default_selection: &Arc<[usize]>,
    ) {
        for section in self.sections {
            let Some((resources, _)) = section_table(table, *section, place, self.diagnostics)
            else {
                continue;
            };
            let below = self.defaults.layers(*section);
            for (key, entry) in resources.iter() {
                let name = format!("{}.{key}", section.as_str());
                let Some(body) = entry.node.as_table() else {
                    self.diagnostics
                        .push(wrong_type(&name, &entry.node, "a table"));
                    continue;
                };
                let Body { table, clusters } = self.body(body, &name);
                let clusters = clusters.unwrap_or_else(|| Arc::clone(default_selection));
                if let Err(exceeded) = self.count(clusters.len()) {
                    let place = inputs.map_or(entry.key, |input| input.span);
                    self.diagnostics
                        .push(exceeded.diagnostic().at(place, format!("with `{name}`")));
                    return;
                }
                let mut layers = below.clone();
                layers.push(Layer {
                    origin: Origin::Resource,
                    table,
                    span: entry.key,
                });
                self.drafts.push(Draft {
                    section: *section,
                    key: Spanned::new(key.to_owned(), entry.key),
                    layers,
                    inputs: inputs.cloned(),
                    set: set.map(str::to_owned),
                    clusters,
                });
            }
        }
        if let Some(sources) = table.get("sources").and_then(Node::as_table) {
            for (key, entry) in sources.iter() {
                let known = self
                    .sections
                    .iter()
                    .filter_map(|section| section.as_str().strip_prefix("sources."));
                if !known.clone().any(|name| name == key) {
                    self.diagnostics
                        .push(unknown_key("sources", key, entry.key, known));
                }
            }
        }
    }

    fn sets(&mut self, sets: &Table) {
        for (name, entry) in sets.iter() {
            let place = format!("sets.{name}");
            let Some(table) = entry.node.as_table() else {
                self.diagnostics
                    .push(wrong_type(&place, &entry.node, "a table"));
                continue;
            };
            let mut fields = Fields::new(table, &place, self.diagnostics);
            let inputs = fields.array("inputs");
            for key in ["clusters", "groups"] {
                fields.node(key);
            }
            fields.finish(
                self.sections
                    .iter()
                    .filter_map(|section| section.path().next()),
            );
            let selection = self.selection.of(table, &place, self.diagnostics);
            let selection = selection.unwrap_or_else(|| self.selection.all_clusters());
            let before = self.drafts.len();
            for (at, input) in inputs.unwrap_or_default().iter().enumerate() {
                if input.as_table().is_none() {
                    let name = format!("{place}.inputs[{at}]");
                    self.diagnostics.push(wrong_type(&name, input, "a table"));
                    continue;
                }
                let input = Arc::new(input.clone());
                self.tables(table, &place, Some(name), Some(&input), &selection);
                if self.budget.exceeded().is_some() {
                    return;
                }
            }
            if self.drafts.len() == before {
                let (what, help) = match inputs {
                    None => (
                        "has no `inputs`",
                        "add `inputs = [{ … }]`, one table an instance",
                    ),
                    Some([]) => ("has no inputs", "add an input, or remove the set"),
                    Some(_) => (
                        "holds no resource",
                        "add a resource to it, or remove the set",
                    ),
                };
                self.diagnostics.push(
                    Diagnostic::warning("unused-set", format!("the set `{name}` {what}"))
                        .at(entry.key, "")
                        .with_help(help),
                );
            }
        }
    }
}
