//! `[guard]`: how much a plan may do before somebody has to acknowledge it.

use std::time::Duration;

use super::sync::duration;
use crate::problem::Problems;
use crate::table::Table;

/// How much a plan may do before somebody has to acknowledge it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// The most of the existing integrations that a plan may delete, in percent.
    pub max_delete_percent: u8,
    /// The most of ten or more integrations that a plan may change, in percent.
    pub max_change_percent: u8,
    /// The most rows that all resyncs of a plan may read again, as far as their price is known.
    pub max_resync_rows: Option<u64>,
    /// The longest that the resync of one integration may take, as far as its price is known.
    pub max_resync_time: Option<Duration>,
}

impl Default for Guard {
    fn default() -> Self {
        Self { max_delete_percent: 30, max_change_percent: 30, max_resync_rows: None, max_resync_time: None }
    }
}

impl Guard {
    /// Reads the table.
    pub(super) fn read(table: Table<'_>, problems: &mut Problems) -> Self {
        let default = Self::default();
        let rows = 0..=u64::try_from(i64::MAX).unwrap_or_default();
        let guard = Self {
            max_delete_percent: table.percent("max_delete_percent", problems).unwrap_or(default.max_delete_percent),
            max_change_percent: table.percent("max_change_percent", problems).unwrap_or(default.max_change_percent),
            max_resync_rows: table.whole("max_resync_rows", rows, "a number of rows", problems),
            max_resync_time: duration(&table, "max_resync_time", Duration::ZERO, problems),
        };
        table.finish(problems);
        guard
    }
}
