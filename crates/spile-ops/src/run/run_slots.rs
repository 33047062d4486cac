//! The number of parallel runs, limited by the user's setting and by free memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, watch};

use spile_core::settings::Sync;
use spile_world::machine::{self, MEMORY_OF_A_RUN, available_memory};

/// How often free memory is checked.
const PATIENCE: Duration = Duration::from_secs(1);

/// The slots for parallel runs.
#[derive(Debug)]
pub struct RunSlots {
    free: Semaphore,
    taken: AtomicUsize,
    count: Mutex<Count>,
}

/// The intended number of slots.
#[derive(Debug)]
struct Count {
    all: usize,
    /// How many of the taken slots are removed once they are free.
    too_many: usize,
}

/// A slot that is taken until it is dropped.
#[derive(Debug)]
pub(super) struct RunSlot<'a> {
    places: &'a RunSlots,
    /// `None` if the user interrupted before a slot was free.
    permit: Option<SemaphorePermit<'a>>,
}

/// Returns the number of parallel runs: the requested one, or else the project's, or else what the machine can handle.
#[must_use]
pub fn jobs(asked: Option<u16>, sync: &Sync) -> usize {
    asked.or(sync.jobs).map_or_else(machine::jobs, usize::from)
}

impl RunSlots {
    /// Returns this many slots, but at least one. All runs that share them take turns.
    #[must_use]
    pub fn new(jobs: usize) -> Arc<Self> {
        let all = jobs.max(1);
        let count = Mutex::new(Count { all, too_many: 0 });
        Arc::new(Self { free: Semaphore::new(all), taken: AtomicUsize::new(0), count })
    }

    /// Changes the number of slots, to at least one. Current runs keep theirs.
    pub fn resize(&self, jobs: usize) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, all) = (count.all, jobs.max(1));
        count.all = all;
        if all < before {
            count.too_many += before - all - self.free.forget_permits(before - all);
        } else {
            let kept = count.too_many.min(all - before);
            count.too_many -= kept;
            self.free.add_permits(all - before - kept);
        }
    }

    /// Returns the number of slots.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    /// Takes a slot if one is free right now.
    pub(super) fn take_free(&self) -> Option<RunSlot<'_>> {
        if self.taken.load(Ordering::Relaxed) > 0 && !has_room() {
            return None;
        }
        Some(self.taken(Some(self.free.try_acquire().ok()?)))
    }

    /// Waits for a slot and, while other runs are active, for enough memory. A single run always starts. After an
    /// interrupt, nobody waits.
    pub(super) async fn take(&self, interrupt: &mut watch::Receiver<bool>) -> RunSlot<'_> {
        let permit = tokio::select! {
            permit = self.free.acquire() => permit.ok(),
            Ok(_) = interrupt.wait_for(|wanted| *wanted) => None,
        };
        while self.taken.load(Ordering::Relaxed) > 0 && !has_room() && !*interrupt.borrow() {
            tokio::time::sleep(PATIENCE).await;
        }
        self.taken(permit)
    }

    fn taken<'a>(&'a self, permit: Option<SemaphorePermit<'a>>) -> RunSlot<'a> {
        self.taken.fetch_add(1, Ordering::Relaxed);
        RunSlot { places: self, permit }
    }
}

impl Drop for RunSlot<'_> {
    fn drop(&mut self) {
        self.places.taken.fetch_sub(1, Ordering::Relaxed);
        let mut count = self.places.count.lock().unwrap_or_else(PoisonError::into_inner);
        if count.too_many > 0
            && let Some(permit) = self.permit.take()
        {
            count.too_many -= 1;
            permit.forget();
        }
    }
}

fn has_room() -> bool {
    available_memory().is_none_or(|bytes| bytes >= MEMORY_OF_A_RUN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn slots_are_added_and_removed_while_current_runs_keep_theirs() {
        let places = RunSlots::new(2);
        // Checks the semaphore, because this machine may have no memory to spare.
        let take = async || places.taken(places.free.acquire().await.ok());
        let (one, two) = (take().await, take().await);
        assert_eq!(places.free.available_permits(), 0);
        places.resize(1);
        drop(one);
        assert_eq!(places.free.available_permits(), 0, "the freed slot was one too many");
        places.resize(3);
        assert_eq!(places.free.available_permits(), 2);
        drop(two);
        assert_eq!(places.free.available_permits(), 3);
        places.resize(0);
        assert_eq!(places.free.available_permits(), 1);
        let three = [take().await];
        places.resize(4);
        places.resize(2);
        drop(three);
        assert_eq!(places.free.available_permits(), 2);
    }

    #[tokio::test]
    async fn nobody_waits_for_a_slot_after_an_interrupt() {
        let places = RunSlots::new(1);
        let one = places.taken(places.free.acquire().await.ok());
        let (wanted, mut interrupt) = watch::channel(false);
        wanted.send_replace(true);
        let two = places.take(&mut interrupt).await;
        assert!(one.permit.is_some() && two.permit.is_none());
    }
}
