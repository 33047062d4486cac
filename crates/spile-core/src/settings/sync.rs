//! `[sync]` in `spile.toml`: how runs are carried out where the command line says nothing.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::problem::Problems;
use crate::table::{Table, TomlMistake};
use crate::value;

/// How runs are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sync {
    /// How many run in parallel; by default, as many as the machine has room for.
    pub jobs: Option<u16>,
    /// How long one may take; by default, any time.
    pub timeout: Option<Duration>,
    /// How often one that failed for a reason that may pass is tried again.
    pub retries: u16,
    /// How long is waited before the first further try; before each next one twice as long.
    pub retry_after: Duration,
    /// Of how many runs of an integration the logs are kept.
    pub keep_logs: u16,
    /// How a sync proves that its records have arrived.
    pub verify: Verify,
    /// How old the catalog may be that streams are selected from.
    pub catalog: CatalogAge,
    /// What comes of a run whose tap could not be asked for its streams, and that used an earlier catalog.
    pub failed_discovery: Severity,
    /// What comes of a run when a stream that the files name is not in the catalog.
    pub missing_stream: Severity,
    /// What comes of a sync without records, or with a tenth of the usual ones, after syncs that had them.
    pub empty: Severity,
}

/// How a sync proves that its records have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// The rows of the loader's tables are counted before and after.
    Count,
    /// Not at all.
    Off,
}

impl Verify {
    /// All of them, by the words of files and options.
    pub const WORDS: [(&'static str, Self); 2] = [("count", Self::Count), ("off", Self::Off)];
}

/// How old the catalog may be that streams are selected from. It is discovered anew in any case when the selection, the
/// settings or the plugin have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogAge {
    /// Each run discovers its own.
    Always,
    /// As old as it gets.
    Kept,
    /// So old.
    Within(Duration),
}

/// What comes of a run of which something is not as expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing.
    Ok,
    /// It succeeds with a warning.
    Warn,
    /// It fails.
    Fail,
}

impl Severity {
    /// All of them, by the word that files have.
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
            catalog: CatalogAge::DEFAULT.1,
            failed_discovery: Severity::Warn,
            missing_stream: Severity::Warn,
            empty: Severity::Warn,
        }
    }
}

/// The range of a number of things of which there is one at least.
pub(super) const ABOVE_0: RangeInclusive<u16> = 1..=u16::MAX;

/// What such a number is called.
pub(super) const POSITIVE: &str = "a whole number above 0";

/// Reads the table.
pub(super) fn read(table: Table<'_>, problems: &mut Problems) -> Sync {
    let default = Sync::default();
    // A run that may take no time at all would end before it has begun.
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
