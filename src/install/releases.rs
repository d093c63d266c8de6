//! The releases of one run: the lock, the cache and the network, each asked once.
//!
//! A distinct set of options costs one transformation, however many clusters share it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;

use crate::emit::HEADER;
use crate::files::writer::{Folder, Rights};
use crate::files::{Snapshot, folder_of};
use crate::install::archive::LIMITS;
use crate::install::cache::{locked_by_text, sha256};
use crate::install::distribution::{Taken, hold_to, versioned};
use crate::install::{
    Cache, Distribution, Document, Fetch, InstallError, Local, Lock, Locked, Manifests, Mode,
    Options, Source, Watch, build, identity,
};

/// The largest lock that is read, in bytes.
const LARGEST_LOCK: u64 = 16 * 1024 * 1024;

/// Where a run takes the install manifests of its clusters from, and what it learnt for the lock.
#[derive(Debug)]
pub struct Releases {
    /// The folder of the TOML file, which local distributions are relative to.
    folder: Utf8PathBuf,
    local: Local,
    lock_file: Utf8PathBuf,
    /// The lock as it stands on disk.
    before: Lock,
    lock: Lock,
    mode: Mode,
    is_locked: bool,
    /// Whether a committed manifest may stand for the release it was made from.
    trusts_trees: bool,
    manifests: BTreeMap<(String, Version), Result<Arc<Manifests>, Refusal>>,
    texts: BTreeMap<(String, String), Result<Arc<str>, Refusal>>,
    used: BTreeSet<(Version, String)>,
    used_options: BTreeSet<String>,
    /// Take every release anew, whatever the lock says of it.
    updates: bool,
    taken: BTreeMap<(Version, String), Taken>,
    transformations: usize,
    watch: Option<Arc<dyn Watch>>,
}

/// Why a cluster has no install manifest, in words that many clusters may share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub message: String,
    pub help: String,
    /// It could not be had; otherwise the TOML file asks for what there is not.
    pub is_unavailable: bool,
}

impl From<InstallError> for Refusal {
    fn from(error: InstallError) -> Self {
        Self {
            message: error.to_string(),
            help: error.help(),
            is_unavailable: error.is_unavailable(),
        }
    }
}

impl Releases {
    /// For a TOML file: its lock is the file of the same name that ends in `.lock`.
    ///
    /// `is_locked` makes [`Releases::save`] fail where the lock would change.
    pub fn open(config: &Utf8Path, mode: Mode, is_locked: bool) -> Result<Self, InstallError> {
        Self::read(
            &Snapshot::on_disk(&folder_of(config)),
            config,
            mode,
            is_locked,
        )
    }

    /// The same with the lock of another state of the repository than the one on disk.
    pub fn read(
        snapshot: &Snapshot,
        config: &Utf8Path,
        mode: Mode,
        is_locked: bool,
    ) -> Result<Self, InstallError> {
        let folder = folder_of(config);
        let lock_file = config.with_extension("lock");
        let failed = |error: std::io::Error| InstallError::io("cannot read", &lock_file, &error);
        let name = lock_file.file_name().unwrap_or_default();
        let lock = match snapshot.read(name, LARGEST_LOCK).map_err(failed)? {
            Some(bytes) => Lock::parse(&String::from_utf8_lossy(&bytes))?,
            None => Lock::default(),
        };
        Ok(Self {
            local: Local::on_disk(&folder),
            folder,
            lock_file,
            before: lock.clone(),
            lock,
            mode,
            is_locked,
            trusts_trees: true,
            manifests: BTreeMap::new(),
            texts: BTreeMap::new(),
            used: BTreeSet::new(),
            used_options: BTreeSet::new(),
            updates: false,
            taken: BTreeMap::new(),
            transformations: 0,
            watch: None,
        })
    }

    /// Reads local distributions as another state of the repository has them.
    pub(crate) fn staged(mut self, snapshot: &Snapshot) -> Self {
        self.local = self.local.first_of(snapshot);
        self
    }

    /// Tells somebody how the downloads go.
    pub fn watched(mut self, watch: Arc<dyn Watch>) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Has every release at hand, though the committed trees could do without: for `fluxgen lock`.
    pub fn without_trees(mut self) -> Self {
        self.trusts_trees = false;
        self
    }

    /// Takes every release anew and believes it over the lock: for `fluxgen lock --update`.
    pub fn updating(mut self) -> Self {
        self.updates = true;
        self.without_trees()
    }

    /// The releases that were read, by version and address, and where their bytes were.
    pub fn taken(&self) -> impl Iterator<Item = (&Version, &str, Taken)> {
        self.taken
            .iter()
            .map(|((version, url), taken)| (version, url.as_str(), *taken))
    }

    /// The lock as it is on disk.
    pub fn before(&self) -> &Lock {
        &self.before
    }

    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    pub(super) fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    pub fn lock_file(&self) -> &Utf8Path {
        &self.lock_file
    }

    /// How many install manifests were made anew.
    pub fn transformations(&self) -> usize {
        self.transformations
    }

    /// The install manifest for `options`, from the release that `distribution` names.
    ///
    /// `committed` are the manifests that stand in the trees; one of them is taken as it is if the
    /// lock says that these options made it of this release.
    pub fn text<'c>(
        &mut self,
        distribution: Option<&str>,
        options: &Options,
        committed: impl Iterator<Item = &'c [u8]>,
    ) -> Result<Arc<str>, Refusal> {
        let key = (
            distribution.unwrap_or_default().to_owned(),
            options.digest(),
        );
        if let Some(known) = self.texts.get(&key) {
            return known.clone();
        }
        let text = self.make(distribution, options, &key, committed);
        self.texts.insert(key, text.clone());
        text
    }

    fn make<'c>(
        &mut self,
        distribution: Option<&str>,
        options: &Options,
        key: &(String, String),
        committed: impl Iterator<Item = &'c [u8]>,
    ) -> Result<Arc<str>, Refusal> {
        let source = match distribution {
            Some(text) => Source::parse(text, &self.folder)?,
            None => Source::default(),
        };
        let url = source.url(&options.version);
        self.used.insert((options.version.clone(), url.clone()));
        self.used_options.insert(key.1.clone());
        let text: Arc<str> = match &source {
            Source::Manifest { path, .. } => self.manifest(path, &url, options)?,
            Source::Release { .. } | Source::Archive { .. } | Source::Folder { .. } => {
                // What is in the repository is read itself: it may have been changed.
                let may_trust = self.trusts_trees && !matches!(source, Source::Folder { .. });
                if may_trust
                    && let Some(text) = self.committed(&options.version, &url, &key.1, committed)
                {
                    return Ok(text);
                }
                let manifests = self.manifests(&key.0, &source, &options.version)?;
                self.transformations += 1;
                Arc::from(build(&manifests, options)?.text())
            }
        };
        if let Some(release) = self.lock.get(&options.version, &url).cloned() {
            self.lock
                .add_install(&release, key.1.as_str(), sha256(text.as_bytes()));
        }
        Ok(text)
    }

    /// A finished install manifest, held to the lock.
    fn manifest(
        &mut self,
        path: &Utf8Path,
        url: &str,
        options: &Options,
    ) -> Result<Arc<str>, InstallError> {
        let version = &options.version;
        let (text, found) = manifest(path, url, options, &self.local)?;
        let mut lock = self.lock.clone();
        if self.updates {
            lock.forget(version, url);
        }
        hold_to(url, found, version, &mut lock, self.mode)?;
        self.lock = lock;
        let key = (version.clone(), url.to_owned());
        self.taken.insert(key, Taken::Local);
        Ok(text)
    }

    /// The committed manifest that these options made of the locked release.
    fn committed<'c>(
        &self,
        version: &Version,
        url: &str,
        options: &str,
        mut committed: impl Iterator<Item = &'c [u8]>,
    ) -> Option<Arc<str>> {
        let expected = self.lock.install(self.lock.get(version, url)?, options)?;
        let body = committed.find_map(|bytes| {
            let body = without_header(bytes);
            (sha256(body) == expected).then_some(body)
        })?;
        std::str::from_utf8(body).ok().map(Arc::from)
    }

    fn manifests(
        &mut self,
        name: &str,
        source: &Source,
        version: &Version,
    ) -> Result<Arc<Manifests>, Refusal> {
        let key = (name.to_owned(), version.clone());
        if let Some(known) = self.manifests.get(&key) {
            return known.clone();
        }
        let loaded = self.load(source, version);
        let loaded = loaded.map(Arc::new).map_err(Refusal::from);
        self.manifests.insert(key, loaded.clone());
        loaded
    }

    fn load(&mut self, source: &Source, version: &Version) -> Result<Manifests, InstallError> {
        let cache = match source {
            Source::Release { .. } => Cache::from_environment()?,
            Source::Archive { .. } | Source::Folder { .. } | Source::Manifest { .. } => {
                Cache::at("")
            }
        };
        let distribution = Distribution {
            cache,
            fetch: Fetch {
                watch: self.watch.clone(),
                ..Fetch::default()
            },
            local: self.local.clone(),
        };
        let url = source.url(version);
        let mut lock = self.lock.clone();
        if self.updates {
            lock.forget(version, &url);
        }
        let (manifests, taken) = distribution.take(source, version, &mut lock, self.mode)?;
        self.lock = lock;
        self.taken.insert((version.clone(), url), taken);
        Ok(manifests)
    }

    /// Forgets what no cluster asked for. Only right after all clusters were asked about.
    pub fn prune(&mut self) {
        let (used, options) = (&self.used, &self.used_options);
        self.lock.retain(
            |version, url| used.contains(&(version.clone(), url.to_owned())),
            |with| options.contains(with),
        );
    }

    /// Whether the lock differs from the file.
    pub fn is_changed(&self) -> bool {
        self.lock != self.before
    }

    /// Fails where the lock has changed and may not.
    pub fn check_locked(&self) -> Result<(), InstallError> {
        if self.is_locked && self.is_changed() {
            return Err(InstallError::LockChanges {
                path: self.lock_file.clone(),
            });
        }
        Ok(())
    }

    /// Writes the lock where it has changed; says whether it has.
    pub fn save(&mut self) -> Result<bool, InstallError> {
        if !self.is_changed() {
            return Ok(false);
        }
        self.check_locked()?;
        let path = &self.lock_file;
        let failed = |error: std::io::Error| InstallError::io("cannot write", path, &error);
        if fs_err::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(InstallError::Io {
                action: "cannot write",
                path: path.clone(),
                reason: "it is not a plain file".to_owned(),
            });
        }
        let name = path.file_name().unwrap_or_default();
        Folder::open(&self.folder)
            .and_then(|folder| folder.write(name, self.lock.to_string().as_bytes(), Rights::Plain))
            .map_err(failed)?;
        self.before = self.lock.clone();
        Ok(true)
    }
}

/// A committed file without the comment lines that fluxgen put above Flux's own text.
pub(super) fn without_header(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while rest.starts_with(b"#") {
        let line = rest.iter().position(|byte| *byte == b'\n');
        rest = line.map_or(&[], |at| &rest[at + 1..]);
    }
    rest
}

/// A finished install manifest, and what the lock keeps of it: whole YAML, Flux itself, of the version that the cluster pins.
fn manifest(
    path: &Utf8Path,
    url: &str,
    options: &Options,
    local: &Local,
) -> Result<(Arc<str>, Locked), InstallError> {
    let version = &options.version;
    let fault = |reason: String| InstallError::Manifest {
        path: versioned(path, version),
        reason,
    };
    let bytes = local.read(url, LIMITS.unpacked);
    let bytes = bytes.map_err(|error| fault(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| fault("it is not UTF-8".to_owned()))?;
    let text = match text.starts_with(HEADER) {
        true => std::str::from_utf8(without_header(text.as_bytes())).unwrap_or(&text),
        false => &text,
    };
    let documents = Document::read_all(text).map_err(fault)?;
    if documents.is_empty() {
        return Err(fault("it holds no objects".to_owned()));
    }
    for document in &documents {
        if !document.is_whole() {
            return Err(fault("an object of it cannot be read".to_owned()));
        }
        if document.kind().is_empty() || document.name().is_empty() {
            return Err(fault("an object of it has no kind or no name".to_owned()));
        }
    }
    let documents: Vec<&Document> = documents.iter().collect();
    identity::check_version(url, text, &documents, version)?;
    let namespace = options.namespace.as_str();
    if !documents.iter().any(|it| identity::is_flux(it, namespace)) {
        return Err(fault(
            "it holds no controller, no CRD and no namespace of Flux".to_owned(),
        ));
    }
    Ok((Arc::from(text), locked_by_text(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_comment_lines_end_where_fluxs_text_begins() {
        let text = b"# Generated by fluxgen from x. Do not edit.\n# mine\n---\n# Flux\na: 1\n";
        assert_eq!(without_header(text), b"---\n# Flux\na: 1\n");
        assert_eq!(without_header(b"# only"), b"");
        assert_eq!(without_header(b"a: 1\n"), b"a: 1\n");
    }
}
