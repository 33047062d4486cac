//! One run of one integration, from its start to its record in the registry.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OnceCell, mpsc, watch};
use uuid::Uuid;

use super::ended::{Attempt, How, RefusalReason, RefusedRun, RunEnd, cause, error_line, finish, took_in};
use super::part_results::PartsSoFar;
use super::run_lock::NotHere;
use super::{From, OldRows, Options, reset};
use crate::discover::DiscoverError;
use crate::invocation::{self, Invocation};
use crate::secrets::rotated;
use crate::{Error, Event, Loaded, loader_test};
use spile_core::connector::Role;
use spile_core::integration::Integration;
use spile_core::integration::check::environment_variable;
use spile_core::name::EnvironmentName;
use spile_core::record::entry::{BACKFILL, backfill_state_id, state_id};
use spile_core::run::finding::Finding;
use spile_core::run::refresh::{self, RefreshRemains};
use spile_core::run::{Cause, Run, RunKind, RunStatus, Start, Tries};
use spile_world::processes::meltano::{CatalogFacts, Finished, Hold, InstallError, Request, RunError, Span};
use spile_world::stores::state_changes::StateChanges;
use spile_world::{World, machine};

/// One run, with all it needs.
pub(super) struct Job {
    pub id: Uuid,
    pub world: World,
    pub loaded: Arc<Loaded>,
    pub options: Arc<Options>,
    pub events: mpsc::UnboundedSender<Event>,
    pub integration: Arc<Integration>,
    pub kind: RunKind,
    /// The result of [`Job::known`].
    pub known: OnceCell<Vec<Run>>,
    /// What earlier attempts of the run have done with several processes.
    pub parts: Mutex<PartsSoFar>,
}

/// The result of checking a source before a run reads from it.
pub(super) enum Watched {
    /// The run may read, and reports these findings afterwards.
    Go(Vec<Finding>),
    /// The run ended before it read anything.
    Ended(Box<Finished>, Vec<Finding>),
}

/// The findings about the source of a run.
pub(super) struct SourceFacts<'a> {
    /// The facts from its catalog.
    pub(super) facts: &'a CatalogFacts,
    /// The findings from before it read anything.
    pub(super) before: Vec<Finding>,
}

impl Job {
    /// Returns the newest live runs of the integration, read once: it is held from before the first call on, so that no other run
    /// of it comes.
    pub(super) async fn known(&self) -> Result<&[Run], Error> {
        let read = || self.world.runs.newest_live(self.integration.id, 100);
        Ok(self.known.get_or_try_init(read).await?)
    }

    pub(super) fn tell(&self, event: Event) {
        // The receiver is gone only if the operation itself has ended.
        let _ = self.events.send(event);
    }

    /// Returns the event that the run is queued.
    pub(super) fn queued(&self) -> Event {
        Event::Queued(Box::new(self.begun()))
    }

    pub(super) fn loader(&self) -> Option<&Arc<Integration>> {
        let slug = self.integration.at(&self.options.environment).loader.as_ref()?;
        self.loaded.integrations.find(slug.as_str()).filter(|_| self.kind == RunKind::Sync)
    }

    /// Runs and records the run from its start, unless something prevents that.
    pub(super) async fn run(mut self) -> RunEnd {
        let run = self.begun();
        let lost = self.stop_when_lost();
        let held = match self.held(&run, &lost).await {
            Ok(Ok(held)) => held,
            Ok(Err(NotHere::Busy(busy))) => return self.refused(run, busy, Cause::Busy, RefusalReason::Busy),
            Ok(Err(NotHere::Left)) => return RunEnd::Left(run.slug),
            Ok(Err(NotHere::Stopped)) => return self.stopped(run),
            // A failure here need not affect other integrations.
            Err(error) => return self.failed(run, error),
        };
        let ended = match self.going_on(run.clone()).await {
            Ok(run) => self.run_held(run, held.hold.as_ref(), &lost).await,
            Err(error) => self.failed(run, error),
        };
        held.give_back().await;
        ended
    }

    /// Makes the run continue an unfinished full refresh, if there is one and nothing else was requested.
    async fn going_on(&mut self, run: Run) -> Result<Run, Error> {
        let is_whole = self.options.from == From::Bookmark && self.options.streams.only.is_empty();
        if self.kind != RunKind::Sync || !is_whole {
            return Ok(run);
        }
        let Some(unfinished) = refresh::unfinished(self.known().await?, run.loader, run.id) else { return Ok(run) };
        // A change by hand since then replaces the interrupted refresh.
        let changed = StateChanges::of(&self.world).last(self.integration.id, &run.environment).await?;
        let broke_off = self.known().await?.iter().find(|known| known.id == unfinished.run);
        if broke_off.is_some_and(|known| changed.is_some_and(|changed| changed > known.started_at)) {
            return Ok(run);
        }
        match unfinished.left {
            RefreshRemains::Bookmarks => {}
            RefreshRemains::Nothing => Arc::make_mut(&mut self.options).from = From::Beginning,
        }
        self.tell(Event::ResumedRefresh { slug: run.slug.clone(), unfinished });
        Ok(Run { full_refresh: true, ..run })
    }

    async fn run_held(&self, mut run: Run, hold: Option<&Arc<Hold>>, lost: &watch::Sender<bool>) -> RunEnd {
        if *self.options.interrupt.borrow() {
            return self.stopped(run);
        }
        match self.is_served().await {
            Ok(false) => {}
            Ok(true) => return RunEnd::Served,
            Err(error) => return self.failed(run, error),
        }
        run.started_at = (self.world.clock)();
        run.details.choices = match self.choices(&run).await {
            Ok(choices) => choices,
            Err(error) => return self.failed(run, error),
        };
        if let Err(error) = self.world.runs.record(&run).await {
            return self.failed(run, error.into());
        }
        self.tell(Event::Began { slug: run.slug.clone(), kind: self.kind, run: run.id });
        self.carry_out(&mut run, hold).await;
        if *lost.borrow() {
            let why =
                "another machine took over its lease, because this machine could not reach the registry for too long";
            (run.error, run.cause) = (Some(why.to_owned()), Some(Cause::Busy));
            run.status = RunStatus::Failed;
        }
        if let Err(error) = self.world.runs.record(&run).await {
            let error = error_line(&error.into());
            let how = run.error.take().map(|how| format!(" ({how})")).unwrap_or_default();
            run.error =
                Some(format!("the run ended{how}, but the result could not be stored in the registry: {error}"));
            (run.status, run.cause) = (RunStatus::Failed, Some(Cause::Registry));
        }
        self.tell(Event::Ended(Box::new(run.clone())));
        RunEnd::Ran(Box::new(run))
    }

    /// Ends a run that has not started. Nothing has run, so the registry does not record it.
    fn refused(&self, mut run: Run, how: String, cause: Cause, why: RefusalReason) -> RunEnd {
        finish(&mut run, How::new(RunStatus::Failed, Some(how), Some(cause)), (self.world.clock)());
        self.tell(Event::Ended(Box::new(run.clone())));
        RunEnd::Refused(Box::new(RefusedRun { run, why }))
    }

    fn failed(&self, run: Run, error: Error) -> RunEnd {
        self.refused(run, error_line(&error), cause(&error), RefusalReason::Failed(error))
    }

    fn stopped(&self, mut run: Run) -> RunEnd {
        let how = "stopped before it started".to_owned();
        finish(&mut run, How::new(RunStatus::Cancelled, Some(how), None), (self.world.clock)());
        self.tell(Event::Ended(Box::new(run.clone())));
        RunEnd::Refused(Box::new(RefusedRun { run, why: RefusalReason::Stopped }))
    }

    /// Tells whether another run served its moment of the schedule while it waited.
    async fn is_served(&self) -> Result<bool, Error> {
        let Some(moment) = self.options.scheduled_for.get(&self.integration.id) else { return Ok(false) };
        let tries = Tries::of(self.known().await?, (self.world.clock)());
        Ok(tries.is_some_and(|tries| tries.have_served(*moment)))
    }

    /// Returns the run with its state at the start.
    pub(super) fn begun(&self) -> Run {
        let environment = self.options.environment.clone();
        let loader = self.loader();
        let live = loader.map(|loader| state_id(&environment, &self.integration.plugin_name(), &loader.plugin_name()));
        let state_id = match &self.options.from {
            From::Range { .. } => live.as_deref().map(backfill_state_id),
            From::Bookmark | From::Beginning | From::Moment(_) => live,
        };
        let start = Start {
            id: self.id,
            integration: self.integration.id,
            slug: self.integration.slug.clone(),
            environment,
            kind: self.kind,
            at: (self.world.clock)(),
        };
        Run {
            state_id,
            loader: loader.map(|loader| loader.id),
            full_refresh: self.options.from.is_full_refresh() && self.options.streams.only.is_empty(),
            scheduled_for: self.options.scheduled_for.get(&self.integration.id).copied(),
            host: Some(machine::name()),
            details: self.requested(),
            ..Run::start(start)
        }
    }

    /// Runs until an attempt succeeds, fails for a reason that is not temporary, or was the last one allowed.
    async fn carry_out(&self, run: &mut Run, hold: Option<&Arc<Hold>>) {
        let mut after = self.options.retries.after;
        loop {
            let outcome = match self.attempt(run, hold).await {
                Ok(Attempt { earlier, finished, findings }) => {
                    for earlier in earlier {
                        took_in(run, earlier);
                    }
                    let facts = finished.catalog.clone();
                    let how = took_in(run, finished);
                    self.judged(run, how, SourceFacts { facts: &facts, before: findings }).await
                }
                // The user interrupted while plugins were installed or the source was asked.
                Err(
                    Error::Install(InstallError::Interrupted)
                    | Error::Run(RunError::Install(InstallError::Interrupted))
                    | Error::Discover(DiscoverError::Interrupted { .. }),
                ) => How::new(RunStatus::Cancelled, None, None),
                Err(error) => How::new(RunStatus::Failed, Some(error_line(&error)), Some(cause(&error))),
            };
            let may_pass = outcome.status == RunStatus::Failed && outcome.cause.is_some_and(Cause::may_pass);
            let is_left = run.attempts <= u32::from(self.options.retries.most) && self.kind == RunKind::Sync;
            if !may_pass || !is_left || !self.rests(run, &outcome, after).await {
                finish(run, outcome, (self.world.clock)());
                spile_world::processes::meltano::keep_logs(
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

    /// Waits before a retry. Returns `false` if the user interrupts.
    async fn rests(&self, run: &Run, how: &How, after: Duration) -> bool {
        let reason = how.error.clone().unwrap_or_default();
        self.tell(Event::Retrying { slug: run.slug.clone(), reason, after });
        let mut interrupt = self.options.interrupt.clone();
        let wanted = interrupt.wait_for(|wanted| *wanted);
        tokio::time::timeout(after, wanted).await.is_err()
    }

    async fn attempt(&self, run: &Run, hold: Option<&Arc<Hold>>) -> Result<Attempt, Error> {
        if let Some(refused) = self.without_contract()? {
            return Ok(refused.into());
        }
        let mut request = self.request(run, hold).await?;
        if run.attempts > 1 {
            // All attempts share one log.
            let most = u32::from(self.options.retries.most) + 1;
            self.note(&request, &format!("attempt {} of at most {most} begins", run.attempts))?;
        }
        let meltano = &self.world.meltano;
        let mut interrupt = self.options.interrupt.clone();
        if !meltano.is_ready(&request) {
            self.tell(Event::Preparing { slug: run.slug.clone() });
            meltano.make_ready(&request, &mut interrupt).await?;
        }
        if self.kind == RunKind::Test {
            self.tell(Event::Connecting { slug: run.slug.clone() });
        }
        if self.integration.role() == Role::Loader {
            let environment = &self.options.environment;
            let tested =
                loader_test::carry_out(&self.world, &self.integration, environment, request, &mut interrupt).await?;
            return Ok(tested.into());
        }
        let mut findings = Vec::new();
        if self.is_watching() {
            match self.watch(&mut request).await? {
                Watched::Go(found) => {
                    findings = found;
                    invocation::refresh_secrets(&self.world, &self.integration, &mut request).await?;
                }
                Watched::Ended(finished, findings) => {
                    return Ok(Attempt { findings, ..Attempt::from(*finished) });
                }
            }
        } else {
            request.catalog = self.catalog()?;
        }
        let mut attempt = match self.kind {
            RunKind::Test => {
                let tested = self.test(&request, &mut interrupt).await;
                rotated::send_soon(&self.world, &self.options.environment).await;
                tested?.into()
            }
            RunKind::Sync => self.sync(run, &mut request).await?,
        };
        self.remember_catalog(&attempt.finished.catalog)?;
        attempt.findings.splice(0..0, findings);
        Ok(attempt)
    }

    async fn request(&self, run: &Run, hold: Option<&Arc<Hold>>) -> Result<Request, Error> {
        let special = Invocation {
            run: run.id,
            environment: self.options.environment.clone(),
            log: run.log.clone(),
            timeout: self.options.timeout,
            host: self.options.host.clone(),
            hold: hold.cloned(),
        };
        let loader = self.loader();
        let mut request = invocation::request(&self.world, &self.loaded, &self.integration, loader, special).await?;
        let names = invocation::variables([Some(&self.integration), self.loader()], &self.options.environment);
        invocation::require(&self.world, &request, &self.integration, names)?;
        // Tables rightly lack what a mapper drops or renames, so that cannot be verified.
        if self.kind == RunKind::Sync && request.mappers.is_empty() {
            request.verify = self.options.verify;
        }
        // A retry continues with the bookmarks that the previous attempt left.
        let is_narrow = !run.details.filter.only.is_empty();
        let span = if run.bookmark_after.is_none() && !is_narrow { Span::Everything } else { Span::New };
        match &self.options.from {
            From::Bookmark => {}
            From::Beginning => request.span = span,
            From::Moment(moment) => {
                request.span = span;
                self.set(&mut request, self.integration.connector.start_setting(), moment.to_string());
            }
            From::Range { range, start } => {
                // Its state is its own, and nothing of an earlier piece may narrow it.
                request.span = if start.is_some() { Span::New } else { Span::Everything };
                request.state_suffix = Some(BACKFILL);
                self.limit_to(range, &mut request)?;
            }
        }
        invocation::narrow(&mut request, &run.details.filter);
        if self.options.old_rows == OldRows::Remove {
            // A retry continues the same refresh, so it has the same version.
            reset::prepare(&mut request, self.loader(), &self.options, run.started_at.as_millisecond());
        }
        Ok(request)
    }

    /// Gives a setting of the tap another value for this run, if the tap has it.
    pub(super) fn set(&self, request: &mut Request, setting: Option<&str>, value: String) {
        let Some(setting) = setting else { return };
        request.settings.insert(environment_variable(&self.integration.plugin_name(), setting), value);
    }

    /// Moves the bookmarks of the last sync when only names have changed since.
    ///
    /// This happens here and not in apply, because apply may run without Meltano.
    pub(super) async fn follow_rename(&self, run: &Run, request: &Request) -> Result<(), Error> {
        let (Some(from), Some(to)) = (self.renamed_from(run).await?, &run.state_id) else { return Ok(()) };
        self.world.meltano.move_state(request, &from, to, &mut self.options.interrupt.clone()).await?;
        self.tell(Event::MovedState { slug: run.slug.clone(), from, to: to.clone() });
        Ok(())
    }
}

/// Tells whether a state id belongs to an extractor, regardless of the names of the extractor and its loader in the files.
pub(super) fn is_state_of(id: &str, environment: &EnvironmentName, extractor: &Integration) -> bool {
    match &extractor.plugin {
        Some(name) => id.starts_with(&format!("{environment}:{name}-to-")),
        None => id.starts_with(&format!("{environment}:{}--", extractor.connector.plugin.name)),
    }
}
