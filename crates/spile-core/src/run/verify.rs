//! Compares a destination with its source: the figures of a stream on both sides, and the verdict.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::arrival::Load;
use crate::problem::{counted, first_of};

/// The most columns or keys that a sentence lists.
const LISTED: usize = 5;

/// The answers of both sides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct BothSides {
    /// Why there is no answer, as a clause.
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
    /// The column that identifies new rows, if only those are read.
    pub replication_key: Option<String>,
    /// The name of the table or file.
    pub table: Option<String>,
    /// What the loader does with existing rows.
    pub load: Option<Load>,
    /// The rows of the source.
    pub source: SourceRows,
    /// The rows of the destination.
    pub destination: Destination,
    /// The ranges of keys, by column.
    pub spans: BTreeMap<String, Spans>,
    /// Columns that are read but that the destination lacks.
    pub lacking: Vec<String>,
    /// The rows whose values were compared.
    pub sample: Option<Sample>,
    /// Why the stream cannot be compared, as a clause.
    pub unknown: Option<String>,
}

/// The rows of a source, which may change during the comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SourceRows {
    /// How many there were at the start.
    pub before: u64,
    /// How many there were at the end.
    pub after: u64,
    /// How many are no newer than the newest row of the destination, if the stream has a replication key.
    pub until: Option<u64>,
}

/// The rows of a destination.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Destination {
    /// How many there are, without those marked as deleted.
    pub rows: u64,
    /// How many different keys they have, if the destination has more rows than the source.
    pub keys: Option<u64>,
}

/// The range of one column on both sides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spans {
    /// The range in the source.
    pub source: Span,
    /// The range in the destination, if it can be determined.
    pub destination: Option<Span>,
}

/// The least and the greatest value of a column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The least value.
    pub least: Option<String>,
    /// The greatest value.
    pub greatest: Option<String>,
}

/// Rows of the source that were looked up in the destination.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// How many rows were looked up.
    pub rows: u64,
    /// How many of them the destination lacks.
    pub missing: u64,
    /// How many of them have different values there.
    pub different: u64,
    /// In how many rows each differing column differs.
    pub columns: BTreeMap<String, u64>,
    /// The keys of some of them.
    pub examples: Examples,
}

/// The keys of some rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examples {
    /// Rows that are missing.
    pub missing: Vec<Vec<String>>,
    /// Rows that differ.
    pub different: Vec<Vec<String>>,
}

/// The verdict on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamVerdict {
    /// Nothing is missing or different.
    Equal,
    /// The destination has fewer rows.
    Fewer,
    /// The destination has more rows.
    More,
    /// The destination has as many rows, but with different keys.
    DifferentKeys,
    /// The destination has the same rows, but with different values.
    DifferentValues,
    /// The stream cannot be compared.
    NotComparable,
}

impl StreamVerdict {
    /// Returns its words for people.
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
    /// Returns how many rows the destination must have, at least. Rows that were added during the comparison, or since
    /// the newest row of the destination, may be missing.
    #[must_use]
    pub fn least(self) -> u64 {
        let gone = self.before.saturating_sub(self.after);
        self.until.unwrap_or(self.before).saturating_sub(gone)
    }

    /// Returns how many rows the destination may have at most.
    #[must_use]
    pub fn most(self) -> u64 {
        self.before.max(self.after)
    }

    /// Returns how many rows are newer than the newest row of the destination.
    #[must_use]
    pub fn newer(self) -> u64 {
        self.until.map_or(0, |until| self.after.saturating_sub(until))
    }

    /// Tells whether rows were added or removed during the comparison.
    #[must_use]
    pub fn changed(self) -> bool {
        self.before != self.after
    }
}

impl Destination {
    /// Returns how many rows there are, counting each key once.
    #[must_use]
    pub fn count(self) -> u64 {
        self.keys.unwrap_or(self.rows)
    }
}

impl Compared {
    /// Returns the verdict on the figures.
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

    /// Tells whether nothing is missing or different, as far as that is known. A loader that keeps existing rows may
    /// have more rows, because it keeps those that were deleted from the source.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        match self.verdict() {
            StreamVerdict::Equal | StreamVerdict::NotComparable => true,
            StreamVerdict::More => self.load != Some(Load::Replace),
            StreamVerdict::Fewer | StreamVerdict::DifferentKeys | StreamVerdict::DifferentValues => false,
        }
    }

    /// Tells whether the same number of rows has different keys. With different numbers of rows, ranges mean nothing.
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
    fn rows_of_both_sides_are_compared() {
        let verdict = |source, rows| compared(source, rows).verdict();
        assert_eq!(verdict(still(5), 5), StreamVerdict::Equal);
        assert_eq!(verdict(still(5), 4), StreamVerdict::Fewer);
        assert_eq!(verdict(still(5), 6), StreamVerdict::More);
        assert_eq!(verdict(still(0), 0), StreamVerdict::Equal);
    }

    #[test]
    fn rows_newer_than_the_destination_are_noted_and_not_missing() {
        let source = SourceRows { before: 53, after: 53, until: Some(50) };
        let found = compared(source, 50);
        assert_eq!((found.verdict(), source.newer()), (StreamVerdict::Equal, 3));
        assert_eq!(found.notes(), ["3 rows newer than the last sync"]);
        assert_eq!(compared(source, 49).verdict(), StreamVerdict::Fewer);
        // A row that has changed since is old in the destination and newer in the source.
        assert_eq!(compared(SourceRows { before: 50, after: 50, until: Some(49) }, 50).verdict(), StreamVerdict::Equal);
    }

    #[test]
    fn a_source_that_changes_during_the_comparison_has_a_range_of_counts() {
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
    fn more_rows_are_wrong_only_for_a_loader_that_replaces_its_table() {
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
    fn as_many_rows_with_different_keys_are_not_equal() {
        let found = |greatest, rows| Compared { spans: spans(greatest), ..compared(still(5), rows) };
        assert_eq!(found("9", 5).verdict(), StreamVerdict::Equal);
        assert_eq!(found("8", 5).verdict(), StreamVerdict::DifferentKeys);
        assert_eq!(found("8", 6).verdict(), StreamVerdict::More, "a different count means a different range");
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
    fn a_stream_that_cannot_be_compared_is_not_a_failure() {
        let found = Compared { unknown: Some("it is down".to_owned()), ..compared(still(5), 0) };
        assert_eq!((found.verdict(), found.is_sound()), (StreamVerdict::NotComparable, true));
        assert_eq!(found.notes(), ["it is down"]);
        let keyless = Compared { key: Vec::new(), ..compared(still(5), 5) };
        assert_eq!(keyless.notes(), ["no key: only rows are counted"]);
    }
}
