//! `serve --scheduler`: runs what is due, when it is due, until it is stopped.
//!
//! It keeps no state in memory: what is due is computed from the files, the wall clock, and the runs in the registry. So it
//! can be killed, started twice, or run on several machines, and clocks can jump.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use miette::Diagnostic;
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::notify::{self, Watched, WhenInterrupted};
use super::run::{Options, WhenBusy};
use super::schedules::Timetables;
use super::{Error, Event, Loaded, RunSelection, Tell, run};
use spile_core::integration::{Integration, Tick};
use spile_core::name::IntegrationId;
use spile_world::World;

/// How often it checks for changed files.
const FILES: Duration = Duration::from_secs(5);

/// The maximum time between queries of the registry: somebody may have resumed an integration, and clocks may jump.
const LOOK: Duration = Duration::from_secs(30);

/// How often it checks everything that users are notified about.
const WATCH: Duration = Duration::from_mins(5);

/// A project that has been read, with the options for its runs.
#[derive(Clone)]
pub struct Opened {
    /// Its files.
    pub loaded: Arc<Loaded>,
    /// The outside of the project.
    pub world: World,
    /// The options of syncs. The scheduler itself decides which integrations to sync.
    pub options: Options,
}

impl Opened {
    fn timetables(&self) -> Timetables {
        Timetables::of(&self.loaded, &self.options.environment)
    }
}

/// Reads the project.
pub type Open<'a> = &'a mut (dyn FnMut() -> Result<Opened, Error> + Send);

/// Runs what is due until the options' interrupt turns true. Then stops the current runs, and waits for them.
///
/// # Errors
/// When the project cannot be read at the start. Later, it reports that and continues with the last valid files.
pub async fn serve(open: Open<'_>, tell: Tell<'_>) -> Result<(), Error> {
    let opened = open()?;
    let (events, mut heard) = mpsc::unbounded_channel();
    let mut interrupt = opened.options.interrupt.clone();
    let mut scheduler = Scheduler {
        mark: opened.world.project.mark(),
        timetables: opened.timetables(),
        opened,
        events,
        running: JoinSet::new(),
        waiting: Vec::new(),
        in_hand: BTreeMap::new(),
        trouble: None,
        watched: None,
    };
    while !*interrupt.borrow() {
        let pause = scheduler.look(open).await;
        let wakes = Instant::now() + pause;
        let mut files = tokio::time::interval(FILES);
        files.reset();
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(wakes) => break,
                _ = files.tick() => if scheduler.have_changed() { break },
                _ = interrupt.wait_for(|wanted| *wanted) => break,
                Some(event) = heard.recv() => tell(event),
                Some(ended) = scheduler.running.join_next_with_id() => {
                    scheduler.ended(ended);
                    scheduler.fill();
                }
            }
        }
    }
    while let Some(ended) = scheduler.running.join_next_with_id().await {
        scheduler.ended(ended);
    }
    while let Ok(event) = heard.try_recv() {
        tell(event);
    }
    Ok(())
}

struct Scheduler {
    opened: Opened,
    /// When its integrations are synced.
    timetables: Timetables,
    /// The mark of the files that were read.
    mark: u64,
    events: mpsc::UnboundedSender<Event>,
    running: JoinSet<()>,
    /// What is due and waits for a free slot. What has been due for longest is last. They wait here and not in tasks of
    /// their own, so a thousand integrations that are due at once cost no more than a few, and an interrupt leaves no trace
    /// of those that have not begun.
    waiting: Vec<(Arc<Integration>, Tick)>,
    /// The integration of each sync task, so that a task that panics is also removed.
    in_hand: BTreeMap<Id, IntegrationId>,
    /// The last reported problem, if it still exists.
    trouble: Option<String>,
    watched: Option<Instant>,
}

impl Scheduler {
    /// Starts what is due. Returns how long to wait until the next check.
    async fn look(&mut self, open: Open<'_>) -> Duration {
        self.reread(open);
        self.watch();
        let now = match self.timetables.now(&self.opened.world).await {
            Ok(now) => now,
            Err(error) => {
                self.tell_trouble(&error);
                return LOOK;
            }
        };
        self.trouble = None;
        self.waiting = now.due;
        self.waiting.reverse();
        self.fill();
        let at = (self.opened.world.clock)();
        let until = now.next.map(|next| next.duration_since(at).max(SignedDuration::ZERO));
        until.map_or(LOOK, |until| until.unsigned_abs().min(LOOK)).max(Duration::from_millis(100))
    }

    fn have_changed(&self) -> bool {
        self.opened.world.project.mark() != self.mark
    }

    /// Reads the files again if they have changed, and uses them if they are valid.
    fn reread(&mut self, open: Open<'_>) {
        if !self.have_changed() {
            return;
        }
        // The mark is taken before reading, so that a change during reading is seen as another change.
        self.mark = self.opened.world.project.mark();
        match open() {
            Ok(Opened { loaded, world, options }) => {
                self.tell(Event::Reread { integrations: loaded.integrations.iter().count() });
                // Current runs share their slots with new ones.
                let places = self.opened.options.places.clone();
                self.opened = Opened { loaded, world, options: Options { places, ..options } };
                self.timetables = self.opened.timetables();
            }
            Err(Error::Problems(report)) => {
                let line =
                    |problem: &spile_core::problem::Problem| format!("{}: {}", problem.path(), problem.message());
                let problems = report.problems().iter().filter(|problem| problem.is_error()).map(line).collect();
                self.tell(Event::NotReread { problems });
            }
            Err(error) => self.tell(Event::NotReread { problems: vec![error.to_string()] }),
        }
    }

    /// Starts as many syncs as there are slots.
    fn fill(&mut self) {
        while self.in_hand.len() < self.opened.options.places.count() {
            let Some((integration, tick)) = self.waiting.pop() else { break };
            self.start(&integration, tick);
        }
    }

    fn start(&mut self, integration: &Arc<Integration>, tick: Tick) {
        if self.in_hand.values().any(|id| *id == integration.id) {
            return;
        }
        let Opened { loaded, world, options } = self.opened.clone();
        let (id, events) = (integration.id, self.events.clone());
        let options = Options {
            which: RunSelection::exactly([integration.slug.clone()]),
            scheduled_for: [(id, tick.moment)].into(),
            when_busy: WhenBusy::Leave,
            when_interrupted: WhenInterrupted::Leave,
            ..options
        };
        let task = self.running.spawn(async move {
            let mut tell = |event| drop(events.send(event));
            if let Err(error) = run::sync(&world, &loaded, &options, &mut tell).await {
                tell(unseen(&error));
            }
        });
        self.in_hand.insert(task.id(), id);
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        self.in_hand.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
    }

    /// Regularly checks everything that users are notified about, apart from the results of runs.
    fn watch(&mut self) {
        if self.watched.is_some_and(|at| at.elapsed() < WATCH) {
            return;
        }
        self.watched = Some(Instant::now());
        let Opened { loaded, world, options } = self.opened.clone();
        let events = self.events.clone();
        self.running.spawn(async move {
            let mut tell = |event| drop(events.send(event));
            tokio::select! {
                _ = notify::watch(&world, Watched::of(&loaded, &options.environment), &mut tell) => {}
                () = stopped(options.interrupt.clone()) => {}
            }
        });
    }

    /// Reports a problem once for as long as it lasts.
    fn tell_trouble(&mut self, error: &Error) {
        let message = error.to_string();
        if self.trouble.as_ref() != Some(&message) {
            self.tell(unseen(error));
            self.trouble = Some(message);
        }
    }

    fn tell(&self, event: Event) {
        // The receiver lives as long as the scheduler.
        let _ = self.events.send(event);
    }
}

/// Completes when the user interrupts.
async fn stopped(mut interrupt: watch::Receiver<bool>) {
    if interrupt.wait_for(|wanted| *wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn unseen(error: &Error) -> Event {
    let message = error.causes().into_iter().fold(error.to_string(), |line, cause| format!("{line}: {cause}"));
    Event::Unseen { message, help: error.help().map(|help| help.to_string()) }
}
