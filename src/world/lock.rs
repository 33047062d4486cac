//! The lock of spile's own folder: what is read there, changed and written back is not changed by somebody else in between.

use std::fs::File;
use std::io;
use std::path::Path;

use super::project::make_private;

/// Locks the folder, which is made where there is none. The lock makes no file, and ends with the process, however that
/// ends.
///
/// # Errors
/// When the folder cannot be made or opened.
pub(super) fn lock(own_folder: &Path) -> io::Result<File> {
    make_private(own_folder)?;
    let lock = File::open(own_folder)?;
    lock.lock()?;
    Ok(lock)
}
