//! The markers of the whole repository against the policies and automations of the clusters.

mod automation;
mod files;
mod judge;
mod selector;
mod written;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::files::Snapshot;
use crate::link::{Graph, ResourceId};
use crate::node::{Node, Value};
use crate::project::Project;
use crate::resource::{Identity, Resource};
use crate::settings::folder::Folders;
use crate::source::{Sources, Span};
use crate::tree::Documents;
use crate::yaml::ReadError;

use super::marker::{self, Marker, Scalar, TOKEN, Target, markers};
use super::reference::Repository;
use super::spec::{self, Spec};
use automation::Automation;
pub(crate) use automation::removed_field;
pub(crate) use files::yaml_files;
use files::{Generated, OwnFile, above, joined, own_files, reach};
use judge::{Marked, Picks, Place, Policy, judge};

const GROUP: &str = "image.toolkit.fluxcd.io";

/// How many files are named that are passed over.
const NAMED: usize = 3;

/// A file with markers.
struct Marking {
    /// From the repository's root.
    path: String,
    text: Arc<str>,
    /// The cluster whose tree it is in, if it is generated.
    cluster: Option<usize>,
    reading: Arc<Reading>,
}

/// What a text holds. Most clusters have the same files; each distinct one is read once.
struct Reading {
    documents: Documents,
    markers: Vec<Marker>,
    /// Where a string of it holds a marker.
    in_text: Option<Span>,
    is_list: bool,
}

impl Reading {
    fn new(text: &str, documents: Documents) -> Self {
        let nodes = || documents.iter().map(Arc::as_ref);
        Self {
            markers: markers(text),
            in_text: nodes().find_map(string_with_marker),
            is_list: is_list(&documents),
            documents,
        }
    }

    fn of(path: &str, text: &str) -> Result<Self, ReadError> {
        let documents = marker::read_all(text, Sources::default().add(path, ""))?;
        let documents = documents.into_iter().map(Arc::new).collect();
        Ok(Self::new(text, documents))
    }
}

/// A resource of image automation in a file of the user's own.
struct Own {
    resource: Resource,
    /// The cluster whose folder it is in; elsewhere it may be for any.
    cluster: Option<usize>,
    /// What it says, if it is a policy.
    spec: Option<Arc<Spec>>,
}

/// Policies by namespace and name.
type Policies<'a> = BTreeMap<(String, String), Policy<'a>>;

/// Looks at all markers that an automation can reach, and at the automations.
pub fn scan(project: &mut Project, diagnostics: &mut Diagnostics) {
    let Project {
        root,
        snapshot,
        sources,
        built,
        read,
        existing,
        ..
    } = project;
    let Some(built) = built else { return };
    let (Some(graph), Some(tree)) = (built.graph(), built.tree.as_ref()) else {
        return;
    };
    let clusters = &graph.settings().clusters;
    let names = clusters.iter().map(|cluster| cluster.name.value.as_str());
    let positions: HashMap<&str, usize> = names.zip(0..).collect();
    let prefix = snapshot.folder();
    let trees = tree.clusters.iter();
    let generated = Generated::new(trees.map(|tree| (snapshot.from_root(&tree.folder), tree)));
    let mut looked_at = BTreeSet::new();
    let mut marked = Vec::new();
    // Most clusters have the same texts; each distinct one is searched once.
    let mut are_marked: HashMap<*const u8, bool> = HashMap::new();
    for cluster in &tree.clusters {
        let at = positions.get(cluster.name.as_str()).copied();
        looked_at.extend(at);
        for (path, text) in &cluster.files {
            let is_marked = are_marked.entry(text.as_ptr());
            if *is_marked.or_insert_with(|| text.contains(TOKEN)) {
                marked.push((joined(&snapshot.from_root(&cluster.folder), path), text, at));
            }
        }
    }
    let has_kind = graph.validated.expanded.variants.iter().any(|variant| {
        let mut resources = variant.resources.iter();
        resources.any(|resource| resource.identity.group == GROUP)
    });
    if !has_kind && marked.is_empty() {
        return;
    }
    strings_with_markers(graph, diagnostics);

    let reached = automation::automations(graph, &[], prefix);
    let mut roots: Vec<&str> = reached
        .iter()
        .filter_map(|automation| automation.path.as_deref())
        .collect();
    roots.push(prefix);
    let existing = existing
        .values()
        .map(|existing| (snapshot.from_root(&existing.folder), existing))
        .collect();
    let files = snapshot.files().as_ref();
    let own = own_files(files, root, &roots, &existing, &generated);
    let mut passed_over = Vec::new();
    let own_resources = own_resources(graph, &own, snapshot, sources);
    let own_marked: Vec<(&OwnFile, Option<Marking>)> = own
        .par_iter()
        .filter(|file| file.text.as_ref().is_none_or(|text| text.contains(TOKEN)))
        .map(|file| (file, marking(file).ok().flatten()))
        .collect();
    let distinct: HashSet<&Arc<str>> = marked.iter().map(|(_, text, _)| *text).collect();
    let readings: HashMap<&Arc<str>, Arc<Reading>> = distinct
        .into_par_iter()
        .filter_map(|text| {
            // Most often it stands in a tree and is read already.
            let reading = match read.get(text.as_bytes()) {
                Some(documents) => Reading::new(text, Arc::clone(documents)),
                None => Reading::of("", text).ok()?,
            };
            Some((text, Arc::new(reading)))
        })
        .collect();
    let mut files: Vec<Marking> = marked
        .into_iter()
        .filter_map(|(path, text, cluster)| {
            Some(Marking {
                reading: Arc::clone(readings.get(text)?),
                path,
                text: text.clone(),
                cluster,
            })
        })
        .collect();
    for (file, marking) in own_marked {
        match marking {
            Some(marking) => files.push(marking),
            None => passed_over.push(file.path.as_str()),
        }
    }
    tell_passed_over(&passed_over, diagnostics);
    files.sort_by(|a, b| a.path.cmp(&b.path));

    let automations = automation::automations(graph, &own_resources, prefix);
    for automation in &automations {
        let is_built = automation.clusters.iter().any(|at| looked_at.contains(at));
        let is_there = |path: &str| {
            !is_built
                || generated.is_reached(path)
                || matches!(snapshot.files().kind(path), Ok(Some(_)))
        };
        automation::check(graph, automation, is_there, diagnostics);
    }
    let specs = specs(graph);
    let policies: Vec<Policies<'_>> = (0..graph.clusters.len())
        .into_par_iter()
        .map(|at| policies_of(graph, at, &specs, &own_resources))
        .collect();
    selector::check(graph, &automations, &policies, diagnostics);
    let mut scanning = Scanning {
        graph,
        policies: &policies,
        automations: &automations,
        by_folder: automation::by_folder(&automations),
        prefix,
        sources,
        diagnostics,
        used: BTreeSet::new(),
        picks: Picks::new(),
    };
    for file in &files {
        scanning.file(file);
    }
    scanning.unused(&looked_at);
}

fn marking(file: &OwnFile) -> Result<Option<Marking>, ReadError> {
    let Some(text) = &file.text else {
        return Ok(None);
    };
    Ok(Some(Marking {
        path: file.path.clone(),
        reading: Arc::new(Reading::of(&file.path, text)?),
        text: Arc::from(text.as_str()),
        cluster: None,
    }))
}

fn tell_passed_over(paths: &[&str], diagnostics: &mut Diagnostics) {
    if paths.is_empty() {
        return;
    }
    let (s, verb) = match paths.len() {
        1 => ("", "is"),
        _ => ("s", "are"),
    };
    let count = paths.len();
    let mut named: Vec<String> = paths
        .iter()
        .take(NAMED)
        .map(|path| format!("`{path}`"))
        .collect();
    if count > NAMED {
        named.push(format!("{} more", count - NAMED));
    }
    diagnostics.push(
        Diagnostic::note(
            "image-files-passed-over",
            format!("{count} file{s} with image markers {verb} passed over: no valid YAML, a template, or too large"),
        )
        .with_note(named.join(", ")),
    );
}

/// Policies, repositories and automations in the user's own files.
fn own_resources(
    graph: &Graph,
    own: &[OwnFile],
    snapshot: &Snapshot,
    sources: &mut Sources,
) -> Vec<Own> {
    let folders = Folders::of(graph.settings(), snapshot);
    let mut found = Vec::new();
    for file in own {
        let Some(text) = file.text.as_ref().filter(|text| text.contains(GROUP)) else {
            continue;
        };
        let id = sources.add(file.path.as_str(), text.as_str());
        let Ok(documents) = crate::yaml::read_all(text, id) else {
            continue;
        };
        let cluster = folders.around(&file.path);
        let resources = documents.into_iter().filter_map(|mut document| {
            // A table has no place of its own.
            document.span = document
                .at(&["metadata", "name"])
                .map_or(Span::new(id, 0..0), |name| name.span);
            Resource::from_node(document)
        });
        let of_images = resources.filter(|resource| resource.identity.group == GROUP);
        found.extend(of_images.map(|resource| Own {
            spec: spec_of(&resource),
            resource,
            cluster,
        }));
    }
    found
}

fn spec_of(resource: &Resource) -> Option<Arc<Spec>> {
    (resource.identity.is_kind(GROUP, spec::KIND))
        .then(|| spec::read(resource)?.ok())
        .flatten()
        .map(Arc::new)
}

/// What the policies of the TOML file say. Most clusters have the same ones; each is read once.
fn specs(graph: &Graph) -> HashMap<ResourceId, Arc<Spec>> {
    let ids: HashSet<ResourceId> = (0..graph.clusters.len())
        .flat_map(|at| of_kinds(graph, at, &[spec::KIND]))
        .collect();
    ids.into_par_iter()
        .filter_map(|id| Some((id, spec_of(graph.resource(id))?)))
        .collect()
}

fn policies_of<'a>(
    graph: &'a Graph,
    at: usize,
    specs: &HashMap<ResourceId, Arc<Spec>>,
    own: &'a [Own],
) -> Policies<'a> {
    let mut policies = Policies::new();
    let settings = graph.settings();
    for identity in settings.externals_in(&settings.clusters[at]) {
        if identity.is_kind(GROUP, spec::KIND) {
            policies.insert((identity.namespace, identity.name), Policy::default());
        }
    }
    let own = own
        .iter()
        .filter(|own| own.cluster.is_none_or(|cluster| cluster == at))
        .map(|own| (&own.resource, own.spec.as_ref(), false));
    let generated = of_kinds(graph, at, &[spec::KIND, "ImageRepository"]).into_iter();
    let resources: Vec<(&Resource, Option<&Arc<Spec>>, bool)> = own
        .chain(generated.map(|id| (graph.resource(id), specs.get(&id), true)))
        .collect();
    for (resource, spec, is_generated) in &resources {
        if !resource.identity.is_kind(GROUP, spec::KIND) {
            continue;
        }
        let repository = spec::repository_of(resource);
        let image = resources
            .iter()
            .find(|(other, ..)| Some(&other.identity) == repository.as_ref())
            .and_then(|(repository, ..)| repository.get(&["spec", "image"])?.as_str())
            .and_then(|image| Repository::parse(image).ok());
        let Identity {
            namespace, name, ..
        } = resource.identity.clone();
        let policy = Policy {
            resource: Some(resource),
            spec: spec.cloned(),
            image,
            is_generated: *is_generated,
        };
        policies.insert((namespace, name), policy);
    }
    policies
}

fn of_kinds(graph: &Graph, at: usize, kinds: &[&str]) -> Vec<ResourceId> {
    let is_wanted = |id: &ResourceId| {
        let identity = &graph.resource(*id).identity;
        identity.group == GROUP && kinds.contains(&identity.kind.as_str())
    };
    let ids = graph.clusters[at].resources.iter().copied();
    ids.filter(is_wanted).collect()
}

fn in_cluster(graph: &Graph, diagnostic: Diagnostic, at: usize) -> Diagnostic {
    diagnostic.in_cluster(graph.settings().clusters[at].name.value.as_str())
}

struct Scanning<'a, 'd> {
    graph: &'a Graph,
    policies: &'a [Policies<'a>],
    automations: &'a [Automation<'a>],
    by_folder: HashMap<&'a str, Vec<usize>>,
    prefix: &'a str,
    sources: &'d mut Sources,
    diagnostics: &'d mut Diagnostics,
    /// Per cluster, the policies that a marker uses.
    used: BTreeSet<(usize, String, String)>,
    picks: Picks,
}

/// A finding at some bytes of a file.
type Found = (std::ops::Range<usize>, Diagnostic);

/// Marked scalars by where they begin.
type Places<'n> = HashMap<usize, Place<'n>>;

impl Scanning<'_, '_> {
    fn file(&mut self, file: &Marking) {
        let mut found: Vec<Found> = Vec::new();
        // What a generated file's strings hold is told at its place in the TOML file.
        let reading = &file.reading;
        let in_text = reading.in_text;
        if in_text.is_some() && file.cluster.is_none() {
            let message = format!(
                "`{}` holds a marker inside a text, where no setter finds it",
                file.path
            );
            let place = in_text.map_or(0..0, Span::range);
            found.push((
                place.start..place.start,
                Diagnostic::error("image-marker-misplaced", message)
                    .with_help("put the value on a line of its own, `tag: 1.0.0 # {\"$imagepolicy\": …}`, outside of any `|` or `>` block"),
            ));
        }
        let places: Places<'_> = judge::places(&reading.documents)
            .into_iter()
            .map(|place| (place.span.range().start, place))
            .collect();
        for marker in &reading.markers {
            let is_read = marker
                .scalar()
                .is_none_or(|scalar| places.contains_key(&scalar.range.start));
            // The others are those in texts.
            if !is_read || in_text.is_some() && marker.scalar().is_none() {
                continue;
            }
            if reading.is_list {
                found.push((
                    marker.start..marker.end,
                    Diagnostic::error(
                        "image-marker-misplaced",
                        "a marker inside of a `kind: List` is not set in its file",
                    )
                    .with_help("write the items of the list as documents of their own"),
                ));
                continue;
            }
            match &marker.target {
                Target::Nothing(reason) => found.push((
                    marker.start..marker.end,
                    Diagnostic::warning(
                        "image-marker-misplaced",
                        format!("no setter finds this marker: {reason}"),
                    )
                    .with_help("put the marker alone in a comment after its value: `tag: 1.0.0 # {\"$imagepolicy\": …}`"),
                )),
                Target::Scalar(_) | Target::Block | Target::Unclear => {
                    self.marker(file, marker, &places, &mut found);
                }
            }
        }
        let mut id = None;
        for (range, mut diagnostic) in found {
            let place = match self.written_at(file, &range, &diagnostic) {
                Some(span) => span,
                None => {
                    let add = || self.sources.add(file.path.as_str(), &*file.text);
                    Span::new(*id.get_or_insert_with(add), range)
                }
            };
            // The marked value's place comes first, the policy's after it.
            let others = std::mem::take(&mut diagnostic.labels);
            diagnostic = diagnostic.at(place, "");
            diagnostic.labels.extend(others);
            self.diagnostics.push(diagnostic);
        }
    }

    fn marker(
        &mut self,
        file: &Marking,
        marker: &Marker,
        places: &Places<'_>,
        found: &mut Vec<Found>,
    ) {
        let range = marker.start..marker.end;
        let Some((namespace, name, part)) = marker.parts() else {
            found.push((
                range,
                Diagnostic::error(
                    "image-marker-misplaced",
                    format!("`{}` names no policy", marker.policy),
                )
                .with_help(
                    "write `NAMESPACE:NAME`, with `:tag`, `:name` or `:digest` after it for a part",
                ),
            ));
            return;
        };
        let mut covering: Vec<usize> = above(&file.path)
            .filter_map(|folder| self.by_folder.get(folder))
            .flatten()
            .copied()
            .collect();
        covering.sort_unstable();
        let covering: Vec<&Automation<'_>> =
            covering.iter().map(|at| &self.automations[*at]).collect();
        let mut clusters: BTreeSet<usize> = covering
            .iter()
            .flat_map(|automation| automation.clusters.iter().copied())
            .collect();
        if covering.is_empty() {
            clusters.extend(file.cluster);
            found.extend(self.outside(file, &range));
        }
        if let [automation, ..] = covering.as_slice()
            && !covering
                .iter()
                .any(|automation| automation.is_in(namespace))
        {
            let identity = &automation.resource.identity;
            let message = format!(
                "the automation `{}` is in namespace `{}` and takes no policy of `{namespace}`",
                identity.name, identity.namespace
            );
            found.push((
                range.clone(),
                Diagnostic::error("image-automation-namespace", message)
                    .at(automation.resource.node.span, "the automation")
                    .with_help(format!(
                        "define the automation as `[imageUpdates.\"{namespace}/{}\"]`",
                        identity.name
                    )),
            ));
            // Whether the policy is there is another question.
        }
        let having: Vec<(usize, (String, String))> = clusters
            .iter()
            .filter_map(|at| Some((*at, self.key(*at, namespace, name)?)))
            .collect();
        for (at, key) in &having {
            self.used.insert((*at, key.0.clone(), key.1.clone()));
        }
        if having.is_empty() && !clusters.is_empty() {
            found.push((range, self.without_policy(&clusters, namespace, name)));
            return;
        }
        let Some(scalar) = marker.scalar() else {
            return;
        };
        let place = places.get(&scalar.range.start);
        if place.is_some_and(|place| !place.is_text) || is_date(scalar) {
            let text = &scalar.text;
            let message =
                format!("`{text}` is no string to YAML, and keeps its type when it is set");
            found.push((
                scalar.range.clone(),
                Diagnostic::warning("image-marker-on-number", message)
                    .with_note("the file could not be read any more: `!!float 1.2.0`")
                    .with_help(format!("put it in quotes: `\"{text}\"`")),
            ));
        }
        let marked = Marked {
            text: &scalar.text,
            part,
            beside: place.and_then(|place| place.beside),
        };
        for (at, key) in having {
            if let Some(mut diagnostic) = judge(&self.policies[at][&key], marked, &mut self.picks) {
                if file.cluster.is_some() && part != "digest" {
                    let help = format!("go back to `initial`: `fluxgen image reset {name}`");
                    diagnostic = diagnostic.with_help(help);
                }
                found.push((range.clone(), in_cluster(self.graph, diagnostic, at)));
            }
        }
    }

    /// A policy of a cluster; the namespace of a user's own one may be set by kustomize.
    fn key(&self, at: usize, namespace: &str, name: &str) -> Option<(String, String)> {
        let policies = &self.policies[at];
        [namespace, ""]
            .into_iter()
            .map(|namespace| (namespace.to_owned(), name.to_owned()))
            .find(|key| policies.contains_key(key))
    }

    fn without_policy(
        &self,
        clusters: &BTreeSet<usize>,
        namespace: &str,
        name: &str,
    ) -> Diagnostic {
        let mut diagnostic = Diagnostic::error(
            "image-marker-without-policy",
            format!("no ImagePolicy `{name}` is defined in namespace `{namespace}`"),
        );
        for at in clusters {
            diagnostic = in_cluster(self.graph, diagnostic, *at);
        }
        let known = || clusters.iter().flat_map(|at| self.policies[*at].keys());
        if let Some((other, _)) = known().find(|(_, known)| known == name) {
            return diagnostic.with_help(format!(
                "write `{other}:{name}`: it is in namespace `{other}`"
            ));
        }
        match nearest(name, known().map(|(_, name)| name.as_str())) {
            Some(near) => diagnostic.with_help(format!("did you mean `{near}`?")),
            None => diagnostic
                .with_help(format!("define it: `[images.{name}]` with `policy`"))
                .with_help(format!(
                    "if it comes from elsewhere, say so: `external = [\"ImagePolicy/{namespace}/{name}\"]`"
                )),
        }
    }

    /// A marker that no automation reaches.
    fn outside(&self, file: &Marking, range: &std::ops::Range<usize>) -> Option<Found> {
        let message = format!("no ImageUpdateAutomation reaches `{}`", file.path);
        let is_alone = self.automations.is_empty();
        let diagnostic = match file.cluster {
            Some(_) if is_alone => Diagnostic::warning("image-marker-outside", message)
                .with_help("add one: `[imageUpdates.main]` with `update.path`"),
            Some(_) => Diagnostic::error("image-marker-outside", message)
                .with_help("widen the `update.path` of an automation, or remove the marker"),
            // Automations that work on other repositories may have a checkout of this one, too.
            None if is_alone
                || self
                    .automations
                    .iter()
                    .any(|automation| automation.path.is_none())
                || !reach(self.prefix, &file.path) =>
            {
                return None;
            }
            None => Diagnostic::warning("image-marker-outside", message)
                .with_help("widen the `update.path` of an automation, or remove the marker"),
        };
        let diagnostic = match file.cluster {
            Some(at) => in_cluster(self.graph, diagnostic, at),
            None => diagnostic,
        };
        Some((range.clone(), diagnostic))
    }

    /// Policies of the clusters looked at that no marker uses; one for all clusters.
    fn unused(&mut self, looked_at: &BTreeSet<usize>) {
        for (at, policies) in self.policies.iter().enumerate() {
            // An automation that works on a repository which is not here may use any.
            let elsewhere = self
                .automations
                .iter()
                .any(|automation| automation.clusters.contains(&at) && automation.path.is_none());
            if elsewhere || !looked_at.contains(&at) {
                continue;
            }
            for ((namespace, name), policy) in policies {
                let Some(resource) = policy.resource.filter(|_| policy.is_generated) else {
                    continue;
                };
                if self.used.contains(&(at, namespace.clone(), name.clone())) {
                    continue;
                }
                let diagnostic = Diagnostic::warning(
                    "unused-image-policy",
                    format!("no marker uses the ImagePolicy `{namespace}/{name}`"),
                )
                .at(resource.node.span, "")
                .with_help(format!("mark a value, `{{ imagePolicy = \"{name}:tag\", initial = \"…\" }}`, or remove it"));
                self.diagnostics
                    .push(in_cluster(self.graph, diagnostic, at));
            }
        }
    }
}

/// Whether a file is one list, whose items the automation takes for resources that are in no file.
fn is_list(documents: &[Arc<Node>]) -> bool {
    let [document] = documents else { return false };
    let kind = document.get("kind").and_then(Node::as_str);
    matches!(kind, Some("List" | "ResourceList")) && document.get("items").is_some()
}

/// `2024-01-31`, which is a date to the reader of the automation.
fn is_date(scalar: &Scalar) -> bool {
    let parts: Vec<&str> = scalar.text.split('-').collect();
    let is_number =
        |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    scalar.is_bare && parts.len() == 3 && parts[0].len() == 4 && parts.iter().all(is_number)
}

/// Strings of resources that hold a marker: a block of text, or an included file's.
fn strings_with_markers(graph: &Graph, diagnostics: &mut Diagnostics) {
    for variant in &graph.validated.expanded.variants {
        for resource in &variant.resources {
            if let Some(span) = string_with_marker(&resource.node) {
                let span = if span.is_built_in() {
                    variant.span
                } else {
                    span
                };
                diagnostics.push(
                    Diagnostic::error(
                        "image-marker-misplaced",
                        format!("a text of {} holds a marker, where no setter finds it", resource.identity),
                    )
                    .at(span, "")
                    .with_help("write the field out in the TOML file or a YAML file of `values`, and mark it with `{ imagePolicy = \"…\", initial = \"…\" }`"),
                );
            }
        }
    }
}

fn string_with_marker(node: &Node) -> Option<Span> {
    match &node.value {
        Value::String(text) => text.contains(TOKEN).then_some(node.span),
        Value::Table(table) => table
            .iter()
            .find_map(|(_, entry)| string_with_marker(&entry.node)),
        Value::Array(items) => items.iter().find_map(string_with_marker),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Marked(_) => {
            None
        }
    }
}
