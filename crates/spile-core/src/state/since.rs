//! Since when a bookmark is what it is.

use serde_json::Value;

use super::format::{BOOKMARKS, Bookmark};

/// Returns the earliest of the newest records, in a row, that left the bookmark as it is now. Records come newest first, each
/// with the state that it left, where that is known; one that is not known says nothing.
pub fn since<'a, T>(bookmark: &Bookmark<'_>, left: impl IntoIterator<Item = (T, Option<&'a Value>)>) -> Option<T> {
    let now = bookmark.whole.to_value();
    let known = left.into_iter().filter_map(|(of, state)| Some((of, state?)));
    let is_same = |state: &Value| state.get(BOOKMARKS).and_then(|all| all.get(bookmark.stream)) == Some(&now);
    known.take_while(|(_, state)| is_same(state)).last().map(|(of, _)| of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::SingerState;
    use serde_json::json;

    #[test]
    fn it_is_the_earliest_of_those_that_left_it_so() {
        let now = SingerState::parse(r#"{"bookmarks": {"a": {"id": 5}, "b": {"id": 9}}}"#).unwrap();
        let of = |a: u64, b: u64| json!({"bookmarks": {"a": {"id": a}, "b": {"id": b}}});
        let [newest, middle, oldest] = [of(5, 9), of(5, 8), of(5, 7)];
        let left = [(4, Some(&newest)), (3, None), (2, Some(&middle)), (1, Some(&oldest))];
        assert_eq!(since(&now.bookmark("a").unwrap(), left), Some(1));
        assert_eq!(since(&now.bookmark("b").unwrap(), left), Some(4));
        assert_eq!(since(&now.bookmark("b").unwrap(), [(2, Some(&middle))]), None);
    }
}
