//! `Draft`s -> `Resource`s: layers laid over each other, expressions evaluated, shorthands written out.
//!
//! What does not vary by cluster is made once: a draft's variant is shared by all clusters whose
//! overrides, Flux minor and used variables are the same.

pub(crate) mod engine;
pub(crate) mod expression;
pub(crate) mod guard;
mod images;
pub(crate) mod include;
pub(crate) mod shorthand;
pub(crate) mod variables;

mod fingerprint;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::budget::{self, Budget};
use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::node::{Entry, Node, Table, Value};
use crate::resolve::merge::{is_unset, merge, merge_keeping_unset, without_unset};
use crate::resolve::{Draft, Layer, OWN_KEYS, Origin, Override, Resolved, Section, clusters};
use crate::resource::{Identity, Resource};
use crate::schema::core::KubernetesMinor;
use crate::schema::{FluxMinor, KindSchema, Registry, SchemaNode};
use crate::settings::{Cluster, Settings};
use crate::source::{FileId, Span, Spanned};

use expression::{Context, Expressions, Fault, has_expression};
use fingerprint::{Fingerprint, Fingerprints};
pub use images::PolicyTest;
use include::Including;
pub use include::{Included, Includes};
use shorthand::{Filling, split_key};
use variables::{Place, Variables};

/// The resources of every cluster.
#[derive(Debug, Clone)]
pub struct Expanded {
    pub settings: Settings,
    /// Each distinct form of each draft, in the order of the drafts.
    pub variants: Vec<Variant>,
    /// Per cluster of the settings, indices into `variants`.
    pub clusters: Vec<Vec<u32>>,
    /// Per cluster, resources that have faults and could not be made; an empty name stands for any.
    pub broken: Vec<Vec<Identity>>,
}

/// What a draft becomes in one or many clusters.
#[derive(Debug, Clone)]
pub struct Variant {
    pub section: Section,
    /// The key's place in the TOML file: where faults without a better place are shown.
    pub span: Span,
    /// The minor whose schema holds.
    pub minor: FluxMinor,
    /// The version as it was pinned in the first cluster that has this variant.
    pub version: Spanned<String>,
    /// One resource; for images the repository and its policies. Who keeps them longer shares them.
    pub resources: Vec<Arc<Resource>>,
    pub tests: Vec<PolicyTest>,
    pub renamed_from: Option<Spanned<String>>,
    pub acknowledge: Option<Spanned<String>>,
    /// The entry of `inputs` that it was made for.
    pub input: Option<Span>,
    /// The first cluster that has it, for messages.
    pub cluster: usize,
    /// Where Flux is in all of its clusters: the namespace that its key need not write.
    pub flux_namespace: String,
}

/// Makes every cluster's resources; goes on after every error.
pub fn expand(resolved: &Resolved, includes: &Includes, diagnostics: &mut Diagnostics) -> Expanded {
    let clusters = &resolved.settings.clusters;
    let budget = &resolved.settings.budget;
    let mut expressions = Expressions::new(budget);
    let overrides = Overrides::of(&resolved.overrides, &mut expressions);
    let mut expanding = Expanding::new(
        resolved,
        includes,
        &overrides,
        &mut expressions,
        diagnostics,
    );
    expanding
        .used_vars
        .extend(resolved.used_vars.iter().cloned());
    let contexts: Vec<Context> = clusters
        .iter()
        .map_while(|cluster| match budget.exceeded() {
            Some(_) => None,
            None => Some(expanding.context(cluster)),
        })
        .collect();
    let new_expressions = || Expressions::new(budget);
    let made: Vec<OfDraft> = resolved
        .drafts
        .par_iter()
        .map_init(new_expressions, |expressions, draft| {
            if budget.exceeded().is_some() {
                return OfDraft::default();
            }
            let mut found = Diagnostics::default();
            let expanding = Expanding::new(resolved, includes, &overrides, expressions, &mut found);
            let made = expanding.draft(draft, &contexts);
            OfDraft { found, ..made }
        })
        .collect();

    let mut variants = Vec::with_capacity(made.iter().map(|made| made.variants.len()).sum());
    let mut per_cluster: Vec<Vec<u32>> = vec![Vec::with_capacity(made.len()); clusters.len()];
    let mut broken: Vec<Vec<Identity>> = vec![Vec::new(); clusters.len()];
    for made in made {
        let before = u32::try_from(variants.len()).expect("fewer than 2^32 variants");
        variants.extend(made.variants);
        for (cluster, variant) in made.clusters {
            per_cluster[cluster].push(before + variant);
        }
        for (cluster, identities) in made.broken {
            broken[cluster].extend(identities);
        }
        expanding.diagnostics.extend(made.found.iter().cloned());
        expanding.used_overrides.extend(made.used_overrides);
        expanding.used_vars.extend(made.used_vars);
    }
    if budget.exceeded().is_none() {
        expanding.report_unused();
    }
    Expanded {
        settings: resolved.settings.clone(),
        variants,
        clusters: per_cluster,
        broken,
    }
}

/// What a draft became in all of its clusters.
#[derive(Default)]
struct OfDraft {
    variants: Vec<Variant>,
    /// Clusters and what they have of `variants`.
    clusters: Vec<(usize, u32)>,
    /// Clusters, and what they would have but for its faults.
    broken: Vec<(usize, Vec<Identity>)>,
    used_overrides: HashSet<usize>,
    used_vars: HashSet<String>,
    found: Diagnostics,
}

/// What groups and clusters lay over resources, looked up by section and name: without a namespace an override is
/// for the default one of each cluster.
struct Overrides {
    by_name: HashMap<(Section, String), OfResource>,
    /// The dotted variables that the overrides of a section use, for resources whose names are not known beforehand.
    uses: HashMap<Section, Vec<String>>,
}

/// The overrides of one resource.
#[derive(Default)]
struct OfResource {
    all: Vec<usize>,
    by_origin: HashMap<Origin, Vec<usize>>,
    /// How many groups have one.
    groups: usize,
}

impl Overrides {
    fn of(overrides: &[Override], expressions: &mut Expressions) -> Self {
        let mut found = Self {
            by_name: HashMap::new(),
            uses: HashMap::new(),
        };
        for (at, over) in overrides.iter().enumerate() {
            let (_, name) = split_key(&over.key.value);
            let key = (over.section, name.to_owned());
            let of = found.by_name.entry(key).or_default();
            of.all.push(at);
            let same = of.by_origin.entry(over.layer.origin).or_default();
            of.groups +=
                usize::from(same.is_empty() && matches!(over.layer.origin, Origin::Group(_)));
            same.push(at);
            let uses = found.uses.entry(over.section).or_default();
            expressions.uses_of_table(&over.layer.table, uses);
        }
        for uses in found.uses.values_mut() {
            uses.sort();
            uses.dedup();
        }
        found
    }
}

impl OfResource {
    /// Those of a cluster and its groups, in no order.
    fn in_cluster(&self, cluster: usize, groups: &[usize]) -> Vec<usize> {
        let of = |origin: Origin| self.by_origin.get(&origin).into_iter().flatten().copied();
        let mut found: Vec<usize> = of(Origin::Cluster(cluster)).collect();
        if groups.len() <= self.groups {
            found.extend(groups.iter().flat_map(|group| of(Origin::Group(*group))));
            return found;
        }
        for (origin, same) in &self.by_origin {
            if matches!(origin, Origin::Group(group) if groups.binary_search(group).is_ok()) {
                found.extend(same);
            }
        }
        found
    }
}

/// The layers that decide a variant's fields in a cluster, lowest first, for `fluxgen explain`.
pub fn layers_of(resolved: &Resolved, variant: &Variant, cluster: usize) -> Option<Vec<Layer>> {
    let mut diagnostics = Diagnostics::default();
    let includes = Includes::default();
    let mut expressions = Expressions::new(&resolved.settings.budget);
    let overrides = Overrides::of(&resolved.overrides, &mut expressions);
    let mut expanding = Expanding::new(
        resolved,
        &includes,
        &overrides,
        &mut expressions,
        &mut diagnostics,
    );
    let context = expanding.context(&resolved.settings.clusters[cluster]);
    for draft in &resolved.drafts {
        if (draft.section, draft.key.span) != (variant.section, variant.span)
            || !draft.clusters.contains(&cluster)
        {
            continue;
        }
        let prepared = expanding.prepare(draft, &context);
        let key = match &prepared.key {
            Some(key) => key.clone(),
            None => expanding.key(draft, &context)?,
        };
        let (namespace, name) = expanding.whole_key(key, cluster);
        // The resources of a set have one place and many names.
        let is_meant = draft.inputs.is_none()
            || variant.resources.iter().any(|resource| {
                (&resource.identity.namespace, &resource.identity.name) == (&namespace, &name)
            });
        if !is_meant {
            continue;
        }
        let overrides = expanding.overrides_for(draft.section, &namespace, &name, cluster);
        return expanding.lay(draft, &overrides, cluster);
    }
    None
}

/// What all clusters with one variant have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct VariantKey<'a> {
    minor: FluxMinor,
    /// Where Flux is: the default namespace.
    flux_namespace: &'a str,
    /// Of what is not Flux's own.
    kubernetes: Option<KubernetesMinor>,
    overrides: Vec<usize>,
    /// Of the values of the variables that the draft uses.
    values: Fingerprint,
}

/// What came of a draft in a cluster.
#[derive(Debug, Clone)]
enum Made {
    Variant(u32),
    /// An override removes it there.
    Nothing,
    /// It has faults; namespace and name, where they are known.
    Broken(Option<(String, String)>),
}

/// What a resource takes in memory beside its fields: its names, its file and what is known of it.
const RESOURCE: u64 = 2_500;

/// What is known of a draft before any cluster is looked at.
struct Prepared {
    /// The namespace that is written and the name, where no expression decides them.
    key: Option<Key>,
    /// The dotted variables that its expressions use, less those that are the same everywhere.
    uses: Vec<String>,
    kinds: Vec<&'static KindSchema>,
}

/// A namespace, if one is written, and a name.
type Key = (Option<String>, String);

struct Expanding<'a, 'd> {
    resolved: &'a Resolved,
    includes: &'a Includes,
    diagnostics: &'d mut Diagnostics,
    expressions: &'d mut Expressions,
    overrides: &'a Overrides,
    used_overrides: HashSet<usize>,
    used_vars: HashSet<String>,
    fingerprints: Fingerprints,
    variants: Vec<Variant>,
    toml: FileId,
}

impl<'a, 'd> Expanding<'a, 'd> {
    fn new(
        resolved: &'a Resolved,
        includes: &'a Includes,
        overrides: &'a Overrides,
        expressions: &'d mut Expressions,
        diagnostics: &'d mut Diagnostics,
    ) -> Self {
        Self {
            resolved,
            includes,
            diagnostics,
            expressions,
            overrides,
            used_overrides: HashSet::new(),
            used_vars: HashSet::new(),
            fingerprints: Fingerprints::default(),
            variants: Vec::new(),
            toml: resolved.file.file,
        }
    }

    /// Makes a draft for all its clusters.
    fn draft(mut self, draft: &Draft, contexts: &[Context]) -> OfDraft {
        let mut of = OfDraft::default();
        let clusters = &self.resolved.settings.clusters;
        let mut known: HashMap<VariantKey<'a>, Made> = HashMap::new();
        let mut prepared = None;
        for &cluster in draft.clusters.iter() {
            let Some(context) = contexts.get(cluster) else {
                break;
            };
            let prepared = prepared.get_or_insert_with(|| self.prepare(draft, context));
            if self.budget().exceeded().is_some() {
                break;
            }
            if !clusters[cluster].flux.is_known {
                continue;
            }
            match self.variant(draft, prepared, cluster, context, &mut known) {
                Made::Variant(variant) => of.clusters.push((cluster, variant)),
                Made::Nothing => {}
                Made::Broken(name) => {
                    let (namespace, name) = name.unwrap_or_default();
                    let identities = prepared.kinds.iter().map(|kind| Identity {
                        group: kind.group.clone(),
                        kind: kind.kind.clone(),
                        namespace: namespace.clone(),
                        name: name.clone(),
                    });
                    of.broken.push((cluster, identities.collect()));
                }
            }
        }
        if draft.clusters.is_empty() {
            self.prepare(draft, &Context::default());
        }
        of.used_overrides = self.used_overrides;
        of.variants = self.variants;
        of.used_vars = self.used_vars;
        of
    }

    /// The names that expressions can use in a cluster.
    fn context(&mut self, cluster: &Cluster) -> Context {
        let settings = &self.resolved.settings;
        let text = |value: &str| Node::new(value, Span::BUILT_IN);
        // Their own expressions are evaluated already.
        let mut flux = Table::new();
        flux.set("version", text(&cluster.flux.version.value));
        flux.set("namespace", text(&cluster.flux.namespace));
        let mut variables = Variables::of(
            Place {
                folder: &cluster.folder,
                flux_namespace: &cluster.flux.namespace,
                name: &cluster.name,
                context: cluster.context.as_ref(),
                groups: cluster
                    .groups
                    .iter()
                    .map(|at| settings.groups[*at].name.value.as_str())
                    .collect(),
                span: cluster.span,
            },
            &settings.repo,
        );
        variables.evaluate(&cluster.vars, &flux, self.expressions);
        self.used_vars.extend(variables.used.drain(..));
        for (place, fault) in variables.faults {
            self.report(vec![fault], place, &cluster.name.value, None);
        }
        variables.context
    }

    fn budget(&self) -> &Arc<Budget> {
        &self.resolved.settings.budget
    }

    fn report(&mut self, faults: Vec<Fault>, place: &str, cluster: &str, inputs: Option<&Node>) {
        for fault in faults {
            let is_of_inputs = fault
                .unknown
                .as_ref()
                .is_some_and(|unknown| unknown.split('.').next() == Some("inputs"));
            let mut diagnostic = fault.told(place, cluster);
            if let Some(inputs) = inputs.filter(|_| is_of_inputs) {
                diagnostic = diagnostic.at(inputs.span, "with this entry of `inputs`");
            }
            self.diagnostics.push(diagnostic);
        }
    }

    /// `context` is that of one of the draft's clusters.
    fn prepare(&mut self, draft: &Draft, context: &Context) -> Prepared {
        let mut uses = Vec::new();
        let key = if has_expression(&draft.key.value) {
            self.expressions.uses_in_text(&draft.key.value, &mut uses);
            // Where it is the same in every cluster it is evaluated once; its faults are told for each.
            match uses.iter().any(|path| varies(path)) {
                true => None,
                false => self.evaluate_key(draft, context).ok(),
            }
        } else {
            Some(owned_key(&draft.key.value))
        };
        for layer in &draft.layers {
            self.expressions.uses_of_table(&layer.table, &mut uses);
        }
        match &key {
            Some((_, name)) => {
                let key = (draft.section, name.clone());
                for at in self
                    .overrides
                    .by_name
                    .get(&key)
                    .iter()
                    .flat_map(|of| &of.all)
                {
                    let layer = &self.resolved.overrides[*at].layer;
                    self.expressions.uses_of_table(&layer.table, &mut uses);
                }
            }
            None => {
                let of_section = self.overrides.uses.get(&draft.section);
                uses.extend(of_section.into_iter().flatten().cloned());
            }
        }
        uses.sort();
        uses.dedup();
        let bytes = uses.iter().map(|path| 100 + path.len() as u64).sum();
        if let Err(exceeded) = self.budget().memory(bytes) {
            let fault = Fault::exceeded(exceeded, draft.key.span);
            self.report(vec![fault], draft.section.as_str(), "", None);
        }
        self.used_vars.extend(uses.iter().cloned());
        uses.retain(|path| varies(path));
        let kinds = Registry::get().section(draft.section.as_str()).collect();
        Prepared { key, uses, kinds }
    }

    /// Namespace and name of a draft whose key has expressions.
    fn evaluate_key(&mut self, draft: &Draft, context: &Context) -> Result<Key, Fault> {
        let mut context = context.clone();
        if let Some(inputs) = &draft.inputs {
            context.set("inputs", inputs.as_ref().clone());
        }
        let key = &draft.key;
        let text = self.expressions.text(&key.value, key.span, &context)?;
        Ok(owned_key(&text))
    }

    /// Namespace and name in a cluster.
    fn whole_key(&self, (namespace, name): Key, cluster: usize) -> (String, String) {
        let default = &self.resolved.settings.clusters[cluster].flux.namespace;
        (namespace.unwrap_or_else(|| default.clone()), name)
    }

    /// The same, with its fault told.
    fn key(&mut self, draft: &Draft, context: &Context) -> Option<Key> {
        match self.evaluate_key(draft, context) {
            Ok(key) => Some(key),
            Err(fault) => {
                let cluster = context
                    .get("cluster.name")
                    .and_then(Node::as_str)
                    .unwrap_or_default()
                    .to_owned();
                let inputs = draft.inputs.as_deref();
                self.report(vec![fault], draft.section.as_str(), &cluster, inputs);
                None
            }
        }
    }

    /// What groups and the cluster itself lay over a resource, in the order in which it applies.
    fn overrides_for(
        &self,
        section: Section,
        namespace: &str,
        name: &str,
        cluster: usize,
    ) -> Vec<usize> {
        if self.overrides.by_name.is_empty() {
            return Vec::new();
        }
        let Some(candidates) = self.overrides.by_name.get(&(section, name.to_owned())) else {
            return Vec::new();
        };
        let own = &self.resolved.settings.clusters[cluster];
        let mut found = candidates.in_cluster(cluster, &own.groups);
        found.retain(|at| {
            let written = split_key(&self.resolved.overrides[*at].key.value).0;
            written.unwrap_or(&own.flux.namespace) == namespace
        });
        found.sort_by_key(|at| self.resolved.overrides[*at].layer.origin);
        found
    }

    fn variant(
        &mut self,
        draft: &Draft,
        prepared: &Prepared,
        cluster: usize,
        context: &Context,
        known: &mut HashMap<VariantKey<'a>, Made>,
    ) -> Made {
        let key = match &prepared.key {
            Some(key) => Some(key.clone()),
            None => self.key(draft, context),
        };
        let Some(key) = key else {
            return Made::Broken(None);
        };
        let (namespace, name) = self.whole_key(key, cluster);
        let overrides = self.overrides_for(draft.section, &namespace, &name, cluster);
        let used = prepared.uses.iter().map(|path| context.get(path));
        let values = self.fingerprints.of_all(used);
        self.used_overrides.extend(&overrides);
        let pinned = &self.resolved.settings.clusters[cluster];
        let kubernetes = pinned.kubernetes.as_ref().map(|minor| minor.value);
        let key = VariantKey {
            minor: pinned.flux.minor,
            flux_namespace: &pinned.flux.namespace,
            kubernetes: kubernetes.filter(|_| draft.section == Section::MANIFESTS),
            overrides,
            values,
        };
        if let Some(made) = known.get(&key) {
            return made.clone();
        }
        let made = match self.lay(draft, &key.overrides, cluster) {
            None => Made::Nothing,
            Some(layers) => {
                match self.make(draft, prepared, &namespace, &name, layers, cluster, context) {
                    None => Made::Broken(Some((namespace, name))),
                    Some(variant) => {
                        self.variants.push(variant);
                        let at = self.variants.len() - 1;
                        Made::Variant(u32::try_from(at).expect("fewer than 2^32 variants"))
                    }
                }
            }
        };
        known.insert(key, made.clone());
        made
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "what a variant is made of, each once"
    )]
    fn make(
        &mut self,
        draft: &Draft,
        prepared: &Prepared,
        namespace: &str,
        name: &str,
        layers: Vec<Layer>,
        cluster: usize,
        context: &Context,
    ) -> Option<Variant> {
        let cluster_name = self.resolved.settings.clusters[cluster].name.value.clone();
        let place = format!("{}.{}", draft.section.as_str(), draft.key.value);
        let mut context = context.clone();
        if let Some(inputs) = &draft.inputs {
            context.set("inputs", inputs.as_ref().clone());
        }
        context.set("name", Node::new(name, draft.key.span));
        context.set("namespace", Node::new(namespace, draft.key.span));

        let roots: Vec<&SchemaNode> = prepared.kinds.iter().map(|kind| kind.root()).collect();
        let mut merged = Table::new();
        let before = self.diagnostics.len();
        // They are copied while they are merged.
        let weights = layers
            .iter()
            .map(|layer| budget::weight_of_table(&layer.table));
        let budget = Arc::clone(self.budget());
        let over = |exceeded| vec![Fault::exceeded(exceeded, draft.key.span)];
        if let Err(exceeded) = budget.fits(2 * weights.sum::<u64>()) {
            self.report(over(exceeded), &place, &cluster_name, None);
            return None;
        }
        // The policies of an image inherit from it once all layers are known.
        let merge = match draft.section == Section::IMAGES {
            true => merge_keeping_unset,
            false => merge,
        };
        for layer in layers {
            let table = self.include(&layer, &roots, &context, &place, &cluster_name);
            if layer.origin == Origin::Defaults {
                merge(&mut merged, &known_fields(&table, &roots));
            } else {
                merge(&mut merged, &table);
            }
        }
        let is_included = self.diagnostics.len() == before;
        let mut faults = Vec::new();
        let merged = self
            .expressions
            .expand_table_of(&merged, self.toml, &context, &mut faults);
        let has_faults = !faults.is_empty();
        self.report(faults, &place, &cluster_name, draft.inputs.as_deref());
        if has_faults || !is_included {
            let _ = self.expressions.settle(0);
            return None;
        }
        let bytes = RESOURCE + budget::weight_of_table(&merged);
        if let Err(exceeded) = self.expressions.settle(bytes) {
            self.report(over(exceeded), &place, &cluster_name, None);
            return None;
        }
        self.build(draft, prepared, namespace, name, merged, cluster)
    }

    /// A draft's layers for a cluster; `None` where an override removes the resource.
    fn lay(&mut self, draft: &Draft, overrides: &[usize], cluster: usize) -> Option<Vec<Layer>> {
        let mut layers: Vec<Layer> = draft.layers.clone();
        let chosen: Vec<&Override> = overrides
            .iter()
            .map(|at| &self.resolved.overrides[*at])
            .collect();
        let settings = &self.resolved.settings;
        let pairs = (chosen.len() as u64).pow(2) / 2;
        if let Err(exceeded) = self.budget().steps(pairs * clusters::COMPARED) {
            let fault = Fault::exceeded(exceeded, draft.key.span);
            self.report(vec![fault], draft.section.as_str(), "", None);
            return None;
        }
        let own = chosen
            .iter()
            .find(|over| matches!(over.layer.origin, Origin::Cluster(_)))
            .map(|over| over.layer.table.as_ref());
        for (index, over) in chosen.iter().enumerate() {
            let Origin::Group(group) = over.layer.origin else {
                continue;
            };
            for under in &chosen[..index] {
                let Origin::Group(other) = under.layer.origin else {
                    continue;
                };
                if settings.groups[group].priority != settings.groups[other].priority {
                    continue;
                }
                let what = format!("{}.{}", draft.section.as_str(), over.key.value);
                clusters::report_conflicts(
                    &what,
                    (&settings.groups[other], &under.layer.table),
                    (&settings.groups[group], &over.layer.table),
                    own,
                    &settings.clusters[cluster].name.value,
                    self.diagnostics,
                );
            }
        }
        if chosen.last().is_some_and(|over| over.removes) {
            return None;
        }
        let kept = chosen
            .iter()
            .rposition(|over| over.removes)
            .map_or(0, |at| at + 1);
        layers.extend(chosen[kept..].iter().map(|over| over.layer.clone()));
        Some(layers)
    }

    fn include(
        &mut self,
        layer: &Layer,
        roots: &[&SchemaNode],
        context: &Context,
        place: &str,
        cluster: &str,
    ) -> Table {
        if self.includes.files.is_empty() && !mentions_file(&layer.table) {
            return layer.table.as_ref().clone();
        }
        let expressions = &mut *self.expressions;
        let mut path_of = |text: &str, span: Span, diagnostics: &mut Diagnostics| match expressions
            .text(text, span, context)
        {
            Ok(path) => Some(path),
            Err(fault) => {
                diagnostics.push(
                    Diagnostic::error("expression", fault.message)
                        .at(fault.span, format!("in `{place}`"))
                        .in_cluster(cluster),
                );
                None
            }
        };
        let mut including = Including {
            includes: self.includes,
            path_of: &mut path_of,
            budget: &self.resolved.settings.budget,
            bytes: 0,
            diagnostics: self.diagnostics,
        };
        let table = including.table(&layer.table, roots);
        let bytes = including.bytes;
        self.expressions.counted(bytes);
        table
    }

    /// Turns a merged table into resources.
    fn build(
        &mut self,
        draft: &Draft,
        prepared: &Prepared,
        namespace: &str,
        name: &str,
        mut table: Table,
        cluster: usize,
    ) -> Option<Variant> {
        let settings = &self.resolved.settings;
        let pinned = &settings.clusters[cluster];
        let place = format!("{}.{}", draft.section.as_str(), draft.key.value);
        let mut own: HashMap<&str, Entry> = HashMap::new();
        for key in OWN_KEYS {
            if let Some(entry) = table.remove(key) {
                own.insert(key, entry);
            }
        }
        let mut text = |key: &str| -> Option<Spanned<String>> {
            let entry = own.remove(key)?;
            match entry.node.as_str() {
                Some(text) => Some(Spanned::new(text.to_owned(), entry.node.span)),
                None => {
                    self.diagnostics.push(crate::settings::fields::wrong_type(
                        &format!("{place}.{key}"),
                        &entry.node,
                        "a string",
                    ));
                    None
                }
            }
        };
        let renamed_from = text("renamedFrom");
        let acknowledge = text("acknowledge");
        let labels = own.remove("labels").map(|entry| entry.node);
        let annotations = own.remove("annotations").map(|entry| entry.node);

        let mut parts: Vec<(&'static KindSchema, String, String, Table)> = Vec::new();
        let mut tests = Vec::new();
        let mut resources = Vec::new();
        let registry = Registry::get();
        if draft.section == Section::IMAGES {
            let is_set_here = |key: &str| {
                let mut layers = draft.layers.iter();
                layers.any(|layer| layer.origin >= Origin::Resource && layer.table.contains(key))
            };
            let span = draft.key.span;
            let split = images::split(namespace, name, table, span, is_set_here, self.diagnostics);
            let kind = |name: &str| registry.kind(name).expect("images have two kinds");
            if let Some(spec) = split.repository {
                let kind = kind("ImageRepository");
                parts.push((kind, namespace.to_owned(), name.to_owned(), spec));
            }
            for (namespace, name, spec) in split.policies {
                parts.push((kind("ImagePolicy"), namespace, name, spec));
            }
            tests = split.tests;
        } else if draft.section == Section::MANIFESTS {
            let mut filling = Filling {
                repository: settings.repo.in_namespace(&pinned.flux.namespace),
                default_namespace: &pinned.flux.namespace,
                namespace,
                diagnostics: self.diagnostics,
            };
            let manifest = filling.manifest(
                name,
                table,
                labels.as_ref(),
                annotations.as_ref(),
                draft.key.span,
            );
            resources.extend(manifest.map(Arc::new));
        } else {
            let kind = *prepared.kinds.first()?;
            parts.push((kind, namespace.to_owned(), name.to_owned(), table));
        }
        for (kind, namespace, name, spec) in parts {
            let Some(api_version) = kind.api_version(pinned.flux.minor) else {
                self.diagnostics
                    .push(kind_needs(kind, draft.key.span, pinned));
                continue;
            };
            let identity = Identity {
                group: kind.group.clone(),
                kind: kind.kind.clone(),
                namespace: namespace.clone(),
                name,
            };
            let mut filling = Filling {
                repository: settings.repo.in_namespace(&pinned.flux.namespace),
                default_namespace: &pinned.flux.namespace,
                namespace: &namespace,
                diagnostics: self.diagnostics,
            };
            let mut spec = spec;
            let mut marks = Table::new();
            for (key, node) in [("labels", &labels), ("annotations", &annotations)] {
                if let Some(node) = node.as_ref().filter(|node| !is_unset(node)) {
                    marks.set(key, without_unset(node));
                }
                // One of an image's policies may have its own beside those of the image.
                if let Some(entry) = spec.remove(key) {
                    let own = std::iter::once((key.to_owned(), entry)).collect();
                    merge(&mut marks, &own);
                }
            }
            let spec = filling.table(spec, kind.root());
            let span = draft.key.span;
            let mut metadata = Resource::metadata(&identity, span);
            for (key, entry) in marks {
                let span = entry.node.span;
                let node = match entry.node.value {
                    Value::Table(table) => Node::new(filling.free(table), span),
                    // `validate` refuses it.
                    value => Node::new(value, span),
                };
                metadata.insert(key, Entry { key: span, node });
            }
            let mut node = Table::new();
            node.set("apiVersion", Node::new(api_version.as_str(), span));
            node.set("kind", Node::new(kind.kind.as_str(), span));
            node.set("metadata", Node::new(metadata, span));
            node.set("spec", Node::new(spec, span));
            resources.push(Arc::new(Resource {
                identity,
                api_version,
                node: Node::new(node, span),
            }));
        }
        Some(Variant {
            section: draft.section,
            span: draft.key.span,
            minor: pinned.flux.minor,
            version: pinned.flux.version.clone(),
            resources,
            tests,
            renamed_from,
            acknowledge,
            input: draft.inputs.as_ref().map(|inputs| inputs.span),
            cluster,
            flux_namespace: pinned.flux.namespace.clone(),
        })
    }

    /// Overrides that met nothing, and variables that nothing uses.
    fn report_unused(&mut self) {
        if self
            .used_vars
            .iter()
            .any(|path| path.starts_with("cluster.groups"))
        {
            // An expression may ask for any of them.
            self.diagnostics.retain(|one| one.code != "unused-group");
        }
        let clusters = &self.resolved.settings.clusters;
        if clusters.iter().any(|cluster| !cluster.flux.is_known) {
            // Nothing was made for them, so that nobody can say what they use.
            return;
        }
        // Beyond these nobody reads what may have been meant.
        let mut left = 300_usize;
        for (at, over) in self.resolved.overrides.iter().enumerate() {
            if self.used_overrides.contains(&at) {
                continue;
            }
            left = left.saturating_sub(1);
            let settings = &self.resolved.settings;
            let holder = match over.layer.origin {
                Origin::Group(at) => format!("group `{}`", settings.groups[at].name.value),
                Origin::Cluster(at) => format!("cluster `{}`", settings.clusters[at].name.value),
                Origin::BuiltIn | Origin::Defaults | Origin::SectionDefaults | Origin::Resource => {
                    continue;
                }
            };
            let section = over.section.as_str();
            let mut diagnostic = Diagnostic::error(
                "override-without-resource",
                format!(
                    "`{section}.{}` overrides nothing in {holder}",
                    over.key.value
                ),
            )
            .at(over.key.span, "");
            let drafts = || {
                let drafts = if left > 0 {
                    &self.resolved.drafts[..]
                } else {
                    &[]
                };
                drafts.iter().filter(|draft| draft.section == over.section)
            };
            diagnostic = if let Some(draft) =
                drafts().find(|draft| draft.key.value == over.key.value)
            {
                diagnostic
                    .at(draft.key.span, "this resource does not go there")
                    .with_help("choose the cluster in the resource's `clusters` or `groups`, or remove the override")
            } else if let Some(near) = nearest(
                &over.key.value,
                drafts().map(|draft| draft.key.value.as_str()),
            ) {
                diagnostic
                    .with_help(format!("did you mean `{near}`?"))
                    .with_fix(over.key.span, near)
            } else {
                diagnostic.with_help(format!(
                    "define `[{section}.\"{}\"]` at the top level; `clusters = […]` says where it goes",
                    over.key.value
                ))
            };
            self.diagnostics.push(diagnostic);
        }
        if self.used_vars.contains("vars") {
            return;
        }
        // A key may have dots of its own: each path below `vars` counts for all that it begins with.
        let mut used: HashSet<&str> = HashSet::new();
        for path in self
            .used_vars
            .iter()
            .filter_map(|path| path.strip_prefix("vars."))
        {
            used.insert(path);
            used.extend(path.match_indices('.').map(|(at, _)| &path[..at]));
        }
        let mut reported: HashSet<&str> = HashSet::new();
        let mut seen: HashSet<*const Table> = HashSet::new();
        for cluster in &self.resolved.settings.clusters {
            if !seen.insert(Arc::as_ptr(&cluster.vars)) {
                continue;
            }
            for (key, entry) in cluster.vars.iter() {
                if !used.contains(key) && reported.insert(key) {
                    let path = format!("vars.{key}");
                    self.diagnostics.push(
                        Diagnostic::warning("unused-var", format!("nothing uses `{path}`"))
                            .at(entry.key, "")
                            .with_help(format!("use it as `${{{{ {path} }}}}`, or remove it")),
                    );
                }
            }
        }
    }
}

fn owned_key(key: &str) -> Key {
    let (namespace, name) = split_key(key);
    (namespace.map(str::to_owned), name.to_owned())
}

/// Whether a variable may have another value in another cluster.
fn varies(path: &str) -> bool {
    let root = path.split('.').next().unwrap_or(path);
    // The repository's GitRepository is in the namespace of Flux.
    ["cluster", "vars", "flux"].contains(&root)
        || ["repo", "repo.name", "repo.namespace"].contains(&path)
}

/// `flux-version`: the kind is missing in the pinned version.
fn kind_needs(kind: &KindSchema, span: Span, cluster: &Cluster) -> Diagnostic {
    let version = &cluster.flux.version;
    let needs = match kind.since {
        Some(since) => format!("`{}` needs Flux {since}", kind.kind),
        None => format!("`{}` is gone from Flux {}", kind.kind, version.value),
    };
    Diagnostic::error(
        "flux-version",
        format!(
            "{needs}; cluster `{}` pins {}",
            cluster.name.value, version.value
        ),
    )
    .at(span, "")
    .at(version.span, "pinned here")
    .in_cluster(cluster.name.value.as_str())
    .with_help("raise `flux.version`, or keep the resource out of the cluster with `clusters`")
}

/// Whether `{ file = … }` stands anywhere in a table.
fn mentions_file(table: &Table) -> bool {
    table
        .iter()
        .any(|(_, entry)| node_mentions_file(&entry.node))
}

fn node_mentions_file(node: &Node) -> bool {
    match &node.value {
        Value::Table(table) => include::included_path(node).is_some() || mentions_file(table),
        Value::Array(items) => items.iter().any(node_mentions_file),
        _ => false,
    }
}

/// The defaults of all kinds that this kind has a field for.
fn known_fields(table: &Table, roots: &[&SchemaNode]) -> Table {
    table
        .iter()
        .filter(|(key, _)| {
            ["labels", "annotations"].contains(key)
                || roots.iter().any(|root| root.property(key).is_some())
        })
        .map(|(key, entry)| (key.to_owned(), entry.clone()))
        .collect()
}
