//! The log of a run: a file of bounded size, of which there is a bounded number.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The most bytes of one piece of a log. A run has two at most: the newest, and the one before it.
const LARGEST: u64 = 32 * 1024 * 1024;

/// The log that a run writes.
#[derive(Debug)]
pub(super) struct RunLog {
    path: PathBuf,
    file: File,
    written: u64,
}

impl RunLog {
    /// Opens a log; what is there stays in front.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = appended(path)?;
        Ok(Self { path: path.to_owned(), written: file.metadata()?.len(), file })
    }

    /// Writes a line in one piece, so that who follows the log never sees half of it.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.written + line.len() as u64 > LARGEST {
            self.turn()?;
        }
        self.file.write_all(&[line, b"\n"].concat())?;
        self.written += line.len() as u64 + 1;
        Ok(())
    }

    /// Puts the piece aside, in the place of the one before, and begins the next.
    fn turn(&mut self) -> io::Result<()> {
        fs::rename(&self.path, before(&self.path))?;
        (self.file, self.written) = (appended(&self.path)?, 0);
        let note = serde_json::json!({
            "event": format!("the log is longer than {} MiB: what is older than two such pieces is gone", LARGEST >> 20),
            "level": "info",
        });
        writeln!(self.file, "{note}")
    }
}

/// Returns where the piece before the newest is.
#[must_use]
pub fn before(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

fn appended(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).mode(0o600).open(path)
}

/// Removes the logs beside this one but for the newest `most`. What cannot be removed is in nobody's way.
pub fn keep_logs(root: &Path, log: &Path, most: u16) {
    let folder = root.join(log.parent().unwrap_or(log));
    let mut logs: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|item| item.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .map(|path| (path.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH), path))
        .collect();
    logs.sort();
    for (_, path) in &logs[..logs.len().saturating_sub(most.into())] {
        let _ = fs::remove_file(before(path));
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_grows_without_end_keeps_its_newest_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut log = RunLog::open(&path).unwrap();
        let line = vec![b'x'; 1024 * 1024];
        for _ in 0..100 {
            log.write(&line).unwrap();
        }
        log.write(b"the last").unwrap();
        let sizes = [&path, &before(&path)].map(|path| path.metadata().unwrap().len());
        assert!(sizes[0] > 0 && sizes.iter().all(|size| *size <= LARGEST + 1024), "{sizes:?}");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("{\"event\":\"the log is longer") && text.ends_with("the last\n"));
        drop(RunLog::open(&path).unwrap());
        assert!(fs::read_to_string(&path).unwrap().ends_with("the last\n"), "what is there stays");
    }

    #[test]
    fn the_newest_logs_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..5u64 {
            let path = folder.path().join(format!("{number}.log"));
            RunLog::open(&path).unwrap();
            let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number);
            File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
        }
        keep_logs(folder.path(), Path::new("4.log"), 2);
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|item| item.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["3.log", "4.log"]);
    }
}
