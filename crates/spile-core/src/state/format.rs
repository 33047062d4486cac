//! The forms in which taps write bookmarks.
//!
//! All keep them in `bookmarks.<stream>`. The Singer SDK writes `replication_key_value` there, or `partitions` which have one
//! each; singer-python's taps write each replication key as a member; `PipelineWise`'s write the former, with a `version`, or
//! the place in a log.

use serde::Serialize;

use super::Json;

/// How a tap writes its bookmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `{"replication_key": "updated_at", "replication_key_value": "2026-01-01"}`, as Meltano's SDK writes it.
    SingerSdk,
    /// `{"updated_at": "2026-01-01"}`, as taps with singer-python write it.
    SingerPython,
    /// As the SDK's with a `version`, or the place in a log, as `PipelineWise`'s taps write it.
    #[serde(rename = "pipelinewise")]
    PipelineWise,
    /// Nothing that is known here.
    Unknown,
}

impl Format {
    /// Returns what people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SingerSdk => "Singer SDK",
            Self::SingerPython => "singer-python",
            Self::PipelineWise => "PipelineWise",
            Self::Unknown => "unknown",
        }
    }
}

/// The bookmark of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bookmark<'a> {
    /// The stream.
    pub stream: &'a str,
    /// How far it was read; several where it is read in partitions, or by several keys.
    pub positions: Vec<Position<'a>>,
    /// All that the tap keeps of it.
    pub whole: &'a Json,
}

/// How far a stream, or a part of it, was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position<'a> {
    /// The replication key, or what else it is a value of.
    pub key: Option<String>,
    /// Which part of the stream it is of, as the tap tells it apart.
    pub partition: Option<String>,
    /// The value.
    pub value: &'a Json,
    /// The way to it from the bookmark.
    pub(super) path: Vec<Step>,
}

/// A step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Member(String),
    Item(usize),
}

pub(super) const BOOKMARKS: &str = "bookmarks";
pub(super) const VALUE: &str = "replication_key_value";
pub(super) const KEY: &str = "replication_key";
const PARTITIONS: &str = "partitions";

/// What only the SDK writes besides.
const OF_THE_SDK: [&str; 6] =
    [VALUE, KEY, PARTITIONS, "starting_replication_value", "progress_markers", "replication_key_signpost"];

/// By what a bookmark of `PipelineWise`'s is known.
const OF_PIPELINEWISE: [&str; 2] = ["last_replication_method", "version"];

/// The places that `PipelineWise`'s taps keep.
const PLACES: [&str; 6] = ["lsn", "log_file", "log_pos", "gtid", "last_pk_fetched", "max_pk_values"];

/// Returns the form of a state.
pub(super) fn of(state: &Json) -> Format {
    let Some(bookmarks) = state.get(BOOKMARKS).and_then(Json::members) else { return Format::Unknown };
    let has = |keys: &[&str]| bookmarks.values().any(|one| keys.iter().any(|key| one.get(key).is_some()));
    match (has(&OF_PIPELINEWISE), has(&OF_THE_SDK)) {
        (true, _) => Format::PipelineWise,
        (false, true) => Format::SingerSdk,
        (false, false) => Format::SingerPython,
    }
}

/// Returns the bookmarks of a state, in their order.
pub(super) fn bookmarks(state: &Json) -> Vec<Bookmark<'_>> {
    let bookmarks = state.get(BOOKMARKS).and_then(Json::members).into_iter().flatten();
    bookmarks.map(|(stream, whole)| Bookmark { stream, positions: positions(whole), whole }).collect()
}

pub(super) fn positions(whole: &Json) -> Vec<Position<'_>> {
    let Some(members) = whole.members() else {
        let is_said = whole.is_scalar() && !whole.is_null();
        let alone = Position { key: None, partition: None, value: whole, path: Vec::new() };
        return if is_said { vec![alone] } else { Vec::new() };
    };
    if let Some(partitions) = members.get(PARTITIONS).and_then(Json::items).filter(|items| !items.is_empty()) {
        return partitions.iter().enumerate().flat_map(|(place, one)| in_partition(place, one)).collect();
    }
    let said = |key: &str| members.get(key).filter(|value| !value.is_null());
    if let Some(value) = said(VALUE) {
        return vec![member(VALUE, said(KEY).and_then(Json::as_text).as_deref().unwrap_or(VALUE), value)];
    }
    if OF_PIPELINEWISE.iter().any(|key| members.contains_key(*key)) {
        return PLACES.iter().filter_map(|key| Some(member(key, key, said(key)?))).collect();
    }
    if OF_THE_SDK.iter().any(|key| members.contains_key(*key)) {
        return Vec::new();
    }
    members.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| member(key, key, value)).collect()
}

fn member<'a>(name: &str, key: &str, value: &'a Json) -> Position<'a> {
    Position { key: Some(key.to_owned()), partition: None, value, path: vec![Step::Member(name.to_owned())] }
}

fn in_partition(place: usize, whole: &Json) -> Vec<Position<'_>> {
    let context = whole.get("context").map_or_else(|| format!("{}", place + 1), Json::to_string);
    let within = |position: Position<'_>| {
        let way = [Step::Member(PARTITIONS.to_owned()), Step::Item(place)];
        way.into_iter().chain(position.path).collect()
    };
    let Some(value) = whole.get(VALUE).filter(|value| !value.is_null()) else { return Vec::new() };
    let key = whole.get(KEY).and_then(Json::as_text);
    let position = member(VALUE, key.as_deref().unwrap_or(VALUE), value);
    vec![Position { partition: Some(context), path: within(position.clone()), ..position }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Format, Vec<String>) {
        let state = Json::parse(text).unwrap();
        let mut said = Vec::new();
        for Bookmark { stream, positions, .. } in bookmarks(&state) {
            let shown = |one: &Position<'_>| {
                let partition = one.partition.as_ref().map(|of| format!(" {of}")).unwrap_or_default();
                format!("{stream}{partition} {}={}", one.key.as_deref().unwrap_or_default(), one.value)
            };
            said.extend(positions.iter().map(shown));
        }
        (of(&state), said)
    }

    #[test]
    fn bookmarks_of_the_sdk_have_a_value_or_one_for_each_partition() {
        let text = r#"{"bookmarks": {
            "orders": {"replication_key": "updated_at", "replication_key_value": "2026-01-01", "starting_replication_value": "2025"},
            "new": {}, "broken": {"progress_markers": {"replication_key_value": 7}, "starting_replication_value": null},
            "issues": {"partitions": [{"context": {"repo": "a"}, "replication_key": "id", "replication_key_value": 1},
                                      {"context": {"repo": "b"}}, {"replication_key_value": 3}]}}}"#;
        let (format, said) = read(text);
        assert_eq!(format, Format::SingerSdk);
        let wanted =
            ["orders updated_at=\"2026-01-01\"", "issues {\"repo\": \"a\"} id=1", "issues 3 replication_key_value=3"];
        assert_eq!(said, wanted);
    }

    #[test]
    fn bookmarks_of_singer_python_are_values_of_keys() {
        let text = r#"{"currently_syncing": "b", "bookmarks": {"a": {"id": 5, "at": null}, "b": {"offset": {"x": 1}, "at": "y"}, "c": 9}}"#;
        assert_eq!(
            read(text),
            (Format::SingerPython, ["a id=5", "b offset={\"x\": 1}", "b at=\"y\"", "c =9"].map(str::to_owned).to_vec())
        );
    }

    #[test]
    fn bookmarks_of_pipelinewise_have_a_version_and_a_place() {
        let text = r#"{"currently_syncing": null, "bookmarks": {
            "public-a": {"last_replication_method": "INCREMENTAL", "replication_key": "id", "version": 1, "replication_key_value": 3},
            "public-b": {"last_replication_method": "LOG_BASED", "lsn": 12345, "version": 2, "xmin": null},
            "db-c": {"log_file": "bin.1", "log_pos": 4, "version": 1}}}"#;
        let (format, said) = read(text);
        assert_eq!(format, Format::PipelineWise);
        assert_eq!(said, ["public-a id=3", "public-b lsn=12345", "db-c log_file=\"bin.1\"", "db-c log_pos=4"]);
    }

    #[test]
    fn what_has_no_bookmarks_is_of_no_known_form() {
        for text in [r#"{"a": 1}"#, r#"{"bookmarks": [1]}"#, "{}"] {
            assert_eq!(read(text), (Format::Unknown, Vec::new()), "{text}");
        }
    }
}
