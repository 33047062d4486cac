//! Queued runs, and runs that were refused when their turn came. The registry knows neither.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::refusal::Refusal;
use spile_core::run::Run;

/// How many refused runs to remember: callers check on their runs soon.
const MOST: usize = 200;

/// The runs, by their ids.
#[derive(Default)]
pub struct Queue(Mutex<BTreeMap<Uuid, Waiting>>);

/// A waiting run, and why it was refused if it was.
struct Waiting {
    run: Run,
    refused: Option<Refusal>,
}

impl Queue {
    /// Adds a waiting run.
    pub fn add(&self, run: Run) {
        self.lock().insert(run.id, Waiting { run, refused: None });
    }

    /// Removes a run that has started.
    pub fn begun(&self, id: Uuid) {
        self.lock().remove(&id);
    }

    /// Records why a run was refused.
    pub fn refused(&self, id: Uuid, refusal: &Refusal) {
        let mut all = self.lock();
        if let Some(waiting) = all.get_mut(&id) {
            waiting.refused = Some(refusal.clone());
        }
        let mut refused: Vec<_> =
            all.iter().filter(|(_, one)| one.refused.is_some()).map(|(id, one)| (one.run.started_at, *id)).collect();
        refused.sort();
        for (_, id) in &refused[..refused.len().saturating_sub(MOST)] {
            all.remove(id);
        }
    }

    /// Returns a waiting run, or why it was refused.
    pub fn find(&self, id: Uuid) -> Option<Result<Run, Refusal>> {
        let all = self.lock();
        let Waiting { run, refused } = all.get(&id)?;
        Some(refused.clone().map_or_else(|| Ok(run.clone()), Err))
    }

    /// Returns the waiting runs, newest first.
    pub fn all(&self) -> Vec<Run> {
        let mut all: Vec<Run> =
            self.lock().values().filter(|one| one.refused.is_none()).map(|one| one.run.clone()).collect();
        all.sort_by_key(|run| std::cmp::Reverse((run.started_at, run.id)));
        all
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
