//! `test` and `sync`: run Meltano, several runs at a time, and record each run in the registry.

pub(crate) mod bookmarks;
mod catalog;
mod died;
mod division;
mod dry_run;
mod ended;
pub mod fix_hint;
mod hold;
mod job;
mod lease;
mod log;
mod obstacle;
mod part_results;
pub(crate) mod range_conditions;
mod reading;
mod reset;
mod results;
mod run_lock;
mod run_slots;
mod schema_watch;
mod side_by_side;
mod test_record;
mod transfer;
mod verdict;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OnceCell, mpsc, watch};
use tokio::task::{Id, JoinSet};
use uuid::Uuid;

use super::invocation::install;
use super::notify::{self, EndedRuns, WhenInterrupted};
use super::{Error, Loaded, RunSelection, Tell};
use ended::RunEnd;
use job::Job;
use obstacle::Obstacle;
use spile_core::integration::Integration;
use spile_core::name::{EnvironmentName, IntegrationId};
use spile_core::run::{Run, RunKind, StreamFilter, TimeRange};
use spile_core::settings::{Sync, Verify};
use spile_core::state::SingerState;
use spile_world::World;
use spile_world::processes::meltano::{Host, Missing};
use spile_world::stores::runs::PAUSED;

pub use died::bury;
pub use dry_run::{Would, would};
pub use ended::{RefusalReason, RefusedRun};
pub use fix_hint::{FixHint, mend};
pub use log::{Log, More};
pub(super) use obstacle::{CANNOT_SELECT, LOADER, NO_LOADER};
pub use reset::OldRows;
pub use results::Results;
pub(super) use run_lock::{Claim, NotHere, RunLocks, stopped_when_lost};
pub use run_slots::{RunSlots, jobs};
pub use test_record::TestRecord;

/// The options of runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// The environment.
    pub environment: EnvironmentName,
    /// The integrations. Unless it is named by its whole name, an integration must be enabled, not paused, and able to run.
    pub which: RunSelection,
    /// The slots, which limit how many run at a time.
    pub places: Arc<RunSlots>,
    /// The time limit of each run.
    pub timeout: Option<Duration>,
    /// How often, and after what delay, a run that failed for a temporary reason is retried.
    pub retries: Retries,
    /// What to do if another run uses an integration.
    pub when_busy: WhenBusy,
    /// Where a sync starts to read.
    pub from: From,
    /// The streams that a sync reads.
    pub streams: StreamFilter,
    /// What happens to rows in the destination that a full refresh does not deliver.
    pub old_rows: OldRows,
    /// How a sync verifies that its records have arrived.
    pub verify: Verify,
    /// What to do if the backend has no bookmarks, but another place has some.
    pub missing_bookmark: Missing,
    /// What a test of a source shows of the record that it reads.
    pub test_record: TestRecord,
    /// The moment of the schedule that a run serves.
    pub scheduled_for: BTreeMap<IntegrationId, Timestamp>,
    /// The parts of the machine's environment that children get.
    pub host: Host,
    /// Turns true when the user interrupts.
    pub interrupt: watch::Receiver<bool>,
    /// What to do about notifications after the user has interrupted.
    pub when_interrupted: WhenInterrupted,
}

/// How often a run is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// The maximum number of retries.
    pub most: u16,
    /// The delay before the first retry. It doubles before each further retry.
    pub after: Duration,
}

/// What to do if another run uses an integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenBusy {
    /// Wait until that run has ended.
    Wait,
    /// Report that run, and fail.
    Refuse,
    /// Report that run, and skip the integration.
    Leave,
}

/// Where a sync starts to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// From its bookmark.
    Bookmark,
    /// From the beginning.
    Beginning,
    /// From that moment on, given to the setting `start_date` or the one that the definition names.
    Moment(Timestamp),
    /// Of that range alone, as a piece of a backfill with a state of its own.
    Range {
        /// The range.
        range: TimeRange,
        /// The state that it begins with, if the tap has no setting for a start.
        start: Option<SingerState>,
    },
}

impl From {
    /// Tells whether the live pipeline reads everything again.
    fn is_full_refresh(&self) -> bool {
        match self {
            Self::Beginning | Self::Moment(_) => true,
            Self::Bookmark | Self::Range { .. } => false,
        }
    }
}

impl Options {
    /// Returns the default options for running everything that is enabled in an environment: as many at a time as there are
    /// slots, with the project's own timeout and retries.
    #[must_use]
    pub fn of(sync: &Sync, environment: EnvironmentName, places: Arc<RunSlots>, host: Host) -> Self {
        Self {
            environment,
            which: RunSelection::default(),
            places,
            timeout: sync.timeout,
            retries: Retries { most: sync.retries, after: sync.retry_after },
            when_busy: WhenBusy::Wait,
            from: From::Bookmark,
            streams: StreamFilter::default(),
            old_rows: OldRows::Keep,
            verify: sync.verify,
            missing_bookmark: Missing::Refuse,
            test_record: TestRecord::Discarded,
            scheduled_for: BTreeMap::new(),
            host,
            interrupt: watch::channel(false).1,
            when_interrupted: WhenInterrupted::Notify,
        }
    }

    /// Returns runs that ended with these options, for notifications about them.
    fn ended<'a>(&'a self, runs: &'a [Run]) -> EndedRuns<'a> {
        let Self { environment, interrupt, when_interrupted, .. } = self;
        EndedRuns { runs, environment, interrupt, when_interrupted: *when_interrupted }
    }
}

/// Tests connections: reads one record from each source and discards it. Then notifies users of the results.
///
/// # Errors
/// When nothing can be started. A failed run is not an error.
pub async fn test(world: &World, loaded: &Arc<Loaded>, options: &Options, tell: Tell<'_>) -> Result<Results, Error> {
    let results = test_quietly(world, loaded, options, tell).await?;
    notify::after(world, loaded, options.ended(&results.ran), tell).await;
    Ok(results)
}

/// Tests connections of files that are not written yet. Nobody is notified about the results.
pub(super) async fn test_quietly(
    world: &World,
    loaded: &Arc<Loaded>,
    options: &Options,
    tell: Tell<'_>,
) -> Result<Results, Error> {
    let options = Options { timeout: options.timeout.or(Some(TEST)), ..options.clone() };
    runs(world, loaded, RunKind::Test, &options, tell).await
}

/// Moves records from extractors to their loaders. Then notifies users of the results.
///
/// # Errors
/// When nothing can be started. A failed run is not an error.
pub async fn sync(world: &World, loaded: &Arc<Loaded>, options: &Options, tell: Tell<'_>) -> Result<Results, Error> {
    let results = runs(world, loaded, RunKind::Sync, options, tell).await?;
    notify::after(world, loaded, options.ended(&results.ran), tell).await;
    Ok(results)
}

pub(crate) async fn runs(
    world: &World,
    loaded: &Arc<Loaded>,
    kind: RunKind,
    options: &Options,
    tell: Tell<'_>,
) -> Result<Results, Error> {
    let (events, mut heard) = mpsc::unbounded_channel();
    let chosen = chosen(world, loaded, kind, options).await?;
    // Thousands of runs share them: the options name each integration that is due.
    let shared = Arc::new(options.clone());
    let job = |integration| Job {
        id: Uuid::new_v4(),
        world: world.clone(),
        loaded: loaded.clone(),
        options: shared.clone(),
        events: events.clone(),
        integration,
        kind,
        known: OnceCell::new(),
        parts: Mutex::default(),
    };
    let jobs: Vec<Job> = chosen.into_iter().map(job).collect();
    if jobs.is_empty() {
        return Ok(Results::default());
    }
    if !world.meltano.is_installed() {
        for job in &jobs {
            tell(job.queued());
        }
    }
    install(world, &options.host, &options.interrupt, tell).await?;
    bury(world, &options.environment).await?;
    let mut running = Running::default();
    for job in jobs {
        running.begin(job, &options.places);
    }
    drop(events);
    while let Some(event) = heard.recv().await {
        tell(event);
    }
    Ok(running.ended(world).await)
}

/// Runs that were started together.
#[derive(Default)]
struct Running {
    tasks: JoinSet<RunEnd>,
    /// The run of each task, because a task that panics returns nothing.
    runs: BTreeMap<Id, Run>,
}

impl Running {
    fn begin(&mut self, job: Job, places: &Arc<RunSlots>) {
        let (run, places) = (job.begun(), places.clone());
        let task = self.tasks.spawn(async move {
            let free = places.take_free();
            let _place = if let Some(place) = free {
                place
            } else {
                job.tell(job.queued());
                places.take(&mut job.options.interrupt.clone()).await
            };
            // Of thousands of runs, only those with a place take the memory of one.
            Box::pin(job.run()).await
        });
        self.runs.insert(task.id(), run);
    }

    /// Waits for all of them. A crash of one does not hide the results of the others.
    async fn ended(mut self, world: &World) -> Results {
        let mut results = Results::default();
        while let Some(ended) = self.tasks.join_next_with_id().await {
            match ended {
                Ok((_, ended)) => results.add(ended),
                Err(error) => {
                    if let Some(run) = self.runs.remove(&error.id()) {
                        results.add(ended::broken(world, run).await);
                    }
                }
            }
        }
        results.sort();
        results
    }
}

/// Returns the integrations to run: those that are named, and, of the other selected ones, those that are enabled, not
/// paused, and able to run.
pub(crate) async fn chosen(
    world: &World,
    loaded: &Loaded,
    kind: RunKind,
    options: &Options,
) -> Result<Vec<Arc<Integration>>, Error> {
    let which = &options.which;
    let mut chosen = which.among(world, loaded).await?;
    let jobs = obstacle::jobs(loaded, kind, &chosen);
    let resets = kind == RunKind::Sync && options.old_rows == OldRows::Remove;
    let obstacle = |integration: &Integration| {
        let reset = || resets.then(|| reset::obstacle(loaded, integration, options)).flatten();
        let overwrites = || obstacle::overwrites(loaded, integration, options).filter(|_| kind == RunKind::Sync);
        obstacle::of(integration, &jobs, kind, options).or_else(reset).or_else(overwrites)
    };
    let is_named = |integration: &Integration| which.names(&integration.slug);
    for integration in chosen.iter().filter(|integration| is_named(integration)) {
        if let Some(Obstacle { reason, help }) = obstacle(integration) {
            return Err(Error::NotRunnable { slug: integration.slug.clone(), reason, help });
        }
    }
    if chosen.iter().all(|integration| is_named(integration)) {
        return Ok(chosen);
    }
    let standings = world.runs.standings().await?;
    let is_paused = |id| standings.get(&id).is_some_and(|standing| standing.status == PAUSED);
    chosen.retain(|integration| {
        let is_awake = integration.at(&options.environment).enabled && !is_paused(integration.id);
        is_named(integration) || is_awake && obstacle(integration).is_none()
    });
    Ok(chosen)
}

/// The default time limit of a test: discovery of a large Salesforce takes minutes.
const TEST: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use super::*;
    use spile_core::name::IntegrationId;
    use spile_core::problem::Problems;
    use spile_core::run::{RunStatus, Start};
    use spile_core::source::Source;
    use spile_world::{Outside, Project};

    fn run(status: RunStatus, number: u128) -> Run {
        let start = Start {
            id: uuid::Uuid::from_u128(number),
            integration: IntegrationId(uuid::Uuid::from_u128(1)),
            slug: "shop".parse().unwrap(),
            environment: "dev".parse().unwrap(),
            kind: RunKind::Sync,
            at: Timestamp::UNIX_EPOCH,
        };
        Run { status, ..Run::start(start) }
    }

    #[tokio::test]
    async fn a_crashed_run_does_not_hide_the_results_of_others() {
        let folder = tempfile::tempdir().unwrap();
        let text = Source::new("spile.toml", "[project]\nname = 'x'\n");
        let settings = spile_core::settings::read(&text, &mut Problems::default()).unwrap();
        let outside = Outside::nothing();
        let world = World::offline(&Project::at(folder.path()), &settings, &outside);
        let begun = run(RunStatus::Running, 1);
        let never = run(RunStatus::Running, 2);
        let well = run(RunStatus::Ok, 3);
        world.runs.record(&begun).await.unwrap();
        let mut running = Running::default();
        for run in [&begun, &never] {
            let task = running.tasks.spawn(async { unreachable!("a mistake") });
            running.runs.insert(task.id(), run.clone());
        }
        let ended = RunEnd::Ran(Box::new(well.clone()));
        running.tasks.spawn(async { ended });
        let results = running.ended(&world).await;
        let ran: Vec<_> = results.ran.iter().map(|run| (run.id, run.status)).collect();
        assert!(ran.len() == 2 && ran.contains(&(well.id, RunStatus::Ok)), "{ran:?}");
        assert!(ran.contains(&(begun.id, RunStatus::Failed)), "the registry knows how it ended: {ran:?}");
        assert_eq!(world.runs.get(begun.id).await.unwrap().unwrap().status, RunStatus::Failed);
        assert!(
            matches!(&results.refused[..], [RefusedRun { run, why: RefusalReason::Failed(_) }] if run.id == never.id)
        );
    }
}
