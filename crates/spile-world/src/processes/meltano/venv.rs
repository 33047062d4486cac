//! Python environments: created and filled with packages by uv if it is there, otherwise by `venv` and `pip`.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::watch;

use super::child::{self, ChildEnd, Limits, Lost, Pieces};
use super::mask::Mask;
use super::{Host, InstallError, Meltano, Python};
use spile_core::settings::RunEnvironment;

/// How many of an installer's last lines are kept for its error.
const LAST_LINES: usize = 60;

/// An environment to create.
pub(super) struct Venv<'a> {
    /// Its folder.
    pub folder: &'a Path,
    /// What is being installed, as errors call it.
    pub what: &'a str,
    /// The folder that package paths are relative to.
    pub root: &'a Path,
    /// The programs and the environment to create it with.
    pub host: &'a Host,
    /// Which variables installers get.
    pub run: &'a RunEnvironment,
    /// The timeout of each step.
    pub timeout: Option<Duration>,
}

impl Meltano {
    /// Names an environment in a folder, for something that the project asks for.
    pub(super) fn environment<'a>(&'a self, folder: &'a Path, what: &'a str, host: &'a Host) -> Venv<'a> {
        Venv { folder, what, root: &self.root, host, run: &self.run_environment, timeout: None }
    }
}

impl Venv<'_> {
    /// Creates it with these packages. With uv, this takes seconds.
    ///
    /// # Errors
    /// When there is no Python, no network, no such version or no disk space, or the user interrupts.
    pub async fn make(&self, packages: &[String], interrupt: &mut watch::Receiver<bool>) -> Result<(), InstallError> {
        match self.host.find("uv") {
            Some(uv) => self.make_with_uv(&uv, packages, interrupt).await,
            None => self.make_with_pip(&self.host.python()?, packages, interrupt).await,
        }
    }

    /// Returns the path of its Python.
    pub fn python(&self) -> PathBuf {
        self.program("python")
    }

    /// Returns the path of one of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    async fn make_with_uv(
        &self,
        uv: &Path,
        packages: &[String],
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<(), InstallError> {
        // uv downloads a Python if none is suitable.
        let python: OsString =
            self.host.python().map_or_else(|_| ">=3.10".into(), |python| python.path.into_os_string());
        let mut venv = self.installer(uv);
        venv.args(["venv", "--no-project", "--python"]).arg(python).arg(self.folder);
        self.carry_out(venv, interrupt).await?;
        let mut install = self.installer(uv);
        install.args(["pip", "install", "--python"]).arg(self.python()).args(packages);
        self.carry_out(install, interrupt).await
    }

    async fn make_with_pip(
        &self,
        python: &Python,
        packages: &[String],
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<(), InstallError> {
        let mut venv = self.installer(&python.path);
        venv.args(["-m", "venv"]).arg(self.folder);
        let made = self.carry_out(venv, interrupt).await;
        if let Err(InstallError::Failed { line, help, .. }) = &made
            && [line, help].iter().any(|text| text.contains("ensurepip") || text.contains("No module named venv"))
        {
            return Err(InstallError::VenvModuleMissing { version: python.version.clone() });
        }
        made?;
        let mut install = self.installer(&self.python());
        install.args(["-m", "pip", "install", "--no-input", "--disable-pip-version-check"]).args(packages);
        self.carry_out(install, interrupt).await
    }

    /// Returns a command of an installer, with the variables that installers get.
    pub(super) fn installer(&self, program: &Path) -> Command {
        let mut command = Command::from(self.host.environment.command(program, self.run));
        command.current_dir(self.root).env("PATH", &self.host.path).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    /// Runs such a command.
    pub(super) async fn carry_out(
        &self,
        command: Command,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<(), InstallError> {
        self.carry_out_and_hear(command, interrupt, &mut |_| {}).await
    }

    /// Runs such a command, and passes on each line that it prints.
    pub(super) async fn carry_out_and_hear(
        &self,
        command: Command,
        interrupt: &mut watch::Receiver<bool>,
        line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), InstallError> {
        let program = Path::new(command.as_std().get_program()).to_owned();
        let mask = Mask::of(self.host.environment.secrets(self.run).iter());
        let mask = mask.map_err(InstallError::io("mask secrets in the output of", &program))?;
        let mut last = VecDeque::new();
        let limits = Limits { timeout: self.timeout, interrupt, pieces: Pieces::Lines };
        let mut hear = |_, bytes: &[u8]| {
            let text = String::from_utf8_lossy(&mask.apply(bytes)).into_owned();
            line(&text);
            last.push_back(text);
            last.drain(..last.len().saturating_sub(LAST_LINES));
            Ok(())
        };
        match child::follow(command, limits, &mut hear).await {
            Ok(ChildEnd::Exited(status)) if status.success() => Ok(()),
            Ok(ChildEnd::TimedOut) => {
                let seconds = self.timeout.unwrap_or_default().as_secs();
                let (what, line) = (self.what.to_owned(), format!("it took longer than {seconds} seconds"));
                Err(InstallError::Failed { what, line, help: "allow more time with `--timeout`".to_owned() })
            }
            Ok(ChildEnd::Exited(_)) => Err(InstallError::of_installer(self.what, None, &Vec::from(last))),
            Ok(ChildEnd::Interrupted) => Err(InstallError::Interrupted),
            Err(Lost::Start(error) | Lost::Hearing(error)) => Err(InstallError::io("start", &program)(error)),
        }
    }
}

/// Removes an environment, or only the link to one.
pub(super) fn remove_environment(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
