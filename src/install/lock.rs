//! `fluxgen.lock`: which bytes each release consists of, and what came of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

use crate::install::InstallError;

/// The releases a project was built from, sorted, without times: it changes only when they do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    releases: BTreeMap<(semver::Version, String), Locked>,
    /// The sha256 of the install manifest by the release's sha256 and the options' digest.
    installs: BTreeMap<(String, String), String>,
}

/// One release as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// Bytes of the archive.
    pub size: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    release: Vec<Release>,
    #[serde(default)]
    install: Vec<Install>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    version: String,
    url: String,
    size: u64,
    sha256: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Install {
    release: String,
    options: String,
    sha256: String,
}

/// The form of the file; raised when an older fluxgen could misread it.
const FORMAT: u32 = 1;

impl Lock {
    /// Reads the text of a `fluxgen.lock`.
    pub fn parse(text: &str) -> Result<Self, InstallError> {
        let fault = |reason: String| InstallError::Lock { reason };
        let file: File =
            toml::from_str(text).map_err(|error| fault(error.to_string().trim_end().to_owned()))?;
        if file.version != FORMAT {
            return Err(fault(format!(
                "its form is {}; this fluxgen reads {FORMAT}",
                file.version
            )));
        }
        let digest = |text: String| {
            let is_digest = text.len() == 64
                && text
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            is_digest
                .then_some(text.clone())
                .ok_or_else(|| fault(format!("`{text}` is not a sha256")))
        };
        let mut lock = Self::default();
        for release in file.release {
            let version = semver::Version::parse(&release.version)
                .map_err(|_| fault(format!("`{}` is not a version", release.version)))?;
            let locked = Locked {
                size: release.size,
                sha256: digest(release.sha256)?,
            };
            if lock
                .releases
                .insert((version, release.url.clone()), locked)
                .is_some()
            {
                return Err(fault(format!("`{}` is there twice", release.url)));
            }
        }
        for install in file.install {
            let key = (digest(install.release)?, digest(install.options)?);
            if lock.installs.insert(key, digest(install.sha256)?).is_some() {
                return Err(fault("an install is there twice".to_owned()));
            }
        }
        Ok(lock)
    }

    pub fn is_empty(&self) -> bool {
        self.releases.is_empty()
    }

    pub fn get(&self, version: &semver::Version, url: &str) -> Option<&Locked> {
        self.releases.get(&(version.clone(), url.to_owned()))
    }

    pub fn add(&mut self, version: semver::Version, url: impl Into<String>, locked: Locked) {
        self.releases.insert((version, url.into()), locked);
    }

    pub(crate) fn forget(&mut self, version: &semver::Version, url: &str) {
        self.releases.remove(&(version.clone(), url.to_owned()));
    }

    /// How many install manifests are recorded.
    pub fn installs(&self) -> usize {
        self.installs.len()
    }

    /// The releases in order: version, address and bytes.
    pub fn releases(&self) -> impl Iterator<Item = (&semver::Version, &str, &Locked)> {
        self.releases
            .iter()
            .map(|((version, url), locked)| (version, url.as_str(), locked))
    }

    /// The sha256 of the install manifest that `options` made of `release`: a committed manifest
    /// with it needs no release to be there.
    pub fn install(&self, release: &Locked, options: &str) -> Option<&str> {
        let key = (release.sha256.clone(), options.to_owned());
        self.installs.get(&key).map(String::as_str)
    }

    /// Whether some release and options made a manifest of this sha256.
    pub(crate) fn has_install(&self, sha256: &str) -> bool {
        self.installs.values().any(|known| known == sha256)
    }

    /// What two locks say of one thing and do not agree in: the same bytes cannot have two sums.
    pub(crate) fn contradictions(&self, other: &Self) -> Vec<String> {
        let releases = self.releases.iter().filter_map(|(key, locked)| {
            let known = other.releases.get(key)?;
            (known.sha256 != locked.sha256).then(|| format!("the release `{}`", key.1))
        });
        let installs = self.installs.iter().filter_map(|(key, sha256)| {
            let known = other.installs.get(key)?;
            (known != sha256).then(|| {
                let of = self
                    .releases
                    .iter()
                    .find(|(_, locked)| locked.sha256 == key.0);
                let version = of.map_or("a release".to_owned(), |((version, _), _)| {
                    format!("Flux {version}")
                });
                format!("the install manifest of {version}")
            })
        });
        let mut found: Vec<String> = releases.chain(installs).collect();
        found.dedup();
        found
    }

    pub fn add_install(
        &mut self,
        release: &Locked,
        options: impl Into<String>,
        sha256: impl Into<String>,
    ) {
        self.installs
            .insert((release.sha256.clone(), options.into()), sha256.into());
    }

    /// Drops what no cluster uses any more: all but the releases and the options that are `used`.
    pub fn retain(
        &mut self,
        mut release: impl FnMut(&semver::Version, &str) -> bool,
        mut options: impl FnMut(&str) -> bool,
    ) {
        self.releases
            .retain(|(version, url), _| release(version, url));
        let releases = &self.releases;
        self.installs.retain(|(of, with), _| {
            options(with) && releases.values().any(|locked| locked.sha256 == *of)
        });
    }
}

impl std::fmt::Display for Lock {
    /// The text of the file.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "# Written by `fluxgen lock`. Commit it; do not edit it.\nversion = {FORMAT}"
        )?;
        for ((version, url), locked) in &self.releases {
            let Locked { size, sha256 } = locked;
            let mut quoted = String::new();
            write!(quoted, "{}", toml::Value::String(url.clone()))?;
            write!(
                f,
                "\n[[release]]\nversion = \"{version}\"\nurl = {quoted}\nsize = {size}\nsha256 = \"{sha256}\"\n"
            )?;
        }
        for ((release, options), sha256) in &self.installs {
            write!(
                f,
                "\n[[install]]\nrelease = \"{release}\"\noptions = \"{options}\"\nsha256 = \"{sha256}\"\n"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use semver::Version;

    fn locked(letter: &str) -> Locked {
        Locked {
            size: 7,
            sha256: letter.repeat(64),
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_sorted() {
        let mut lock = Lock::default();
        lock.add(Version::new(2, 10, 0), "https://x/\"b\"", locked("b"));
        lock.add(Version::new(2, 9, 4), "https://x/a", locked("a"));
        lock.add_install(&locked("a"), "c".repeat(64), "d".repeat(64));
        let text = lock.to_string();
        assert_eq!(Lock::parse(&text).unwrap(), lock);
        assert!(text.find("2.9.4") < text.find("2.10.0"), "{text}");
        assert_eq!(
            lock.install(&locked("a"), &"c".repeat(64)),
            Some("d".repeat(64).as_str())
        );
        lock.retain(|version, _| version.minor == 10, |_| true);
        assert_eq!(lock.releases().count(), 1);
        assert_eq!(lock.install(&locked("a"), &"c".repeat(64)), None);
    }

    #[test]
    fn a_lock_that_is_not_ours_is_refused() {
        for text in [
            "version = 2\n",
            "",
            "version = 1\nother = 1\n",
            "version = 1\n[[release]]\nversion = \"x\"\nurl = \"u\"\nsize = 1\nsha256 = \"00\"\n",
            "version = 1\n[[release]]\nversion = \"2.9.4\"\nurl = \"u\"\nsize = 1\nsha256 = \"00\"\n",
        ] {
            assert!(Lock::parse(text).is_err(), "{text}");
        }
    }
}
