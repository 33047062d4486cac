//! Writing files: they are replaced as a whole, and what is spile's own is for its owner alone.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

use super::Door;

/// The prefix and suffix of temporary files that will replace another file. No other files may be named like this,
/// because leftovers are deleted.
const TEMPORARY: (&str, &str) = (".spile.", ".tmp");

/// How many random characters are between them.
const RANDOM: usize = 6;

/// The folders that this process has already cleaned of other processes' leftovers.
static SWEPT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Creates a temporary file that will replace another file. It stays locked while its process lives, which
/// distinguishes files in use from those that killed processes left behind.
fn temporary_in(folder: &Path) -> io::Result<NamedTempFile> {
    let is_first = SWEPT.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
    if is_first {
        // Leftovers do no harm, and if the folder cannot be written to, creating the file reports that.
        let _ = sweep_temporary(folder);
    }
    loop {
        let temporary =
            tempfile::Builder::new().prefix(TEMPORARY.0).suffix(TEMPORARY.1).rand_bytes(RANDOM).tempfile_in(folder)?;
        // On file systems without locks, nothing is swept either.
        let _ = temporary.as_file().lock();
        // If another process swept the file before it was locked, creates another one.
        if temporary.path().exists() {
            return Ok(temporary);
        }
    }
}

/// Replaces a file as a whole: a reader sees the old bytes or the new ones, even if the program is killed at any
/// moment.
///
/// The mode of the old file is kept. A link itself is replaced. [`Door::replace`] follows links that stay inside a
/// project.
///
/// # Errors
/// When the folder cannot be written to or the disk is full. The old file is unchanged then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = temporary_in(folder)?;
    temporary.write_all(bytes)?;
    // The mode of a link is meaningless.
    let old = path.symlink_metadata().ok().filter(std::fs::Metadata::is_file);
    let mode = old.map_or_else(|| PermissionsExt::from_mode(0o644), |old| old.permissions());
    temporary.as_file().set_permissions(mode)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path)?;
    File::open(folder)?.sync_all()
}

/// Replaces a file that the user named on the command line, like [`replace`]. Links are followed wherever they lead.
///
/// # Errors
/// As for [`replace`].
pub fn replace_named(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(&path.canonicalize().unwrap_or_else(|_| path.to_owned()), bytes)
}

/// Creates a file as a whole: a reader sees no file or all of it, even if the program is killed at any moment.
///
/// # Errors
/// When the file exists, the folder cannot be written to, or the disk is full.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = temporary_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.as_file().set_permissions(PermissionsExt::from_mode(0o644))?;
    temporary.as_file().sync_all()?;
    temporary.persist_noclobber(path)?;
    File::open(folder)?.sync_all()
}

/// Replaces a file as a whole, like [`replace`], with one that only its owner can read.
///
/// # Errors
/// As for [`replace`].
pub fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A temporary file is only accessible to its owner from the start.
    let mut temporary = temporary_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path)?;
    File::open(folder)?.sync_all()
}

/// Removes what a [`replace`] left behind that was killed half-way.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn sweep_temporary(folder: &Path) -> io::Result<()> {
    let left = std::fs::read_dir(folder)?.flatten().map(|left| left.file_name()).filter(|name| is_temporary(name));
    let mut left = left.peekable();
    if left.peek().is_none() {
        return Ok(());
    }
    // A clone may contain a link of such a name, or a pipe, which would block.
    let door = Door::without_links(folder)?;
    for name in left {
        // A locked file is in use. A file that cannot be removed does no harm, and the next sweep tries again.
        let Some(file) = door.open(Path::new(&name)).ok().filter(|file| file.try_lock().is_ok()) else { continue };
        let _ = std::fs::remove_file(folder.join(&name));
        drop(file);
    }
    Ok(())
}

fn is_temporary(name: &OsStr) -> bool {
    let middle = name.to_str().and_then(|name| name.strip_prefix(TEMPORARY.0)?.strip_suffix(TEMPORARY.1));
    middle.is_some_and(|middle| middle.len() == RANDOM && middle.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Creates spile's own folder for its owner alone, because it contains logs and the settings of Meltano runs.
///
/// # Errors
/// When the parent folder cannot be written to.
pub fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_keeps_its_mode_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        replace(&path, b"one").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_link_of_the_same_name_is_replaced_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, path) = (folder.path().join("target"), folder.path().join("plan.md"));
        replace(&target, b"theirs").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        replace(&path, b"ours").unwrap();
        assert_eq!(
            (std::fs::read(&target).unwrap(), std::fs::read(&path).unwrap()),
            (b"theirs".to_vec(), b"ours".to_vec())
        );
    }

    #[test]
    fn leftovers_of_killed_processes_are_removed_and_files_in_use_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let others = [".spile-plan.json", ".spile.tmp", ".spile.notes.tmp", ".spile.abc-12.tmp", "x.spile.abcdef.tmp"];
        for name in [".spile.Left01.tmp"].into_iter().chain(others) {
            File::create(folder.path().join(name)).unwrap();
        }
        let at_work = temporary_in(folder.path()).unwrap();
        assert!(!folder.path().join(".spile.Left01.tmp").exists());
        sweep_temporary(folder.path()).unwrap();
        assert!(at_work.path().exists());
        for name in others {
            assert!(folder.path().join(name).exists(), "{name} is somebody's");
        }
    }
}
