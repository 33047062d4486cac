//! Interrupted full refreshes: the next sync continues them.
//!
//! A full refresh overwrites the earlier bookmarks. If it was interrupted, those of the streams that it
//! had finished are kept, and the next sync restarts all others. If it stopped before it had any, everything is restarted.

use uuid::Uuid;

use super::{Run, RunKind};
use crate::name::IntegrationId;

/// A full refresh that broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfinished {
    /// The last run of it.
    pub run: Uuid,
    /// What it has left.
    pub left: RefreshRemains,
}

/// What a full refresh that broke off has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshRemains {
    /// Bookmarks of its own, from which it continues.
    Bookmarks,
    /// Nothing: what is kept are the bookmarks from before it.
    Nothing,
}

/// Finds the full refresh into a loader that the next sync continues, in the runs of an integration, the newest first;
/// `except` is the run that asks.
#[must_use]
pub fn unfinished(runs: &[Run], loader: Option<IntegrationId>, except: Uuid) -> Option<Unfinished> {
    // A sync of some streams alone neither continues a refresh nor replaces it.
    let is_of = |run: &&Run| {
        let is_whole = run.kind == RunKind::Sync && run.details.filter.only.is_empty();
        is_whole && run.loader == loader && run.id != except
    };
    let mut broken_off = runs.iter().filter(is_of).take_while(|run| run.full_refresh && !run.status.succeeded());
    let last = broken_off.next()?;
    // One that went on with another begins with bookmarks of that one, and one that was asked for with none.
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

    /// A run as written: `f` for a full refresh that failed, `o` for one that ended well and `w` for one with a warning,
    /// `n` for an ordinary sync that failed; then what it began with and left, `-` for none.
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
    fn a_full_refresh_that_broke_off_is_gone_on_with_and_one_that_kept_nothing_begun_anew() {
        let left = |written: &[&str]| {
            let runs = runs(written);
            unfinished(&runs, runs.first()?.loader, Uuid::nil()).map(|unfinished| unfinished.left)
        };
        assert_eq!(left(&[]), None);
        assert_eq!(left(&["o--", "f-a"]), None);
        assert_eq!(left(&["w--", "f-a"]), None, "a warning is no end half-way");
        assert_eq!(left(&["nba", "f-a"]), None, "who synced since has gone on from there");
        assert_eq!(left(&["f-a", "o-a"]), Some(RefreshRemains::Bookmarks));
        assert_eq!(left(&["f--", "f-a"]), Some(RefreshRemains::Nothing), "it was asked for anew");
        assert_eq!(left(&["fb-", "f-a"]), Some(RefreshRemains::Bookmarks));
        assert_eq!(left(&["fb-", "f--"]), Some(RefreshRemains::Nothing));
    }

    #[test]
    fn what_another_loader_got_and_the_run_itself_do_not_count() {
        let runs = runs(&["f-a", "o--"]);
        assert_eq!(unfinished(&runs, runs[0].loader, runs[0].id), None);
        assert_eq!(unfinished(&runs, Some(IntegrationId(Uuid::nil())), Uuid::nil()), None);
    }
}
