//! The log of a run, as far as it has been written.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::Error;
use spile_core::run::Run;
use spile_world::files::io_error::IoError;
use spile_world::files::own_folder::Own;
use spile_world::files::project::{OWN_FOLDER, own_folder_of};
use spile_world::processes::meltano::log_before;

/// The log of a run. It may consist of two files: the current one, and the one before it.
#[derive(Debug, Clone)]
pub struct Log {
    own: Own,
    /// The path within spile's own folder.
    path: PathBuf,
    shown: String,
}

/// A part of the log that follows what was already read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct More {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The offset after them.
    pub end: u64,
}

impl Log {
    /// Locates the log, without reading it.
    ///
    /// Ignores the log path in the registry, because everyone who can write there could name any file on this machine.
    #[must_use]
    pub fn of(root: &Path, run: &Run) -> Self {
        let path = run.log_path();
        let shown = path.display().to_string();
        let path = path.strip_prefix(OWN_FOLDER).map(Path::to_owned).unwrap_or(path);
        Self { own: Own::at(&own_folder_of(root)), path, shown }
    }

    /// Returns the file before the current one. It is empty if the log fits into one file.
    ///
    /// # Errors
    /// When it exists but cannot be read.
    pub fn before(&self) -> Result<Vec<u8>, Error> {
        self.last(&log_before(&self.path), u64::MAX)
    }

    /// Returns the end of the log, with at most `most` bytes.
    ///
    /// # Errors
    /// When it exists but cannot be read.
    pub fn end(&self, most: u64) -> Result<Vec<u8>, Error> {
        let newest = self.last(&self.path, most)?;
        let mut bytes = self.last(&log_before(&self.path), most - newest.len() as u64)?;
        bytes.extend(newest);
        Ok(bytes)
    }

    /// Returns how many bytes the log has.
    ///
    /// # Errors
    /// When it exists but cannot be read.
    pub fn length(&self) -> Result<u64, Error> {
        let length = |path: &Path| self.open(path).map(|opened| opened.map_or(0, |(_, length)| length));
        Ok(length(&log_before(&self.path))? + length(&self.path)?)
    }

    /// Returns at most `most` bytes that follow the first `shown` bytes. If the log was restarted, it is read from its
    /// start. Returns `None` if nothing has been written yet.
    ///
    /// # Errors
    /// When it exists but cannot be read.
    pub fn after(&self, shown: u64, most: u64) -> Result<Option<More>, Error> {
        let Some((mut file, length)) = self.open(&self.path)? else { return Ok(None) };
        let from = if length < shown { 0 } else { shown };
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from)).and_then(|_| file.take(most).read_to_end(&mut bytes)).map_err(self.io())?;
        Ok(Some(More { end: from + bytes.len() as u64, bytes }))
    }

    fn last(&self, path: &Path, most: u64) -> Result<Vec<u8>, Error> {
        let Some((mut file, length)) = self.open(path)? else { return Ok(Vec::new()) };
        let mut bytes = Vec::new();
        let from = SeekFrom::Start(length.saturating_sub(most));
        // The file may grow while it is read.
        file.seek(from).and_then(|_| file.take(most).read_to_end(&mut bytes)).map_err(self.io())?;
        Ok(bytes)
    }

    fn open(&self, path: &Path) -> Result<Option<(File, u64)>, Error> {
        // If this user does not own the folder, no run has written a log there.
        let Ok(Some(own)) = self.own.open() else { return Ok(None) };
        let Some(file) = own.open(path).map_err(self.io())? else { return Ok(None) };
        let length = file.metadata().map_err(self.io())?.len();
        Ok(Some((file, length)))
    }

    fn io(&self) -> impl Fn(std::io::Error) -> IoError {
        IoError::of("read", &self.shown)
    }

    /// Returns the error for a missing log.
    #[must_use]
    pub fn missing(&self) -> Error {
        self.io()(ErrorKind::NotFound.into()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(folder: &Path) -> Log {
        let own = Own::at(&folder.join(OWN_FOLDER));
        own.make().unwrap();
        Log { own, path: "a.log".into(), shown: "a.log".to_owned() }
    }

    fn write(path: &Path, text: &str) {
        spile_world::files::door::replace(path, text.as_bytes()).unwrap();
    }

    #[test]
    fn the_end_of_a_log_spans_both_files() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path());
        let end = |most| String::from_utf8(log.end(most).unwrap()).unwrap();
        assert_eq!(end(9), "");
        write(&log.own.path().join(&log.path), "newest");
        assert_eq!((end(9), end(3)), ("newest".to_owned(), "est".to_owned()));
        write(&log.own.path().join(log_before(&log.path)), "before");
        assert_eq!((end(9), end(99)), ("orenewest".to_owned(), "beforenewest".to_owned()));
        assert_eq!(log.before().unwrap(), b"before");
    }

    #[test]
    fn a_log_is_read_in_parts_and_from_its_start_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path());
        assert_eq!(log.after(0, 9).unwrap(), None);
        write(&log.own.path().join(&log.path), "twelve bytes");
        let more = |shown, most| log.after(shown, most).unwrap().unwrap();
        assert_eq!(more(0, 6), More { bytes: b"twelve".to_vec(), end: 6 });
        assert_eq!(more(6, 99), More { bytes: b" bytes".to_vec(), end: 12 });
        assert_eq!(more(12, 99), More { bytes: Vec::new(), end: 12 });
        write(&log.own.path().join(&log.path), "anew");
        assert_eq!(more(12, 99), More { bytes: b"anew".to_vec(), end: 4 });
    }
}
