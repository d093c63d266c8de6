//! A FluxInstance from the same settings, for clusters whose Flux is run by the Flux Operator.

use crate::install::Options;
use crate::node::{Node, Table};
use crate::source::Span;
use crate::yaml::write;

/// What the operator syncs; it makes the source and the Kustomization itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorSync {
    pub url: String,
    /// A full git reference: `refs/heads/main`.
    pub reference: String,
    pub path: String,
    pub pull_secret: Option<String>,
    pub interval: String,
    /// The source's name where it is not the namespace's; it can never be changed later.
    pub name: Option<String>,
    pub provider: Option<String>,
    pub recurse_submodules: bool,
    pub sparse_checkout: Vec<String>,
}

/// The FluxInstance `flux` of a cluster.
///
/// What the API has a field for is a field. The log level, the namespaces to watch and tolerations
/// have none: they become patches of the controllers, and submodules and the sparse checkout a
/// patch of the source, before `patches` of the user's own.
///
/// Source: <https://fluxcd.control-plane.io/operator/fluxinstance/>
pub fn flux_instance(options: &Options, sync: Option<&OperatorSync>, patches: &[Node]) -> Node {
    let mut distribution = Table::new();
    distribution.set("version", text(&options.version.to_string()));
    distribution.set("registry", text(&options.registry));
    if let Some(secret) = &options.image_pull_secret {
        distribution.set("imagePullSecret", text(secret));
    }
    let components: Vec<_> = options.all_components().map(text).collect();
    let mut spec = Table::new();
    spec.set("distribution", node(distribution));
    spec.set("components", Node::new(components, Span::BUILT_IN));
    spec.set(
        "cluster",
        table([
            ("domain", text(&options.cluster_domain)),
            (
                "networkPolicy",
                Node::new(options.network_policy, Span::BUILT_IN),
            ),
        ]),
    );
    let mut all: Vec<_> = option_patches(options);
    all.extend(sync.and_then(sync_patch));
    all.extend_from_slice(patches);
    if !all.is_empty() {
        spec.set(
            "kustomize",
            table([("patches", Node::new(all, Span::BUILT_IN))]),
        );
    }
    if let Some(found) = sync {
        spec.set("sync", sync_of(found));
    }
    table([
        ("apiVersion", text("fluxcd.controlplane.io/v1")),
        ("kind", text("FluxInstance")),
        (
            "metadata",
            table([
                ("name", text("flux")),
                ("namespace", text(&options.namespace)),
            ]),
        ),
        ("spec", node(spec)),
    ])
}

fn sync_of(sync: &OperatorSync) -> Node {
    let mut found = Table::new();
    let optional = |key: &str, value: &Option<String>, found: &mut Table| {
        if let Some(value) = value {
            found.set(key, text(value));
        }
    };
    found.set("kind", text("GitRepository"));
    optional("name", &sync.name, &mut found);
    found.set("url", text(&sync.url));
    found.set("ref", text(&sync.reference));
    found.set("path", text(&sync.path));
    found.set("interval", text(&sync.interval));
    optional("provider", &sync.provider, &mut found);
    optional("pullSecret", &sync.pull_secret, &mut found);
    node(found)
}

fn sync_patch(sync: &OperatorSync) -> Option<Node> {
    let mut operations = Vec::new();
    if sync.recurse_submodules {
        let value = Node::new(true, Span::BUILT_IN);
        operations.push(operation("/spec/recurseSubmodules", value));
    }
    if !sync.sparse_checkout.is_empty() {
        let folders: Vec<_> = sync.sparse_checkout.iter().map(|path| text(path)).collect();
        let value = Node::new(folders, Span::BUILT_IN);
        operations.push(operation("/spec/sparseCheckout", value));
    }
    if operations.is_empty() {
        return None;
    }
    let patch = write(&Node::new(operations, Span::BUILT_IN));
    let target = table([("kind", text("GitRepository"))]);
    Some(table([("target", target), ("patch", text(&patch))]))
}

fn option_patches(options: &Options) -> Vec<Node> {
    let mut arguments = Vec::new();
    if options.log_level != "info" {
        arguments.push(format!("--log-level={}", options.log_level));
    }
    if !options.watch_all_namespaces {
        arguments.push("--watch-all-namespaces=false".to_owned());
    }
    let mut operations: Vec<_> = arguments
        .iter()
        // The last of two equal flags holds.
        .map(|argument| operation("/spec/template/spec/containers/0/args/-", text(argument)))
        .collect();
    if !options.toleration_keys.is_empty() {
        let keys = options.toleration_keys.iter();
        let tolerations = keys.map(|key| table([("key", text(key)), ("operator", text("Exists"))]));
        let tolerations = Node::new(tolerations.collect::<Vec<_>>(), Span::BUILT_IN);
        operations.push(operation("/spec/template/spec/tolerations", tolerations));
    }
    if operations.is_empty() {
        return Vec::new();
    }
    let patch = write(&Node::new(operations, Span::BUILT_IN));
    let target = [
        ("kind", text("Deployment")),
        ("labelSelector", text("app.kubernetes.io/part-of=flux")),
    ];
    vec![table([("target", table(target)), ("patch", text(&patch))])]
}

fn operation(path: &str, value: Node) -> Node {
    table([("op", text("add")), ("path", text(path)), ("value", value)])
}

fn node(table: Table) -> Node {
    Node::new(table, Span::BUILT_IN)
}

fn text(text: &str) -> Node {
    Node::new(text, Span::BUILT_IN)
}

fn table<const N: usize>(entries: [(&str, Node); N]) -> Node {
    let mut table = Table::new();
    for (key, node) in entries {
        table.set(key, node);
    }
    node(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use semver::Version;

    #[test]
    fn the_defaults_need_no_patch() {
        let sync = OperatorSync {
            url: "https://github.com/acme/fleet".to_owned(),
            reference: "refs/heads/main".to_owned(),
            path: "clusters/staging".to_owned(),
            pull_secret: Some("flux-system".to_owned()),
            interval: "1m".to_owned(),
            name: None,
            provider: None,
            recurse_submodules: false,
            sparse_checkout: Vec::new(),
        };
        let written = write(&flux_instance(
            &Options::new(Version::new(2, 9, 4)),
            Some(&sync),
            &[],
        ));
        assert_eq!(
            written,
            "apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata:\n  name: flux\n  namespace: flux-system\nspec:\n  distribution:\n    version: \"2.9.4\"\n    registry: ghcr.io/fluxcd\n  components:\n  - source-controller\n  - kustomize-controller\n  - helm-controller\n  - notification-controller\n  cluster:\n    domain: cluster.local\n    networkPolicy: true\n  sync:\n    kind: GitRepository\n    url: https://github.com/acme/fleet\n    ref: refs/heads/main\n    path: clusters/staging\n    interval: 1m\n    pullSecret: flux-system\n"
        );
    }

    #[test]
    fn options_without_a_field_become_patches() {
        let mut options = Options::new(Version::new(2, 9, 4));
        options.log_level = "debug".to_owned();
        options.watch_all_namespaces = false;
        options.toleration_keys = vec!["infra".to_owned()];
        let instance = flux_instance(&options, None, &[text("mine")]);
        let patches = instance
            .at(&["spec", "kustomize", "patches"])
            .unwrap()
            .as_array()
            .unwrap();
        assert_eq!(patches.len(), 2);
        assert_eq!(
            patches[0].get("patch").unwrap().as_str().unwrap(),
            "- op: add\n  path: /spec/template/spec/containers/0/args/-\n  value: --log-level=debug\n- op: add\n  path: /spec/template/spec/containers/0/args/-\n  value: --watch-all-namespaces=false\n- op: add\n  path: /spec/template/spec/tolerations\n  value:\n  - key: infra\n    operator: Exists\n"
        );
        assert_eq!(patches[1].as_str(), Some("mine"));
    }
}
