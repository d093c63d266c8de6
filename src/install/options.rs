//! What a cluster may choose about its Flux controllers.

use semver::Version;

use crate::install::cache::sha256;
use crate::settings::flux::{COMPONENTS, DEFAULT_COMPONENTS, Flux};
use crate::source::Spanned;

/// Raised when `build` makes something else of the same release and options.
const TRANSFORMATION: u32 = 1;

/// The options of `flux install`, with its defaults.
///
/// Source: <https://fluxcd.io/flux/cmd/flux_install/>
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Options {
    /// Without the `v` that Flux writes before it.
    pub version: Version,
    /// In the order that their documents take.
    pub components: Vec<String>,
    pub components_extra: Vec<String>,
    /// Where the controllers' images are; empty leaves the release's own `fluxcd/<component>`.
    pub registry: String,
    pub image_pull_secret: Option<String>,
    pub namespace: String,
    pub network_policy: bool,
    pub watch_all_namespaces: bool,
    /// `debug`, `info` or `error`.
    pub log_level: String,
    pub cluster_domain: String,
    pub toleration_keys: Vec<String>,
}

/// An option that cannot be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The option's name in the TOML: `logLevel`.
    pub option: &'static str,
    /// The user's own word, to find its place by.
    pub value: String,
    pub message: String,
    pub help: String,
}

const LOG_LEVELS: [&str; 3] = ["debug", "info", "error"];

impl Options {
    /// The defaults of `flux install` for a version.
    pub fn new(version: Version) -> Self {
        Self {
            version,
            components: DEFAULT_COMPONENTS
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            components_extra: Vec::new(),
            registry: "ghcr.io/fluxcd".to_owned(),
            image_pull_secret: None,
            namespace: "flux-system".to_owned(),
            network_policy: true,
            watch_all_namespaces: true,
            log_level: "info".to_owned(),
            cluster_domain: "cluster.local".to_owned(),
            toleration_keys: Vec::new(),
        }
    }

    /// The options of a cluster's `[flux]`; a fault where its version is not one.
    pub fn of(flux: &Flux) -> Result<Self, Fault> {
        let version = Version::parse(&flux.version.value).map_err(|error| Fault {
            option: "version",
            value: flux.version.value.clone(),
            message: format!("version `{}` is not a release: {error}", flux.version.value),
            help: "write all three numbers, as in `2.9.4`".to_owned(),
        })?;
        let texts =
            |found: &[Spanned<String>]| found.iter().map(|text| text.value.clone()).collect();
        let defaults = Self::new(version);
        let text = |found: &Option<Spanned<String>>| found.as_ref().map(|text| text.value.clone());
        Ok(Self {
            components: texts(&flux.components),
            components_extra: texts(&flux.components_extra),
            registry: text(&flux.registry).unwrap_or_else(|| defaults.registry.clone()),
            image_pull_secret: text(&flux.image_pull_secret),
            namespace: flux.namespace.clone(),
            network_policy: flux.network_policy,
            watch_all_namespaces: flux.watch_all_namespaces,
            log_level: flux.log_level.to_owned(),
            cluster_domain: flux.cluster_domain.clone(),
            toleration_keys: texts(&flux.toleration_keys),
            ..defaults
        })
    }

    /// `components` and then `componentsExtra`: the order of the documents.
    pub fn all_components(&self) -> impl Iterator<Item = &str> {
        self.components
            .iter()
            .chain(&self.components_extra)
            .map(String::as_str)
    }

    pub fn has(&self, component: &str) -> bool {
        self.all_components().any(|name| name == component)
    }

    /// Flux 2.7 labels pods, addresses events by `$(RUNTIME_NAMESPACE)` and has source-watcher.
    pub(crate) fn is_2_7(&self) -> bool {
        (self.version.major, self.version.minor) >= (2, 7)
    }

    /// A sha256 that is equal for two option sets exactly when they build the same from a release.
    pub fn digest(&self) -> String {
        let components: Vec<_> = self.all_components().collect();
        let text = serde_json::json!([
            TRANSFORMATION,
            self.version.to_string(),
            components,
            self.registry,
            self.image_pull_secret,
            self.namespace,
            self.network_policy,
            self.watch_all_namespaces,
            self.log_level,
            self.cluster_domain,
            self.toleration_keys,
        ]);
        sha256(text.to_string().as_bytes())
    }

    /// All that no release can meet; what this release lacks is told by `build`.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |option, value: &str, message: String, help: &str| {
            faults.push(Fault {
                option,
                value: value.to_owned(),
                message,
                help: help.to_owned(),
            });
        };
        let mut seen = Vec::new();
        for (option, names) in [
            ("components", &self.components),
            ("componentsExtra", &self.components_extra),
        ] {
            for name in names {
                if !COMPONENTS.contains(&name.as_str()) {
                    let help = format!("choose from {}", COMPONENTS.join(", "));
                    fault(
                        option,
                        name,
                        format!("component `{name}` is not available"),
                        &help,
                    );
                } else if seen.contains(&name) {
                    fault(
                        option,
                        name,
                        format!("component `{name}` is named twice"),
                        "name each component once",
                    );
                } else if name == "source-watcher" && !self.is_2_7() {
                    let message = format!(
                        "component `{name}` needs Flux 2.7; the version is {}",
                        self.version
                    );
                    fault(
                        option,
                        name,
                        message,
                        "raise `flux.version` or leave the component out",
                    );
                }
                seen.push(name);
            }
        }
        if !is_dns_label(&self.namespace) {
            let message = format!("namespace `{}` is not a DNS label", self.namespace);
            fault(
                "namespace",
                &self.namespace,
                message,
                "use at most 63 lower-case letters, digits and inner hyphens",
            );
        }
        if !LOG_LEVELS.contains(&self.log_level.as_str()) {
            let message = format!("log level `{}` is not known", self.log_level);
            fault(
                "logLevel",
                &self.log_level,
                message,
                "use `debug`, `info` or `error`",
            );
        }
        if self.registry.contains("://")
            || !self
                .registry
                .chars()
                .all(|letter| letter.is_ascii_graphic())
        {
            let message = format!(
                "registry `{}` is not a host with an optional path",
                self.registry
            );
            fault(
                "registry",
                &self.registry,
                message,
                "write it as `ghcr.io/fluxcd`",
            );
        }
        if self.registry.ends_with('/') {
            let message = format!("registry `{}` ends in a slash", self.registry);
            fault(
                "registry",
                &self.registry,
                message,
                "leave the last slash out",
            );
        }
        if !is_dns_name(&self.cluster_domain) {
            let message = format!("cluster domain `{}` is not a DNS name", self.cluster_domain);
            fault(
                "clusterDomain",
                &self.cluster_domain,
                message,
                "write it as `cluster.local`, without a dot at its end",
            );
        }
        if let Some(name) = self
            .image_pull_secret
            .as_ref()
            .filter(|name| !is_dns_name(name))
        {
            let message = format!("image pull secret `{name}` is not the name of a Secret");
            fault(
                "imagePullSecret",
                name,
                message,
                "use lower-case letters, digits, hyphens and dots",
            );
        }
        for key in self
            .toleration_keys
            .iter()
            .filter(|key| !is_qualified_name(key))
        {
            let message = format!("toleration key `{key}` is not the key of a taint");
            fault(
                "tolerationKeys",
                key,
                message,
                "write it as `name` or `example.com/name`",
            );
        }
        faults
    }
}

fn is_dns_label(text: &str) -> bool {
    let inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_dns_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

/// A name of up to 63 characters, after an optional DNS name and a slash.
///
/// Source: <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>
fn is_qualified_name(text: &str) -> bool {
    let name = match text.split_once('/') {
        Some((prefix, _)) if !is_dns_name(prefix) => return false,
        Some((_, name)) => name,
        None => text,
    };
    let edge = |letter: char| letter.is_ascii_alphanumeric();
    (1..=63).contains(&name.len())
        && name.starts_with(edge)
        && name.ends_with(edge)
        && name
            .chars()
            .all(|letter| edge(letter) || "-_.".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options::new(Version::new(2, 6, 4))
    }

    #[test]
    fn the_defaults_have_no_faults() {
        assert_eq!(options().faults(), []);
    }

    #[test]
    fn the_digest_tells_option_sets_apart_and_nothing_else() {
        let mut other = options();
        other.components_extra = vec![other.components.remove(3)];
        assert_eq!(other.digest(), options().digest());
        other.network_policy = false;
        assert_ne!(other.digest(), options().digest());
    }

    #[test]
    fn each_fault_names_its_option() {
        let mut wrong = options();
        wrong.components = vec!["source-controler".to_owned(), "helm-controller".to_owned()];
        wrong.components_extra = vec!["helm-controller".to_owned(), "source-watcher".to_owned()];
        wrong.namespace = "Flux".to_owned();
        wrong.log_level = "warn".to_owned();
        wrong.registry = "https://ghcr.io/fluxcd/".to_owned();
        wrong.cluster_domain = "cluster.local.".to_owned();
        wrong.image_pull_secret = Some(String::new());
        wrong.toleration_keys = vec![
            "a/b/c".to_owned(),
            "node-role.kubernetes.io/infra".to_owned(),
        ];
        let options: Vec<_> = wrong
            .faults()
            .into_iter()
            .map(|fault| fault.option)
            .collect();
        assert_eq!(
            options,
            [
                "components",
                "componentsExtra",
                "componentsExtra",
                "namespace",
                "logLevel",
                "registry",
                "registry",
                "clusterDomain",
                "imagePullSecret",
                "tolerationKeys",
            ]
        );
    }
}
