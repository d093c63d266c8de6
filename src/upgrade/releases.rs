//! What is known of the minor releases of Flux, beside their schemas.

use semver::Version;

use crate::schema::Registry;

/// A minor release.
pub(crate) struct Minor {
    pub minor: u64,
    /// The newest patch release that is known.
    pub newest: &'static str,
    /// The versions of Kubernetes that it is tested with.
    pub kubernetes: &'static str,
}

/// Sources: the CRDs of each release, and the announcements below
/// <https://github.com/fluxcd/flux2/releases>.
pub(crate) const MINORS: [Minor; 4] = [
    Minor {
        minor: 6,
        newest: "2.6.4",
        kubernetes: "1.31 to 1.33",
    },
    Minor {
        minor: 7,
        newest: "2.7.5",
        kubernetes: "1.32 to 1.34",
    },
    Minor {
        minor: 8,
        newest: "2.8.8",
        kubernetes: "1.33 to 1.35",
    },
    Minor {
        minor: 9,
        newest: "2.9.4",
        kubernetes: "1.34 to 1.36",
    },
];

impl Minor {
    /// Group and version of what its CRDs do not have any more, in the order of the kinds.
    pub(crate) fn removed(&self) -> Vec<(&'static str, &'static str)> {
        let mut removed = Vec::new();
        for kind in Registry::get().kinds() {
            for (version, until) in &kind.served_until {
                let one = (kind.group.as_str(), version.as_str());
                if until.pair() == (2, self.minor) && !removed.contains(&one) {
                    removed.push(one);
                }
            }
        }
        removed
    }
}

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
