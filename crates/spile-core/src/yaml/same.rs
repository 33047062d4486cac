//! Whether two texts say the same.

use serde_json::Value;

use super::{Document, ValueReader, comments};
use crate::value;

/// Tells whether two texts say the same, to Meltano and to people: the same values and the same comments, in whatever style
/// and with keys in whatever order. Of a text that cannot be read, or that aliases make too large, nobody can tell.
#[must_use]
pub fn says_the_same(one: &str, other: &str) -> bool {
    let read = |text: &str| {
        let document = Document::parse(text).ok()?;
        let values = ValueReader::of(&document);
        let mut odd = Vec::new();
        let value: Value = values.value(&document.root, &mut odd);
        let comments = comments(text, 0..text.len(), &document.root).into_iter();
        let mut comments: Vec<String> = comments.map(|(_, comment)| comment.to_owned()).collect();
        comments.sort();
        (!values.is_exhausted() && odd.is_empty()).then_some((value, comments))
    };
    match (read(one), read(other)) {
        (Some((one, its)), Some((other, others))) => its == others && value::same(&one, &other),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_order_say_nothing() {
        let one = "a: \"x\" # so\nb: [1, {c: true, d: null}]\n";
        assert!(says_the_same(one, "b:\n- 1\n- d:\n  c: true\na: x  # so\n"));
        assert!(!says_the_same(one, "a: x\nb: [1, {c: true, d: null}]\n"), "a comment is lost");
        for other in ["a: y\nb: [1, {c: true, d: null}]\n", "a: x\nb: [{c: true, d: null}, 1]\n", "a: x\n", "a: [\n"] {
            assert!(!says_the_same(one, other), "{other}");
        }
        assert!(!says_the_same("a: [", "a: ["), "nobody can tell");
    }
}
