//! Interrupted full refreshes: the next sync continues them.
//!
//! A full refresh overwrites the earlier bookmarks. If it is interrupted, the bookmarks of the streams that it had
//! finished are kept, and the next sync restarts all others. If it had stored none yet, everything is restarted.

use uuid::Uuid;

use super::{Run, RunKind};
use crate::name::IntegrationId;

/// An interrupted full refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfinished {
    /// Its last run.
    pub run: Uuid,
    /// What it stored.
    pub left: RefreshRemains,
}

/// What an interrupted full refresh stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshRemains {
    /// Its own bookmarks, from which the next sync continues.
    Bookmarks,
    /// Nothing: the stored bookmarks are from before it.
    Nothing,
}

/// Finds the full refresh into a loader that the next sync continues. `runs` holds the runs of an integration, newest
/// first; `except` is the run that asks.
#[must_use]
pub fn unfinished(runs: &[Run], loader: Option<IntegrationId>, except: Uuid) -> Option<Unfinished> {
    // A sync of some streams neither continues nor replaces a refresh.
    let is_of = |run: &&Run| {
        let is_whole = run.kind == RunKind::Sync && run.is_live() && run.details.filter.only.is_empty();
        is_whole && run.loader == loader && run.id != except
    };
    let mut broken_off = runs.iter().filter(is_of).take_while(|run| run.full_refresh && !run.status.succeeded());
    let last = broken_off.next()?;
    // A run that continues another one starts with that one's bookmarks; a requested refresh starts with none.
    let left =
        std::iter::once(last).chain(broken_off).find_map(|run| match (&run.bookmark_after, &run.bookmark_before) {
            (Some(_), _) => Some(RefreshRemains::Bookmarks),
            (None, None) => Some(RefreshRemains::Nothing),
            (None, Some(_)) => None,
        });
    Some(Unfinished { run: last.id, left: left.unwrap_or(RefreshRemains::Bookmarks) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::tests::run;
    use crate::run::RunStatus;
    use serde_json::json;

    /// Runs by their notation: `f` for a full refresh that failed, `o` for one that succeeded and `w` for one with a
    /// warning, `n` for an ordinary sync that failed; then the bookmarks before and after, `-` for none.
    fn runs(written: &[&str]) -> Vec<Run> {
        let one = |(number, text): (usize, &&str)| {
            let is_some = |at: usize| text.as_bytes()[at] != b'-';
            let status = match text.as_bytes()[0] {
                b'o' => RunStatus::Ok,
                b'w' => RunStatus::Warning,
                _ => RunStatus::Failed,
            };
            Run {
                id: Uuid::from_u128(number as u128 + 1),
                full_refresh: !text.starts_with('n'),
                bookmark_before: is_some(1).then(|| json!({})),
                bookmark_after: is_some(2).then(|| json!({})),
                ..run(RunKind::Sync, status, 0)
            }
        };
        written.iter().enumerate().map(one).collect()
    }

    #[test]
    fn an_interrupted_full_refresh_is_continued_or_restarted_if_it_stored_nothing() {
        let left = |written: &[&str]| {
            let runs = runs(written);
            unfinished(&runs, runs.first()?.loader, Uuid::nil()).map(|unfinished| unfinished.left)
        };
        assert_eq!(left(&[]), None);
        assert_eq!(left(&["o--", "f-a"]), None);
        assert_eq!(left(&["w--", "f-a"]), None, "a run with a warning is complete");
        assert_eq!(left(&["nba", "f-a"]), None, "a later sync has continued it");
        assert_eq!(left(&["f-a", "o-a"]), Some(RefreshRemains::Bookmarks));
        assert_eq!(left(&["f--", "f-a"]), Some(RefreshRemains::Nothing), "it was requested again");
        assert_eq!(left(&["fb-", "f-a"]), Some(RefreshRemains::Bookmarks));
        assert_eq!(left(&["fb-", "f--"]), Some(RefreshRemains::Nothing));
    }

    #[test]
    fn runs_into_another_loader_and_the_run_itself_do_not_count() {
        let runs = runs(&["f-a", "o--"]);
        assert_eq!(unfinished(&runs, runs[0].loader, runs[0].id), None);
        assert_eq!(unfinished(&runs, Some(IntegrationId(Uuid::nil())), Uuid::nil()), None);
    }
}
