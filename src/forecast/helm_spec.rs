//! A HelmRelease as far as the rules need it.

use sha2::{Digest, Sha256};

use super::kustomization_spec::SourceRef;
use super::view::{SOURCE, Time, View, flag, text};
use crate::resource::{Identity, Resource};

/// The longest name that Helm takes.
const NAME: usize = 53;

#[derive(Debug, Clone)]
pub(super) struct HelmReleaseSpec<'a> {
    pub(super) identity: &'a Identity,
    pub(super) suspend: bool,
    resource: &'a Resource,
}

/// What is the same release to Helm: if any of it changes, the controller uninstalls the one and
/// installs the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) name: String,
    /// Where the chart's objects go.
    pub(crate) namespace: String,
    /// Where Helm keeps its records.
    pub(crate) storage: String,
}

impl std::fmt::Display for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "release `{}` in namespace `{}`",
            self.name, self.namespace
        )?;
        if self.storage != self.namespace {
            write!(f, " (recorded in `{}`)", self.storage)?;
        }
        Ok(())
    }
}

/// The name in the chart's own metadata, as far as it is known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ChartName {
    Known(String),
    /// What refers to it, to tell one unknown from another.
    Unknown(String),
}

impl<'a> HelmReleaseSpec<'a> {
    pub(super) fn of(resource: &'a Resource) -> Self {
        Self {
            identity: &resource.identity,
            suspend: flag(resource.get(&["spec", "suspend"])),
            resource,
        }
    }

    fn text(&self, path: &[&str]) -> Option<&'a str> {
        text(self.resource.get(path))
    }

    /// `releaseName`, or `[targetNamespace-]name`, shortened with a digest as the controller does.
    ///
    /// Source: <https://fluxcd.io/flux/components/helm/helmreleases/#release-name>
    pub(super) fn release_name(&self) -> String {
        if let Some(name) = self.text(&["spec", "releaseName"]) {
            return name.to_owned();
        }
        let name = match self.text(&["spec", "targetNamespace"]) {
            Some(namespace) => format!("{namespace}-{}", self.identity.name),
            None => self.identity.name.clone(),
        };
        if name.len() <= NAME {
            return name;
        }
        let digest = Sha256::digest(&name);
        let digest: String = digest
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let start: String = name.chars().take(NAME - 13).collect();
        format!("{start}-{digest}")
    }

    pub(super) fn release(&self) -> Release {
        let own = self.identity.namespace.as_str();
        Release {
            name: self.release_name(),
            namespace: self
                .text(&["spec", "targetNamespace"])
                .unwrap_or(own)
                .to_owned(),
            storage: self
                .text(&["spec", "storageNamespace"])
                .unwrap_or(own)
                .to_owned(),
        }
    }

    /// The chart's name. A Helm repository's index and an OCI artifact's URL tell it; a folder of
    /// another repository does not.
    pub(super) fn chart_name(&self, view: &View<'_>, time: Time) -> ChartName {
        let own = self.identity.namespace.as_str();
        let find = |kind: &str, namespace: &str, name: &str| {
            view.side(time)
                .and_then(|side| side.find(SOURCE, kind, namespace, name))
        };
        if let Some(chart) = SourceRef::of(self.resource.get(&["spec", "chartRef"]), own) {
            let referred = find(chart.kind, chart.namespace, chart.name);
            let unknown = format!("{} `{}/{}`", chart.kind, chart.namespace, chart.name);
            return match (chart.kind, referred) {
                ("OCIRepository", Some(entry)) => text(entry.get(&["spec", "url"]))
                    .and_then(|url| url.trim_end_matches('/').rsplit('/').next())
                    .map_or(ChartName::Unknown(unknown), |name| {
                        ChartName::Known(name.to_owned())
                    }),
                ("HelmChart", Some(entry)) => in_source(
                    text(entry.get(&["spec", "sourceRef", "kind"])),
                    text(entry.get(&["spec", "chart"])),
                    unknown,
                ),
                _ => ChartName::Unknown(unknown),
            };
        }
        let chart = self.text(&["spec", "chart", "spec", "chart"]);
        let kind = self.text(&["spec", "chart", "spec", "sourceRef", "kind"]);
        let source = SourceRef::of(
            self.resource.get(&["spec", "chart", "spec", "sourceRef"]),
            own,
        );
        if let (Some(source), Some(chart)) = (source, chart)
            && let Some(chart) = view.chart(time, &source, chart)
        {
            return ChartName::Known(chart.name);
        }
        let unknown = format!("chart `{}`", chart.unwrap_or_default());
        in_source(kind, chart, unknown)
    }

    pub(super) fn keeps_history(&self) -> bool {
        flag(self.resource.get(&["spec", "uninstall", "keepHistory"]))
    }

    /// `background`, `foreground` or `orphan`.
    pub(super) fn deletion_propagation(&self) -> &'a str {
        self.text(&["spec", "uninstall", "deletionPropagation"])
            .unwrap_or("background")
    }

    /// `upgrade.chartNameChangeStrategy`, since Flux 2.9; before it there was only `Reinstall`.
    pub(super) fn updates_in_place(&self, flux: (u64, u64)) -> bool {
        flux >= (2, 9)
            && self.text(&["spec", "upgrade", "chartNameChangeStrategy"]) == Some("InPlaceUpdate")
    }
}

fn in_source(kind: Option<&str>, chart: Option<&str>, unknown: String) -> ChartName {
    match (kind, chart) {
        (Some("HelmRepository"), Some(chart)) => {
            ChartName::Known(chart.rsplit('/').next().unwrap_or(chart).to_owned())
        }
        _ => ChartName::Unknown(unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Node, Table};
    use crate::source::Span;

    #[test]
    fn a_release_name_that_helm_would_refuse_is_shortened_with_a_digest() {
        let identity = Identity {
            group: "helm.toolkit.fluxcd.io".to_owned(),
            kind: "HelmRelease".to_owned(),
            namespace: "a".to_owned(),
            name: "x".repeat(60),
        };
        let resource = Resource {
            identity,
            api_version: "helm.toolkit.fluxcd.io/v2".to_owned(),
            node: Node::new(Table::new(), Span::BUILT_IN),
        };
        let name = HelmReleaseSpec::of(&resource).release_name();
        assert_eq!(name.len(), 53);
        assert!(name.starts_with(&format!("{}-", "x".repeat(40))));
    }
}
