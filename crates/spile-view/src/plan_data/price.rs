//! The price of a resync as data and as sentences.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::runs::grouped;
use spile_core::name::Slug;
use spile_core::phrase;
use spile_core::phrase::{Phrase, code, codes};
use spile_core::plan::{Price, StreamPrice};
use spile_core::problem::counted;

/// What reading streams again will cost, as far as earlier runs tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriceData {
    /// How many rows of the streams whose price is known.
    pub rows: u64,
    /// How many seconds; null if it is unknown.
    pub seconds: Option<f64>,
    /// How many calls to the source's API; null if the connector has no `[quota]`.
    pub calls: Option<u64>,
    /// The most calls that the source allows in 24 hours.
    pub calls_per_day: Option<u32>,
    /// When the next scheduled sync starts; null without a schedule.
    pub starts_at: Option<Timestamp>,
    /// When it will be done; null without a schedule.
    pub done_by: Option<Timestamp>,
    /// Each stream whose price is known, by name.
    pub streams: BTreeMap<String, StreamPriceData>,
    /// Streams that no run on record has read in full.
    pub unknown: Vec<String>,
}

/// What reading one stream again will cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamPriceData {
    /// How many rows.
    pub rows: u64,
    /// How many seconds.
    pub seconds: Option<f64>,
    /// How many calls to the source's API.
    pub calls: Option<u64>,
    /// The newest run that read all of it.
    pub run: Uuid,
    /// When that run started.
    pub read_at: Timestamp,
}

impl From<&Price> for PriceData {
    fn from(price: &Price) -> Self {
        Self {
            rows: price.rows(),
            seconds: price.seconds().map(tenths),
            calls: price.calls(),
            calls_per_day: price.calls_per_day,
            starts_at: price.starts_at,
            done_by: price.done_by(),
            streams: price.streams.iter().map(|(name, stream)| (name.clone(), stream.into())).collect(),
            unknown: price.unknown.iter().cloned().collect(),
        }
    }
}

impl From<&StreamPrice> for StreamPriceData {
    fn from(stream: &StreamPrice) -> Self {
        let StreamPrice { rows, seconds, calls, run, read_at } = *stream;
        Self { rows, seconds: seconds.map(tenths), calls, run, read_at }
    }
}

/// An estimate is no more exact than that.
fn tenths(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}

/// How many streams are shown one by one.
const MOST_STREAMS: usize = 8;

impl PriceData {
    /// Returns the price in sentences for people at a command line, who are told which command finds out the rest.
    #[must_use]
    pub fn sentences(&self, slug: &Slug) -> Vec<Phrase> {
        self.sentences_with(code(format!("spile sync {slug} --full-refresh")))
    }

    /// Returns the price in sentences: the sum, the most expensive streams, and what is unknown until `sync` has run.
    pub fn sentences_with(&self, sync: impl Into<Phrase>) -> Vec<Phrase> {
        let mut sentences = Vec::new();
        if !self.streams.is_empty() {
            sentences.push(phrase!["price: about ", self.sum()]);
            if self.streams.len() > 1 {
                sentences.extend(self.by_stream());
            }
        }
        if !self.unknown.is_empty() {
            sentences.push(phrase![
                "price unknown for ",
                self.unknown_streams(),
                ": no run on record has read it in full; ",
                sync,
                " would find out",
            ]);
        }
        sentences
    }

    fn sum(&self) -> String {
        let mut parts = vec![rows(self.rows)];
        parts.extend(self.seconds.map(duration));
        if let Some(calls) = self.calls {
            let quota = self.calls_per_day.map(|most| format!(" of {} a day", grouped(u64::from(most))));
            parts.push(format!("up to {} calls{}", grouped(calls), quota.unwrap_or_default()));
        }
        let sum = parts.join(", ");
        match (self.starts_at, self.done_by) {
            (Some(starts), Some(done)) => {
                format!(
                    "{sum}; the next scheduled sync starts at {} and is done about {}",
                    minute(starts),
                    minute(done)
                )
            }
            (Some(starts), None) => format!("{sum}; the next scheduled sync starts at {}", minute(starts)),
            (None, _) => sum,
        }
    }

    fn by_stream(&self) -> Vec<Phrase> {
        let mut streams: Vec<(&String, &StreamPriceData)> = self.streams.iter().collect();
        streams.sort_by_key(|(_, stream)| Reverse(stream.rows));
        let line = |(name, stream): &(&String, &StreamPriceData)| {
            let takes = stream.seconds.map(|seconds| format!(", {}", duration(seconds))).unwrap_or_default();
            let read = stream.read_at.strftime("%Y-%m-%d");
            phrase![code(*name), format!(": {}{takes}; last read in full on {read}", rows(stream.rows))]
        };
        let mut lines: Vec<Phrase> = streams.iter().take(MOST_STREAMS).map(line).collect();
        let more = streams.len().saturating_sub(MOST_STREAMS);
        if more > 0 {
            lines.push(phrase!["and ", counted(more, "more stream")]);
        }
        lines
    }

    fn unknown_streams(&self) -> Phrase {
        if self.unknown.iter().any(|stream| stream == "*") {
            return "the whole source".into();
        }
        codes(self.unknown.iter().map(String::as_str))
    }
}

fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{} rows", grouped(count)) }
}

fn duration(seconds: f64) -> String {
    const MINUTE: f64 = 60.0;
    const HOUR: f64 = 60.0 * MINUTE;
    const DAY: f64 = 24.0 * HOUR;
    match seconds {
        seconds if seconds < 1.0 => "under 1 s".to_owned(),
        seconds if seconds < 2.0 * MINUTE => format!("{seconds:.0} s"),
        seconds if seconds < 2.0 * HOUR => format!("{:.0} min", seconds / MINUTE),
        seconds if seconds < 2.0 * DAY => format!("{:.1} h", seconds / HOUR),
        seconds => format!("{:.1} days", seconds / DAY),
    }
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(rows: u64, seconds: f64) -> StreamPriceData {
        let read_at = "2026-11-03T02:00:00Z".parse().unwrap();
        StreamPriceData { rows, seconds: Some(seconds), calls: None, run: Uuid::nil(), read_at }
    }

    fn price(streams: &[(&str, StreamPriceData)], unknown: &[&str]) -> PriceData {
        PriceData {
            rows: streams.iter().map(|(_, stream)| stream.rows).sum(),
            seconds: streams.iter().map(|(_, stream)| stream.seconds).sum(),
            calls: None,
            calls_per_day: None,
            starts_at: None,
            done_by: None,
            streams: streams.iter().map(|(name, stream)| ((*name).to_owned(), stream.clone())).collect(),
            unknown: unknown.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn sentences(price: &PriceData) -> Vec<String> {
        price.sentences(&"shop".parse().unwrap()).iter().map(Phrase::to_string).collect()
    }

    #[test]
    fn the_sum_comes_first_then_the_most_expensive_streams() {
        let two = price(&[("customers", stream(4_000, 60.0)), ("orders", stream(1_200_000, 660.0))], &[]);
        let two = PriceData {
            calls: Some(603),
            calls_per_day: Some(15_000),
            starts_at: Some("2026-12-01T02:00:00Z".parse().unwrap()),
            done_by: Some("2026-12-01T02:12:00Z".parse().unwrap()),
            ..two
        };
        assert_eq!(
            sentences(&two),
            [
                "price: about 1,204,000 rows, 12 min, up to 603 calls of 15,000 a day; the next scheduled sync starts at \
                 2026-12-01 02:00 UTC and is done about 2026-12-01 02:12 UTC",
                "`orders`: 1,200,000 rows, 11 min; last read in full on 2026-11-03",
                "`customers`: 4,000 rows, 60 s; last read in full on 2026-11-03",
            ]
        );
    }

    #[test]
    fn what_is_unknown_is_said_with_the_command_that_finds_out() {
        assert_eq!(
            sentences(&price(&[("orders", stream(1, 0.2))], &["refunds"])),
            [
                "price: about 1 row, under 1 s",
                "price unknown for `refunds`: no run on record has read it in full; `spile sync shop --full-refresh` would find out",
            ]
        );
        assert_eq!(
            sentences(&price(&[], &["*"])),
            [
                "price unknown for the whole source: no run on record has read it in full; `spile sync shop --full-refresh` would find out"
            ]
        );
    }

    #[test]
    fn many_streams_are_counted() {
        let names: Vec<String> = (0..10).map(|number| format!("s{number}")).collect();
        let streams: Vec<_> = names.iter().map(|name| (name.as_str(), stream(1, 1.0))).collect();
        let lines = sentences(&price(&streams, &[]));
        assert_eq!((lines.len(), lines.last().map(String::as_str)), (10, Some("and 2 more streams")));
    }

    #[test]
    fn a_duration_is_as_exact_as_an_estimate() {
        let all = [0.4, 59.6, 119.0, 3_599.0, 90_000.0, 259_200.0];
        assert_eq!(all.map(duration), ["under 1 s", "60 s", "119 s", "60 min", "25.0 h", "3.0 days"]);
    }
}
