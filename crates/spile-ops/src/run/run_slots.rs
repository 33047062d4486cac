//! How many runs go on at a time: limited by the user's setting and by free memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, watch};

use spile_core::settings::Sync;
use spile_world::machine::{self, MEMORY_OF_A_RUN, available_memory};

/// How often memory is looked at.
const PATIENCE: Duration = Duration::from_secs(1);

/// The places of runs.
#[derive(Debug)]
pub struct RunSlots {
    free: Semaphore,
    taken: AtomicUsize,
    count: Mutex<Count>,
}

/// How many places there are to be.
#[derive(Debug)]
struct Count {
    all: usize,
    /// How many of those that are taken are to go when they are free.
    too_many: usize,
}

/// A place that is taken until it is dropped.
#[derive(Debug)]
pub(super) struct RunSlot<'a> {
    places: &'a RunSlots,
    /// None where the user wanted an end before there was one.
    permit: Option<SemaphorePermit<'a>>,
}

/// Returns how many runs go on at a time: as many as are asked for, else as the project has it, else as the machine can.
#[must_use]
pub fn jobs(asked: Option<u16>, sync: &Sync) -> usize {
    asked.or(sync.jobs).map_or_else(machine::jobs, usize::from)
}

impl RunSlots {
    /// Returns so many places, at least one; shared by all runs that are to take turns.
    #[must_use]
    pub fn new(jobs: usize) -> Arc<Self> {
        let all = jobs.max(1);
        let count = Mutex::new(Count { all, too_many: 0 });
        Arc::new(Self { free: Semaphore::new(all), taken: AtomicUsize::new(0), count })
    }

    /// Makes it so many places, at least one. Runs that go on keep theirs.
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

    /// Takes a place where one is free at once.
    pub(super) fn take_free(&self) -> Option<RunSlot<'_>> {
        if self.taken.load(Ordering::Relaxed) > 0 && !has_room() {
            return None;
        }
        Some(self.taken(Some(self.free.try_acquire().ok()?)))
    }

    /// Waits for a place, and for memory while other runs are going on: one alone always begins. Where the user wants an
    /// end nobody waits.
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
    async fn places_come_and_go_and_runs_that_go_on_keep_theirs() {
        let places = RunSlots::new(2);
        // The semaphore is what is looked at: this machine may have no memory to spare.
        let take = async || places.taken(places.free.acquire().await.ok());
        let (one, two) = (take().await, take().await);
        assert_eq!(places.free.available_permits(), 0);
        places.resize(1);
        drop(one);
        assert_eq!(places.free.available_permits(), 0, "it was one too many");
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
    async fn nobody_waits_for_a_place_after_the_user_wanted_an_end() {
        let places = RunSlots::new(1);
        let one = places.taken(places.free.acquire().await.ok());
        let (wanted, mut interrupt) = watch::channel(false);
        wanted.send_replace(true);
        let two = places.take(&mut interrupt).await;
        assert!(one.permit.is_some() && two.permit.is_none());
    }
}
