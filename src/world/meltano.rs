//! stub
use crate::connector::{Plugin, Role};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
#[derive(Clone, Debug)]
pub struct Host {
    pub path: OsString,
    pub python: Option<OsString>,
}
pub struct Python {
    pub version: String,
    pub path: PathBuf,
}
impl Host {
    pub fn python(&self) -> Result<Python, InstallError> {
        Err(InstallError::X)
    }
    pub fn find(&self, _: &str) -> Option<PathBuf> {
        None
    }
}
#[derive(Clone)]
pub struct Meltano {
    version: String,
}
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum InstallError {
    #[error("x")]
    X,
}
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RunError {
    #[error("x")]
    X,
}
pub enum Outcome {
    Succeeded,
    Failed { message: String },
    TimedOut { after: Duration },
    Interrupted,
}
pub enum Progress {
    Records { stream: String, records: u64 },
}
pub struct Finished {
    pub outcome: Outcome,
    pub records: u64,
    pub streams: BTreeMap<String, u64>,
}
pub struct Request {
    pub run_id: uuid::Uuid,
    pub project_file: String,
    pub environment: String,
    pub extractor: String,
    pub loader: Option<String>,
    pub plugins: Vec<(Role, Plugin)>,
    pub log: PathBuf,
    pub timeout: Option<Duration>,
    pub host: Host,
}
type I = tokio::sync::watch::Receiver<bool>;
impl Meltano {
    pub fn new(_: &Path, v: &str) -> Self {
        Self { version: v.into() }
    }
    pub fn version(&self) -> &str {
        &self.version
    }
    pub fn is_installed(&self) -> bool {
        false
    }
    pub fn sweep(&self) -> Result<(), RunError> {
        Ok(())
    }
    pub async fn install(&self, _: &Host) -> Result<(), InstallError> {
        Ok(())
    }
    pub fn has_plugins(&self, _: &Request) -> bool {
        true
    }
    pub async fn install_plugins(&self, _: &Request) -> Result<(), RunError> {
        Ok(())
    }
    pub async fn test(&self, _: &Request, _: &mut I) -> Result<Finished, RunError> {
        Err(RunError::X)
    }
    pub async fn run(
        &self,
        _: &Request,
        _: &mut I,
        _: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Finished, RunError> {
        Err(RunError::X)
    }
    pub async fn move_state(&self, _: &Request, _: &str, _: &str) -> Result<(), RunError> {
        Ok(())
    }
}
