//! Streams side by side: divides the streams of a sync into parts, each of which a process of its own reads.
//!
//! Pure, so that the rules are tested without a process: parts have no stream in common, and leave out none.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Run, RunKind};

/// How many earlier syncs say how many records a stream usually has.
const EARLIER: usize = 5;

/// The member of a state that contains bookmarks.
const BOOKMARKS: &str = "bookmarks";

/// A stream that a sync reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedStream {
    /// Its name in patterns and bookmarks.
    pub name: String,
    /// The name that its records are sent under.
    pub sent_as: String,
    /// Whether it is read from a log that its source lets only one process read.
    pub is_from_log: bool,
}

/// The streams that one process reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its number, from 1.
    pub number: usize,
    /// The number of parts.
    pub of: usize,
    /// Its streams, sorted by name.
    pub streams: Vec<SelectedStream>,
}

impl Part {
    /// Returns a pattern for each of its streams that matches only this stream.
    #[must_use]
    pub fn patterns(&self) -> Vec<String> {
        self.streams.iter().map(|stream| literal(&stream.name)).collect()
    }

    /// Returns the names of its streams.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.streams.iter().map(|stream| stream.name.as_str()).collect()
    }
}

/// Returns a pattern that matches only this text.
fn literal(text: &str) -> String {
    text.chars().fold(String::new(), |pattern, c| match c {
        '*' | '?' | '[' => format!("{pattern}[{c}]"),
        _ => pattern + &c.to_string(),
    })
}

/// How many records streams usually have, by the name that they are sent under.
#[derive(Debug, Default)]
pub struct UsualRecords(BTreeMap<String, u64>);

impl UsualRecords {
    /// Learns from earlier runs, newest first, of all streams.
    #[must_use]
    pub fn of(earlier: &[Run]) -> Self {
        let counts = |run: &&Run| {
            run.kind == RunKind::Sync && run.is_live() && run.details.filter.is_default() && run.status.succeeded()
        };
        let mut records: BTreeMap<String, u64> = BTreeMap::new();
        for run in earlier.iter().filter(counts).take(EARLIER) {
            for (stream, count) in &run.streams {
                let sum = records.entry(stream.clone()).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
        Self(records)
    }

    /// Returns the weight of a stream. Every stream costs a query, even without records.
    fn weight(&self, stream: &SelectedStream) -> u64 {
        let known = self.0.get(&stream.sent_as).or_else(|| self.0.get(&stream.name));
        known.copied().unwrap_or_default().saturating_add(1)
    }
}

/// Streams that one process has to read: those from a log, and those whose records have the same name.
#[derive(Default)]
struct Group {
    streams: BTreeMap<String, SelectedStream>,
    weight: u64,
}

/// Divides streams into at most so many parts of similar weight. The heaviest streams are placed first, each into the lightest
/// part, and the first part is the heaviest.
#[must_use]
pub fn divide(streams: Vec<SelectedStream>, usual: &UsualRecords, most: usize) -> Vec<Part> {
    let mut groups = groups(streams, usual);
    groups.sort_by_key(|group| (Reverse(group.weight), group.streams.keys().next().cloned()));
    let mut bins: Vec<Group> = Vec::new();
    bins.resize_with(most.min(groups.len()), Group::default);
    for group in groups {
        let Some(lightest) = bins.iter_mut().min_by_key(|bin| bin.weight) else { break };
        lightest.weight = lightest.weight.saturating_add(group.weight);
        lightest.streams.extend(group.streams);
    }
    bins.sort_by_key(|bin| Reverse(bin.weight));
    let of = bins.len();
    let part = |(at, bin): (usize, Group)| Part { number: at + 1, of, streams: bin.streams.into_values().collect() };
    bins.into_iter().enumerate().map(part).collect()
}

fn groups(streams: Vec<SelectedStream>, usual: &UsualRecords) -> Vec<Group> {
    let mut log = Group::default();
    let mut sent: BTreeMap<String, Group> = BTreeMap::new();
    let mut names = BTreeSet::new();
    let from_log: BTreeSet<String> =
        streams.iter().filter(|stream| stream.is_from_log).map(|stream| stream.sent_as.clone()).collect();
    for stream in streams {
        if !names.insert(stream.name.clone()) {
            continue;
        }
        let is_of_log = from_log.contains(&stream.sent_as);
        let group = if is_of_log { &mut log } else { sent.entry(stream.sent_as.clone()).or_default() };
        group.weight = group.weight.saturating_add(usual.weight(&stream));
        group.streams.insert(stream.name.clone(), stream);
    }
    sent.into_values().chain(Some(log).filter(|log| !log.streams.is_empty())).collect()
}

/// Which part sends the records of each stream.
#[derive(Debug)]
pub struct StreamOwners(BTreeMap<String, usize>);

/// A stream whose records come from a part that should not read it, or from two parts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "part {part} read the stream `{stream}` of part {owner}: the extractor does not read only the streams that it is asked for"
)]
pub struct SharedStream {
    /// The stream.
    pub stream: String,
    /// The part that read it.
    pub part: usize,
    /// The part whose stream it is.
    pub owner: usize,
}

impl StreamOwners {
    /// Takes the streams of each part as its own.
    #[must_use]
    pub fn of(parts: &[Part]) -> Self {
        let mut owners = BTreeMap::new();
        for part in parts {
            owners.extend(part.streams.iter().map(|stream| (stream.sent_as.clone(), part.number)));
        }
        for part in parts {
            for stream in &part.streams {
                owners.entry(stream.name.clone()).or_insert(part.number);
            }
        }
        Self(owners)
    }

    /// Notes that a part has read a stream. A name that no part owns belongs to the first part that reports it.
    ///
    /// # Errors
    /// When the stream belongs to another part.
    pub fn read(&mut self, part: usize, stream: &str) -> Result<(), SharedStream> {
        let owner = *self.0.entry(stream.to_owned()).or_insert(part);
        if owner == part { Ok(()) } else { Err(SharedStream { stream: stream.to_owned(), part, owner }) }
    }
}

/// The state of the whole pipeline as one part reported it.
#[derive(Debug)]
pub struct ReportedState<'a> {
    /// The streams of the part.
    pub streams: BTreeSet<&'a str>,
    /// The state; `None` if the part reported none.
    pub state: Option<&'a Value>,
}

/// Joins the states that parts reported: the bookmark of each stream is the one that its own part reported, because the other
/// parts may have seen an older one.
#[must_use]
pub fn joined(reports: &[ReportedState<'_>]) -> Option<Value> {
    let mut whole = reports.iter().find_map(|report| report.state)?.clone();
    for report in reports {
        let Some(state) = report.state else { continue };
        let empty = Map::new();
        let own = state.get(BOOKMARKS).and_then(Value::as_object).unwrap_or(&empty);
        let Some(bookmarks) = bookmarks_mut(&mut whole) else { continue };
        for stream in &report.streams {
            match own.get(*stream) {
                Some(bookmark) => {
                    bookmarks.insert((*stream).to_owned(), bookmark.clone());
                }
                None => {
                    bookmarks.remove(*stream);
                }
            }
        }
    }
    Some(whole)
}

fn bookmarks_mut(state: &mut Value) -> Option<&mut Map<String, Value>> {
    let members = state.as_object_mut()?;
    members.entry(BOOKMARKS).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}

#[cfg(test)]
mod tests;
