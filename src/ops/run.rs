//! `test` and `sync`: runs of the real Meltano, several at a time, each remembered by the registry.

mod request;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Error, Event, Loaded, Tell};
use crate::connector::Role;
use crate::integration::Integration;
use crate::name::EnvironmentName;
use crate::record::entry::state_id;
use crate::run::{Run, RunKind, RunStatus};
use crate::world::World;
use crate::world::meltano::{Host, Outcome, Progress, Request};

pub(super) use request::{Invocation, base_variables};

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The environment.
    pub environment: EnvironmentName,
    /// The integrations by name; none means all that are enabled.
    pub names: Vec<String>,
    /// How many at a time.
    pub jobs: usize,
    /// How long one may take.
    pub timeout: Option<Duration>,
    /// What of the machine's environment children are given.
    pub host: Host,
    /// Turns true when the user wants an end.
    pub interrupt: watch::Receiver<bool>,
}

/// Tests connections: reads one record from each source and throws it away.
///
/// # Errors
/// When nothing can be started; a run that fails is a result.
pub async fn test(world: &World, loaded: &Arc<Loaded>, options: &Options, tell: Tell<'_>) -> Result<Vec<Run>, Error> {
    runs(world, loaded, (RunKind::Test, options), tell).await
}

/// Moves records from extractors to their loaders.
///
/// # Errors
/// When nothing can be started; a run that fails is a result.
pub async fn sync(world: &World, loaded: &Arc<Loaded>, options: &Options, tell: Tell<'_>) -> Result<Vec<Run>, Error> {
    runs(world, loaded, (RunKind::Sync, options), tell).await
}

/// Returns the integration of that name.
///
/// # Errors
/// When nothing has it.
pub fn named<'a>(loaded: &'a Loaded, name: &str) -> Result<&'a Arc<Integration>, Error> {
    let known = || loaded.integrations.iter().map(|known| known.slug.as_str()).collect::<Vec<_>>();
    loaded.integrations.find(name).ok_or_else(|| super::unknown_names(&[name.to_owned()], &known()))
}

async fn runs(
    world: &World,
    loaded: &Arc<Loaded>,
    (kind, options): (RunKind, &Options),
    tell: Tell<'_>,
) -> Result<Vec<Run>, Error> {
    let chosen = chosen(loaded, kind, options)?;
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    install(world, options, tell).await?;
    let (events, mut heard) = mpsc::unbounded_channel();
    let places = Arc::new(Semaphore::new(options.jobs.max(1)));
    let mut running = JoinSet::new();
    for integration in chosen {
        let job = Job {
            world: world.clone(),
            loaded: loaded.clone(),
            options: options.clone(),
            events: events.clone(),
            integration,
            kind,
        };
        let places = places.clone();
        running.spawn(async move {
            // The semaphore is never closed.
            let _place = places.acquire_owned().await;
            job.run().await
        });
    }
    drop(events);
    while let Some(event) = heard.recv().await {
        tell(event);
    }
    let mut runs = Vec::new();
    for run in running.join_all().await {
        runs.extend(run?);
    }
    runs.sort_by(|a, b| a.slug.cmp(&b.slug));
    Ok(runs)
}

/// Installs the pinned Meltano, where it is not there yet, and clears what killed runs left behind.
async fn install(world: &World, options: &Options, tell: Tell<'_>) -> Result<(), Error> {
    world.meltano.sweep()?;
    if !world.meltano.is_installed() {
        tell(Event::InstallingMeltano { version: world.meltano.version().to_owned() });
        world.meltano.install(&options.host, &mut options.interrupt.clone()).await?;
    }
    Ok(())
}

/// Returns what to run: what is named, or all that is enabled and can run.
fn chosen(loaded: &Loaded, kind: RunKind, options: &Options) -> Result<Vec<Arc<Integration>>, Error> {
    if options.names.is_empty() {
        let runnable = |integration: &&Arc<Integration>| {
            let declaration = integration.at(&options.environment);
            declaration.enabled && obstacle(integration, kind, &options.environment).is_none()
        };
        return Ok(loaded.integrations.by_slug().filter(runnable).cloned().collect());
    }
    let mut chosen: Vec<Arc<Integration>> = Vec::new();
    for name in &options.names {
        let integration = named(loaded, name)?;
        if let Some((reason, help)) = obstacle(integration, kind, &options.environment) {
            return Err(Error::NotRunnable { slug: integration.slug.clone(), reason, help });
        }
        if chosen.iter().all(|known| known.id != integration.id) {
            chosen.push(integration.clone());
        }
    }
    Ok(chosen)
}

fn obstacle(
    integration: &Integration,
    kind: RunKind,
    environment: &EnvironmentName,
) -> Option<(&'static str, &'static str)> {
    if integration.role() == Role::Loader {
        return Some(("is a loader and runs with its extractors", "name an extractor that has it as its `loader`"));
    }
    let lacks = kind == RunKind::Sync && integration.at(environment).loader.is_none();
    lacks.then_some(("has no loader to send its records to", "add `loader = \"SLUG\"` to its file"))
}

/// One run, with all it needs.
struct Job {
    world: World,
    loaded: Arc<Loaded>,
    options: Options,
    events: mpsc::UnboundedSender<Event>,
    integration: Arc<Integration>,
    kind: RunKind,
}

impl Job {
    fn tell(&self, event: Event) {
        // Nobody listens any more only when the operation itself has ended.
        let _ = self.events.send(event);
    }

    fn loader(&self) -> Option<&Arc<Integration>> {
        let slug = self.integration.at(&self.options.environment).loader.as_ref()?;
        self.loaded.integrations.find(slug.as_str()).filter(|_| self.kind == RunKind::Sync)
    }

    /// Runs, and remembers the run from its beginning; `None` when the user wanted an end before it began.
    async fn run(self) -> Result<Option<Run>, Error> {
        if *self.options.interrupt.borrow() {
            return Ok(None);
        }
        let mut run = self.begun();
        self.tell(Event::Began { slug: run.slug.clone(), kind: self.kind });
        self.world.runs.record(&run).await?;
        let outcome = self.carry_out(&run).await;
        run.finished_at = Some((self.world.clock)());
        match outcome {
            Ok(finished) => {
                run.records = Some(finished.records);
                (run.status, run.error) = ended(finished.outcome);
            }
            Err(error) => (run.status, run.error) = (RunStatus::Failed, Some(error_line(&error))),
        }
        self.world.runs.record(&run).await?;
        self.tell(Event::Ended(Box::new(run.clone())));
        Ok(Some(run))
    }

    fn begun(&self) -> Run {
        let id = Uuid::new_v4();
        let environment = self.options.environment.clone();
        let loader = self.loader();
        let state_id =
            loader.map(|loader| state_id(&environment, &self.integration.plugin_name(), &loader.plugin_name()));
        Run {
            id,
            integration: self.integration.id,
            slug: self.integration.slug.clone(),
            kind: self.kind,
            status: RunStatus::Running,
            state_id,
            loader: loader.map(|loader| loader.id),
            started_at: (self.world.clock)(),
            finished_at: None,
            records: None,
            streams: BTreeMap::new(),
            error: None,
            cause: None,
            attempts: 1,
            full_refresh: false,
            bookmark_before: None,
            bookmark_after: None,
            scheduled_for: None,
            host: None,
            log: PathBuf::from(".spile/logs").join(self.integration.slug.as_str()).join(format!("{id}.log")),
            environment,
        }
    }

    async fn carry_out(&self, run: &Run) -> Result<crate::world::meltano::Finished, Error> {
        let request = self.request(run).await?;
        let meltano = &self.world.meltano;
        let mut interrupt = self.options.interrupt.clone();
        if !meltano.is_ready(&request) {
            self.tell(Event::Preparing { slug: run.slug.clone() });
            meltano.make_ready(&request, &mut interrupt).await?;
        }
        match self.kind {
            RunKind::Test => Ok(meltano.test(&request, &mut interrupt).await?),
            RunKind::Sync => {
                self.follow_rename(run, &request).await?;
                let mut tell = |progress| {
                    let Progress::Records { stream, records } = progress;
                    self.tell(Event::Records { slug: run.slug.clone(), stream, records });
                };
                Ok(meltano.run(&request, &mut interrupt, &mut tell).await?)
            }
        }
    }

    async fn request(&self, run: &Run) -> Result<Request, Error> {
        let invocation = Invocation {
            run: run.id,
            environment: self.options.environment.clone(),
            log: run.log.clone(),
            timeout: self.options.timeout,
            host: self.options.host.clone(),
        };
        let plugins = (&self.integration, self.loader());
        request::request(&self.world, &self.loaded, plugins, invocation).await
    }

    /// Moves the bookmarks of the last sync when only names have changed since: the integration's or its loader's.
    ///
    /// Done here and not by apply, which may run where there is no Meltano.
    async fn follow_rename(&self, run: &Run, request: &Request) -> Result<(), Error> {
        let known = self.world.runs.newest(Some(run.integration), 100).await?;
        let is_last = |known: &&Run| known.kind == RunKind::Sync && known.id != run.id && known.state_id.is_some();
        let Some(last) = known.iter().find(is_last) else { return Ok(()) };
        let (Some(from), Some(to)) = (&last.state_id, &run.state_id) else { return Ok(()) };
        let same_plugin = is_state_of(from, &run.environment, &self.integration);
        if from != to && last.loader == run.loader && same_plugin {
            self.world.meltano.move_state(request, (from, to), &mut self.options.interrupt.clone()).await?;
            self.tell(Event::MovedState { slug: run.slug.clone(), from: from.clone(), to: to.clone() });
        }
        Ok(())
    }
}

/// Tells whether bookmarks are those of an extractor, whatever it and its loader are called in the files.
fn is_state_of(id: &str, environment: &EnvironmentName, extractor: &Integration) -> bool {
    match &extractor.plugin {
        Some(name) => id.starts_with(&format!("{environment}:{name}-to-")),
        None => id.starts_with(&format!("{environment}:{}--", extractor.connector.plugin.name)),
    }
}

fn ended(outcome: Outcome) -> (RunStatus, Option<String>) {
    match outcome {
        Outcome::Succeeded => (RunStatus::Ok, None),
        Outcome::Failed { message } => (RunStatus::Failed, Some(message)),
        Outcome::TimedOut { after } => (RunStatus::Failed, Some(format!("stopped after {} seconds", after.as_secs()))),
        Outcome::Interrupted => (RunStatus::Cancelled, None),
    }
}

/// An error and what it came from, in one line.
fn error_line(error: &Error) -> String {
    error
        .causes()
        .into_iter()
        .fold(error.to_string(), |line, cause| if line.contains(&cause) { line } else { format!("{line}: {cause}") })
}
