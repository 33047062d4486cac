//! The log of a run: a file of limited size, of which a limited number is kept.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::RunError;
use crate::files::own_folder::{Own, OwnFolder};
use crate::files::project::{OWN_FOLDER, own_folder_of};

/// The most bytes of one part of a log. A run has two parts at most: the newest and the one before it.
const LARGEST: u64 = 32 * 1024 * 1024;

/// The log of a run, which several processes of it may write.
#[derive(Debug, Clone)]
pub struct SharedLog(Arc<Mutex<RunLog>>);

impl SharedLog {
    /// Opens a log for appending.
    pub(super) fn open(own: &Own, log: &Path) -> Result<Self, RunError> {
        let opened = own.make().and_then(|folder| {
            let log = std::path::absolute(log)?;
            RunLog::open(folder.clone(), log.strip_prefix(folder.path()).unwrap_or(&log))
        });
        let log = opened.map_err(|source| RunError::Log { path: log.to_owned(), source })?;
        Ok(Self(Arc::new(Mutex::new(log))))
    }

    /// Writes a line in one piece.
    pub(super) fn write(&self, line: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(line)
    }

    /// Writes a line of spile's own.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note(&self, text: &str) -> io::Result<()> {
        self.write(serde_json::json!({ "event": text, "level": "info" }).to_string().as_bytes())
    }
}

/// The file of a log.
#[derive(Debug)]
struct RunLog {
    own: OwnFolder,
    /// The file's path inside that folder.
    path: PathBuf,
    file: File,
    written: u64,
}

impl RunLog {
    /// Opens a log in spile's own folder for appending.
    fn open(own: OwnFolder, path: &Path) -> io::Result<Self> {
        let file = own.append(path)?;
        Ok(Self { own, path: path.to_owned(), written: file.metadata()?.len(), file })
    }

    /// Writes a line in one piece, so that a reader never sees half of it.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.written + line.len() as u64 > LARGEST {
            self.turn()?;
        }
        self.file.write_all(&[line, b"\n"].concat())?;
        self.written += line.len() as u64 + 1;
        Ok(())
    }

    /// Moves the current part to the place of the previous one, and starts a new one.
    fn turn(&mut self) -> io::Result<()> {
        let path = self.own.path().join(&self.path);
        fs::rename(&path, before(&path))?;
        (self.file, self.written) = (self.own.append(&self.path)?, 0);
        let note = serde_json::json!({
            "event": format!("the log is longer than {} MiB: its oldest part was removed", LARGEST >> 20),
            "level": "info",
        });
        writeln!(self.file, "{note}")
    }
}

/// Returns the path of the part before the newest.
#[must_use]
pub fn before(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// Returns a log's path relative to spile's own folder.
pub(super) fn in_own(log: &Path) -> &Path {
    log.strip_prefix(OWN_FOLDER).unwrap_or(log)
}

/// Removes the logs in the same folder except for the newest `most`. A log that cannot be removed does no harm.
pub fn keep_logs(root: &Path, log: &Path, most: u16) {
    let Ok(Some(own)) = Own::at(&own_folder_of(root)).open() else { return };
    let folder = in_own(log).parent().unwrap_or(Path::new(""));
    let written = |path: &Path| own.path().join(path).symlink_metadata().and_then(|found| found.modified());
    let mut logs: Vec<(SystemTime, PathBuf)> = own
        .list(folder)
        .unwrap_or_default()
        .into_iter()
        .map(|name| folder.join(name))
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .map(|path| (written(&path).unwrap_or(SystemTime::UNIX_EPOCH), path))
        .collect();
    logs.sort();
    for (_, path) in &logs[..logs.len().saturating_sub(most.into())] {
        let _ = own.remove(before(path));
        let _ = own.remove(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_log_keeps_its_newest_parts() {
        let folder = tempfile::tempdir().unwrap();
        let own = Own::at(&folder.path().join(OWN_FOLDER)).make().unwrap();
        let (name, path) = (Path::new("a.log"), own.path().join("a.log"));
        let mut log = RunLog::open(own.clone(), name).unwrap();
        let line = vec![b'x'; 1024 * 1024];
        for _ in 0..100 {
            log.write(&line).unwrap();
        }
        log.write(b"the last").unwrap();
        let sizes = [&path, &before(&path)].map(|path| path.metadata().unwrap().len());
        assert!(sizes[0] > 0 && sizes.iter().all(|size| *size <= LARGEST + 1024), "{sizes:?}");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("{\"event\":\"the log is longer") && text.ends_with("the last\n"));
        drop(RunLog::open(own, name).unwrap());
        assert!(fs::read_to_string(&path).unwrap().ends_with("the last\n"), "the existing content stays");
    }

    #[test]
    fn the_newest_logs_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let own = Own::at(&folder.path().join(OWN_FOLDER)).make().unwrap();
        for number in 0..5u64 {
            let path = PathBuf::from(format!("logs/shop/{number}.log"));
            let log = RunLog::open(own.clone(), &path).unwrap();
            log.file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number)).unwrap();
        }
        keep_logs(folder.path(), Path::new(".spile/logs/shop/4.log"), 2);
        let mut left = own.list("logs/shop").unwrap();
        left.sort();
        assert_eq!(left, ["3.log", "4.log"]);
    }

    #[test]
    fn a_planted_link_in_place_of_a_log_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let own = Own::at(&folder.path().join(OWN_FOLDER)).make().unwrap();
        let victim = folder.path().join("victim");
        File::create(&victim).unwrap();
        own.folder("logs").unwrap();
        std::os::unix::fs::symlink(&victim, own.path().join("logs/a.log")).unwrap();
        std::os::unix::fs::symlink(folder.path(), own.path().join("logs/shop")).unwrap();
        for path in ["logs/a.log", "logs/shop/victim", "logs/shop/new.log"] {
            RunLog::open(own.clone(), Path::new(path)).unwrap_err();
        }
        assert_eq!(victim.metadata().unwrap().len(), 0);
        assert!(!folder.path().join("new.log").exists());
    }
}
