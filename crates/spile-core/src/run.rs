//! A run: one test or sync of one integration, as the registry records it.

pub mod arrival;
mod cause;
pub mod due;
pub mod error_line;
pub mod finding;
pub mod log;
pub mod refresh;
pub mod stats;
mod stream_filter;
pub mod verify;

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::connector::Role;
use crate::name::{EnvironmentName, IntegrationId, Slug};

pub use arrival::{Arrival, Arrived};
pub use cause::Cause;
pub use due::Tries;
pub use stream_filter::StreamFilter;

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// Reads one record and throws it away.
    Test,
    /// Moves records from the extractor to the loader.
    Sync,
}

impl RunKind {
    /// Returns the word that the registry keeps.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Sync => "sync",
        }
    }
}

/// How far a run got; the words of the registry's `integration_runs.status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// It has begun and not ended.
    Running,
    /// It succeeded.
    Ok,
    /// It succeeded, and something about it needs a look.
    Warning,
    /// It ended with an error.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl RunStatus {
    /// All of them, by the registry's word.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("running", Self::Running),
        ("ok", Self::Ok),
        ("warning", Self::Warning),
        ("failed", Self::Failed),
        ("cancelled", Self::Cancelled),
    ];

    /// Returns the registry's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.into_iter().find(|(_, status)| *status == self).map_or("", |(word, _)| word)
    }

    /// Tells whether a run that ended so did what it was started for.
    #[must_use]
    pub fn succeeded(self) -> bool {
        match self {
            Self::Ok | Self::Warning => true,
            Self::Running | Self::Failed | Self::Cancelled => false,
        }
    }

    /// Returns what becomes of an integration's `status` when a run ends so; `None` where it says nothing.
    #[must_use]
    pub fn integration_status(self) -> Option<&'static str> {
        match self {
            Self::Ok | Self::Warning => Some("active"),
            Self::Failed => Some("error"),
            Self::Running | Self::Cancelled => None,
        }
    }
}

/// One test or sync of one integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id; Meltano's run id too.
    pub id: Uuid,
    /// The integration.
    pub integration: IntegrationId,
    /// The integration's name when it ran.
    pub slug: Slug,
    /// The environment it ran in.
    pub environment: EnvironmentName,
    /// What it did.
    pub kind: RunKind,
    /// How far it got.
    pub status: RunStatus,
    /// Under which id Meltano keeps its bookmarks; a test has none.
    pub state_id: Option<String>,
    /// The loader its records went to.
    pub loader: Option<IntegrationId>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How many records it moved, where that was counted.
    pub records: Option<u64>,
    /// The same by stream.
    pub streams: BTreeMap<String, u64>,
    /// What went wrong, or needs a look, in a sentence.
    pub error: Option<String>,
    /// What kind of thing that is.
    pub cause: Option<Cause>,
    /// How often it was tried.
    pub attempts: u32,
    /// Whether it read everything again, regardless of the bookmark.
    pub full_refresh: bool,
    /// The Singer state that it started with, if it was reported.
    pub bookmark_before: Option<Value>,
    /// The Singer state that it left, if it was reported.
    pub bookmark_after: Option<Value>,
    /// The tick of its schedule that it serves; none if it was started by hand.
    pub scheduled_for: Option<Timestamp>,
    /// The machine it ran on.
    pub host: Option<String>,
    /// What else was found out about it.
    pub details: Details,
    /// Its whole log, relative to the project, as the registry remembers it: to be shown. [`Run::log_path`] is to be opened.
    pub log: PathBuf,
}

/// What a run is known by before it has done anything.
#[derive(Debug, Clone)]
pub struct Start {
    /// Its id; Meltano's run id too.
    pub id: Uuid,
    /// The integration.
    pub integration: IntegrationId,
    /// The integration's name.
    pub slug: Slug,
    /// The environment.
    pub environment: EnvironmentName,
    /// What it will do.
    pub kind: RunKind,
    /// When it begins.
    pub at: Timestamp,
}

impl Run {
    /// Returns a run that has just started: nothing is known of it yet but where its log will be.
    #[must_use]
    pub fn start(start: Start) -> Self {
        let log = log_path(&start.slug, start.id);
        Self {
            id: start.id,
            integration: start.integration,
            slug: start.slug,
            environment: start.environment,
            kind: start.kind,
            status: RunStatus::Running,
            state_id: None,
            loader: None,
            started_at: start.at,
            finished_at: None,
            records: None,
            streams: BTreeMap::new(),
            error: None,
            cause: None,
            attempts: 1,
            full_refresh: false,
            bookmark_before: None,
            bookmark_after: None,
            scheduled_for: None,
            host: None,
            details: Details::default(),
            log,
        }
    }
}

/// What is found out about a run on its way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// What arrived, by stream, where the destination was asked.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub arrivals: BTreeMap<String, Arrival>,
    /// The packages that its plugins are programs of, with their versions, by the plugin's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub packages: BTreeMap<String, String>,
    /// The SHA-256 of the catalog that its tap was given, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog: Option<String>,
    /// Which streams it was to read, if not all that are selected from their bookmarks.
    #[serde(skip_serializing_if = "StreamFilter::is_default")]
    pub filter: StreamFilter,
    /// Which side's plugin made it fail, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<Role>,
}

impl Details {
    /// Takes in what was found out later: tables held before what they held when they were looked at first.
    pub fn add(&mut self, later: Self) {
        for (stream, arrival) in later.arrivals {
            let before = self.arrivals.get(&stream).and_then(|first| first.before).or(arrival.before);
            self.arrivals.insert(stream, Arrival { before, ..arrival });
        }
        self.packages.extend(later.packages);
        self.catalog = later.catalog.or(self.catalog.take());
    }
}

/// The folder of all logs, relative to the project.
const LOGS: &str = ".spile/logs";

impl Run {
    /// Returns where its log is on the machine that it ran on, relative to the project: below the folder of logs, whatever
    /// anybody has written into the registry.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        log_path(&self.slug, self.id)
    }

    /// Returns what became of the records of each stream, by name.
    #[must_use]
    pub fn arrived(&self) -> Vec<Arrived<'_>> {
        arrival::arrived(&self.streams, &self.details.arrivals)
    }

    /// Returns the next step after a failure, with `NAME` where the file to look at is named.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        self.cause.map(|cause| cause.help_for(self.details.failed))
    }

    /// Returns how long it took, in seconds; nothing before it has ended.
    #[must_use]
    pub fn seconds(&self) -> Option<f64> {
        self.finished_at.map(|end| end.duration_since(self.started_at).as_secs_f64())
    }
}

/// Returns where the log of a run is, relative to the project.
#[must_use]
pub fn log_path(slug: &Slug, id: Uuid) -> PathBuf {
    PathBuf::from(LOGS).join(slug.as_str()).join(format!("{id}.log"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::tests::{at, run};

    #[test]
    fn a_run_takes_as_long_as_from_its_start_to_its_end() {
        let mut run = run(RunKind::Sync, RunStatus::Ok, 0);
        run.finished_at = Some(at(2).checked_add(jiff::SignedDuration::from_millis(500)).unwrap());
        assert_eq!(run.seconds(), Some(2.5));
        run.finished_at = None;
        assert_eq!(run.seconds(), None);
    }
}
