//! Unexpected results of a successful run: streams that are missing or were not selected, and records that did
//! not arrive.
//!
//! Pure: Meltano's output, the project's settings, and earlier runs are passed in.

use serde_json::Value;

use super::log::CatalogFacts;
use super::{Cause, Run, RunKind};
use crate::problem::counted;
use crate::settings::{Severity, Sync};

/// How many earlier syncs determine what is usual.
const EARLIER: usize = 10;

/// How many incremental syncs must have had records before one without records causes a warning: an incremental sync
/// may find nothing new.
const STEADY: usize = 3;

/// The number of records from which a stream can shrink: small numbers vary.
const LEAST: u64 = 10;

/// An unexpected result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What the run ends with.
    pub severity: Severity,
    /// Its kind.
    pub cause: Cause,
    /// A sentence about it.
    pub sentence: String,
}

/// Returns the findings about the catalog of a run's tap.
#[must_use]
pub fn of_catalog(facts: &CatalogFacts, wanted: &Sync) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |severity, cause, sentence| findings.push(Finding { severity, cause, sentence });
    if !facts.unselected.is_empty() {
        let streams = listed(&facts.unselected);
        add(Severity::Fail, Cause::Unselected, format!("the tap ignores `select` and also read {streams}"));
    }
    if let Some(sentence) = missing(&facts.missing) {
        add(wanted.missing_stream, Cause::MissingStream, sentence);
    } else if facts.selected == Some(0) {
        add(wanted.missing_stream, Cause::NothingSelected, "`select` matches no stream of the source".to_owned());
    }
    if let Some(reason) = &facts.failed {
        let last = reason.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().trim();
        findings.push(old_catalog(last, wanted));
    }
    findings
}

/// Returns the finding that discovery failed, so that the last catalog was used.
#[must_use]
pub fn old_catalog(reason: &str, wanted: &Sync) -> Finding {
    let sentence = format!("discovery failed, so the last catalog was used: {reason}");
    Finding { severity: wanted.failed_discovery, cause: Cause::OldCatalog, sentence }
}

/// Returns a sentence about the streams that the files name and the source does not offer; `None` if there are none.
#[must_use]
pub fn missing(streams: &[String]) -> Option<String> {
    match streams {
        [] => None,
        [one] if one == "*" => Some("the source offers no streams".to_owned()),
        [one] => Some(format!("the files use `{one}`, which the source does not offer")),
        _ => Some(format!("the files use {}, which the source does not offer", listed(streams))),
    }
}

fn listed(names: &[String]) -> String {
    let (shown, more) = names.split_at(names.len().min(5));
    let mut shown: Vec<String> = shown.iter().map(|name| format!("`{name}`")).collect();
    if !more.is_empty() {
        shown.push(format!("{} more", more.len()));
    }
    shown.join(", ")
}

/// What is known about an integration besides the run itself.
pub struct Expectations<'a> {
    /// Its runs, newest first.
    pub earlier: &'a [Run],
    /// Tells whether a stream is read, given its name.
    pub is_read: &'a dyn Fn(&str) -> bool,
    /// Returns a likely reason for missing records.
    pub likely: &'a dyn Fn() -> Option<String>,
}

/// Returns the findings about records that did not arrive in a successful sync.
#[must_use]
pub fn of_records(run: &Run, known: &Expectations<'_>, severity: Severity) -> Vec<Finding> {
    let is_like = |one: &&Run| {
        let same = one.kind == RunKind::Sync && one.loader == run.loader && one.environment == run.environment;
        // What only some streams were read of says nothing about the others.
        same && one.id != run.id && one.is_live() && one.status.succeeded() && one.details.filter.only.is_empty()
    };
    let earlier: Vec<&Run> = known.earlier.iter().filter(is_like).collect();
    if run.records.unwrap_or_default() > 0 {
        return shrunk(run, &earlier, known, severity);
    }
    let Some(with_some) = earlier.iter().find(|one| one.records.unwrap_or_default() > 0) else { return Vec::new() };
    let reads_on = |one: &Run| one.streams.keys().chain(with_some.streams.keys()).any(|stream| reads_on(one, stream));
    if reads_on(run) {
        let mut like = earlier.iter().filter(|one| reads_on(one)).take(EARLIER).peekable();
        let (count, is_steady) = like
            .by_ref()
            .fold((0, true), |(count, is_steady), one| (count + 1, is_steady && one.records.unwrap_or_default() > 0));
        if count < STEADY || !is_steady {
            return Vec::new();
        }
    }
    let before = with_some.records.unwrap_or_default();
    let likely = (known.likely)().map(|likely| format!(": {likely}")).unwrap_or_default();
    let sentence = format!("no records arrived, but the last sync with records moved {before}{likely}");
    vec![Finding { severity, cause: Cause::Empty, sentence }]
}

/// Returns the streams that were read in full and had at most a tenth of their usual records.
fn shrunk(run: &Run, earlier: &[&Run], known: &Expectations<'_>, severity: Severity) -> Vec<Finding> {
    let mut streams: Vec<&String> = earlier.iter().take(EARLIER).flat_map(|one| one.streams.keys()).collect();
    streams.sort();
    streams.dedup();
    streams.retain(|stream| !reads_on(run, stream) && (known.is_read)(stream));
    let finding = |stream: &String| {
        let usual = usual(stream, earlier)?;
        let now = run.streams.get(stream).copied().unwrap_or_default();
        let sentence = format!("`{stream}` had {}, but usually has {usual}", counted(now, "record"));
        let has_shrunk = usual >= LEAST && now <= usual / 10;
        has_shrunk.then_some(Finding { severity, cause: Cause::Shrunk, sentence })
    };
    streams.into_iter().filter_map(finding).collect()
}

/// Returns how many records a full read of a stream usually has: the median of the newest syncs that had any.
fn usual(stream: &str, earlier: &[&Run]) -> Option<u64> {
    let whole = earlier.iter().filter(|one| !reads_on(one, stream));
    let counts = whole.filter_map(|one| one.streams.get(stream).copied()).filter(|count| *count > 0);
    let mut counts: Vec<u64> = counts.take(EARLIER).collect();
    counts.sort_unstable();
    counts.get(counts.len() / 2).copied()
}

/// Tells whether a sync continued a stream from a bookmark instead of reading it in full.
pub(crate) fn reads_on(run: &Run, stream: &str) -> bool {
    let Some(state) = run.bookmark_before.as_ref().filter(|_| !run.full_refresh) else { return false };
    match state.get("bookmarks") {
        Some(bookmarks) => bookmarks.get(stream).is_some_and(says),
        // In an unknown format, the state cannot be assigned to streams.
        None => says(state),
    }
}

/// Tells whether a bookmark contains a value. Tap libraries write an empty bookmark for streams that are read in full.
fn says(bookmark: &Value) -> bool {
    match bookmark {
        Value::Null => false,
        Value::Object(inner) => inner.values().any(says),
        Value::Array(inner) => inner.iter().any(says),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// Combines findings: returns the most severe one, with the sentences of all that count; `None` if none counts.
#[must_use]
pub fn gravest(findings: &[Finding]) -> Option<Finding> {
    let severity = findings.iter().map(|one| one.severity).max().filter(|worst| *worst > Severity::Ok)?;
    let cause = findings.iter().find(|one| one.severity == severity)?.cause;
    let counted: Vec<&str> =
        findings.iter().filter(|one| one.severity > Severity::Ok).map(|one| one.sentence.as_str()).collect();
    Some(Finding { severity, cause, sentence: counted.join("; ") })
}

#[cfg(test)]
mod tests;
