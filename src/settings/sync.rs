//! `[sync]` in `spile.toml`: how runs are carried out where the command line says nothing.

use std::time::Duration;

use jiff::SignedDuration;

use crate::problem::Problems;
use crate::table::Table;

/// How runs are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sync {
    /// How many at a time; what the machine has room for where nothing is said.
    pub jobs: Option<u16>,
    /// How long one may take; any time where nothing is said.
    pub timeout: Option<Duration>,
    /// How often one that failed for a reason that may pass is tried again.
    pub retries: u16,
    /// How long is waited before the first further try; before each next one twice as long.
    pub retry_after: Duration,
    /// Of how many runs of an integration the logs are kept.
    pub keep_logs: u16,
}

impl Default for Sync {
    fn default() -> Self {
        Self { jobs: None, timeout: None, retries: 2, retry_after: Duration::from_secs(10), keep_logs: 50 }
    }
}

/// Reads the table.
pub(super) fn read(table: Table<'_>, problems: &mut Problems) -> Sync {
    let default = Sync::default();
    let mut duration = |key| table.parsed::<SignedDuration>(key, problems).map(|found| found.value.unsigned_abs());
    let (timeout, retry_after) = (duration("timeout"), duration("retry_after"));
    let sync = Sync {
        jobs: table.whole("jobs", 1, problems),
        timeout,
        retries: table.whole("retries", 0, problems).unwrap_or(default.retries),
        retry_after: retry_after.unwrap_or(default.retry_after),
        keep_logs: table.whole("keep_logs", 1, problems).unwrap_or(default.keep_logs),
    };
    table.finish(problems);
    sync
}
