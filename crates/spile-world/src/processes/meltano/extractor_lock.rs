//! Holding an extractor: while one run has it, no other run of it begins on this machine.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::processes::Identity;
use super::run_folder::{self, Holder, NoRunFolder, Private};
use super::{Meltano, Request, RunError, system_db};
use crate::files::own_folder::Own;

/// What keeps other runs of an extractor away; it lasts until it is dropped and every process of the run has ended.
#[derive(Debug)]
pub struct Hold(Private);

impl Hold {
    pub(super) fn private(&self) -> &Private {
        &self.0
    }
}

/// Why an extractor cannot be held.
#[derive(Debug)]
pub enum NotHeld {
    /// Another run has it.
    Busy(Box<Holder>),
    /// A file cannot be made.
    Failed(RunError),
}

impl Meltano {
    /// Holds the first of these plugins for a run, which uses them all.
    ///
    /// # Errors
    /// When another run has it, or a file cannot be made.
    pub fn hold(&self, run: Uuid, environment: &str, plugins: Vec<String>) -> Result<Arc<Hold>, NotHeld> {
        let claims = plugins.first().cloned();
        self.made(&Holder { claims, ..holder(run, environment, plugins) })
    }

    /// Makes the folder of an invocation that keeps nobody away.
    pub(super) fn hold_unclaimed(&self, request: &Request) -> Result<Arc<Hold>, RunError> {
        let holder = holder(request.run_id, &request.environment, request.plugin_names());
        self.made(&holder).map_err(|refused| match refused {
            NotHeld::Failed(error) => error,
            // It claims nothing.
            NotHeld::Busy(_) => RunError::io("create", &self.runs_folder())(io::ErrorKind::ResourceBusy.into()),
        })
    }

    fn made(&self, holder: &Holder) -> Result<Arc<Hold>, NotHeld> {
        let runs = self.runs_folder();
        Private::make(&self.own, holder).map(|private| Arc::new(Hold(private))).map_err(|refused| match refused {
            NoRunFolder::Busy(other) => NotHeld::Busy(other),
            NoRunFolder::Io(error) => NotHeld::Failed(RunError::io("create", &runs)(error)),
        })
    }

    /// Clears away what runs left behind that were killed: their folders, settings of plugins in plain text, what still
    /// runs of them, and Meltano's own lock. Which they were is remembered until [`Meltano::forget`].
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn sweep(&self) -> Result<(), RunError> {
        let bury = |holder: &Holder| {
            if let Ok(Some(theirs)) = self.theirs.open() {
                system_db::end(&theirs, holder.run)?;
                system_db::forget_error(&theirs, holder.run)?;
            }
            self.own.make()?.replace(buried(holder.run), holder.environment.as_bytes())
        };
        run_folder::sweep(&self.own, &self.theirs, &bury).map_err(RunError::io("sweep", &self.runs_folder()))
    }

    /// Returns the runs of an environment that were killed and that nobody has told the registry of yet.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn died(&self, environment: &str) -> Result<Vec<Uuid>, RunError> {
        died(&self.own, environment).map_err(RunError::io("read", &self.own.path().join(DIED)))
    }

    /// Forgets a run that was killed.
    pub fn forget(&self, run: Uuid) {
        // Remembered once more, it is told once more.
        let _ = self.own.open().map(|own| own.map(|own| own.remove(buried(run))));
    }
}

/// The folder of runs that died, in spile's own.
const DIED: &str = "died";

fn buried(run: Uuid) -> PathBuf {
    Path::new(DIED).join(run.to_string())
}

fn holder(run: Uuid, environment: &str, plugins: Vec<String>) -> Holder {
    let environment = environment.to_owned();
    Holder { run, environment, plugins, claims: None, since: Timestamp::now(), process: Identity::own() }
}

fn died(own: &Own, environment: &str) -> io::Result<Vec<Uuid>> {
    let Ok(Some(own)) = own.open() else { return Ok(Vec::new()) };
    let mut runs = Vec::new();
    for name in own.list(DIED)? {
        let Some(run) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        if own.read_up_to(buried(run), MOST_BYTES)?.is_some_and(|said| said == environment.as_bytes()) {
            runs.push(run);
        }
    }
    Ok(runs)
}

/// The most bytes of the name of an environment.
const MOST_BYTES: u64 = 4096;
