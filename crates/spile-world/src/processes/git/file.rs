//! Reads files that may be anything, even a pipe without a writer or an endless device.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// The most bytes that are read of a file.
const MOST_BYTES: u64 = 8 << 20;

/// Reads a file; `None` if it is not a regular file, or is too large.
pub(super) fn bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // Does not wait for the other end of a pipe.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let file = File::options().read(true).custom_flags(flags.cast_signed()).open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MOST_BYTES).then_some(bytes))
}
