//! A version: how it is read, loosely or strictly, and how two of them are ordered.

use std::cmp::Ordering;
use std::fmt;

/// A version with the text it was read from.
///
/// There is no `Eq`: two versions that differ in metadata or in the leading `v` have the same
/// [precedence](Version::precedence) and are still two tags.
#[derive(Debug, Clone)]
pub struct Version {
    major: u64,
    minor: u64,
    patch: u64,
    prerelease: String,
    metadata: String,
    original: String,
}

/// Why a text is no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionError {
    Empty,
    /// Longer than 256 bytes.
    TooLong,
    /// Not of the form `MAJOR.MINOR.PATCH[-PRERELEASE][+METADATA]`.
    NotAVersion,
    /// One or two parts where Flux wants three.
    NotThreeParts,
    /// A number above 2^64 - 1.
    NumberTooLarge,
    /// A number with a zero in front, where a strict version or a prerelease has none.
    LeadingZero,
    Prerelease,
    Metadata,
}

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a version is empty",
            Self::TooLong => "a version has more than 256 bytes",
            Self::NotAVersion => "not a semantic version",
            Self::NotThreeParts => "a version has three parts: `1.2.3`",
            Self::NumberTooLarge => "a number of the version is too large",
            Self::LeadingZero => "a number of the version starts with 0",
            Self::Prerelease => "the prerelease after `-` is not one",
            Self::Metadata => "the metadata after `+` is not one",
        })
    }
}

impl std::error::Error for VersionError {}

/// Masterminds refuses longer texts.
const MAX_LENGTH: usize = 256;

impl Version {
    /// Reads a version as `NewVersion` does: with or without `v`, one to three numbers, leading zeros allowed.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        if text.len() > MAX_LENGTH {
            return Err(VersionError::TooLong);
        }
        if text.is_empty() {
            return Err(VersionError::Empty);
        }
        let (core, metadata) = cut(text.strip_prefix('v').unwrap_or(text), '+');
        let (core, prerelease) = cut(core, '-');
        let mut numbers = [0; 3];
        let mut parts = core.split('.');
        for number in &mut numbers {
            let Some(part) = parts.next() else { break };
            *number = decimal(part)?;
        }
        if parts.next().is_some() {
            return Err(VersionError::NotAVersion);
        }
        if prerelease.is_some_and(|text| !is_identifiers(text))
            || metadata.is_some_and(|text| !is_identifiers(text))
        {
            return Err(VersionError::NotAVersion);
        }
        if let Some(prerelease) = prerelease {
            check_prerelease(prerelease)?;
        }
        Ok(Self {
            major: numbers[0],
            minor: numbers[1],
            patch: numbers[2],
            prerelease: prerelease.unwrap_or_default().to_owned(),
            metadata: metadata.unwrap_or_default().to_owned(),
            original: text.to_owned(),
        })
    }

    /// Reads a version as `StrictNewVersion` does: three numbers without leading zeros, no `v`.
    pub fn parse_strict(text: &str) -> Result<Self, VersionError> {
        if text.is_empty() {
            return Err(VersionError::Empty);
        }
        if text.len() > MAX_LENGTH {
            return Err(VersionError::TooLong);
        }
        let parts: Vec<&str> = text.splitn(3, '.').collect();
        let [major, minor, rest] = parts[..] else {
            return Err(VersionError::NotThreeParts);
        };
        let (rest, metadata) = cut(rest, '+');
        if metadata.is_some_and(|text| !is_identifiers(text)) {
            return Err(VersionError::Metadata);
        }
        let (patch, prerelease) = cut(rest, '-');
        if let Some(prerelease) = prerelease {
            check_prerelease(prerelease)?;
        }
        for part in [major, minor, patch] {
            if !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(VersionError::NotAVersion);
            }
            if part.len() > 1 && part.starts_with('0') {
                return Err(VersionError::LeadingZero);
            }
        }
        Ok(Self {
            major: decimal(major)?,
            minor: decimal(minor)?,
            patch: decimal(patch)?,
            prerelease: prerelease.unwrap_or_default().to_owned(),
            metadata: metadata.unwrap_or_default().to_owned(),
            original: text.to_owned(),
        })
    }

    /// Reads a version as Flux does: as [`Version::parse`], if two points stand in it.
    ///
    /// The points are counted before the text is read, so `1.2-rc.1` passes for 1.2.0-rc.1.
    ///
    /// Source: `ParseVersion` of <https://github.com/fluxcd/pkg>, package `version`, 0.14 (Flux 2.7) to 0.20.
    pub fn parse_flux(text: &str) -> Result<Self, VersionError> {
        if text.matches('.').count() < 2 {
            let error = if text.is_empty() {
                VersionError::Empty
            } else {
                VersionError::NotThreeParts
            };
            return Err(error);
        }
        Self::parse(text)
    }

    pub fn major(&self) -> u64 {
        self.major
    }

    pub fn minor(&self) -> u64 {
        self.minor
    }

    pub fn patch(&self) -> u64 {
        self.patch
    }

    /// What stands between `-` and `+`; empty for a release.
    pub fn prerelease(&self) -> &str {
        &self.prerelease
    }

    /// What stands after `+`; no part of the order.
    pub fn metadata(&self) -> &str {
        &self.metadata
    }

    /// The text it was read from, a leading `v` included.
    pub fn original(&self) -> &str {
        &self.original
    }

    pub fn is_prerelease(&self) -> bool {
        !self.prerelease.is_empty()
    }

    /// Orders by the three numbers, then a prerelease before its release, then by the prereleases' parts.
    pub fn precedence(&self, other: &Self) -> Ordering {
        let numbers =
            (self.major, self.minor, self.patch).cmp(&(other.major, other.minor, other.patch));
        numbers.then_with(|| match (self.is_prerelease(), other.is_prerelease()) {
            (false, false) => Ordering::Equal,
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (true, true) => compare_prereleases(&self.prerelease, &other.prerelease),
        })
    }
}

/// Displays three numbers, the prerelease and the metadata, without a leading `v`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.prerelease.is_empty() {
            write!(f, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

pub(super) fn compare_prereleases(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (left, right) => compare_parts(left.unwrap_or_default(), right.unwrap_or_default()),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Numbers by value and before words, words by their bytes, and nothing before anything.
fn compare_parts(left: &str, right: &str) -> Ordering {
    if left.is_empty() || right.is_empty() {
        return left.len().cmp(&right.len());
    }
    match (go_uint(left), go_uint(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}

/// `strconv.ParseUint` in base ten: digits only, where Rust would take a `+`. Above 2^64 - 1 it is a word.
fn go_uint(text: &str) -> Option<u64> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn decimal(text: &str) -> Result<u64, VersionError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(VersionError::NotAVersion);
    }
    text.parse().map_err(|_| VersionError::NumberTooLarge)
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// Parts of letters, digits and `-`, none of them empty, with points between.
fn is_identifiers(text: &str) -> bool {
    text.split('.').all(|part| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

fn check_prerelease(text: &str) -> Result<(), VersionError> {
    if !is_identifiers(text) {
        return Err(VersionError::Prerelease);
    }
    let has_leading_zero = |part: &str| {
        part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    match text.split('.').any(has_leading_zero) {
        true => Err(VersionError::LeadingZero),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loose_version_has_one_to_three_numbers_and_may_have_zeros_in_front() {
        for (text, shown) in [
            ("1", "1.0.0"),
            ("v1.2", "1.2.0"),
            ("01.02.03", "1.2.3"),
            ("1-rc.1", "1.0.0-rc.1"),
            ("1.2.3-a.b.c+d.e", "1.2.3-a.b.c+d.e"),
            ("1.2.3+build-5", "1.2.3+build-5"),
            ("1.2.3--1", "1.2.3--1"),
        ] {
            assert_eq!(
                Version::parse(text).map(|v| v.to_string()).as_deref(),
                Ok(shown),
                "{text}"
            );
        }
        for text in [
            "", "v", "V1.0.0", "vv1.0.0", "1.2.3.4", "1.x", "latest", "1.2.3-", "1.2.3-01", "1..2",
            "-1", "1.2.3+",
        ] {
            assert!(Version::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            Version::parse("18446744073709551616.0.0").err(),
            Some(VersionError::NumberTooLarge)
        );
        assert_eq!(
            Version::parse(&"1".repeat(300)).err(),
            Some(VersionError::TooLong)
        );
    }

    #[test]
    fn a_strict_version_has_three_numbers_without_zeros_in_front_and_no_v() {
        for text in ["1.2.3", "0.0.0", "1.2.3-0", "1.2.3-rc.1+x"] {
            assert_eq!(Version::parse_strict(text).expect(text).original(), text);
        }
        for (text, error) in [
            ("1.2", VersionError::NotThreeParts),
            ("v1.2.3", VersionError::NotAVersion),
            ("1.02.3", VersionError::LeadingZero),
            ("1.2.3-01", VersionError::LeadingZero),
            ("1.2.3-", VersionError::Prerelease),
            ("1.2.3+", VersionError::Metadata),
            ("1.2.3.4", VersionError::NotAVersion),
            ("1.2.", VersionError::NotAVersion),
            ("", VersionError::Empty),
        ] {
            assert_eq!(Version::parse_strict(text).err(), Some(error), "{text}");
        }
    }

    #[test]
    fn flux_counts_two_points_and_reads_loosely() {
        for text in [
            "1.2.3",
            "v1.2.3",
            "01.02.03",
            "2024.01.02",
            "1.2-rc.1",
            "1-a.b.c",
        ] {
            assert_eq!(Version::parse_flux(text).expect(text).original(), text);
        }
        for text in [
            "",
            "v",
            "1",
            "1.2",
            "1.2-rc",
            "vv1.2.3",
            "1.2.3.4",
            "main-abc-123",
        ] {
            assert!(Version::parse_flux(text).is_err(), "{text}");
        }
    }

    #[test]
    fn versions_are_ordered_as_masterminds_orders_them() {
        let ascending = [
            "1.0.0-0",
            "1.0.0-9",
            "1.0.0-10",
            "1.0.0--1",
            "1.0.0-99999999999999999999",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-rc.2",
            "1.0.0-rc.10",
            "1.0.0",
            "1.0.1",
            "1.10.0",
            "2.0.0-0",
            "10.0.0",
        ];
        let versions: Vec<Version> = ascending
            .iter()
            .map(|text| Version::parse(text).expect(text))
            .collect();
        for (at, left) in versions.iter().enumerate() {
            for (other, right) in versions.iter().enumerate() {
                assert_eq!(left.precedence(right), at.cmp(&other), "{left} and {right}");
            }
        }
    }

    #[test]
    fn metadata_and_a_leading_v_are_no_part_of_the_order() {
        let version = |text| Version::parse(text).expect("a version");
        assert_eq!(
            version("v1.2.3+a").precedence(&version("1.2.3+b")),
            Ordering::Equal
        );
        assert_eq!(version("v1.2.3+a").original(), "v1.2.3+a");
    }
}
