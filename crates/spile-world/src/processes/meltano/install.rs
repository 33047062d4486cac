//! Installs the pinned Meltano into the project once, even if several processes install it at the same time.

use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;

use super::locks::{IN_USE, check_python, is_as_locked, used};
use super::venv::remove_environment;
use super::{Host, InstallError, Meltano, run_folder};
use crate::files::door::replace;
use crate::files::own_folder::OwnFolder;
use crate::files::process_lock::{self, RunLock};
use spile_core::locks::{Lock, MELTANO};

/// The file that is written last. An environment without it is incomplete.
pub(super) const MARKER: &str = ".spile-installed";

/// The folder of the environment, inside spile's own folder.
pub(super) const VENV: &str = "meltano";

/// How often to check whether runs still use the environment.
const PATIENCE: Duration = Duration::from_millis(100);

impl Meltano {
    /// Tells whether the pinned version is completely installed and its Python still exists. A folder that does not
    /// belong to this user does not count.
    #[must_use]
    pub fn is_installed(&self) -> bool {
        self.own.open().ok().flatten().is_some_and(|own| self.is_installed_in(&own))
    }

    /// Tells the same of one of spile's own folders.
    pub(super) fn is_installed_in(&self, own: &OwnFolder) -> bool {
        let venv = Path::new(VENV);
        let marker = own.linked_text(venv.join(MARKER)).unwrap_or_default();
        let is_as_locked = || is_as_locked(&self.lock_of_meltano(), || used(own, venv));
        marker.trim() == self.marked() && own.path().join(venv).join("bin/python").exists() && is_as_locked()
    }

    /// Installs the pinned version if it is missing. Waits for another spile that is installing it, and for runs that
    /// use another version.
    ///
    /// # Errors
    /// When there is no Python, no network, no such version or no disk space, or the user interrupts.
    pub async fn install(&self, host: &Host, interrupt: &mut watch::Receiver<bool>) -> Result<(), InstallError> {
        if self.is_installed() {
            return Ok(());
        }
        let _lock = self.lock(process_lock::Lock::Meltano, interrupt).await?;
        if self.is_installed() || self.link_baked()? {
            return Ok(());
        }
        let lock = self.lock_of_meltano()?;
        let packages = match &lock {
            Some(lock) => {
                check_python(lock, host)?;
                self.locked_arguments(lock)?
            }
            None => vec![self.requirement()],
        };
        // A run still uses the existing environment, and loads more of it over time.
        while run_folder::any_lives(&self.own).map_err(InstallError::io("read", &self.runs_folder()))? {
            if *interrupt.borrow() {
                return Err(InstallError::Interrupted);
            }
            tokio::time::sleep(PATIENCE).await;
        }
        // It has another version, or is incomplete.
        remove_environment(&self.venv).map_err(InstallError::io("remove", &self.venv))?;
        let what = format!("Meltano {}", self.version());
        self.environment(&self.venv, &what, host).make(&packages, interrupt).await?;
        let used = lock.map(|lock| (IN_USE, lock.text(MELTANO)));
        // The marker is last.
        for (name, text) in used.into_iter().chain([(MARKER, format!("{}\n", self.marked()))]) {
            let path = self.venv.join(name);
            replace(&path, text.as_bytes()).map_err(InstallError::io("write", &path))?;
        }
        Ok(())
    }

    /// Returns what installs the pinned version, as a `pip_url` does for a plugin.
    #[must_use]
    pub fn requirement(&self) -> String {
        let extras = self.extras();
        let extras = if extras.is_empty() { extras } else { format!("[{extras}]") };
        format!("meltano{extras}=={}", self.version())
    }

    /// Returns the lock that Meltano was installed from; `None` if it is not installed, or without a lock.
    #[must_use]
    pub fn lock_in_use_of_meltano(&self) -> Option<Lock> {
        used(&self.own.open().ok()??, Path::new(VENV))
    }

    /// Returns the marker of a complete environment: the version and the extras.
    fn marked(&self) -> String {
        format!("{} {}", self.version(), self.extras()).trim_end().to_owned()
    }

    fn extras(&self) -> String {
        self.pinned.extras.iter().map(String::as_str).collect::<Vec<_>>().join(",")
    }

    /// Waits for a lock in spile's own folder. It is released when it is dropped or spile dies.
    pub(super) async fn lock(
        &self,
        lock: process_lock::Lock,
        interrupt: &watch::Receiver<bool>,
    ) -> Result<RunLock, InstallError> {
        let held = RunLock::hold_unless(&self.own, lock, interrupt).await;
        held.map_err(InstallError::io("lock", self.own.path()))?.ok_or(InstallError::Interrupted)
    }
}
