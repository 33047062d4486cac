//! Queued runs, and runs that were refused when their turn came. The registry knows neither.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::refusal::Refusal;
use spile_core::run::Run;

/// How many that were refused are remembered: whoever began them looks soon.
const MOST: usize = 200;

/// The runs, by their ids.
#[derive(Default)]
pub struct Queue(Mutex<BTreeMap<Uuid, Waiting>>);

/// A run, and why it came to nothing where it did.
struct Waiting {
    run: Run,
    refused: Option<Refusal>,
}

impl Queue {
    /// Adds a run that waits.
    pub fn add(&self, run: Run) {
        self.lock().insert(run.id, Waiting { run, refused: None });
    }

    /// Takes out a run that has begun.
    pub fn begun(&self, id: Uuid) {
        self.lock().remove(&id);
    }

    /// Remembers why a run came to nothing.
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

    /// Returns a run that waits, or why it came to nothing.
    pub fn find(&self, id: Uuid) -> Option<Result<Run, Refusal>> {
        let all = self.lock();
        let Waiting { run, refused } = all.get(&id)?;
        Some(refused.clone().map_or_else(|| Ok(run.clone()), Err))
    }

    /// Returns the runs that wait, the newest first.
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
