//! The input of one call of Meltano, and its result.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::{Bookmarks, Hold, Host};
use spile_core::connector::{Plugin, Role};
use spile_core::run::log::CatalogFacts;
use spile_core::run::{Cause, Details, StreamFilter};
use spile_core::secret::Secret;
use spile_core::settings::Verify;

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
    /// What its records go through on the way to the loader, in order.
    pub mappers: Vec<Mapper>,
    /// Secret settings, by the variable that Meltano reads each from.
    pub variables: BTreeMap<String, Secret>,
    /// Secrets that it is not given, and that must not show either.
    pub masked: Vec<Secret>,
    /// Settings that differ from the project file's, by the variable that Meltano reads each from.
    pub settings: BTreeMap<String, String>,
    /// The base plugins to install.
    pub plugins: Vec<(Role, Plugin)>,
    /// What is beside the project file.
    pub surroundings: Surroundings,
    /// What a run reads.
    pub span: Span,
    /// Which streams it reads, and which of them from their beginning.
    pub filter: StreamFilter,
    /// Whether the loader's tables are counted.
    pub verify: Verify,
    /// Where the tap's catalog comes from.
    pub catalog: Catalog,
    /// Where its bookmarks are kept; left to Meltano where none are looked up.
    pub bookmarks: Option<Bookmarks>,
    /// Where the whole log goes; what is there stays in front of it.
    pub log: PathBuf,
    /// Variables of the user's that it must not see: those of base plugins, which Meltano hands to every plugin that
    /// inherits from one.
    pub hidden: Vec<String>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// What of the user's environment it is given.
    pub host: Host,
    /// What keeps other runs away and lasts for several invocations; without one, each has a folder of its own.
    pub hold: Option<Arc<Hold>>,
}

/// A mapping that records go through, and the plugin that does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapper {
    /// The name that tasks call it by.
    pub mapping: String,
    /// The plugin; its definition is the template's.
    pub plugin: String,
    /// What is installed of it.
    pub pip_url: String,
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

/// Where the catalog of a tap comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Catalog {
    /// From where Meltano takes it: its last one, as long as the settings stay as they are.
    Kept,
    /// From the tap, which is asked again.
    Renewed,
    /// From the tap, which is asked again; from the last one of the same settings where that fails.
    RenewedWherePossible,
    /// From whoever has asked the tap: this one.
    Given(Arc<Vec<u8>>),
}

impl fmt::Debug for Catalog {
    // What a tap says may have a secret in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Catalog {
    /// Returns the word that `launch.py` knows.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Renewed => "renew",
            Self::RenewedWherePossible => "try",
            Self::Given(_) => "given",
        }
    }
}

/// What a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// What is new since the bookmark.
    New,
    /// Everything, whatever the bookmark says.
    Everything,
}

impl Request {
    /// Returns the names of its plugins, the extractor first.
    pub(super) fn plugin_names(&self) -> Vec<String> {
        let mappers = self.mappers.iter().map(|mapper| &mapper.plugin);
        std::iter::once(&self.extractor).chain(mappers).chain(&self.loader).cloned().collect()
    }

    /// Returns the request as installers get it: what pip runs of a package has no business with its secrets.
    pub(super) fn without_secrets(&self) -> Self {
        let masked = self.variables.values().chain(&self.masked).cloned().collect();
        Self { variables: BTreeMap::new(), masked, ..self.clone() }
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
        /// What kind of thing that is.
        cause: Cause,
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
    /// The Singer state that it began with, where it told.
    pub bookmark_before: Option<Value>,
    /// The Singer state that was kept last, where it told.
    pub bookmark_after: Option<Value>,
    /// What else was found out.
    pub details: Details,
    /// What became of the tap's catalog.
    pub catalog: CatalogFacts,
}

impl Finished {
    /// Returns the end of a run that was decided before anything was read.
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
        }
    }
}
