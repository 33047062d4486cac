//! `[sync]` in `spile.toml`: how runs are executed unless the command line says otherwise.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::problem::Problems;
use crate::table::{Table, TomlMistake};
use crate::value;

/// How runs are executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sync {
    /// How many runs are in progress at once; `None` means as many as the machine has room for.
    pub jobs: Option<u16>,
    /// How long a run may take; `None` means forever.
    pub timeout: Option<Duration>,
    /// How often a run is retried if it failed for a reason that may pass.
    pub retries: u16,
    /// The wait before the first retry. It doubles before each further retry.
    pub retry_after: Duration,
    /// The number of runs per integration whose logs are kept.
    pub keep_logs: u16,
    /// How a sync verifies that its records have arrived.
    pub verify: Verify,
    /// Whether records pass from the tap to the loader through a relay of spile's own, and not through Meltano.
    pub relay: bool,
    /// Whether commands that run many syncs fork them from a prepared Meltano.
    pub warm: bool,
    /// How many processes read the streams of a sync side by side, each some of them.
    pub streams: u16,
    /// Whether records pass to the loader in batches, where both plugins support them.
    pub batch: bool,
    /// The maximum age of the catalog that streams are selected from.
    pub catalog: CatalogAge,
    /// How a run ends if discovery failed and an earlier catalog was used.
    pub failed_discovery: Severity,
    /// How a run ends if a stream that the files name is not in the catalog.
    pub missing_stream: Severity,
    /// How a sync ends without records, or with a tenth of the usual ones, after syncs that had them.
    pub empty: Severity,
}

/// How a sync verifies that its records have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// It counts the rows of the loader's tables before and after.
    Count,
    /// It does not verify them.
    Off,
}

impl Verify {
    /// All ways, by their words in files and options.
    pub const WORDS: [(&'static str, Self); 2] = [("count", Self::Count), ("off", Self::Off)];
}

/// The maximum age of the catalog that streams are selected from. It is always discovered again if the selection, the
/// settings or the plugin have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogAge {
    /// Zero: each run discovers its own catalog.
    Always,
    /// Unlimited.
    Kept,
    /// At most this old.
    Within(Duration),
}

/// How a run ends if something is not as expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it would end otherwise.
    Ok,
    /// With a warning, if it succeeds.
    Warn,
    /// As a failure.
    Fail,
}

impl Severity {
    /// All severities, by their words in files.
    pub const WORDS: [(&'static str, Self); 3] = [("ok", Self::Ok), ("warn", Self::Warn), ("fail", Self::Fail)];
}

impl CatalogAge {
    /// The default age.
    pub const DEFAULT: (&'static str, Self) = ("1d", Self::Within(Duration::from_hours(24)));
}

impl Default for Sync {
    fn default() -> Self {
        Self {
            jobs: None,
            timeout: None,
            retries: 2,
            retry_after: Duration::from_secs(10),
            keep_logs: 50,
            verify: Verify::Count,
            relay: true,
            warm: true,
            streams: 1,
            batch: false,
            catalog: CatalogAge::DEFAULT.1,
            failed_discovery: Severity::Warn,
            missing_stream: Severity::Warn,
            empty: Severity::Warn,
        }
    }
}

/// The range of a number that has to be at least one.
pub(super) const ABOVE_0: RangeInclusive<u16> = 1..=u16::MAX;

/// The description of that range.
pub(super) const POSITIVE: &str = "a whole number above 0";

/// How many processes may read the streams of a sync side by side.
pub const STREAMS: RangeInclusive<u16> = 1..=16;

/// The description of that range.
pub const STREAMS_WANTED: &str = "a whole number from 1 to 16";

/// Reads the table.
pub(super) fn read(table: Table<'_>, problems: &mut Problems) -> Sync {
    let default = Sync::default();
    // A timeout of zero would end a run before it begins.
    let timeout = duration(&table, "timeout", Duration::from_nanos(1), problems);
    let retry_after = duration(&table, "retry_after", Duration::ZERO, problems);
    let severity = |key, words: &[_], problems: &mut Problems| {
        table.choice(key, words, problems).map_or(Severity::Warn, |chosen| chosen.value)
    };
    let sync = Sync {
        jobs: table.whole("jobs", ABOVE_0, POSITIVE, problems),
        timeout,
        retries: table.whole("retries", 0..=u16::MAX, "a whole number", problems).unwrap_or(default.retries),
        retry_after: retry_after.unwrap_or(default.retry_after),
        keep_logs: table.whole("keep_logs", ABOVE_0, POSITIVE, problems).unwrap_or(default.keep_logs),
        verify: table.choice("verify", &Verify::WORDS, problems).map_or(default.verify, |verify| verify.value),
        relay: table.flag("relay", problems).map_or(default.relay, |relay| relay.value),
        warm: table.flag("warm", problems).map_or(default.warm, |warm| warm.value),
        streams: table.whole("streams", STREAMS, STREAMS_WANTED, problems).unwrap_or(default.streams),
        batch: table.flag("batch", problems).map_or(default.batch, |batch| batch.value),
        catalog: catalog(&table, problems).unwrap_or(default.catalog),
        failed_discovery: severity("failed_discovery", &Severity::WORDS[1..], problems),
        missing_stream: severity("missing_stream", &Severity::WORDS[1..], problems),
        empty: severity("empty", &Severity::WORDS, problems),
    };
    table.finish(problems);
    sync
}

/// Reads a duration that is at least so long.
pub(super) fn duration(
    table: &Table<'_>,
    key: &'static str,
    least: Duration,
    problems: &mut Problems,
) -> Option<Duration> {
    let text = table.text(key, problems)?;
    let taken = value::duration::duration(&text).filter(|duration| *duration >= least);
    if taken.is_none() {
        let message = format!("`{}` is not a duration", text.value);
        let help = Some("use a duration like `90s`, `10m`, or `2h 30m`".to_owned());
        let span = text.place.span.clone().into();
        problems.push(&text.place.source, TomlMistake::Invalid { key: key.to_owned(), message, span, help });
    }
    taken
}

fn catalog(table: &Table<'_>, problems: &mut Problems) -> Option<CatalogAge> {
    let text = table.text("catalog", problems)?;
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let span = || text.parse::<jiff::Span>().and_then(|span| span.to_duration(days));
    let age = match text.as_str() {
        "always" => Some(CatalogAge::Always),
        "kept" => Some(CatalogAge::Kept),
        _ => span().ok().and_then(|age| Duration::try_from(age).ok()).map(CatalogAge::Within),
    };
    if age.is_none() {
        let message = format!("`{}` is not a valid catalog age", text.value);
        let help = Some("use a duration like `12h` or `1d`, or `always` or `kept`".to_owned());
        let span = text.place.span.clone().into();
        problems.push(&text.place.source, TomlMistake::Invalid { key: "catalog".to_owned(), message, span, help });
    }
    age
}
