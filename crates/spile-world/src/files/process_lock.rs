//! Locks between processes: one file per lock in spile's own folder, which names the holder.
//!
//! If a folder of the project itself were locked, anybody who can read it could hold the lock, and nobody could tell
//! who does. These files are only accessible to this user and are never deleted. A lock is released when its holder
//! ends, even if it is killed.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::files::own_folder::{Own, OwnFolder};
use crate::machine;

/// The folder of the lock files.
const FOLDER: &str = "locks";

/// How long a writer waits for another one by default.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait for an installation. A slow network or a large tap takes minutes.
const INSTALLING: Duration = Duration::from_mins(30);

/// How long a wait stays silent before the user is informed.
const SILENCE: Duration = Duration::from_secs(1);

/// The shortest and the longest pause between two attempts.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));

/// The most bytes of a holder's description.
const MOST_BYTES: u64 = 4096;

/// What is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// The project's files, including `meltano.yml` and the outputs.
    Project,
    /// Small files in spile's own folder that are read, changed and written back.
    Own,
    /// The outbox of runs that wait to be sent to a registry.
    Outbox,
    /// The folders of runs, while they are created or cleaned up.
    Runs,
    /// The Python environment of Meltano.
    Meltano,
    /// The Python environments of plugins, and Meltano's database.
    Plugins,
    /// The sign-in to a source, which ends in a browser.
    SignIn,
}

impl Lock {
    fn name(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Own => "own",
            Self::Outbox => "outbox",
            Self::Runs => "runs",
            Self::Meltano => "meltano",
            Self::Plugins => "plugins",
            Self::SignIn => "sign-in",
        }
    }

    /// Returns what its holder is doing, as a phrase.
    fn work(self) -> &'static str {
        match self {
            Self::Project => "changing files of this project",
            Self::Own | Self::Outbox => "writing to `.spile`",
            Self::Runs => "starting a run or cleaning up after one",
            Self::Meltano => "installing Meltano",
            Self::Plugins => "installing plugins",
            Self::SignIn => "signing in to a source",
        }
    }

    fn patience(self) -> Duration {
        match self {
            Self::Project | Self::Own | Self::Outbox | Self::Runs => {
                INTRODUCTION.get().and_then(|known| known.patience).unwrap_or(PATIENCE)
            }
            Self::Meltano | Self::Plugins => INSTALLING,
            // A person in front of a browser decides when the other one ends.
            Self::SignIn => Duration::ZERO,
        }
    }
}

/// How this program describes itself as the holder of a lock, and where it reports that it waits.
#[derive(Debug)]
pub struct Introduction {
    /// The command without its arguments, which may be secrets.
    pub command: String,
    /// How long it waits for another writer; `None` for the default.
    pub patience: Option<Duration>,
    /// Shows a message about a wait.
    pub tell: fn(&str),
}

static INTRODUCTION: OnceLock<Introduction> = OnceLock::new();

/// Sets how this process describes itself. Only the first call counts.
pub fn introduce(introduction: Introduction) {
    let _ = INTRODUCTION.set(introduction);
}

/// The holder of a lock, as written in the lock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    command: String,
    since: Timestamp,
    host: String,
}

impl Holder {
    fn this() -> Self {
        let command = INTRODUCTION.get().map_or_else(|| "spile".to_owned(), |known| known.command.clone());
        let host = machine::name();
        Self { pid: std::process::id(), command, since: Timestamp::now(), host }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pid, command, since, host } = self;
        // The text comes from another program and is printed to a terminal.
        let clean = |text: &str| text.chars().filter(|letter| !letter.is_control()).take(200).collect::<String>();
        write!(f, "`{}`, process {pid} on `{}`, since {since:.0}", clean(command), clean(host))
    }
}

/// Another process has held a lock for too long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error("another spile process has been {work} for {seconds} s: {holder}")]
#[diagnostic(
    code(spile::lock::busy),
    help(
        "wait until it ends and try again, or stop it if it hangs; `SPILE_LOCK_TIMEOUT=SECONDS` waits longer; {file}"
    )
)]
pub struct Busy {
    work: &'static str,
    seconds: u64,
    holder: String,
    file: String,
}

/// A held lock. Dropping it releases it.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct RunLock {
    file: File,
    is_named: bool,
}

impl RunLock {
    /// Waits for a lock. Creates the folder if it does not exist.
    ///
    /// # Errors
    /// When another process holds it for too long, or the file cannot be created.
    pub fn hold(own: &Own, lock: Lock) -> io::Result<Self> {
        let mut wait = Wait::of(&own.make()?, lock)?;
        loop {
            match wait.again()? {
                Try::Held(held) => return Ok(held),
                Try::Pause(pause) => std::thread::sleep(pause),
            }
        }
    }

    /// Waits for a lock like [`Self::hold`], without blocking the thread; `None` if the user interrupts.
    ///
    /// # Errors
    /// As for [`Self::hold`].
    pub async fn hold_unless(own: &Own, lock: Lock, interrupt: &watch::Receiver<bool>) -> io::Result<Option<Self>> {
        let mut wait = Wait::of(&own.make()?, lock)?;
        loop {
            match wait.again()? {
                Try::Held(held) => return Ok(Some(held)),
                Try::Pause(pause) => tokio::time::sleep(pause).await,
            }
            if *interrupt.borrow() {
                return Ok(None);
            }
        }
    }

    /// Waits until nobody holds the lock exclusively, and takes a shared one. Creates nothing: `None` if there is no
    /// lock file.
    ///
    /// # Errors
    /// When another process takes too long, or the file cannot be read.
    pub fn share(folder: &OwnFolder, lock: Lock) -> io::Result<Option<Self>> {
        let path = path(lock);
        let Some(file) = folder.open(&path)? else { return Ok(None) };
        let mut wait = Wait { file: Some(file), sharing: true, ..Wait::named(folder, lock) };
        loop {
            match wait.again()? {
                Try::Held(held) => return Ok(Some(held)),
                Try::Pause(pause) => std::thread::sleep(pause),
            }
        }
    }

    /// Tells whether a process holds a lock exclusively at the moment.
    #[must_use]
    pub fn is_held(folder: &OwnFolder, lock: Lock) -> bool {
        let file = folder.open(path(lock)).ok().flatten();
        file.is_some_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Writes this process into the lock file as the holder.
    fn name(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&serde_json::to_vec(&Holder::this()).map_err(io::Error::from)?)?;
        self.is_named = true;
        Ok(())
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        if self.is_named {
            // If this fails, the stale name does no harm: a process that finds the lock free ignores it.
            let _ = self.file.set_len(0);
        }
    }
}

fn path(lock: Lock) -> PathBuf {
    PathBuf::from(FOLDER).join(format!("{}.lock", lock.name()))
}

/// The result of an attempt.
enum Try {
    Held(RunLock),
    Pause(Duration),
}

/// A wait for a lock.
struct Wait {
    file: Option<File>,
    sharing: bool,
    lock: Lock,
    shown: String,
    since: Instant,
    pause: Duration,
    is_told: bool,
}

impl Wait {
    fn of(folder: &OwnFolder, lock: Lock) -> io::Result<Self> {
        Ok(Self { file: Some(folder.lock_file(path(lock))?), ..Self::named(folder, lock) })
    }

    fn named(folder: &OwnFolder, lock: Lock) -> Self {
        let shown = folder.path().join(path(lock)).display().to_string();
        let (since, pause) = (Instant::now(), PAUSES.0);
        Self { file: None, sharing: false, lock, shown, since, pause, is_told: false }
    }

    /// Tries once more.
    fn again(&mut self) -> io::Result<Try> {
        let Some(file) = self.file.take() else { return Err(io::ErrorKind::NotFound.into()) };
        let tried = if self.sharing { file.try_lock_shared() } else { file.try_lock() };
        match tried {
            Ok(()) => {
                let mut held = RunLock { file, is_named: false };
                if !self.sharing {
                    held.name()?;
                }
                return Ok(Try::Held(held));
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let waited = self.since.elapsed();
        if waited >= self.lock.patience() {
            return Err(self.busy(&file).into());
        }
        if waited >= SILENCE && !self.is_told {
            self.is_told = true;
            self.tell(&file);
        }
        self.file = Some(file);
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSES.1);
        Ok(Try::Pause(pause))
    }

    fn tell(&self, file: &File) {
        if let Some(known) = INTRODUCTION.get() {
            (known.tell)(&format!("for another spile process that is {}: {}", self.lock.work(), holder(file)));
        }
    }

    fn busy(&self, file: &File) -> Busy {
        let (work, seconds) = (self.lock.work(), self.since.elapsed().as_secs());
        Busy { work, seconds, holder: holder(file), file: format!("its lock is `{}`", self.shown) }
    }
}

/// Returns the holder of a lock, as a phrase.
fn holder(mut file: &File) -> String {
    let mut bytes = Vec::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(MOST_BYTES).read_to_end(&mut bytes));
    let holder = read.ok().and_then(|_| serde_json::from_slice::<Holder>(&bytes).ok());
    holder.map_or_else(|| "an unknown process".to_owned(), |holder| holder.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::files::refusal::FileRefusal;

    fn own() -> (tempfile::TempDir, Own) {
        let folder = tempfile::tempdir().unwrap();
        let own = Own::at(&folder.path().join(".spile"));
        (folder, own)
    }

    #[test]
    fn a_second_holder_waits_until_the_first_has_ended() {
        let (_folder, own) = own();
        let held = RunLock::hold(&own, Lock::Own).unwrap();
        let waiting = std::thread::spawn({
            let own = own.clone();
            move || RunLock::hold(&own, Lock::Own).map(drop)
        });
        std::thread::sleep(Duration::from_millis(50));
        assert!(!waiting.is_finished());
        let _other = RunLock::hold(&own, Lock::Project).unwrap();
        drop(held);
        waiting.join().unwrap().unwrap();
    }

    #[test]
    fn waiting_too_long_reports_the_holder() {
        let (_folder, own) = own();
        let _held = RunLock::hold(&own, Lock::Project).unwrap();
        let folder = own.open().unwrap().unwrap();
        let mut wait = Wait::of(&folder, Lock::Project).unwrap();
        assert!(matches!(wait.again(), Ok(Try::Pause(_))));
        wait.since = Instant::now().checked_sub(PATIENCE).unwrap();
        let error = wait.again().err().unwrap();
        let Some(FileRefusal::Busy(busy)) = FileRefusal::behind(&error) else { panic!("{error}") };
        let sentence = busy.to_string();
        assert!(sentence.contains(&format!("process {} on", std::process::id())), "{sentence}");
        assert!(busy.help().unwrap().to_string().contains("project.lock"));
    }

    #[test]
    fn the_file_stays_and_is_private_and_empty_once_released() {
        let (folder, own) = own();
        drop(RunLock::hold(&own, Lock::Own).unwrap());
        let path = folder.path().join(".spile/locks/own.lock");
        let found = path.metadata().unwrap();
        assert_eq!((found.permissions().mode() & 0o777, found.len()), (0o600, 0));
    }

    #[test]
    fn sharing_a_lock_creates_nothing_and_keeps_writers_away() {
        let (_folder, own) = own();
        let folder = own.make().unwrap();
        assert!(RunLock::share(&folder, Lock::Project).unwrap().is_none());
        drop(RunLock::hold(&own, Lock::Project).unwrap());
        let one = RunLock::share(&folder, Lock::Project).unwrap().unwrap();
        let other = RunLock::share(&folder, Lock::Project).unwrap().unwrap();
        assert!(matches!(Wait::of(&folder, Lock::Project).unwrap().again(), Ok(Try::Pause(_))));
        drop((one, other));
        assert!(!RunLock::is_held(&folder, Lock::Project));
    }

    #[test]
    fn a_planted_link_is_not_followed() {
        let (folder, own) = own();
        own.make().unwrap().folder(FOLDER).unwrap();
        let victim = folder.path().join("victim");
        File::create(&victim).unwrap().write_all(b"dear").unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join(".spile/locks/own.lock")).unwrap();
        RunLock::hold(&own, Lock::Own).unwrap_err();
        assert_eq!(std::fs::read(&victim).unwrap(), b"dear");
    }
}
