//! What is different between two states, stream by stream, and what a tap reads because of it.

use indexmap::IndexSet;
use serde::Serialize;

use super::format::{BOOKMARKS, Bookmark, Position};
use super::{Json, Order, SingerState, order};

/// What is different of one stream, or of what belongs to none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The stream; `None` for what a tap keeps besides its bookmarks.
    pub stream: Option<String>,
    /// What has become of it.
    pub change: StreamChange,
    /// What was kept.
    pub before: Option<Json>,
    /// What is kept now.
    pub after: Option<Json>,
}

/// What has become of the bookmark of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamChange {
    /// There was none: the stream is no longer read from its beginning.
    Added,
    /// There is none any more: everything is read again.
    Removed,
    /// It is earlier: what lies between is read again.
    Earlier,
    /// It is later: what lies between is not read.
    Later,
    /// It is another one, and only the tap knows which comes first.
    Changed,
}

impl Difference {
    /// Returns what is shown of both sides: the value alone where there is just one.
    #[must_use]
    pub fn shown(&self) -> [Option<String>; 2] {
        let is_bookmark = self.stream.is_some();
        [&self.before, &self.after].map(|side| {
            let side = side.as_ref()?;
            Some(if is_bookmark { shown(side) } else { side.to_string() })
        })
    }
}

/// Returns what is shown of a bookmark: its value alone where it has just one.
fn shown(whole: &Json) -> String {
    match super::format::positions(whole).as_slice() {
        [Position { value, partition: None, .. }] => value.shown(),
        _ => whole.to_string(),
    }
}

/// Returns what is different between two states, in the order of the first and then of the second.
#[must_use]
pub fn differences(before: Option<&SingerState>, after: Option<&SingerState>) -> Vec<Difference> {
    let bookmarks = [before, after].map(|state| state.map(SingerState::bookmarks).unwrap_or_default());
    let streams: IndexSet<&str> = bookmarks.iter().flatten().map(|bookmark| bookmark.stream).collect();
    let of = |side: usize, stream: &str| bookmarks[side].iter().find(|bookmark| bookmark.stream == stream);
    let mut found: Vec<Difference> =
        streams.into_iter().filter_map(|stream| difference(stream, of(0, stream), of(1, stream))).collect();
    let [rest_before, rest_after] = [before, after].map(|state| state.and_then(rest));
    if rest_before != rest_after {
        let change = match (&rest_before, &rest_after) {
            (None, _) => StreamChange::Added,
            (_, None) => StreamChange::Removed,
            (Some(_), Some(_)) => StreamChange::Changed,
        };
        found.push(Difference { stream: None, change, before: rest_before, after: rest_after });
    }
    found
}

fn difference(stream: &str, before: Option<&Bookmark<'_>>, after: Option<&Bookmark<'_>>) -> Option<Difference> {
    let change = match (before, after) {
        (None, None) => return None,
        (None, Some(_)) => StreamChange::Added,
        (Some(_), None) => StreamChange::Removed,
        (Some(before), Some(after)) if before.whole == after.whole => return None,
        (Some(before), Some(after)) => moved(&before.positions, &after.positions),
    };
    let whole = |side: Option<&Bookmark<'_>>| side.map(|bookmark| bookmark.whole.clone());
    Some(Difference { stream: Some(stream.to_owned()), change, before: whole(before), after: whole(after) })
}

/// Tells which way a bookmark has moved, where all its positions have moved the same way.
fn moved(before: &[Position<'_>], after: &[Position<'_>]) -> StreamChange {
    let is_same =
        |one: &Position<'_>, other: &Position<'_>| (&one.key, &one.partition) == (&other.key, &other.partition);
    if after.is_empty() && !before.is_empty() {
        return StreamChange::Removed;
    }
    if before.is_empty() && !after.is_empty() {
        return StreamChange::Added;
    }
    if before.len() != after.len() || !before.iter().zip(after).all(|(one, other)| is_same(one, other)) {
        return StreamChange::Changed;
    }
    let orders: Vec<Order> = before.iter().zip(after).map(|(one, other)| order(one.value, other.value)).collect();
    let only = |way: Order| orders.contains(&way) && orders.iter().all(|order| [way, Order::Same].contains(order));
    if only(Order::Earlier) {
        StreamChange::Earlier
    } else if only(Order::Later) {
        StreamChange::Later
    } else {
        StreamChange::Changed
    }
}

/// Returns what a state holds besides bookmarks that are understood; `None` where that is nothing.
fn rest(state: &SingerState) -> Option<Json> {
    let mut rest = state.0.clone();
    if let Some(members) = rest.members_mut()
        && members.get(BOOKMARKS).is_some_and(|bookmarks| bookmarks.members().is_some())
    {
        members.shift_remove(BOOKMARKS);
    }
    Some(rest).filter(|rest| *rest != Json::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(before: &str, after: &str) -> Vec<(Option<String>, StreamChange, [Option<String>; 2])> {
        let state = |text: &str| (!text.is_empty()).then(|| SingerState::parse(text).unwrap());
        let found = differences(state(before).as_ref(), state(after).as_ref());
        found.into_iter().map(|one| (one.stream.clone(), one.change, one.shown())).collect()
    }

    fn of(stream: &str, change: StreamChange, sides: [&str; 2]) -> (Option<String>, StreamChange, [Option<String>; 2]) {
        (Some(stream.to_owned()), change, sides.map(|side| (!side.is_empty()).then(|| side.to_owned())))
    }

    #[test]
    fn each_stream_that_differs_is_named_with_what_becomes_of_it() {
        let before =
            r#"{"bookmarks": {"a": {"id": 5}, "b": {"id": 5}, "c": {"id": 5}, "d": {"id": 5}, "e": {"k": "x"}}}"#;
        let after = r#"{"bookmarks": {"a": {"id": 5}, "b": {"id": 4}, "c": {"id": 6}, "e": {"k": "y"}, "f": {"id": 1}}, "currently_syncing": "f"}"#;
        let mut found = between(before, after);
        let rest = found.pop().unwrap();
        assert_eq!(rest, (None, StreamChange::Added, [None, Some(r#"{"currently_syncing": "f"}"#.to_owned())]));
        let wanted = [
            of("b", StreamChange::Earlier, ["5", "4"]),
            of("c", StreamChange::Later, ["5", "6"]),
            of("d", StreamChange::Removed, ["5", ""]),
            of("e", StreamChange::Changed, ["x", "y"]),
            of("f", StreamChange::Added, ["", "1"]),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_state_that_comes_or_goes_is_all_of_its_streams() {
        let state = r#"{"bookmarks": {"a": {"id": 5}}}"#;
        assert_eq!(between("", state), [of("a", StreamChange::Added, ["", "5"])]);
        assert_eq!(between(state, ""), [of("a", StreamChange::Removed, ["5", ""])]);
        assert_eq!(between(state, state), []);
        assert_eq!(between("", r#"{"x": 1}"#).len(), 1);
    }
}
