//! The markers of the whole repository against the policies and automations of the clusters.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use rayon::prelude::*;
use regex::Regex;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::files::{EntryKind, Files, Found};
use crate::kustomize::normalised;
use crate::link::Graph;
use crate::node::{Node, Value};
use crate::project::Project;
use crate::resource::{Identity, Resource};
use crate::schema::FluxMinor;
use crate::source::{Sources, Span};
use crate::tree::CLUSTERS;
use crate::yaml;

use super::evaluation::evaluate;
use super::marker::{Marker, TOKEN, markers};
use super::reference::Repository;
use super::spec::{self, Spec};

/// The largest YAML file that is looked at, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// A file with markers.
struct Marking {
    /// From the repository's root.
    path: String,
    text: String,
    /// The cluster whose tree it is in, if it is generated.
    cluster: Option<String>,
    markers: Vec<Marker>,
    /// Markers in the values of strings, where no setter finds them.
    in_text: bool,
}

/// A policy of a cluster; nothing more is known of those that the TOML file does not define.
#[derive(Default)]
struct Policy<'a> {
    resource: Option<&'a Resource>,
    spec: Option<Spec>,
    image: Option<Repository>,
}

/// An ImageUpdateAutomation of a cluster.
struct Automation<'a> {
    cluster: usize,
    resource: &'a Resource,
    /// From the repository's root, normalised; none where it works on another repository.
    path: Option<String>,
}

type Policies<'a> = BTreeMap<(String, String), Policy<'a>>;

/// Looks at all markers that an automation can reach, and at the automations.
pub fn scan(project: &mut Project, diagnostics: &mut Diagnostics) {
    let Project {
        snapshot,
        sources,
        existing,
        built,
        ..
    } = project;
    let Some(built) = built else { return };
    let (Some(graph), Some(tree)) = (built.graph(), built.tree.as_ref()) else {
        return;
    };
    let has_kind = graph.validated.expanded.variants.iter().any(|variant| {
        variant
            .resources
            .iter()
            .any(|resource| resource.identity.group == GROUP)
    });
    let prefix = snapshot.folder();
    let mut files: Vec<Marking> = tree
        .clusters
        .par_iter()
        .flat_map_iter(|cluster| {
            let marked = cluster
                .files
                .iter()
                .filter(|(_, text)| text.contains("$imagepolicy"));
            marked.map(|(path, text)| {
                let path = snapshot.from_root(&format!("{CLUSTERS}/{}/{path}", cluster.name));
                Marking {
                    path,
                    markers: markers(text),
                    // What a resource's strings hold is told at its place in the TOML file.
                    in_text: false,
                    text: text.to_string(),
                    cluster: Some(cluster.name.clone()),
                }
            })
        })
        .collect();
    if !has_kind && files.is_empty() {
        return;
    }
    strings_with_markers(graph, diagnostics);
    let policies: Vec<Policies<'_>> = (0..graph.clusters.len())
        .map(|at| {
            let name = &graph.settings().clusters[at].name.value;
            let foreign = existing.get(name).map(|existing| existing.foreign(name));
            let foreign = foreign.unwrap_or_default().into_iter();
            policies_of(graph, at, foreign.map(|foreign| foreign.identity).collect())
        })
        .collect();
    let automations = automations_of(graph, prefix);
    for automation in &automations {
        check_automation(graph, automation, diagnostics);
    }
    let generated: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let (own, passed_over) = repository_files(snapshot.files().as_ref(), &automations, &generated);
    files.extend(own);
    if passed_over > 0 {
        let (s, verb) = if passed_over == 1 {
            ("", "is")
        } else {
            ("s", "are")
        };
        diagnostics.push(Diagnostic::note(
            "image-files-passed-over",
            format!("{passed_over} file{s} with image markers {verb} passed over: no valid YAML, or a template"),
        ));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut scanning = Scanning {
        graph,
        policies: &policies,
        automations: &automations,
        sources,
        diagnostics,
        used: BTreeSet::new(),
    };
    for file in &files {
        scanning.file(file);
    }
    scanning.unused();
}

const GROUP: &str = "image.toolkit.fluxcd.io";

struct Scanning<'a, 'd> {
    graph: &'a Graph,
    policies: &'a [Policies<'a>],
    automations: &'a [Automation<'a>],
    sources: &'d mut Sources,
    diagnostics: &'d mut Diagnostics,
    /// Per cluster, the policies that a marker uses.
    used: BTreeSet<(usize, String, String)>,
}

impl Scanning<'_, '_> {
    fn file(&mut self, file: &Marking) {
        let mut id = None;
        let mut found = Vec::new();
        if file.in_text {
            let message = format!(
                "`{}` holds a marker inside a text, where no setter finds it",
                file.path
            );
            found.push((
                0..0,
                Diagnostic::error("image-marker-misplaced", message)
                    .with_help("put the value on a line of its own, `tag: 1.0.0 # {\"$imagepolicy\": …}`, outside of any `|` or `>` block"),
            ));
        }
        for marker in &file.markers {
            self.marker(file, marker, &mut found);
        }
        for (range, diagnostic) in found {
            let id =
                *id.get_or_insert_with(|| self.sources.add(file.path.as_str(), file.text.as_str()));
            let mut diagnostic = diagnostic;
            // The place in the file comes first, the policy's after it.
            let others = std::mem::take(&mut diagnostic.labels);
            diagnostic = diagnostic.at(Span::new(id, range), "");
            diagnostic.labels.extend(others);
            self.diagnostics.push(diagnostic);
        }
    }

    fn marker(
        &mut self,
        file: &Marking,
        marker: &Marker,
        found: &mut Vec<(std::ops::Range<usize>, Diagnostic)>,
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
        let key = (namespace.to_owned(), name.to_owned());
        let covering: Vec<&Automation<'_>> = self
            .automations
            .iter()
            .filter(|automation| {
                automation
                    .path
                    .as_deref()
                    .is_some_and(|path| covers(path, &file.path))
            })
            .collect();
        let own = file.cluster.as_ref().and_then(|name| {
            let clusters = &self.graph.settings().clusters;
            clusters
                .iter()
                .position(|cluster| cluster.name.value == *name)
        });
        let mut clusters: Vec<usize> = covering
            .iter()
            .map(|automation| automation.cluster)
            .collect();
        if covering.is_empty() {
            clusters.extend(own);
            let label = format!("no ImageUpdateAutomation reaches `{}`", file.path);
            let (diagnostic, help) = match self.automations.is_empty() {
                true => (
                    Diagnostic::warning("image-marker-outside", label),
                    "add one: `[imageUpdates.main]` with `update.path`",
                ),
                false => (
                    Diagnostic::error("image-marker-outside", label),
                    "widen the `update.path` of an automation, or remove the marker",
                ),
            };
            found.push((
                range.clone(),
                self.in_cluster(diagnostic, own).with_help(help),
            ));
        }
        clusters.sort_unstable();
        clusters.dedup();
        let in_namespace =
            |automation: &&&Automation<'_>| automation.resource.identity.namespace == namespace;
        if !covering.is_empty() && !covering.iter().any(|automation| in_namespace(&automation)) {
            let automation = covering[0].resource;
            let message = format!(
                "the automation `{}` is in namespace `{}` and takes no policy of `{namespace}`",
                automation.identity.name, automation.identity.namespace
            );
            found.push((
                range.clone(),
                Diagnostic::error("image-automation-namespace", message)
                    .at(automation.node.span, "the automation")
                    .with_help(format!(
                        "define the automation as `[imageUpdates.\"{namespace}/{}\"]`",
                        automation.identity.name
                    )),
            ));
            // Whether the policy is there is another question.
        }
        let having: Vec<usize> = clusters
            .iter()
            .copied()
            .filter(|at| self.policies[*at].contains_key(&key))
            .collect();
        for at in &having {
            self.used.insert((*at, key.0.clone(), key.1.clone()));
        }
        if having.is_empty() && !clusters.is_empty() {
            let names = self.policies[clusters[0]]
                .keys()
                .map(|(_, name)| name.as_str());
            let mut diagnostic = Diagnostic::error(
                "image-marker-without-policy",
                format!("no ImagePolicy `{name}` is defined in namespace `{namespace}`"),
            );
            for at in &clusters {
                diagnostic = self.in_cluster(diagnostic, Some(*at));
            }
            diagnostic = match crate::diagnostic::nearest::nearest(name, names) {
                Some(near) => diagnostic.with_help(format!("did you mean `{near}`?")),
                None => diagnostic.with_help(format!("define it: `[images.{name}]` with `policy`")),
            };
            found.push((range, diagnostic));
            return;
        }
        for at in having {
            let policy = &self.policies[at][&key];
            if let Some(diagnostic) = judge(policy, marker, part) {
                found.push((
                    marker.start..marker.end,
                    self.in_cluster(diagnostic, Some(at)),
                ));
            }
        }
    }

    fn in_cluster(&self, diagnostic: Diagnostic, at: Option<usize>) -> Diagnostic {
        match at {
            Some(at) => {
                diagnostic.in_cluster(self.graph.settings().clusters[at].name.value.as_str())
            }
            None => diagnostic,
        }
    }

    /// Policies that no marker of their cluster uses; one for all clusters.
    fn unused(&mut self) {
        for (at, policies) in self.policies.iter().enumerate() {
            // An automation that works on a repository which is not here may use any.
            let elsewhere = self
                .automations
                .iter()
                .any(|automation| automation.cluster == at && automation.path.is_none());
            if elsewhere {
                continue;
            }
            for ((namespace, name), policy) in policies {
                let Some(resource) = policy.resource else {
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
                let diagnostic = self.in_cluster(diagnostic, Some(at));
                self.diagnostics.push(diagnostic);
            }
        }
    }
}

/// What the value of a marked line says against its policy.
fn judge(policy: &Policy<'_>, marker: &Marker, part: &str) -> Option<Diagnostic> {
    let resource = policy.resource?;
    let (image, tag) = match part {
        "tag" => (None, Some(marker.value.as_str())),
        "name" => (Some(marker.value.as_str()), None),
        "digest" => (None, None),
        _ => {
            let whole = marker.value.split('@').next().unwrap_or_default();
            match whole.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
                Some((image, tag)) => (Some(image), Some(tag)),
                None => (Some(whole), None),
            }
        }
    };
    if let (Some(image), Some(known)) = (image, &policy.image)
        && Repository::parse(image).is_ok_and(|image| image != *known)
    {
        let place = spec::image_place(resource).unwrap_or(resource.node.span);
        let message = format!(
            "`{image}` is not the image of the policy `{}`, `{known}`",
            resource.identity.name
        );
        return Some(
            Diagnostic::error("image-marker-other-image", message)
                .at(place, "the policy")
                .with_help("mark the value with the policy of its own image"),
        );
    }
    let (tag, spec) = (tag?, policy.spec.as_ref()?);
    let evaluation = evaluate(&spec.policy, spec.filter.as_ref(), &[tag.to_owned()]);
    if evaluation
        .outcome
        .candidates()
        .iter()
        .any(|candidate| candidate == tag)
    {
        return None;
    }
    let place =
        spec::place(resource, super::lint::Field::Policy).filter(|place| !place.is_built_in());
    let message = format!(
        "the policy `{}` cannot have picked `{tag}`",
        resource.identity.name
    );
    Some(
        Diagnostic::warning("image-tag-not-of-policy", message)
            .at(
                place.unwrap_or(resource.node.span),
                format!("the policy: {}", spec.policy),
            )
            .with_help("change the policy or its filter, or set a value that it would pick"),
    )
}

fn covers(folder: &str, path: &str) -> bool {
    folder.is_empty()
        || path == folder
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
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

fn policies_of(graph: &Graph, at: usize, foreign: Vec<Identity>) -> Policies<'_> {
    let mut policies = Policies::new();
    let external = graph
        .settings()
        .external
        .iter()
        .map(|external| external.value.clone());
    for identity in foreign.into_iter().chain(external) {
        if identity.kind == spec::KIND {
            policies.insert((identity.namespace, identity.name), Policy::default());
        }
    }
    let resources: Vec<&Resource> = of_kinds(graph, at, &[spec::KIND, "ImageRepository"]);
    for resource in resources
        .iter()
        .filter(|resource| resource.identity.kind == spec::KIND)
    {
        let repository = spec::repository_of(resource);
        let image = resources
            .iter()
            .find(|other| Some(&other.identity) == repository.as_ref())
            .and_then(|repository| repository.get(&["spec", "image"])?.as_str())
            .and_then(|image| Repository::parse(image).ok());
        let key = (
            resource.identity.namespace.clone(),
            resource.identity.name.clone(),
        );
        let spec = spec::read(resource).and_then(Result::ok);
        policies.insert(
            key,
            Policy {
                resource: Some(resource),
                spec,
                image,
            },
        );
    }
    policies
}

fn of_kinds<'a>(graph: &'a Graph, at: usize, kinds: &[&str]) -> Vec<&'a Resource> {
    let ids = graph.clusters[at].resources.iter();
    let resources = ids.map(|id| graph.resource(*id));
    resources
        .filter(|resource| {
            resource.identity.group == GROUP && kinds.contains(&resource.identity.kind.as_str())
        })
        .collect()
}

fn automations_of<'a>(graph: &'a Graph, prefix: &str) -> Vec<Automation<'a>> {
    let repo = &graph.settings().repo;
    let mut found = Vec::new();
    for cluster in 0..graph.clusters.len() {
        for resource in of_kinds(graph, cluster, &["ImageUpdateAutomation"]) {
            let text = |path: &[&str]| resource.get(path).and_then(Node::as_str);
            let namespace =
                text(&["spec", "sourceRef", "namespace"]).unwrap_or(&resource.identity.namespace);
            let is_here = text(&["spec", "sourceRef", "name"]) == Some(repo.name.as_str())
                && namespace == repo.namespace;
            let path = text(&["spec", "update", "path"]).unwrap_or_default();
            let path = is_here.then(|| from_root(prefix, &normalised(path)));
            found.push(Automation {
                cluster,
                resource,
                path,
            });
        }
    }
    found
}

fn check_automation(graph: &Graph, automation: &Automation<'_>, diagnostics: &mut Diagnostics) {
    let resource = automation.resource;
    let cluster = &graph.settings().clusters[automation.cluster];
    let name = cluster.name.value.as_str();
    if let Some(template) = resource.get(&["spec", "git", "commit", "messageTemplate"])
        && let Some(text) = template.as_str()
        && cluster.flux.minor >= FluxMinor::ALL[1]
        && let Some(field) = removed_field(text)
    {
        diagnostics.push(
            Diagnostic::error("image-commit-template", format!("Flux 2.7 removed `{field}` from commit message templates"))
                .at(template.span, "")
                .in_cluster(name)
                .with_help("use `.Changed.Changes`, with `.OldValue` and `.NewValue` of each, or `.Changed.Objects`"),
        );
    }
    let has = |path: &[&str]| {
        resource
            .get(path)
            .and_then(Node::as_str)
            .is_some_and(|text| !text.is_empty())
    };
    let pushes = has(&["spec", "git", "push", "branch"])
        || has(&["spec", "git", "push", "refspec"])
        || has(&["spec", "git", "checkout", "ref", "branch"]);
    if pushes || (automation.path.is_some() && resource.get(&["spec", "git", "checkout"]).is_none())
    {
        return;
    }
    let reference = |key: &str| {
        resource
            .get(&["spec", "sourceRef", key])
            .and_then(Node::as_str)
    };
    let namespace = reference("namespace").unwrap_or(&resource.identity.namespace);
    let source = graph.clusters[automation.cluster]
        .resources
        .iter()
        .map(|id| graph.resource(*id))
        .find(|source| {
            source.identity.kind == "GitRepository"
                && Some(source.identity.name.as_str()) == reference("name")
                && source.identity.namespace == namespace
        });
    // A GitRepository that is not in the TOML file may name a branch.
    let is_without = match source {
        Some(source) => source.get(&["spec", "ref", "branch"]).is_none(),
        None => automation.path.is_some(),
    };
    if is_without || resource.get(&["spec", "git", "checkout"]).is_some() {
        let place = resource
            .get(&["spec", "sourceRef"])
            .map_or(resource.node.span, |node| node.span);
        let place = if place.is_built_in() {
            resource.node.span
        } else {
            place
        };
        diagnostics.push(
            Diagnostic::error(
                "image-automation-branch",
                format!(
                    "the automation `{}` has no branch to push to",
                    resource.identity.name
                ),
            )
            .at(place, "")
            .in_cluster(name)
            .with_help("set `git.push.branch`, or `ref.branch` of the GitRepository"),
        );
    }
}

/// What a template uses of that which Flux 2.7 took away.
///
/// Source: <https://fluxcd.io/flux/components/image/imageupdateautomations/#message-template>
pub(crate) fn removed_field(template: &str) -> Option<&'static str> {
    let actions = Regex::new(r"(?s)\{\{.*?\}\}").expect("a pattern");
    let updated = Regex::new(r"(^|[\s({$])\.Updated\b").expect("a pattern");
    let result = Regex::new(r"\.Changed\.ImageResult\b|\.ImageResult\b").expect("a pattern");
    actions.find_iter(template).find_map(|action| {
        if updated.is_match(action.as_str()) {
            return Some(".Updated");
        }
        result
            .is_match(action.as_str())
            .then_some(".Changed.ImageResult")
    })
}

/// A path that names the project's own folder is from the repository's root, as the automation takes it; a
/// project that is kept inside of another repository, as an example is, has its paths from its own folder.
fn from_root(prefix: &str, path: &str) -> String {
    match path {
        _ if prefix.is_empty() || covers(prefix, path) => path.to_owned(),
        "" => prefix.to_owned(),
        path => joined(prefix, path),
    }
}

fn joined(prefix: &str, path: &str) -> String {
    if prefix.is_empty() {
        path.to_owned()
    } else {
        format!("{prefix}/{path}")
    }
}

/// The files below the automations' paths that hold markers and are not generated, and how many could not be read.
fn repository_files(
    files: &dyn Files,
    automations: &[Automation<'_>],
    generated: &BTreeSet<&str>,
) -> (Vec<Marking>, usize) {
    let mut roots: Vec<&str> = automations
        .iter()
        .filter_map(|automation| automation.path.as_deref())
        .collect();
    roots.sort_unstable();
    roots.dedup();
    let all = roots.clone();
    roots.retain(|root| !all.iter().any(|other| other != root && covers(other, root)));
    let found: Vec<Found> = roots
        .iter()
        .flat_map(|root| yaml_files(files, root))
        .collect();
    let read: Vec<Option<Marking>> = found
        .par_iter()
        .filter(|found| !generated.contains(found.path.as_str()))
        .filter_map(|found| {
            let bytes = files.open(found, LARGEST).ok()?;
            // What the tree does not hold any more is removed by the next build.
            if !holds_token(&bytes) || bytes.starts_with(crate::emit::HEADER.as_bytes()) {
                return None;
            }
            Some(marking(&found.path, &bytes))
        })
        .collect();
    let passed_over = read.iter().filter(|file| file.is_none()).count();
    (read.into_iter().flatten().collect(), passed_over)
}

fn holds_token(bytes: &[u8]) -> bool {
    // Texts that are not UTF-8 are passed over later; the token is ASCII.
    match std::str::from_utf8(bytes) {
        Ok(text) => text.contains(TOKEN),
        Err(_) => bytes
            .windows(TOKEN.len())
            .any(|window| window == TOKEN.as_bytes()),
    }
}

fn marking(path: &str, bytes: &[u8]) -> Option<Marking> {
    let text = std::str::from_utf8(bytes).ok()?.to_owned();
    let file = Sources::default().add(path, "");
    let documents = yaml::read_all(&text, file).ok()?;
    let in_text = documents
        .iter()
        .any(|document| string_with_marker(document).is_some());
    Some(Marking {
        path: path.to_owned(),
        markers: if in_text { Vec::new() } else { markers(&text) },
        in_text,
        cluster: None,
        text,
    })
}

pub(crate) fn yaml_files(files: &dyn Files, root: &str) -> Vec<Found> {
    let mut found: Vec<Found> = files
        .walk(root)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|found| found.kind == EntryKind::File)
        .filter(|found| {
            let path = Utf8Path::new(&found.path);
            matches!(path.extension(), Some("yaml" | "yml"))
                || path.file_name() == Some("Kustomization")
        })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

#[cfg(test)]
mod tests {
    use super::{covers, from_root, removed_field};

    #[test]
    fn a_path_is_from_the_repositorys_root_or_the_projects_folder() {
        assert_eq!(from_root("", "clusters"), "clusters");
        assert_eq!(from_root("deploy", "deploy/clusters"), "deploy/clusters");
        assert_eq!(from_root("deploy", "clusters"), "deploy/clusters");
        assert_eq!(from_root("deploy", ""), "deploy");
    }

    #[test]
    fn a_folder_covers_what_is_below_it_and_no_namesake() {
        assert!(covers("", "a.yaml") && covers("a", "a/b.yaml") && covers("a.yaml", "a.yaml"));
        assert!(!covers("a", "ab/c.yaml") && !covers("a/b", "a"));
    }

    #[test]
    fn only_what_flux_2_7_removed_is_found_in_templates() {
        assert_eq!(
            removed_field("{{ range .Updated.Images }}{{ . }}{{ end }}"),
            Some(".Updated")
        );
        assert_eq!(
            removed_field("{{ .Changed.ImageResult }}"),
            Some(".Changed.ImageResult")
        );
        for sound in [
            "{{ range .Changed.Changes }}{{ .OldValue }}{{ end }}",
            "was .Updated",
            "{{ .Values.Updated }}",
        ] {
            assert_eq!(removed_field(sound), None, "{sound}");
        }
    }
}
