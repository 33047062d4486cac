//! Changes of a state. What they do not name stays to the byte.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::format::{BOOKMARKS, Bookmark, Format, KEY, Position, Step, VALUE};
use super::value::{WrongKind, spelled_like, typed};
use super::{Json, SingerState, StateMistake};
use crate::problem::{did_you_mean, listed};

/// Whose value is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The stream.
    pub stream: String,
    /// Which of its values, where the user says so.
    pub key: Option<String>,
    /// What the catalog knows of a stream that has no bookmark yet; `None` where it does not know the stream.
    pub cataloged: Option<Cataloged>,
}

/// A stream that the last known catalog has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cataloged {
    /// The field that says how new a record is.
    pub replication_key: Option<String>,
}

impl Target {
    /// Names a stream.
    #[must_use]
    pub fn of(stream: &str) -> Self {
        Self { stream: stream.to_owned(), key: None, cataloged: None }
    }
}

/// Returns a state in which the bookmark of a stream has another value; of a stream that is read in partitions, each.
///
/// # Errors
/// When the form of the state is not known, it has no such stream or several values, or the value is of another kind.
pub fn set(state: &SingerState, target: &Target, word: &str) -> Result<SingerState, StateMistake> {
    let stream = &target.stream;
    if state.format() == Format::Unknown {
        return Err(StateMistake::Opaque { stream: stream.clone() });
    }
    let bookmark = state.bookmark(stream);
    if bookmark.is_none() && target.cataloged.is_none() {
        return Err(state.no_stream(stream));
    }
    let written = match bookmark {
        Some(bookmark) if !bookmark.positions.is_empty() => moved(&bookmark, target, word)?,
        Some(Bookmark { whole, .. }) => begun(state, target, whole, word)?,
        None => begun(state, target, &Json::empty(), word)?,
    };
    let mut next = state.clone();
    if let Some(bookmarks) = bookmarks_mut(&mut next) {
        bookmarks.insert(stream.clone(), written);
    }
    Ok(next)
}

/// Returns a state in which the bookmark of a stream is moved to a date, spelled as the tap spells its times.
///
/// # Errors
/// As for [`set`].
pub fn move_to(state: &SingerState, stream: &str, date: &str) -> Result<SingerState, StateMistake> {
    let present = state.bookmark(stream).and_then(|bookmark| Some(bookmark.positions.first()?.value.clone()));
    set(state, &Target::of(stream), &spelled_like(present.as_ref(), date))
}

/// Returns a state without the bookmarks of these streams.
///
/// # Errors
/// When the form of the state is not known, or it has no such stream.
pub fn clear(state: &SingerState, streams: &[String]) -> Result<SingerState, StateMistake> {
    let mut next = state.clone();
    for stream in streams {
        if state.format() == Format::Unknown {
            return Err(StateMistake::Opaque { stream: stream.clone() });
        }
        if state.bookmark(stream).is_none() {
            return Err(state.no_stream(stream));
        }
        if let Some(bookmarks) = bookmarks_mut(&mut next) {
            bookmarks.shift_remove(stream);
        }
    }
    Ok(next)
}

fn bookmarks_mut(state: &mut SingerState) -> Option<&mut IndexMap<String, Json>> {
    state.0.members_mut()?.get_mut(BOOKMARKS)?.members_mut()
}

/// Moves the position of a bookmark, or that of each partition.
fn moved(bookmark: &Bookmark<'_>, target: &Target, word: &str) -> Result<Json, StateMistake> {
    let stream = &target.stream;
    let is_meant = |one: &&Position<'_>| target.key.is_none() || one.key == target.key;
    let meant: Vec<&Position<'_>> = bookmark.positions.iter().filter(is_meant).collect();
    let keys = |of: &mut dyn Iterator<Item = &Position<'_>>| -> BTreeSet<String> {
        of.map(|one| one.key.clone().unwrap_or_default()).collect()
    };
    let found = keys(&mut meant.iter().copied());
    if found.len() != 1 {
        let all = keys(&mut bookmark.positions.iter());
        let keys = all.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        return Err(StateMistake::Several { stream: stream.clone(), keys });
    }
    let mut whole = bookmark.whole.clone();
    for position in meant {
        let value = typed(Some(position.value), word).map_err(|WrongKind { expected }| StateMistake::Value {
            stream: stream.clone(),
            expected,
            word: word.to_owned(),
            present: position.value.shown(),
        })?;
        if let Some(place) = at(&mut whole, &position.path) {
            *place = value;
        }
    }
    Ok(whole)
}

fn at<'a>(whole: &'a mut Json, path: &[Step]) -> Option<&'a mut Json> {
    path.iter().try_fold(whole, |at, step| match (at, step) {
        (Json::Object(members), Step::Member(name)) => members.get_mut(name),
        (Json::Array(items), Step::Item(place)) => items.get_mut(*place),
        _ => None,
    })
}

/// Gives a bookmark its first value, in the form that the others have.
fn begun(state: &SingerState, target: &Target, whole: &Json, word: &str) -> Result<Json, StateMistake> {
    let stream = &target.stream;
    if state.bookmarks().iter().all(|one| one.positions.is_empty()) {
        return Err(StateMistake::NoForm);
    }
    let of_the_bookmark = || whole.get(KEY).and_then(Json::as_text);
    let of_the_catalog = || target.cataloged.as_ref()?.replication_key.clone();
    let key = target.key.clone().or_else(of_the_bookmark).or_else(of_the_catalog);
    let key = key.ok_or_else(|| StateMistake::NoKey { stream: stream.clone() })?;
    Ok(position(state.format(), whole, &key, word))
}

/// Returns a bookmark with a value of a replication key, in a tap's form. Other members stay.
fn position(format: Format, whole: &Json, key: &str, word: &str) -> Json {
    let value = typed(None, word).unwrap_or_else(|_| Json::text(word));
    let mut members = whole.members().cloned().unwrap_or_default();
    match format {
        Format::SingerSdk | Format::PipelineWise => {
            members.insert(KEY.to_owned(), Json::text(key));
            members.insert(VALUE.to_owned(), value);
        }
        Format::SingerPython | Format::Unknown => {
            members.insert(key.to_owned(), value);
        }
    }
    Json::Object(members)
}

/// Returns a state in which the bookmark of a stream is a value of this replication key, and nothing else. For a stream
/// whose replication key has changed: what the tap kept for the earlier key would mislead it.
///
/// # Errors
/// When the form of the state is not known.
pub fn restart(state: &SingerState, stream: &str, key: &str, word: &str) -> Result<SingerState, StateMistake> {
    if state.format() == Format::Unknown {
        return Err(StateMistake::Opaque { stream: stream.to_owned() });
    }
    let bookmark = position(state.format(), &Json::empty(), key, &spelled_like(None, word));
    let mut next = state.clone();
    if let Some(bookmarks) = bookmarks_mut(&mut next) {
        bookmarks.insert(stream.to_owned(), bookmark);
    }
    Ok(next)
}

impl SingerState {
    /// Says that it has no bookmark of a stream, and which it has.
    #[must_use]
    pub fn no_stream(&self, stream: &str) -> StateMistake {
        let bookmarks = self.bookmarks();
        let known = || bookmarks.iter().map(|bookmark| bookmark.stream);
        let help = did_you_mean(stream, known()).unwrap_or_else(|| {
            if bookmarks.is_empty() {
                return "it has no bookmark of any stream".to_owned();
            }
            format!("streams with a bookmark: {}", listed(known()))
        });
        StateMistake::NoStream { stream: stream.to_owned(), help }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDK: &str = r#"{"bookmarks": {"orders": {"replication_key": "at", "replication_key_value": "2026-01-01T00:00:00Z", "starting_replication_value": 1.00}, "issues": {"partitions": [{"context": {"r": 1}, "replication_key_value": 7}, {"replication_key_value": 12345678901234567890123}]}, "new": {}}, "z": 1e5}"#;
    const PYTHON: &str = r#"{"bookmarks": {"a": {"id": 5}, "b": {"x": 1, "y": 2}}, "currently_syncing": "a"}"#;

    fn state(text: &str) -> SingerState {
        SingerState::parse(text).unwrap()
    }

    fn code(mistake: Result<SingerState, StateMistake>) -> String {
        miette::Diagnostic::code(&mistake.unwrap_err()).unwrap().to_string()
    }

    fn keyed(stream: &str, key: &str) -> Target {
        Target { key: Some(key.to_owned()), ..Target::of(stream) }
    }

    #[test]
    fn a_value_is_set_and_nothing_else() {
        let next = set(&state(SDK), &Target::of("orders"), "2025-06-01").unwrap();
        assert_eq!(next.to_string(), SDK.replace("2026-01-01T", "2025-06-01T"));
        let next = set(&state(SDK), &Target::of("issues"), "3").unwrap();
        assert_eq!(
            next.to_string(),
            SDK.replace("\"replication_key_value\": 7", "\"replication_key_value\": 3")
                .replace("12345678901234567890123", "3")
        );
        let next = set(&state(PYTHON), &keyed("b", "y"), "1").unwrap();
        assert_eq!(next.to_string(), PYTHON.replace("\"y\": 2", "\"y\": 1"));
    }

    #[test]
    fn a_stream_of_the_catalog_is_begun_in_the_form_of_the_others() {
        let cataloged = Some(Cataloged { replication_key: Some("at".to_owned()) });
        let known = |stream: &str| Target { cataloged: cataloged.clone(), ..Target::of(stream) };
        let next = set(&state(SDK), &known("more"), "2026-01-01").unwrap();
        let begun = r#"{"replication_key": "at", "replication_key_value": "2026-01-01"}"#;
        assert_eq!(next.bookmark("more").unwrap().whole.to_string(), begun);
        let next = set(&state(SDK), &known("new"), "2026-01-01").unwrap();
        assert_eq!(next.bookmark("new").unwrap().whole.to_string(), begun);
        let next = set(&state(PYTHON), &known("more"), "7").unwrap();
        assert_eq!(next.bookmark("more").unwrap().whole.to_string(), r#"{"at": 7}"#);
        let nameless = Target { cataloged: Some(Cataloged::default()), ..Target::of("more") };
        assert_eq!(code(set(&state(PYTHON), &nameless, "7")), "spile::state::no_key");
        assert_eq!(code(set(&state(r#"{"bookmarks": {}}"#), &known("more"), "7")), "spile::state::no_form");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert_eq!(code(set(&state(SDK), &Target::of("orders"), "5")), "spile::state::value");
        assert_eq!(code(set(&state(SDK), &Target::of("order"), "5")), "spile::state::no_stream");
        assert_eq!(code(set(&state(PYTHON), &Target::of("b"), "5")), "spile::state::several");
        assert_eq!(code(set(&state(PYTHON), &keyed("b", "z"), "5")), "spile::state::several");
        assert_eq!(code(set(&state(r#"{"a": 1}"#), &Target::of("a"), "5")), "spile::state::opaque");
        assert_eq!(code(clear(&state(r#"{"a": 1}"#), &["a".to_owned()])), "spile::state::opaque");
        let mistake = clear(&state(SDK), &["orders".to_owned(), "isues".to_owned()]).unwrap_err();
        assert!(matches!(&mistake, StateMistake::NoStream { help, .. } if help.contains("issues")), "{mistake:?}");
    }

    #[test]
    fn a_stream_with_another_replication_key_starts_over_at_a_value_of_it() {
        let next = restart(&state(SDK), "orders", "id", "7").unwrap();
        let orders = r#"{"replication_key": "id", "replication_key_value": 7}"#;
        assert_eq!(next.bookmark("orders").unwrap().whole.to_string(), orders);
        assert_eq!(next.bookmark("issues"), state(SDK).bookmark("issues"));
        let next = restart(&state(PYTHON), "a", "at", "2026-01-01").unwrap();
        assert_eq!(next.bookmark("a").unwrap().whole.to_string(), r#"{"at": "2026-01-01T00:00:00+00:00"}"#);
        assert_eq!(code(restart(&state(r#"{"a": 1}"#), "a", "id", "7")), "spile::state::opaque");
    }

    #[test]
    fn cleared_streams_go_and_the_others_stay() {
        let next = clear(&state(PYTHON), &["a".to_owned()]).unwrap();
        assert_eq!(next.to_string(), r#"{"bookmarks": {"b": {"x": 1, "y": 2}}, "currently_syncing": "a"}"#);
    }
}
