//! Writing into a project: files are replaced as a whole, and what is spile's own is for its owner alone.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;

/// How the names of files begin that are about to replace another.
const TEMPORARY: &str = ".spile-";

/// Replaces a file as a whole: a reader, or a program killed at any instant, sees the old bytes or the new ones.
///
/// The mode of a file that is there is kept; a link is followed, so that it stays one.
///
/// # Errors
/// When the folder cannot be written to or the disk is full; the old file is then as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
    temporary.write_all(bytes)?;
    let mode = std::fs::metadata(&path).map(|metadata| metadata.permissions());
    let mode = mode.unwrap_or_else(|_| std::os::unix::fs::PermissionsExt::from_mode(0o644));
    temporary.as_file().set_permissions(mode)?;
    temporary.as_file().sync_all()?;
    temporary.persist(&path)?;
    std::fs::File::open(folder)?.sync_all()
}

/// Makes a file as a whole, where there is none: a reader, or a program killed at any instant, sees nothing or all of it.
///
/// # Errors
/// When there is one, the folder cannot be written to, or the disk is full.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    temporary.as_file().sync_all()?;
    temporary.persist_noclobber(path)?;
    std::fs::File::open(folder)?.sync_all()
}

/// Replaces a file as a whole, as [`replace`], by one that only its owner can read.
///
/// # Errors
/// As [`replace`].
pub fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A temporary file is its owner's alone from its first moment.
    let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path)?;
    std::fs::File::open(folder)?.sync_all()
}

/// Adds to a file of lines those that it does not have yet.
///
/// # Errors
/// As [`replace`].
pub fn add_lines(path: &Path, lines: &[&str]) -> io::Result<()> {
    let mut text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    for line in lines {
        if text.lines().any(|known| known.trim() == *line) {
            continue;
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(line);
        text.push('\n');
    }
    replace(path, text.as_bytes())
}

/// Removes what a [`replace`] left behind that was killed half-way. Only for who keeps others from replacing there.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn sweep_temporary(folder: &Path) -> io::Result<()> {
    let is_temporary = |name: &OsStr| name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes());
    for left in std::fs::read_dir(folder)?.flatten().filter(|left| is_temporary(&left.file_name())) {
        // It is in nobody's way; the next sweep tries again.
        let _ = std::fs::remove_file(left.path());
    }
    Ok(())
}

/// Makes spile's own folder, for its owner alone: logs and Meltano's settings of a run are in it.
///
/// # Errors
/// When the folder above cannot be written to.
pub fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_keeps_its_mode_and_leaves_nothing_behind() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        replace(&path, b"one").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
