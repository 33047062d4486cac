//! Runs and statuses as people read them.

mod choices;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anstyle::Style;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::table::{Cell, table};
use super::{BAD, CHANGED, GOOD, QUIET};
use spile_core::name::Slug;
use spile_core::plan::history::Applied;
use spile_core::run::cost::{Transfer, Usage, seconds};
use spile_core::run::refresh::{RefreshRemains, Unfinished};
use spile_core::run::stats::Stats;
use spile_core::run::{Arrived, Run, RunKind, RunStatus};
use spile_ops::history::Status;

pub use choices::{carried_out, choices};

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

/// Returns all details of a run.
#[must_use]
pub fn run(run: &Run, applied: Option<&Applied>, zone: &TimeZone) -> String {
    let tries = if run.attempts == 1 { String::new() } else { format!(", tried {} times", run.attempts) };
    let whole = if run.full_refresh { ", full refresh" } else { "" };
    let mut facts = vec![
        ("run", run.id.to_string()),
        ("integration", run.slug.to_string()),
        ("environment", run.environment.to_string()),
        ("kind", format!("{}{whole}", run.kind.word())),
        ("status", format!("{}{tries}", run.status.word())),
        ("started", local(run.started_at, zone)),
        ("seconds", duration(run)),
        ("records", records(run)),
    ];
    let listed = |streams: &[String]| (!streams.is_empty()).then(|| streams.join(", "));
    let said = [
        ("range", run.details.range.map(|range| range.to_string())),
        ("only streams", listed(&run.details.filter.only)),
        ("speed", speed(run)),
        ("waited", run.details.transfer.as_ref().map(waited)),
        ("error", run.error.clone()),
        ("cause", run.cause.map(|cause| cause.word().to_owned())),
        ("scheduled", run.scheduled_for.map(|at| local(at, zone))),
        ("machine", run.host.clone()),
        ("state id", run.state_id.clone()),
        ("bookmark before", run.bookmark_before.as_ref().map(ToString::to_string)),
        ("bookmark after", run.bookmark_after.as_ref().map(ToString::to_string)),
        ("catalog", run.details.catalog.as_ref().map(|hash| format!("sha256 {hash}"))),
        ("plan", applied.map(|applied| format!("{}, applied {}", applied.plan, local(applied.at, zone)))),
    ];
    facts.extend(choices(run, |at| local(at, zone)).into_iter().map(|choice| ("choice", choice)));
    facts.extend(said.into_iter().filter_map(|(name, value)| Some((name, value?))));
    facts.extend(plugins(run).into_iter().map(|plugin| ("plugin", plugin)));
    facts.push(("log", run.log.display().to_string()));
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines: Vec<String> = facts.iter().map(|(name, value)| format!("{name:width$}  {value}")).collect();
    format!("{}\n{}", lines.join("\n"), arrivals(run))
}

/// Returns how fast the records of a sync passed, if that was measured.
#[must_use]
pub fn speed(run: &Run) -> Option<String> {
    let transfer = run.details.transfer?;
    let records = run.records_per_second()?;
    let bytes = per_second(transfer.bytes, transfer.seconds());
    Some(format!("{} records/s, {}/s, in {:.1} s", grouped(rounded(records)), megabytes(bytes), transfer.seconds()))
}

/// Returns what the time of a transfer went to.
#[must_use]
pub fn waited(transfer: &Transfer) -> String {
    let told = |milliseconds: u64| format!("{:.1} s", seconds(milliseconds));
    let slower = transfer.slower().map(|role| format!("; the {role} was the slower side")).unwrap_or_default();
    format!(
        "{} for the first record, then {} for the extractor and {} for the loader, and {} for the loader's end{slower}",
        told(transfer.until_first_byte_ms),
        told(transfer.waited_for_extractor_ms),
        told(transfer.waited_for_loader_ms),
        told(transfer.after_last_byte_ms),
    )
}

/// Returns the packages of the plugins, and what their processes used.
#[must_use]
pub fn plugins(run: &Run) -> Vec<String> {
    let names: BTreeSet<&String> = run.details.packages.keys().chain(run.details.usage.keys()).collect();
    let used = |usage: &Usage| {
        let memory = usage.peak_bytes.map(|bytes| format!(", at most {}", megabytes(bytes))).unwrap_or_default();
        format!("{:.1} s of CPU time{memory}", seconds(usage.cpu_ms))
    };
    let line = |name: &String| {
        let said = [run.details.packages.get(name).cloned(), run.details.usage.get(name).map(used)];
        format!("{name}: {}", said.into_iter().flatten().collect::<Vec<_>>().join(", "))
    };
    names.into_iter().map(line).collect()
}

/// Returns a number of bytes in megabytes.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn per_second(count: u64, seconds: f64) -> u64 {
    rounded(count as f64 / seconds)
}

/// Returns a speed as a whole number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a speed is positive, and far below 2^64")]
fn rounded(speed: f64) -> u64 {
    speed.round() as u64
}

/// Returns a table of the records and rows of each stream; empty if there are none.
fn arrivals(run: &Run) -> String {
    let all = run.arrived();
    if all.is_empty() {
        return String::new();
    }
    let count = |count: Option<u64>| count.map_or("-".to_owned(), grouped);
    let row = |one: &Arrived<'_>| -> [Cell; 6] {
        let arrival = one.arrival.cloned().unwrap_or_default();
        let note = match (one.lost(), one.unknown()) {
            (Some(lost), _) => Cell::styled(format!("at least {} expected", grouped(lost.least)), BAD),
            (None, Some(why)) => Cell::styled(format!("not counted: {why}"), QUIET),
            (None, None) => "".into(),
        };
        [
            one.stream.into(),
            grouped(one.records).into(),
            arrival.table.unwrap_or_else(|| "-".to_owned()).into(),
            count(arrival.before).into(),
            count(arrival.after).into(),
            note,
        ]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    format!("\n{}", table(["stream", "records", "table", "rows before", "rows after", ""], &rows))
}

/// Returns the status of every integration.
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
        let word = if integration.role() == spile_core::connector::Role::Loader { "-" } else { word };
        let last = status.last_run.as_ref();
        [
            integration.slug.as_str().into(),
            format!("{} {}", integration.connector.head.name, integration.role()).into(),
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

/// The progress of a run.
#[derive(Debug, Clone, Copy)]
pub struct Pace<'a> {
    /// Records by stream.
    pub streams: &'a BTreeMap<String, u64>,
    /// The time since the start.
    pub elapsed: Duration,
}

/// Returns the progress of a run, as a phrase.
#[must_use]
pub fn pace(pace: &Pace<'_>) -> String {
    let records: u64 = pace.streams.values().sum();
    let streams = spile_ops::counted(pace.streams.len(), "stream");
    let millis = u64::try_from(pace.elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    format!("{} records of {streams}, {}/s", grouped(records), grouped(records.saturating_mul(1000) / millis))
}

/// Returns a number with its thousands separated: `12,345`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let place = |(at, digit): (usize, char)| {
        let is_edge = at > 0 && (digits.len() - at).is_multiple_of(3);
        [is_edge.then_some(','), Some(digit)].into_iter().flatten()
    };
    digits.chars().enumerate().flat_map(place).collect()
}

/// Returns statistics of the syncs of each integration.
#[must_use]
pub fn stats(stats: &[Stats], zone: &TimeZone) -> String {
    if stats.is_empty() {
        return "no syncs yet\n".to_owned();
    }
    let seconds = |seconds: Option<f64>| seconds.map_or("-".to_owned(), |seconds| format!("{seconds:.1}"));
    let row = |one: &Stats| -> [Cell; 10] {
        let causes: Vec<String> = one.causes.iter().map(|(cause, count)| format!("{} {count}", cause.word())).collect();
        [
            one.slug.as_str().into(),
            one.syncs.to_string().into(),
            if one.failed == 0 { "0".into() } else { Cell::styled(one.failed.to_string(), BAD) },
            grouped(one.records).into(),
            one.records_per_second.map_or("-".to_owned(), |speed| grouped(rounded(speed))).into(),
            one.slower.map_or("-".to_owned(), |role| role.to_string()).into(),
            seconds(one.median_seconds).into(),
            seconds(one.longest_seconds).into(),
            one.last_ok.map_or("-".to_owned(), |at| local(at, zone)).into(),
            causes.join(", ").into(),
        ]
    };
    let rows: Vec<_> = stats.iter().map(row).collect();
    let head = [
        "integration",
        "syncs",
        "failed",
        "records",
        "records/s",
        "waits for",
        "median s",
        "longest s",
        "last ok",
        "failures",
    ];
    table(head, &rows)
}

pub(super) fn status_cell(status: RunStatus) -> Cell {
    Cell::styled(status.word(), status_style(status))
}

/// Returns the style of a status and its error message.
pub(super) fn status_style(status: RunStatus) -> Style {
    match status {
        RunStatus::Ok => GOOD,
        RunStatus::Failed => BAD,
        RunStatus::Warning | RunStatus::Running | RunStatus::Cancelled => CHANGED,
    }
}

pub(super) fn records(run: &Run) -> String {
    match (run.kind, run.records) {
        (RunKind::Sync, Some(records)) => records.to_string(),
        _ => "-".to_owned(),
    }
}

pub(super) fn duration(run: &Run) -> String {
    run.seconds().map_or("-".to_owned(), |seconds| format!("{seconds:.1}"))
}

pub(super) fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// Returns the sentence that says a run resumes an interrupted full refresh.
#[must_use]
pub fn resumed(slug: &Slug, Unfinished { run, left }: &Unfinished) -> String {
    let from = match left {
        RefreshRemains::Bookmarks => "what it has finished is not read again",
        RefreshRemains::Nothing => "from the beginning, because it kept no bookmark",
    };
    format!("with the full refresh of `{slug}` that was interrupted in run {run}: {from}")
}
