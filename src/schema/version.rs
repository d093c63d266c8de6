//! The minor versions of Flux that the schemas describe.

use std::fmt;
use std::str::FromStr;

/// A minor version of Flux 2: one of 2.6, 2.7, 2.8 and 2.9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FluxMinor(u8);

/// How a Flux version that somebody wrote stands to the ones known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pinned {
    Known(FluxMinor),
    /// Newer than all of them; what holds for the newest is taken to hold.
    Newer,
    /// Older than all of them.
    Older,
}

/// The text is not a version such as `2.8` or `2.8.8`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a Flux version")]
pub struct NotAVersion(pub String);

impl FluxMinor {
    /// Oldest first.
    pub const ALL: [Self; 4] = [Self(6), Self(7), Self(8), Self(9)];
    pub const OLDEST: Self = Self(6);
    pub const NEWEST: Self = Self(9);

    /// Judges a version as users write it: `2.8.8`, `v2.8.8`, `2.8`, `2.9.0-rc.1`.
    ///
    /// The patch, and what follows it, does not matter, but has to be well-formed.
    pub fn from_version(text: &str) -> Result<Pinned, NotAVersion> {
        let fault = || NotAVersion(text.to_owned());
        let bare = text.strip_prefix('v').unwrap_or(text);
        let full = match bare.split('.').count() {
            2 => format!("{bare}.0"),
            _ => bare.to_owned(),
        };
        let version = semver::Version::parse(&full).map_err(|_| fault())?;
        let oldest = (2, u64::from(Self::OLDEST.0));
        let newest = (2, u64::from(Self::NEWEST.0));
        let minor = (version.major, version.minor);
        Ok(if minor < oldest {
            Pinned::Older
        } else if minor > newest {
            Pinned::Newer
        } else {
            let known = Self::ALL
                .into_iter()
                .find(|known| u64::from(known.0) == version.minor);
            Pinned::Known(known.unwrap_or(Self::NEWEST))
        })
    }

    /// Major and minor: `(2, 9)`.
    pub fn pair(self) -> (u64, u64) {
        (2, u64::from(self.0))
    }

    /// The oldest Kubernetes that this minor supports, as `flux check --pre` of its last release asks for.
    ///
    /// Source: `kubernetesConstraints` of flux2's cmd/flux/check.go, raised by
    /// <https://github.com/fluxcd/flux2/pull/5364>, <https://github.com/fluxcd/flux2/pull/5533> and
    /// <https://github.com/fluxcd/flux2/pull/5730>; 2.9 left it where it was.
    pub fn oldest_kubernetes(self) -> (u64, u64) {
        match self.0 {
            6 => (1, 31),
            7 => (1, 32),
            _ => (1, 33),
        }
    }

    /// Whether a field of this range is there: from `since` on, and before `until`.
    pub fn is_within(self, since: Option<Self>, until: Option<Self>) -> bool {
        since.is_none_or(|since| self >= since) && until.is_none_or(|until| self < until)
    }
}

impl Pinned {
    /// The minor whose schemas are used; `None` for a version older than all of them.
    pub fn minor(self) -> Option<FluxMinor> {
        match self {
            Pinned::Known(minor) => Some(minor),
            Pinned::Newer => Some(FluxMinor::NEWEST),
            Pinned::Older => None,
        }
    }
}

impl fmt::Display for FluxMinor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "2.{}", self.0)
    }
}

impl FromStr for FluxMinor {
    type Err = NotAVersion;

    /// Reads exactly `2.6` to `2.9`, as the schemas write them.
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        Self::ALL
            .into_iter()
            .find(|minor| minor.to_string() == text)
            .ok_or_else(|| NotAVersion(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minor(text: &str) -> FluxMinor {
        text.parse().expect("a known minor")
    }

    #[test]
    fn versions_are_read_as_users_write_them() {
        for (text, expected) in [
            ("2.8.8", Pinned::Known(minor("2.8"))),
            ("v2.6.4", Pinned::Known(minor("2.6"))),
            ("2.7", Pinned::Known(minor("2.7"))),
            ("2.9.0-rc.1", Pinned::Known(minor("2.9"))),
            ("2.10.0", Pinned::Newer),
            ("3.0.0", Pinned::Newer),
            ("2.5.1", Pinned::Older),
            ("0.41.2", Pinned::Older),
        ] {
            assert_eq!(FluxMinor::from_version(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in [
            "", "2", "latest", "2.x", "2.8.", "2.8.8.1", "v", "2.8.08", "２.8.8",
        ] {
            assert_eq!(
                FluxMinor::from_version(text),
                Err(NotAVersion(text.to_owned()))
            );
        }
    }

    #[test]
    fn a_range_holds_from_since_and_before_until() {
        let range = (Some(minor("2.7")), Some(minor("2.9")));
        let inside: Vec<String> = FluxMinor::ALL
            .into_iter()
            .filter(|minor| minor.is_within(range.0, range.1))
            .map(|minor| minor.to_string())
            .collect();
        assert_eq!(inside, ["2.7", "2.8"]);
    }
}
