//! A minor version of Kubernetes.

use std::fmt;

/// `1.34`, as `clusters.NAME.kubernetes` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KubernetesMinor(u8);

impl KubernetesMinor {
    /// The oldest and the newest minor whose fields are known.
    pub const OLDEST: Self = Self(30);
    pub const NEWEST: Self = Self(37);

    /// Reads `1.34`, `v1.34`, `1.34.2` and what providers add: `1.34.2-gke.100`, `v1.34.2+k3s1`.
    pub fn of(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('v').unwrap_or(text).strip_prefix("1.")?;
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (minor, rest) = rest.split_at(digits);
        let is_patch = rest.is_empty()
            || rest.strip_prefix('.').is_some_and(|patch| {
                patch.starts_with(|c: char| c.is_ascii_digit())
                    && patch
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c))
            });
        let is_number = minor == "0" || !minor.starts_with('0');
        minor
            .parse()
            .ok()
            .filter(|_| is_patch && is_number)
            .map(Self)
    }

    /// Every minor whose fields are known, oldest first.
    pub fn known() -> impl Iterator<Item = Self> {
        (Self::OLDEST.0..=Self::NEWEST.0).map(Self)
    }

    pub fn is_known(self) -> bool {
        (Self::OLDEST..=Self::NEWEST).contains(&self)
    }

    /// The minor after this one.
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for KubernetesMinor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minor_is_read_as_users_and_providers_write_it() {
        for text in [
            "1.34",
            "v1.34",
            "1.34.2",
            "v1.34.2+k3s1",
            "1.34.2-gke.100",
            "1.34.0-rc.1",
        ] {
            let minor = KubernetesMinor::of(text).map(|minor| minor.to_string());
            assert_eq!(minor.as_deref(), Some("1.34"), "{text}");
        }
        for text in [
            "", "1", "1.", "34", "2.34", "1.x", "1.034", "1.34.", "1.34.x", "1.34 ", "1.340000",
            "1.-3", "1.34+",
        ] {
            assert_eq!(KubernetesMinor::of(text), None, "{text}");
        }
    }
}
