//! Files outside the repository that the user named by an absolute path: plain ones, of bounded size.

use std::io;

use camino::Utf8Path;

use super::Bytes;
use super::working_tree::read_file;

/// The bytes of a file; links are followed. Devices and pipes are refused, not waited for.
pub(crate) fn read(path: &Utf8Path, most: u64) -> io::Result<Bytes> {
    read_file(&path.canonicalize_utf8()?, path.as_str(), most)
}

/// The names in a folder that lead to files, sorted; those that are not UTF-8 are left out.
pub(crate) fn list(folder: &Utf8Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(folder.as_std_path())? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && folder.join(&name).is_file()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
