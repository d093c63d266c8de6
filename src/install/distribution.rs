//! Where the manifests of a version come from: a release address, a local archive or folder.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;

use crate::install::archive::{LIMITS, from_files, unpack};
use crate::install::cache::{Cache, locked_by, locked_by_files};
use crate::install::download::is_loopback_http;
use crate::install::{Fetch, InstallError, Local, Lock, Locked, Manifests};

/// Where the project publishes its releases.
pub const RELEASES: &str = "https://github.com/fluxcd/flux2/releases/download";

/// What `flux.distribution` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A base with one folder a version, or an address with `{version}` in it.
    Release { base: String },
    /// A `manifests.tar.gz`; the lock knows it by `name`, the path as it was written.
    Archive { path: Utf8PathBuf, name: String },
    /// The folder that it unpacks to.
    Folder { path: Utf8PathBuf, name: String },
    /// A finished install manifest, used unchanged.
    Manifest { path: Utf8PathBuf, name: String },
}

/// Whether the network may be asked and the lock may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Online,
    /// `--offline`: nothing is fetched.
    Offline,
    /// `--locked`: what is fetched must be in the lock already.
    Locked,
}

impl Mode {
    /// What `--offline` and `--locked` ask for together.
    pub(crate) fn of(is_offline: bool, is_locked: bool) -> Self {
        match (is_offline, is_locked) {
            (true, _) => Mode::Offline,
            (false, true) => Mode::Locked,
            (false, false) => Mode::Online,
        }
    }
}

/// Where the bytes of a release were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    Network,
    Cache,
    Local,
}

/// The manifests of versions, from one place of each.
#[derive(Debug, Clone)]
pub struct Distribution {
    pub cache: Cache,
    pub fetch: Fetch,
    pub local: Local,
}

impl Source {
    /// Reads `flux.distribution`: https, or http on this very machine; paths are relative to `folder`, `{version}` stands for the version.
    pub fn parse(text: &str, folder: &Utf8Path) -> Result<Self, InstallError> {
        if text.contains("://") {
            if !text.starts_with("https://") && !is_loopback_http(text) {
                return Err(InstallError::NotHttps {
                    url: text.to_owned(),
                });
            }
            return Ok(Self::Release {
                base: text.trim_end_matches('/').to_owned(),
            });
        }
        let path = folder.join(text);
        let name = text.to_owned();
        Ok(match text.to_ascii_lowercase() {
            end if end.ends_with(".tar.gz") || end.ends_with(".tgz") => {
                Self::Archive { path, name }
            }
            end if end.ends_with(".yaml") || end.ends_with(".yml") => Self::Manifest { path, name },
            _ => Self::Folder { path, name },
        })
    }

    /// What the lock calls the distribution of a version: its address, or its path as it was written.
    pub fn url(&self, version: &Version) -> String {
        match self {
            Self::Release { base } if !base.contains("{version}") => {
                format!("{base}/v{version}/manifests.tar.gz")
            }
            Self::Release { base: text }
            | Self::Archive { name: text, .. }
            | Self::Folder { name: text, .. }
            | Self::Manifest { name: text, .. } => text.replace("{version}", &version.to_string()),
        }
    }
}

impl Default for Source {
    fn default() -> Self {
        Self::Release {
            base: RELEASES.to_owned(),
        }
    }
}

impl Distribution {
    /// The manifests of a version.
    ///
    /// A release that the lock knows is taken from the cache if its bytes are right there, else
    /// fetched and compared with the lock. One that it does not know is fetched and added. A local
    /// archive is held to the lock, or added to it, in the same way.
    pub fn load(
        &self,
        source: &Source,
        version: &Version,
        lock: &mut Lock,
        mode: Mode,
    ) -> Result<Manifests, InstallError> {
        Ok(self.take(source, version, lock, mode)?.0)
    }

    /// The manifests, and where they came from.
    pub(crate) fn take(
        &self,
        source: &Source,
        version: &Version,
        lock: &mut Lock,
        mode: Mode,
    ) -> Result<(Manifests, Taken), InstallError> {
        match source {
            Source::Release { .. } => self.release(source, version, lock, mode),
            Source::Archive { path, .. } => {
                let url = source.url(version);
                let bytes = self.local.read(&url, LIMITS.packed);
                let bytes = bytes.map_err(|error| InstallError::Local {
                    path: versioned(path, version),
                    reason: error.to_string(),
                })?;
                let manifests = unpacked(&url, &bytes, version, lock, mode)?;
                Ok((manifests, Taken::Local))
            }
            Source::Folder { path, .. } => {
                let url = source.url(version);
                let (manifests, found) = folder(&versioned(path, version), &url, &self.local)?;
                manifests.check()?;
                manifests.check_version(&url, version)?;
                hold_to(&url, found, version, lock, mode)?;
                Ok((manifests, Taken::Local))
            }
            Source::Manifest { path, .. } => Err(InstallError::Local {
                path: path.clone(),
                reason: "it is a finished manifest, which no option changes".to_owned(),
            }),
        }
    }

    fn release(
        &self,
        source: &Source,
        version: &Version,
        lock: &mut Lock,
        mode: Mode,
    ) -> Result<(Manifests, Taken), InstallError> {
        let url = source.url(version);
        let known = lock.get(version, &url);
        if let Some(locked) = known
            && let Some(bytes) = self.cache.get(locked)
        {
            return Ok((unpack(&url, &bytes, &LIMITS)?, Taken::Cache));
        }
        match (mode, known) {
            (Mode::Offline, _) => {
                return Err(InstallError::Offline {
                    version: version.to_string(),
                });
            }
            (Mode::Locked, None) => {
                return Err(InstallError::NotLocked {
                    version: version.to_string(),
                });
            }
            (Mode::Locked | Mode::Online, _) => {}
        }
        let fetch = Fetch {
            loopback_http: self.fetch.loopback_http || is_loopback_http(&url),
            ..self.fetch.clone()
        };
        let bytes = fetch.get(&url)?;
        let mut with = lock.clone();
        let manifests = unpacked(&url, &bytes, version, &mut with, mode)?;
        self.cache.put(&bytes)?;
        *lock = with;
        Ok((manifests, Taken::Network))
    }
}

/// The manifests in an archive that is what the lock says, which learns of one that it does not know.
fn unpacked(
    url: &str,
    bytes: &[u8],
    version: &Version,
    lock: &mut Lock,
    mode: Mode,
) -> Result<Manifests, InstallError> {
    // Bytes that are not the lock's are not even unpacked.
    let mut with = lock.clone();
    hold_to(url, locked_by(bytes), version, &mut with, mode)?;
    let manifests = unpack(url, bytes, &LIMITS)?;
    manifests.check()?;
    manifests.check_version(url, version)?;
    *lock = with;
    Ok(manifests)
}

/// Compares what was found with the lock, which learns of a distribution that it does not know.
pub(super) fn hold_to(
    url: &str,
    found: Locked,
    version: &Version,
    lock: &mut Lock,
    mode: Mode,
) -> Result<(), InstallError> {
    match (lock.get(version, url), mode) {
        (Some(expected), _) => compare(url, expected, &found),
        (None, Mode::Locked) => Err(InstallError::NotLocked {
            version: version.to_string(),
        }),
        (None, Mode::Online | Mode::Offline) => {
            lock.add(version.clone(), url, found);
            Ok(())
        }
    }
}

fn compare(name: &str, expected: &Locked, found: &Locked) -> Result<(), InstallError> {
    let name = name.to_owned();
    if expected.size != found.size {
        return Err(InstallError::Size {
            name,
            expected: expected.size,
            found: found.size,
        });
    }
    if expected.sha256 != found.sha256 {
        let (expected, found) = (expected.sha256.clone(), found.sha256.clone());
        return Err(InstallError::Digest {
            name,
            expected,
            found,
        });
    }
    Ok(())
}

pub(super) fn versioned(path: &Utf8Path, version: &Version) -> Utf8PathBuf {
    path.as_str()
        .replace("{version}", &version.to_string())
        .into()
}

/// The manifests in a folder, and what the lock keeps of them.
fn folder(path: &Utf8Path, name: &str, local: &Local) -> Result<(Manifests, Locked), InstallError> {
    let refused = |reason: String| InstallError::Local {
        path: path.to_owned(),
        reason,
    };
    let failed = |error: std::io::Error| refused(error.to_string());
    let mut files = BTreeMap::new();
    let mut total = 0_u64;
    for file in local.list(name).map_err(failed)? {
        if !file.ends_with(".yaml") {
            continue;
        }
        let place = Utf8Path::new(name).join(&file);
        let bytes = local
            .read(place.as_str(), LIMITS.unpacked)
            .map_err(failed)?;
        total += bytes.len() as u64;
        if total > LIMITS.unpacked {
            return Err(refused(format!(
                "its files have more than {} bytes",
                LIMITS.unpacked
            )));
        }
        let text =
            String::from_utf8(bytes).map_err(|_| refused(format!("`{file}` is not UTF-8")))?;
        files.insert(file, text);
    }
    let locked = locked_by_files(&files);
    Ok((from_files(files).map_err(refused)?, locked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_told_by_its_text() {
        let parse = |text| Source::parse(text, Utf8Path::new("/repo"));
        let version = Version::new(2, 9, 4);
        let url = |source: &Source| source.url(&version);
        assert_eq!(
            url(&Source::default()),
            "https://github.com/fluxcd/flux2/releases/download/v2.9.4/manifests.tar.gz"
        );
        assert_eq!(
            url(&parse("https://m.example/flux/").unwrap()),
            "https://m.example/flux/v2.9.4/manifests.tar.gz"
        );
        assert_eq!(
            url(&parse("https://m.example/f-{version}.tgz").unwrap()),
            "https://m.example/f-2.9.4.tgz"
        );
        for text in [
            "http://m.example",
            "http://localhost.m.example",
            "ftp://localhost",
        ] {
            assert!(matches!(parse(text), Err(InstallError::NotHttps { .. })));
        }
        assert!(parse("http://localhost:8080/flux").is_ok());
        assert_eq!(
            parse("flux.tar.gz").unwrap(),
            Source::Archive {
                path: "/repo/flux.tar.gz".into(),
                name: "flux.tar.gz".to_owned(),
            }
        );
        assert_eq!(
            url(&parse("vendor/flux-{version}.tgz").unwrap()),
            "vendor/flux-2.9.4.tgz"
        );
        assert_eq!(
            parse("vendor/flux").unwrap(),
            Source::Folder {
                path: "/repo/vendor/flux".into(),
                name: "vendor/flux".to_owned(),
            }
        );
        assert_eq!(
            parse("gotk.yaml").unwrap(),
            Source::Manifest {
                path: "/repo/gotk.yaml".into(),
                name: "gotk.yaml".to_owned(),
            }
        );
    }
}
