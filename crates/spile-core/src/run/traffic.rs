//! What a tap writes on its way to the loader: counts the records of each stream, and finds the lines that need more than
//! being passed on.
//!
//! Separate from the relay that moves the bytes, so that every kind of line is tested without pipes. Pure.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash, Hasher};

use memchr::memmem;
use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// The most records whose keys are collected, over all streams.
pub const MOST_KEYS: usize = 100_000;

/// What is special about a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Nothing: it is passed on.
    Nothing,
    /// It describes a stream, or tells the loader to drop rows, and has not been seen before. The loader may change its
    /// table when it gets it.
    ChangesTable,
    /// It is the first line that is not a Singer message.
    NotSinger,
}

/// The lines of a tap so far.
#[derive(Debug, Default)]
pub struct Traffic {
    records: BTreeMap<String, u64>,
    /// The stream of the last record, and how many of its records are not in `records` yet, because records of a stream
    /// arrive together.
    last: Streak,
    has_bad_line: bool,
    described: HashSet<u64>,
    keys: BTreeMap<String, Vec<String>>,
    seen: BTreeMap<String, HashSet<u64>>,
    keys_collected: usize,
}

/// Records of one stream in a row.
#[derive(Debug, Default)]
struct Streak {
    stream: String,
    records: u64,
}

impl Traffic {
    /// Counts a line, which may lack its line break.
    pub fn take(&mut self, line: &[u8]) -> Notice {
        if let Some(stream) = usual(line) {
            self.count(stream);
            self.collect_keys(line);
            return Notice::Nothing;
        }
        match message_of(line) {
            Some(Message { kind: Kind::Record, stream, .. }) => {
                self.count(stream.unwrap_or_default().as_bytes());
                self.collect_keys(line);
                Notice::Nothing
            }
            Some(Message { kind: Kind::Schema, stream: Some(stream), key_properties }) => {
                self.keys.entry(stream).or_insert_with(|| key_properties.unwrap_or_default());
                self.first_time(line)
            }
            Some(Message { kind: Kind::ActivateVersion, .. }) => self.first_time(line),
            Some(_) => Notice::Nothing,
            None if self.has_bad_line || is_like_a_message(line) => Notice::Nothing,
            None => {
                self.has_bad_line = true;
                Notice::NotSinger
            }
        }
    }

    /// Counts a record that is too long to be collected, by its beginning. Returns whether it is one, so that the rest
    /// can be passed on unread.
    pub fn take_beginning(&mut self, beginning: &[u8]) -> bool {
        let Some(stream) = usual(beginning) else { return false };
        self.count(stream);
        self.keys_collected = MOST_KEYS;
        true
    }

    /// Returns the number of records by stream.
    #[must_use]
    pub fn records(&self) -> BTreeMap<String, u64> {
        let mut records = self.records.clone();
        if self.last.records > 0 {
            *records.entry(self.last.stream.clone()).or_default() += self.last.records;
        }
        records
    }

    /// Returns how many different keys the first records of each stream with keys have.
    #[must_use]
    pub fn keys(&self) -> BTreeMap<&str, usize> {
        self.seen.iter().map(|(stream, keys)| (stream.as_str(), keys.len())).collect()
    }

    fn count(&mut self, stream: &[u8]) {
        if self.last.stream.as_bytes() != stream {
            let stream = String::from_utf8_lossy(stream).into_owned();
            let before = std::mem::replace(&mut self.last, Streak { stream, records: 0 });
            if before.records > 0 {
                *self.records.entry(before.stream).or_default() += before.records;
            }
        }
        self.last.records += 1;
    }

    /// Remembers the key of a record of the stream that was counted last.
    fn collect_keys(&mut self, line: &[u8]) {
        if self.keys_collected >= MOST_KEYS {
            return;
        }
        let stream = &self.last.stream;
        let Some(names) = self.keys.get(stream).filter(|names| !names.is_empty()) else { return };
        self.keys_collected += 1;
        match key_of(line, names) {
            Some(key) => {
                if let Some(seen) = self.seen.get_mut(stream) {
                    seen.insert(key);
                } else {
                    self.seen.insert(stream.clone(), HashSet::from([key]));
                }
            }
            None => self.keys_collected = MOST_KEYS,
        }
    }

    /// Some taps repeat the schema before every record.
    fn first_time(&mut self, line: &[u8]) -> Notice {
        let mut hasher = DefaultHasher::new();
        line.hash(&mut hasher);
        if self.described.insert(hasher.finish()) { Notice::ChangesTable } else { Notice::Nothing }
    }
}

/// Returns the stream of a record whose members have the order in which Singer libraries write them: `type`, `stream`.
fn usual(line: &[u8]) -> Option<&[u8]> {
    let rest = after(line, b"{")?;
    let rest = after(after(after(after(rest, b"\"type\"")?, b":")?, b"\"RECORD\"")?, b",")?;
    let rest = after(after(after(rest, b"\"stream\"")?, b":")?, b"\"")?;
    let end = memchr::memchr2(b'"', b'\\', rest)?;
    (rest[end] == b'"').then(|| &rest[..end])
}

/// Returns what follows a token that may have spaces before it.
fn after<'a>(text: &'a [u8], token: &[u8]) -> Option<&'a [u8]> {
    text.trim_ascii_start().strip_prefix(token)
}

/// A message whose members are in any order.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: Kind,
    stream: Option<String>,
    key_properties: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Kind {
    Record,
    Schema,
    ActivateVersion,
    #[serde(other)]
    Other,
}

/// Parses a line that may be a record, a schema or a version.
fn message_of(line: &[u8]) -> Option<Message> {
    let kinds = [&b"\"RECORD\""[..], b"\"SCHEMA\"", b"\"ACTIVATE_VERSION\""];
    let may_be = kinds.iter().any(|kind| memmem::find(line, kind).is_some());
    may_be.then(|| serde_json::from_slice(line).ok()).flatten()
}

/// Tells whether a line is empty or begins like a message. A broken one is left to the loader, which reports it.
fn is_like_a_message(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.is_empty() || (line.starts_with(b"{") && memmem::find(line, b"\"type\"").is_some())
}

/// Returns the hash of a record's key; `None` if the line is not a record with an object.
fn key_of(line: &[u8], names: &[String]) -> Option<u64> {
    let mut reader = serde_json::Deserializer::from_slice(line);
    let values = Outer(names).deserialize(&mut reader).ok()??;
    let mut hasher = DefaultHasher::new();
    for value in values {
        value.to_string().hash(&mut hasher);
    }
    Some(hasher.finish())
}

/// Reads the key of the member `record`, and skips everything else without building it.
struct Outer<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for Outer<'_> {
    type Value = Option<Vec<Value>>;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Outer<'_> {
    type Value = Option<Vec<Value>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = members.next_key::<String>()? {
            if name == "record" {
                found = Some(members.next_value_seed(Inner(self.0))?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Reads the values of a key; a missing one is null.
struct Inner<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for Inner<'_> {
    type Value = Vec<Value>;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Inner<'_> {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut values = vec![Value::Null; self.0.len()];
        while let Some(name) = members.next_key::<String>()? {
            match self.0.iter().position(|key| *key == name) {
                Some(at) => values[at] = members.next_value()?,
                None => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(lines: &[&str]) -> (Traffic, Vec<Notice>) {
        let mut traffic = Traffic::default();
        let notices = lines.iter().map(|line| traffic.take(line.as_bytes())).collect();
        (traffic, notices)
    }

    fn counts(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
        pairs.iter().map(|(stream, count)| ((*stream).to_owned(), *count)).collect()
    }

    #[test]
    fn records_are_counted_whatever_their_order_and_spaces() {
        let (traffic, notices) = through(&[
            r#"{"type": "RECORD", "stream": "a", "record": {}}"#,
            r#" { "type" : "RECORD" , "stream" : "b", "record": {}}"#,
            r#"{"stream":"a","record":{"type":"SCHEMA"},"type":"RECORD"}"#,
            r#"{"type":"RECORD","stream":"a \"b\"","record":{}}"#,
            r#"{"type":"STATE","value":{"text":"\"RECORD\""}}"#,
        ]);
        assert_eq!(traffic.records(), counts(&[("a", 2), ("a \"b\"", 1), ("b", 1)]));
        assert_eq!(notices, [Notice::Nothing; 5]);
    }

    #[test]
    fn a_schema_is_reported_once_and_a_changed_one_again() {
        let schema = r#"{"type":"SCHEMA","stream":"a","schema":{},"key_properties":["id"]}"#;
        let changed = r#"{"type":"SCHEMA","stream":"a","schema":{"x":1},"key_properties":["id"]}"#;
        let version = r#"{"type":"ACTIVATE_VERSION","stream":"a","version":1}"#;
        let (_, notices) = through(&[schema, schema, changed, version, version]);
        let first = Notice::ChangesTable;
        assert_eq!(notices, [first, Notice::Nothing, first, first, Notice::Nothing]);
    }

    #[test]
    fn only_the_first_line_that_is_no_message_is_reported() {
        let (_, notices) = through(&["", "  ", r#"{"type": "RECORD", "#, "hello", "again"]);
        let nothing = Notice::Nothing;
        assert_eq!(notices, [nothing, nothing, nothing, Notice::NotSinger, nothing]);
    }

    #[test]
    fn different_keys_are_counted() {
        let (traffic, _) = through(&[
            r#"{"type":"SCHEMA","stream":"a","schema":{},"key_properties":["id","no"]}"#,
            r#"{"type":"RECORD","stream":"a","record":{"id":1,"no":"x","more":[{"id":7}]}}"#,
            r#"{"type":"RECORD","stream":"a","record":{"no":"x","id":1}}"#,
            r#"{"type":"RECORD","stream":"a","record":{"id":"1","no":"x"}}"#,
            r#"{"type":"RECORD","stream":"a","record":{"id":1}}"#,
            r#"{"type":"RECORD","stream":"keyless","record":{"id":1}}"#,
        ]);
        assert_eq!(traffic.keys(), BTreeMap::from([("a", 3)]));
    }

    #[test]
    fn a_record_without_an_object_ends_the_collection_of_keys() {
        let (traffic, _) = through(&[
            r#"{"type":"SCHEMA","stream":"a","schema":{},"key_properties":["id"]}"#,
            r#"{"type":"RECORD","stream":"a","record":{"id":1}}"#,
            r#"{"type":"RECORD","stream":"a","record":1}"#,
            r#"{"type":"RECORD","stream":"a","record":{"id":2}}"#,
        ]);
        assert_eq!((traffic.keys(), traffic.records()), (BTreeMap::from([("a", 1)]), counts(&[("a", 3)])));
    }

    #[test]
    fn a_long_record_is_counted_by_its_beginning() {
        let mut traffic = Traffic::default();
        assert!(traffic.take_beginning(br#"{"type": "RECORD", "stream": "a", "record": {"text": "xxx"#));
        assert!(!traffic.take_beginning(br#"{"type": "SCHEMA", "stream": "a", "schema": {"#));
        assert_eq!(traffic.records(), counts(&[("a", 1)]));
    }
}
