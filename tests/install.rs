//! The install manifest: against Flux's own output where it is at hand, and option by option on a
//! release of the tests' own.

mod flux;
#[path = "install/release.rs"]
mod release;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fluxgen::install::{Install, InstallError, Manifests, Options, build};
use fluxgen::node::Node;
use fluxgen::source::Span;
use fluxgen::yaml::read_all;
use semver::Version;

/// Releases of Flux beside the repository, if they are there.
fn shared() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/flux");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: ../shared/flux is not here");
    None
}

fn folder(path: &Path) -> Manifests {
    let files = fs_err::read_dir(path).expect("a folder").map(|entry| {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        (name, fs_err::read_to_string(&path).expect("UTF-8"))
    });
    Manifests::new(files)
}

const VERSIONS: [(u64, u64, u64); 4] = [(2, 6, 4), (2, 7, 5), (2, 8, 8), (2, 9, 4)];

fn everything(version: Version) -> Options {
    let mut options = Options::new(version);
    options.components_extra = ["image-reflector-controller", "image-automation-controller"]
        .map(str::to_owned)
        .to_vec();
    if options.version.minor >= 7 {
        options.components_extra.push("source-watcher".to_owned());
    }
    options
}

fn read(text: &str) -> Vec<Node> {
    read_all(text, Span::BUILT_IN.file).expect("YAML")
}

fn nodes(install: &Install) -> Vec<Node> {
    read(&install.text())
}

fn name(node: &Node) -> String {
    let text = |path: &[&str]| node.at(path).and_then(Node::as_str).unwrap_or_default();
    format!("{} {}", text(&["kind"]), text(&["metadata", "name"]))
}

#[test]
fn all_components_are_what_flux_exports_object_by_object() {
    let Some(shared) = shared() else { return };
    for (major, minor, patch) in VERSIONS {
        let version = Version::new(major, minor, patch);
        let base = shared.join(format!("v{version}"));
        let install = build(
            &folder(&base.join("manifests")),
            &everything(version.clone()),
        )
        .expect("builds");
        let expected_text =
            fs_err::read_to_string(base.join("install.yaml")).expect("install.yaml");
        let (expected, found) = (read(&expected_text), nodes(&install));
        let names = |nodes: &[Node]| nodes.iter().map(name).collect::<Vec<_>>();
        assert_eq!(names(&found), names(&expected), "{version}");
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                found.value.same(&expected.value),
                "{version}: {}",
                name(found)
            );
        }
        for (document, expected) in install.documents().iter().zip(&expected) {
            assert!(
                document.node().value.same(&expected.value),
                "{version}: {}",
                name(expected)
            );
        }
    }
}

#[test]
fn the_text_differs_from_fluxs_own_only_in_quotes() {
    let Some(shared) = shared() else { return };
    for (major, minor, patch) in VERSIONS {
        let version = Version::new(major, minor, patch);
        let base = shared.join(format!("v{version}"));
        let install = build(
            &folder(&base.join("manifests")),
            &everything(version.clone()),
        )
        .expect("builds");
        let expected = fs_err::read_to_string(base.join("install.yaml")).expect("install.yaml");
        let text = install.text();
        let plain = |text: &str| {
            text.lines()
                .map(|line| line.replace(['"', '\''], ""))
                .collect::<Vec<_>>()
        };
        let differing = plain(&text)
            .iter()
            .zip(&plain(&expected))
            .filter(|(a, b)| a != b)
            .count();
        assert_eq!(
            (differing, text.lines().count()),
            (0, expected.lines().count()),
            "{version}"
        );
    }
}

/// Two controllers, RBAC and policies in the shape of a release, small enough to read.
fn own_release() -> Manifests {
    let files = [
        ("rbac.yaml", include_str!("install/rbac.yaml")),
        ("policies.yaml", include_str!("install/policies.yaml")),
        (
            "source-controller.yaml",
            include_str!("install/source-controller.yaml"),
        ),
        (
            "helm-controller.yaml",
            include_str!("install/helm-controller.yaml"),
        ),
        (
            "notification-controller.yaml",
            include_str!("install/notification-controller.yaml"),
        ),
        (
            "source-watcher.yaml",
            include_str!("install/source-watcher.yaml"),
        ),
    ];
    Manifests::new(files.map(|(name, text)| (name.to_owned(), text.to_owned())))
}

fn own_options(minor: u64) -> Options {
    let mut options = Options::new(Version::new(2, minor, 0));
    options.components = [
        "source-controller",
        "helm-controller",
        "notification-controller",
    ]
    .map(str::to_owned)
    .to_vec();
    options
}

/// Every leaf of every object: `Deployment x spec.replicas` to its text.
fn leaves(install: &Install) -> BTreeMap<String, String> {
    fn walk(path: &str, node: &Node, found: &mut BTreeMap<String, String>) {
        if let Some(table) = node.as_table() {
            for (key, entry) in table.iter() {
                walk(&format!("{path} {key}"), &entry.node, found);
            }
        } else if let Some(items) = node.as_array() {
            for (at, item) in items.iter().enumerate() {
                walk(&format!("{path} {at}"), item, found);
            }
        } else {
            found.insert(path.to_owned(), format!("{:?}", node.value));
        }
    }
    let mut found = BTreeMap::new();
    for node in nodes(install) {
        walk(&name(&node), &node, &mut found);
    }
    found
}

/// What an option changes: the paths and values that are new or other, then the paths that are gone.
fn effect(minor: u64, change: impl FnOnce(&mut Options)) -> String {
    let release = own_release();
    let before = leaves(&build(&release, &own_options(minor)).expect("builds"));
    let mut options = own_options(minor);
    change(&mut options);
    let after = leaves(&build(&release, &options).expect("builds"));
    let strip = |value: &str| value.replace("String(", "").replace([')', '"'], "");
    let mut lines: Vec<_> = after
        .iter()
        .filter(|(path, value)| before.get(*path) != Some(value))
        .map(|(path, value)| format!("{path} = {}", strip(value)))
        .collect();
    lines.extend(
        before
            .keys()
            .filter(|path| !after.contains_key(*path))
            .map(|path| format!("- {path}")),
    );
    lines.join("\n")
}

const ARGUMENTS: &str = "spec template spec containers 0 args";
const POD: &str = "spec template spec";

#[test]
fn network_policy_false_drops_the_policies_alone() {
    let effect = effect(9, |options| options.network_policy = false);
    assert!(!effect.is_empty());
    assert!(
        effect
            .lines()
            .all(|line| line.starts_with("- NetworkPolicy allow-")),
        "{effect}"
    );
}

#[test]
fn log_level_is_the_third_argument_and_the_second_of_notification_controller() {
    assert_eq!(
        effect(9, |options| options.log_level = "debug".to_owned()),
        format!(
            "Deployment helm-controller {ARGUMENTS} 2 = --log-level=debug\n\
             Deployment notification-controller {ARGUMENTS} 1 = --log-level=debug\n\
             Deployment source-controller {ARGUMENTS} 2 = --log-level=debug"
        )
    );
}

#[test]
fn watch_all_namespaces_is_the_second_argument_and_the_first_of_notification_controller() {
    assert_eq!(
        effect(9, |options| options.watch_all_namespaces = false),
        format!(
            "Deployment helm-controller {ARGUMENTS} 1 = --watch-all-namespaces=false\n\
             Deployment notification-controller {ARGUMENTS} 0 = --watch-all-namespaces=false\n\
             Deployment source-controller {ARGUMENTS} 1 = --watch-all-namespaces=false"
        )
    );
}

#[test]
fn cluster_domain_is_in_the_addresses_of_events_and_storage() {
    assert_eq!(
        effect(9, |options| options.cluster_domain =
            "acme.internal".to_owned()),
        format!(
            "Deployment helm-controller {ARGUMENTS} 0 = --events-addr=http://notification-controller.$(RUNTIME_NAMESPACE.svc.acme.internal./\n\
             Deployment source-controller {ARGUMENTS} 0 = --events-addr=http://notification-controller.$(RUNTIME_NAMESPACE.svc.acme.internal./\n\
             Deployment source-controller {ARGUMENTS} 6 = --storage-adv-addr=source-controller.$(RUNTIME_NAMESPACE.svc.acme.internal."
        )
    );
}

#[test]
fn registry_is_in_front_of_each_image_and_may_be_empty() {
    let images = |registry: &str| effect(9, |options| options.registry = registry.to_owned());
    assert_eq!(
        images("registry.example:5000/flux"),
        format!(
            "Deployment helm-controller {POD} containers 0 image = registry.example:5000/flux/helm-controller:v1.6.0\n\
             Deployment notification-controller {POD} containers 0 image = registry.example:5000/flux/notification-controller:v1.9.0\n\
             Deployment source-controller {POD} containers 0 image = registry.example:5000/flux/source-controller:v1.9.0"
        )
    );
    assert!(images("").contains("image = fluxcd/source-controller:v1.9.0"));
}

#[test]
fn pull_secret_and_tolerations_are_on_every_pod() {
    let secret = effect(9, |options| {
        options.image_pull_secret = Some("regcred".to_owned())
    });
    assert_eq!(secret.lines().count(), 3, "{secret}");
    assert!(secret.contains(&format!(
        "Deployment source-controller {POD} imagePullSecrets 0 name = regcred"
    )));
    let tolerations = effect(9, |options| {
        options.toleration_keys = vec!["a".to_owned(), "b".to_owned()]
    });
    assert_eq!(tolerations.lines().count(), 12, "{tolerations}");
    assert!(tolerations.contains(&format!(
        "Deployment helm-controller {POD} tolerations 1 key = b"
    )));
    assert!(tolerations.contains(&format!(
        "Deployment helm-controller {POD} tolerations 1 operator = Exists"
    )));
}

#[test]
fn without_notification_controller_events_go_nowhere() {
    let effect = effect(9, |options| {
        options.components.pop();
    });
    let changed: Vec<_> = effect
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    assert_eq!(
        changed,
        [
            format!("Deployment helm-controller {ARGUMENTS} 0 = --events-addr="),
            format!("Deployment source-controller {ARGUMENTS} 0 = --events-addr="),
        ]
    );
    assert!(effect.contains("- Service webhook-receiver"));
    assert!(!effect.contains("NetworkPolicy") && !effect.contains("ClusterRoleBinding"));
}

#[test]
fn source_watcher_turns_external_artifacts_on_in_the_controllers_that_read_them() {
    let effect = effect(9, |options| {
        options.components_extra.push("source-watcher".to_owned())
    });
    let changed: Vec<_> = effect
        .lines()
        .filter(|line| !line.contains(" source-watcher "))
        .collect();
    assert_eq!(
        changed,
        [format!(
            "Deployment helm-controller {ARGUMENTS} 5 = --feature-gates=ExternalArtifact=true"
        )]
    );
    assert!(
        effect.contains("--storage-adv-addr=source-watcher.$(RUNTIME_NAMESPACE.svc.cluster.local.")
    );
}

#[test]
fn namespace_is_in_names_subjects_labels_and_in_2_6_in_the_events_address() {
    let renamed = |minor| effect(minor, |options| options.namespace = "gitops".to_owned());
    let (old, new) = (renamed(6), renamed(9));
    for effect in [&old, &new] {
        for line in [
            "Namespace gitops metadata name = gitops",
            "ServiceAccount helm-controller metadata namespace = gitops",
            "ServiceAccount helm-controller metadata labels app.kubernetes.io/instance = gitops",
            "ClusterRoleBinding crd-controller-gitops roleRef name = crd-controller-gitops",
            "ClusterRoleBinding crd-controller-gitops subjects 0 namespace = gitops",
            "ClusterRoleBinding cluster-reconciler-gitops roleRef name = cluster-admin",
            "ResourceQuota critical-pods-gitops metadata namespace = gitops",
        ] {
            assert!(
                effect.lines().any(|found| found == line),
                "{line}\n{effect}"
            );
        }
        assert!(!effect.contains(
            "CustomResourceDefinition buckets.source.toolkit.fluxcd.io metadata namespace"
        ));
    }
    assert!(
        old.contains("--events-addr=http://notification-controller.gitops.svc.cluster.local./")
    );
    assert!(!new.contains("--events-addr"));
    assert!(new.contains("spec template metadata labels app.kubernetes.io/instance = gitops"));
    assert!(!old.contains("spec template metadata labels"));
}

#[test]
fn the_order_of_components_is_the_order_of_documents() {
    let mut options = own_options(9);
    options.components.swap(0, 1);
    let install = build(&own_release(), &options).expect("builds");
    let kinds: Vec<_> = install
        .identities()
        .map(|identity| identity.to_string())
        .collect();
    insta::assert_snapshot!(kinds.join("\n"), @r"
    Namespace flux-system
    NetworkPolicy flux-system/allow-egress
    NetworkPolicy flux-system/allow-webhooks
    ResourceQuota flux-system/critical-pods-flux-system
    ClusterRole crd-controller-flux-system
    ClusterRoleBinding cluster-reconciler-flux-system
    ClusterRoleBinding crd-controller-flux-system
    ServiceAccount flux-system/helm-controller
    Deployment flux-system/helm-controller
    CustomResourceDefinition buckets.source.toolkit.fluxcd.io
    ServiceAccount flux-system/source-controller
    Deployment flux-system/source-controller
    ServiceAccount flux-system/notification-controller
    Service flux-system/webhook-receiver
    Deployment flux-system/notification-controller
    ");
    assert!(install.text().starts_with(
        "---\n# This manifest was generated by flux. DO NOT EDIT.\n# Flux Version: v2.9.0\n\
         # Components: helm-controller,source-controller,notification-controller\napiVersion: v1\nkind: Namespace\n"
    ));
}

#[test]
fn what_a_release_lacks_is_an_error() {
    let release = own_release();
    let mut options = own_options(9);
    options.components.push("kustomize-controller".to_owned());
    let error = build(&release, &options).expect_err("not in the release");
    assert_eq!(
        error.to_string(),
        "the release of Flux 2.9.0 has no component `kustomize-controller`"
    );
    options.components.push("kustomize-contoller".to_owned());
    assert!(matches!(
        build(&release, &options),
        Err(InstallError::Option(_))
    ));
    for (text, part) in [
        (
            "kind: Deployment\nmetadata: {name: x}\n",
            "has no `spec.template`",
        ),
        (
            "kind: Deployment\nmetadata: {name: x}\nspec: {template: {spec: {containers: []}}}\n",
            "has no container",
        ),
        (
            "kind: Deployment\nmetadata: {name: x}\nspec: {template: {spec: {containers: [{image: x, args: [--a]}]}}}\n",
            "another argument",
        ),
        ("a: b: c\n", "is not YAML"),
    ] {
        let mut options = own_options(9);
        options.components = vec!["helm-controller".to_owned()];
        let files = [
            ("rbac.yaml", "---\n"),
            ("policies.yaml", "# none\n"),
            ("helm-controller.yaml", text),
        ];
        let release = Manifests::new(files.map(|(name, text)| (name.to_owned(), text.to_owned())));
        let error = build(&release, &options).expect_err(text);
        assert!(error.to_string().contains(part), "{error}");
        assert!(!error.help().is_empty());
    }
}
