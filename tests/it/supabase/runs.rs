//! The history of runs in the hosted registry.

use spile::run::{Run, RunKind, RunStatus};
use spile::world::Runs;
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
    assert_eq!(target.standings().await.unwrap()[&id(10)].status, "error", "the kept one came first");
    target.record(&run(2, RunStatus::Ok)).await.unwrap();
    let found = target.newest(Some(id(10)), 10).await.unwrap();
    assert_eq!(found, [run(2, RunStatus::Ok), run(1, RunStatus::Failed)]);
    assert_eq!(target.newest_of_each().await.unwrap()[&id(10)], run(2, RunStatus::Ok));
    assert_eq!(target.get(run(1, RunStatus::Ok).id).await.unwrap().unwrap().status, RunStatus::Failed);
    assert_eq!(target.standings().await.unwrap()[&id(10)].status, "active");
}

fn run(number: u8, status: RunStatus) -> Run {
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
        error: (status == RunStatus::Failed).then(|| "it failed".to_owned()),
        log: ".spile/logs/x.log".into(),
    }
}
