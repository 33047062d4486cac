//! Meltano's log: the meaning of its lines, the number of records, and the line that explains a failure.
//!
//! Separate from the child that writes the log, so that it is tested with lines captured from real runs. Pure.

mod line;
mod reason;

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Cause, Details};
use crate::connector::Role;
use reason::{Reason, Reasons};

pub use line::{CatalogFacts, Failure, Level, LogLine, Speaker};

/// Why `launch.py` refused to start a run, or to call it a success.
#[derive(Debug)]
struct Refused {
    why: String,
    cause: Cause,
    failed: Option<Role>,
}

/// The facts read from a log so far. Its size does not grow with the log.
#[derive(Debug, Default)]
pub struct Tally {
    counted: Option<BTreeMap<String, u64>>,
    before: Option<Value>,
    after: Option<Value>,
    details: Details,
    catalog: CatalogFacts,
    refused: Option<Refused>,
    indivisible: Option<String>,
    not_singer: Option<String>,
    metrics: BTreeMap<Speaker, BTreeMap<String, u64>>,
    failure: Option<Failure>,
    succeeded: Option<bool>,
    reasons: Reasons,
}

impl Tally {
    /// Adds a line of the log.
    pub fn add(&mut self, entry: LogLine) {
        match entry {
            LogLine::Counted(records) => self.counted = Some(records),
            LogLine::BookmarkBefore(state) => self.before = Some(state),
            LogLine::BookmarkAfter(state) => self.after = Some(state),
            LogLine::Facts(facts) => self.details.add(facts),
            LogLine::Catalog(facts) => self.catalog.add(facts),
            LogLine::BookmarksRefused(why) => {
                self.refused = Some(Refused { why, cause: Cause::Bookmark, failed: None });
            }
            LogLine::StreamsRefused(why) => {
                self.refused = Some(Refused { why, cause: Cause::MissingStream, failed: None });
            }
            LogLine::PartRefused(why) => self.indivisible = Some(why),
            LogLine::LoaderStopped(why) => self.refused = Some(self.stopped(&why)),
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

    /// Returns how many records of each stream were moved.
    ///
    /// The count of `launch.py` takes precedence, then the tap's, then the target's. They are never added up, because
    /// they count the same records.
    #[must_use]
    pub fn streams(&self) -> BTreeMap<String, u64> {
        let said = |speaker| self.metrics.get(&speaker);
        let counts = self.counted.as_ref().or(said(Speaker::Tap)).or(said(Speaker::Target));
        counts.cloned().unwrap_or_default()
    }

    /// Returns the Singer state that the tap started with, and the one that was stored last.
    #[must_use]
    pub fn bookmarks(&self) -> (Option<&Value>, Option<&Value>) {
        (self.before.as_ref(), self.after.as_ref())
    }

    /// Returns the other facts that were reported.
    #[must_use]
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// Returns the facts about the tap's catalog.
    #[must_use]
    pub fn catalog(&self) -> &CatalogFacts {
        &self.catalog
    }

    /// Returns why one process has to read all streams, if that was found out.
    #[must_use]
    pub fn indivisible(&self) -> Option<&str> {
        self.indivisible.as_deref()
    }

    /// Returns the kind of failure.
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

    /// Returns which plugin failed, if known.
    #[must_use]
    pub fn failed(&self) -> Option<Role> {
        if let Some(refused) = &self.refused {
            return refused.failed;
        }
        let Some(Failure::Plugins(codes)) = &self.failure else { return None };
        let reason = self.reasons.of_plugins(codes);
        let is_taps = self.stumbled_over(&reason).map(|_| Speaker::Tap);
        let killed = || killed(codes).map(|(speaker, _)| speaker);
        match is_taps.or_else(killed).or(reason.speaker).or_else(|| codes.keys().next().copied()) {
            Some(Speaker::Tap) => Some(Role::Extractor),
            Some(Speaker::Target) => Some(Role::Loader),
            Some(Speaker::Meltano) | None => None,
        }
    }

    /// Returns the tap's line that the target could not read, if that made the target fail.
    fn stumbled_over(&self, reason: &Reason) -> Option<&str> {
        let is_targets = reason.speaker == Some(Speaker::Target);
        let is_of_form = is_targets && matches!(Cause::of(&reason.text), Cause::Output | Cause::Crash);
        self.not_singer.as_deref().filter(|_| is_of_form)
    }

    /// Tells whether Meltano reported success; `None` if it reported nothing.
    #[must_use]
    pub fn succeeded(&self) -> Option<bool> {
        self.succeeded
    }

    /// Returns the line that best explains the failure.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        if let Some(refused) = &self.refused {
            return Some(refused.why.clone());
        }
        match &self.failure {
            // Meltano's own message suggests an option that only its own command has.
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
    /// Returns why a run failed whose loader stopped reading, with the last thing that the loader said.
    fn stopped(&self, why: &str) -> Refused {
        let last = self.reasons.last_words(Speaker::Target);
        let cause = last.map_or(Cause::Crash, Cause::of);
        let why = last.map_or(why.to_owned(), |last| format!("{why}: {last}"));
        Refused { why, cause, failed: Some(Role::Loader) }
    }

    /// Returns why plugins failed. Says so if it was the loader, and quotes the line that it could not read.
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

/// The most characters of a line to quote.
const QUOTED: usize = 120;

/// Returns the beginning of a line.
fn quoted(line: &str) -> String {
    let line = line.trim();
    match line.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line.to_owned(),
    }
}

/// Returns the plugin that was killed by a signal, which Python reports as a negative exit code; `None` if a plugin
/// failed by itself.
///
/// Ignores signals caused by the other plugin: when one ends, Meltano terminates the other (15), and a tap whose target
/// is gone gets a broken pipe (13).
fn killed(codes: &BTreeMap<Speaker, i64>) -> Option<(Speaker, i64)> {
    let ended_itself = codes.values().any(|code| *code > 0);
    let by_signal = codes.iter().find(|(_, code)| **code < 0 && !matches!(**code, -15 | -13));
    by_signal.filter(|_| !ended_itself).map(|(speaker, code)| (*speaker, *code))
}

/// Returns a sentence about a plugin that was killed.
fn was_killed(speaker: Speaker, code: i64) -> String {
    let plugin = if speaker == Speaker::Target { "loader" } else { "extractor" };
    let guess = if code == -9 { ": it may have run out of memory" } else { "" };
    format!("the {plugin} was killed (signal {}){guess}", -code)
}

#[cfg(test)]
mod tests;
