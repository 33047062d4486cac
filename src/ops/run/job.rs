//! One run of one integration, from its beginning to its entry in the registry.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::lease::{self, Leased};
use super::{From, Invocation, Options, START, WhenBusy};
use crate::connector::Role;
use crate::integration::Integration;
use crate::integration::check::environment_variable;
use crate::name::EnvironmentName;
use crate::ops::{Error, Event, Loaded, loader_test};
use crate::record::entry::state_id;
use crate::run::{Cause, Run, RunKind, RunStatus, Tries, log_path, mention};
use crate::secret::Secret;
use crate::world::meltano::{Finished, Hold, InstallError, NotHeld, Outcome, Progress, Request, RunError, Span};
use crate::world::{World, machine};

/// How often an integration that something else runs is looked at.
const PATIENCE: Duration = Duration::from_millis(500);

/// One run, with all it needs.
pub(super) struct Job {
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

impl Job {
    fn tell(&self, event: Event) {
        // Nobody listens any more only when the operation itself has ended.
        let _ = self.events.send(event);
    }

    fn loader(&self) -> Option<&Arc<Integration>> {
        let slug = self.integration.at(&self.options.environment).loader.as_ref()?;
        self.loaded.integrations.find(slug.as_str()).filter(|_| self.kind == RunKind::Sync)
    }

    /// Runs, and remembers the run from its beginning; `None` when the user wanted an end before it began, or when the
    /// moment of its schedule has been served in the meantime.
    pub(super) async fn run(mut self) -> Result<Option<Run>, Error> {
        let mut run = self.begun();
        let lost = self.stop_when_lost();
        let held = match self.held(&run, &lost).await {
            Ok(None) => return Ok(None),
            Ok(Some(Ok(held))) => held,
            Ok(Some(Err(busy))) => return Ok(Some(self.refused(run, (busy, Cause::Busy)))),
            // Others may be held all the same.
            Err(error) => return Ok(Some(self.refused(run, (error_line(&error), cause(&error))))),
        };
        let ended = if *self.options.interrupt.borrow() || self.is_served().await? {
            None
        } else {
            run.started_at = (self.world.clock)();
            self.carry_out(&mut run, held.hold.as_ref()).await?;
            if *lost.borrow() {
                let why = "another machine has taken its lease: this one was out of the registry's reach for too long";
                (run.error, run.cause) = (Some(why.to_owned()), Some(Cause::Busy));
                run.status = RunStatus::Failed;
            }
            self.world.runs.record(&run).await?;
            self.tell(Event::Ended(Box::new(run.clone())));
            Some(run)
        };
        if let Some(lease) = held.lease {
            lease.give_back().await;
        }
        Ok(ended)
    }

    /// Ends a run that has not begun. Nothing has run, so the registry hears nothing of it.
    fn refused(&self, mut run: Run, (why, cause): (String, Cause)) -> Run {
        finish(&mut run, (RunStatus::Failed, Some(why), Some(cause)), (self.world.clock)());
        self.tell(Event::Ended(Box::new(run.clone())));
        run
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

    /// Waits until nothing else runs the integration, or says who does; `None` when the user wants an end meanwhile.
    async fn held(&self, run: &Run, lost: &watch::Sender<bool>) -> Result<Option<Result<Held, Busy>>, Error> {
        let mut has_told = false;
        loop {
            if *self.options.interrupt.borrow() {
                return Ok(None);
            }
            let busy = match self.try_to_hold(run, lost).await? {
                Ok(held) => {
                    // Who had it may have been killed a moment ago, and stand in Meltano's way still.
                    self.world.meltano.sweep()?;
                    super::bury(&self.world, &run.environment).await?;
                    return Ok(Some(Ok(held)));
                }
                Err(busy) => busy,
            };
            match self.options.when_busy {
                WhenBusy::Wait => {}
                WhenBusy::Refuse => return Ok(Some(Err(busy))),
                WhenBusy::Leave => {
                    self.tell(Event::Left { slug: run.slug.clone(), busy });
                    return Ok(None);
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
    async fn carry_out(&self, run: &mut Run, hold: Option<&Arc<Hold>>) -> Result<(), Error> {
        self.tell(Event::Began { slug: run.slug.clone(), kind: self.kind, run: run.id });
        self.world.runs.record(run).await?;
        let mut after = self.options.retries.after;
        loop {
            let outcome = match self.attempt(run, hold).await {
                Ok(finished) => self.judged(took_in(run, finished)),
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
                return Ok(());
            }
            run.attempts += 1;
            after *= 2;
        }
    }

    /// Knows a setting that was looked for in vain from a crash.
    fn judged(&self, (status, error, cause): Ended) -> Ended {
        let misses = |reason: &String| mention::misses_a_setting(reason, &self.integration.connector);
        let is_missing = cause == Some(Cause::Crash) && error.as_ref().is_some_and(misses);
        (status, error, if is_missing { Some(Cause::MissingSetting) } else { cause })
    }

    /// Waits before a further try; `false` when the user wants an end meanwhile.
    async fn rests(&self, run: &Run, (_, error, _): &Ended, after: Duration) -> bool {
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
                request.variables.insert(variable, Secret::new(moment.clone()));
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
type Ended = (RunStatus, Option<String>, Option<Cause>);

/// Takes what an attempt moved into the run, and returns how it ended.
fn took_in(run: &mut Run, finished: Finished) -> Ended {
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

fn finish(run: &mut Run, (status, error, cause): Ended, now: jiff::Timestamp) {
    (run.status, run.error, run.cause) = (status, error, cause);
    // A clock that was set back makes no run end before it began.
    run.finished_at = Some(now.max(run.started_at));
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
