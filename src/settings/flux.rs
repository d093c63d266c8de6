//! `[flux]`: the Flux installation of a cluster, from the project, its groups and the cluster itself.

use camino::Utf8PathBuf;

use super::DEFAULT_NAMESPACE;
use super::fields::{Fields, wrong_type};
use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::expand::include::included_path;
use crate::go::duration::{Duration, Units};
use crate::install::Options;
use crate::node::{Node, Table};
use crate::schema::{FluxMinor, Pinned};
use crate::source::{Span, Spanned};
use crate::validate::metadata::{is_subdomain, label_key_fault, label_value_fault};

/// Flux in one cluster.
#[derive(Debug, Clone)]
pub struct Flux {
    pub install: Install,
    /// Without the leading `v`.
    pub version: Spanned<String>,
    /// The minor version whose schemas hold; the newest known one for what is newer.
    pub minor: FluxMinor,
    /// Whether the version is one that can be compiled for: not older than all that are known.
    pub is_known: bool,
    pub components: Vec<Spanned<String>>,
    pub components_extra: Vec<Spanned<String>>,
    pub registry: Option<Spanned<String>>,
    pub image_pull_secret: Option<Spanned<String>>,
    pub namespace: String,
    pub network_policy: bool,
    pub watch_all_namespaces: bool,
    pub log_level: &'static str,
    pub cluster_domain: String,
    pub toleration_keys: Vec<Spanned<String>>,
    /// Labels of all that installs Flux, keys and values.
    pub labels: Table,
    /// Kustomize patches of the controllers, as they stand.
    pub patches: Vec<Node>,
    pub sync: Sync,
    /// An https base, an archive, a folder, or a ready install manifest.
    pub distribution: Option<Spanned<String>>,
}

/// Who installs Flux.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Install {
    /// Somebody else: the `flux-system` folder is left alone.
    None,
    /// The manifests of the release, in the tree.
    Release,
    /// The Flux Operator, from a `FluxInstance` in the tree.
    Operator,
}

/// `flux.sync`: how the cluster syncs the repository.
#[derive(Debug, Clone)]
pub struct Sync {
    pub interval: Duration,
    /// Without it, the cluster's folder.
    pub path: Option<Spanned<Utf8PathBuf>>,
    /// Fields of the root Kustomization's spec, as they are written.
    pub root: Table,
    /// Without it, `flux-system`; empty for a public repository, which needs none.
    pub secret: Option<Spanned<String>>,
    pub submodules: bool,
    pub sparse_checkout: Vec<Spanned<String>>,
    pub provider: Option<Spanned<String>>,
    /// Of the deploy key that `fluxgen bootstrap` makes: `ecdsa` or `ed25519`.
    pub key_algorithm: &'static str,
    /// Whether the deploy key may push; without it, if an automation does.
    pub read_write_key: Option<Spanned<bool>>,
}

/// The seven controllers of a release.
pub const COMPONENTS: &[&str] = &[
    "source-controller",
    "kustomize-controller",
    "helm-controller",
    "notification-controller",
    "image-reflector-controller",
    "image-automation-controller",
    "source-watcher",
];

/// What the flux command installs when nobody says otherwise.
///
/// Source: <https://fluxcd.io/flux/installation/configuration/optional-components/>
pub const DEFAULT_COMPONENTS: &[&str] = &[
    "source-controller",
    "kustomize-controller",
    "helm-controller",
    "notification-controller",
];

/// The newest release of the newest known minor: what is taken where no version is named.
pub const DEFAULT_VERSION: &str = "2.9.4";

impl Flux {
    /// Whether `component` runs in the cluster.
    pub fn has_component(&self, component: &str) -> bool {
        self.components
            .iter()
            .chain(&self.components_extra)
            .any(|known| known.value == component)
    }

    /// Reads the merged `[flux]` table of a cluster.
    pub(crate) fn read(table: &Table, diagnostics: &mut Diagnostics) -> Self {
        let mut fields = Fields::new(table, "flux", diagnostics);
        let install = match fields
            .one_of("install", &["release", "operator", "none"])
            .map(|install| install.value)
        {
            Some("release") => Install::Release,
            Some("operator") => Install::Operator,
            _ => Install::None,
        };
        let version = fields
            .text("version")
            .unwrap_or(Spanned::new(DEFAULT_VERSION.to_owned(), Span::BUILT_IN));
        let components = fields.texts("components").unwrap_or_else(|| {
            DEFAULT_COMPONENTS
                .iter()
                .map(|name| Spanned::new((*name).to_owned(), Span::BUILT_IN))
                .collect()
        });
        let components_extra = fields.texts("componentsExtra").unwrap_or_default();
        let registry = fields.text("registry");
        let image_pull_secret = fields.text("imagePullSecret");
        let namespace = fields.text("namespace");
        let network_policy = fields.bool("networkPolicy").is_none_or(|value| value.value);
        let watch_all_namespaces = fields
            .bool("watchAllNamespaces")
            .is_none_or(|value| value.value);
        let log_level = fields.one_of("logLevel", &["debug", "info", "error"]);
        let cluster_domain = fields.text("clusterDomain");
        let toleration_keys = fields.texts("tolerationKeys").unwrap_or_default();
        let labels = fields.table("labels").map(|(table, _)| table);
        let labels = read_labels(labels, fields.diagnostics);
        let patches = fields.array("patches").unwrap_or_default().to_vec();
        let sync = fields.table("sync").map(|(table, _)| table);
        let sync = Sync::read(sync, fields.diagnostics);
        let distribution = fields.text("distribution");
        if let Some(entry) = table.entry("manifests") {
            fields.diagnostics.push(
                Diagnostic::error("unknown-key", "unknown key `manifests` in `flux`")
                    .at(entry.key, "")
                    .with_help("a ready install manifest is a distribution: `distribution = \"FILE.yaml\"`"),
            );
            fields.node("manifests");
        }
        fields.finish([]);
        let version = version_without_v(version, diagnostics);
        let is_known = !matches!(FluxMinor::from_version(&version.value), Ok(Pinned::Older));
        let minor = minor(&version, diagnostics);
        sync.check_version(&version, minor, diagnostics);
        for patch in &patches {
            check_patch(patch, diagnostics);
        }
        if install != Install::None {
            for required in ["source-controller", "kustomize-controller"] {
                if !components.iter().any(|known| known.value == required) {
                    let span = table
                        .entry("components")
                        .map_or(Span::BUILT_IN, |entry| entry.key);
                    diagnostics.push(
                        Diagnostic::error(
                            "missing-component",
                            format!("Flux cannot sync itself without `{required}`"),
                        )
                        .at(span, "")
                        .with_help(format!("add \"{required}\" to `flux.components`")),
                    );
                }
            }
        }
        let flux = Self {
            install,
            version,
            minor,
            is_known,
            components,
            components_extra,
            registry,
            image_pull_secret,
            namespace: namespace.map_or(DEFAULT_NAMESPACE.to_owned(), |name| name.value),
            network_policy,
            watch_all_namespaces,
            log_level: log_level.map_or("info", |level| level.value),
            cluster_domain: cluster_domain.map_or("cluster.local".to_owned(), |name| name.value),
            toleration_keys,
            labels,
            patches,
            sync,
            distribution,
        };
        if flux.is_known {
            flux.check_options(table, diagnostics);
        }
        flux
    }

    /// What no release of Flux can be told, each at its place.
    fn check_options(&self, table: &Table, diagnostics: &mut Diagnostics) {
        let faults = match Options::of(self) {
            Ok(options) => options.faults(),
            Err(fault) => vec![fault],
        };
        for fault in faults {
            if fault.option == "logLevel" {
                // Said when it was read.
                continue;
            }
            let span = table.get(fault.option).map_or(Span::BUILT_IN, |node| {
                let items = node.as_array().unwrap_or_default();
                // Of two equal ones the second is one too many.
                let item = items
                    .iter()
                    .rfind(|item| item.as_str() == Some(fault.value.as_str()));
                item.map_or(node.span, |item| item.span)
            });
            let is_version = fault.message.contains("needs Flux");
            let code = if is_version {
                "flux-version"
            } else {
                "wrong-value"
            };
            let mut diagnostic = Diagnostic::error(code, fault.message)
                .at(span, "")
                .with_help(fault.help);
            if is_version {
                diagnostic = diagnostic.at(self.version.span, "pinned here");
            } else if fault.option.starts_with("components")
                && let Some(near) = nearest(&fault.value, COMPONENTS.iter().copied())
                && near != fault.value
            {
                diagnostic = diagnostic.with_help(format!("did you mean `{near}`?"));
            }
            diagnostics.push(diagnostic);
        }
    }
}

fn version_without_v(version: Spanned<String>, diagnostics: &mut Diagnostics) -> Spanned<String> {
    let text = version.value.strip_prefix('v').unwrap_or(&version.value);
    if semver::Version::parse(text).is_err() {
        diagnostics.push(
            Diagnostic::error(
                "wrong-value",
                format!("`{}` is no Flux version", version.value),
            )
            .at(version.span, "")
            .with_help(format!("write all three parts: \"{DEFAULT_VERSION}\"")),
        );
        return Spanned::new(DEFAULT_VERSION.to_owned(), version.span);
    }
    Spanned::new(text.to_owned(), version.span)
}

fn minor(version: &Spanned<String>, diagnostics: &mut Diagnostics) -> FluxMinor {
    match FluxMinor::from_version(&version.value) {
        Ok(Pinned::Known(minor)) => minor,
        Ok(Pinned::Newer) => {
            let newest = FluxMinor::NEWEST;
            diagnostics.push(
                Diagnostic::warning(
                    "flux-version-unknown",
                    format!(
                        "Flux {} is newer than the newest known here, {newest}",
                        version.value
                    ),
                )
                .at(version.span, format!("checked as Flux {newest}"))
                .with_help("upgrade fluxgen"),
            );
            newest
        }
        Ok(Pinned::Older) | Err(_) => {
            let oldest = FluxMinor::OLDEST;
            diagnostics.push(
                Diagnostic::error(
                    "flux-version-unknown",
                    format!(
                        "Flux {} is older than {oldest}, the oldest known here",
                        version.value
                    ),
                )
                .at(version.span, "")
                .with_help(format!("upgrade the cluster to Flux {oldest} or newer")),
            );
            oldest
        }
    }
}

/// `flux.labels`, less what is no label.
fn read_labels(table: Option<&Table>, diagnostics: &mut Diagnostics) -> Table {
    let mut labels = Table::new();
    for (key, entry) in table.into_iter().flat_map(Table::iter) {
        let Some(value) = entry.node.as_str() else {
            let name = format!("flux.labels.\"{key}\"");
            diagnostics.push(wrong_type(&name, &entry.node, "a string"));
            continue;
        };
        let faults = [
            (label_key_fault(key), entry.key),
            (label_value_fault(value), entry.node.span),
        ];
        let mut is_label = true;
        for (fault, span) in faults {
            if let Some(message) = fault {
                is_label = false;
                diagnostics.push(Diagnostic::error("wrong-value", message).at(span, ""));
            }
        }
        if is_label {
            labels.insert(key, entry.clone());
        }
    }
    labels
}

/// The keys of a kustomize patch.
///
/// Source: <https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/patches/>
const PATCH: &[&str] = &["patch", "path", "target", "options"];

fn check_patch(patch: &Node, diagnostics: &mut Diagnostics) {
    let Some(table) = patch.as_table() else {
        diagnostics.push(wrong_type("flux.patches", patch, "an array of tables"));
        return;
    };
    let mut fields = Fields::new(table, "flux.patches", diagnostics);
    let says = |node: &Node| node.as_str().is_some() || included_path(node).is_some();
    let patch_text = fields.node("patch");
    if let Some(wrong) = patch_text.filter(|node| !says(node)) {
        let fault = wrong_type("flux.patches.patch", wrong, "a string");
        fields.diagnostics.push(fault);
    }
    let path = fields.text("path");
    fields.table("target");
    fields.table("options");
    fields.finish(PATCH.iter().copied());
    if patch_text.is_some() == path.is_some() {
        diagnostics.push(
            Diagnostic::error(
                "missing-field",
                "a patch of the controllers needs `patch` or `path`, and not both",
            )
            .at(patch.span, "")
            .with_help("write the patch itself: `patch = \"…\"` or `patch = { file = \"…\" }`"),
        );
    }
}

/// `spec.provider` of a GitRepository, with the Flux version it came in.
///
/// Source: <https://fluxcd.io/flux/components/source/gitrepositories/#provider>
const PROVIDERS: &[&str] = &["generic", "aws", "azure", "github"];

/// Fields of the root Kustomization that `flux.sync` takes as they are, checked by the kind's schema; its `interval`
/// is `rootInterval`, since `interval` is the GitRepository's.
pub(crate) const ROOT: &[&str] = &[
    "commonMetadata",
    "decryption",
    "deletionPolicy",
    "force",
    "healthCheckExprs",
    "healthChecks",
    "images",
    "patches",
    "postBuild",
    "retryInterval",
    "serviceAccountName",
    "timeout",
    "wait",
];

impl Sync {
    fn read(table: Option<&Table>, diagnostics: &mut Diagnostics) -> Self {
        let empty = Table::new();
        let mut fields = Fields::new(table.unwrap_or(&empty), "flux.sync", diagnostics);
        let minute = Duration::from_nanoseconds(60_000_000_000);
        let interval = fields.text("interval").map_or(minute, |interval| {
            let read = Duration::parse_flux(&interval.value, Units::Hours);
            read.unwrap_or_else(|error| {
                let mut diagnostic = Diagnostic::error(
                    "wrong-value",
                    format!("`{}` is no `flux.sync.interval`: {error}", interval.value),
                )
                .at(interval.span, "");
                if let Some(help) = error.fault.help() {
                    diagnostic = diagnostic.with_help(help);
                }
                fields.diagnostics.push(diagnostic);
                minute
            })
        });
        let path = fields
            .text("path")
            .map(|path| Spanned::new(Utf8PathBuf::from(path.value), path.span));
        if let Some(path) = &path
            && (path.value.is_absolute()
                || path.value.components().any(|part| part.as_str() == ".."))
        {
            fields.diagnostics.push(
                Diagnostic::error(
                    "wrong-value",
                    format!("`{}` leads out of the repository", path.value),
                )
                .at(path.span, "")
                .with_help("write it from the root of the repository: `clusters/staging`"),
            );
        }
        let secret = fields.text("secret");
        if let Some(secret) = &secret
            && !secret.value.is_empty()
            && !is_subdomain(&secret.value)
        {
            fields.diagnostics.push(
                Diagnostic::error(
                    "wrong-value",
                    format!("`{}` is not the name of a Secret", secret.value),
                )
                .at(secret.span, "")
                .with_help(
                    "use lower-case letters, digits, `-` and `.`; \"\" for a public repository",
                ),
            );
        }
        let submodules = fields.bool("submodules").is_some_and(|value| value.value);
        let sparse_checkout = fields.texts("sparseCheckout").unwrap_or_default();
        let provider = fields.one_of("provider", PROVIDERS);
        let key_algorithm = fields.one_of("keyAlgorithm", &["ecdsa", "ed25519"]);
        let read_write_key = fields.bool("readWriteKey");
        let mut root = Table::new();
        fields.node("rootInterval");
        if let Some(entry) = table.and_then(|table| table.entry("rootInterval")) {
            root.insert("interval", entry.clone());
        }
        for field in ROOT {
            fields.node(field);
            if let Some(entry) = table.and_then(|table| table.entry(field)) {
                root.insert(*field, entry.clone());
            }
        }
        fields.finish([]);
        Self {
            key_algorithm: key_algorithm.map_or("ecdsa", |name| name.value),
            read_write_key,
            interval,
            path,
            root,
            secret,
            submodules,
            sparse_checkout,
            provider: provider.map(|name| Spanned::new(name.value.to_owned(), name.span)),
        }
    }

    /// What the pinned version cannot do.
    fn check_version(
        &self,
        version: &Spanned<String>,
        minor: FluxMinor,
        diagnostics: &mut Diagnostics,
    ) {
        let is_2_9 = minor.is_within("2.9".parse().ok(), None);
        let aws = self
            .provider
            .as_ref()
            .filter(|provider| provider.value == "aws");
        if let (Some(provider), false) = (aws, is_2_9) {
            diagnostics.push(
                Diagnostic::error(
                    "flux-version",
                    format!(
                        "`flux.sync.provider` `aws` needs Flux 2.9; this cluster pins {}",
                        version.value
                    ),
                )
                .at(provider.span, "")
                .at(version.span, "pinned here")
                .with_help("raise `flux.version`"),
            );
        }
    }
}
