//! What can go wrong between a pinned version and the install manifest.

use camino::Utf8PathBuf;

/// Why there is no install manifest. Messages are lower-case fragments; `help` says what to do.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error("{}", .0.message)]
    Option(super::Fault),
    #[error("the release of Flux {version} has no component `{component}`")]
    MissingComponent { component: String, version: String },
    #[error("the release of Flux {version} is not as expected: {reason}")]
    Shape { version: String, reason: String },
    #[error("`{file}` of the release is not YAML: {reason}")]
    Yaml { file: String, reason: String },
    #[error("`{url}` is not an https address")]
    NotHttps { url: String },
    #[error("`{url}` redirects to `{target}`, which is not https")]
    InsecureRedirect { url: String, target: String },
    #[error("`{url}` redirects more than {limit} times")]
    TooManyRedirects { url: String, limit: usize },
    #[error("`{url}` answered {status}")]
    Status { url: String, status: u16 },
    #[error("cannot download `{url}`: {reason}")]
    Download { url: String, reason: String },
    #[error("`{url}` is larger than {limit} bytes")]
    DownloadTooLarge { url: String, limit: u64 },
    #[error("`{name}` has the sha256 {found}, the lock says {expected}")]
    Digest {
        name: String,
        expected: String,
        found: String,
    },
    #[error("`{name}` has {found} bytes, the lock says {expected}")]
    Size {
        name: String,
        expected: u64,
        found: u64,
    },
    #[error("`{name}` is refused: {reason}")]
    Archive { name: String, reason: String },
    #[error("`{path}` is neither an archive nor a folder of manifests: {reason}")]
    Local { path: Utf8PathBuf, reason: String },
    #[error("`{path}` cannot be the install manifest: {reason}")]
    Manifest { path: Utf8PathBuf, reason: String },
    #[error("`{name}` is of Flux {found}{because}, but `flux.version` is {version}")]
    Version {
        name: String,
        found: String,
        because: String,
        version: String,
    },
    #[error("the release of Flux {version} is not at hand, and this run may not download it")]
    Offline { version: String },
    #[error("Flux {version} is not in the lock, and --locked forbids to add it")]
    NotLocked { version: String },
    #[error("`{path}` is not up to date and --locked forbids to change it")]
    LockChanges { path: Utf8PathBuf },
    #[error("fluxgen.lock: {reason}")]
    Lock { reason: String },
    #[error("there is no folder for the cache: neither XDG_CACHE_HOME nor HOME is set")]
    NoCache,
    #[error("{action} `{path}`: {reason}")]
    Io {
        action: &'static str,
        path: Utf8PathBuf,
        reason: String,
    },
}

impl InstallError {
    pub(crate) fn io(
        action: &'static str,
        path: &camino::Utf8Path,
        error: &std::io::Error,
    ) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }

    /// Whether the release could not be had, which no change of the TOML file mends: a download
    /// that failed, bytes that are not those of the lock, what `--offline` or `--locked` forbids.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Option(_)
            | Self::MissingComponent { .. }
            | Self::NotHttps { .. }
            | Self::Local { .. }
            | Self::Manifest { .. }
            | Self::Version { .. } => false,
            Self::Shape { .. }
            | Self::Yaml { .. }
            | Self::InsecureRedirect { .. }
            | Self::TooManyRedirects { .. }
            | Self::Status { .. }
            | Self::Download { .. }
            | Self::DownloadTooLarge { .. }
            | Self::Digest { .. }
            | Self::Size { .. }
            | Self::Archive { .. }
            | Self::Offline { .. }
            | Self::NotLocked { .. }
            | Self::LockChanges { .. }
            | Self::Lock { .. }
            | Self::NoCache
            | Self::Io { .. } => true,
        }
    }

    /// What to do about it, in the imperative.
    pub fn help(&self) -> String {
        let text = match self {
            Self::Option(fault) => return fault.help.clone(),
            Self::MissingComponent { component, .. } => {
                return format!(
                    "leave `{component}` out of `flux.components` or choose a version that has it"
                );
            }
            Self::Shape { .. } | Self::Yaml { .. } => {
                "check that `flux.distribution` holds the manifests of an official release of Flux"
            }
            Self::NotHttps { .. } | Self::InsecureRedirect { .. } => {
                "set `flux.distribution` to an https address, or to a local archive or folder"
            }
            Self::TooManyRedirects { .. } => "set `flux.distribution` to where the address leads",
            Self::Status { status: 404, .. } => "check `flux.version` and `flux.distribution`",
            Self::Status { .. } | Self::Download { .. } => {
                "try again, set HTTPS_PROXY if a proxy stands between, or point `flux.distribution` to a local archive"
            }
            Self::DownloadTooLarge { .. } | Self::Archive { .. } => {
                "fetch the release's manifests.tar.gz anew; do not use this one"
            }
            Self::Digest { .. } | Self::Size { .. } => {
                "find out why the release changed; if the new one is right, run `fluxgen lock --update`"
            }
            Self::Local { .. } => {
                "name the release's manifests.tar.gz, or the folder it unpacks to"
            }
            Self::Offline { .. } => {
                "run `fluxgen lock` once with a network, or point `flux.distribution` to a local archive"
            }
            Self::Manifest { .. } => "name the output of `flux install --export` of that version",
            Self::Version { found, version, .. } if found.split('.').count() == 3 => {
                return format!(
                    "set `flux.version = \"{found}\"`, or name the distribution of {version}"
                );
            }
            Self::Version { version, .. } => {
                return format!(
                    "set `flux.version` to what it is, or name the distribution of {version}"
                );
            }
            Self::LockChanges { .. } | Self::NotLocked { .. } => {
                "run `fluxgen lock` and commit fluxgen.lock"
            }
            Self::Lock { .. } => "mend fluxgen.lock, or remove it and run `fluxgen lock`",
            Self::NoCache => "set HOME or XDG_CACHE_HOME",
            Self::Io { .. } => "check the path and your rights on it",
        };
        text.to_owned()
    }
}
