//! Faults at any request of an apply: everything is before or after, and the next plan is right.

use std::collections::BTreeMap;

use spile_world::{Supabase, Target, TargetError};

use super::hosted::HostedRows;
use super::proxy::{Fault, Proxy};
use crate::contract::harness::Subject;
use crate::folder::origin;

/// A registry, and the connection on which faults happen.
struct Line {
    subject: HostedRows,
    proxy: Proxy,
    through: Supabase,
}

impl Line {
    async fn start() -> Option<Self> {
        let subject = HostedRows::start()?;
        let proxy = Proxy::before(&subject.database.url).await;
        let through = subject.behind(&proxy.url);
        Some(Self { subject, proxy, through })
    }

    /// Reads, writes and reads again, as an apply does.
    async fn apply(&self, numbers: &[u8]) -> Result<(), TargetError> {
        let step = self.subject.step(&self.through.read().await?, numbers);
        self.through.write(&step, &origin("p")).await?;
        let left = self.subject.step(&self.through.read().await?, numbers);
        assert!(left.is_empty(), "{left:?}");
        Ok(())
    }

    /// Returns the kinds of requests of an apply without faults, and the number of each.
    async fn requests(&self, numbers: &[u8]) -> BTreeMap<String, usize> {
        self.proxy.next(&[]);
        self.proxy.seen();
        self.apply(numbers).await.unwrap();
        self.proxy.seen().into_iter().fold(BTreeMap::new(), |mut kinds, seen| {
            *kinds.entry(seen.line).or_default() += 1;
            kinds
        })
    }

    /// Applies while faults happen, and demands that the apply is done once as a whole, or not at all; that its report
    /// is right; and that plans over the restored connection equal those over one without faults.
    async fn holds(&self, numbers: &[u8], what: &str) {
        let direct = self.subject.target();
        let (before, untouched) = (direct.read().await.unwrap(), self.subject.everything());
        let wanted = self.subject.step(&before, numbers);
        let audited = self.audited();
        let applied = self.apply(numbers).await;
        self.proxy.was_met();
        self.proxy.next(&[]);
        let after = direct.read().await.unwrap();
        if applied.is_ok() || after.state != before.state {
            assert_eq!(after.state, wanted.applied_to(before.state), "{what}: {applied:?}");
            assert_eq!(self.audited(), audited + wanted.changes.len(), "{what}: {applied:?}");
        } else {
            assert_eq!(self.subject.everything(), untouched, "{what}: {applied:?}");
        }
        let again = self.through.read().await.unwrap();
        assert_eq!(
            (again.state, again.revision, again.drifted),
            (after.state, after.revision, after.drifted),
            "{what}"
        );
        self.apply(numbers).await.unwrap();
        assert_eq!(direct.read().await.unwrap().state, self.subject.state(numbers), "{what}");
    }

    fn audited(&self) -> usize {
        self.subject.database.sql("select count(*) from public.integration_changes").parse().unwrap()
    }
}

/// Provokes a fault at each request of an apply in turn, one per apply.
async fn holds_at_every_request(line: Line, fault: Fault) {
    line.apply(&[0, 50]).await.unwrap();
    let kinds = line.requests(&[10, 30]).await;
    assert_eq!(kinds["POST /rpc/spile_apply"], 1, "{kinds:?}");
    let places = kinds.iter().flat_map(|(kind, count)| (0..*count).map(move |before| (kind.as_str(), before)));
    for (round, (kind, before)) in (0..).zip(places) {
        line.proxy.at(kind, before, fault);
        let numbers = [[11, 20, 31], [10, 40, 32]][round % 2];
        line.holds(&numbers, &format!("{fault:?} at {kind} after {before}")).await;
    }
}

/// All kinds of faults concurrently, each on a connection to its own database, because they mostly wait.
#[tokio::test]
async fn any_fault_at_any_request() {
    let faults = [Fault::ALL.as_slice(), &[Fault::Says(200, "<html>hunter2</html>"), Fault::Says(540, "")]].concat();
    let mut rounds = tokio::task::JoinSet::new();
    for fault in faults {
        let Some(line) = Line::start().await else { return };
        rounds.spawn(holds_at_every_request(line, fault));
    }
    while let Some(held) = rounds.join_next().await {
        held.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_dies_at_any_request_and_stays_dead() {
    let Some(line) = Line::start().await else { return };
    line.apply(&[0, 50]).await.unwrap();
    let requests: usize = line.requests(&[10, 30]).await.values().sum();
    for alive in 0..requests {
        line.proxy.after(alive, Fault::Unavailable);
        line.holds(&[[11, 20, 31], [10, 40, 32]][alive % 2], &format!("dead after {alive}")).await;
    }
}

/// Every response is lost, even those to retries of an apply that was carried out.
#[tokio::test]
async fn all_responses_are_lost() {
    let Some(line) = Line::start().await else { return };
    let requests: usize = line.requests(&[10, 30]).await.values().sum();
    // As many as remain after the one read that an apply starts with.
    line.proxy.after(requests / 2 - 1, Fault::CutAfter);
    line.holds(&[11, 20], "no answer").await;
}

/// Several faults in one apply, drawn from a seed.
async fn holds_by_chance(line: Line, mut seed: u64) {
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for round in 0..5_u8 {
        let numbers: Vec<u8> = (0..6).filter(|_| random(2) == 0).map(|index| index * 10 + round % 10).collect();
        let faults: Vec<Fault> = (0..8).map(|_| Fault::ALL[random(Fault::ALL.len())]).collect();
        line.proxy.next(&faults);
        line.holds(&numbers, &format!("round {round}: {faults:?}")).await;
    }
}

#[tokio::test]
async fn several_faults_in_one_apply() {
    let mut rounds = tokio::task::JoinSet::new();
    for seed in [7, 11, 42, 409, 423, 540] {
        let Some(line) = Line::start().await else { return };
        rounds.spawn(holds_by_chance(line, seed));
    }
    while let Some(held) = rounds.join_next().await {
        held.unwrap();
    }
}

#[tokio::test]
async fn an_apply_with_a_lost_response_is_looked_up_and_not_repeated() {
    let Some(line) = Line::start().await else { return };
    for fault in [Fault::CutAfter, Fault::Truncated, Fault::CutWithin] {
        let numbers = if fault == Fault::Truncated { [11, 20] } else { [10, 30] };
        line.proxy.at("POST /rpc/spile_apply", 0, fault);
        line.proxy.seen();
        line.apply(&numbers).await.unwrap();
        let sent: Vec<Vec<u8>> =
            line.proxy.seen().into_iter().filter(|seen| seen.line.ends_with("apply")).map(|seen| seen.body).collect();
        assert_eq!(sent.len(), 2, "{fault:?}");
        assert_eq!(sent[0], sent[1], "the same apply, under the same id");
    }
    let applies = line.subject.database.sql("select count(distinct apply_id) from public.integration_changes");
    assert_eq!(applies, "3");
}
