//! Meltano's log: what its lines say, how many records went through, and the one line that says what went wrong.
//! Pure and apart from the child that writes it, so that it is tested with lines captured from real runs.

mod reason;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Cause, Details};
use crate::connector::Role;
use reason::{Reason, Reasons};

/// Who speaks in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speaker {
    /// The extractor; Meltano calls it the producer.
    Tap,
    /// The loader; Meltano calls it the consumer.
    Target,
    /// Meltano itself.
    Meltano,
}

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Something is wrong.
    Error,
}

/// What became of the catalog of a tap, and what it has to do with the selection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CatalogFacts {
    /// Whether it was discovered in this run.
    pub discovered: bool,
    /// Why that failed, where the last catalog was used instead.
    pub failed: Option<String>,
    /// Streams, or patterns of them, that the files name and the catalog does not have.
    pub missing: Vec<String>,
    /// Streams that arrived and are not selected.
    pub unselected: Vec<String>,
    /// How many streams of the catalog are selected, if it was reported.
    pub selected: Option<u64>,
}

impl CatalogFacts {
    fn add(&mut self, more: Self) {
        self.discovered |= more.discovered;
        self.failed = more.failed.or(self.failed.take());
        self.missing.extend(more.missing);
        self.unselected.extend(more.unselected);
        self.selected = more.selected.or(self.selected);
    }
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq)]
pub enum LogLine {
    /// Records that have gone from the tap to the target so far, in all, by stream: counted on the way by `launch.py`.
    Counted(BTreeMap<String, u64>),
    /// The Singer state that the tap started with, reported by `launch.py`.
    BookmarkBefore(Value),
    /// The Singer state that was stored last, reported by `launch.py`.
    BookmarkAfter(Value),
    /// What runs, and what arrived in the destination: reported by `launch.py` when a plugin starts and when the loader ends.
    Facts(Details),
    /// What happened to the tap's catalog, reported by `launch.py`.
    Catalog(CatalogFacts),
    /// The first line of the tap that is no Singer message, told by `launch.py`.
    NotSinger(String),
    /// Why a run is not begun: what is kept of its bookmarks is missing, another project's, or cannot be read; told by
    /// `launch.py`.
    BookmarksRefused(String),
    /// Why a run of some streams is not begun: the source offers none of that name; reported by `launch.py`.
    StreamsRefused(String),
    /// Records that a plugin reports as handled since its last report.
    Metric {
        /// Who says so.
        speaker: Speaker,
        /// The stream.
        stream: String,
        /// How many more.
        records: u64,
    },
    /// The extractor and the loader have ended.
    BlockEnded(Option<Failure>),
    /// The run has ended.
    RunEnded {
        /// Whether all of it went well.
        succeeded: bool,
    },
    /// Anything else; some of it takes more than one line.
    Said {
        /// Who says it.
        speaker: Speaker,
        /// How loud.
        level: Level,
        /// What.
        text: String,
    },
}

/// Why an extractor and a loader did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Plugins ended with these exit codes.
    Plugins(BTreeMap<Speaker, i64>),
    /// Another run has the same state id, since that time.
    Locked {
        /// When the other one began.
        since: String,
    },
    /// Meltano says it in its own words; they can hold a whole traceback.
    Other(String),
}

/// The keys that are looked at; a line has more of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    event: Value,
    level: String,
    producer: bool,
    consumer: bool,
    r#type: Value,
    metric_info: Value,
    plugin_exception: Value,
    success: Option<bool>,
    status: String,
    err: Option<String>,
    exit_codes: BTreeMap<String, i64>,
    install_state: Value,
    spile_records: Option<BTreeMap<String, u64>>,
    spile_bookmark_before: Option<Value>,
    spile_bookmark_after: Option<Value>,
    spile_facts: Option<Details>,
    spile_catalog: Option<CatalogFacts>,
    spile_bookmarks_refused: Option<String>,
    spile_streams_refused: Option<String>,
    spile_not_singer: Option<String>,
    #[serde(rename = "_logger")]
    logger: String,
}

impl LogLine {
    /// Reads a line.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        let Some(line) = serde_json::from_str::<Line>(line).ok().filter(|line| line.event.is_string()) else {
            // What Meltano prints before or beside its log: usage errors and its own tracebacks.
            let level = if line.starts_with("Error: ") { Level::Error } else { Level::Info };
            return Self::Said { speaker: Speaker::Meltano, level, text: line.to_owned() };
        };
        line.into_entry()
    }
}

impl Line {
    fn into_entry(self) -> LogLine {
        let text = self.event.as_str().unwrap_or_default();
        let speaker = self.speaker();
        if let Some(records) = self.spile_records {
            return LogLine::Counted(records);
        }
        if let Some(state) = self.spile_bookmark_before {
            return LogLine::BookmarkBefore(state);
        }
        if let Some(state) = self.spile_bookmark_after {
            return LogLine::BookmarkAfter(state);
        }
        if let Some(facts) = self.spile_facts {
            return LogLine::Facts(facts);
        }
        if let Some(facts) = self.spile_catalog {
            return LogLine::Catalog(facts);
        }
        if let Some(why) = self.spile_bookmarks_refused {
            return LogLine::BookmarksRefused(why);
        }
        if let Some(why) = self.spile_streams_refused {
            return LogLine::StreamsRefused(why);
        }
        if let Some(line) = self.spile_not_singer {
            return LogLine::NotSinger(line);
        }
        if let Some((stream, records)) = metric(text, &self.metric_info) {
            return LogLine::Metric { speaker, stream, records };
        }
        match (text, self.success, speaker) {
            ("Block run completed", Some(true), Speaker::Meltano) => LogLine::BlockEnded(None),
            ("Block run completed", Some(false), Speaker::Meltano) => {
                LogLine::BlockEnded(Some(Failure::new(self.err.unwrap_or_default(), &self.exit_codes)))
            }
            ("Run completed", _, Speaker::Meltano) => LogLine::RunEnded { succeeded: self.status == "success" },
            _ => {
                let level = if matches!(&*self.level, "error" | "critical") { Level::Error } else { Level::Info };
                let within = |value: &Value, key| value.get(key).and_then(Value::as_str).map(str::to_owned);
                let exception = within(&self.plugin_exception, "message");
                let text = exception.or_else(|| within(&self.install_state, "details")).unwrap_or(text.to_owned());
                LogLine::Said { speaker, level, text }
            }
        }
    }

    /// Discovery is done by the tap, though Meltano does not call it the producer then. Of a plugin that is started alone,
    /// with `meltano invoke`, only the logger's name says what it is.
    fn speaker(&self) -> Speaker {
        let is_alone = |plugins: &str| self.logger.contains(&format!("meltano.plugin.stderr.{plugins}."));
        match (self.producer || self.r#type == "discovery", self.consumer) {
            (true, _) => Speaker::Tap,
            (false, true) => Speaker::Target,
            (false, false) if is_alone("extractors") => Speaker::Tap,
            (false, false) if is_alone("loaders") => Speaker::Target,
            (false, false) => Speaker::Meltano,
        }
    }
}

impl Failure {
    fn new(err: String, exit_codes: &BTreeMap<String, i64>) -> Self {
        let of = |(plugins, code): (&String, &i64)| match plugins.as_str() {
            "extractors" => Some((Speaker::Tap, *code)),
            "loaders" => Some((Speaker::Target, *code)),
            _ => None,
        };
        let codes: BTreeMap<_, _> = exit_codes.iter().filter_map(of).collect();
        let since = err.strip_prefix("Another ").and_then(|rest| rest.split_once(" which started at "));
        match since {
            Some((_, rest)) => {
                Self::Locked { since: rest.split_once(". ").map_or(rest, |(since, _)| since).to_owned() }
            }
            None if codes.is_empty() => Self::Other(err),
            None => Self::Plugins(codes),
        }
    }
}

/// Returns the stream and the count of a `record_count` metric, in the form that Singer's libraries print
/// (`INFO METRIC: {..}`) and in Meltano's structured one.
fn metric(text: &str, structured: &Value) -> Option<(String, u64)> {
    let printed = text.split_once("METRIC: ").filter(|(before, _)| before.len() < 200);
    let printed = printed.and_then(|(_, json)| serde_json::from_str::<Value>(json).ok());
    let metric = printed.as_ref().unwrap_or(structured);
    let counts = metric.get("type")? == "counter" && metric.get("metric")? == "record_count";
    let stream = metric.get("tags")?.get("stream")?.as_str()?;
    counts.then_some(())?;
    Some((stream.to_owned(), metric.get("value")?.as_u64()?))
}

/// Why `launch.py` did not let a run begin.
#[derive(Debug)]
struct Refused {
    why: String,
    cause: Cause,
}

/// What was read from a log so far. Its size does not grow with the log.
#[derive(Debug, Default)]
pub struct Tally {
    counted: Option<BTreeMap<String, u64>>,
    before: Option<Value>,
    after: Option<Value>,
    details: Details,
    catalog: CatalogFacts,
    refused: Option<Refused>,
    not_singer: Option<String>,
    metrics: BTreeMap<Speaker, BTreeMap<String, u64>>,
    failure: Option<Failure>,
    succeeded: Option<bool>,
    reasons: Reasons,
}

impl Tally {
    /// Takes an entry in.
    pub fn add(&mut self, entry: LogLine) {
        match entry {
            LogLine::Counted(records) => self.counted = Some(records),
            LogLine::BookmarkBefore(state) => self.before = Some(state),
            LogLine::BookmarkAfter(state) => self.after = Some(state),
            LogLine::Facts(facts) => self.details.add(facts),
            LogLine::Catalog(facts) => self.catalog.add(facts),
            LogLine::BookmarksRefused(why) => self.refused = Some(Refused { why, cause: Cause::Bookmark }),
            LogLine::StreamsRefused(why) => self.refused = Some(Refused { why, cause: Cause::MissingStream }),
            LogLine::NotSinger(line) => self.not_singer = self.not_singer.take().or(Some(line)),
            LogLine::Metric { speaker, stream, records } => {
                *self.metrics.entry(speaker).or_default().entry(stream).or_default() += records;
            }
            LogLine::BlockEnded(failure) => {
                if let Some(Failure::Other(text)) = &failure {
                    self.reasons.hear(Speaker::Meltano, Level::Error, text);
                }
                self.failure = failure.or(self.failure.take());
            }
            LogLine::RunEnded { succeeded } => self.succeeded = Some(succeeded),
            LogLine::Said { speaker, level, text } => self.reasons.hear(speaker, level, &text),
        }
    }

    /// Returns how many records of each stream went through.
    ///
    /// What was counted on the way is believed first, then the tap, then the target: never a sum of them, for they
    /// count the same records.
    #[must_use]
    pub fn streams(&self) -> BTreeMap<String, u64> {
        let said = |speaker| self.metrics.get(&speaker);
        let counts = self.counted.as_ref().or(said(Speaker::Tap)).or(said(Speaker::Target));
        counts.cloned().unwrap_or_default()
    }

    /// Returns the Singer state that the tap began with, and the one that was kept last.
    #[must_use]
    pub fn bookmarks(&self) -> (Option<&Value>, Option<&Value>) {
        (self.before.as_ref(), self.after.as_ref())
    }

    /// Returns what else was reported.
    #[must_use]
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// Returns what became of the tap's catalog.
    #[must_use]
    pub fn catalog(&self) -> &CatalogFacts {
        &self.catalog
    }

    /// Returns what kind of thing went wrong.
    #[must_use]
    pub fn cause(&self) -> Cause {
        if let Some(refused) = &self.refused {
            return refused.cause;
        }
        match &self.failure {
            Some(Failure::Locked { .. }) => Cause::Busy,
            Some(Failure::Plugins(codes)) if killed(codes).is_some() => Cause::Killed,
            Some(Failure::Plugins(codes)) => {
                let reason = self.reasons.of_plugins(codes);
                self.stumbled_over(&reason).map_or_else(|| Cause::of(&reason.text), |_| Cause::Output)
            }
            Some(Failure::Other(_)) | None => self.reason().as_deref().map_or(Cause::Crash, Cause::of),
        }
    }

    /// Returns which plugin failed, where that is known.
    #[must_use]
    pub fn failed(&self) -> Option<Role> {
        let Some(Failure::Plugins(codes)) = self.failure.as_ref().filter(|_| self.refused.is_none()) else {
            return None;
        };
        let reason = self.reasons.of_plugins(codes);
        let is_taps = self.stumbled_over(&reason).map(|_| Speaker::Tap);
        let killed = || killed(codes).map(|(speaker, _)| speaker);
        match is_taps.or_else(killed).or(reason.speaker).or_else(|| codes.keys().next().copied()) {
            Some(Speaker::Tap) => Some(Role::Extractor),
            Some(Speaker::Target) => Some(Role::Loader),
            Some(Speaker::Meltano) | None => None,
        }
    }

    /// Returns the line of the tap that the target could not read, where it failed for that.
    fn stumbled_over(&self, reason: &Reason) -> Option<&str> {
        let is_targets = reason.speaker == Some(Speaker::Target);
        let is_of_form = is_targets && matches!(Cause::of(&reason.text), Cause::Output | Cause::Crash);
        self.not_singer.as_deref().filter(|_| is_of_form)
    }

    /// Tells whether Meltano said that all went well; `None` when it said nothing.
    #[must_use]
    pub fn succeeded(&self) -> Option<bool> {
        self.succeeded
    }

    /// Returns the line that says best what went wrong.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        if let Some(refused) = &self.refused {
            return Some(refused.why.clone());
        }
        match &self.failure {
            // Meltano's own sentence advises an option that only its own command has.
            Some(Failure::Locked { since }) => Some(format!(
                "another run of it has been in progress since {since}; if it was killed, Meltano releases it after five minutes"
            )),
            Some(Failure::Plugins(codes)) => {
                Some(killed(codes).map_or_else(|| self.of_plugins(codes), |(speaker, code)| was_killed(speaker, code)))
            }
            Some(Failure::Other(_)) | None => self.reasons.best(),
        }
    }
}

impl Tally {
    /// Returns why plugins ended: which of them where it is the loader, and what it could not read.
    fn of_plugins(&self, codes: &BTreeMap<Speaker, i64>) -> String {
        let reason = self.reasons.of_plugins(codes);
        match self.stumbled_over(&reason) {
            Some(line) => {
                let text = reason.text;
                format!("the extractor wrote a line that is not a Singer message, `{}`: {text}", quoted(line))
            }
            None if reason.speaker == Some(Speaker::Target) => format!("the loader failed: {}", reason.text),
            None => reason.text,
        }
    }
}

/// The most characters of a line that are quoted.
const QUOTED: usize = 120;

/// Returns the beginning of a line.
fn quoted(line: &str) -> String {
    let line = line.trim();
    match line.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line.to_owned(),
    }
}

/// Returns which plugin was ended by a signal, if none ended by itself: Python reports the signal as a negative exit code.
///
/// Meltano asks the other plugin to end when one has (15), and a tap whose target is gone breaks its pipe (13).
fn killed(codes: &BTreeMap<Speaker, i64>) -> Option<(Speaker, i64)> {
    let ended_itself = codes.values().any(|code| *code > 0);
    let by_signal = codes.iter().find(|(_, code)| **code < 0 && !matches!(**code, -15 | -13));
    by_signal.filter(|_| !ended_itself).map(|(speaker, code)| (*speaker, *code))
}

/// Says that a plugin was killed.
fn was_killed(speaker: Speaker, code: i64) -> String {
    let plugin = if speaker == Speaker::Target { "loader" } else { "extractor" };
    let guess = if code == -9 { ": it may have run out of memory" } else { "" };
    format!("the {plugin} was killed (signal {}){guess}", -code)
}

#[cfg(test)]
mod tests;
