//! Which sources are this repository, and what their artifacts hold of it.

use crate::kustomize::Artifact;
use crate::node::Node;
use crate::resource::Resource;
use crate::settings::Settings;
use crate::settings::flux::Sync;

/// The GitRepository that a Kustomization builds, as far as it is this repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Here(Artifact),
    Elsewhere(String),
    /// No source of this name was found so far.
    Missing(String),
}

/// What a Kustomization's `sourceRef` is in a cluster, by its place in the settings. `found` gives the GitRepositories of the cluster by namespace and name.
pub(super) fn source_of<'r>(
    kustomization: &Resource,
    settings: &Settings,
    cluster: usize,
    found: &dyn Fn(&str, &str) -> Option<&'r Resource>,
) -> Source {
    let part = |key: &str| {
        kustomization
            .get(&["spec", "sourceRef", key])
            .and_then(Node::as_str)
    };
    let kind = part("kind").unwrap_or_default();
    let name = part("name").unwrap_or_default();
    let own = kustomization.identity.namespace.as_str();
    let namespace = part("namespace").unwrap_or(own);
    let label = format!("{kind} `{namespace}/{name}`");
    if kind != "GitRepository" {
        return Source::Elsewhere(label);
    }
    let is_synced = settings.repo.is_named(namespace, name);
    let Some(repository) = found(namespace, name) else {
        return match is_synced {
            true => Source::Here(synced(&settings.clusters[cluster].flux.sync)),
            false => Source::Missing(label),
        };
    };
    let text = |path: &[&str]| repository.get(path).and_then(Node::as_str);
    let is_ours = match (text(&["spec", "url"]), &settings.repo.url) {
        (Some(url), Some(ours)) => address(url) == address(&ours.value),
        _ => is_synced,
    };
    if !is_ours {
        return Source::Elsewhere(label);
    }
    // Another branch or a tag has other files.
    let reference = ["commit", "name", "semver", "tag"]
        .iter()
        .any(|key| text(&["spec", "ref", key]).is_some());
    let branch = text(&["spec", "ref", "branch"]);
    let is_other_branch = branch.is_some_and(|branch| branch != settings.repo.branch);
    if reference || is_other_branch {
        return Source::Elsewhere(format!("another revision of this repository, {label}"));
    }
    if repository
        .get(&["spec", "include"])
        .and_then(Node::as_array)
        .is_some_and(|it| !it.is_empty())
    {
        return Source::Elsewhere(format!("what {label} includes"));
    }
    let sparse = repository
        .get(&["spec", "sparseCheckout"])
        .and_then(Node::as_array);
    Source::Here(Artifact {
        ignore: text(&["spec", "ignore"]).map(str::to_owned),
        sparse: sparse
            .into_iter()
            .flatten()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
    })
}

/// What Flux's own sync fetches of the repository.
fn synced(sync: &Sync) -> Artifact {
    let sparse = sync.sparse_checkout.iter();
    Artifact {
        ignore: None,
        sparse: sparse.map(|folder| folder.value.clone()).collect(),
    }
}

/// Host and path of a repository's address, the same for https, ssh and the short form of ssh.
fn address(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = rest.find('/').unwrap_or(rest.len());
    let rest = match rest[..end].rfind('@') {
        Some(at) => &rest[at + 1..],
        None => rest,
    };
    let rest = rest.trim_end_matches('/');
    let rest = rest.strip_suffix(".git").unwrap_or(rest);
    let (host, path) = rest.split_once(['/', ':']).unwrap_or((rest, ""));
    // The port of an address with one.
    let path = match path.split_once('/') {
        Some((port, path)) if !port.is_empty() && port.bytes().all(|it| it.is_ascii_digit()) => {
            path
        }
        _ => path,
    };
    format!("{}/{path}", host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_repository_has_many_addresses() {
        for url in [
            "https://github.com/acme/fleet",
            "https://github.com/acme/fleet.git",
            "https://user@GitHub.com/acme/fleet/",
            "ssh://git@github.com/acme/fleet.git",
            "ssh://git@github.com:22/acme/fleet",
            "git@github.com:acme/fleet.git",
        ] {
            assert_eq!(address(url), "github.com/acme/fleet", "{url}");
        }
    }
}
