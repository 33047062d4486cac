//! Holds an extractor, so that no other run of it starts on this machine.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::liveness::Identity;
use super::run_folder::{self, Holder, NoRunFolder, Private};
use super::{Meltano, Request, RunError, part, rotation, system_db};
use crate::files::own_folder::Own;

/// A lock that prevents other runs of an extractor. It lasts until it is dropped and every process of the run has
/// ended.
#[derive(Debug)]
pub struct Hold(Private);

impl Hold {
    pub(super) fn of(private: Private) -> Self {
        Self(private)
    }

    pub(super) fn private(&self) -> &Private {
        &self.0
    }
}

/// Why an extractor cannot be held.
#[derive(Debug)]
pub enum NotHeld {
    /// Another run holds it.
    Busy(Box<Holder>),
    /// A file cannot be created.
    Failed(RunError),
}

impl Meltano {
    /// Holds the first of these plugins for a run that uses all of them.
    ///
    /// # Errors
    /// When another run holds it, or a file cannot be created.
    pub fn hold(&self, run: Uuid, environment: &str, plugins: Vec<String>) -> Result<Arc<Hold>, NotHeld> {
        let claims = plugins.first().cloned();
        self.made(&Holder { claims, ..holder(run, environment, plugins) })
    }

    /// Returns the folder of an invocation: that of the lock that several invocations share, or a new one of its own, which
    /// does not lock out others.
    pub(super) fn held(&self, request: &Request) -> Result<Arc<Hold>, RunError> {
        if let Some(hold) = &request.hold {
            return Ok(hold.clone());
        }
        let holder = holder(request.run_id, &request.environment, request.plugin_names());
        self.made(&holder).map_err(|refused| match refused {
            NotHeld::Failed(error) => error,
            // This cannot happen, because nothing is claimed.
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

    /// Cleans up after runs that were killed: removes their folders, the plaintext settings of their plugins and
    /// Meltano's own lock, and ends their remaining processes. The runs are remembered until [`Meltano::forget`].
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn sweep(&self) -> Result<(), RunError> {
        let bury = |holder: &Holder, folder: &Path| {
            let theirs = self.theirs.open().ok().flatten();
            rotation::rescue(&self.own, theirs.as_ref(), folder, holder)?;
            if let Some(theirs) = &theirs {
                for run in part::run_ids(holder.run, folder) {
                    system_db::end(theirs, run)?;
                    system_db::forget_error(theirs, run)?;
                }
            }
            self.own.make()?.replace(buried(holder.run), holder.environment.as_bytes())
        };
        run_folder::sweep(&self.own, &self.theirs, &bury).map_err(RunError::io("sweep", &self.runs_folder()))
    }

    /// Returns the killed runs of an environment that have not been reported to the registry yet.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn died(&self, environment: &str) -> Result<Vec<Uuid>, RunError> {
        died(&self.own, environment).map_err(RunError::io("read", &self.own.path().join(DIED)))
    }

    /// Forgets a run that was killed.
    pub fn forget(&self, run: Uuid) {
        // If this fails, the run is only reported once more.
        let _ = self.own.open().map(|own| own.map(|own| own.remove(buried(run))));
    }
}

/// The folder of killed runs, inside spile's own folder.
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

/// The most bytes of an environment's name.
const MOST_BYTES: u64 = 4096;
