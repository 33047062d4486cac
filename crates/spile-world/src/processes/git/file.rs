//! Files that may be anything, even a pipe that nobody writes to or an endless device.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// How many bytes are read of a file.
const MOST_BYTES: u64 = 8 << 20;

/// Reads a file; `None` where it is not a regular one, or too large.
pub(super) fn bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // Whoever opens a pipe waits for its other end, unless that is not wanted.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let file = File::options().read(true).custom_flags(flags.cast_signed()).open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MOST_BYTES).then_some(bytes))
}
