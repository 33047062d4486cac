//! The price of a resync: how much will be read again and how long that takes, based on earlier runs.
//!
//! An estimate, so it is not part of a plan's identity. What no run has measured stays unknown and is never guessed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::consequence::{Consequence, Verdict};
use crate::connector::quota::Quota;
use crate::discovered::{Rules, Stream};
use crate::integration::select::Pattern;
use crate::integration::{Integration, Timetable};
use crate::name::EnvironmentName;
use crate::run::finding::reads_on;
use crate::run::{Run, RunKind};

/// The cost of reading the streams of an integration again.
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    /// The known costs of streams, by name.
    pub streams: BTreeMap<String, StreamPrice>,
    /// Streams that no recorded run has read in full, as `select` names them.
    pub unknown: BTreeSet<String>,
    /// When the next sync starts, if the integration has a schedule.
    pub starts_at: Option<Timestamp>,
    /// The most calls in 24 hours, if the connector defines it.
    pub calls_per_day: Option<u32>,
}

/// The cost of reading one stream again.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamPrice {
    /// The number of rows.
    pub rows: u64,
    /// The duration in seconds, at the speed of that run.
    pub seconds: Option<f64>,
    /// The number of calls to the source's API, if the connector defines how many rows a call returns.
    pub calls: Option<u64>,
    /// The newest run that read the whole stream.
    pub run: Uuid,
    /// When that run started.
    pub read_at: Timestamp,
}

impl Price {
    /// Tells whether a verdict has a price. Harmless changes and deletions have none.
    #[must_use]
    pub fn applies(verdict: &Verdict) -> bool {
        matches!(verdict.consequence, Consequence::Resync | Consequence::FullRefresh)
    }

    /// Returns the price of a verdict; `None` if nothing is read again.
    ///
    /// `runs` holds the runs of the integration in the environment, newest first.
    #[must_use]
    pub fn of(
        verdict: &Verdict,
        integration: &Integration,
        environment: &EnvironmentName,
        runs: &[Run],
        now: Timestamp,
    ) -> Option<Self> {
        if !Self::applies(verdict) {
            return None;
        }
        let history = History::of(integration, runs);
        let rules = Rules::of(integration, integration.at(environment));
        let is_selected =
            |stream: &&str| rules.take(&Stream::named(stream)).0.is_read() && !goes_forward(verdict, stream);
        let known: BTreeSet<&str> = history.streams().filter(is_selected).collect();
        let quota = integration.connector.quota.unwrap_or_default();
        let mut price = Self {
            streams: BTreeMap::new(),
            unknown: BTreeSet::new(),
            starts_at: Timetable::of(integration, environment)
                .and_then(|timetable| Some(timetable.next_after(now)?.at))
                .filter(|_| integration.at(environment).enabled),
            calls_per_day: quota.calls_per_day,
        };
        for pattern in &verdict.streams {
            let streams = Pattern::parse(pattern).stream;
            let mut matching = known.iter().filter(|stream| streams.matches(stream)).peekable();
            if matching.peek().is_none() {
                price.unknown.insert(pattern.clone());
            }
            for stream in matching {
                match history.price(stream, quota) {
                    Some(found) => drop(price.streams.insert((*stream).to_owned(), found)),
                    None => drop(price.unknown.insert((*stream).to_owned())),
                }
            }
        }
        Some(price)
    }

    /// Returns how many rows of known streams will be read.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.streams.values().map(|stream| stream.rows).sum()
    }

    /// Returns how long that takes, in seconds: at least as long as the source's daily limit of calls requires.
    #[must_use]
    pub fn seconds(&self) -> Option<f64> {
        let read: Option<f64> = self.streams.values().map(|stream| stream.seconds).sum();
        let days_of_calls = self.calls().zip(self.calls_per_day).map(|(calls, most)| (calls - 1) / u64::from(most));
        // The calls of the last day need no waiting.
        let waited = days_of_calls.map_or(0.0, |days| seconds_of(days * DAY));
        read.map(|read| read.max(waited))
    }

    /// Returns how many calls that takes, if known for all streams.
    #[must_use]
    pub fn calls(&self) -> Option<u64> {
        let calls: Option<u64> = self.streams.values().map(|stream| stream.calls).sum();
        calls.filter(|calls| *calls > 0)
    }

    /// Returns when the resync is done with the current schedule.
    #[must_use]
    pub fn done_by(&self) -> Option<Timestamp> {
        let takes = SignedDuration::try_from_secs_f64(self.seconds()?).ok()?;
        self.starts_at?.checked_add(takes).ok()
    }
}

/// Tells whether a stream is not read again although a pattern of those that are matches it.
fn goes_forward(verdict: &Verdict, stream: &str) -> bool {
    !verdict.reads_again(stream) && !verdict.backfill.contains_key(stream)
}

/// A day, in seconds.
const DAY: u64 = 24 * 60 * 60;

/// Converts a number of seconds for arithmetic with measured ones.
fn seconds_of(whole: u64) -> f64 {
    std::time::Duration::from_secs(whole).as_secs_f64()
}

/// Multiplies a duration by a ratio of two counts.
fn share(seconds: f64, part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { seconds * (seconds_of(part) / seconds_of(whole)) }
}

/// The syncs of an integration, newest first.
struct History<'a> {
    runs: Vec<&'a Run>,
    /// Whether its tap keeps no state, so that every sync reads everything.
    forgets: bool,
}

impl<'a> History<'a> {
    fn of(integration: &Integration, runs: &'a [Run]) -> Self {
        let runs = runs.iter().filter(|run| run.kind == RunKind::Sync && run.is_live()).collect();
        Self { runs, forgets: integration.forgets() }
    }

    fn streams(&self) -> impl Iterator<Item = &'a str> {
        self.runs.iter().flat_map(|run| run.streams.keys()).map(String::as_str)
    }

    /// Returns the price of a stream. Its rows are those of its last full read plus some of those read since. Some of
    /// the latter only changed existing rows, so the destination's own count decides between the two bounds.
    fn price(&self, stream: &str, quota: Quota) -> Option<StreamPrice> {
        let at = self.runs.iter().position(|run| self.is_full_read(run, stream))?;
        let (full, later) = (self.runs[at], &self.runs[..at]);
        let read = full.streams[stream];
        let since: u64 = later.iter().filter_map(|run| run.streams.get(stream)).sum();
        let arrived = self.runs[..=at].iter().find_map(|run| run.details.arrivals.get(stream)?.after);
        let most = read + since;
        let rows = arrived.filter(|rows| (read..=most).contains(rows)).unwrap_or(most);
        let of_stream = |seconds| share(seconds, read, full.streams.values().sum());
        Some(StreamPrice {
            rows,
            seconds: full.seconds().map(|seconds| share(of_stream(seconds), rows, read)),
            calls: quota.calls(rows),
            run: full.id,
            read_at: full.started_at,
        })
    }

    /// Tells whether a run read all of a stream: it succeeded, and it started without a bookmark for the stream.
    fn is_full_read(&self, run: &Run, stream: &str) -> bool {
        if !run.status.succeeded() || !run.streams.contains_key(stream) {
            return false;
        }
        // A state that is too long to be recorded is missing in the run, both before and after.
        let is_reported = run.bookmark_before.is_some() || run.bookmark_after.is_some() || run.full_refresh;
        self.forgets || is_reported && !reads_on(run, stream)
    }
}

#[cfg(test)]
mod tests;
