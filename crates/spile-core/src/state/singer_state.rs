//! What a tap is given: the half that is complete, with the half that is not over it.

use std::fmt;

use serde_json::Value;

use super::format::{self, Bookmark, Format};
use super::{Json, NotJson};

/// The member in which Meltano keeps what a tap has said.
const SINGER_STATE: &str = "singer_state";

/// The Singer state that a tap begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SingerState(pub(super) Json);

impl SingerState {
    /// Reads what Meltano keeps, `{"completed": {}, "partial": {}}`; `None` where that says nothing.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn of_stored(text: &str) -> Result<Option<Self>, NotJson> {
        let stored = Json::parse(text)?;
        let half = |name: &str| stored.get(name).and_then(|half| half.get(SINGER_STATE)).cloned();
        let mut state = half("completed").filter(|half| !half.is_null());
        if let Some(partial) = half("partial").filter(|half| !half.is_null()) {
            match &mut state {
                Some(state) => lay_over(state, partial),
                None => state = Some(partial),
            }
        }
        // Meltano gives a tap no state that says nothing.
        Ok(state.filter(|state| *state != Json::empty()).map(Self))
    }

    /// Reads the state itself, as a tap writes it.
    ///
    /// # Errors
    /// When it is not JSON, or no object.
    pub fn parse(text: &str) -> Result<Self, NotJson> {
        let state = Json::parse(text)?;
        match state {
            Json::Object(_) => Ok(Self(state)),
            Json::Array(_) | Json::Scalar(_) => Err(NotJson::no_object()),
        }
    }

    /// Takes what a registry remembers of a run; `None` where a number in it is too long to have been kept whole.
    #[must_use]
    pub fn of_run(value: &Value) -> Option<Self> {
        is_exact(value).then(|| Self::parse(&value.to_string()).ok())?
    }

    /// Returns what Meltano keeps of it where nothing of it is partial.
    #[must_use]
    pub fn to_stored(&self) -> String {
        format!("{{\"completed\": {{\"{SINGER_STATE}\": {}}}, \"partial\": {{}}}}", self.0)
    }

    /// Returns the document.
    #[must_use]
    pub fn json(&self) -> &Json {
        &self.0
    }

    /// Returns the form in which its tap writes bookmarks.
    #[must_use]
    pub fn format(&self) -> Format {
        format::of(&self.0)
    }

    /// Returns the bookmarks, in their order; none where the form is not known.
    #[must_use]
    pub fn bookmarks(&self) -> Vec<Bookmark<'_>> {
        format::bookmarks(&self.0)
    }

    /// Returns the bookmark of a stream.
    #[must_use]
    pub fn bookmark(&self, stream: &str) -> Option<Bookmark<'_>> {
        self.bookmarks().into_iter().find(|bookmark| bookmark.stream == stream)
    }
}

impl fmt::Display for SingerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl serde::Serialize for SingerState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Lays one document over another as Meltano does (`merge` in `meltano/core/utils`): objects member by member, everything
/// else in the place of what was below.
fn lay_over(below: &mut Json, above: Json) {
    match (below, above) {
        (Json::Object(below), Json::Object(above)) => {
            for (key, value) in above {
                match below.get_mut(&key) {
                    Some(known) => lay_over(known, value),
                    None => {
                        below.insert(key, value);
                    }
                }
            }
        }
        (below, above) => *below = above,
    }
}

/// Tells whether every number in it is what the tap wrote: a whole number beyond 64 bits was rounded when it was read.
fn is_exact(value: &Value) -> bool {
    /// From here on, not every whole number is a float.
    const ROUNDED: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) if number.is_f64() => number.as_f64().is_some_and(|number| number.abs() < ROUNDED),
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        Value::Number(_) | Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of_stored(text: &str) -> Option<String> {
        SingerState::of_stored(text).unwrap().map(|state| state.to_string())
    }

    #[test]
    fn what_is_partial_lies_over_what_is_complete_as_in_meltano() {
        let stored = r#"{"completed": {"singer_state": {"a": {"x": 1, "y": 1.0}, "b": 1}}, "partial": {"singer_state": {"a": {"x": 2}, "c": {"d": null}}}}"#;
        assert_eq!(of_stored(stored).as_deref(), Some(r#"{"a": {"x": 2, "y": 1.0}, "b": 1, "c": {"d": null}}"#));
        let partial = r#"{"completed": null, "partial": {"singer_state": {"a": 1}}}"#;
        assert_eq!(of_stored(partial).as_deref(), Some(r#"{"a": 1}"#));
        for nothing in [r#"{"completed": {}, "partial": {}}"#, "{}", r#"{"completed": {"singer_state": {}}}"#] {
            assert_eq!(of_stored(nothing), None, "{nothing}");
        }
        assert!(SingerState::of_stored("{").is_err());
    }

    #[test]
    fn what_is_kept_is_read_again_as_it_was() {
        let state = SingerState::parse(r#"{"bookmarks": {"a": {"id": 18446744073709551616}}}"#).unwrap();
        assert_eq!(SingerState::of_stored(&state.to_stored()).unwrap(), Some(state));
        assert!(SingerState::parse("[]").is_err());
    }

    #[test]
    fn of_a_run_only_what_was_kept_whole_counts() {
        assert!(SingerState::of_run(&json!({"a": {"b": [1, 2.5, "x", null]}})).is_some());
        let rounded: Value = serde_json::from_str(r#"{"a": 123456789012345678901234567890}"#).unwrap();
        assert!(SingerState::of_run(&rounded).is_none());
    }
}
