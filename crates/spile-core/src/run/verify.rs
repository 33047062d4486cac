//! Whether a destination has what its source has: the figures of both sides of a stream, and the verdict.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::arrival::Load;
use crate::problem::{counted, first_of};

/// How many columns or keys a sentence lists at most.
const LISTED: usize = 5;

/// What both sides answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct BothSides {
    /// Why it is missing, as a clause.
    pub failed: Option<String>,
    /// The streams that the source offers, and whether each is read.
    pub known: BTreeMap<String, bool>,
    /// The streams that were compared.
    pub streams: BTreeMap<String, Compared>,
}

/// The figures of a stream on both sides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Compared {
    /// How it is read: `FULL_TABLE`, `INCREMENTAL`, `LOG_BASED`.
    pub method: Option<String>,
    /// The columns that identify its rows.
    pub key: Vec<String>,
    /// The column by which what is new is known, if only that is read.
    pub replication_key: Option<String>,
    /// What the table, or the file, is called.
    pub table: Option<String>,
    /// What the loader does with existing rows.
    pub load: Option<Load>,
    /// What the source has.
    pub source: SourceRows,
    /// What the destination has.
    pub destination: Destination,
    /// The range of each key, by column.
    pub spans: BTreeMap<String, Spans>,
    /// The columns that are read and that the destination does not have.
    pub lacking: Vec<String>,
    /// The rows whose values were compared.
    pub sample: Option<Sample>,
    /// Why it cannot be compared: a clause.
    pub unknown: Option<String>,
}

/// The rows of a source, which others may change while it is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SourceRows {
    /// How many there were at first.
    pub before: u64,
    /// How many there were at last.
    pub after: u64,
    /// How many are no newer than the newest one of the destination, if a replication key tells.
    pub until: Option<u64>,
}

/// The rows of a destination.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Destination {
    /// How many there are; those marked as deleted do not count.
    pub rows: u64,
    /// How many different keys they have, if there are more of them than the source has.
    pub keys: Option<u64>,
}

/// The ranges of one column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spans {
    /// The source's.
    pub source: Span,
    /// The destination's, if it can be asked for it.
    pub destination: Option<Span>,
}

/// The least and the greatest value of a column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The least.
    pub least: Option<String>,
    /// The greatest.
    pub greatest: Option<String>,
}

/// Rows of the source that were looked for in the destination.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// How many.
    pub rows: u64,
    /// How many of them the destination does not have.
    pub missing: u64,
    /// How many of them have other values there.
    pub different: u64,
    /// In how many rows a column differs.
    pub columns: BTreeMap<String, u64>,
    /// The keys of some of them.
    pub examples: Examples,
}

/// Keys of some rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examples {
    /// Those that are missing.
    pub missing: Vec<Vec<String>>,
    /// Those that differ.
    pub different: Vec<Vec<String>>,
}

/// What follows from the figures of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamVerdict {
    /// Nothing is missing or different.
    Equal,
    /// The destination has fewer rows.
    Fewer,
    /// The destination has more rows.
    More,
    /// It has as many, with other keys.
    DifferentKeys,
    /// It has the same rows, with other values.
    DifferentValues,
    /// It cannot be determined.
    NotComparable,
}

impl StreamVerdict {
    /// Returns the word that people read.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Fewer => "fewer",
            Self::More => "more",
            Self::DifferentKeys => "different keys",
            Self::DifferentValues => "different values",
            Self::NotComparable => "not comparable",
        }
    }
}

impl SourceRows {
    /// Returns how many rows the destination has to have, at least: those that came while it was read, and those that are
    /// newer than the destination, may be missing.
    #[must_use]
    pub fn least(self) -> u64 {
        let gone = self.before.saturating_sub(self.after);
        self.until.unwrap_or(self.before).saturating_sub(gone)
    }

    /// Returns how many rows the destination may have.
    #[must_use]
    pub fn most(self) -> u64 {
        self.before.max(self.after)
    }

    /// Returns how many rows are newer than the newest one of the destination.
    #[must_use]
    pub fn newer(self) -> u64 {
        self.until.map_or(0, |until| self.after.saturating_sub(until))
    }

    /// Tells whether rows came or went while it was asked.
    #[must_use]
    pub fn changed(self) -> bool {
        self.before != self.after
    }
}

impl Destination {
    /// Returns how many rows there are, each key once.
    #[must_use]
    pub fn count(self) -> u64 {
        self.keys.unwrap_or(self.rows)
    }
}

impl Compared {
    /// Returns what follows from the figures.
    #[must_use]
    pub fn verdict(&self) -> StreamVerdict {
        let (source, count) = (self.source, self.destination.count());
        let sample = self.sample.as_ref();
        let is_missing = sample.is_some_and(|sample| sample.missing > 0);
        if self.unknown.is_some() {
            StreamVerdict::NotComparable
        } else if count < source.least() {
            StreamVerdict::Fewer
        } else if is_missing || self.is_range_different() {
            StreamVerdict::DifferentKeys
        } else if !self.lacking.is_empty() || sample.is_some_and(|sample| sample.different > 0) {
            StreamVerdict::DifferentValues
        } else if count > source.most() {
            StreamVerdict::More
        } else {
            StreamVerdict::Equal
        }
    }

    /// Tells whether nothing is missing or different as far as that can be told. More rows are no fault of a loader that
    /// keeps what it has: what is deleted at the source stays there.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        match self.verdict() {
            StreamVerdict::Equal | StreamVerdict::NotComparable => true,
            StreamVerdict::More => self.load != Some(Load::Replace),
            StreamVerdict::Fewer | StreamVerdict::DifferentKeys | StreamVerdict::DifferentValues => false,
        }
    }

    /// Tells whether the same number of rows has other keys; of other numbers ranges tell nothing.
    fn is_range_different(&self) -> bool {
        let SourceRows { before, after, until } = self.source;
        let is_still = before == after && until.is_none_or(|until| until == before);
        let differs = |spans: &Spans| spans.destination.as_ref().is_some_and(|there| *there != spans.source);
        is_still && self.destination.count() == before && self.spans.values().any(differs)
    }

    /// Returns the notes in addition to the figures, each as a clause.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        if let Some(why) = &self.unknown {
            return vec![why.clone()];
        }
        let mut notes = Vec::new();
        if self.source.newer() > 0 {
            notes.push(format!("{} newer than the last sync", counted(self.source.newer(), "row")));
        }
        if self.source.changed() {
            notes.push("the source changed meanwhile".to_owned());
        }
        if let Some(keys) = self.destination.keys {
            notes.push(format!("{} of {}", counted(self.destination.rows, "row"), counted(keys, "key")));
        }
        if self.key.is_empty() {
            notes.push("no key: only rows are counted".to_owned());
        }
        notes.extend(self.sampled());
        if !self.lacking.is_empty() {
            notes.push(format!("no column in the destination for {}", quoted(&self.lacking)));
        }
        notes
    }

    fn sampled(&self) -> Vec<String> {
        let Some(sample) = &self.sample else { return Vec::new() };
        let of = |count: u64| format!("{count} of {}", counted(sample.rows, "row"));
        let keys = |keys: &[Vec<String>]| quoted(&keys.iter().map(|key| key.join(", ")).collect::<Vec<_>>());
        let mut notes = Vec::new();
        if sample.missing > 0 {
            notes.push(format!("{} missing, including {}", of(sample.missing), keys(&sample.examples.missing)));
        }
        if sample.different > 0 {
            let columns = quoted(&sample.columns.keys().cloned().collect::<Vec<_>>());
            let examples = keys(&sample.examples.different);
            notes.push(format!("{} different in {columns}, including {examples}", of(sample.different)));
        }
        notes
    }
}

fn quoted(words: &[String]) -> String {
    first_of(&words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>(), LISTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(source: SourceRows, rows: u64) -> Compared {
        let destination = Destination { rows, keys: None };
        Compared { key: vec!["id".to_owned()], load: Some(Load::Merge), source, destination, ..Compared::default() }
    }

    fn still(rows: u64) -> SourceRows {
        SourceRows { before: rows, after: rows, until: None }
    }

    fn spans(greatest: &str) -> BTreeMap<String, Spans> {
        let span = |greatest: &str| Span { least: Some("1".to_owned()), greatest: Some(greatest.to_owned()) };
        [("id".to_owned(), Spans { source: span("9"), destination: Some(span(greatest)) })].into()
    }

    #[test]
    fn rows_are_counted_against_each_other() {
        let verdict = |source, rows| compared(source, rows).verdict();
        assert_eq!(verdict(still(5), 5), StreamVerdict::Equal);
        assert_eq!(verdict(still(5), 4), StreamVerdict::Fewer);
        assert_eq!(verdict(still(5), 6), StreamVerdict::More);
        assert_eq!(verdict(still(0), 0), StreamVerdict::Equal);
    }

    #[test]
    fn rows_that_are_newer_than_the_destination_are_told_and_not_missed() {
        let source = SourceRows { before: 53, after: 53, until: Some(50) };
        let found = compared(source, 50);
        assert_eq!((found.verdict(), source.newer()), (StreamVerdict::Equal, 3));
        assert_eq!(found.notes(), ["3 rows newer than the last sync"]);
        assert_eq!(compared(source, 49).verdict(), StreamVerdict::Fewer);
        // A row that was changed since is there as it was, and newer here.
        assert_eq!(compared(SourceRows { before: 50, after: 50, until: Some(49) }, 50).verdict(), StreamVerdict::Equal);
    }

    #[test]
    fn a_source_that_changes_while_it_is_asked_is_counted_at_least() {
        let grows = SourceRows { before: 5, after: 7, until: None };
        assert_eq!((grows.least(), grows.most()), (5, 7));
        for (rows, verdict) in
            [(4, StreamVerdict::Fewer), (5, StreamVerdict::Equal), (7, StreamVerdict::Equal), (8, StreamVerdict::More)]
        {
            assert_eq!(compared(grows, rows).verdict(), verdict, "{rows}");
        }
        let shrinks = SourceRows { before: 7, after: 5, until: Some(6) };
        assert_eq!((shrinks.least(), shrinks.most()), (4, 7));
        assert_eq!(compared(shrinks, 4).notes(), ["the source changed meanwhile"]);
    }

    #[test]
    fn more_rows_are_a_fault_only_of_a_loader_that_replaces_its_table() {
        let more = compared(still(5), 6);
        assert!(more.is_sound());
        assert!(!Compared { load: Some(Load::Replace), ..more }.is_sound());
        assert!(!compared(still(5), 4).is_sound());
    }

    #[test]
    fn a_loader_that_appends_is_counted_by_its_keys() {
        let found = Compared { destination: Destination { rows: 10, keys: Some(5) }, ..compared(still(5), 10) };
        assert_eq!(found.verdict(), StreamVerdict::Equal);
        assert_eq!(found.notes(), ["10 rows of 5 keys"]);
        let found = Compared { destination: Destination { rows: 10, keys: Some(4) }, ..found };
        assert_eq!(found.verdict(), StreamVerdict::Fewer);
    }

    #[test]
    fn as_many_rows_with_other_keys_are_not_equal() {
        let found = |greatest, rows| Compared { spans: spans(greatest), ..compared(still(5), rows) };
        assert_eq!(found("9", 5).verdict(), StreamVerdict::Equal);
        assert_eq!(found("8", 5).verdict(), StreamVerdict::DifferentKeys);
        assert_eq!(found("8", 6).verdict(), StreamVerdict::More, "another count has another range");
        let newer = SourceRows { until: Some(4), ..still(5) };
        assert_eq!(Compared { source: newer, ..found("8", 5) }.verdict(), StreamVerdict::Equal);
    }

    #[test]
    fn sampled_rows_are_missing_or_different() {
        let key = |key: &str| vec![vec![key.to_owned()]];
        let sample = Sample { rows: 5, missing: 1, ..Sample::default() };
        let sample = Sample { examples: Examples { missing: key("7"), different: key("8") }, ..sample };
        let found = Compared { sample: Some(sample.clone()), ..compared(still(5), 5) };
        assert_eq!(found.verdict(), StreamVerdict::DifferentKeys);
        assert_eq!(found.notes(), ["1 of 5 rows missing, including `7`"]);
        let columns = [("name".to_owned(), 1)].into();
        let sample = Sample { missing: 0, different: 1, columns, ..sample };
        let found = Compared { sample: Some(sample), ..found };
        assert_eq!(found.verdict(), StreamVerdict::DifferentValues);
        assert_eq!(found.notes(), ["1 of 5 rows different in `name`, including `8`"]);
        let lacking = Compared { lacking: vec!["reason".to_owned()], ..compared(still(5), 5) };
        assert_eq!((lacking.verdict(), lacking.is_sound()), (StreamVerdict::DifferentValues, false));
    }

    #[test]
    fn what_cannot_be_asked_is_no_failure() {
        let found = Compared { unknown: Some("it is down".to_owned()), ..compared(still(5), 0) };
        assert_eq!((found.verdict(), found.is_sound()), (StreamVerdict::NotComparable, true));
        assert_eq!(found.notes(), ["it is down"]);
        let keyless = Compared { key: Vec::new(), ..compared(still(5), 5) };
        assert_eq!(keyless.notes(), ["no key: only rows are counted"]);
    }
}
