//! Runs and standings as people read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::table::{Cell, table};
use super::{BAD, CHANGED, GOOD, QUIET};
use crate::ops::history::Status;
use crate::run::{Run, RunKind, RunStatus};

/// Returns the runs as a table, in the reader's own time with its offset.
#[must_use]
pub fn runs(runs: &[Run], zone: &TimeZone) -> String {
    if runs.is_empty() {
        return "no runs yet\n".to_owned();
    }
    let row = |run: &Run| -> [Cell; 8] {
        [
            run.slug.as_str().into(),
            run.kind.word().into(),
            status_cell(run.status),
            records(run).into(),
            duration(run).into(),
            local(run.started_at, zone).into(),
            run.id.to_string().into(),
            Cell::styled(run.error.clone().unwrap_or_default(), BAD),
        ]
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    table(["integration", "kind", "status", "records", "seconds", "started", "run", "error"], &rows)
}

/// Returns the results of runs that have just ended.
#[must_use]
pub fn results(runs: &[Run]) -> String {
    let row = |run: &Run| -> [Cell; 6] {
        let error = run.error.clone().unwrap_or_default();
        let kind = run.kind.word();
        [
            run.slug.as_str().into(),
            kind.into(),
            status_cell(run.status),
            records(run).into(),
            duration(run).into(),
            Cell::styled(error, BAD),
        ]
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    table(["integration", "kind", "status", "records", "seconds", "error"], &rows)
}

/// Returns how every integration stands.
#[must_use]
pub fn status(statuses: &[Status], zone: &TimeZone) -> String {
    let row = |status: &Status| -> [Cell; 6] {
        let integration = &status.integration;
        let word = status.standing.as_ref().map_or("not applied", |standing| standing.status.as_str());
        let style = match word {
            "active" => GOOD,
            "error" => BAD,
            "not applied" => CHANGED,
            _ => QUIET,
        };
        let word = if integration.role() == crate::connector::Role::Loader { "-" } else { word };
        let last = status.last_run.as_ref();
        [
            integration.slug.as_str().into(),
            format!("{} {}", integration.connector.name, integration.role()).into(),
            if integration.base.enabled { "yes".into() } else { Cell::styled("no", QUIET) },
            if status.has_drifted {
                Cell::styled(format!("{word}, drifted"), CHANGED)
            } else {
                Cell::styled(word, style)
            },
            last.map(|run| format!("{} {}", run.kind.word(), run.status.word())).unwrap_or_default().into(),
            last.map(|run| local(run.started_at, zone)).unwrap_or_default().into(),
        ]
    };
    let rows: Vec<_> = statuses.iter().map(row).collect();
    if rows.is_empty() {
        return "no integrations yet: add a file to `integrations/`\n".to_owned();
    }
    table(["integration", "type", "enabled", "status", "last run", "at"], &rows)
}

fn status_cell(status: RunStatus) -> Cell {
    let style = match status {
        RunStatus::Ok => GOOD,
        RunStatus::Failed => BAD,
        RunStatus::Running | RunStatus::Cancelled => CHANGED,
    };
    Cell::styled(status.word(), style)
}

fn records(run: &Run) -> String {
    match (run.kind, run.records) {
        (RunKind::Sync, Some(records)) => records.to_string(),
        _ => "-".to_owned(),
    }
}

fn duration(run: &Run) -> String {
    let seconds = |end: Timestamp| end.duration_since(run.started_at).as_secs_f64();
    run.finished_at.map_or("-".to_owned(), |end| format!("{:.1}", seconds(end)))
}

pub(super) fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}
