//! The runs of the last day as bars, a row for each integration.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::when::moment;
use super::words::run_state;
use spile_core::problem::counted;
use spile_core::run::{Run, RunStatus};

/// How far back a timeline goes.
const SPAN: SignedDuration = SignedDuration::from_hours(24);

/// The width of a row.
const WIDTH: i64 = 1_000;

/// The smallest width of a bar: a run of seconds is seen too.
const LEAST: i64 = 4;

/// How many integrations are shown.
const MOST: usize = 12;

/// The runs of an integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimelineRow {
    /// The integration.
    pub slug: String,
    /// The text alternative.
    pub label: String,
    /// Its runs, from the oldest to the newest.
    pub bars: Vec<TimelineBar>,
}

/// A run on a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimelineBar {
    /// The distance from the left edge, of a thousand.
    pub x: i64,
    /// The width, of a thousand.
    pub width: i64,
    /// `good`, `warn` or `bad`.
    pub tone: &'static str,
    /// The tooltip.
    pub title: String,
}

impl TimelineRow {
    /// Returns the runs of the last day by integration, of runs that are sorted from the newest to the oldest. The
    /// integrations that ran last come first.
    #[must_use]
    pub fn all(runs: &[Run], now: Timestamp) -> Vec<Self> {
        let from = now - SPAN;
        let mut by_slug: IndexMap<&str, Vec<&Run>> = IndexMap::new();
        for run in runs.iter().filter(|run| run.finished_at.unwrap_or(now) > from && run.started_at <= now) {
            by_slug.entry(run.slug.as_str()).or_default().push(run);
        }
        let newest = by_slug.into_iter().take(MOST);
        newest.map(|(slug, runs)| Self::of(slug, &runs, from, now)).collect()
    }

    fn of(slug: &str, runs: &[&Run], from: Timestamp, now: Timestamp) -> Self {
        let failed = runs.iter().filter(|run| run.status == RunStatus::Failed).count();
        Self {
            slug: slug.to_owned(),
            label: format!("{} in 24 hours, {failed} failed", counted(runs.len(), "run")),
            bars: runs.iter().rev().map(|run| TimelineBar::of(run, from, now)).collect(),
        }
    }
}

impl TimelineBar {
    fn of(run: &Run, from: Timestamp, now: Timestamp) -> Self {
        let at = |moment: Timestamp| {
            let since = moment.max(from).min(now).duration_since(from);
            i64::try_from(since.as_millis() * i128::from(WIDTH) / SPAN.as_millis()).unwrap_or(WIDTH)
        };
        let start = at(run.started_at).min(WIDTH - LEAST);
        let state = run_state(run.status);
        let took = run.seconds().map(|seconds| format!(", {seconds:.1} s")).unwrap_or_default();
        Self {
            x: start,
            width: (at(run.finished_at.unwrap_or(now)) - start).max(LEAST),
            tone: state.tone,
            title: format!("{}: {} {}{took}", moment(run.started_at), run.kind.word(), state.word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spile_core::run::{RunKind, Start};

    fn run(slug: &str, status: RunStatus, hours_ago: i64, minutes: i64) -> Run {
        let at = now() - SignedDuration::from_hours(hours_ago);
        let start = Start {
            id: uuid::Uuid::nil(),
            integration: spile_core::name::IntegrationId(uuid::Uuid::nil()),
            slug: slug.parse().unwrap(),
            environment: "dev".parse().unwrap(),
            kind: RunKind::Sync,
            at,
        };
        Run { status, finished_at: Some(at + SignedDuration::from_mins(minutes)), ..Run::start(start) }
    }

    fn now() -> Timestamp {
        "2026-11-30T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn runs_of_the_last_day_are_placed_by_when_they_began_and_how_long_they_took() {
        let runs = [
            run("shop", RunStatus::Ok, 0, 0),
            run("shop", RunStatus::Failed, 12, 144),
            run("crm", RunStatus::Ok, 25, 120),
            run("old", RunStatus::Ok, 30, 5),
        ];
        let rows = TimelineRow::all(&runs, now());
        let places: Vec<_> = rows
            .iter()
            .flat_map(|row| row.bars.iter().map(move |bar| (row.slug.as_str(), bar.x, bar.width, bar.tone)))
            .collect();
        let expected = [("shop", 500, 100, "bad"), ("shop", 996, 4, "good"), ("crm", 0, 41, "good")];
        assert_eq!(places, expected);
        assert_eq!(rows[0].label, "2 runs in 24 hours, 1 failed");
    }

    #[test]
    fn only_the_integrations_that_ran_last_are_shown() {
        let runs: Vec<Run> = (0..20).map(|number| run(&format!("shop-{number}"), RunStatus::Ok, 1, 1)).collect();
        let rows = TimelineRow::all(&runs, now());
        assert_eq!((rows.len(), rows[0].slug.as_str()), (MOST, "shop-0"));
    }
}
