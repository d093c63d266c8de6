//! `gotk-sync.yaml`: the repository and the Kustomization that sync the cluster's own folder.

use crate::go::duration::Duration;
use crate::node::{Node, Table};
use crate::source::Span;

/// What `flux bootstrap` is told about the repository.
///
/// Source: <https://fluxcd.io/flux/cmd/flux_bootstrap_git/>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sync {
    /// The name of both objects, too.
    pub namespace: String,
    pub url: String,
    pub reference: Reference,
    /// The Secret with the credentials, `flux-system` by default; `None` for a public repository.
    pub secret: Option<String>,
    pub interval: Duration,
    /// From the root of the repository; `..` never leads out of it.
    pub path: String,
    pub recurse_submodules: bool,
    /// From Flux 2.9 on.
    pub sparse_checkout: Vec<String>,
    /// The provider of the credentials (`aws` from Flux 2.9 on); the default is `generic`.
    pub provider: Option<String>,
}

/// What to check out; Flux itself only ever writes a branch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reference {
    pub branch: Option<String>,
    pub commit: Option<String>,
    pub semver: Option<String>,
    pub tag: Option<String>,
}

impl Reference {
    pub fn branch(name: impl Into<String>) -> Self {
        Self {
            branch: Some(name.into()),
            ..Self::default()
        }
    }
}

/// The GitRepository and the Kustomization, keys in Flux's order.
///
/// The Kustomization's interval is always 10 minutes and it always prunes, as Flux has it.
pub fn sync(sync: &Sync) -> [Node; 2] {
    let mut repository = Table::new();
    repository.set("interval", text(&sync.interval.to_string()));
    if let Some(provider) = &sync.provider {
        repository.set("provider", text(provider));
    }
    if sync.recurse_submodules {
        repository.set("recurseSubmodules", Node::new(true, Span::BUILT_IN));
    }
    repository.set("ref", reference(&sync.reference));
    if let Some(secret) = &sync.secret {
        repository.set("secretRef", table([("name", text(secret))]));
    }
    if !sync.sparse_checkout.is_empty() {
        let folders: Vec<_> = sync
            .sparse_checkout
            .iter()
            .map(|folder| text(folder))
            .collect();
        repository.set("sparseCheckout", Node::new(folders, Span::BUILT_IN));
    }
    repository.set("url", text(&sync.url));
    let kustomization = table([
        ("interval", text("10m0s")),
        ("path", text(&rooted(&sync.path))),
        ("prune", Node::new(true, Span::BUILT_IN)),
        (
            "sourceRef",
            table([
                ("kind", text("GitRepository")),
                ("name", text(&sync.namespace)),
            ]),
        ),
    ]);
    let object = |version, kind, spec| {
        table([
            ("apiVersion", text(version)),
            ("kind", text(kind)),
            (
                "metadata",
                table([
                    ("name", text(&sync.namespace)),
                    ("namespace", text(&sync.namespace)),
                ]),
            ),
            ("spec", spec),
        ])
    };
    [
        object(
            "source.toolkit.fluxcd.io/v1",
            "GitRepository",
            Node::new(repository, Span::BUILT_IN),
        ),
        object(
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            kustomization,
        ),
    ]
}

fn reference(reference: &Reference) -> Node {
    let mut found = Table::new();
    let fields = [
        ("branch", &reference.branch),
        ("commit", &reference.commit),
        ("semver", &reference.semver),
        ("tag", &reference.tag),
    ];
    for (key, value) in fields {
        if let Some(value) = value {
            found.set(key, text(value));
        }
    }
    Node::new(found, Span::BUILT_IN)
}

/// `./` and the path, cleaned; `..` stops at the root.
fn rooted(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("./{}", parts.join("/"))
}

fn text(text: &str) -> Node {
    Node::new(text, Span::BUILT_IN)
}

fn table<const N: usize>(entries: [(&str, Node); N]) -> Node {
    let mut table = Table::new();
    for (key, node) in entries {
        table.set(key, node);
    }
    Node::new(table, Span::BUILT_IN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::write;

    fn minute() -> Duration {
        Duration::parse("1m").unwrap()
    }

    #[test]
    fn the_plain_form_is_what_bootstrap_writes() {
        let [repository, kustomization] = sync(&Sync {
            namespace: "flux-system".to_owned(),
            url: "ssh://git@github.com/org/repo".to_owned(),
            reference: Reference::branch("main"),
            secret: Some("flux-system".to_owned()),
            interval: minute(),
            path: "clusters/my-cluster".to_owned(),
            recurse_submodules: false,
            sparse_checkout: Vec::new(),
            provider: None,
        });
        assert_eq!(
            write(&repository),
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata:\n  name: flux-system\n  namespace: flux-system\nspec:\n  interval: 1m0s\n  ref:\n    branch: main\n  secretRef:\n    name: flux-system\n  url: ssh://git@github.com/org/repo\n"
        );
        assert_eq!(
            write(&kustomization),
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: flux-system\n  namespace: flux-system\nspec:\n  interval: 10m0s\n  path: ./clusters/my-cluster\n  prune: true\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n"
        );
    }

    #[test]
    fn every_option_has_its_place() {
        let [repository, kustomization] = sync(&Sync {
            namespace: "flux".to_owned(),
            url: "https://x/y".to_owned(),
            reference: Reference {
                tag: Some("v1".to_owned()),
                semver: Some("1.x".to_owned()),
                ..Reference::default()
            },
            secret: None,
            interval: minute(),
            path: "/../a//b/../c/".to_owned(),
            recurse_submodules: true,
            sparse_checkout: vec!["a".to_owned()],
            provider: Some("aws".to_owned()),
        });
        assert_eq!(
            write(repository.get("spec").unwrap()),
            "interval: 1m0s\nprovider: aws\nrecurseSubmodules: true\nref:\n  semver: 1.x\n  tag: v1\nsparseCheckout:\n- a\nurl: https://x/y\n"
        );
        assert_eq!(
            kustomization.at(&["spec", "path"]).unwrap().as_str(),
            Some("./a/c")
        );
        assert_eq!(
            kustomization
                .at(&["spec", "sourceRef", "name"])
                .unwrap()
                .as_str(),
            Some("flux")
        );
        assert_eq!(rooted(""), "./");
    }
}
