//! A run: one test or sync of one integration, as recorded in the registry.

pub mod arrival;
pub mod backfill;
pub mod carried_out;
mod cause;
pub mod certify;
pub mod cost;
pub mod due;
pub mod error_line;
pub mod finding;
pub mod log;
pub mod parts;
pub mod preview;
pub mod refresh;
pub mod stats;
mod stream_filter;
pub mod traffic;
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
pub use backfill::TimeRange;
pub use carried_out::CarriedOut;
pub use cause::Cause;
pub use cost::{Transfer, Usage};
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
    /// Returns the registry's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Sync => "sync",
        }
    }
}

/// The status of a run, under the words of the registry's `integration_runs.status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// It has begun, and its end has not been recorded.
    Running,
    /// It succeeded.
    Ok,
    /// It succeeded, but something about it needs attention.
    Warning,
    /// It failed.
    Failed,
    /// Someone stopped it.
    Cancelled,
}

impl RunStatus {
    /// All statuses, by the registry's words.
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

    /// Tells whether the run did what it was started for.
    #[must_use]
    pub fn succeeded(self) -> bool {
        match self {
            Self::Ok | Self::Warning => true,
            Self::Running | Self::Failed | Self::Cancelled => false,
        }
    }

    /// Returns the `status` that an integration gets when a run ends with this status; `None` if it does not change.
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
    /// Its id, which is also Meltano's run id.
    pub id: Uuid,
    /// The integration.
    pub integration: IntegrationId,
    /// The integration's name at the time.
    pub slug: Slug,
    /// The environment it ran in.
    pub environment: EnvironmentName,
    /// What it did.
    pub kind: RunKind,
    /// Its status.
    pub status: RunStatus,
    /// The id under which Meltano keeps its state; a test has none.
    pub state_id: Option<String>,
    /// The loader its records went to.
    pub loader: Option<IntegrationId>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How many records it moved, if they were counted.
    pub records: Option<u64>,
    /// The same by stream.
    pub streams: BTreeMap<String, u64>,
    /// What went wrong, or needs attention, in a sentence.
    pub error: Option<String>,
    /// The kind of failure or finding.
    pub cause: Option<Cause>,
    /// How many attempts it took.
    pub attempts: u32,
    /// Whether it read everything again, regardless of the bookmark.
    pub full_refresh: bool,
    /// The Singer state that it started with, if it was reported.
    pub bookmark_before: Option<Value>,
    /// The Singer state that it left, if it was reported.
    pub bookmark_after: Option<Value>,
    /// The tick of its schedule that it serves; `None` if it was started by hand.
    pub scheduled_for: Option<Timestamp>,
    /// The machine it ran on.
    pub host: Option<String>,
    /// Other facts about it.
    pub details: Details,
    /// The path of its log, relative to the project, as recorded in the registry. Only for display: use
    /// [`Run::log_path`] to open it.
    pub log: PathBuf,
}

/// The facts about a run that are known before it begins.
#[derive(Debug, Clone)]
pub struct Start {
    /// Its id, which is also Meltano's run id.
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
    /// Returns a run that has just started. Only the path of its log is known already.
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

/// Facts about a run that are found out along the way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// What arrived, by stream, if the destination was asked.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub arrivals: BTreeMap<String, Arrival>,
    /// The packages of its plugins' programs, with their versions, by the plugin's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub packages: BTreeMap<String, String>,
    /// The SHA-256 of the catalog that its tap got, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog: Option<String>,
    /// Which streams it was asked to read, if not all selected ones from their bookmarks.
    #[serde(skip_serializing_if = "StreamFilter::is_default")]
    pub filter: StreamFilter,
    /// The choices of applies that it carries out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<CarriedOut>,
    /// The moment since which it reads everything again, if it was asked to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The side whose plugin made it fail, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<Role>,
    /// The range of time that it reads as a piece of a backfill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<TimeRange>,
    /// Whether the loader removed what it did not deliver.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reset: bool,
    /// How its records passed, if they went through spile's relay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer: Option<Transfer>,
    /// What the processes of its plugins used, by the plugin's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub usage: BTreeMap<String, Usage>,
}

impl Details {
    /// Adds facts that were found out later. The row counts from before the run stay those of the first look at the
    /// tables.
    pub fn add(&mut self, later: Self) {
        for (stream, arrival) in later.arrivals {
            let before = self.arrivals.get(&stream).and_then(|first| first.before).or(arrival.before);
            self.arrivals.insert(stream, Arrival { before, ..arrival });
        }
        self.packages.extend(later.packages);
        self.catalog = later.catalog.or(self.catalog.take());
        self.transfer = later.transfer.or(self.transfer);
        self.usage.extend(later.usage);
    }
}

impl Details {
    /// Adds the facts of another part of the same run, whose streams are others.
    pub fn add_part(&mut self, part: Self) {
        self.arrivals.extend(part.arrivals);
        self.packages.extend(part.packages);
        self.failed = self.failed.or(part.failed);
        self.transfer = match (self.transfer, part.transfer) {
            (Some(one), Some(other)) => Some(one.beside(other)),
            (one, other) => one.or(other),
        };
        for (plugin, usage) in part.usage {
            let known = self.usage.entry(plugin).or_default();
            *known = known.beside(usage);
        }
    }
}

/// The folder of all logs, relative to the project.
const LOGS: &str = ".spile/logs";

impl Run {
    /// Returns the path of its log on the machine that it ran on, relative to the project. Always in the folder of
    /// logs, whatever someone has written into the registry.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        log_path(&self.slug, self.id)
    }

    /// Returns what happened to the records of each stream, by name.
    #[must_use]
    pub fn arrived(&self) -> Vec<Arrived<'_>> {
        arrival::arrived(&self.streams, &self.details.arrivals)
    }

    /// Tells whether it belongs to the live pipeline. A piece of a backfill does not: it has a state of its own, and says
    /// nothing about how the integration is or where its next sync continues.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.details.range.is_none()
    }

    /// Returns what becomes of its integration's `status` now; `None` where it says nothing.
    #[must_use]
    pub fn integration_status(&self) -> Option<&'static str> {
        self.status.integration_status().filter(|_| self.is_live())
    }

    /// Returns the next step after a failure, with `NAME` where the file to look at is named.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        let reason = self.error.as_deref().unwrap_or_default();
        self.cause.map(|cause| cause.help_for(self.details.failed, reason))
    }

    /// Returns how long it took, in seconds; `None` before it has ended.
    #[must_use]
    pub fn seconds(&self) -> Option<f64> {
        self.finished_at.map(|end| end.duration_since(self.started_at).as_secs_f64())
    }

    /// Returns how many records passed in a second, if there were any and their transfer was measured.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a count of records, to compute a speed")]
    pub fn records_per_second(&self) -> Option<f64> {
        let records = self.records.filter(|records| *records > 0)?;
        Some(records as f64 / self.details.transfer?.seconds())
    }
}

/// Returns the path of a run's log, relative to the project.
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
