//! A warm start: one prepared process has imported Meltano, and each run is forked from it.
//!
//! Importing Meltano takes half of the time of a small sync. The prepared process does it once, for commands that run many
//! syncs. It knows no settings, no secrets and no files of the project. A forked run gets its environment, folder, arguments
//! and open files through a socket of its own, and continues as a cold start does: same group, same launcher, same lock.
//!
//! Of the two processes that are forked for a run, one waits for the other and reports its end, so that a run does not depend
//! on the prepared process. Whatever goes wrong before a run begins, it starts cold.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream as Socket;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::Pid;
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::watch;

use super::child::{End, Process};
use super::line::{Line, sized};
use crate::processes::child_environment::empty;

/// What the prepared process does.
const SCRIPT: &str = include_str!("warm.py");

/// How long a run waits for the prepared process. Importing Meltano takes half a minute on a very busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// How many prepared processes may die before runs start cold for good.
const DEATHS: u8 = 3;

/// The prepared Meltano of a command that runs many syncs. By default there is none, and all runs start cold.
#[derive(Debug, Clone, Default)]
pub struct Warm(Option<Arc<Mutex<Kept>>>);

impl Warm {
    /// Prepares Meltano when the first run starts, and keeps it until all clones are dropped.
    #[must_use]
    pub fn kept() -> Self {
        Self(Some(Arc::default()))
    }

    /// Tells whether there is one.
    pub(super) fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Asks the prepared process for a run; `None` if too many of them died.
    pub(super) fn begin(&self, key: &Key, input: &File) -> io::Result<Option<Begun>> {
        self.change(|kept| kept.begin(key, input)).unwrap_or(Ok(None))
    }

    /// Forgets a process that has failed. Returns what to write to the log, the first time.
    pub(super) fn died(&self, error: &io::Error) -> Option<String> {
        self.change(|kept| kept.died(error))?
    }

    fn change<T>(&self, change: impl FnOnce(&mut Kept) -> T) -> Option<T> {
        let kept = self.0.as_ref()?;
        Some(change(&mut kept.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[derive(Debug, Default)]
struct Kept {
    prepared: Option<Prepared>,
    deaths: u8,
}

/// A process that waits for runs. It ends when its socket is closed.
#[derive(Debug)]
struct Prepared {
    key: Key,
    door: Socket,
    process: Child,
}

/// What a prepared process depends on. It is replaced when this changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// The Python that has Meltano.
    pub python: PathBuf,
    /// The version of Meltano.
    pub version: String,
    /// What a run executes.
    pub launcher: &'static str,
    /// When Meltano and Python were installed.
    pub installed: Vec<Option<SystemTime>>,
    /// Distinguishes texts of the project's `.env`.
    pub dotenv: Option<u64>,
    /// The environment of the process.
    pub variables: Vec<(&'static str, String)>,
}

impl Kept {
    fn begin(&mut self, key: &Key, input: &File) -> io::Result<Option<Begun>> {
        if self.deaths >= DEATHS {
            return Ok(None);
        }
        if self.prepared.as_mut().is_some_and(|prepared| prepared.key != *key || prepared.has_rested()) {
            self.prepared = None;
        }
        let prepared = match self.prepared.take() {
            Some(prepared) => prepared,
            None => Prepared::start(key.clone())?,
        };
        prepared.ask(input).map(|begun| {
            self.prepared = Some(prepared);
            Some(begun)
        })
    }

    fn died(&mut self, error: &io::Error) -> Option<String> {
        self.prepared = None;
        self.deaths += 1;
        let event = format!("the prepared Meltano has ended ({error}): this run starts without it");
        (self.deaths == 1).then(|| serde_json::json!({ "event": event, "level": "info" }).to_string())
    }
}

impl Prepared {
    fn start(key: Key) -> io::Result<Self> {
        let (mut door, theirs) = Socket::pair()?;
        door.set_nonblocking(true)?;
        door.write_all(SCRIPT.as_bytes())?;
        door.write_all(&sized(key.launcher.as_bytes()))?;
        // The script does not fit into a list of processes.
        let first = format!("import os, sys; sys.path.pop(0); exec(os.read(0, {}), {{}})", SCRIPT.len());
        let mut command = Command::from(empty(&key.python));
        command
            .args(["-c", &first])
            .envs(key.variables.iter().map(|(name, value)| (name, value)))
            .env("PYTHONWARNINGS", "ignore")
            .env("NO_COLOR", "1")
            .env("MELTANO_SEND_ANONYMOUS_USAGE_STATS", "false")
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        Ok(Self { process: command.spawn()?, key, door })
    }

    /// Tells whether it has ended by itself, because there was nothing to do.
    fn has_rested(&mut self) -> bool {
        self.process.try_wait().is_ok_and(|ended| ended.is_some_and(|status| status.success()))
    }

    /// Sends the open files of a run.
    fn ask(&self, input: &File) -> io::Result<Begun> {
        let (line, theirs) = Socket::pair()?;
        let (output, their_output) = io::pipe()?;
        let (errors, their_errors) = io::pipe()?;
        let files = [theirs.as_fd(), input.as_fd(), their_output.as_fd(), their_errors.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&files));
        sendmsg(&self.door, &[IoSlice::new(b"r")], &mut control, SendFlags::NOSIGNAL)?;
        line.set_nonblocking(true)?;
        let output = ChildStdout::from_std(OwnedFd::from(output).into())?;
        let errors = ChildStderr::from_std(OwnedFd::from(errors).into())?;
        Ok(Begun { line: Line::new(UnixStream::from_std(line)?), output, errors })
    }
}

/// A run that the prepared process was asked for.
pub(super) struct Begun {
    line: Line,
    output: ChildStdout,
    errors: ChildStderr,
}

impl Begun {
    /// Waits for its process, and sends it the run.
    pub(super) async fn start(
        mut self,
        command: &Command,
        interrupt: &mut watch::Receiver<bool>,
    ) -> io::Result<Process> {
        let leader = tokio::select! {
            leader = self.line.number("runs ") => leader?,
            () = tokio::time::sleep(PATIENCE) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) = interrupt.wait_for(|wanted| *wanted) => return Err(io::ErrorKind::Interrupted.into()),
        };
        self.line.send(&request_of(command)).await?;
        let Self { line, output, errors } = self;
        Ok(Process {
            leader: Pid::from_raw(leader),
            output: Some(output),
            errors: Some(errors),
            end: End::OfForked(line),
        })
    }
}

/// Returns the folder, the arguments and the environment of a command, as the prepared process reads them. The first
/// arguments are those of the shell that a cold start needs.
fn request_of(command: &Command) -> Vec<u8> {
    let command = command.as_std();
    let arguments: Vec<&[u8]> = command.get_args().skip(SHELL).map(OsStrExt::as_bytes).collect();
    let folder = command.get_current_dir().map_or(&b"/"[..], |folder| folder.as_os_str().as_bytes());
    let count = arguments.len().to_string();
    let variable = |(name, value): (&OsStr, Option<&OsStr>)| Some([name.as_bytes(), b"=", value?.as_bytes()].concat());
    let variables: Vec<Vec<u8>> = command.get_envs().filter_map(variable).collect();
    let words = [folder, count.as_bytes()].into_iter().chain(arguments).chain(variables.iter().map(Vec::as_slice));
    words.collect::<Vec<_>>().join(&0)
}

/// How many arguments of a command are those of the shell: `-c`, its script, and Python.
const SHELL: usize = 3;
