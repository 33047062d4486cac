//! The outbox: runs that a registry could not store. They are kept on disk and sent with the next run.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use uuid::Uuid;

use crate::files::own_folder::Own;
use crate::files::process_lock::{Lock, RunLock};
use spile_core::name::EnvironmentName;
use spile_core::run::Run;

/// The outbox's folder, inside spile's own folder.
const FOLDER: &str = "outbox";

/// The most bytes of a run.
const MOST_BYTES: u64 = 16 << 20;

/// The lock file of the process that is sending the outbox to the registry.
const TURN: &str = ".turn";

/// A folder with one file per run.
#[derive(Debug, Clone)]
pub struct Outbox {
    own: Own,
}

/// A run that waits in the outbox.
#[derive(Debug)]
pub struct Waiting {
    /// The run.
    pub run: Run,
    path: PathBuf,
    bytes: Vec<u8>,
    since: Option<SystemTime>,
}

impl Outbox {
    /// Names the outbox in a project's own folder. The folder is created when the first run is kept.
    #[must_use]
    pub fn of(own_folder: &Path) -> Self {
        Self { own: Own::at(own_folder) }
    }

    /// Keeps a run. A later version of the same run replaces it.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn keep(&self, run: &Run) -> io::Result<()> {
        let own = self.own.make()?;
        let _lock = RunLock::hold(&self.own, Lock::Outbox)?;
        let bytes = serde_json::to_vec(run).map_err(io::Error::from)?;
        own.replace(path(&format!("{}.json", run.id)), &bytes)
    }

    /// Lets one process at a time send the outbox. Returns `None` if the outbox is empty or another process is sending
    /// it.
    #[must_use]
    pub fn turn(&self) -> Option<File> {
        let own = self.own.open().ok()??;
        if !own.path().join(FOLDER).exists() {
            return None;
        }
        let turn = own.lock_file(path(TURN)).ok()?;
        turn.try_lock().is_ok().then_some(turn)
    }

    /// Returns the waiting runs of an environment, oldest first.
    #[must_use]
    pub fn waiting(&self, environment: &EnvironmentName) -> Vec<Waiting> {
        let Ok(Some(own)) = self.own.open() else { return Vec::new() };
        let is_run = |path: &PathBuf| {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            path.extension() == Some("json".as_ref()) && stem.is_some_and(|stem| stem.parse::<Uuid>().is_ok())
        };
        let read = |path: PathBuf| {
            let bytes = own.read_up_to(&path, MOST_BYTES).ok()??;
            let since = own.path().join(&path).metadata().and_then(|metadata| metadata.modified()).ok();
            // A run that another version of spile kept, and this one cannot read, is left for that version.
            let run = serde_json::from_slice(&bytes).ok()?;
            Some(Waiting { run, path, bytes, since })
        };
        let names = own.list(FOLDER).unwrap_or_default();
        let paths = names.into_iter().map(|name| Path::new(FOLDER).join(name));
        let mut waiting: Vec<Waiting> = paths.filter(is_run).filter_map(read).collect();
        waiting.retain(|waiting| waiting.run.environment == *environment);
        waiting.sort_by(|a, b| (a.since, &a.path).cmp(&(b.since, &b.path)));
        waiting
    }

    /// Removes a run that the registry has stored, unless a later version of it was kept since.
    pub fn taken(&self, waiting: &Waiting) {
        let Ok(Some(own)) = self.own.open() else { return };
        let Ok(_lock) = RunLock::hold(&self.own, Lock::Outbox) else { return };
        if own.read_up_to(&waiting.path, MOST_BYTES).is_ok_and(|bytes| bytes.as_ref() == Some(&waiting.bytes)) {
            // Sending a run twice is harmless, because registries identify runs by their ids.
            let _ = own.remove(&waiting.path);
        }
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use spile_core::name::IntegrationId;
    use spile_core::run::{RunKind, RunStatus, Start};

    fn run() -> Run {
        let start = Start {
            id: Uuid::from_u128(1),
            integration: IntegrationId(Uuid::from_u128(2)),
            slug: "shop".parse().unwrap(),
            environment: "dev".parse().unwrap(),
            kind: RunKind::Sync,
            at: Timestamp::UNIX_EPOCH,
        };
        Run { status: RunStatus::Ok, finished_at: Some(Timestamp::UNIX_EPOCH), ..Run::start(start) }
    }

    #[test]
    fn sending_an_earlier_version_of_a_run_keeps_the_later_one() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::of(&folder.path().join(".spile"));
        assert!(outbox.turn().is_none(), "there is nothing to send");
        let began = Run { status: RunStatus::Running, finished_at: None, ..run() };
        outbox.keep(&began).unwrap();
        let turn = outbox.turn().unwrap();
        assert!(outbox.turn().is_none(), "one at a time");
        let first = outbox.waiting(&began.environment).pop().unwrap();
        let ended = Run { status: RunStatus::Ok, ..run() };
        outbox.keep(&ended).unwrap();
        outbox.taken(&first);
        let left = outbox.waiting(&began.environment);
        assert_eq!(left.iter().map(|left| left.run.status).collect::<Vec<_>>(), [RunStatus::Ok]);
        outbox.taken(&left[0]);
        assert!(outbox.waiting(&began.environment).is_empty());
        drop(turn);
    }

    #[test]
    fn files_that_are_not_runs_of_this_environment_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::of(&folder.path().join(".spile"));
        let run = run();
        outbox.keep(&run).unwrap();
        for (name, text) in [("notes.json", "{}"), ("0d9a3f2e-7a53-4a6c-8a46-2f2f4c1d2e3f.json", "{}"), ("x", "")] {
            outbox.own.make().unwrap().replace(path(name), text.as_bytes()).unwrap();
        }
        assert_eq!(outbox.waiting(&run.environment).len(), 1);
        assert!(outbox.waiting(&"other".parse().unwrap()).is_empty());
    }
}
