//! Charts: runs as bars, the newest to the right.

use serde::Serialize;

use spile_core::problem::counted;
use spile_core::run::{Run, RunStatus};

/// The width of a bar and the gap after it, in pixels.
const STEP: usize = 8;

/// The smallest number of bars to leave room for.
const LEAST: usize = 24;

/// The height of the tallest bar, in pixels.
const HIGHEST: f64 = 38.0;

/// The bars of a chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chart {
    /// The width of the chart.
    pub width: usize,
    /// The text alternative.
    pub label: String,
    /// The bars.
    pub bars: Vec<Bar>,
}

/// A run as a bar.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bar {
    /// The distance from the left edge.
    pub x: usize,
    /// The distance from the top edge.
    pub y: f64,
    /// The width.
    pub width: usize,
    /// The height.
    pub height: f64,
    /// Whether the run failed.
    pub bad: bool,
    /// The tooltip.
    pub title: String,
}

/// Returns the records of syncs as bars; `None` if there are fewer than two.
#[must_use]
pub fn records(runs: &[Run]) -> Option<Chart> {
    #[expect(clippy::cast_precision_loss, reason = "bars are some pixels high")]
    let value = |run: &Run| run.records.unwrap_or(0) as f64;
    chart(runs, "Records", &|records| counted(records, "record"), &value)
}

/// Returns how long syncs took as bars; `None` if there are fewer than two.
#[must_use]
pub fn durations(runs: &[Run]) -> Option<Chart> {
    let value = |run: &Run| run.seconds().unwrap_or(0.0);
    chart(runs, "Durations", &|seconds| format!("{seconds:.1} s"), &value)
}

fn chart(runs: &[Run], what: &str, shown: &dyn Fn(f64) -> String, value: &dyn Fn(&Run) -> f64) -> Option<Chart> {
    let syncs: Vec<&Run> = runs
        .iter()
        .rev()
        .filter(|run| run.kind == spile_core::run::RunKind::Sync && run.status != RunStatus::Running)
        .collect();
    if syncs.len() < 2 {
        return None;
    }
    let most = syncs.iter().map(|run| value(run)).fold(0.0, f64::max);
    // A few runs keep their bar width and stay at the right, where the newest always are.
    let width = syncs.len().max(LEAST) * STEP;
    let failed = syncs.iter().filter(|run| run.status == RunStatus::Failed).count();
    let bar = |(place, run): (usize, &&Run)| {
        let value = value(run);
        let height = if most > 0.0 { (value / most * HIGHEST).max(2.0) } else { 2.0 };
        Bar {
            x: (width - syncs.len() * STEP) + place * STEP,
            y: 40.0 - height,
            width: STEP - 2,
            height,
            bad: run.status == RunStatus::Failed,
            title: format!("{}: {}, {}", run.started_at.strftime("%Y-%m-%d %H:%M"), shown(value), run.status.word()),
        }
    };
    Some(Chart {
        width,
        label: format!("{what} of the last {} syncs: maximum {}, {failed} failed", syncs.len(), shown(most)),
        bars: syncs.iter().enumerate().map(bar).collect(),
    })
}
