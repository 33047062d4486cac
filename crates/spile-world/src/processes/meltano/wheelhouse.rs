//! Downloads the files of locks into a folder, so that machines without a package index can install from it.
//!
//! With pip, because uv installs from such a folder but does not fill one.

use std::path::Path;

use tokio::sync::watch;

use super::{Host, InstallError, Meltano};
use crate::files::process_lock;
use spile_core::locks::{Lock, PipRequest};

/// The folder of an environment that contains only pip.
const PIP: &str = "pip";

/// Downloads what builds the packages that have no wheel.
const BUILD_TOOLS: &str = include_str!("build_tools.py");

impl Meltano {
    /// Downloads the files of a lock for this platform into a folder, and what builds those that are not built yet. Files
    /// with another hash are refused.
    ///
    /// # Errors
    /// When there is no Python, no network or no disk space, a file does not have its hash, or the user interrupts.
    pub async fn download(
        &self,
        lock: &Lock,
        to: &Path,
        host: &Host,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<(), InstallError> {
        if lock.packages.is_empty() {
            return Ok(());
        }
        let _lock = self.lock(process_lock::Lock::Plugins, interrupt).await?;
        let arguments = self.locked_arguments(lock)?;
        let folder = self.own.path().join(PIP);
        let what = format!("`{}`", lock.pip_url);
        let venv = self.environment(&folder, &what, host);
        if !venv.program("pip").exists() {
            venv.make(&["pip".to_owned()], interrupt).await?;
        }
        let PipRequest { options, .. } = PipRequest::read(&lock.pip_url).unwrap_or_default();
        let mut command = venv.installer(&venv.python());
        command.args(["-m", "pip", "download", "--no-input", "--disable-pip-version-check", "--no-deps"]);
        command.args(arguments).args(&options).arg("--dest").arg(to);
        venv.carry_out(command, interrupt).await?;
        let mut command = venv.installer(&venv.python());
        command.args(["-c", BUILD_TOOLS]).arg(to).args(options);
        venv.carry_out(command, interrupt).await
    }
}
