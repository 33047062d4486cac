//! Installs the pinned Meltano into the project, once, even if other processes install it too.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;

use super::venv::Venv;
use super::{Host, InstallError, Meltano, run_folder};
use crate::files::project::replace;
use crate::files::run_lock::{Lock, RunLock};

/// The file in the environment that is written last: without it the environment is half-made.
const MARKER: &str = ".spile-installed";

/// The folder of the environment, in spile's own.
pub(super) const VENV: &str = "meltano";

/// How often runs are looked for that still use the environment.
const PATIENCE: Duration = Duration::from_millis(100);

impl Meltano {
    /// Tells whether the pinned version is there, complete, with a Python that still exists. What is not this user's own is
    /// not there.
    #[must_use]
    pub fn is_installed(&self) -> bool {
        let own = self.own.open().ok().flatten();
        let marker = own.and_then(|own| own.linked_text(Path::new(VENV).join(MARKER))).unwrap_or_default();
        marker.trim() == self.marked() && self.python().exists()
    }

    /// Installs the pinned version where it is not there; waits for another spile that does so already, and for what runs
    /// from another version.
    ///
    /// # Errors
    /// When there is no Python, no network, no such version or no space, or the user wants an end.
    pub async fn install(&self, host: &Host, interrupt: &mut watch::Receiver<bool>) -> Result<(), InstallError> {
        if self.is_installed() {
            return Ok(());
        }
        let _lock = self.lock(Lock::Meltano, interrupt).await?;
        if self.is_installed() {
            return Ok(());
        }
        // What runs still runs from what is there, and loads more of it as it goes.
        while run_folder::any_lives(&self.own).map_err(InstallError::io("read", &self.runs_folder()))? {
            if *interrupt.borrow() {
                return Err(InstallError::Interrupted);
            }
            tokio::time::sleep(PATIENCE).await;
        }
        // Of another version, or half-made.
        match fs::remove_dir_all(&self.venv) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(InstallError::io("remove", &self.venv)(error));
            }
            Ok(()) | Err(_) => {}
        }
        let what = format!("Meltano {}", self.version());
        let run = &self.run_environment;
        let venv = Venv { folder: &self.venv, what: &what, root: &self.root, host, run, timeout: None };
        venv.make(&[self.requirement()], interrupt).await?;
        let marker = self.venv.join(MARKER);
        replace(&marker, format!("{}\n", self.marked()).as_bytes()).map_err(InstallError::io("write", &marker))
    }

    fn requirement(&self) -> String {
        let extras = self.extras();
        let extras = if extras.is_empty() { extras } else { format!("[{extras}]") };
        format!("meltano{extras}=={}", self.version())
    }

    /// Returns what the marker of a complete environment says: the version, and what is installed with it.
    fn marked(&self) -> String {
        format!("{} {}", self.version(), self.extras()).trim_end().to_owned()
    }

    fn extras(&self) -> String {
        self.pinned.extras.iter().map(String::as_str).collect::<Vec<_>>().join(",")
    }

    /// Waits for a lock in spile's own folder; it is free again when it is dropped, or spile dies.
    pub(super) async fn lock(&self, lock: Lock, interrupt: &watch::Receiver<bool>) -> Result<RunLock, InstallError> {
        let held = RunLock::hold_unless(&self.own, lock, interrupt).await;
        held.map_err(InstallError::io("lock", self.own.path()))?.ok_or(InstallError::Interrupted)
    }
}
