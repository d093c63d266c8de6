//! The one way in which files get onto the disk: folder by folder without following a link, under a temporary name, renamed
//! when complete. A file is the old or the new one whenever the program ends, and a later run removes what was left.

mod temporary;

use std::fs::File;
use std::io::{self, ErrorKind};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::path::is_git;
use temporary::Temporary;
pub(crate) use temporary::is_temporary;

/// How a folder is opened to be the start of a path; on Linux it need not be readable.
#[cfg(target_os = "linux")]
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// The permissions of a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    /// Those of the file that is replaced; a new one is as the user's other files.
    Kept,
    /// Readable by all as far as the user's mask allows, whatever was there before.
    Plain,
    /// A program.
    Executable,
    /// Nobody else's to read.
    Private,
}

/// A folder that stays the same one whatever becomes of the path to it.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: File,
    /// For messages.
    path: Utf8PathBuf,
}

impl Folder {
    /// The folder at a path that the user chose; links on the way are the user's.
    pub(crate) fn open(path: &Utf8Path) -> io::Result<Self> {
        let path = match path.as_str() {
            "" => Utf8Path::new("."),
            _ => path,
        };
        let opened = rustix::fs::openat(rustix::fs::CWD, path.as_std_path(), FOLDER, Mode::empty());
        match opened {
            Ok(folder) => Ok(Self {
                folder: folder.into(),
                path: path.to_owned(),
            }),
            Err(error) => Err(named("cannot open the folder", path, error.into())),
        }
    }

    /// The folder that a path of a project leads to, through links as far as they stay below `top`, and the file's name in it.
    ///
    /// Links are followed once, when this is called: a link that is put there later leads nowhere.
    pub(crate) fn of_file(top: &Utf8Path, path: &Utf8Path) -> io::Result<(Self, String)> {
        let failed = |error| named("cannot open", path, error);
        let top = top.canonicalize_utf8().map_err(failed)?;
        let real = path.canonicalize_utf8().map_err(failed)?;
        let leads_out = || io::Error::other(format!("`{path}` leads out of the repository"));
        let below = real.strip_prefix(&top).map_err(|_| leads_out())?;
        let name = below.file_name().ok_or_else(leads_out)?;
        let folder = below.parent().unwrap_or(Utf8Path::new(""));
        Ok((
            Self::open(&top)?.existing(folder.as_str())?,
            name.to_owned(),
        ))
    }

    /// A folder below this one, made where it is missing. No link is followed on the way.
    pub(crate) fn below(&self, relative: &str) -> io::Result<Self> {
        self.descend(relative, true)
    }

    /// The same of a folder that is there; nothing is made.
    pub(crate) fn existing(&self, relative: &str) -> io::Result<Self> {
        self.descend(relative, false)
    }

    fn descend(&self, relative: &str, makes: bool) -> io::Result<Self> {
        let mut at = Self {
            folder: self.folder.try_clone()?,
            path: self.path.clone(),
        };
        for part in parts(relative)? {
            at = at.child(part, makes)?;
        }
        Ok(at)
    }

    fn child(&self, name: &str, makes: bool) -> io::Result<Self> {
        let path = self.path.join(name);
        let flags = FOLDER | OFlags::NOFOLLOW;
        let open = || rustix::fs::openat(&self.folder, name, flags, Mode::empty());
        let opened = match open() {
            Err(Errno::NOENT) if makes => {
                match rustix::fs::mkdirat(&self.folder, name, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(named("cannot make the folder", &path, error.into())),
                }
                open()
            }
            opened => opened,
        };
        match opened {
            Ok(folder) => Ok(Self {
                folder: folder.into(),
                path,
            }),
            Err(error) => Err(match self.kind(name)? {
                Some(FileType::Symlink) => io::Error::other(format!(
                    "`{path}` is a symbolic link, which is not followed"
                )),
                Some(FileType::Directory) | None => {
                    named("cannot open the folder", &path, error.into())
                }
                Some(_) => io::Error::other(format!("`{path}` is not a folder")),
            }),
        }
    }

    /// What is at a name here, links not followed.
    fn kind(&self, name: &str) -> io::Result<Option<FileType>> {
        match rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(FileType::from_raw_mode(found.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(named("cannot read", &self.path.join(name), error.into())),
        }
    }

    /// Writes a file here, in place of what has the name; a link of that name is replaced, not followed.
    pub(crate) fn write(&self, name: &str, bytes: &[u8], rights: Rights) -> io::Result<()> {
        self.put(name, bytes, rights, |temporary| {
            rustix::fs::renameat(&self.folder, temporary, &self.folder, name)
        })
    }

    /// The same, and it is on the disk when this returns, whatever happens to the machine.
    pub(crate) fn write_durably(&self, name: &str, bytes: &[u8], rights: Rights) -> io::Result<()> {
        let temporary = self.temporary(name, bytes, rights)?;
        let synced = temporary.file.sync_all();
        synced.map_err(|error| named("cannot write", &self.path.join(name), error))?;
        self.moved(name, temporary, |temporary| {
            rustix::fs::renameat(&self.folder, temporary, &self.folder, name)
        })
    }

    /// Writes a new file here; an error of the kind `AlreadyExists` where something has the name.
    pub(crate) fn create(&self, name: &str, bytes: &[u8], rights: Rights) -> io::Result<()> {
        self.put(name, bytes, rights, |temporary| {
            let here = &self.folder;
            match rustix::fs::linkat(here, temporary, here, name, AtFlags::empty()) {
                Ok(()) => rustix::fs::unlinkat(here, temporary, AtFlags::empty()),
                // A file system without hard links.
                Err(Errno::PERM | Errno::OPNOTSUPP) => {
                    match rustix::fs::statat(here, name, AtFlags::SYMLINK_NOFOLLOW) {
                        Ok(_) => Err(Errno::EXIST),
                        Err(_) => rustix::fs::renameat(here, temporary, here, name),
                    }
                }
                Err(error) => Err(error),
            }
        })
    }

    fn put(
        &self,
        name: &str,
        bytes: &[u8],
        rights: Rights,
        place: impl FnOnce(&str) -> rustix::io::Result<()>,
    ) -> io::Result<()> {
        let temporary = self.temporary(name, bytes, rights)?;
        self.moved(name, temporary, place)
    }

    fn moved(
        &self,
        name: &str,
        mut temporary: Temporary<'_>,
        place: impl FnOnce(&str) -> rustix::io::Result<()>,
    ) -> io::Result<()> {
        match place(&temporary.name) {
            Ok(()) => {
                temporary.is_placed = true;
                Ok(())
            }
            Err(error) => Err(named("cannot write", &self.path.join(name), error.into())),
        }
    }

    /// Removes a file, or a link itself; it may be gone already.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        check(name)?;
        match rustix::fs::unlinkat(&self.folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(named("cannot remove", &self.path.join(name), error.into())),
        }
    }

    /// Removes an empty folder; whether it did.
    pub(crate) fn remove_empty(&self, name: &str) -> bool {
        check(name).is_ok() && rustix::fs::unlinkat(&self.folder, name, AtFlags::REMOVEDIR).is_ok()
    }

    /// Gives a file of this folder another name here.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check(from)?;
        check(to)?;
        rustix::fs::renameat(&self.folder, from, &self.folder, to)
            .map_err(|error| named("cannot rename", &self.path.join(from), error.into()))
    }
}

/// Writes a file at a path that the user typed, which may be anywhere and may be a device or a pipe.
///
/// A link at its end is replaced: what it leads to is not what was typed.
pub(crate) fn write_typed(path: &Utf8Path, bytes: &[u8]) -> io::Result<()> {
    let is_stream =
        |found: std::fs::Metadata| !found.is_file() && !found.is_dir() && !found.is_symlink();
    let leads_to_stream = ["/dev", "/proc"].iter().any(|top| path.starts_with(top));
    if leads_to_stream || path.symlink_metadata().is_ok_and(is_stream) {
        return fs_err::write(path, bytes);
    }
    let Some(name) = path.file_name() else {
        return Err(io::Error::other(format!(
            "`{path}` is not a path of a file"
        )));
    };
    let folder = Folder::open(path.parent().unwrap_or(Utf8Path::new("")))?;
    // What a killed run left of another file there. Where it cannot be removed, it is not in the way.
    let _ = folder.sweep();
    folder.write(name, bytes, Rights::Kept)
}

/// The parts of a path below a folder; none for the folder itself.
fn parts(relative: &str) -> io::Result<Vec<&str>> {
    if relative.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<&str> = relative.split('/').collect();
    parts.iter().try_for_each(|part| check(part))?;
    Ok(parts)
}

/// Refuses what is not the name of a file in the very folder, and whatever git may take for its own.
fn check(name: &str) -> io::Result<()> {
    let is_name = !matches!(name, "" | "." | "..") && !name.contains(['/', '\0']) && !is_git(name);
    if is_name {
        return Ok(());
    }
    let message = format!("`{}` is not a name that is written", name.escape_debug());
    Err(io::Error::new(ErrorKind::InvalidInput, message))
}

fn named(what: &str, path: &Utf8Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what} `{path}`: {error}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn scratch() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("a UTF-8 path");
        (folder, path.canonicalize_utf8().expect("it is there"))
    }

    fn names(folder: &Utf8Path) -> Vec<String> {
        let entries = fs_err::read_dir(folder).expect("readable");
        let names = entries.map(|entry| entry.expect("readable").file_name().into_string());
        let mut names: Vec<String> = names.map(|name| name.expect("UTF-8")).collect();
        names.sort();
        names
    }

    #[test]
    fn only_names_of_files_in_the_folder_are_written() {
        let (_scratch, root) = scratch();
        let folder = Folder::open(&root).expect("it opens");
        for name in [
            "", ".", "..", "a/b", "/etc/x", "a\0b", ".git", ".GIT", "git~1",
        ] {
            assert!(folder.write(name, b"x", Rights::Plain).is_err(), "{name:?}");
            assert!(
                folder.create(name, b"x", Rights::Plain).is_err(),
                "{name:?}"
            );
            assert!(folder.remove(name).is_err(), "{name:?}");
        }
        for path in ["..", "a/../..", "/etc", "a//b", "./a", "x/.git/hooks"] {
            assert!(folder.below(path).is_err(), "{path}");
        }
        assert!(names(&root).iter().all(|name| !name.contains("git")));
    }

    #[test]
    fn a_link_is_followed_neither_on_the_way_nor_at_the_end() {
        let (_outside, outside) = scratch();
        let (_scratch, root) = scratch();
        fs_err::write(outside.join("secret"), "old").expect("written");
        symlink(&outside, root.join("link")).expect("a link");
        symlink(outside.join("secret"), root.join("file")).expect("a link");
        let folder = Folder::open(&root).expect("it opens");
        let refused = folder.below("link/x").expect_err("a link");
        assert!(refused.to_string().contains("symbolic link"), "{refused}");
        folder.write("file", b"new", Rights::Kept).expect("written");
        let secret = fs_err::read_to_string(outside.join("secret")).expect("readable");
        assert_eq!(
            (secret.as_str(), names(&outside)),
            ("old", vec!["secret".to_owned()])
        );
        let is_link = root
            .join("file")
            .symlink_metadata()
            .expect("there")
            .is_symlink();
        assert!(!is_link);
    }

    #[test]
    fn a_file_of_a_project_is_written_where_its_link_leads_as_long_as_that_is_inside() {
        let (_outside, outside) = scratch();
        let (_scratch, root) = scratch();
        fs_err::create_dir(root.join("real")).expect("made");
        fs_err::write(root.join("real/a.toml"), "old").expect("written");
        fs_err::write(outside.join("a.toml"), "old").expect("written");
        symlink("real/a.toml", root.join("inside.toml")).expect("a link");
        symlink(outside.join("a.toml"), root.join("outside.toml")).expect("a link");
        let (folder, name) = Folder::of_file(&root, &root.join("inside.toml")).expect("inside");
        folder.write(&name, b"new", Rights::Kept).expect("written");
        let text = fs_err::read_to_string(root.join("inside.toml")).expect("readable");
        assert_eq!(text, "new");
        assert!(
            root.join("inside.toml")
                .symlink_metadata()
                .expect("there")
                .is_symlink()
        );
        assert!(Folder::of_file(&root, &root.join("outside.toml")).is_err());
    }

    #[test]
    fn the_rights_of_a_users_file_are_kept() {
        let (_scratch, root) = scratch();
        let folder = Folder::open(&root).expect("it opens");
        let mode = |name: &str| {
            let found = root.join(name).metadata().expect("there");
            found.permissions().mode() & 0o777
        };
        folder
            .write("a", b"1", Rights::Executable)
            .expect("written");
        folder.write("a", b"2", Rights::Kept).expect("written");
        assert_eq!(mode("a") & 0o700, 0o700);
        folder.write("a", b"3", Rights::Plain).expect("written");
        assert_eq!(mode("a") & 0o100, 0);
        folder.write("b", b"4", Rights::Private).expect("written");
        assert_eq!(mode("b"), 0o600);
    }

    #[test]
    fn a_new_file_replaces_nothing() {
        let (_scratch, root) = scratch();
        let folder = Folder::open(&root).expect("it opens");
        folder.create("a", b"1", Rights::Kept).expect("written");
        let error = folder
            .create("a", b"2", Rights::Kept)
            .expect_err("there already");
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(names(&root), ["a"]);
        assert_eq!(fs_err::read(root.join("a")).expect("readable"), b"1");
    }

    #[test]
    fn what_a_killed_program_left_goes_and_what_is_being_written_stays() {
        let (_scratch, root) = scratch();
        let folder = Folder::open(&root).expect("it opens");
        let left = folder
            .temporary("a", b"half", Rights::Plain)
            .expect("begun");
        assert!(is_temporary(&left.name));
        let name = left.name.clone();
        // It is still written: another write of the file takes another name, and no sweep removes it.
        folder.sweep().expect("swept");
        folder.write("a", b"whole", Rights::Plain).expect("written");
        assert_eq!(names(&root), [name.as_str(), "a"]);
        drop(left);
        for plant in [
            |path: &Utf8Path| fs_err::write(path, "half"),
            |path: &Utf8Path| symlink("/etc/passwd", path),
        ] {
            plant(&root.join(&name)).expect("left");
            folder.write("a", b"whole", Rights::Plain).expect("written");
            assert_eq!(names(&root), ["a"]);
            plant(&root.join(&name)).expect("left");
            folder.sweep().expect("swept");
            assert_eq!(names(&root), ["a"]);
        }
        // A folder of that name is somebody's own.
        fs_err::create_dir(root.join(&name)).expect("made");
        folder.write("a", b"again", Rights::Plain).expect("written");
        assert_eq!(names(&root), [name.as_str(), "a"]);
    }

    #[test]
    fn a_file_that_cannot_take_its_place_leaves_nothing() {
        let (_scratch, root) = scratch();
        let folder = Folder::open(&root).expect("it opens");
        fs_err::create_dir_all(root.join("a/b")).expect("made");
        assert!(folder.write("a", b"1", Rights::Plain).is_err());
        assert_eq!(names(&root), ["a"]);
    }
}
