//! What arrived in the destination of a sync: the rows of a table before and after, and how many rows the records
//! require.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::problem::counted;

/// What happened to the records of one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Arrival {
    /// The name of the table or file; `None` if it is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// How many rows the table had when the stream's schema message passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// How many rows it had when the loader ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// How many different keys the records had, at least; `None` if the stream has no key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<u64>,
    /// What the loader does with existing rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// Whether the tap asked for old rows to be deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deletes: bool,
    /// Why the destination could not be asked, as a clause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// What a loader does with existing rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Load {
    /// It adds each record as a new row.
    Append,
    /// It replaces the row with the record's key.
    Merge,
    /// It starts each run with an empty table.
    Replace,
    /// It does something else, so no number of rows can be expected.
    #[serde(other)]
    Other,
}

/// Rows that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// How many rows there should be, at least.
    pub least: u64,
    /// How many there are.
    pub found: u64,
}

impl Arrival {
    /// Returns the rows that are missing for this many records. Surplus rows are not reported, because something else
    /// may write to the table too.
    #[must_use]
    pub fn lost(&self, records: u64) -> Option<Lost> {
        let kept = self.before.filter(|_| !self.deletes).unwrap_or_default();
        let least = match (self.load?, self.keys) {
            (Load::Append, _) => kept + records,
            (Load::Replace, None) => records,
            (Load::Merge | Load::Replace, keys) => keys.unwrap_or_default(),
            (Load::Other, _) => 0,
        };
        let found = self.after?;
        (found < least).then_some(Lost { least, found })
    }
}

/// What happened to the records of a stream, as shown to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived<'a> {
    /// The stream.
    pub stream: &'a str,
    /// How many records went to the loader.
    pub records: u64,
    /// What arrived, if the destination was asked.
    pub arrival: Option<&'a Arrival>,
}

impl Arrived<'_> {
    /// Returns the rows that are missing.
    #[must_use]
    pub fn lost(&self) -> Option<Lost> {
        self.arrival?.lost(self.records)
    }

    /// Returns why the destination could not be asked.
    #[must_use]
    pub fn unknown(&self) -> Option<&str> {
        self.arrival?.unknown.as_deref()
    }
}

/// Returns what happened to the records of each stream, by name.
pub(super) fn arrived<'a>(
    streams: &'a BTreeMap<String, u64>,
    arrivals: &'a BTreeMap<String, Arrival>,
) -> Vec<Arrived<'a>> {
    let names: BTreeSet<&String> = streams.keys().chain(arrivals.keys()).collect();
    let one = |stream: &'a String| Arrived {
        stream,
        records: streams.get(stream).copied().unwrap_or_default(),
        arrival: arrivals.get(stream),
    };
    names.into_iter().map(one).collect()
}

/// Returns a sentence about the missing rows of a run; `None` if no rows are known to be missing.
#[must_use]
pub fn lost(streams: &BTreeMap<String, u64>, arrivals: &BTreeMap<String, Arrival>) -> Option<String> {
    let mut by_table: BTreeMap<&Option<String>, usize> = BTreeMap::new();
    for arrival in arrivals.values() {
        *by_table.entry(&arrival.table).or_default() += 1;
    }
    // If streams share a table, its rows cannot be assigned to them.
    let alone = arrivals.iter().filter(|(_, arrival)| by_table.get(&arrival.table) == Some(&1));
    let missing = alone.filter_map(|(stream, arrival)| {
        let records = streams.get(stream).copied().unwrap_or_default();
        let Lost { least, found } = arrival.lost(records)?;
        let table = arrival.table.as_deref().unwrap_or("its table");
        Some(format!(
            "`{table}` has {} after {} of `{stream}`, but should have at least {least}",
            counted(found, "row"),
            counted(records, "record")
        ))
    });
    let missing: Vec<String> = missing.collect();
    (!missing.is_empty()).then(|| format!("rows are missing: {}", missing.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(load: Load, before: u64, after: u64, keys: Option<u64>) -> Arrival {
        let table = Some("raw.rows".to_owned());
        Arrival { table, before: Some(before), after: Some(after), keys, load: Some(load), ..Arrival::default() }
    }

    #[test]
    fn rows_are_missing_if_there_are_fewer_than_the_records_require() {
        let lost = |arrival: Arrival| arrival.lost(5).map(|lost| (lost.least, lost.found));
        assert_eq!(lost(arrival(Load::Append, 10, 15, None)), None);
        assert_eq!(lost(arrival(Load::Append, 10, 17, Some(5))), None, "something else writes to the table too");
        assert_eq!(lost(arrival(Load::Append, 10, 14, None)), Some((15, 14)));
        assert_eq!(lost(Arrival { deletes: true, ..arrival(Load::Append, 10, 5, None) }), None);
        assert_eq!(lost(arrival(Load::Merge, 10, 10, Some(5))), None);
        assert_eq!(lost(arrival(Load::Merge, 0, 4, Some(5))), Some((5, 4)));
        assert_eq!(lost(arrival(Load::Merge, 0, 4, Some(4))), None, "a key occurred twice");
        assert_eq!(lost(arrival(Load::Replace, 10, 5, None)), None);
        assert_eq!(lost(arrival(Load::Replace, 10, 4, None)), Some((5, 4)));
        assert_eq!(lost(arrival(Load::Replace, 10, 4, Some(4))), None);
        assert_eq!(lost(arrival(Load::Other, 10, 0, Some(5))), None);
    }

    #[test]
    fn nothing_is_expected_of_an_unknown_destination() {
        let silent = Arrival { unknown: Some("it is down".to_owned()), ..Arrival::default() };
        assert_eq!(silent.lost(5), None);
        assert_eq!(Arrival { after: None, ..arrival(Load::Append, 1, 0, None) }.lost(5), None);
    }

    #[test]
    fn missing_rows_are_reported_by_table_unless_streams_share_it() {
        let streams = BTreeMap::from([("a".to_owned(), 5), ("b".to_owned(), 5)]);
        let less = arrival(Load::Append, 0, 4, None);
        let other = Arrival { table: Some("raw.other".to_owned()), ..less.clone() };
        let arrivals = BTreeMap::from([("a".to_owned(), less.clone()), ("b".to_owned(), other)]);
        assert_eq!(
            lost(&streams, &arrivals).unwrap(),
            "rows are missing: `raw.rows` has 4 rows after 5 records of `a`, but should have at least 5; \
             `raw.other` has 4 rows after 5 records of `b`, but should have at least 5"
        );
        let shared = BTreeMap::from([("a".to_owned(), less.clone()), ("b".to_owned(), less)]);
        assert_eq!(lost(&streams, &shared), None);
    }
}
