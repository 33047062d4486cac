//! What every run store guarantees about schedules and backfills.

use jiff::Timestamp;
use spile_core::run::{Cause, Run, RunStatus, TimeRange, Tries};
use spile_world::stores::memory::MemoryRuns;
use spile_world::{Local, Runs};
use uuid::Uuid;

use super::harness::id;
use crate::folder::Folder;
use crate::supabase::hosted::HostedRows;
use crate::supabase::runs::run;

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

async fn the_tries_of_the_newest_moment_are_known(runs: &dyn Runs) {
    assert!(runs.tries(second(9_999)).await.unwrap().is_empty());
    let of = |number: u8, moment: i64, status| Run { scheduled_for: Some(second(moment)), ..run(number, status) };
    let killed = |run| Run { cause: Some(Cause::Killed), ..run };
    let story = [
        of(1, 1000, RunStatus::Ok),
        of(2, 2000, RunStatus::Failed),
        killed(of(3, 3000, RunStatus::Failed)),
        of(4, 3000, RunStatus::Cancelled),
        of(5, 3000, RunStatus::Running),
        Run { scheduled_for: None, ..run(6, RunStatus::Ok) },
        Run { integration: id(20), ..of(7, 2000, RunStatus::Ok) },
        Run { integration: id(20), id: Uuid::from_u128(8), ..of(8, 2000, RunStatus::Failed) },
        Run { integration: id(30), scheduled_for: None, ..run(9, RunStatus::Ok) },
    ];
    for run in &story {
        runs.record(run).await.unwrap();
    }
    let tries = |moment, ended, lost| Tries { moment: second(moment), ended, lost };
    let all = runs.tries(second(9_999)).await.unwrap();
    assert_eq!(all, [(id(10), tries(3000, 0, 2)), (id(20), tries(2000, 2, 0))].into());
    let before = runs.tries(second(2999)).await.unwrap();
    assert_eq!(before[&id(10)], tries(2000, 1, 0), "future runs do not count");
    assert_eq!(runs.tries(second(3000)).await.unwrap()[&id(10)].moment, second(3000));
    assert!(runs.tries(second(999)).await.unwrap().is_empty());
}

/// A run that is a piece of a backfill.
pub(super) fn piece(number: u8, status: RunStatus) -> Run {
    let mut run = run(number, status);
    run.details.range = Some(TimeRange { from: second(0), to: second(3600) });
    run
}

async fn pieces_of_backfills_are_kept_apart(runs: &dyn Runs) {
    let pieces = [piece(2, RunStatus::Ok), piece(3, RunStatus::Failed)];
    let elsewhere = Run { integration: id(20), ..piece(4, RunStatus::Ok) };
    for run in [&run(1, RunStatus::Ok), &pieces[0], &pieces[1], &elsewhere] {
        runs.record(run).await.unwrap();
    }
    let [first, second] = pieces;
    assert_eq!(runs.newest(Some(id(10)), 10).await.unwrap().len(), 3);
    assert_eq!(runs.newest_live(id(10), 1).await.unwrap(), [run(1, RunStatus::Ok)]);
    assert_eq!(runs.newest_live(id(20), 10).await.unwrap(), []);
    assert_eq!(runs.backfills(id(10)).await.unwrap(), [second, first]);
    assert_eq!(runs.newest_of_each().await.unwrap(), [(id(10), run(1, RunStatus::Ok))].into());
}

#[tokio::test]
async fn pieces_of_backfills_are_kept_apart_in_memory() {
    pieces_of_backfills_are_kept_apart(&MemoryRuns::default()).await;
}

#[tokio::test]
async fn pieces_of_backfills_are_kept_apart_in_the_local_registry() {
    let folder = Folder::new();
    let local = Local::new(folder.join("x/registry.db"), "acme", &"dev".parse().unwrap());
    pieces_of_backfills_are_kept_apart(&local).await;
}

#[tokio::test]
async fn pieces_of_backfills_are_kept_apart_in_the_hosted_registry() {
    let Some(hosted) = HostedRows::start() else { return };
    let target = hosted.of("acme", "dev");
    hosted.holds(&[10]).await;
    pieces_of_backfills_are_kept_apart(&target).await;
    assert_eq!(target.standings().await.unwrap()[&id(10)].status, "active", "the failed piece does not count");
}

#[tokio::test]
async fn tries_are_known_in_memory() {
    the_tries_of_the_newest_moment_are_known(&MemoryRuns::default()).await;
}

#[tokio::test]
async fn tries_are_known_in_the_local_registry() {
    let folder = Folder::new();
    let local = |environment: &str| Local::new(folder.join("x/registry.db"), "acme", &environment.parse().unwrap());
    the_tries_of_the_newest_moment_are_known(&local("dev")).await;
    assert!(local("prod").tries(second(9_999)).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_end_of_a_run_is_kept_for_a_local_registry_that_cannot_be_written() {
    let folder = Folder::new();
    let local = Local::new(folder.join("x/registry.db"), "acme", &"dev".parse().unwrap());
    local.record(&run(1, RunStatus::Running)).await.unwrap();
    let database = rusqlite::Connection::open(folder.join("x/registry.db")).unwrap();
    let refusing = "create trigger nobody before insert on integration_runs when new.status <> 'running' \
                    begin select raise(abort, 'the disk is full'); end";
    database.execute_batch(refusing).unwrap();
    local.record(&run(1, RunStatus::Ok)).await.unwrap_err();
    database.execute_batch("drop trigger nobody").unwrap();
    local.record(&run(2, RunStatus::Running)).await.unwrap();
    let status = async |number: u8| local.get(Uuid::from_u128(number.into())).await.unwrap().unwrap().status;
    assert_eq!((status(1).await, status(2).await), (RunStatus::Ok, RunStatus::Running));
}

#[tokio::test]
async fn tries_are_known_in_the_hosted_registry() {
    let Some(hosted) = HostedRows::start() else { return };
    the_tries_of_the_newest_moment_are_known(&hosted.of("acme", "dev")).await;
    for others in [hosted.of("acme", "prod"), hosted.of("other", "dev")] {
        assert!(others.tries(second(9_999)).await.unwrap().is_empty());
    }
}
