//! Where the manifests of a version come from: a release address, a local archive or folder.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;

use crate::install::archive::{LIMITS, from_files, unpack};
use crate::install::cache::{Cache, locked_by};
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
    Folder(Utf8PathBuf),
    /// A finished install manifest, taken as it is.
    Manifest(Utf8PathBuf),
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
        Ok(match path.as_str().to_ascii_lowercase() {
            name if name.ends_with(".tar.gz") || name.ends_with(".tgz") => Self::Archive {
                path,
                name: text.to_owned(),
            },
            name if name.ends_with(".yaml") || name.ends_with(".yml") => Self::Manifest(path),
            _ => Self::Folder(path),
        })
    }

    /// What the lock calls the archive of a version: its address, or its path as it was written.
    /// `None` where there is no archive to lock.
    pub fn url(&self, version: &Version) -> Option<String> {
        match self {
            Self::Release { base } if !base.contains("{version}") => {
                Some(format!("{base}/v{version}/manifests.tar.gz"))
            }
            Self::Release { base: text } | Self::Archive { name: text, .. } => {
                Some(text.replace("{version}", &version.to_string()))
            }
            Self::Folder(_) | Self::Manifest(_) => None,
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
                let url = source.url(version).unwrap_or_default();
                let bytes = archive(&versioned(path, version), &self.local)?;
                let manifests = hold_to(&url, &bytes, version, lock, mode)?;
                Ok((manifests, Taken::Local))
            }
            Source::Folder(path) => {
                let manifests = folder(&versioned(path, version), &self.local)?;
                manifests.check()?;
                Ok((manifests, Taken::Local))
            }
            Source::Manifest(path) => Err(InstallError::Local {
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
        let url = source.url(version).unwrap_or_default();
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
        let manifests = hold_to(&url, &bytes, version, &mut with, mode)?;
        self.cache.put(&bytes)?;
        *lock = with;
        Ok((manifests, Taken::Network))
    }
}

/// The manifests in an archive that is what the lock says, which learns of one that it does not know.
fn hold_to(
    url: &str,
    bytes: &[u8],
    version: &Version,
    lock: &mut Lock,
    mode: Mode,
) -> Result<Manifests, InstallError> {
    let found = locked_by(bytes);
    match (lock.get(version, url), mode) {
        (Some(expected), _) => compare(url, expected, &found)?,
        (None, Mode::Locked) => {
            return Err(InstallError::NotLocked {
                version: version.to_string(),
            });
        }
        (None, Mode::Online | Mode::Offline) => {}
    }
    let manifests = unpack(url, bytes, &LIMITS)?;
    manifests.check()?;
    lock.add(version.clone(), url, found);
    Ok(manifests)
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

fn versioned(path: &Utf8Path, version: &Version) -> Utf8PathBuf {
    path.as_str()
        .replace("{version}", &version.to_string())
        .into()
}

fn archive(path: &Utf8Path, local: &Local) -> Result<Vec<u8>, InstallError> {
    let read = local.read(path, LIMITS.packed);
    read.map_err(|error| InstallError::Local {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn folder(path: &Utf8Path, local: &Local) -> Result<Manifests, InstallError> {
    let refused = |reason: String| InstallError::Local {
        path: path.to_owned(),
        reason,
    };
    let failed = |error: std::io::Error| refused(error.to_string());
    let mut files = BTreeMap::new();
    let mut total = 0_u64;
    for name in local.list(path).map_err(failed)? {
        if !name.ends_with(".yaml") {
            continue;
        }
        let bytes = local
            .read(&path.join(&name), LIMITS.unpacked)
            .map_err(failed)?;
        total += bytes.len() as u64;
        if total > LIMITS.unpacked {
            return Err(refused(format!(
                "its files have more than {} bytes",
                LIMITS.unpacked
            )));
        }
        let text =
            String::from_utf8(bytes).map_err(|_| refused(format!("`{name}` is not UTF-8")))?;
        files.insert(name, text);
    }
    from_files(files).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_told_by_its_text() {
        let parse = |text| Source::parse(text, Utf8Path::new("/repo"));
        let version = Version::new(2, 9, 4);
        let url = |source: &Source| source.url(&version).unwrap();
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
            Source::Folder("/repo/vendor/flux".into())
        );
        assert_eq!(
            parse("gotk.yaml").unwrap(),
            Source::Manifest("/repo/gotk.yaml".into())
        );
    }
}
