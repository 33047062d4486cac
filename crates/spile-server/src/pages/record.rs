//! The details of a run, as its page shows them: what arrived, and what it ran with.

use serde::Serialize;

use super::when::moment;
use spile_core::plan::history::Applied;
use spile_core::run::{Arrived, Run};
use spile_view::runs::grouped;

/// The most characters of a bookmark to show: with thousands of streams it is longer than anyone reads.
const LONGEST: usize = 2_000;

/// The counts of a stream's records and rows.
#[derive(Debug, Clone, Serialize)]
pub struct StreamRow {
    /// The stream.
    pub name: String,
    /// How many records went to the loader.
    pub records: u64,
    /// The name of the table.
    pub table: String,
    /// How many rows the table had before the run.
    pub before: Option<u64>,
    /// How many rows the table had after the run.
    pub after: Option<u64>,
    /// How many rows are missing, or why they were not counted.
    pub note: String,
    /// Whether rows are missing.
    pub is_lost: bool,
}

impl StreamRow {
    /// Returns the streams of a run.
    #[must_use]
    pub fn all(run: &Run) -> Vec<Self> {
        run.arrived().iter().map(Self::of).collect()
    }

    fn of(one: &Arrived<'_>) -> Self {
        let lost = one.lost().map(|lost| format!("at least {} rows expected", grouped(lost.least)));
        let unknown = one.unknown().map(|why| format!("not counted: {why}"));
        Self {
            name: one.stream.to_owned(),
            records: one.records,
            table: one.arrival.and_then(|arrival| arrival.table.clone()).unwrap_or_default(),
            before: one.arrival.and_then(|arrival| arrival.before),
            after: one.arrival.and_then(|arrival| arrival.after),
            is_lost: lost.is_some(),
            note: lost.or(unknown).unwrap_or_default(),
        }
    }
}

/// A fact about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

/// Returns what a run ran with, and the bookmark that it left.
#[must_use]
pub fn facts(run: &Run, applied: Option<&Applied>) -> Vec<Fact> {
    let bookmark = |state: &serde_json::Value| {
        let text = state.to_string();
        let cut: String = text.chars().take(LONGEST).collect();
        if cut.len() < text.len() { format!("{cut}…") } else { text }
    };
    let said = [
        ("Environment", Some(run.environment.to_string())),
        ("Machine", run.host.clone()),
        ("Schedule", run.scheduled_for.map(moment)),
        ("Range", run.details.range.map(|range| range.to_string())),
        ("Speed", spile_view::runs::speed(run)),
        ("Waited", run.details.transfer.as_ref().map(spile_view::runs::waited)),
        ("Plan", applied.map(|applied| format!("{}, applied {}", applied.plan, moment(applied.at)))),
        ("Catalog", run.details.catalog.as_ref().map(|hash| format!("sha256 {hash}"))),
        ("State ID", run.state_id.clone()),
        ("Bookmark before", run.bookmark_before.as_ref().map(bookmark)),
        ("Bookmark after", run.bookmark_after.as_ref().map(bookmark)),
    ];
    let plugins = spile_view::runs::plugins(run).into_iter().map(|plugin| ("Plugin", Some(plugin)));
    let choices = spile_view::runs::choices(run, moment).into_iter().map(|choice| ("Choice", Some(choice)));
    said.into_iter()
        .chain(choices)
        .chain(plugins)
        .filter_map(|(name, value)| Some(Fact { name, value: value? }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use spile_core::run::arrival::Load;
    use spile_core::run::{Arrival, RunKind, RunStatus, Start};

    fn run(status: RunStatus) -> Run {
        let start = Start {
            id: uuid::Uuid::nil(),
            integration: spile_core::name::IntegrationId(uuid::Uuid::nil()),
            slug: "shop".parse().unwrap(),
            environment: "dev".parse().unwrap(),
            kind: RunKind::Sync,
            at: jiff::Timestamp::UNIX_EPOCH,
        };
        Run { status, ..Run::start(start) }
    }

    #[test]
    fn missing_rows_are_shown_beside_their_stream() {
        let mut run = run(RunStatus::Failed);
        run.streams = [("fruit".to_owned(), 1_500), ("roots".to_owned(), 2)].into();
        let arrival = Arrival { before: Some(0), after: Some(1_400), load: Some(Load::Append), ..Arrival::default() };
        let unknown = Arrival { unknown: Some("it is down".to_owned()), ..Arrival::default() };
        run.details.arrivals = [("fruit".to_owned(), arrival), ("roots".to_owned(), unknown)].into();
        let rows = StreamRow::all(&run);
        let shown: Vec<_> = rows.iter().map(|row| (row.note.as_str(), row.after, row.is_lost)).collect();
        let expected = "at least 1,500 rows expected";
        assert_eq!(shown, [(expected, Some(1_400), true), ("not counted: it is down", None, false)]);
    }

    #[test]
    fn what_a_run_reads_again_is_said() {
        let mut run = run(RunStatus::Ok);
        run.details.filter.refresh = vec!["orders".to_owned()];
        let said = Fact { name: "Choice", value: "reads orders again from the start: full refresh".to_owned() };
        assert!(facts(&run, None).contains(&said), "{:?}", facts(&run, None));
    }

    #[test]
    fn a_long_bookmark_is_cut() {
        let mut run = run(RunStatus::Ok);
        run.bookmark_after = Some("x".repeat(3_000).into());
        let facts = facts(&run, None);
        let after = facts.iter().find(|fact| fact.name == "Bookmark after").unwrap();
        assert!(after.value.ends_with("x…") && after.value.chars().count() == LONGEST + 1);
        assert!(facts.iter().all(|fact| fact.name != "Bookmark before"), "{facts:?}");
    }
}
