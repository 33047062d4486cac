//! Logs of runs, as far as they are written.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::refusal::Refusal;
use crate::ops::Error;
use crate::run::Run;
use crate::world::meltano::log_before;

/// The most of a log that is given at once: its end.
const MOST: u64 = 4 * 1024 * 1024;

/// The log of a run.
pub struct Log {
    path: PathBuf,
    shown: String,
}

impl Log {
    /// Names the log; nothing is read.
    pub fn of(root: &Path, run: &Run) -> Self {
        Self { path: root.join(&run.log), shown: run.log.display().to_string() }
    }

    /// Returns all of it, or its end where it is long.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn all(&self) -> Result<Vec<u8>, Refusal> {
        // Where it was too long for one piece.
        let mut bytes = std::fs::read(log_before(&self.path)).unwrap_or_default();
        match std::fs::read(&self.path) {
            Ok(more) => bytes.extend(more),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(Error::Io { doing: "read", path: self.shown.clone(), source }.into()),
        }
        let most = usize::try_from(MOST).unwrap_or(usize::MAX);
        Ok(bytes.split_off(bytes.len().saturating_sub(most)))
    }

    /// Returns what was written after so many bytes, and how many there are now. One that began anew is read anew.
    pub fn after(&self, shown: u64) -> (Vec<u8>, u64) {
        // A run that has just begun has written nothing yet.
        let Ok(mut file) = std::fs::File::open(&self.path) else { return (Vec::new(), shown) };
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let from = if length < shown { 0 } else { shown };
        let mut bytes = Vec::new();
        if file.seek(SeekFrom::Start(from)).is_err() || file.take(MOST).read_to_end(&mut bytes).is_err() {
            return (Vec::new(), shown);
        }
        let end = from + bytes.len() as u64;
        (bytes, end)
    }
}

/// Returns bytes as text; what is none is marked.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
