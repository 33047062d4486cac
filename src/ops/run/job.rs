//! One run of one integration, from its beginning to its entry in the registry.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::lease::{self, Leased};
use super::results::{Refused, Why};
use super::{From, Invocation, Options, START, WhenBusy};
use crate::connector::Role;
use crate::integration::Integration;
use crate::integration::check::environment_variable;
use crate::name::{EnvironmentName, Slug};
use crate::ops::{Error, Event, Loaded, loader_test};
use crate::record::entry::state_id;
use crate::run::{Cause, Run, RunKind, RunStatus, Tries, log_path, mention};
use crate::world::meltano::{Finished, Hold, InstallError, NotHeld, Outcome, Progress, Request, RunError, Span};
use crate::world::{World, machine};

/// How often an integration that something else runs is looked at.
const PATIENCE: Duration = Duration::from_millis(500);

/// One run, with all it needs.
pub(super) struct Job {
    pub id: Uuid,
    pub world: World,
    pub loaded: Arc<Loaded>,
    pub options: Options,
    pub events: mpsc::UnboundedSender<Event>,
    pub integration: Arc<Integration>,
    pub kind: RunKind,
}

/// What keeps others away while a run lasts: on this machine, and on others.
struct Held {
    hold: Option<Arc<Hold>>,
    lease: Option<Leased>,
}

/// Who runs an integration, as a sentence.
type Busy = String;

/// How a run ended, or why there was none.
pub(super) enum Ended {
    /// It ran, and the registry knows it.
    Ran(Box<Run>),
    /// It did not begin.
    Refused(Box<Refused>),
    /// It was left to what runs its integration.
    Left(Slug),
    /// The moment of its schedule has been served in the meantime.
    Served,
}

/// Why an integration is not held.
enum NotHere {
    /// Something else runs it.
    Busy(Busy),
    /// The same, and it is left to that.
    Left,
    /// The user wants an end.
    Stopped,
}

impl Job {
    pub(super) fn tell(&self, event: Event) {
        // Nobody listens any more only when the operation itself has ended.
        let _ = self.events.send(event);
    }

    /// Says that it waits for its turn.
    pub(super) fn queued(&self) -> Event {
        Event::Queued(Box::new(self.begun()))
    }

    fn loader(&self) -> Option<&Arc<Integration>> {
        let slug = self.integration.at(&self.options.environment).loader.as_ref()?;
        self.loaded.integrations.find(slug.as_str()).filter(|_| self.kind == RunKind::Sync)
    }

    /// Runs, and remembers the run from its beginning; unless something is in the way of that.
    pub(super) async fn run(mut self) -> Ended {
        let run = self.begun();
        let lost = self.stop_when_lost();
        let held = match self.held(&run, &lost).await {
            Ok(Ok(held)) => held,
            Ok(Err(NotHere::Busy(busy))) => return self.refused(run, (busy, Cause::Busy), Why::Busy),
            Ok(Err(NotHere::Left)) => return Ended::Left(run.slug),
            Ok(Err(NotHere::Stopped)) => return self.stopped(run),
            // Others may be held all the same.
            Err(error) => return self.failed(run, error),
        };
        let ended = self.run_held((run, held.hold.as_ref()), &lost).await;
        if let Some(lease) = held.lease {
            lease.give_back().await;
        }
        ended
    }

    async fn run_held(&self, (mut run, hold): (Run, Option<&Arc<Hold>>), lost: &watch::Sender<bool>) -> Ended {
        if *self.options.interrupt.borrow() {
            return self.stopped(run);
        }
        match self.is_served().await {
            Ok(false) => {}
            Ok(true) => return Ended::Served,
            Err(error) => return self.failed(run, error),
        }
        run.started_at = (self.world.clock)();
        if let Err(error) = self.world.runs.record(&run).await {
            return self.failed(run, error.into());
        }
        self.tell(Event::Began { slug: run.slug.clone(), kind: self.kind, run: run.id });
        self.carry_out(&mut run, hold).await;
        if *lost.borrow() {
            let why = "another machine has taken its lease: this one was out of the registry's reach for too long";
            (run.error, run.cause) = (Some(why.to_owned()), Some(Cause::Busy));
            run.status = RunStatus::Failed;
        }
        if let Err(error) = self.world.runs.record(&run).await {
            let error = error_line(&error.into());
            let how = run.error.take().map(|how| format!(" ({how})")).unwrap_or_default();
            run.error = Some(format!("it has ended{how}, and the registry does not take that: {error}"));
            (run.status, run.cause) = (RunStatus::Failed, Some(Cause::Registry));
        }
        self.tell(Event::Ended(Box::new(run.clone())));
        Ended::Ran(Box::new(run))
    }

    /// Ends a run that has not begun. Nothing has run, so the registry hears nothing of it.
    fn refused(&self, mut run: Run, (how, cause): (String, Cause), why: Why) -> Ended {
        finish(&mut run, (RunStatus::Failed, Some(how), Some(cause)), (self.world.clock)());
        self.tell(Event::Ended(Box::new(run.clone())));
        Ended::Refused(Box::new(Refused { run, why }))
    }

    fn failed(&self, run: Run, error: Error) -> Ended {
        self.refused(run, (error_line(&error), cause(&error)), Why::Failed(error))
    }

    fn stopped(&self, mut run: Run) -> Ended {
        let how = "stopped before it began".to_owned();
        finish(&mut run, (RunStatus::Cancelled, Some(how), None), (self.world.clock)());
        self.tell(Event::Ended(Box::new(run.clone())));
        Ended::Refused(Box::new(Refused { run, why: Why::Stopped }))
    }

    /// Lets a lost lease end the run as the user's wish for an end does. Returns what is set to true then.
    fn stop_when_lost(&mut self) -> watch::Sender<bool> {
        let (lost, mut is_lost) = watch::channel(false);
        let (stop, stopped) = watch::channel(*self.options.interrupt.borrow());
        let mut wanted = std::mem::replace(&mut self.options.interrupt, stopped);
        tokio::spawn(async move {
            let ended = stop.clone();
            tokio::select! {
                Ok(_) = wanted.wait_for(|wanted| *wanted) => {}
                Ok(_) = is_lost.wait_for(|lost| *lost) => {}
                () = ended.closed() => {}
                else => {}
            }
            stop.send_replace(true);
        });
        lost
    }

    /// Waits until nothing else runs the integration, or says what is in the way.
    async fn held(&self, run: &Run, lost: &watch::Sender<bool>) -> Result<Result<Held, NotHere>, Error> {
        let mut has_told = false;
        loop {
            if *self.options.interrupt.borrow() {
                return Ok(Err(NotHere::Stopped));
            }
            let busy = match self.try_to_hold(run, lost).await? {
                Ok(held) => {
                    // Who had it may have been killed a moment ago, and stand in Meltano's way still.
                    self.world.meltano.sweep()?;
                    super::bury(&self.world, &run.environment).await?;
                    return Ok(Ok(held));
                }
                Err(busy) => busy,
            };
            match self.options.when_busy {
                WhenBusy::Wait => {}
                WhenBusy::Refuse => return Ok(Err(NotHere::Busy(busy))),
                WhenBusy::Leave => {
                    self.tell(Event::Left { slug: run.slug.clone(), busy });
                    return Ok(Err(NotHere::Left));
                }
            }
            if !has_told {
                self.tell(Event::Waiting { slug: run.slug.clone(), busy });
                has_told = true;
            }
            tokio::time::sleep(PATIENCE).await;
            // What holds it may have been killed.
            self.world.meltano.sweep()?;
        }
    }

    /// A test reads one record and keeps no bookmark: it keeps nobody away.
    async fn try_to_hold(&self, run: &Run, lost: &watch::Sender<bool>) -> Result<Result<Held, Busy>, Error> {
        let Some(loader) = self.loader() else { return Ok(Ok(Held { hold: None, lease: None })) };
        let plugins = vec![self.integration.plugin_name(), loader.plugin_name()];
        let hold = match self.world.meltano.hold(run.id, run.environment.as_str(), plugins) {
            Ok(hold) => Some(hold),
            Err(NotHeld::Failed(error)) => return Err(error.into()),
            Err(NotHeld::Busy(other)) => {
                let (run, since) = (other.run, other.since);
                return Ok(Err(format!("the run {run} has it here since {since:.0}, by process {}", other.process.id)));
            }
        };
        let Some(registry) = &self.world.supabase else { return Ok(Ok(Held { hold, lease: None })) };
        Ok(match lease::take(registry, (run.integration, run.id), lost.clone()).await? {
            Ok(lease) => Ok(Held { hold, lease: Some(lease) }),
            Err(other) => {
                let run = other.run.map(|run| run.to_string()).unwrap_or_default();
                let since = other.since.map(|since| format!(" since {since:.0}")).unwrap_or_default();
                Err(format!("the run {run} has it on `{}`{since}", other.host.unwrap_or_default()))
            }
        })
    }

    /// Tells whether the moment of its schedule has been served while it waited.
    async fn is_served(&self) -> Result<bool, Error> {
        let Some(moment) = self.options.scheduled_for.get(&self.integration.id) else { return Ok(false) };
        let known = self.world.runs.newest(Some(self.integration.id), 100).await?;
        let tries = Tries::of(&known, (self.world.clock)());
        Ok(tries.is_some_and(|tries| tries.have_served(*moment)))
    }

    /// Returns the run as it begins.
    pub(super) fn begun(&self) -> Run {
        let id = self.id;
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
            full_refresh: self.options.from != From::Bookmark,
            bookmark_before: None,
            bookmark_after: None,
            scheduled_for: self.options.scheduled_for.get(&self.integration.id).copied(),
            host: Some(machine::name()),
            log: log_path(&self.integration.slug, id),
            environment,
        }
    }

    /// Runs until it goes well, or fails in a way that does not pass by itself, or has been tried often enough.
    async fn carry_out(&self, run: &mut Run, hold: Option<&Arc<Hold>>) {
        let mut after = self.options.retries.after;
        loop {
            let outcome = match self.attempt(run, hold).await {
                Ok(finished) => self.judged(took_in(run, finished)),
                // Stopped while its plugins were installed.
                Err(
                    Error::Install(InstallError::Interrupted)
                    | Error::Run(RunError::Install(InstallError::Interrupted)),
                ) => (RunStatus::Cancelled, None, None),
                Err(error) => (RunStatus::Failed, Some(error_line(&error)), Some(cause(&error))),
            };
            let may_pass = outcome.0 == RunStatus::Failed && outcome.2.is_some_and(Cause::may_pass);
            let is_left = run.attempts <= u32::from(self.options.retries.most) && self.kind == RunKind::Sync;
            if !may_pass || !is_left || !self.rests(run, &outcome, after).await {
                finish(run, outcome, (self.world.clock)());
                crate::world::meltano::keep_logs(
                    self.world.project.root(),
                    &run.log,
                    self.loaded.settings.sync.keep_logs,
                );
                return;
            }
            run.attempts += 1;
            after *= 2;
        }
    }

    /// Knows a setting that was looked for in vain from a crash.
    fn judged(&self, (status, error, cause): How) -> How {
        let misses = |reason: &String| mention::misses_a_setting(reason, &self.integration.connector);
        let is_missing = cause == Some(Cause::Crash) && error.as_ref().is_some_and(misses);
        (status, error, if is_missing { Some(Cause::MissingSetting) } else { cause })
    }

    /// Waits before a further try; `false` when the user wants an end meanwhile.
    async fn rests(&self, run: &Run, (_, error, _): &How, after: Duration) -> bool {
        let reason = error.clone().unwrap_or_default();
        self.tell(Event::Retrying { slug: run.slug.clone(), reason, after });
        let mut interrupt = self.options.interrupt.clone();
        let wanted = interrupt.wait_for(|wanted| *wanted);
        tokio::time::timeout(after, wanted).await.is_err()
    }

    async fn attempt(&self, run: &Run, hold: Option<&Arc<Hold>>) -> Result<Finished, Error> {
        let request = self.request(run, hold).await?;
        let meltano = &self.world.meltano;
        let mut interrupt = self.options.interrupt.clone();
        if !meltano.is_ready(&request) {
            self.tell(Event::Preparing { slug: run.slug.clone() });
            meltano.make_ready(&request, &mut interrupt).await?;
        }
        match self.kind {
            RunKind::Test if self.integration.role() == Role::Loader => {
                let loader = (&*self.integration, &self.options.environment);
                loader_test::carry_out(&self.world, loader, request, &mut interrupt).await
            }
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

    async fn request(&self, run: &Run, hold: Option<&Arc<Hold>>) -> Result<Request, Error> {
        let invocation = Invocation {
            run: run.id,
            environment: self.options.environment.clone(),
            log: run.log.clone(),
            timeout: self.options.timeout,
            host: self.options.host.clone(),
            hold: hold.cloned(),
        };
        let plugins = (&self.integration, self.loader());
        let mut request = super::request(&self.world, &self.loaded, plugins, invocation).await?;
        match &self.options.from {
            From::Bookmark => {}
            From::Beginning => request.span = Span::Everything,
            From::Moment(moment) => {
                request.span = Span::Everything;
                let variable = environment_variable(&self.integration.plugin_name(), START);
                request.settings.insert(variable, moment.clone());
            }
        }
        Ok(request)
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

/// How a run ended, what went wrong, and what kind of thing that is.
type How = (RunStatus, Option<String>, Option<Cause>);

/// Takes what an attempt moved into the run, and returns how it ended.
fn took_in(run: &mut Run, finished: Finished) -> How {
    run.records = Some(run.records.unwrap_or_default() + finished.records);
    for (stream, records) in finished.streams {
        *run.streams.entry(stream).or_default() += records;
    }
    run.bookmark_before = run.bookmark_before.take().or(finished.bookmark_before);
    run.bookmark_after = finished.bookmark_after.or(run.bookmark_after.take());
    match finished.outcome {
        Outcome::Succeeded => (RunStatus::Ok, None, None),
        Outcome::Failed { message, cause } => (RunStatus::Failed, Some(message), Some(cause)),
        Outcome::TimedOut { after } => {
            let message = format!("stopped after {} seconds", after.as_secs());
            (RunStatus::Failed, Some(message), Some(Cause::Timeout))
        }
        Outcome::Interrupted => (RunStatus::Cancelled, None, None),
    }
}

fn finish(run: &mut Run, (status, error, cause): How, now: jiff::Timestamp) {
    (run.status, run.error, run.cause) = (status, error, cause);
    // A clock that was set back makes no run end before it began.
    run.finished_at = Some(now.max(run.started_at));
}

/// Ends a run that broke off by a mistake of spile's, in the registry too, where it had begun.
pub(super) async fn broken(world: &World, run: Run) -> Ended {
    let error = Error::BrokenOff { slug: run.slug.clone() };
    let how = (RunStatus::Failed, Some(error.to_string()), Some(Cause::Crash));
    // Where the registry does not answer either, the next one to look at it finds out.
    let begun = world.runs.get(run.id).await.ok().flatten().filter(|known| known.status == RunStatus::Running);
    let is_known = begun.is_some();
    let mut run = begun.unwrap_or(run);
    finish(&mut run, how, (world.clock)());
    if is_known && world.runs.record(&run).await.is_ok() {
        return Ended::Ran(Box::new(run));
    }
    Ended::Refused(Box::new(Refused { run, why: Why::Failed(error) }))
}

/// Returns what kind of thing kept a run from being started or followed.
fn cause(error: &Error) -> Cause {
    match error {
        Error::Install(InstallError::DiskFull { .. })
        | Error::Run(RunError::Install(InstallError::DiskFull { .. })) => Cause::DiskFull,
        Error::Install(_) | Error::Run(RunError::Install(_) | RunError::NotInstalled { .. }) => Cause::NotInstalled,
        Error::Run(RunError::Log { source, .. } | RunError::Io { source, .. })
            if source.kind() == std::io::ErrorKind::StorageFull =>
        {
            Cause::DiskFull
        }
        Error::Secrets(_) => Cause::Secrets,
        Error::Target(_) => Cause::Registry,
        _ => Cause::Crash,
    }
}

/// An error and what it came from, in one line.
fn error_line(error: &Error) -> String {
    error
        .causes()
        .into_iter()
        .fold(error.to_string(), |line, cause| if line.contains(&cause) { line } else { format!("{line}: {cause}") })
}
