//! Statistics over many runs of an integration.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{Cause, Run, RunKind, RunStatus};
use crate::connector::Role;
use crate::name::{IntegrationId, Slug};

/// The statistics of an integration's syncs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// The integration, by its newest name.
    pub slug: Slug,
    /// How many succeeded or failed. Canceled syncs do not count.
    pub syncs: usize,
    /// How many of them failed.
    pub failed: usize,
    /// How many records they moved.
    pub records: u64,
    /// How many bytes passed in those whose records went through spile's relay.
    pub bytes: u64,
    /// The median speed of the successful ones that moved records through the relay, in records per second.
    pub records_per_second: Option<f64>,
    /// The side that the newest successful one mostly waited for; `None` if neither clearly was the slower one.
    pub slower: Option<Role>,
    /// The median duration of the successful ones, in seconds.
    pub median_seconds: Option<f64>,
    /// The longest duration of the successful ones, in seconds.
    pub longest_seconds: Option<f64>,
    /// When the newest successful one ended.
    pub last_ok: Option<Timestamp>,
    /// The kinds of failures, and how many there were of each.
    pub causes: BTreeMap<Cause, usize>,
}

/// Returns the statistics of runs, newest first, by integration, sorted by name.
#[must_use]
pub fn stats(runs: &[Run]) -> Vec<Stats> {
    let mut by_integration: BTreeMap<IntegrationId, Vec<&Run>> = BTreeMap::new();
    let has_ended = |run: &Run| run.status.succeeded() || run.status == RunStatus::Failed;
    let ended = |run: &&Run| has_ended(run) && run.kind == RunKind::Sync && run.is_live();
    for run in runs.iter().filter(ended) {
        by_integration.entry(run.integration).or_default().push(run);
    }
    let mut all: Vec<Stats> = by_integration.values().filter_map(|runs| of(runs)).collect();
    all.sort_by(|a, b| a.slug.cmp(&b.slug));
    all
}

fn of(runs: &[&Run]) -> Option<Stats> {
    let newest = runs.first()?;
    let went_well = || runs.iter().filter(|run| run.status.succeeded());
    let mut seconds: Vec<f64> = went_well().filter_map(|run| run.seconds()).collect();
    seconds.sort_by(f64::total_cmp);
    let mut speeds: Vec<f64> = went_well().filter_map(|run| run.records_per_second()).collect();
    speeds.sort_by(f64::total_cmp);
    let transfers = runs.iter().filter_map(|run| run.details.transfer);
    let mut causes = BTreeMap::new();
    for cause in runs.iter().filter(|run| run.status == RunStatus::Failed).filter_map(|run| run.cause) {
        *causes.entry(cause).or_default() += 1;
    }
    Some(Stats {
        slug: newest.slug.clone(),
        syncs: runs.len(),
        failed: runs.len() - went_well().count(),
        records: runs.iter().filter_map(|run| run.records).sum(),
        bytes: transfers.map(|transfer| transfer.bytes).sum(),
        records_per_second: speeds.get(speeds.len() / 2).copied(),
        slower: went_well().find_map(|run| run.details.transfer).and_then(|transfer| transfer.slower()),
        median_seconds: seconds.get(seconds.len() / 2).copied(),
        longest_seconds: seconds.last().copied(),
        last_ok: went_well().filter_map(|run| run.finished_at).max(),
        causes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::tests::{at, id, run};
    use crate::run::Transfer;

    /// A sync that took this many seconds. Greater numbers began later.
    fn sync(status: RunStatus, number: i64, seconds: i64) -> Run {
        let begun = number * 100;
        Run { finished_at: Some(at(begun + seconds)), ..run(RunKind::Sync, status, begun) }
    }

    #[test]
    fn syncs_that_succeeded_or_failed_are_counted_by_integration_under_its_newest_name() {
        let failed = |number, cause| Run { cause: Some(cause), ..sync(RunStatus::Failed, number, 50) };
        let renamed = Run { slug: "eshop".parse().unwrap(), ..sync(RunStatus::Ok, 9, 4) };
        let mut measured = Run { records: Some(30), ..sync(RunStatus::Ok, 8, 1) };
        let (passing_ms, waited_for_loader_ms) = (6_000, 5_000);
        let transfer = Transfer { bytes: 3_000, passing_ms, waited_for_loader_ms, ..Transfer::default() };
        measured.details.transfer = Some(transfer);
        let bank = Run { integration: id(2), slug: "bank".parse().unwrap(), ..failed(1, Cause::Killed) };
        let runs = [
            run(RunKind::Sync, RunStatus::Running, 2000),
            run(RunKind::Sync, RunStatus::Cancelled, 1800),
            run(RunKind::Test, RunStatus::Ok, 1600),
            run(RunKind::Test, RunStatus::Failed, 1400),
            failed(10, Cause::Network),
            Run { records: Some(7), ..renamed },
            measured,
            Run { records: Some(5), ..failed(7, Cause::Network) },
            sync(RunStatus::Ok, 6, 9),
            failed(5, Cause::Credentials),
            sync(RunStatus::Ok, 4, 2),
            bank,
        ];
        let bank = Stats {
            slug: "bank".parse().unwrap(),
            syncs: 1,
            failed: 1,
            records: 0,
            bytes: 0,
            records_per_second: None,
            slower: None,
            median_seconds: None,
            longest_seconds: None,
            last_ok: None,
            causes: [(Cause::Killed, 1)].into(),
        };
        let shop = Stats {
            slug: "shop".parse().unwrap(),
            syncs: 7,
            failed: 3,
            records: 42,
            bytes: 3_000,
            records_per_second: Some(5.0),
            slower: Some(Role::Loader),
            median_seconds: Some(4.0),
            longest_seconds: Some(9.0),
            last_ok: Some(at(904)),
            causes: [(Cause::Network, 2), (Cause::Credentials, 1)].into(),
        };
        assert_eq!(stats(&runs), [bank.clone(), shop.clone()]);
        let shop = Stats { slug: "eshop".parse().unwrap(), syncs: 6, failed: 2, ..shop };
        let causes = [(Cause::Network, 1), (Cause::Credentials, 1)].into();
        assert_eq!(stats(&runs[5..]), [bank, Stats { causes, ..shop }]);
    }
}
