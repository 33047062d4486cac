//! In-memory implementations of every target. They satisfy the same contract and can be made to fail.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::stores::delivery_log::DeliveryRecord;
use crate::stores::runs::Standing;
use crate::{Alerts, Origin, Registry, Runs, Target, TargetError, Unmanaged};
use spile_core::digest::hash;
use spile_core::name::{ChannelName, IntegrationId};
use spile_core::plan::history::{Applied, Left};
use spile_core::plan::{Action, Change, Foreign, Revision, Snapshot, State, Step};
use spile_core::record::{Record, Row};
use spile_core::run::{Run, Tries};

/// A target in memory.
#[derive(Debug)]
pub struct Memory<R: Record> {
    held: Mutex<MemoryRecords<R>>,
}

#[derive(Debug)]
struct MemoryRecords<R: Record> {
    state: State<R>,
    document: R::Document,
    foreign: Vec<Foreign>,
    version: u64,
    failing: bool,
    unmanaged: State<R>,
    /// Adopted records as they were before, with the number of applies that preceded the adoption.
    adopted: Vec<(usize, IntegrationId, R)>,
    applies: Vec<(Applied, State<R>, Option<String>)>,
}

impl<R: Record> Default for Memory<R> {
    fn default() -> Self {
        let held = MemoryRecords {
            state: State::default(),
            document: R::Document::default(),
            foreign: Vec::new(),
            version: 0,
            failing: false,
            unmanaged: State::default(),
            adopted: Vec::new(),
            applies: Vec::new(),
        };
        Self { held: Mutex::new(held) }
    }
}

impl<R: Record> Memory<R> {
    fn with<T>(&self, act: impl FnOnce(&mut MemoryRecords<R>) -> T) -> T {
        act(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the next write fail without changing anything.
    pub fn fail_once(&self) {
        self.with(|held| held.failing = true);
    }

    /// Adds an unmanaged record, which can be adopted.
    pub fn add_unmanaged(&self, id: IntegrationId, record: R) {
        self.with(|held| held.unmanaged.insert(id, record));
    }

    /// Adds a record that another project owns.
    pub fn add_foreign(&self, foreign: Foreign) {
        self.with(|held| held.foreign.push(foreign));
    }
}

#[async_trait]
impl<R: Record> Target for Memory<R> {
    type Record = R;

    async fn read(&self) -> Result<Snapshot<R>, TargetError> {
        Ok(self.with(|held| Snapshot {
            foreign: held.foreign.clone(),
            ..Snapshot::new(held.state.clone(), held.document.clone(), Revision(held.version.to_string()))
        }))
    }

    async fn write(&self, step: &Step<R>, origin: &Origin) -> Result<(), TargetError> {
        self.with(|held| {
            if std::mem::take(&mut held.failing) {
                return Err(TargetError::Told);
            }
            if step.revision.0 != held.version.to_string() {
                return Err(TargetError::Stale { target: R::TARGET });
            }
            if step.is_empty() && origin.rendered.is_none() {
                return Ok(());
            }
            for (id, change) in &step.changes {
                held.unmanaged.remove(id);
                match change {
                    Change::Adopt { before, .. } => held.adopted.push((held.applies.len(), *id, before.clone())),
                    Change::Release { after, .. } => {
                        held.adopted.retain(|(_, of, _)| of != id);
                        held.unmanaged.insert(*id, after.clone());
                    }
                    Change::Delete { .. } => held.adopted.retain(|(_, of, _)| of != id),
                    Change::Create { .. } | Change::Update { .. } => {}
                }
            }
            held.state = step.applied_to(std::mem::take(&mut held.state));
            held.document = step.after.clone();
            held.version += u64::from(!step.is_empty());
            held.remember(step, origin);
            Ok(())
        })
    }
}

impl<R: Record> MemoryRecords<R> {
    fn remember(&mut self, step: &Step<R>, origin: &Origin) {
        let count = |action: Action| step.changes.values().filter(|change| change.action() == action).count();
        let count = |action: Action| u32::try_from(count(action)).unwrap_or(u32::MAX);
        let applied = Applied {
            id: Uuid::from_u128(self.applies.len() as u128 + 1),
            plan: origin.plan.clone(),
            actor: origin.actor.clone(),
            commit: origin.commit.clone(),
            at: origin.at,
            file: origin.rendered.as_ref().map(|text| hash(text.as_bytes())),
            created: count(Action::Create),
            updated: count(Action::Update),
            deleted: count(Action::Delete),
        };
        let before = self.applies.last().and_then(|(.., text)| text.clone());
        self.applies.push((applied, self.state.clone(), origin.rendered.clone().or(before)));
    }
}

#[async_trait]
impl Registry for Memory<Row> {
    async fn unmanaged(&self) -> Result<BTreeMap<IntegrationId, Unmanaged>, TargetError> {
        let row = |(id, row): (&IntegrationId, &Row)| (*id, Unmanaged { row: row.clone(), plain: BTreeMap::new() });
        Ok(self.with(|held| held.unmanaged.iter().map(row).collect()))
    }

    async fn applies(&self, most: usize) -> Result<Vec<Applied>, TargetError> {
        Ok(self.with(|held| held.applies.iter().rev().take(most).map(|(applied, ..)| applied.clone()).collect()))
    }

    async fn left_by(&self, apply: Uuid) -> Result<Option<Left>, TargetError> {
        Ok(self.with(|held| {
            let number = held.applies.iter().position(|(known, ..)| known.id == apply)?;
            let (apply, rows, text) = held.applies.get(number)?.clone();
            let later = held.adopted.iter().filter(|(at, ..)| *at > number);
            let adopted = later.map(|(_, id, row)| (*id, Some(row.clone()))).collect();
            Some(Left { apply, rows, adopted, text })
        }))
    }
}

/// The history of runs, in memory.
#[derive(Debug, Default)]
pub struct MemoryRuns(Mutex<Vec<Run>>, Mutex<BTreeMap<IntegrationId, String>>);

#[async_trait]
impl Runs for MemoryRuns {
    fn lasts(&self) -> bool {
        false
    }

    async fn record(&self, run: &Run) -> Result<(), TargetError> {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|known| known.id != run.id);
        runs.push(run.clone());
        Ok(())
    }

    async fn newest(&self, of: Option<IntegrationId>, most: usize) -> Result<Vec<Run>, TargetError> {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        runs.retain(|run| of.is_none_or(|id| run.integration == id));
        runs.sort_by_key(|run| std::cmp::Reverse((run.started_at, run.id)));
        runs.truncate(most);
        Ok(runs)
    }

    async fn newest_live(&self, of: IntegrationId, most: usize) -> Result<Vec<Run>, TargetError> {
        let runs = self.newest(Some(of), usize::MAX).await?;
        Ok(runs.into_iter().filter(Run::is_live).take(most).collect())
    }

    async fn backfills(&self, of: IntegrationId) -> Result<Vec<Run>, TargetError> {
        let runs = self.newest(Some(of), usize::MAX).await?;
        Ok(runs.into_iter().filter(|run| !run.is_live()).collect())
    }

    async fn newest_of_each(&self) -> Result<BTreeMap<IntegrationId, Run>, TargetError> {
        let runs = self.newest(None, usize::MAX).await?;
        Ok(runs.into_iter().filter(Run::is_live).rev().map(|run| (run.integration, run)).collect())
    }

    async fn tries(&self, now: Timestamp) -> Result<BTreeMap<IntegrationId, Tries>, TargetError> {
        let mut of_each: BTreeMap<IntegrationId, Vec<Run>> = BTreeMap::new();
        for run in self.newest(None, usize::MAX).await? {
            of_each.entry(run.integration).or_default().push(run);
        }
        Ok(of_each.into_iter().filter_map(|(id, runs)| Some((id, Tries::of(&runs, now)?))).collect())
    }

    async fn get(&self, run: Uuid) -> Result<Option<Run>, TargetError> {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(runs.iter().find(|known| known.id == run).cloned())
    }

    async fn set_status(&self, ids: &[IntegrationId], status: &str) -> Result<(), TargetError> {
        let mut given = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        given.extend(ids.iter().map(|id| (*id, status.to_owned())));
        Ok(())
    }

    async fn standings(&self) -> Result<BTreeMap<IntegrationId, Standing>, TargetError> {
        let runs = self.newest(None, usize::MAX).await?;
        let mut standings = BTreeMap::new();
        for run in runs.iter().rev() {
            let Some(status) = run.integration_status() else { continue };
            let at = run.finished_at.unwrap_or(Timestamp::UNIX_EPOCH);
            standings.insert(run.integration, Standing { status: status.to_owned(), created_at: at, updated_at: at });
        }
        for (id, status) in self.1.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let at = Timestamp::UNIX_EPOCH;
            standings.insert(*id, Standing { status: status.clone(), created_at: at, updated_at: at });
        }
        Ok(standings)
    }
}

/// The delivery log, in memory. It has no runs.
#[derive(Debug, Default)]
pub struct MemoryAlerts(Mutex<BTreeMap<ChannelName, DeliveryRecord>>);

#[async_trait]
impl Alerts for MemoryAlerts {
    async fn ends(&self, _: Option<&[IntegrationId]>) -> Result<Vec<Run>, TargetError> {
        Ok(Vec::new())
    }

    async fn told(&self, channel: &ChannelName) -> Result<DeliveryRecord, TargetError> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(held.get(channel).cloned().unwrap_or_default())
    }

    async fn keep(&self, channel: &ChannelName, kept: &DeliveryRecord) -> Result<bool, TargetError> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.get(channel).map_or(0, |known| known.version) != kept.version {
            return Ok(false);
        }
        held.insert(channel.clone(), DeliveryRecord { told: kept.told.clone(), version: kept.version + 1 });
        Ok(true)
    }
}
