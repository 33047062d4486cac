//! Charts: runs as bars, the newest to the right.

use serde::Serialize;

use super::when::When;
use spile_core::run::{Run, RunKind, RunStatus};
use spile_view::runs::grouped;

/// The width of a bar and the gap after it, in pixels.
const STEP: usize = 8;

/// The smallest number of bars to leave room for.
const LEAST: usize = 24;

/// The height of the axis, in pixels.
const HIGHEST: f64 = 100.0;

/// Runs that take longer than this are measured in minutes.
const LONG: f64 = 180.0;

/// The bars of a chart, with its axes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chart {
    /// What a bar stands for, with its unit.
    pub title: &'static str,
    /// The width of the chart.
    pub width: usize,
    /// The text alternative.
    pub label: String,
    /// The values of the axis, from the top to the bottom.
    pub axis: [String; 3],
    /// When the first and the last of the runs began.
    pub span: [When; 2],
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
    /// When the run began.
    pub at: When,
    /// Its value and its result.
    pub value: String,
}

/// What a chart shows of a run.
struct Measure {
    title: &'static str,
    unit: &'static str,
    value: fn(&Run) -> f64,
}

/// Returns the records of syncs as bars; `None` if there are fewer than two.
#[must_use]
pub fn records(runs: &[Run]) -> Option<Chart> {
    #[expect(clippy::cast_precision_loss, reason = "bars are some pixels high")]
    let value = |run: &Run| run.records.unwrap_or(0) as f64;
    chart(runs, &Measure { title: "Records per sync", unit: "records", value })
}

/// Returns how long syncs took as bars, in minutes if they are long; `None` if there are fewer than two.
#[must_use]
pub fn durations(runs: &[Run]) -> Option<Chart> {
    let seconds = |run: &Run| run.seconds().unwrap_or(0.0);
    let measure = if syncs(runs).iter().any(|run| seconds(run) > LONG) {
        Measure { title: "Minutes per sync", unit: "minutes", value: |run| run.seconds().unwrap_or(0.0) / 60.0 }
    } else {
        Measure { title: "Seconds per sync", unit: "seconds", value: seconds }
    };
    chart(runs, &measure)
}

/// Returns the syncs that have ended, oldest first.
fn syncs(runs: &[Run]) -> Vec<&Run> {
    let has_ended = |run: &&Run| run.kind == RunKind::Sync && run.status != RunStatus::Running;
    runs.iter().rev().filter(has_ended).collect()
}

fn chart(runs: &[Run], measure: &Measure) -> Option<Chart> {
    let syncs = syncs(runs);
    let (first, last) = (syncs.first()?, syncs.last().filter(|_| syncs.len() > 1)?);
    let most = syncs.iter().map(|run| (measure.value)(run)).fold(0.0, f64::max);
    let top = ceiling(most);
    // A few runs keep their bar width and stay at the right, where the newest always are.
    let width = syncs.len().max(LEAST) * STEP;
    let failed = syncs.iter().filter(|run| run.status == RunStatus::Failed).count();
    let bar = |(place, run): (usize, &&Run)| {
        let value = (measure.value)(run);
        let height = (value / top * HIGHEST).max(1.0);
        Bar {
            x: (width - syncs.len() * STEP) + place * STEP,
            y: HIGHEST - height,
            width: STEP - 2,
            height,
            bad: run.status == RunStatus::Failed,
            at: When::exact(run.started_at),
            value: format!("{} {}, {}", shown(value), measure.unit, run.status.word()),
        }
    };
    Some(Chart {
        title: measure.title,
        width,
        label: format!("{} syncs, at most {} {}, {failed} failed", syncs.len(), shown(most), measure.unit),
        axis: [shown(top), shown(top / 2.0), "0".to_owned()],
        span: [When::day(first.started_at), When::day(last.started_at)],
        bars: syncs.iter().enumerate().map(bar).collect(),
    })
}

/// Returns the end of an axis: a value, rounded up to a number that is round, as is its half.
fn ceiling(most: f64) -> f64 {
    let power = 10_f64.powf(most.max(1.0).log10().floor());
    [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]
        .into_iter()
        .map(|step| step * power)
        .find(|end| *end >= most)
        .unwrap_or(10.0 * power)
}

/// Returns a value with its digits grouped: a small one with a decimal.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a value is not negative, and far below 2^64"
)]
fn shown(value: f64) -> String {
    if value < 10.0 && value.fract() > 0.05 { format!("{value:.1}") } else { grouped(value.round() as u64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number() {
        let ends = [0.0, 0.4, 1.0, 1.1, 4.9, 5.1, 99.0, 2_164.0, 1_000.0].map(ceiling);
        assert_eq!(ends.map(shown), ["1", "1", "1", "2", "5", "6", "100", "3,000", "1,000"]);
        assert_eq!([0.5, 2.5, 10.0, 2_500.0].map(shown), ["0.5", "2.5", "10", "2,500"]);
    }
}
