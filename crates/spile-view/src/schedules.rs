//! Schedules, as text for people and as data.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::runs::local;
use super::table::{Cell, table};
use super::{CHANGED, QUIET};
use spile_core::integration::Tick;
use spile_core::name::Slug;
use spile_core::run::Run;
use spile_ops::schedules::Scheduled;

/// Returns the schedules as a table, in the reader's own time.
#[must_use]
pub fn schedules(scheduled: &[Scheduled], zone: &TimeZone, now: Timestamp) -> String {
    if scheduled.is_empty() {
        return "no schedules yet: add `schedule` and `loader` to an integration's file\n".to_owned();
    }
    let row = |one: &Scheduled| -> [Cell; 6] {
        let last = one.last_sync.as_ref();
        [
            one.integration.slug.as_str().into(),
            one.timetable.schedule.to_string().into(),
            one.timetable.timing.zone_name().into(),
            last.map(|run| local(run.started_at, zone)).unwrap_or_default().into(),
            last.map_or_else(|| "".into(), status),
            next(one, zone, now),
        ]
    };
    let rows: Vec<_> = scheduled.iter().map(row).collect();
    table(["integration", "schedule", "time zone", "last sync", "", "next"], &rows)
}

fn status(run: &Run) -> Cell {
    super::runs::status_cell(run.status)
}

fn next(one: &Scheduled, zone: &TimeZone, now: Timestamp) -> Cell {
    match (one.rest, one.due, one.next) {
        (Some(rest), _, _) => Cell::styled(rest.word(), QUIET),
        (None, Some(due), _) => Cell::styled(format!("due since {}", local(due.at, zone)), CHANGED),
        (None, None, Some(next)) => format!("{} ({})", local(next.at, zone), until(next.at.duration_since(now))).into(),
        (None, None, None) => Cell::styled("never again", QUIET),
    }
}

/// Returns upcoming runs as a table, in order.
#[must_use]
pub fn coming(coming: &[(&Slug, Tick)], zone: &TimeZone, now: Timestamp) -> String {
    if coming.is_empty() {
        return "no upcoming runs\n".to_owned();
    }
    let row = |(slug, tick): &(&Slug, Tick)| -> [Cell; 3] {
        [local(tick.at, zone).into(), until(tick.at.duration_since(now)).into(), slug.as_str().into()]
    };
    let rows: Vec<_> = coming.iter().map(row).collect();
    table(["at", "", "integration"], &rows)
}

/// Returns how far away a time is, roughly: `in 3 h`.
fn until(duration: SignedDuration) -> String {
    let minutes = duration.as_mins();
    match minutes {
        ..1 => "in a moment".to_owned(),
        1..120 => format!("in {minutes} min"),
        120..2880 => format!("in {} h", minutes / 60),
        _ => format!("in {} days", minutes / 1440),
    }
}

/// A schedule as data.
#[derive(Debug, Serialize)]
pub struct ScheduledData<'a> {
    slug: &'a Slug,
    schedule: &'a str,
    timezone: &'a str,
    jitter_seconds: u64,
    offset_seconds: i64,
    rests: Option<&'static str>,
    due: Option<TickTimes>,
    next: Option<TickTimes>,
    last_sync: Option<&'a Run>,
}

/// The scheduled time of a run, and the time when it actually starts.
#[derive(Debug, Serialize)]
struct TickTimes {
    scheduled_for: Timestamp,
    at: Timestamp,
}

impl From<Tick> for TickTimes {
    fn from(tick: Tick) -> Self {
        Self { scheduled_for: tick.moment, at: tick.at }
    }
}

impl<'a> From<&'a Scheduled> for ScheduledData<'a> {
    fn from(one: &'a Scheduled) -> Self {
        let timing = &one.timetable.timing;
        Self {
            slug: &one.integration.slug,
            schedule: one.timetable.schedule.as_str(),
            timezone: timing.zone_name(),
            jitter_seconds: timing.jitter.as_secs(),
            offset_seconds: one.timetable.offset.as_secs(),
            rests: one.rest.map(spile_ops::schedules::Rest::word),
            due: one.due.map(TickTimes::from),
            next: one.next.map(TickTimes::from),
            last_sync: one.last_sync.as_ref(),
        }
    }
}

/// An upcoming run as data.
#[derive(Debug, Serialize)]
pub struct TickData<'a> {
    slug: &'a Slug,
    #[serde(flatten)]
    times: TickTimes,
}

impl<'a> From<&(&'a Slug, Tick)> for TickData<'a> {
    fn from((slug, tick): &(&'a Slug, Tick)) -> Self {
        Self { slug, times: TickTimes::from(*tick) }
    }
}
