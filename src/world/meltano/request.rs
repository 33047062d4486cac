//! What one invocation of Meltano is given, and what comes of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

use super::Host;
use crate::connector::{Plugin, Role};
use crate::secret::Secret;

/// What one invocation needs.
#[derive(Debug, Clone)]
pub struct Request {
    /// The run's id; Meltano keeps its own record of the run under it.
    pub run_id: Uuid,
    /// The text of the `meltano.yml` that it sees instead of the user's.
    pub project_file: String,
    /// Meltano's environment.
    pub environment: String,
    /// The extractor's name in the project file.
    pub extractor: String,
    /// The loader's; a test has none.
    pub loader: Option<String>,
    /// Secret settings, by the variable that Meltano reads each from.
    pub variables: BTreeMap<String, Secret>,
    /// The base plugins to install.
    pub plugins: Vec<(Role, Plugin)>,
    /// What is beside the project file.
    pub surroundings: Surroundings,
    /// Where the whole log goes; what is there stays in front of it.
    pub log: PathBuf,
    /// Variables of the user's that it must not see: those of base plugins, which Meltano hands to every plugin that
    /// inherits from one.
    pub hidden: Vec<String>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// What of the user's environment it is given.
    pub host: Host,
}

/// What Meltano finds beside the project file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surroundings {
    /// Nothing: what spile renders needs nothing.
    Nothing,
    /// The files and folders of the user's project, as links: what others wrote may name some, by paths that begin in
    /// the project, and Meltano keeps definitions of plugins in `plugins/`.
    Project,
}

impl Request {
    /// Returns the request as installers get it: what pip runs of a package has no business with its secrets.
    pub(super) fn without_secrets(&self) -> Self {
        Self { variables: BTreeMap::new(), ..self.clone() }
    }
}

/// Something that Meltano tells while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Records of a stream went through.
    Records {
        /// The stream.
        stream: String,
        /// How many so far.
        records: u64,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Succeeded,
    /// Not well.
    Failed {
        /// The line that says best why.
        message: String,
    },
    /// It was stopped because it took too long.
    TimedOut {
        /// How long it had.
        after: Duration,
    },
    /// It was stopped because the user wanted an end.
    Interrupted,
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How.
    pub outcome: Outcome,
    /// How many records went from the extractor to the loader.
    pub records: u64,
    /// The same by stream.
    pub streams: BTreeMap<String, u64>,
}
