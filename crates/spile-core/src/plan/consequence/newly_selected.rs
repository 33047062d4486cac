//! Which streams a changed `select` newly reads, as a whole or in part.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::integration::select::{Pattern, field_breadcrumb, stream_part};

/// Returns the newly selected streams, as the patterns name them.
pub(super) fn newly_selected(before: Option<&Value>, after: Option<&Value>) -> BTreeSet<String> {
    let (before, after) = (Select::of(before), Select::of(after));
    let more = after.taken.difference(&before.taken).filter(|new| !covered(new, &before.taken));
    // What is no longer excluded is read from now on, if its stream is selected.
    let freed = before.left_out.difference(&after.left_out).filter(|old| !covered(old, &after.left_out));
    let freed = freed.filter(|old| Pattern::parse(old).stream.literal().is_none_or(|stream| after.takes(&stream)));
    more.chain(freed).map(|pattern| stream_part(pattern).to_owned()).collect()
}

/// Tells whether a stream, as a pattern names it, was selected before, at least in part.
pub(super) fn was_selected(before: Option<&Value>, stream: &str) -> bool {
    let before = Select::of(before);
    let pattern = Pattern::parse(stream).stream;
    let is_out = |out: &String| {
        let out = Pattern::parse(out);
        out.field.as_deref().is_none_or(|field| field == "*") && out.stream.covers(&pattern)
    };
    before.taken.iter().any(|taken| Pattern::parse(taken).stream.covers(&pattern))
        && !before.left_out.iter().any(is_out)
}

/// The patterns of a `select`.
struct Select {
    taken: BTreeSet<String>,
    /// The excluding patterns, without their `!`.
    left_out: BTreeSet<String>,
}

impl Select {
    /// Parses `select`. If it is missing or only excludes, everything else is read.
    fn of(value: Option<&Value>) -> Self {
        let (mut taken, mut left_out) = (BTreeSet::new(), BTreeSet::new());
        for pattern in value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            match pattern.strip_prefix('!') {
                Some(pattern) => left_out.insert(pattern.to_owned()),
                None => taken.insert(pattern.to_owned()),
            };
        }
        if taken.is_empty() {
            taken.insert("*.*".to_owned());
        }
        Self { taken, left_out }
    }

    fn takes(&self, stream: &str) -> bool {
        self.taken.iter().any(|pattern| Pattern::parse(pattern).stream.matches(stream))
    }
}

/// Tells whether one of the patterns covers everything that a pattern matches, as far as wildcards allow that to be
/// known.
fn covered(pattern: &str, patterns: &BTreeSet<String>) -> bool {
    let new = Pattern::parse(pattern);
    let (stream, is_plain) = (new.stream.literal(), |field: &str| !field.contains(['*', '?', '[']));
    patterns.iter().map(|known| Pattern::parse(known)).any(|known| {
        let is_all = |text: &str| known.stream.matches(text);
        let of_stream = known.stream == new.stream || stream.as_deref().map_or_else(|| is_all("*"), is_all);
        of_stream
            && match (&new.field, &known.field) {
                (None, _) => true,
                (Some(_), Some(known)) if known == "*" => true,
                (Some(new), Some(_)) if is_plain(new) => {
                    known.fields().is_some_and(|fields| fields.matches(&field_breadcrumb(new)))
                }
                (new, known) => new == known,
            }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn streams(before: &[&str], after: &[&str]) -> Vec<String> {
        let said = |patterns: &[&str]| (!patterns.is_empty()).then(|| json!(patterns));
        newly_selected(said(before).as_ref(), said(after).as_ref()).into_iter().collect()
    }

    #[test]
    fn selecting_less_reads_nothing_again() {
        for (before, after) in [
            (&["A.*", "B.*"][..], &["A.*"][..]),
            (&[], &["A.*"]),
            (&[], &["A.id", "!B.*"]),
            (&["!B.*"], &["A.*", "!B.*"]),
            (&["*.*"], &[]),
            (&["*.*"], &["A.*"]),
            (&["A.*"], &["A.id", "A.name"]),
            (&["A.*"], &["A.*", "!A.secret"]),
            (&["A.*", "B.*", "!A.secret"], &["B.*"]),
            (&["A.*", "!A.secret"], &["A.*", "!A.*"]),
            (&["public-*.*"], &["public-orders.*"]),
            (&["A.*"], &["A.i*"]),
            (&["A.i*"], &["A.id"]),
            (&["A.i*"], &["A.i*", "!A.id"]),
        ] {
            assert_eq!(streams(before, after), Vec::<String>::new(), "{before:?} -> {after:?}");
        }
    }

    #[test]
    fn newly_selected_streams_are_named() {
        for (before, after, named) in [
            (&["A.*"][..], &["A.*", "B.*"][..], &["B"][..]),
            (&["A.*"], &[], &["*"]),
            (&["A.*"], &["!B.*"], &["*"]),
            (&["A.id"], &["A.id", "A.name"], &["A"]),
            (&["A.id"], &["A.*"], &["A"]),
            (&["A.*", "!A.secret"], &["A.*"], &["A"]),
            (&["A.*", "!A.secret"], &["A.secret"], &["A"]),
            (&["A.*", "!*.secret"], &["A.*"], &["*"]),
            (&["A.*", "!A.*"], &["A.*", "!A.secret"], &["A"]),
            (&["public-orders.*"], &["public-*.*"], &["public-*"]),
            (&["A.i?"], &["A.i*"], &["A"]),
            (&["A.i*"], &["A.name"], &["A"]),
        ] {
            assert_eq!(streams(before, after), named, "{before:?} -> {after:?}");
        }
    }
}
