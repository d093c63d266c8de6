//! `[flux]`: the Flux installation of a cluster, from the project, its groups and the cluster itself.

use camino::Utf8PathBuf;

use super::DEFAULT_NAMESPACE;
use super::fields::{Fields, unknown_key};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::node::{Node, Table};
use crate::schema::{FluxMinor, Pinned};
use crate::source::{Span, Spanned};

/// Flux in one cluster.
#[derive(Debug, Clone)]
pub struct Flux {
    pub install: Install,
    /// Without the leading `v`.
    pub version: Spanned<String>,
    /// The minor version whose schemas hold; the newest known one for what is newer.
    pub minor: FluxMinor,
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
    /// Go form, as the flux command writes it.
    pub interval: String,
    /// Without it, `./clusters/<name>`.
    pub path: Option<Spanned<Utf8PathBuf>>,
    pub secret: Option<Spanned<String>>,
    pub submodules: bool,
    pub sparse_checkout: Vec<Spanned<String>>,
    pub provider: Option<Spanned<String>>,
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
        let minor = minor(&version, diagnostics);
        for component in components.iter().chain(&components_extra) {
            check_component(component, &version, minor, diagnostics);
        }
        if install == Install::Release {
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
        Self {
            install,
            version,
            minor,
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
            patches,
            sync,
            distribution,
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

fn check_component(
    component: &Spanned<String>,
    version: &Spanned<String>,
    minor: FluxMinor,
    diagnostics: &mut Diagnostics,
) {
    if !COMPONENTS.contains(&component.value.as_str()) {
        let mut unknown = unknown_key(
            "flux.components",
            &component.value,
            component.span,
            COMPONENTS.iter().copied(),
        );
        unknown.code = "wrong-value";
        unknown.message = format!("`{}` is no Flux component", component.value);
        unknown.fix = None;
        diagnostics.push(unknown);
    } else if component.value == "source-watcher" && !minor.is_within("2.7".parse().ok(), None) {
        diagnostics.push(
            Diagnostic::error(
                "flux-version",
                format!(
                    "`source-watcher` needs Flux 2.7; this cluster pins {}",
                    version.value
                ),
            )
            .at(component.span, "")
            .at(version.span, "pinned here")
            .with_help("raise `flux.version` or leave the component out"),
        );
    }
}

impl Sync {
    fn read(table: Option<&Table>, diagnostics: &mut Diagnostics) -> Self {
        let empty = Table::new();
        let mut fields = Fields::new(table.unwrap_or(&empty), "flux.sync", diagnostics);
        let sync = Self {
            interval: fields
                .text("interval")
                .map_or("1m0s".to_owned(), |interval| interval.value),
            path: fields
                .text("path")
                .map(|path| Spanned::new(Utf8PathBuf::from(path.value), path.span)),
            secret: fields.text("secret"),
            submodules: fields.bool("submodules").is_some_and(|value| value.value),
            sparse_checkout: fields.texts("sparseCheckout").unwrap_or_default(),
            provider: fields.text("provider"),
        };
        fields.finish([]);
        sync
    }
}
