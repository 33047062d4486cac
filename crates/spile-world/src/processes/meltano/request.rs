//! The input of one call of Meltano, and its result.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Bookmarks, Hold, Host, RotatingSecrets, RunPart, Transport};
use spile_core::connector::{Plugin, Role};
use spile_core::run::log::CatalogFacts;
use spile_core::run::{Cause, Details, StreamFilter};
use spile_core::secret::Secret;
use spile_core::settings::Verify;

/// The input of one invocation.
#[derive(Debug, Clone)]
pub struct Request {
    /// The run's id, which Meltano uses for its own record of the run.
    pub run_id: Uuid,
    /// The text of the `meltano.yml` that Meltano sees instead of the user's.
    pub project_file: String,
    /// Meltano's environment.
    pub environment: String,
    /// The extractor's name in the project file.
    pub extractor: String,
    /// The loader's name; `None` for a test.
    pub loader: Option<String>,
    /// The mappers between extractor and loader, in order.
    pub mappers: Vec<Mapper>,
    /// Secret settings, by the variable that Meltano reads each from.
    pub variables: BTreeMap<String, Secret>,
    /// The secrets that the tap may change in its settings file; `None` if it has none.
    pub rotating: Option<RotatingSecrets>,
    /// Additional secrets to mask that the invocation is not given.
    pub masked: Vec<Secret>,
    /// Settings that differ from the project file, by the variable that Meltano reads each from.
    pub settings: BTreeMap<String, String>,
    /// The base plugins to install.
    pub plugins: Vec<(Role, Plugin)>,
    /// What is next to the project file.
    pub surroundings: Surroundings,
    /// How much a run reads.
    pub span: Span,
    /// The part of its run that it is, if several processes read the streams of one run.
    pub part: Option<RunPart>,
    /// What is added to the id of its state, so that it is not the live one.
    pub state_suffix: Option<&'static str>,
    /// Which streams it reads, and which of them from their beginning.
    pub filter: StreamFilter,
    /// Which rows the loader removes at the end.
    pub reset: Option<Reset>,
    /// How records pass to the loader.
    pub transport: Transport,
    /// Whether the loader's tables are counted.
    pub verify: Verify,
    /// Where the tap's catalog comes from.
    pub catalog: Catalog,
    /// Where bookmarks are stored; `None` to leave it to Meltano.
    pub bookmarks: Option<Bookmarks>,
    /// The file that the whole log is appended to.
    pub log: PathBuf,
    /// The user's variables to hide from Meltano: settings of base plugins, which Meltano would pass to every plugin
    /// that inherits from one.
    pub hidden: Vec<String>,
    /// The timeout.
    pub timeout: Option<Duration>,
    /// The part of the user's environment that it gets.
    pub host: Host,
    /// A lock that prevents other runs across several invocations. Without it, each invocation has its own folder.
    pub hold: Option<Arc<Hold>>,
}

/// A mapping that records go through, and its plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapper {
    /// The name of the mapping.
    pub mapping: String,
    /// The plugin. The template defines it.
    pub plugin: String,
    /// What to install.
    pub pip_url: String,
}

/// What Meltano finds next to the project file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surroundings {
    /// Nothing, because what spile renders needs no other files.
    Nothing,
    /// Links to the files and folders of the user's project, because a handwritten file may refer to them by relative
    /// paths, and Meltano stores plugin definitions in `plugins/`.
    Project,
}

/// Where the catalog of a tap comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Catalog {
    /// Meltano's cached catalog, as long as the settings do not change.
    Kept,
    /// A new discovery.
    Renewed,
    /// A new discovery, or the cached catalog for the same settings if that fails.
    RenewedWherePossible,
    /// This catalog, which was discovered before.
    Given(Arc<Vec<u8>>),
}

impl fmt::Debug for Catalog {
    // The tap's output may contain a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Catalog {
    /// Returns the corresponding argument of `launch.py`.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Renewed => "renew",
            Self::RenewedWherePossible => "try",
            Self::Given(_) => "given",
        }
    }
}

/// How much a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Only what is new since the bookmark.
    New,
    /// Everything, regardless of the bookmark.
    Everything,
}

impl Request {
    /// Returns the names of its plugins, the extractor first.
    pub(super) fn plugin_names(&self) -> Vec<String> {
        let mappers = self.mappers.iter().map(|mapper| &mapper.plugin);
        std::iter::once(&self.extractor).chain(mappers).chain(&self.loader).cloned().collect()
    }

    /// Returns the request without secrets, for installers: code that pip runs must not get them.
    pub(super) fn without_secrets(&self) -> Self {
        let masked = self.variables.values().chain(&self.masked).cloned().collect();
        Self { variables: BTreeMap::new(), rotating: None, masked, ..self.clone() }
    }
}

/// Has the loader remove the rows that a full refresh did not deliver, when the tap has ended well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reset {
    /// The version of the rows that stay: the same for every attempt of a run, because each continues the one before.
    pub version: i64,
    /// Patterns of the streams; empty for all that are read.
    pub streams: Vec<String>,
}

/// Something that Meltano reports while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Records of a stream were moved.
    Records {
        /// The stream.
        stream: String,
        /// The total so far.
        records: u64,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed {
        /// The line that explains the failure best.
        message: String,
        /// The kind of failure.
        cause: Cause,
    },
    /// It was stopped because it took too long.
    TimedOut {
        /// The timeout.
        after: Duration,
    },
    /// It was stopped because the user interrupted.
    Interrupted,
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// How many records went from the extractor to the loader.
    pub records: u64,
    /// The number of records by stream.
    pub streams: BTreeMap<String, u64>,
    /// The Singer state that it started with, if it was reported.
    pub bookmark_before: Option<Value>,
    /// The Singer state that was stored last, if it was reported.
    pub bookmark_after: Option<Value>,
    /// More facts about the run.
    pub details: Details,
    /// What happened to the tap's catalog.
    pub catalog: CatalogFacts,
    /// Why one process has to read all streams, if a part found that out.
    pub indivisible: Option<String>,
}

impl Finished {
    /// Returns the end of a run whose outcome was decided before anything was read.
    #[must_use]
    pub fn without_records(outcome: Outcome) -> Self {
        Self {
            outcome,
            records: 0,
            streams: BTreeMap::new(),
            bookmark_before: None,
            bookmark_after: None,
            details: Details::default(),
            catalog: CatalogFacts::default(),
            indivisible: None,
        }
    }
}
