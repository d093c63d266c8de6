//! ImageUpdateAutomations: what each can reach, and what of it cannot work.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::files::{joined, reach};
use super::{GROUP, Own, in_cluster, of_kinds};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kustomize::normalised;
use crate::link::Graph;
use crate::node::Node;
use crate::resource::Resource;
use crate::schema::FluxMinor;
use crate::settings::repo::address;

/// The kind that is looked at here.
pub(super) const KIND: &str = "ImageUpdateAutomation";

/// An ImageUpdateAutomation, of the TOML file or of a file of the user's own.
pub(super) struct Automation<'a> {
    /// The clusters that may have it.
    pub clusters: Vec<usize>,
    pub resource: &'a Resource,
    /// Its folder from the repository's root, normalised; none where it works on another repository.
    pub path: Option<String>,
    /// Whether the TOML file defines it.
    pub is_generated: bool,
}

impl Automation<'_> {
    /// Whether it takes policies of a namespace. Kustomize may set the one of a user's own file.
    pub(super) fn is_in(&self, namespace: &str) -> bool {
        let own = self.resource.identity.namespace.as_str();
        own == namespace || own.is_empty() && !self.is_generated
    }
}

/// Automations, as indices, by the folder that each works on.
pub(super) fn by_folder<'a>(automations: &'a [Automation<'_>]) -> HashMap<&'a str, Vec<usize>> {
    let mut by_folder: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, automation) in automations.iter().enumerate() {
        if let Some(path) = &automation.path {
            by_folder.entry(path).or_default().push(at);
        }
    }
    by_folder
}

pub(super) fn automations<'a>(
    graph: &'a Graph,
    own: &'a [Own],
    prefix: &str,
) -> Vec<Automation<'a>> {
    let generated = (0..graph.clusters.len()).flat_map(|at| {
        let ids = of_kinds(graph, at, &[KIND]).into_iter();
        ids.map(move |id| (vec![at], graph.resource(id), true))
    });
    let own = own
        .iter()
        .filter(|own| own.resource.identity.is_kind(GROUP, KIND))
        .map(|own| {
            let all = || (0..graph.clusters.len()).collect();
            (
                own.cluster.map_or_else(all, |at| vec![at]),
                &own.resource,
                false,
            )
        });
    let with_path = |(clusters, resource, is_generated): (Vec<usize>, &'a Resource, bool)| {
        let path = is_here(graph, clusters.first().copied(), resource).then(|| {
            let path = text(resource, &["spec", "update", "path"]).unwrap_or_default();
            from_root(prefix, &normalised(path))
        });
        Automation {
            clusters,
            resource,
            path,
            is_generated,
        }
    };
    generated.chain(own).map(with_path).collect()
}

fn text<'r>(resource: &'r Resource, path: &[&str]) -> Option<&'r str> {
    resource.get(path).and_then(Node::as_str)
}

/// Whether an automation works on the repository that the TOML file is in.
fn is_here(graph: &Graph, cluster: Option<usize>, automation: &Resource) -> bool {
    let repo = &graph.settings().repo;
    let own = automation.identity.namespace.as_str();
    let namespace = text(automation, &["spec", "sourceRef", "namespace"]).unwrap_or(own);
    let name = text(automation, &["spec", "sourceRef", "name"]);
    let is_repo = |name| {
        repo.identities()
            .any(|(own, known)| known == name && [own, ""].contains(&namespace))
    };
    if name.is_some_and(is_repo) {
        return true;
    }
    // Another source of the same repository, which may write to it.
    let (Some(cluster), Some(url)) = (cluster, &repo.url) else {
        return false;
    };
    source(graph, cluster, automation)
        .and_then(|source| text(source, &["spec", "url"]))
        .is_some_and(|other| address(other) == address(&url.value))
}

/// The GitRepository of an automation, where the TOML file defines it.
fn source<'a>(graph: &'a Graph, cluster: usize, automation: &Resource) -> Option<&'a Resource> {
    let own = automation.identity.namespace.as_str();
    let namespace = text(automation, &["spec", "sourceRef", "namespace"]).unwrap_or(own);
    let name = text(automation, &["spec", "sourceRef", "name"])?;
    let resources = graph.clusters[cluster].resources.iter();
    resources.map(|id| graph.resource(*id)).find(|source| {
        let identity = &source.identity;
        identity.is_kind("source.toolkit.fluxcd.io", "GitRepository")
            && identity.name == name
            && identity.namespace == namespace
    })
}

/// What is wrong with an automation itself. `is_there` says whether a folder or file is in the repository.
pub(super) fn check(
    graph: &Graph,
    automation: &Automation<'_>,
    is_there: impl Fn(&str) -> bool,
    diagnostics: &mut Diagnostics,
) {
    let resource = automation.resource;
    debug_assert_eq!(resource.identity.group, GROUP);
    let told = |diagnostic: Diagnostic| {
        let clusters = automation
            .clusters
            .iter()
            .take(usize::from(automation.is_generated));
        clusters.fold(diagnostic, |diagnostic, at| {
            in_cluster(graph, diagnostic, *at)
        })
    };
    let since_2_7 = automation
        .clusters
        .iter()
        .any(|at| graph.settings().clusters[*at].flux.minor >= FluxMinor::ALL[1]);
    if let Some(template) = resource.get(&["spec", "git", "commit", "messageTemplate"])
        && let Some(text) = template.as_str()
        && since_2_7
        && let Some(field) = removed_field(text)
    {
        diagnostics.push(told(
            Diagnostic::error("image-commit-template", format!("Flux 2.7 removed `{field}` from commit message templates"))
                .at(template.span, "")
                .with_help("use `.Changed.Changes`, with `.OldValue` and `.NewValue` of each, or `.Changed.Objects`"),
        ));
    }
    if !automation.is_generated {
        return;
    }
    if let Some(path) = automation.path.as_deref().filter(|path| !is_there(path)) {
        let place = resource.get(&["spec", "update", "path"]);
        let place = place.map_or(resource.node.span, |node| node.span);
        diagnostics.push(told(
            Diagnostic::warning(
                "image-automation-path",
                format!(
                    "the automation `{}` works on `{path}`, which is not there",
                    resource.identity.name
                ),
            )
            .at(place, "")
            .with_help("correct `update.path`; it is from the repository's root"),
        ));
    }
    check_branch(graph, automation, &told, diagnostics);
}

fn check_branch(
    graph: &Graph,
    automation: &Automation<'_>,
    told: &dyn Fn(Diagnostic) -> Diagnostic,
    diagnostics: &mut Diagnostics,
) {
    let resource = automation.resource;
    let has = |path: &[&str]| text(resource, path).is_some_and(|text| !text.is_empty());
    let pushes = has(&["spec", "git", "push", "branch"])
        || has(&["spec", "git", "push", "refspec"])
        || has(&["spec", "git", "checkout", "ref", "branch"]);
    if pushes {
        return;
    }
    let checks_out = resource.get(&["spec", "git", "checkout"]).is_some();
    let Some(cluster) = automation.clusters.first() else {
        return;
    };
    // A GitRepository that is not in the TOML file, as the repository's own, may name a branch.
    let has_branch = source(graph, *cluster, resource)
        .is_none_or(|source| source.get(&["spec", "ref", "branch"]).is_some());
    if has_branch && !checks_out {
        return;
    }
    let place = resource.get(&["spec", "sourceRef"]).map(|node| node.span);
    let place = place.filter(|place| !place.is_built_in());
    diagnostics.push(told(
        Diagnostic::error(
            "image-automation-branch",
            format!(
                "the automation `{}` has no branch to push to",
                resource.identity.name
            ),
        )
        .at(place.unwrap_or(resource.node.span), "")
        .with_help("set `git.push.branch`, or `ref.branch` of the GitRepository"),
    ));
}

/// What a template uses of that which Flux 2.7 took away.
///
/// Source: <https://fluxcd.io/flux/components/image/imageupdateautomations/#message-template>
pub(crate) fn removed_field(template: &str) -> Option<&'static str> {
    static ACTION: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?s)\{\{.*?\}\}").expect("a pattern"));
    static UPDATED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(^|[\s({$])\.Updated\b").expect("a pattern"));
    static RESULT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\.Changed\.ImageResult\b|\.ImageResult\b").expect("a pattern")
    });
    // Most templates hold neither, and the patterns need not be compiled for them.
    if !template.contains(".Updated") && !template.contains(".ImageResult") {
        return None;
    }
    ACTION.find_iter(template).find_map(|action| {
        if UPDATED.is_match(action.as_str()) {
            return Some(".Updated");
        }
        RESULT
            .is_match(action.as_str())
            .then_some(".Changed.ImageResult")
    })
}

/// A path that names the project's own folder is from the repository's root, as the automation takes it; a
/// project that is kept inside of another repository, as an example is, has its paths from its own folder.
fn from_root(prefix: &str, path: &str) -> String {
    match path {
        _ if prefix.is_empty() || reach(prefix, path) => path.to_owned(),
        "" => prefix.to_owned(),
        path => joined(prefix, path),
    }
}

#[cfg(test)]
mod tests {
    use super::{address, from_root, removed_field};

    #[test]
    fn a_path_is_from_the_repositorys_root_or_the_projects_folder() {
        assert_eq!(from_root("", "clusters"), "clusters");
        assert_eq!(from_root("deploy", "deploy/clusters"), "deploy/clusters");
        assert_eq!(from_root("deploy", "clusters"), "deploy/clusters");
        assert_eq!(from_root("deploy", ""), "deploy");
    }

    #[test]
    fn a_repository_is_the_same_however_it_is_reached() {
        for url in [
            "ssh://git@github.com/acme/fleet",
            "https://github.com/acme/fleet.git",
            "https://github.com/acme/fleet/",
        ] {
            assert_eq!(address(url), "github.com/acme/fleet");
        }
        assert_eq!(address("https://github.com"), "github.com");
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
