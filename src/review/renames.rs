//! Resources under another name: which of them delete something, and where the TOML file says so.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::own::Owns;
use super::side::side;
use super::trees::Edited;
use super::{Committed, committed};
use crate::compare::report::{Finding, Severity, Side as Which};
use crate::compare::{Comparison, changes, compare};
use crate::diagnostic::Diagnostic;
use crate::expand::Variant;
use crate::forecast::{self, forecast};
use crate::load;
use crate::node::Table;
use crate::project::Project;
use crate::resource::{Identity, Resource};
use crate::source::Span;

/// A Kustomization or HelmRelease under another name.
#[derive(Debug, Clone)]
pub struct Renamed {
    pub old: Arc<Resource>,
    pub new: Arc<Resource>,
    /// The path of its table in the TOML file of either side: `["kustomizations", "apps"]`. Resources of one set
    /// have one path; it is empty where there is no such table.
    pub old_path: Vec<String>,
    pub new_path: Vec<String>,
    /// What the rename deletes, in the forecast's words; `None` where it deletes nothing.
    pub fault: Option<String>,
    /// The clusters that it is renamed in.
    pub clusters: Vec<String>,
    /// `renamedFrom`, where the head says it.
    pub declared: Option<Span>,
}

/// The rules that report a rename that deletes something.
const FAULTS: [&str; 2] = [
    "kustomization-renamed-recreates",
    "helm-release-renamed-reinstalls",
];

/// What was renamed between two projects; none where one of them does not compile.
pub fn renames(base: &Project, head: &Project) -> Vec<Renamed> {
    let (Some(base), Some(head)) = (committed(base), committed(head)) else {
        return Vec::new();
    };
    // What the user has beside is the same whatever its name in the TOML file.
    let (own, edited) = (Owns::new(), Edited::default());
    let before = side(base.project, base.graph, &own, &edited, Which::Base);
    let after = side(head.project, head.graph, &own, &edited, Which::Head);
    let comparison = compare(&before, &after);
    let faults = faults(base, head, &comparison);
    let (before, after) = (Paths::new(base.project), Paths::new(head.project));
    let mut found: BTreeMap<(&Identity, &Identity), Renamed> = BTreeMap::new();
    for (cluster, changes) in &comparison.clusters {
        for (old, new) in &changes.renamed {
            if !matches!(
                old.identity().kind.as_str(),
                "Kustomization" | "HelmRelease"
            ) {
                continue;
            }
            let (Some(was), Some(is)) = (
                variant_of(base, old.identity()),
                variant_of(head, new.identity()),
            ) else {
                continue;
            };
            found
                .entry((old.identity(), new.identity()))
                .or_insert_with(|| Renamed {
                    old: Arc::clone(&old.resource),
                    new: Arc::clone(&new.resource),
                    old_path: before.of(was),
                    new_path: after.of(is),
                    fault: faults.get(new.identity()).cloned(),
                    clusters: Vec::new(),
                    declared: is.renamed_from.as_ref().map(|text| text.span),
                })
                .clusters
                .push((*cluster).to_owned());
        }
    }
    found.into_values().collect()
}

/// What a step of a plan does.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The resources that are not what they were.
    pub touched: BTreeSet<Identity>,
    /// What is deleted and not acknowledged: the clusters, and the forecast's words.
    pub destructive: Vec<(Vec<String>, String)>,
}

/// What going from one project to another does; nothing where one of them does not compile.
pub fn outcome(base: &Project, head: &Project) -> Outcome {
    let (Some(base), Some(head)) = (committed(base), committed(head)) else {
        return Outcome::default();
    };
    let before = side(
        base.project,
        base.graph,
        &Owns::new(),
        &Edited::default(),
        Which::Base,
    );
    let after = side(
        head.project,
        head.graph,
        &Owns::new(),
        &Edited::default(),
        Which::Head,
    );
    let comparison = compare(&before, &after);
    let mut outcome = Outcome::default();
    for changes in comparison.clusters.values() {
        let entries = changes.created.iter().chain(&changes.deleted);
        let pairs = changes.changed.iter().chain(&changes.renamed);
        let entries = entries.chain(pairs.flat_map(|(old, new)| [old, new]));
        let identities = entries.map(|entry| entry.identity().clone());
        outcome.touched.extend(identities);
    }
    let findings = destructive(base, head, &comparison, true).into_iter();
    outcome.destructive = findings.map(|it| (it.clusters, it.message)).collect();
    outcome
}

/// The messages about renames that delete something and that nobody acknowledged, by the new name.
fn faults(
    base: Committed<'_>,
    head: Committed<'_>,
    comparison: &Comparison<'_>,
) -> BTreeMap<Identity, String> {
    destructive(base, head, comparison, false)
        .into_iter()
        .filter(|finding| FAULTS.contains(&finding.rule.as_str()))
        .map(|finding| {
            let resource = finding.resource;
            let identity = Identity {
                group: resource.group,
                kind: resource.kind,
                namespace: resource.namespace,
                name: resource.name,
            };
            (identity, finding.message)
        })
        .collect()
}

/// What is destructive and that nobody acknowledged.
fn destructive(
    base: Committed<'_>,
    head: Committed<'_>,
    comparison: &Comparison<'_>,
    folders_changed: bool,
) -> Vec<Finding> {
    let settings = head.graph.settings();
    let acknowledged = settings
        .acknowledge
        .iter()
        .map(|(name, reason)| (name.clone(), reason.value.clone()))
        .collect();
    let forecast = forecast(&forecast::Input {
        comparison,
        changes: &changes(comparison),
        base_files: Some(&**base.project.snapshot.files()),
        head_files: Some(&**head.project.snapshot.files()),
        folders_changed,
        repository: settings.repo.identity(),
        address: settings.repo.address(),
        acknowledged: &acknowledged,
    });
    let findings = forecast.findings.into_iter();
    findings
        .filter(|it| it.severity == Severity::Destructive && it.acknowledged.is_none())
        .collect()
}

fn variant_of<'a>(side: Committed<'a>, identity: &Identity) -> Option<&'a Variant> {
    let variants = side.graph.validated.expanded.variants.iter();
    variants.into_iter().find(|variant| {
        let mut resources = variant.resources.iter();
        resources.any(|resource| resource.identity == *identity)
    })
}

/// Where the resources are in a TOML file.
struct Paths<'a> {
    project: &'a Project,
    /// By where its key starts, the path of each table; read once something is renamed.
    tables: OnceCell<HashMap<usize, Vec<String>>>,
}

impl<'a> Paths<'a> {
    fn new(project: &'a Project) -> Self {
        Self {
            project,
            tables: OnceCell::new(),
        }
    }

    fn of(&self, variant: &Variant) -> Vec<String> {
        let known = self.tables.get_or_init(|| self.read());
        known
            .get(&variant.span.range().start)
            .cloned()
            .unwrap_or_default()
    }

    fn read(&self) -> HashMap<usize, Vec<String>> {
        let mut found = HashMap::new();
        if let Some(table) = self.project.sources.first().and_then(load::again) {
            collect(&table, &mut Vec::new(), &mut found);
        }
        found
    }
}

fn collect(table: &Table, path: &mut Vec<String>, found: &mut HashMap<usize, Vec<String>>) {
    for (key, entry) in table.iter() {
        if let Some(inner) = entry.node.as_table() {
            path.push(key.to_owned());
            found
                .entry(entry.key.range().start)
                .or_insert_with(|| path.clone());
            collect(inner, path, found);
            path.pop();
        }
    }
}

/// Of a head whose gate is on: the renames that it declares and that would delete something.
pub fn unsafe_renames(base: &Project, head: &Project) -> Vec<Diagnostic> {
    let unsafe_ones = renames(base, head).into_iter().filter_map(|renamed| {
        let (fault, span) = (renamed.fault?, renamed.declared?);
        let mut diagnostic = Diagnostic::error("unsafe-rename", fault)
            .at(span, "renamed in one step")
            .with_note("`diff.deny` refuses what is destructive")
            .with_help("run `fluxgen plan-rename` to do it in two steps that delete nothing, or say in `acknowledge` why it is meant");
        diagnostic.clusters = renamed.clusters;
        Some(diagnostic)
    });
    unsafe_ones.collect()
}

/// Whether a project's gate is on and there is a rename to look at.
pub fn declares_renames(head: &Project) -> bool {
    committed(head).is_some_and(|head| {
        let variants = &head.graph.validated.expanded.variants;
        !head.graph.settings().deny.is_empty()
            && variants
                .iter()
                .any(|variant| variant.renamed_from.is_some())
    })
}
