//! Files that the user names on the command line. They may be anywhere, and may be pipes or links.

use std::fs::File;
use std::path::Path;

use super::{Bounds, Shut, bounded};

/// The most bytes of such a file. A saved plan of ten thousand integrations has several dozen megabytes.
const MOST_BYTES: u64 = 128 << 20;

/// Reads a file that the user named, of at most [`MOST_BYTES`]: a regular file, a pipe or a terminal.
///
/// # Errors
/// When it cannot be opened or read, is a folder, or is larger.
pub fn read_named(path: &Path) -> Result<Vec<u8>, Shut> {
    let file = File::open(path).map_err(Shut::Io)?;
    let metadata = file.metadata().map_err(Shut::Io)?;
    if metadata.is_dir() {
        return Err(Shut::NotRegular);
    }
    bounded(file, Bounds { length: metadata.len(), most: MOST_BYTES })
}

/// Reads a text file that the user named, like [`read_named`].
///
/// # Errors
/// As for [`read_named`], and when it is not UTF-8.
pub fn text_named(path: &Path) -> Result<String, Shut> {
    String::from_utf8(read_named(path)?).map_err(|_| Shut::NotUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_file_is_read_up_to_the_limit() {
        assert!(matches!(read_named(Path::new("/dev/zero")), Err(Shut::TooLarge { most: MOST_BYTES })));
        assert!(matches!(read_named(Path::new("/")), Err(Shut::NotRegular)));
    }
}
