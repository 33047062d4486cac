//! The contract of all alert stores.

use std::sync::Arc;

use spile_core::alert::delivery_log::LastingAlert;
use spile_core::alert::{Key, Told};
use spile_core::name::ChannelName;
use spile_core::run::{Run, RunKind, RunStatus};
use spile_core::settings::AlertKind;
use spile_world::stores::delivery_log::DeliveryRecord;
use spile_world::stores::memory::MemoryAlerts;
use spile_world::{Alerts, Local, Runs};

use super::harness::id;
use crate::folder::Folder;
use crate::supabase::hosted::HostedRows;
use crate::supabase::runs::run;

fn channel(name: &str) -> ChannelName {
    name.parse().unwrap()
}

fn told(second: i64) -> Told {
    let at = jiff::Timestamp::from_second(second).unwrap();
    let entry = LastingAlert { slug: Some("shop".parse().unwrap()), since: at, told_at: Some(at), claim: None };
    Told { alerts: [(Key::new(AlertKind::Failure, id(10)), entry)].into(), sent: vec![at] }
}

async fn of_two_who_read_the_same_one_writes(one: &dyn Alerts, other: &dyn Alerts) {
    let (ops, team) = (channel("ops"), channel("team"));
    for round in 1..=3 {
        let (mine, theirs) = (one.told(&ops).await.unwrap(), other.told(&ops).await.unwrap());
        assert_eq!((&mine, mine.version), (&theirs, round - 1));
        assert!(one.keep(&ops, &DeliveryRecord { told: told(round), ..mine }).await.unwrap());
        assert!(!other.keep(&ops, &DeliveryRecord { told: told(99), ..theirs }).await.unwrap(), "round {round}");
        assert_eq!(other.told(&ops).await.unwrap().told, told(round));
    }
    assert_eq!(one.told(&team).await.unwrap(), DeliveryRecord::default(), "another channel was not notified");
    assert!(
        !one.keep(&team, &DeliveryRecord { told: told(1), version: 3 }).await.unwrap(),
        "it never was of that version"
    );
    assert_eq!(one.told(&team).await.unwrap(), DeliveryRecord::default());
}

fn ended(number: u8, kind: RunKind, status: RunStatus) -> Run {
    Run { kind, ..run(number, status) }
}

async fn the_newest_runs_are_told_by_how_they_ended(alerts: &dyn Alerts, runs: &dyn Runs) {
    assert!(alerts.ends(None).await.unwrap().is_empty());
    let story = [
        ended(1, RunKind::Sync, RunStatus::Failed),
        ended(2, RunKind::Sync, RunStatus::Ok),
        ended(3, RunKind::Sync, RunStatus::Failed),
        ended(4, RunKind::Test, RunStatus::Ok),
        ended(5, RunKind::Sync, RunStatus::Cancelled),
        Run { integration: id(20), ..ended(6, RunKind::Test, RunStatus::Failed) },
        Run { integration: id(20), ..ended(7, RunKind::Sync, RunStatus::Running) },
        super::runs::piece(8, RunStatus::Failed),
    ];
    for run in &story {
        runs.record(run).await.unwrap();
    }
    let numbers = |mut runs: Vec<Run>| {
        runs.sort_by_key(|run| run.id);
        runs.iter().map(|run| run.id.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(alerts.ends(None).await.unwrap()), [2, 3, 4, 6]);
    assert_eq!(numbers(alerts.ends(Some(&[id(10)])).await.unwrap()), [2, 3, 4]);
    assert_eq!(numbers(alerts.ends(Some(&[])).await.unwrap()), [0; 0]);
    let found = alerts.ends(Some(&[id(20)])).await.unwrap();
    assert_eq!(found, [story[5].clone()], "the whole run");
}

#[tokio::test]
async fn deliveries_are_stored_in_memory() {
    let memory = Arc::new(MemoryAlerts::default());
    of_two_who_read_the_same_one_writes(&*memory, &*memory).await;
}

#[tokio::test]
async fn deliveries_are_stored_in_the_local_registry() {
    let folder = Folder::new();
    let local = |environment: &str| Local::new(folder.join("x/registry.db"), "acme", &environment.parse().unwrap());
    of_two_who_read_the_same_one_writes(&local("dev"), &local("dev")).await;
    assert_eq!(local("prod").told(&channel("ops")).await.unwrap(), DeliveryRecord::default());
    the_newest_runs_are_told_by_how_they_ended(&local("dev"), &local("dev")).await;
    assert!(local("prod").ends(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn deliveries_are_stored_in_the_hosted_registry() {
    let Some(hosted) = HostedRows::start() else { return };
    let (one, other) = (hosted.of("acme", "dev"), hosted.of("acme", "dev"));
    of_two_who_read_the_same_one_writes(&one, &other).await;
    for others in [hosted.of("acme", "prod"), hosted.of("other", "dev")] {
        assert_eq!(others.told(&channel("ops")).await.unwrap(), DeliveryRecord::default());
    }
    the_newest_runs_are_told_by_how_they_ended(&one, &one).await;
    assert!(hosted.of("other", "dev").ends(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_registry_of_version_2_is_read_and_upgraded_by_the_first_write() {
    let folder = Folder::new();
    let path = folder.join("registry.db");
    let local = Local::new(&path, "acme", &"dev".parse().unwrap());
    local.record(&run(1, RunStatus::Failed)).await.unwrap();
    let old = "drop table integration_alerts; alter table integration_runs drop column streams;
        alter table integration_runs drop column cause; alter table integration_runs drop column attempts;
        alter table integration_runs drop column full_refresh; alter table integration_runs drop column bookmark_before;
        alter table integration_runs drop column bookmark_after; alter table integration_runs drop column scheduled_for;
        alter table integration_runs drop column host; pragma user_version = 2;";
    rusqlite::Connection::open(&path).unwrap().execute_batch(old).unwrap();
    assert_eq!(local.told(&channel("ops")).await.unwrap(), DeliveryRecord::default());
    assert_eq!(local.ends(None).await.unwrap().len(), 1);
    assert!(local.keep(&channel("ops"), &DeliveryRecord { told: told(1), version: 0 }).await.unwrap());
    assert_eq!(local.told(&channel("ops")).await.unwrap(), DeliveryRecord { told: told(1), version: 1 });
}
