//! Which streams several integrations of one connector select, if their streams are not known.

use std::collections::{BTreeMap, BTreeSet};

use super::Writer;
use crate::integration::select::{Glob, Pattern, stream_part};

/// How many integrations with wildcards are compared with all others.
const HELD: usize = 50;

/// The streams that an integration reads, as far as known.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    named: BTreeSet<String>,
    wild: Vec<(String, Glob)>,
}

impl Patterns {
    /// Returns what a writer reads: the streams of its source, or else the patterns of its file.
    pub(super) fn of(writer: &Writer<'_>) -> Self {
        if let Some(streams) = &writer.streams {
            return Self { named: streams.iter().map(|stream| stream.name.clone()).collect(), wild: Vec::new() };
        }
        let mut found = Self::default();
        let (left_out, taken): (Vec<&String>, Vec<_>) =
            writer.declaration().select.iter().partition(|pattern| pattern.starts_with('!'));
        for pattern in &taken {
            match Pattern::parse(pattern).stream.literal() {
                Some(stream) => drop(found.named.insert(stream)),
                None => found.wild.push((stream_part(pattern).to_owned(), Pattern::parse(pattern).stream)),
            }
        }
        if taken.is_empty() {
            found.wild.push(("*".to_owned(), Glob::from("*")));
        }
        for pattern in left_out {
            let pattern = Pattern::parse(pattern);
            if pattern.field.as_deref().is_none_or(|field| field == "*") {
                found.named.retain(|stream| !pattern.stream.matches(stream));
            }
        }
        found
    }

    /// Returns the streams that two of them both name, by their two indexes.
    pub(super) fn common(all: &[Self]) -> BTreeMap<(usize, usize), Vec<String>> {
        let mut first: BTreeMap<&str, usize> = BTreeMap::new();
        let mut common: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
        for (at, one) in all.iter().enumerate() {
            for stream in &one.named {
                let before = *first.entry(stream).or_insert(at);
                if before != at {
                    common.entry((before, at)).or_default().push(stream.clone());
                }
            }
        }
        common
    }

    /// Returns the indexes of those whose wildcards may select streams of another one.
    pub(super) fn maybe(all: &[Self]) -> BTreeSet<usize> {
        let wild = all.iter().enumerate().filter(|(_, one)| !one.wild.is_empty()).take(HELD);
        let pairs =
            wild.flat_map(|(at, one)| all.iter().enumerate().map(move |(with, other)| ((at, one), (with, other))));
        let met = pairs.filter(|((at, one), (with, other))| at != with && one.meets(other));
        met.flat_map(|((at, _), (with, _))| [at, with]).collect()
    }

    fn meets(&self, other: &Self) -> bool {
        other.named.iter().any(|stream| self.wild.iter().any(|(_, glob)| glob.matches(stream)))
            || other.wild.iter().any(|(theirs, _)| self.wild.iter().any(|(ours, _)| is_near(ours, theirs)))
    }
}

/// Tells whether two patterns begin alike, up to their first wildcards.
fn is_near(one: &str, other: &str) -> bool {
    let start = |pattern: &str| pattern.split(['*', '?', '[']).next().unwrap_or_default().to_owned();
    let (one, other) = (start(one), start(other));
    one.starts_with(&other) || other.starts_with(&one)
}
