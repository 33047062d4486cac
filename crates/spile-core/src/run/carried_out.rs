//! Which choices of applies a sync carries out.
//!
//! An apply only moves bookmarks, or leaves them where they are. The first sync that reads these streams to the end carries
//! the choice out, and keeps that in its record.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Run, RunKind, StreamFilter};
use crate::integration::select::Glob;
use crate::state::change::StateChange;
use crate::state::choice::AppliedChoice;
use crate::state::{SingerState, differences};

/// How many of the newest changes of bookmarks are looked through for choices.
pub const CHANGES: usize = 20;

/// A choice of an apply, as the run that carries it out records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedOut {
    /// What was chosen, and by which plan.
    #[serde(flatten)]
    pub choice: AppliedChoice,
    /// The change of the bookmarks that the apply made for it.
    pub change: Uuid,
    /// Who applied.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

/// A sync that is about to read, and what came before it.
#[derive(Debug, Clone, Copy)]
pub struct Upcoming<'a> {
    /// The streams that it reads.
    pub filter: &'a StreamFilter,
    /// Earlier live runs of the integration in the environment.
    pub earlier: &'a [Run],
    /// The changes of its bookmarks, the newest first.
    pub changes: &'a [StateChange],
}

impl Upcoming<'_> {
    /// Returns the choices that the sync carries out, the oldest first: no earlier sync has, and nobody has moved the
    /// bookmarks since.
    #[must_use]
    pub fn choices(&self) -> Vec<CarriedOut> {
        let mut moved: BTreeSet<String> = BTreeSet::new();
        let mut found = Vec::new();
        for change in self.changes {
            let is_open = |stream: &str| {
                !moved.contains(stream) && self.filter.continues(stream) && !self.has_read(stream, change.at)
            };
            let what = change.choice.as_ref().and_then(|choice| choice.what.only(is_open));
            if let (Some(what), Some(AppliedChoice { plan, .. })) = (what, &change.choice) {
                let choice = AppliedChoice { plan: plan.clone(), what };
                found.push(CarriedOut { choice, change: change.id, actor: change.actor.clone(), at: change.at });
            }
            moved.extend(moved_by(change));
        }
        found.reverse();
        found
    }

    /// Tells whether an earlier sync has read a stream to the end since a moment.
    fn has_read(&self, stream: &str, since: Timestamp) -> bool {
        let is_later = |run: &&Run| {
            run.kind == RunKind::Sync && run.started_at >= since && run.status.succeeded() && run.is_live()
        };
        self.earlier.iter().filter(is_later).any(|run| run.details.filter.reads(stream))
    }
}

/// Returns the streams whose bookmarks a change has moved.
fn moved_by(change: &StateChange) -> Vec<String> {
    // A state that cannot be parsed has no bookmarks that a choice could be about.
    let [before, after] =
        [&change.before, &change.after].map(|text| text.as_deref().and_then(|text| SingerState::parse(text).ok()));
    let all = differences(before.as_ref(), after.as_ref());
    all.into_iter().filter_map(|difference| difference.stream).collect()
}

impl StreamFilter {
    /// Tells whether a sync reads a stream.
    fn reads(&self, stream: &str) -> bool {
        self.only.is_empty() || is_one(&self.only, stream)
    }

    /// Tells whether a sync reads a stream from its bookmark.
    fn continues(&self, stream: &str) -> bool {
        self.reads(stream) && !is_one(&self.refresh, stream)
    }
}

fn is_one(patterns: &[String], stream: &str) -> bool {
    patterns.iter().any(|pattern| Glob::from(pattern.as_str()).matches(stream))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::tests::{at, run};
    use crate::run::RunStatus;
    use crate::state::choice::StreamChoice;

    fn streams(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn change(minute: i64, what: Option<StreamChoice>, states: [&str; 2]) -> StateChange {
        let run = run(RunKind::Sync, RunStatus::Ok, 0);
        let [before, after] = states.map(|value| {
            let bookmarks = if value.is_empty() { String::new() } else { format!("\"a\": {{\"id\": {value}}}") };
            Some(format!("{{\"bookmarks\": {{{bookmarks}}}}}"))
        });
        StateChange {
            id: Uuid::from_u128(u128::try_from(minute).unwrap()),
            integration: run.integration,
            slug: run.slug,
            environment: run.environment,
            state_id: "dev:a-to-b".to_owned(),
            at: at(minute),
            actor: "ada".to_owned(),
            host: "here".to_owned(),
            action: String::new(),
            before,
            after,
            choice: what.map(|what| AppliedChoice { plan: format!("plan {minute}"), what }),
        }
    }

    fn carried_out(filter: &StreamFilter, earlier: &[Run], changes: &[StateChange]) -> Vec<(String, StreamChoice)> {
        let choices = Upcoming { filter, earlier, changes }.choices();
        choices.into_iter().map(|one| (one.choice.plan, one.choice.what)).collect()
    }

    fn forward(names: &[&str]) -> StreamChoice {
        StreamChoice::ForwardOnly { streams: streams(names) }
    }

    fn synced(status: RunStatus, minute: i64, only: &[&str]) -> Run {
        let mut run = Run { started_at: at(minute), ..run(RunKind::Sync, status, minute) };
        run.details.filter.only = only.iter().map(|name| (*name).to_owned()).collect();
        run
    }

    #[test]
    fn a_choice_is_carried_out_by_the_first_sync_that_reads_its_streams_to_the_end() {
        let all = StreamFilter::default();
        let changes = [change(5, Some(forward(&["a", "b"])), ["7", "7"])];
        let plan = |names: &[&str]| vec![("plan 5".to_owned(), forward(names))];
        assert_eq!(carried_out(&all, &[], &changes), plan(&["a", "b"]));
        assert_eq!(carried_out(&all, &[synced(RunStatus::Ok, 4, &[])], &changes), plan(&["a", "b"]));
        assert_eq!(carried_out(&all, &[synced(RunStatus::Failed, 6, &[])], &changes), plan(&["a", "b"]));
        assert_eq!(carried_out(&all, &[synced(RunStatus::Ok, 6, &["b*"])], &changes), plan(&["a"]));
        assert_eq!(carried_out(&all, &[synced(RunStatus::Warning, 6, &[])], &changes), []);
        let only = StreamFilter { only: vec!["b".to_owned()], refresh: Vec::new() };
        assert_eq!(carried_out(&only, &[], &changes), plan(&["b"]));
        let again = StreamFilter { only: Vec::new(), refresh: vec!["a".to_owned()] };
        assert_eq!(carried_out(&again, &[], &changes), plan(&["b"]), "a full refresh reads older rows anyway");
    }

    #[test]
    fn a_bookmark_that_was_moved_later_ends_a_choice() {
        let since = [("a".to_owned(), "2026-01-01".to_owned())].into();
        let back = || change(5, Some(StreamChoice::Backfill { since }), ["7", "3"]);
        let undone = change(6, None, ["3", "7"]);
        let later = change(7, Some(StreamChoice::Resync { streams: streams(&["a"]) }), ["7", ""]);
        let plans = |changes: &[StateChange]| {
            let found = carried_out(&StreamFilter::default(), &[], changes);
            found.into_iter().map(|(plan, _)| plan).collect::<Vec<_>>()
        };
        let (back, forward) = (back(), change(6, Some(forward(&["a"])), ["3", "3"]));
        assert_eq!(plans(&[undone, back.clone()]), [""; 0]);
        assert_eq!(plans(&[later, back.clone()]), ["plan 7"]);
        assert_eq!(plans(&[forward, back]), ["plan 5", "plan 6"]);
    }
}
