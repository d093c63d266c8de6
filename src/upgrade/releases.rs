//! What is known of the minor releases of Flux, beside their schemas.

use semver::Version;

/// A minor release.
pub(crate) struct Minor {
    pub minor: u64,
    /// The newest patch release that is known.
    pub newest: &'static str,
    /// The versions of Kubernetes that it is tested with.
    pub kubernetes: &'static str,
    /// API versions that its CRDs do not have any more: group and version.
    pub removed: &'static [(&'static str, &'static str)],
}

const SOURCE: &str = "source.toolkit.fluxcd.io";
const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io";
const HELM: &str = "helm.toolkit.fluxcd.io";
const IMAGE: &str = "image.toolkit.fluxcd.io";
const NOTIFICATION: &str = "notification.toolkit.fluxcd.io";

/// Sources: the CRDs of each release, and the announcements below
/// <https://github.com/fluxcd/flux2/releases>.
pub(crate) const MINORS: [Minor; 4] = [
    Minor {
        minor: 6,
        newest: "2.6.4",
        kubernetes: "1.31 to 1.33",
        removed: &[],
    },
    Minor {
        minor: 7,
        newest: "2.7.5",
        kubernetes: "1.32 to 1.34",
        removed: &[
            (SOURCE, "v1beta1"),
            (KUSTOMIZE, "v1beta1"),
            (HELM, "v2beta1"),
            (IMAGE, "v1beta1"),
            (NOTIFICATION, "v1beta1"),
        ],
    },
    Minor {
        minor: 8,
        newest: "2.8.8",
        kubernetes: "1.33 to 1.35",
        removed: &[
            (SOURCE, "v1beta2"),
            (KUSTOMIZE, "v1beta2"),
            (HELM, "v2beta2"),
        ],
    },
    Minor {
        minor: 9,
        newest: "2.9.4",
        kubernetes: "1.34 to 1.36",
        removed: &[(IMAGE, "v1beta2"), (NOTIFICATION, "v1beta2")],
    },
];

/// The minors that an upgrade enters, the last one among them.
pub(crate) fn entered(from: &Version, to: &Version) -> impl Iterator<Item = &'static Minor> {
    let (from, to) = ((from.major, from.minor), (to.major, to.minor));
    MINORS
        .iter()
        .filter(move |minor| from < (2, minor.minor) && (2, minor.minor) <= to)
}

/// What is known of the minor of a version.
pub(crate) fn minor_of(version: &Version) -> Option<&'static Minor> {
    MINORS
        .iter()
        .find(|minor| (version.major, version.minor) == (2, minor.minor))
}
