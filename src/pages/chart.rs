//! Charts: runs as bars, the newest to the right.

use serde::Serialize;

use crate::run::{Run, RunStatus};

/// How wide a bar is with the gap behind it.
const STEP: usize = 8;

/// How high the highest bar is.
const HIGHEST: f64 = 38.0;

/// The bars of a chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chart {
    /// How wide it is.
    pub width: usize,
    /// What it shows, for those who do not see it.
    pub label: String,
    /// The bars.
    pub bars: Vec<Bar>,
}

/// A run as a bar.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bar {
    /// From the left.
    pub x: usize,
    /// From above.
    pub y: f64,
    /// How wide.
    pub width: usize,
    /// How high.
    pub height: f64,
    /// Whether the run failed.
    pub bad: bool,
    /// What a pointer is told.
    pub title: String,
}

/// Returns the records of syncs as bars; `None` where there are fewer than two.
#[must_use]
pub fn records(runs: &[Run]) -> Option<Chart> {
    let syncs: Vec<&Run> = runs
        .iter()
        .rev()
        .filter(|run| run.kind == crate::run::RunKind::Sync && run.status != RunStatus::Running)
        .collect();
    if syncs.len() < 2 {
        return None;
    }
    let most = syncs.iter().filter_map(|run| run.records).max().unwrap_or(0).max(1);
    let failed = syncs.iter().filter(|run| run.status == RunStatus::Failed).count();
    let bar = |(place, run): (usize, &&Run)| {
        let records = run.records.unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "bars are some pixels high")]
        let height = (records as f64 / most as f64 * HIGHEST).max(2.0);
        Bar {
            x: place * STEP,
            y: 40.0 - height,
            width: STEP - 2,
            height,
            bad: run.status == RunStatus::Failed,
            title: format!("{}: {records} records, {}", run.started_at.strftime("%Y-%m-%d %H:%M"), run.status.word()),
        }
    };
    Some(Chart {
        width: syncs.len() * STEP,
        label: format!("Records of the last {} syncs: {most} at most, {failed} failed", syncs.len()),
        bars: syncs.iter().enumerate().map(bar).collect(),
    })
}
