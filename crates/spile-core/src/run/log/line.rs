//! The meaning of one line of the log.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::run::Details;

/// The program that a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speaker {
    /// The extractor; Meltano calls it the producer.
    Tap,
    /// The loader; Meltano calls it the consumer.
    Target,
    /// Meltano itself.
    Meltano,
}

/// The severity of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Information.
    Info,
    /// An error.
    Error,
}

/// What happened to a tap's catalog, and how it relates to the selection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CatalogFacts {
    /// Whether this run discovered the catalog.
    pub discovered: bool,
    /// Why discovery failed, if the last catalog was used instead.
    pub failed: Option<String>,
    /// Streams, or patterns of streams, that the files name but the catalog does not have.
    pub missing: Vec<String>,
    /// Streams that arrived although they are not selected.
    pub unselected: Vec<String>,
    /// How many streams of the catalog are selected, if reported.
    pub selected: Option<u64>,
}

impl CatalogFacts {
    /// Adds the facts of another part of the same run, whose streams are others.
    pub fn add_part(&mut self, part: Self) {
        self.discovered |= part.discovered;
        self.failed = self.failed.take().or(part.failed);
        for stream in part.missing {
            if !self.missing.contains(&stream) {
                self.missing.push(stream);
            }
        }
        self.unselected.extend(part.unselected);
        self.selected = match (self.selected, part.selected) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
    }

    pub(super) fn add(&mut self, more: Self) {
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
    /// Records that have gone from the tap to the target so far, in total, by stream. `launch.py` counts them on the way.
    Counted(BTreeMap<String, u64>),
    /// The Singer state that the tap started with, reported by `launch.py`.
    BookmarkBefore(Value),
    /// The Singer state that was stored last, reported by `launch.py`.
    BookmarkAfter(Value),
    /// What runs, and what arrived in the destination. `launch.py` reports it when a plugin starts and when the loader
    /// ends.
    Facts(Details),
    /// What happened to the tap's catalog, reported by `launch.py`.
    Catalog(CatalogFacts),
    /// The first line of the tap that is not a Singer message, reported by `launch.py`.
    NotSinger(String),
    /// Why a run did not start: the record of its bookmarks is missing, belongs to another project, or cannot be read.
    /// Reported by `launch.py`.
    BookmarksRefused(String),
    /// Why a run of some streams did not start: the source offers no streams of these names. Reported by `launch.py`.
    StreamsRefused(String),
    /// Why one process has to read all streams: the bookmarks cannot be divided among parts. Reported by `launch.py`.
    PartRefused(String),
    /// Why a run failed although both plugins ended well: the loader did not read everything. Reported by `launch.py`.
    LoaderStopped(String),
    /// Records that a plugin handled since its last report.
    Metric {
        /// The plugin that reports them.
        speaker: Speaker,
        /// The stream.
        stream: String,
        /// How many more records.
        records: u64,
    },
    /// The extractor and the loader have ended; without a failure, both succeeded.
    BlockEnded(Option<Failure>),
    /// The run has ended.
    RunEnded {
        /// Whether the whole run succeeded.
        succeeded: bool,
    },
    /// Anything else, which can take more than one line.
    Said {
        /// The program that wrote it.
        speaker: Speaker,
        /// Its severity.
        level: Level,
        /// The text.
        text: String,
    },
}

/// The reason why an extractor and a loader failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Plugins exited with these codes.
    Plugins(BTreeMap<Speaker, i64>),
    /// Another run has held the same state id since that time.
    Locked {
        /// When the other run started.
        since: String,
    },
    /// Meltano's own words, which can contain a whole traceback.
    Other(String),
}

/// The keys that are read; a line has more.
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
    spile_part_refused: Option<String>,
    spile_loader_stopped: Option<String>,
    spile_not_singer: Option<String>,
    #[serde(rename = "_logger")]
    logger: String,
}

impl LogLine {
    /// Parses a line.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        let Some(line) = serde_json::from_str::<Line>(line).ok().filter(|line| line.event.is_string()) else {
            // What Meltano prints before or next to its log: usage errors and its own tracebacks.
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
        if let Some(why) = self.spile_part_refused {
            return LogLine::PartRefused(why);
        }
        if let Some(why) = self.spile_loader_stopped {
            return LogLine::LoaderStopped(why);
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

    /// Returns the program that the line comes from. The tap does the discovery, although Meltano does not call it the
    /// producer then. If a plugin was started alone, with `meltano invoke`, only the logger's name tells its kind.
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

/// Returns the stream and the count of a `record_count` metric, either as Singer's libraries print it (`INFO METRIC: {..}`)
/// or in Meltano's structured form.
fn metric(text: &str, structured: &Value) -> Option<(String, u64)> {
    let printed = text.split_once("METRIC: ").filter(|(before, _)| before.len() < 200);
    let printed = printed.and_then(|(_, json)| serde_json::from_str::<Value>(json).ok());
    let metric = printed.as_ref().unwrap_or(structured);
    let counts = metric.get("type")? == "counter" && metric.get("metric")? == "record_count";
    let stream = metric.get("tags")?.get("stream")?.as_str()?;
    counts.then_some(())?;
    Some((stream.to_owned(), metric.get("value")?.as_u64()?))
}
