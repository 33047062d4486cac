//! The limits of a source: how many calls it allows per day, and how many rows a call returns.

use serde::Serialize;

use crate::problem::Problems;
use crate::table::Table;

/// The limits of a source, from its provider's documentation. Each is optional: sources limit different things.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Quota {
    /// The most rows that one call returns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_per_call: Option<u32>,
    /// The most calls in 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_per_day: Option<u32>,
}

impl Quota {
    /// Reads the table `[quota]` of a definition.
    pub(super) fn read(table: Table<'_>, problems: &mut Problems) -> Self {
        let count = |key, problems: &mut Problems| table.whole(key, 1..=u32::MAX, "a whole number from 1", problems);
        let quota =
            Self { rows_per_call: count("rows_per_call", problems), calls_per_day: count("calls_per_day", problems) };
        table.finish(problems);
        quota
    }

    /// Returns how many calls it takes to read this many rows of one stream, if known. An empty stream takes one call.
    #[must_use]
    pub fn calls(&self, rows: u64) -> Option<u64> {
        self.rows_per_call.map(|most| rows.div_ceil(u64::from(most)).max(1))
    }
}
