//! The twin of every target, in memory: it keeps the same contract and can be told to fail.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::runs::Standing;
use super::{Origin, Runs, Target, TargetError};
use crate::name::IntegrationId;
use crate::plan::{Foreign, Revision, Snapshot, State, Step};
use crate::record::Record;
use crate::run::Run;

/// A target in memory.
#[derive(Debug)]
pub struct Memory<R: Record> {
    held: Mutex<Held<R>>,
}

#[derive(Debug)]
struct Held<R: Record> {
    state: State<R>,
    document: R::Document,
    foreign: Vec<Foreign>,
    version: u64,
    failing: bool,
}

impl<R: Record> Default for Memory<R> {
    fn default() -> Self {
        let held = Held {
            state: State::default(),
            document: R::Document::default(),
            foreign: Vec::new(),
            version: 0,
            failing: false,
        };
        Self { held: Mutex::new(held) }
    }
}

impl<R: Record> Memory<R> {
    fn with<T>(&self, act: impl FnOnce(&mut Held<R>) -> T) -> T {
        act(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the next write fail without having done anything.
    pub fn fail_once(&self) {
        self.with(|held| held.failing = true);
    }

    /// Adds a record that is somebody else's.
    pub fn add_foreign(&self, foreign: Foreign) {
        self.with(|held| held.foreign.push(foreign));
    }
}

#[async_trait]
impl<R: Record> Target for Memory<R> {
    type Record = R;

    async fn read(&self) -> Result<Snapshot<R>, TargetError> {
        Ok(self.with(|held| Snapshot {
            drifted: BTreeSet::new(),
            state: held.state.clone(),
            foreign: held.foreign.clone(),
            document: held.document.clone(),
            revision: Revision(held.version.to_string()),
        }))
    }

    async fn write(&self, step: &Step<R>, _: &Origin) -> Result<(), TargetError> {
        self.with(|held| {
            if std::mem::take(&mut held.failing) {
                return Err(TargetError::Told);
            }
            if step.revision.0 != held.version.to_string() {
                return Err(TargetError::Stale { target: "the target in memory" });
            }
            held.state = step.applied_to(std::mem::take(&mut held.state));
            held.document = step.after.clone();
            held.version += 1;
            Ok(())
        })
    }
}

/// The history of runs, in memory.
#[derive(Debug, Default)]
pub struct MemoryRuns(Mutex<Vec<Run>>);

#[async_trait]
impl Runs for MemoryRuns {
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

    async fn newest_of_each(&self) -> Result<BTreeMap<IntegrationId, Run>, TargetError> {
        let runs = self.newest(None, usize::MAX).await?;
        Ok(runs.into_iter().rev().map(|run| (run.integration, run)).collect())
    }

    async fn get(&self, run: Uuid) -> Result<Option<Run>, TargetError> {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(runs.iter().find(|known| known.id == run).cloned())
    }

    async fn standings(&self) -> Result<BTreeMap<IntegrationId, Standing>, TargetError> {
        let runs = self.newest(None, usize::MAX).await?;
        let mut standings = BTreeMap::new();
        for run in runs.iter().rev() {
            let Some(status) = run.status.integration_status() else { continue };
            let at = run.finished_at.unwrap_or(Timestamp::UNIX_EPOCH);
            standings.insert(run.integration, Standing { status: status.to_owned(), created_at: at, updated_at: at });
        }
        Ok(standings)
    }
}
