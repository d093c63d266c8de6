//! Opens a repository as git itself would: by its owner, its form and its extensions.

use std::process::{Command, Stdio};
use std::sync::Once;

use camino::{Utf8Path, Utf8PathBuf};
use git2::ErrorCode;

/// The repository around a folder.
pub(crate) fn discover(folder: &Utf8Path) -> Result<git2::Repository, git2::Error> {
    prepare();
    match git2::Repository::discover(folder) {
        Err(error) if error.code() == ErrorCode::Owner && is_trusted(folder) => {
            // SAFETY: a plain flag of libgit2. What it would check, git has just checked.
            let _ = unsafe { git2::opts::set_verify_owner_validation(false) };
            git2::Repository::discover(folder)
        }
        found => found,
    }
}

fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // git reads files without a look at their hashes too; `git fsck` is for that.
        git2::opts::strict_hash_verification(false);
        // Where these are set, libgit2 reads all there is: of a partial clone, objects may be missing, which is reported.
        // SAFETY: called once, before a repository is opened.
        let _ = unsafe { git2::opts::set_extensions(&["partialclone", "relativeworktrees"]) };
    });
}

/// Whether git trusts a repository of another owner: `safe.directory` may be in any of its configuration files, and in
/// the environment, which libgit2 does not read.
fn is_trusted(folder: &Utf8Path) -> bool {
    Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["rev-parse", "--git-dir"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The bare repository, or git's own folder, that a folder is in: there are no checked-out files there.
pub(crate) fn bare_around(folder: &Utf8Path) -> Option<Utf8PathBuf> {
    let folder = folder.canonicalize_utf8().ok()?;
    let repository = discover(&folder).ok()?;
    let own = repository.path().canonicalize().ok()?;
    let is_inside = repository.is_bare() || folder.as_std_path().starts_with(&own);
    let own = Utf8PathBuf::from_path_buf(own).ok()?;
    is_inside.then_some(own)
}
