//! `forward_only` and `[backfill]`: what happens to rows that are already loaded, when a change would have their streams
//! read again.

use std::collections::{BTreeMap, BTreeSet};

use miette::{Diagnostic, SourceSpan};
use serde::{Deserialize, Serialize};

use super::select::{Glob, Pattern};
use crate::connector::kind::is_date;
use crate::problem::Problems;
use crate::source::{Place, Placed};
use crate::table::Table;

/// What happens to streams that a plan would read again. They are used up by the apply that changes these streams.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices {
    /// Patterns of streams that are not read again: older rows keep their values.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub forward_only: BTreeSet<String>,
    /// Streams that are read again from a date on, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub backfill: BTreeMap<String, String>,
}

/// The choices of a file, with their place.
#[derive(Debug, Clone)]
pub struct ChoicesDraft {
    /// The place of the first of them.
    pub place: Place,
    /// `forward_only`
    pub forward_only: Vec<Placed<String>>,
    /// `[backfill]`
    pub backfill: Vec<(String, Placed<String>)>,
}

/// Mistakes in the choices.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ChoiceMistake {
    /// A stream with two choices.
    #[error("`{stream}` is in both `forward_only` and `[backfill]`")]
    #[diagnostic(
        code(spile::choice::both),
        help(
            "keep it in `forward_only` to leave older rows unchanged, or in `[backfill]` to read them again from a date"
        )
    )]
    Both {
        /// The stream.
        stream: String,
        /// Where it is in `[backfill]`.
        #[label("also in `forward_only`")]
        span: SourceSpan,
    },
    /// A backfill that does not start at a date.
    #[error("`{stream}` has the backfill date `{date}`, which is not a date")]
    #[diagnostic(
        code(spile::choice::date),
        help("use a date like `2026-01-31`, or a time like `2026-01-31T06:00:00Z`")
    )]
    NotADate {
        /// The stream.
        stream: String,
        /// The text.
        date: String,
        /// Where it is.
        #[label("not a date")]
        span: SourceSpan,
    },
}

impl ChoicesDraft {
    /// Reads the choices of a file.
    pub(super) fn read(file: &Table<'_>, problems: &mut Problems) -> Option<Self> {
        let forward = file.texts("forward_only", problems);
        let table = file.table("backfill", problems);
        let place = forward.as_ref().map(|forward| forward.place.clone()).or_else(|| file.key_place("backfill"))?;
        let backfill = table.map(|table| {
            let nodes = table.nodes(problems).into_iter();
            let dates = nodes.map(|(stream, node)| {
                let date = node.placed();
                let text = date.value.as_str().map_or_else(|| date.value.to_string(), str::to_owned);
                (stream, Placed { value: text, place: date.place })
            });
            dates.collect()
        });
        let forward_only = forward.map(|forward| forward.value).unwrap_or_default();
        Some(Self { place, forward_only, backfill: backfill.unwrap_or_default() })
    }

    /// Returns the key that comes first.
    pub(super) fn key(&self) -> &'static str {
        if self.forward_only.is_empty() { "backfill" } else { "forward_only" }
    }

    /// Checks the choices.
    pub(super) fn check(&self, problems: &mut Problems) -> Placed<Choices> {
        let choices = Choices {
            forward_only: self.forward_only.iter().map(|pattern| pattern.value.clone()).collect(),
            backfill: self.backfill.iter().map(|(stream, date)| (stream.clone(), date.value.clone())).collect(),
        };
        for (stream, date) in &self.backfill {
            let span = date.place.span.clone().into();
            if !is_date(date) {
                let (stream, date_text) = (stream.clone(), date.value.clone());
                problems.push(&date.place.source, ChoiceMistake::NotADate { stream, date: date_text, span });
            } else if choices.goes_forward(stream) {
                problems.push(&date.place.source, ChoiceMistake::Both { stream: stream.clone(), span });
            }
        }
        Placed { value: choices, place: self.place.clone() }
    }
}

impl Choices {
    /// Tells whether nothing was chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.forward_only.is_empty() && self.backfill.is_empty()
    }

    /// Returns both together; where they differ, `over` counts.
    #[must_use]
    pub fn overlaid(&self, over: &Self) -> Self {
        let is_free = |stream: &str| !over.goes_forward(stream) && !over.backfill.contains_key(stream);
        let forward = self.forward_only.iter().filter(|pattern| is_free(pattern));
        let backfill = self.backfill.iter().filter(|(stream, _)| is_free(stream));
        let mut all = over.clone();
        all.forward_only.extend(forward.cloned());
        all.backfill.extend(backfill.map(|(stream, date)| (stream.clone(), date.clone())));
        all
    }

    /// Tells whether a stream is not read again.
    #[must_use]
    pub fn goes_forward(&self, stream: &str) -> bool {
        !self.backfill.contains_key(stream)
            && self.forward_only.iter().any(|one| Glob::from(one.as_str()).matches(stream))
    }

    /// Returns a stream with two choices, if there is one.
    #[must_use]
    pub fn chosen_twice(&self) -> Option<&str> {
        let matches = |stream: &str| self.forward_only.iter().any(|one| Glob::from(one.as_str()).matches(stream));
        self.backfill.keys().map(String::as_str).find(|stream| matches(stream))
    }

    /// Divides streams, as `select` names them, into those that are not read again and the rest. A pattern that may match
    /// other streams too is in the rest, and each chosen stream that it matches is named besides.
    #[must_use]
    pub fn forwarded(&self, streams: BTreeSet<String>) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut forward, mut rest) = (BTreeSet::new(), BTreeSet::new());
        for stream in streams {
            let pattern = Pattern::parse(&stream).stream;
            let is_covered = self.forward_only.iter().any(|one| Glob::from(one.as_str()).covers(&pattern))
                && !self.backfill.keys().any(|stream| pattern.matches(stream));
            if is_covered {
                forward.insert(stream);
                continue;
            }
            forward.extend(self.forward_only.iter().filter(|one| pattern.matches(one)).cloned());
            rest.insert(stream);
        }
        (forward, rest)
    }

    /// Returns the streams that are read again from a date on, of those that `select` names.
    #[must_use]
    pub fn backfilled(&self, streams: &BTreeSet<String>) -> BTreeMap<String, String> {
        let patterns: Vec<Glob> = streams.iter().map(|stream| Pattern::parse(stream).stream).collect();
        let is_meant = |stream: &str| patterns.iter().any(|pattern| pattern.matches(stream));
        let dates = self.backfill.iter().filter(|(stream, _)| is_meant(stream));
        dates.map(|(stream, date)| (stream.clone(), date.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(forward_only: &[&str], backfill: &[(&str, &str)]) -> Choices {
        Choices {
            forward_only: forward_only.iter().map(|one| (*one).to_owned()).collect(),
            backfill: backfill.iter().map(|(stream, date)| ((*stream).to_owned(), (*date).to_owned())).collect(),
        }
    }

    fn set(streams: &[&str]) -> BTreeSet<String> {
        streams.iter().map(|one| (*one).to_owned()).collect()
    }

    #[test]
    fn a_stream_goes_forward_if_its_pattern_matches_and_a_wider_pattern_stays() {
        let of = |chosen: &[&str], streams: &[&str]| choices(chosen, &[]).forwarded(set(streams));
        assert_eq!(of(&["orders"], &["orders", "refunds"]), (set(&["orders"]), set(&["refunds"])));
        assert_eq!(of(&["*"], &["orders", "public-*"]), (set(&["orders", "public-*"]), set(&[])));
        assert_eq!(of(&["public-*"], &["*"]), (set(&["public-*"]), set(&["*"])));
        assert_eq!(of(&["orders"], &["*"]), (set(&["orders"]), set(&["*"])));
        assert_eq!(of(&["order"], &["orders"]), (set(&[]), set(&["orders"])));
        let both = choices(&["*"], &[("orders", "2026-01-01")]);
        assert_eq!(both.forwarded(set(&["orders", "refunds"])), (set(&["refunds"]), set(&["orders"])));
        assert!(!both.goes_forward("orders") && both.goes_forward("refunds"));
    }

    #[test]
    fn the_command_line_counts_before_the_file() {
        let file = choices(&["orders", "refunds"], &[("customers", "2026-01-01")]);
        let line = choices(&["customers"], &[("orders", "2026-02-01")]);
        let all = choices(&["customers", "refunds"], &[("orders", "2026-02-01")]);
        assert_eq!(file.overlaid(&line), all);
        assert_eq!(all.chosen_twice(), None);
        assert_eq!(choices(&["o*"], &[("orders", "2026-01-01")]).chosen_twice(), Some("orders"));
    }

    #[test]
    fn only_dates_and_times_are_dates() {
        let dates = ["2026-01-31", "2026-01-31T06:00:00Z", "2026-01-31 06:00:00", "2026-02-30", "7", "yesterday"];
        assert_eq!(dates.map(is_date), [true, true, true, false, false, false]);
    }
}
