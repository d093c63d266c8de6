//! Files while they are written: their names, and what is left of them when the program is killed.
//!
//! The name comes from the file's own, so that a later write of the file finds it again. A lock, which ends with the
//! program, tells a file that is written right now from one that was left.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Write as _};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::{Folder, Rights, check, named};

/// The start and end of the names of files being written.
const TEMPORARY: (&str, &str) = (".fluxgen-", ".tmp");

/// The temporary names that one file may have: more than one only while several programs write it at once.
const ATTEMPTS: usize = 100;

/// Whether a file of that name is one that is being written, or was when the program was killed.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1)
}

/// A file that is being written; it goes unless it gets its place.
pub(super) struct Temporary<'a> {
    folder: &'a Folder,
    pub(super) file: File,
    pub(super) name: String,
    pub(super) is_placed: bool,
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.is_placed {
            let _ = rustix::fs::unlinkat(&self.folder.folder, &self.name, AtFlags::empty());
        }
    }
}

impl Folder {
    /// The bytes under a temporary name of the file's own, which a later write of the file finds again.
    pub(super) fn temporary(
        &self,
        name: &str,
        bytes: &[u8],
        rights: Rights,
    ) -> io::Result<Temporary<'_>> {
        let path = self.path.join(name);
        check(name)?;
        let failed = |error: io::Error| named("cannot write", &path, error);
        let mut temporary = self.begin(name, rights).map_err(failed)?;
        temporary.file.write_all(bytes).map_err(failed)?;
        if rights == Rights::Kept
            && let Ok(found) = rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW)
            && FileType::from_raw_mode(found.st_mode) == FileType::RegularFile
        {
            let mode = Mode::from_raw_mode(found.st_mode);
            rustix::fs::fchmod(&temporary.file, mode).map_err(|error| failed(error.into()))?;
        }
        Ok(temporary)
    }

    fn begin(&self, name: &str, rights: Rights) -> io::Result<Temporary<'_>> {
        let mode = match rights {
            Rights::Kept => 0o666,
            Rights::Plain => 0o644,
            Rights::Executable => 0o755,
            Rights::Private => 0o600,
        };
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let digest = Sha256::digest(name);
        let own: String = digest[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        for attempt in 0..ATTEMPTS {
            let (start, end) = TEMPORARY;
            let temporary = match attempt {
                0 => format!("{start}{own}{end}"),
                more => format!("{start}{own}-{more}{end}"),
            };
            let create =
                || rustix::fs::openat(&self.folder, &temporary, flags, Mode::from_raw_mode(mode));
            let created = match create() {
                Err(Errno::EXIST) if self.discard(&temporary)? => create(),
                created => created,
            };
            match created {
                Ok(file) => {
                    let file = File::from(file);
                    // A lock says that it is in use, as far as the file system has locks.
                    let is_locked = !matches!(file.try_lock(), Err(TryLockError::WouldBlock));
                    if is_locked && self.is_at(&file, &temporary) {
                        return Ok(Temporary {
                            folder: self,
                            file,
                            name: temporary,
                            is_placed: false,
                        });
                    }
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::new(
            ErrorKind::ResourceBusy,
            "too many programs are writing it",
        ))
    }

    /// Whether the name still leads to the file: before it was locked another program may have discarded it.
    fn is_at(&self, file: &File, name: &str) -> bool {
        let here = rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW);
        let this = rustix::fs::fstat(file);
        matches!((here, this), (Ok(here), Ok(this)) if here.st_ino == this.st_ino)
    }

    /// Removes what a killed program left under a temporary name; `false` where one that runs still writes it.
    fn discard(&self, temporary: &str) -> io::Result<bool> {
        // It is held, and with it the lock, until the name is gone.
        let mut held = None;
        if self.kind(temporary)? == Some(FileType::RegularFile) {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let opened = rustix::fs::openat(&self.folder, temporary, flags, Mode::empty());
            held = opened.map(File::from).ok();
            if let Some(Err(TryLockError::WouldBlock)) = held.as_ref().map(File::try_lock) {
                return Ok(false);
            }
        }
        let gone = rustix::fs::unlinkat(&self.folder, temporary, AtFlags::empty());
        drop(held);
        Ok(matches!(gone, Ok(()) | Err(Errno::NOENT)))
    }

    /// Removes what killed programs left in this folder.
    pub(crate) fn sweep(&self) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let readable = rustix::fs::openat(&self.folder, ".", flags, Mode::empty())?;
        for entry in rustix::fs::Dir::new(readable)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().to_str()
                && is_temporary(name)
            {
                self.discard(name)?;
            }
        }
        Ok(())
    }
}
