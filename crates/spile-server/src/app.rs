//! The server's state: handles, shared by all requests.

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use tokio::sync::watch;

use super::caller::Caller;
use super::drafts::Drafts;
use super::idempotency_store::IdempotencyStore;
use super::jobs::Jobs;
use super::jwt::Jwts;
use super::limits::Limit;
use super::project_view::{Desks, ProjectView};
use super::queue::Queue;
use super::refusal::Refusal;
use super::session::Sessions;
use super::setup::Setup;
use spile_core::name::Slug;
use spile_ops::run::Options;
use spile_world::{Audit, Deed, Keys, Program, SeenAlerts, Tokens};

/// How often somebody may try to come in in a minute, from one address.
const ATTEMPTS: u32 = 30;

/// The server's state.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    setup: Setup,
    desks: Desks,
    sessions: Sessions,
    tokens: Tokens,
    jwts: Option<Jwts>,
    /// Changes and runs, by who makes them.
    writes_of: Limit,
    /// Attempts to come in, by where they come from.
    attempts: Limit,
    audit: Audit,
    seen: SeenAlerts,
    jobs: Jobs,
    queue: Queue,
    drafts: Drafts,
    answered: IdempotencyStore,
    /// One change at a time: files are checked as a whole before one is written.
    writes: tokio::sync::Mutex<()>,
    stop: watch::Sender<bool>,
}

impl App {
    /// Makes a server; nothing is read yet.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let (stop, _) = watch::channel(false);
        let own_folder = setup.project.own_folder();
        Self(Arc::new(Inner {
            desks: Desks::default(),
            sessions: Sessions::new(setup.login.clone(), setup.port),
            tokens: Tokens::of(&own_folder),
            jwts: setup.trust.clone().map(|trust| Jwts::of(trust, &setup.outside.authorities)),
            writes_of: Limit::per_minute(setup.rate),
            attempts: Limit::per_minute(ATTEMPTS),
            audit: Audit::of(&own_folder),
            seen: SeenAlerts::of(&own_folder),
            jobs: Jobs::default(),
            queue: Queue::default(),
            drafts: Drafts::default(),
            answered: IdempotencyStore::default(),
            writes: tokio::sync::Mutex::default(),
            stop,
            setup,
        }))
    }

    /// Returns what the server is made of.
    #[must_use]
    pub fn setup(&self) -> &Setup {
        &self.0.setup
    }

    /// Returns the project as it is now, read again if its files have changed.
    ///
    /// # Errors
    /// When the files are wrong and were never right.
    pub async fn desk(&self) -> Result<Arc<ProjectView>, Refusal> {
        self.0.desks.now(&self.0.setup).await
    }

    /// Returns the project as it is this instant: what was just written is in it.
    ///
    /// # Errors
    /// As [`Self::desk`].
    pub(super) async fn reload(&self) -> Result<Arc<ProjectView>, Refusal> {
        self.forget_files().await;
        self.desk().await
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    pub(super) fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// Returns what looks at tokens of others, where some are believed.
    pub(super) fn jwts(&self) -> Option<&Jwts> {
        self.0.jwts.as_ref()
    }

    pub(super) fn writes_of(&self) -> &Limit {
        &self.0.writes_of
    }

    pub(super) fn attempts(&self) -> &Limit {
        &self.0.attempts
    }

    pub(super) fn seen(&self) -> &SeenAlerts {
        &self.0.seen
    }

    pub(super) fn answered(&self) -> &IdempotencyStore {
        &self.0.answered
    }

    pub(super) fn audit(&self) -> &Audit {
        &self.0.audit
    }

    /// Notes who did what to which integrations, and what came of it.
    ///
    /// # Errors
    /// When it cannot be noted: what was done is done.
    pub(super) fn note(
        &self,
        who: &Caller,
        action: &str,
        integrations: &[Slug],
        result: Option<String>,
    ) -> Result<(), Refusal> {
        let deed = Deed {
            at: Timestamp::now(),
            actor: who.name.clone(),
            subject: Some(who.subject.clone()),
            role: who.role.word().to_owned(),
            action: action.to_owned(),
            integrations: integrations.to_vec(),
            result,
        };
        self.0.audit.add(&deed).map_err(|error| {
            let detail = format!("the change was made, but cannot be recorded in `.spile/audit.jsonl`: {error}");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "spile::http::audit", detail)
                .help("let the server write to that file: it records every change")
        })
    }

    pub(super) fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// Returns the runs that wait for their turn.
    pub(super) fn queue(&self) -> &Queue {
        &self.0.queue
    }

    pub(super) fn drafts(&self) -> &Drafts {
        &self.0.drafts
    }

    /// Lets the next request read the files again.
    pub(super) async fn forget_files(&self) {
        self.0.desks.forget().await;
    }

    /// Waits until no other change is being made.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.writes.lock().await
    }

    /// Returns the official sops, as far as the user's environment knows it.
    pub(super) fn program(&self) -> Program {
        Program::new(self.0.setup.host.path.clone())
    }

    /// Returns keys that remember what is encrypted with them, apart from those of others.
    pub(super) fn fresh_keys(&self) -> Keys {
        Keys::new(self.0.setup.places.clone())
    }

    /// Returns how runs are carried out, and are told of the server's end.
    pub(super) fn options(&self, desk: &ProjectView) -> Options {
        let mut options = desk.options.clone();
        options.interrupt = self.0.stop.subscribe();
        options
    }

    /// Tells runs to end.
    pub(super) fn stop(&self) {
        self.0.stop.send_replace(true);
    }

    /// Turns true when the server is to end.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.0.stop.subscribe()
    }
}
