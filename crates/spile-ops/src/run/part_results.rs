//! The result of a sync from the results of its parts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::Value;

use spile_core::problem::counted;
use spile_core::run::Details;
use spile_core::run::log::CatalogFacts;
use spile_core::run::parts::{Part, ReportedState, joined};
use spile_world::processes::meltano::{Finished, Outcome};

/// How many streams of a part an error names.
const NAMED: usize = 3;

/// What attempts of one run have done with several processes.
#[derive(Debug, Clone, Default)]
pub(super) struct PartsSoFar {
    /// The streams that parts have read to their end. A retry reads the others.
    pub read: BTreeSet<String>,
    /// Why one process has to read all streams, if a part found that out.
    pub indivisible: Option<String>,
}

impl PartsSoFar {
    /// Adds what parts have done.
    pub(super) fn add(&mut self, ends: &[PartEnd], indivisible: Option<&String>) {
        let read = ends.iter().filter(|end| end.succeeded()).flat_map(|end| end.part.names());
        self.read.extend(read.map(str::to_owned));
        self.indivisible = indivisible.cloned().or(self.indivisible.take());
    }
}

/// The end of one part.
pub(super) struct PartEnd {
    /// The part.
    pub part: Part,
    /// Its result.
    pub finished: Finished,
    /// When it ended.
    pub ended: Instant,
}

impl PartEnd {
    pub(super) fn succeeded(&self) -> bool {
        self.finished.outcome == Outcome::Succeeded
    }

    pub(super) fn failed(&self) -> bool {
        matches!(self.finished.outcome, Outcome::Failed { .. })
    }
}

/// The result of a sync that was divided.
pub(super) struct PartResults {
    /// The results of parts that were read again afterwards, if there are any. They count like those of an earlier attempt.
    pub earlier: Option<Finished>,
    /// The last result of each part.
    pub last: Finished,
}

impl PartResults {
    /// Combines the ends of parts, in the order in which they ended.
    pub(super) fn of(ends: &[PartEnd], not_started: usize) -> Self {
        let last_at: BTreeMap<usize, usize> = ends.iter().enumerate().map(|(at, end)| (end.part.number, at)).collect();
        let is_last = |at: usize, end: &PartEnd| last_at.get(&end.part.number) == Some(&at);
        let ends = || ends.iter().enumerate();
        let last: Vec<&PartEnd> = ends().filter(|(at, end)| is_last(*at, end)).map(|(_, end)| end).collect();
        let earlier: Vec<&PartEnd> = ends().filter(|(at, end)| !is_last(*at, end)).map(|(_, end)| end).collect();
        let earlier = (!earlier.is_empty()).then(|| combined(&earlier, 0));
        Self { earlier, last: combined(&last, not_started) }
    }
}

fn combined(ends: &[&PartEnd], not_started: usize) -> Finished {
    let mut whole = Finished::without_records(outcome(ends, not_started));
    let (mut details, mut catalog) = (Details::default(), CatalogFacts::default());
    for PartEnd { finished, .. } in ends {
        whole.records += finished.records;
        whole.streams.extend(finished.streams.clone());
        details.add_part(finished.details.clone());
        catalog.add_part(finished.catalog.clone());
    }
    whole.bookmark_before = state(ends, |finished| finished.bookmark_before.as_ref());
    whole.bookmark_after = state(ends, |finished| finished.bookmark_after.as_ref());
    Finished { details, catalog, ..whole }
}

/// Joins the states that parts reported.
fn state<'a>(ends: &[&'a PartEnd], of: impl Fn(&'a Finished) -> Option<&'a Value>) -> Option<Value> {
    let reported = |end: &&'a PartEnd| ReportedState { streams: end.part.names(), state: of(&end.finished) };
    joined(&ends.iter().map(reported).collect::<Vec<_>>())
}

fn outcome(ends: &[&PartEnd], not_started: usize) -> Outcome {
    let failed: Vec<&&PartEnd> = ends.iter().filter(|end| end.failed()).collect();
    if let Some(first) = failed.first()
        && let Outcome::Failed { message, cause } = &first.finished.outcome
    {
        let more = match failed.len() - 1 {
            0 => String::new(),
            more => format!(" (and {} failed)", counted(more, "more part")),
        };
        let message = format!("{}: {message}{more}", named(&first.part));
        return Outcome::Failed { message, cause: *cause };
    }
    let stopped = ends.iter().find(|end| !end.succeeded()).map(|end| end.finished.outcome.clone());
    stopped.unwrap_or(if not_started == 0 { Outcome::Succeeded } else { Outcome::Interrupted })
}

/// Returns a part as an error names it.
fn named(part: &Part) -> String {
    let mut names: Vec<String> = part.names().into_iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    if part.streams.len() > NAMED {
        names.push(format!("{} more", part.streams.len() - NAMED));
    }
    format!("part {} of {} ({})", part.number, part.of, names.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use spile_core::run::Cause;
    use spile_core::run::parts::SelectedStream;

    fn end(number: usize, streams: &[&str], outcome: Outcome) -> PartEnd {
        let stream =
            |name: &&str| SelectedStream { name: (*name).to_owned(), sent_as: (*name).to_owned(), is_from_log: false };
        let part = Part { number, of: 2, streams: streams.iter().map(stream).collect() };
        let mark = |id: u64| Some(json!({ "bookmarks": { streams[0]: { "id": id } } }));
        let finished = Finished {
            records: 3,
            streams: BTreeMap::from([(streams[0].to_owned(), 3)]),
            bookmark_before: mark(1),
            bookmark_after: mark(4),
            ..Finished::without_records(outcome)
        };
        PartEnd { part, finished, ended: Instant::now() }
    }

    fn failed(message: &str) -> Outcome {
        Outcome::Failed { message: message.to_owned(), cause: Cause::Network }
    }

    #[test]
    fn parts_that_succeeded_are_one_run_that_succeeded() {
        let ends = [end(2, &["b"], Outcome::Succeeded), end(1, &["a"], Outcome::Succeeded)];
        let PartResults { earlier, last: whole } = PartResults::of(&ends, 0);
        assert_eq!((earlier, whole.outcome, whole.records), (None, Outcome::Succeeded, 6));
        assert_eq!(whole.streams, BTreeMap::from([("a".to_owned(), 3), ("b".to_owned(), 3)]));
        assert_eq!(whole.bookmark_after, Some(json!({"bookmarks": {"a": {"id": 4}, "b": {"id": 4}}})));
        assert_eq!(PartResults::of(&ends, 1).last.outcome, Outcome::Interrupted, "a part was not started");
    }

    #[test]
    fn the_first_failure_is_named_with_its_part() {
        let ends = [
            end(2, &["b", "c", "d", "e"], failed("cut")),
            end(1, &["a"], failed("off")),
            end(1, &["a"], failed("off")),
        ];
        let message = "part 2 of 2 (`b`, `c`, `d`, 1 more): cut (and 1 more part failed)";
        assert_eq!(PartResults::of(&ends, 0).last.outcome, failed(message));
    }

    #[test]
    fn a_part_that_succeeds_when_it_is_read_again_has_succeeded() {
        let ends =
            [end(1, &["a"], failed("off")), end(2, &["b"], Outcome::Succeeded), end(1, &["a"], Outcome::Succeeded)];
        let PartResults { earlier, last } = PartResults::of(&ends, 0);
        assert_eq!((last.outcome, last.records), (Outcome::Succeeded, 6));
        assert_eq!(earlier.unwrap().streams, BTreeMap::from([("a".to_owned(), 3)]));
    }

    #[test]
    fn a_part_that_ran_too_long_is_not_hidden_by_others() {
        let late = Outcome::TimedOut { after: std::time::Duration::from_secs(9) };
        let ends = [end(1, &["a"], Outcome::Succeeded), end(2, &["b"], late.clone())];
        assert_eq!(PartResults::of(&ends, 0).last.outcome, late);
    }
}
