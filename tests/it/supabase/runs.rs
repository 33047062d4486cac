//! The history of runs in the hosted registry.

use spile_core::run::{Cause, Details, Run, RunKind, RunStatus};
use spile_world::Runs;
use uuid::Uuid;

use super::hosted::HostedRows;
use super::proxy::{Fault, Proxy};
use crate::contract::harness::id;

#[tokio::test]
async fn runs_are_kept_while_the_registry_is_down_and_sent_later() {
    let Some(subject) = HostedRows::start() else { return };
    let target = subject.of("acme", "dev");
    subject.holds(&[10]).await;
    let proxy = Proxy::before(&subject.database.url).await;
    let down = subject.behind(&proxy.url);
    proxy.after(0, Fault::Says(540, ""));
    down.record(&run(1, RunStatus::Running)).await.unwrap();
    proxy.after(0, Fault::Unavailable);
    down.record(&run(1, RunStatus::Running)).await.unwrap();
    subject.behind("http://127.0.0.1:9").record(&run(1, RunStatus::Failed)).await.unwrap();
    assert!(target.newest(None, 10).await.unwrap().is_empty());
    target.record(&run(2, RunStatus::Running)).await.unwrap();
    assert_eq!(target.standings().await.unwrap()[&id(10)].status, "error", "the stored one came first");
    target.record(&run(2, RunStatus::Ok)).await.unwrap();
    let found = target.newest(Some(id(10)), 10).await.unwrap();
    assert_eq!(found, [run(2, RunStatus::Ok), run(1, RunStatus::Failed)]);
    assert_eq!(target.newest_of_each().await.unwrap()[&id(10)], run(2, RunStatus::Ok));
    assert_eq!(target.get(run(1, RunStatus::Ok).id).await.unwrap().unwrap().status, RunStatus::Failed);
    assert_eq!(target.standings().await.unwrap()[&id(10)].status, "active");
}

#[tokio::test]
async fn an_ended_run_stays_ended_and_a_refused_one_blocks_no_others() {
    let Some(subject) = HostedRows::start() else { return };
    let target = subject.of("acme", "dev");
    let status = async |number: u8| target.get(Uuid::from_u128(number.into())).await.unwrap().map(|run| run.status);
    target.record(&run(1, RunStatus::Ok)).await.unwrap();
    target.record(&run(1, RunStatus::Running)).await.unwrap();
    assert_eq!(status(1).await, Some(RunStatus::Ok), "its beginning came late");
    subject
        .database
        .sql("alter table integration_runs add constraint nobody check (error is distinct from 'it failed')");
    target.record(&run(2, RunStatus::Failed)).await.unwrap_err();
    target.record(&run(3, RunStatus::Ok)).await.unwrap();
    assert_eq!((status(2).await, status(3).await), (None, Some(RunStatus::Ok)));
    subject.database.sql("alter table integration_runs drop constraint nobody");
    assert_eq!(status(2).await, Some(RunStatus::Failed), "it was stored, and is sent before it is read");
}

#[tokio::test]
async fn of_two_machines_one_has_the_lease_until_it_releases_it_or_dies() {
    let Some(subject) = HostedRows::start() else { return };
    let (one, other) = (subject.of("acme", "dev"), subject.of("acme", "dev"));
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    assert!(one.lease(id(10), first, "a").await.unwrap().granted);
    assert!(one.lease(id(10), first, "a").await.unwrap().granted, "it is renewed");
    let refused = other.lease(id(10), second, "b").await.unwrap();
    assert_eq!((refused.granted, refused.run, refused.host.as_deref()), (false, Some(first), Some("a")));
    assert!(other.lease(id(20), second, "b").await.unwrap().granted, "of another integration");
    assert!(subject.of("acme", "prod").lease(id(10), second, "b").await.unwrap().granted, "of another environment");
    one.release(first).await.unwrap();
    assert!(other.lease(id(10), second, "b").await.unwrap().granted);
    subject.database.sql("update integration_leases set expires_at = now() - interval '1 second'");
    assert!(one.lease(id(10), first, "a").await.unwrap().granted, "a lease that is not renewed is lost");
}

#[tokio::test]
async fn a_paused_integration_stays_paused_after_any_run() {
    let Some(subject) = HostedRows::start() else { return };
    let target = subject.of("acme", "dev");
    subject.holds(&[10]).await;
    target.set_status(&[id(10)], "paused").await.unwrap();
    target.record(&run(1, RunStatus::Ok)).await.unwrap();
    assert_eq!(target.standings().await.unwrap()[&id(10)].status, "paused");
    target.set_status(&[id(10)], "active").await.unwrap();
    assert_eq!(target.standings().await.unwrap()[&id(10)].status, "active");
}

pub fn run(number: u8, status: RunStatus) -> Run {
    let at = |second: u8| jiff::Timestamp::from_second(i64::from(number) * 100 + i64::from(second)).unwrap();
    Run {
        id: Uuid::from_u128(u128::from(number)),
        integration: id(10),
        slug: "row-1".parse().unwrap(),
        environment: "dev".parse().unwrap(),
        kind: RunKind::Sync,
        status,
        state_id: Some("dev:a-to-b".to_owned()),
        loader: Some(id(30)),
        started_at: at(0),
        finished_at: (status != RunStatus::Running).then(|| at(5)),
        records: Some(7),
        streams: [("things".to_owned(), 7)].into(),
        error: (status == RunStatus::Failed).then(|| "it failed".to_owned()),
        cause: (status == RunStatus::Failed).then_some(Cause::Network),
        attempts: 2,
        full_refresh: true,
        bookmark_before: None,
        bookmark_after: Some(serde_json::json!({ "bookmarks": { "things": 7 } })),
        scheduled_for: Some(at(0)),
        host: Some("worker".to_owned()),
        details: Details::default(),
        log: ".spile/logs/x.log".into(),
    }
}
