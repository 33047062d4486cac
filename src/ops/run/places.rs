//! How many runs go on at a time: no more than asked for, and no more than memory has room for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::world::machine::{MEMORY_OF_A_RUN, available_memory};

/// How often memory is looked at.
const PATIENCE: Duration = Duration::from_secs(1);

/// The places of runs.
#[derive(Debug)]
pub struct Places {
    free: Semaphore,
    taken: AtomicUsize,
}

/// A place that is taken until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    places: &'a Places,
    // The semaphore is never closed.
    _permit: Option<SemaphorePermit<'a>>,
}

impl Places {
    /// Returns so many places, at least one; shared by all runs that are to take turns.
    #[must_use]
    pub fn new(jobs: usize) -> Arc<Self> {
        Arc::new(Self { free: Semaphore::new(jobs.max(1)), taken: AtomicUsize::new(0) })
    }

    /// Waits for a place, and for memory while other runs are going on: one alone always begins.
    pub(super) async fn take(&self, interrupt: &mut watch::Receiver<bool>) -> Place<'_> {
        let permit = self.free.acquire().await.ok();
        while self.taken.load(Ordering::Relaxed) > 0 && !has_room() && !*interrupt.borrow() {
            tokio::time::sleep(PATIENCE).await;
        }
        self.taken.fetch_add(1, Ordering::Relaxed);
        Place { places: self, _permit: permit }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.places.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

fn has_room() -> bool {
    available_memory().is_none_or(|bytes| bytes >= MEMORY_OF_A_RUN)
}
