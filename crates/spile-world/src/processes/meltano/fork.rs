//! Forks a run from the prepared Meltano, or leaves it to a cold start.

use std::fs::{self, File};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io;
use std::path::PathBuf;

use tokio::process::Command;
use tokio::sync::watch;

use super::child::Process;
use super::fill::LAUNCH;
use super::install::MARKER;
use super::warm::Key;
use super::{Meltano, Request};

/// The variables that Python reads when it starts. None of them holds a secret.
const VARIABLES: [&str; 9] =
    ["HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PYTHONUTF8", "PYTHONIOENCODING", "TZ"];

/// A forked run; without a process, it has to start cold.
#[derive(Default)]
pub(super) struct Fork {
    /// The process.
    pub process: Option<Process>,
    /// A line for the log about a prepared process that died.
    pub note: Option<String>,
}

impl Meltano {
    /// Forks a run from the prepared process, which is started if necessary.
    pub(super) async fn fork(
        &self,
        request: &Request,
        command: &Command,
        input: &File,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Fork {
        let warm = &request.host.warm;
        if !(self.forks && warm.is_kept() && cfg!(target_os = "linux")) {
            return Fork::default();
        }
        let started = match warm.begin(&self.key(request), input) {
            Ok(Some(begun)) => begun.start(command, interrupt).await,
            Ok(None) => return Fork::default(),
            Err(error) => Err(error),
        };
        match started {
            Ok(process) => Fork { process: Some(process), note: None },
            // A cold start knows what to do about it.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Fork::default(),
            Err(error) => Fork { process: None, note: warm.died(&error) },
        }
    }

    fn key(&self, request: &Request) -> Key {
        let python = self.python();
        let installed = |path: PathBuf| fs::metadata(path).and_then(|found| found.modified()).ok();
        let variable = |name| Some((name, request.host.environment.passed(name, &self.run_environment)?));
        let dotenv = self.dotenv().ok().flatten();
        Key {
            installed: vec![installed(self.venv.join(MARKER)), installed(python.clone())],
            python,
            launcher: LAUNCH,
            version: self.version().to_owned(),
            // Distinguishes texts without keeping them.
            dotenv: dotenv.map(|text| BuildHasherDefault::<DefaultHasher>::default().hash_one(text)),
            variables: VARIABLES.into_iter().filter_map(variable).collect(),
        }
    }
}
