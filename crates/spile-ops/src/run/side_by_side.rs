//! Streams side by side: the parts of one sync, each read by a process of its own.
//!
//! Each part takes a slot, like a run. The slot of the run itself serves the parts one after another, so that a sync never
//! waits for slots that it does not get.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::ended::{cause, error_line};
use super::job::Job;
use super::part_results::{PartEnd, PartResults};
use super::run_lock::stopped_when_lost;
use super::run_slots::RunSlots;
use crate::{Error, Event, invocation};
use spile_core::name::Slug;
use spile_core::run::parts::{Part, StreamOwners};
use spile_core::run::{Cause, Run, StreamFilter};
use spile_world::World;
use spile_world::processes::meltano::{Finished, Hold, Outcome, Progress, Request, RunPart, SharedLog};

/// The end of a sync that was divided.
pub(super) struct Divided {
    /// The results of its parts.
    pub results: PartResults,
    /// Why one process has to read all streams after all.
    pub indivisible: Option<String>,
}

/// What the processes of one run share.
struct SideBySide {
    world: World,
    slug: Slug,
    events: mpsc::UnboundedSender<Event>,
    request: Request,
    hold: Arc<Hold>,
    state_id: String,
    log: SharedLog,
    /// When the first part started: the time limit is that of the whole run.
    began: Instant,
    /// The parts that nobody has started.
    waiting: watch::Sender<VecDeque<Part>>,
    owners: Mutex<StreamOwners>,
    /// Why one process has to read all streams.
    indivisible: Mutex<Option<String>>,
    /// Turns true when the user interrupts or the parts have to stop.
    stopped: watch::Receiver<bool>,
    stop: watch::Sender<bool>,
}

impl Job {
    /// Reads the parts of a sync side by side.
    pub(super) async fn read_side_by_side(
        &self,
        run: &Run,
        request: &Request,
        hold: &Arc<Hold>,
        parts: Vec<Part>,
    ) -> Result<Divided, Error> {
        let (stopped, stop) = stopped_when_lost(self.options.interrupt.clone());
        let shared = Arc::new(SideBySide {
            world: self.world.clone(),
            slug: run.slug.clone(),
            events: self.events.clone(),
            request: request.clone(),
            hold: hold.clone(),
            state_id: run.state_id.clone().unwrap_or_default(),
            log: self.world.meltano.log(request)?,
            began: Instant::now(),
            owners: Mutex::new(StreamOwners::of(&parts)),
            waiting: watch::channel(parts.into()).0,
            indivisible: Mutex::new(None),
            stopped,
            stop,
        });
        let ends = shared.clone().read_all(&self.options.places).await;
        let results = PartResults::of(&ends, shared.waiting.borrow().len());
        let indivisible = shared.indivisible.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).add(&ends, indivisible.as_ref());
        Ok(Divided { results, indivisible })
    }
}

impl SideBySide {
    /// Reads all parts, and returns their ends in the order in which they ended.
    async fn read_all(self: Arc<Self>, places: &Arc<RunSlots>) -> Vec<PartEnd> {
        let mut processes = JoinSet::new();
        for _ in 1..self.waiting.borrow().len() {
            let (shared, places) = (self.clone(), places.clone());
            processes.spawn(async move { shared.in_slot_of_its_own(&places).await });
        }
        let mut ends = self.one_after_another().await;
        while let Some(ended) = processes.join_next().await {
            match ended {
                Ok(ended) => ends.extend(ended),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        ends.sort_by_key(|end| end.ended);
        self.try_again(&mut ends).await;
        ends
    }

    /// Waits for a slot, and then reads parts; nothing if no part is left by then.
    async fn in_slot_of_its_own(&self, places: &RunSlots) -> Vec<PartEnd> {
        let (mut stopped, mut waiting) = (self.stopped.clone(), self.waiting.subscribe());
        let slot = tokio::select! {
            slot = places.take(&mut stopped) => slot,
            _ = waiting.wait_for(VecDeque::is_empty) => return Vec::new(),
        };
        let ends = self.one_after_another().await;
        drop(slot);
        ends
    }

    async fn one_after_another(&self) -> Vec<PartEnd> {
        let mut ends = Vec::new();
        while let Some(part) = self.next() {
            ends.push(self.read(part).await);
        }
        ends
    }

    /// Returns the next part; `None` after an interrupt.
    fn next(&self) -> Option<Part> {
        if *self.stopped.borrow() {
            return None;
        }
        let mut next = None;
        self.waiting.send_modify(|waiting| next = waiting.pop_front());
        next
    }

    /// Reads each part that failed once more, alone, if another part succeeded: perhaps it failed only because others were
    /// read at the same time, for example at a limit of connections.
    async fn try_again(&self, ends: &mut Vec<PartEnd>) {
        let failed: Vec<Part> = ends.iter().filter(|end| end.failed()).map(|end| end.part.clone()).collect();
        if failed.is_empty() || !ends.iter().any(PartEnd::succeeded) {
            return;
        }
        for part in failed {
            if *self.stopped.borrow() {
                return;
            }
            self.note(&format!("part {} of {} failed beside others, and is read again alone", part.number, part.of));
            ends.push(self.read(part).await);
        }
    }

    async fn read(&self, part: Part) -> PartEnd {
        let streams: Vec<String> = part.names().into_iter().map(|name| format!("`{name}`")).collect();
        self.note(&format!("part {} of {} reads {}", part.number, part.of, streams.join(", ")));
        let mut finished = self.run(&part).await.unwrap_or_else(|error| {
            let (message, cause) = (error_line(&error), cause(&error));
            Finished::without_records(Outcome::Failed { message, cause })
        });
        if let Outcome::TimedOut { after } = &mut finished.outcome {
            *after = self.request.timeout.unwrap_or_default();
        }
        for stream in finished.streams.keys() {
            self.heard(part.number, stream);
        }
        if let Some(why) = &finished.indivisible {
            self.give_up(why);
        }
        if let Outcome::Failed { message, cause: Cause::MissingStream } = &finished.outcome {
            self.give_up(message);
        }
        PartEnd { part, finished, ended: Instant::now() }
    }

    async fn run(&self, part: &Part) -> Result<Finished, Error> {
        let (state_id, log) = (self.state_id.clone(), self.log.clone());
        let own = RunPart { number: part.number, of: part.of, state_id, log };
        let mut request = self.world.meltano.part(&self.request, &self.hold, own)?;
        invocation::narrow(&mut request, &StreamFilter { only: part.patterns(), refresh: Vec::new() });
        // A definition with `parallel` says that no process gets a new secret, which the others would not know.
        request.rotating = None;
        request.timeout = request.timeout.map(|timeout| self.left_of(timeout));
        let mut tell = |Progress::Records { stream, records }| {
            self.heard(part.number, &stream);
            // The receiver is gone only if the operation itself has ended.
            let _ = self.events.send(Event::Records { slug: self.slug.clone(), stream, records });
        };
        Ok(self.world.meltano.run(&request, &mut self.stopped.clone(), &mut tell).await?)
    }

    /// Returns what is left of a time limit.
    fn left_of(&self, timeout: Duration) -> Duration {
        timeout.saturating_sub(self.began.elapsed()).max(Duration::from_secs(1))
    }

    /// Stops all parts if one of them reads a stream of another one.
    fn heard(&self, part: usize, stream: &str) {
        let read = self.owners.lock().unwrap_or_else(PoisonError::into_inner).read(part, stream);
        if let Err(shared) = read {
            self.give_up(&shared.to_string());
        }
    }

    /// Stops all parts, because one process has to read all streams.
    fn give_up(&self, why: &str) {
        let mut indivisible = self.indivisible.lock().unwrap_or_else(PoisonError::into_inner);
        if indivisible.is_none() && !*self.stopped.borrow() {
            *indivisible = Some(why.to_owned());
            self.stop.send_replace(true);
        }
    }

    /// Writes a line into the log. A log that cannot be written makes the processes fail that write it too.
    fn note(&self, text: &str) {
        let _ = self.log.note(text);
    }
}
