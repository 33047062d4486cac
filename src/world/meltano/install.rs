//! Installing the pinned Meltano into the project, once, whoever else is installing it.

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::watch;

use super::child::{self, Ended, Limits, Lost, Pieces};
use super::{Host, InstallError, Meltano, Python};
use crate::world::project::{make_private, replace};

/// The file in the environment that is written last: without it the environment is half-made.
const MARKER: &str = ".spile-installed";

/// How many of an installer's last lines are kept for its error.
const LAST_LINES: usize = 60;

/// How often a lock is asked for.
const PATIENCE: Duration = Duration::from_millis(100);

impl Meltano {
    /// Tells whether the pinned version is there, complete, with a Python that still exists.
    #[must_use]
    pub fn is_installed(&self) -> bool {
        let marker = fs::read_to_string(self.venv.join(MARKER)).unwrap_or_default();
        marker.trim() == self.marked() && self.python().exists()
    }

    /// Installs the pinned version where it is not there; waits for another spile that does so already.
    ///
    /// uv does it where there is one, for it takes seconds; else Python's own `venv` and `pip`.
    ///
    /// # Errors
    /// When there is no Python, no network, no such version or no space, or the user wants an end.
    pub async fn install(&self, host: &Host, interrupt: &mut watch::Receiver<bool>) -> Result<(), InstallError> {
        if self.is_installed() {
            return Ok(());
        }
        let _lock = self.lock("meltano.lock", interrupt).await?;
        if self.is_installed() {
            return Ok(());
        }
        // Of another version, or half-made.
        match fs::remove_dir_all(&self.venv) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(InstallError::io("remove", &self.venv)(error));
            }
            Ok(()) | Err(_) => {}
        }
        match host.find("uv") {
            Some(uv) => self.install_with_uv(&uv, host, interrupt).await?,
            None => self.install_with_pip(&host.python()?, host, interrupt).await?,
        }
        let marker = self.venv.join(MARKER);
        replace(&marker, format!("{}\n", self.marked()).as_bytes()).map_err(InstallError::io("write", &marker))
    }

    async fn install_with_uv(
        &self,
        uv: &Path,
        host: &Host,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<(), InstallError> {
        // uv brings a Python where there is none that would do.
        let python = host.python().map_or_else(|_| ">=3.10".into(), |python| python.path.into_os_string());
        let mut venv = self.installer(uv, host);
        venv.args(["venv", "--no-project", "--python"]).arg(python).arg(&self.venv);
        self.carry_out(venv, interrupt).await?;
        let mut install = self.installer(uv, host);
        install.args(["pip", "install", "--python"]).arg(self.python()).arg(self.requirement());
        self.carry_out(install, interrupt).await
    }

    async fn install_with_pip(
        &self,
        python: &Python,
        host: &Host,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<(), InstallError> {
        let mut venv = self.installer(&python.path, host);
        venv.args(["-m", "venv"]).arg(&self.venv);
        let made = self.carry_out(venv, interrupt).await;
        if let Err(InstallError::Failed { line, help, .. }) = &made
            && [line, help].iter().any(|text| text.contains("ensurepip") || text.contains("No module named venv"))
        {
            return Err(InstallError::VenvModuleMissing { version: python.version.clone() });
        }
        made?;
        let mut install = self.installer(&self.python(), host);
        install.args(["-m", "pip", "install", "--no-input", "--disable-pip-version-check"]).arg(self.requirement());
        self.carry_out(install, interrupt).await
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

    fn installer(&self, program: &Path, host: &Host) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("PATH", &host.path).env("NO_COLOR", "1").stdin(Stdio::null());
        // An environment that the user is in would be taken for the one to install into.
        for name in super::NOT_INHERITED {
            command.env_remove(name);
        }
        command
    }

    async fn carry_out(&self, command: Command, interrupt: &mut watch::Receiver<bool>) -> Result<(), InstallError> {
        let what = format!("Meltano {}", self.version());
        let program = Path::new(command.as_std().get_program()).to_owned();
        let mut last = VecDeque::new();
        let limits = Limits { timeout: None, interrupt, pieces: Pieces::Lines };
        let mut hear = |_, line: &[u8]| {
            last.push_back(String::from_utf8_lossy(line).into_owned());
            last.drain(..last.len().saturating_sub(LAST_LINES));
            Ok(())
        };
        match child::follow(command, limits, &mut hear).await {
            Ok(Ended::Exited(status)) if status.success() => Ok(()),
            Ok(Ended::Exited(_) | Ended::TimedOut) => Err(InstallError::of_installer(&what, &Vec::from(last))),
            Ok(Ended::Interrupted) => Err(InstallError::Interrupted),
            Err(Lost::Start(error) | Lost::Hearing(error)) => Err(InstallError::io("start", &program)(error)),
        }
    }

    /// Waits for a lock in spile's own folder; it is free again when the file is dropped, or spile dies.
    pub(super) async fn lock(&self, name: &str, interrupt: &watch::Receiver<bool>) -> Result<File, InstallError> {
        make_private(&self.own_folder).map_err(InstallError::io("make", &self.own_folder))?;
        let path = self.own_folder.join(name);
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(InstallError::io("open", &path))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                // Asked for again and again: a thread that waits in the system could not be interrupted.
                Err(TryLockError::WouldBlock) => tokio::time::sleep(PATIENCE).await,
                Err(TryLockError::Error(error)) => return Err(InstallError::io("lock", &path)(error)),
            }
            if *interrupt.borrow() {
                return Err(InstallError::Interrupted);
            }
        }
    }
}
