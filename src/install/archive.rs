//! Unpacks a release's archive in memory; nothing of it ever names a place on the disk.

use std::collections::BTreeMap;
use std::io::{self, Read};

use flate2::read::GzDecoder;
use tar::EntryType;

use crate::install::{InstallError, Manifests};

/// How much an archive may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the archive itself.
    pub packed: u64,
    /// Bytes of all it unpacks to.
    pub unpacked: u64,
    /// Unpacked bytes per packed byte, over the first megabyte.
    pub ratio: u64,
    pub files: usize,
}

/// Forty times the largest release so far (700 kB unpacked).
pub const LIMITS: Limits = Limits {
    packed: 8 << 20,
    unpacked: 32 << 20,
    ratio: 200,
    files: 200,
};

/// Reads the manifests out of a `manifests.tar.gz`.
///
/// Refused are: paths that lead out, links and devices, a name twice, text that is not UTF-8, what
/// exceeds the limits, a truncated archive, and one without the files of a release.
pub fn unpack(name: &str, bytes: &[u8], limits: &Limits) -> Result<Manifests, InstallError> {
    let refuse = |reason: String| InstallError::Archive {
        name: name.to_owned(),
        reason,
    };
    if bytes.len() as u64 > limits.packed {
        return Err(refuse(format!("it has more than {} bytes", limits.packed)));
    }
    let allowed = limits.unpacked.min(
        (bytes.len() as u64)
            .saturating_mul(limits.ratio)
            .max(1 << 20),
    );
    let files =
        read_files(bytes, allowed, limits.files).map_err(|error| refuse(error.to_string()))?;
    from_files(files).map_err(refuse)
}

/// Manifests from files that were read elsewhere, if they are those of a release.
pub(crate) fn from_files(files: BTreeMap<String, String>) -> Result<Manifests, String> {
    for needed in ["rbac.yaml", "policies.yaml"] {
        if !files.contains_key(needed) {
            return Err(format!("it has no `{needed}`"));
        }
    }
    Ok(Manifests::new(files))
}

fn read_files(bytes: &[u8], allowed: u64, most: usize) -> io::Result<BTreeMap<String, String>> {
    let bounded = Bounded {
        inner: GzDecoder::new(bytes),
        left: allowed,
        allowed,
    };
    let mut archive = tar::Archive::new(bounded);
    let mut files = BTreeMap::new();
    let mut count = 0_usize;
    for entry in archive.entries()? {
        let mut entry = entry?;
        count += 1;
        if count > most {
            return Err(io::Error::other(format!("it has more than {most} files")));
        }
        let path = entry.path()?.to_string_lossy().into_owned();
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Directory => {}
            EntryType::XGlobalHeader | EntryType::XHeader => continue,
            other => {
                return Err(io::Error::other(format!(
                    "`{path}` is no file or folder but {other:?}"
                )));
            }
        }
        let Some(parts) = safe_parts(&path) else {
            return Err(io::Error::other(format!(
                "`{path}` leads out of the archive"
            )));
        };
        let (EntryType::Regular, [file]) = (entry.header().entry_type(), parts.as_slice()) else {
            continue;
        };
        if !file.ends_with(".yaml") {
            continue;
        }
        let mut text = String::new();
        entry.read_to_string(&mut text)?;
        if text.len() as u64 != entry.size() {
            return Err(io::Error::other(format!("`{path}` ends too early")));
        }
        if files.insert((*file).to_owned(), text).is_some() {
            return Err(io::Error::other(format!("`{path}` is there twice")));
        }
    }
    // Reads the checksum at the end, which entries alone do not reach.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    Ok(files)
}

/// The names in a path without `.`; `None` if it is absolute, climbs or holds a backslash or drive.
fn safe_parts(path: &str) -> Option<Vec<&str>> {
    if path.starts_with('/') || path.contains(['\\', ':', '\0']) {
        return None;
    }
    let parts: Vec<_> = path
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    (!parts.contains(&"..")).then_some(parts)
}

/// Fails once more is read than allowed.
struct Bounded<R> {
    inner: R,
    left: u64,
    allowed: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => {
                self.left = left;
                Ok(read)
            }
            None => Err(io::Error::other(format!(
                "it unpacks to more than {} bytes",
                self.allowed
            ))),
        }
    }
}
