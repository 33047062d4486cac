//! Holding an extractor: while one run has it, no other run of it begins on this machine.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::private::{self, Holder, Private, Refused};
use super::processes::Identity;
use super::{Meltano, Request, RunError, system_db};
use crate::world::project::{make_private, replace};

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
            NotHeld::Busy(_) => RunError::io("make", &self.runs_folder())(io::ErrorKind::ResourceBusy.into()),
        })
    }

    fn made(&self, holder: &Holder) -> Result<Arc<Hold>, NotHeld> {
        let runs = self.runs_folder();
        Private::make(&runs, holder).map(|private| Arc::new(Hold(private))).map_err(|refused| match refused {
            Refused::Busy(other) => NotHeld::Busy(other),
            Refused::Io(error) => NotHeld::Failed(RunError::io("make", &runs)(error)),
        })
    }

    /// Clears away what runs left behind that were killed: their folders, settings of plugins in plain text, what still
    /// runs of them, and Meltano's own lock. Which they were is remembered until [`Meltano::forget`].
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn sweep(&self) -> Result<(), RunError> {
        let (runs, died) = (self.runs_folder(), self.died_folder());
        let bury = |holder: &Holder| {
            system_db::end(&self.system_db(), holder.run).map_err(io::Error::other)?;
            make_private(&died)?;
            replace(&died.join(holder.run.to_string()), holder.environment.as_bytes())
        };
        private::sweep(&runs, &self.meltano_folder().join("run"), &bury).map_err(RunError::io("sweep", &runs))
    }

    /// Returns the runs of an environment that were killed and that nobody has told the registry of yet.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn died(&self, environment: &str) -> Result<Vec<Uuid>, RunError> {
        let folder = self.died_folder();
        died(&folder, environment).map_err(RunError::io("read", &folder))
    }

    /// Forgets a run that was killed.
    pub fn forget(&self, run: Uuid) {
        // Remembered once more, it is told once more.
        let _ = std::fs::remove_file(self.died_folder().join(run.to_string()));
    }

    fn died_folder(&self) -> PathBuf {
        self.own_folder.join("died")
    }
}

fn holder(run: Uuid, environment: &str, plugins: Vec<String>) -> Holder {
    let environment = environment.to_owned();
    Holder { run, environment, plugins, claims: None, since: Timestamp::now(), process: Identity::own() }
}

fn died(folder: &Path, environment: &str) -> io::Result<Vec<Uuid>> {
    let mut runs = Vec::new();
    let items = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(runs),
        items => items?,
    };
    for item in items {
        let path = item?.path();
        let run = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        if let Some(run) = run
            && std::fs::read_to_string(&path)? == environment
        {
            runs.push(run);
        }
    }
    Ok(runs)
}
