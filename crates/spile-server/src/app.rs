//! The server's state: handles that all requests share.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use tokio::sync::watch;

use super::caller::Caller;
use super::draft_tests::LiveTests;
use super::drafts::Drafts;
use super::idempotency_store::IdempotencyStore;
use super::jobs::Jobs;
use super::jwt::Jwts;
use super::limits::Limit;
use super::pending_sign_ins::{PendingSignIn, PendingSignIns};
use super::project_view::{Desks, ProjectView};
use super::provider_login::ProviderLogin;
use super::pulse::Pulse;
use super::queue::Queue;
use super::refusal::Refusal;
use super::session::Sessions;
use super::setup::{Setup, Writing};
use spile_core::name::Slug;
use spile_ops::edits::Destination;
use spile_ops::run::Options;
use spile_world::processes::git::{self, Proposal};
use spile_world::stores::drafts::DraftFiles;
use spile_world::{Audit, Deed, Keys, Program, SeenAlerts, Tokens};

/// How many sign-in attempts an address may make in a minute.
const ATTEMPTS: u32 = 30;

/// How many sign-ins to sources may have begun at a time.
const SIGN_INS: usize = 100;

/// The server's state.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    setup: Setup,
    desks: Desks,
    sessions: Sessions,
    tokens: Tokens,
    jwts: Option<Jwts>,
    provider: Option<ProviderLogin>,
    /// Rate limit of changes and runs, by caller.
    writes_of: Limit,
    /// Rate limit of sign-in attempts, by address.
    attempts: Limit,
    audit: Audit,
    seen: SeenAlerts,
    jobs: Jobs,
    queue: Queue,
    drafts: Drafts,
    live_tests: LiveTests,
    sign_ins: PendingSignIns<PendingSignIn>,
    answered: IdempotencyStore,
    /// Allows one change at a time: each checks all files before it writes one.
    writes: tokio::sync::Mutex<()>,
    /// What open pages follow.
    pulse: watch::Sender<Pulse>,
    stop: watch::Sender<bool>,
}

impl App {
    /// Makes a server; reads nothing yet.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let (stop, _) = watch::channel(false);
        let own_folder = setup.project.own_folder();
        Self(Arc::new(Inner {
            desks: Desks::default(),
            sessions: Sessions::new(setup.login.clone(), setup.port, &own_folder),
            tokens: Tokens::of(&own_folder),
            jwts: setup.trust.clone().map(|trust| Jwts::of(trust, &setup.outside.authorities)),
            provider: ProviderLogin::of(&setup),
            writes_of: Limit::per_minute(setup.rate),
            attempts: Limit::per_minute(ATTEMPTS),
            audit: Audit::of(&own_folder),
            seen: SeenAlerts::of(&own_folder),
            jobs: Jobs::default(),
            queue: Queue::default(),
            drafts: Drafts::new(DraftFiles::of(&own_folder)),
            live_tests: LiveTests::default(),
            sign_ins: PendingSignIns::at_most(SIGN_INS),
            answered: IdempotencyStore::default(),
            writes: tokio::sync::Mutex::default(),
            pulse: watch::Sender::default(),
            stop,
            setup,
        }))
    }

    /// Returns the server's setup.
    #[must_use]
    pub fn setup(&self) -> &Setup {
        &self.0.setup
    }

    /// Returns the project as it is now, and reads it again if its files have changed.
    ///
    /// # Errors
    /// If the files have problems and were never valid.
    pub async fn desk(&self) -> Result<Arc<ProjectView>, Refusal> {
        self.0.desks.now(&self.0.setup).await
    }

    /// Returns the project as it is this instant, including what was just written.
    ///
    /// # Errors
    /// As [`Self::desk`].
    pub(super) async fn reload(&self) -> Result<Arc<ProjectView>, Refusal> {
        self.forget_files().await;
        self.desk().await
    }

    /// Returns the project as the next change of some integrations finds it.
    ///
    /// # Errors
    /// As [`Self::with_proposal`].
    pub(super) async fn to_change(&self, slugs: &[Slug]) -> Result<Arc<ProjectView>, Refusal> {
        let desk = self.reload().await?;
        self.with_proposal(&desk, slugs).await
    }

    /// Returns the project with what a branch already proposes for an integration, on a server that writes branches: the next
    /// change goes on from there. Changes of several integrations begin a branch of their own.
    ///
    /// # Errors
    /// If git cannot be asked, or the settings of the project are invalid.
    pub(super) async fn with_proposal(
        &self,
        desk: &Arc<ProjectView>,
        slugs: &[Slug],
    ) -> Result<Arc<ProjectView>, Refusal> {
        let [slug] = slugs else { return Ok(desk.clone()) };
        let found = self.proposal(slug).await?;
        let with = found.and_then(|proposal| desk.with_proposal(self.setup(), slug, proposal));
        Ok(with.map_or_else(|| desk.clone(), Arc::new))
    }

    /// Returns the branch that waits for review with changes of an integration, on a server that writes branches.
    ///
    /// # Errors
    /// If git cannot be asked.
    pub(super) async fn proposal(&self, slug: &Slug) -> Result<Option<Proposal>, Refusal> {
        let Writing::To(Destination::Branch { .. }) = self.setup().writing else { return Ok(None) };
        let is_its = |path: &Path| path.file_name().and_then(OsStr::to_str).is_some_and(|name| is_file_of(name, slug));
        Ok(git::proposal(self.setup().project.root(), is_its).await.map_err(spile_ops::Error::from)?)
    }

    /// Returns the code that lets the next person in, and each one after it; empty on a server without a login.
    #[must_use]
    pub fn codes(&self) -> watch::Receiver<String> {
        self.0.sessions.codes()
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    pub(super) fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// Returns the verifier of a provider's tokens, if the server trusts one.
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

    /// Records in the audit log who did what to which integrations, and the result.
    ///
    /// # Errors
    /// If it cannot be recorded: the change itself stays.
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

    /// Returns the provider that people sign in with, if there is one.
    pub(super) fn provider(&self) -> Option<&ProviderLogin> {
        self.0.provider.as_ref()
    }

    pub(super) fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// Returns the queue of waiting runs.
    pub(super) fn queue(&self) -> &Queue {
        &self.0.queue
    }

    pub(super) fn drafts(&self) -> &Drafts {
        &self.0.drafts
    }

    /// Returns the tests of drafts that are in progress.
    pub(super) fn live_tests(&self) -> &LiveTests {
        &self.0.live_tests
    }

    /// Has open pages show what has changed in tests of drafts.
    pub(super) fn tell_drafts(&self) {
        self.0.pulse.send_modify(|pulse| pulse.drafts += 1);
    }

    /// Returns the sign-ins to sources that have begun.
    pub(super) fn sign_ins(&self) -> &PendingSignIns<PendingSignIn> {
        &self.0.sign_ins
    }

    /// Makes the next request read the files again.
    pub(super) async fn forget_files(&self) {
        self.0.desks.forget().await;
    }

    /// Waits until no other change is in progress.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.writes.lock().await
    }

    /// Returns the official sops program, if the user's environment has it.
    pub(super) fn program(&self) -> Program {
        Program::new(self.0.setup.host.path.clone())
    }

    /// Returns a new key cache, which shares no decrypted data keys with others.
    pub(super) fn fresh_keys(&self) -> Keys {
        Keys::new(self.0.setup.places.clone())
    }

    /// Returns the options of runs, which stop when the server stops.
    pub(super) fn options(&self, desk: &ProjectView) -> Options {
        let mut options = desk.options.clone();
        options.interrupt = self.0.stop.subscribe();
        options
    }

    /// Returns what open pages follow.
    pub(super) fn pulse(&self) -> &watch::Sender<Pulse> {
        &self.0.pulse
    }

    /// Tells runs to stop.
    pub(super) fn stop(&self) {
        self.0.stop.send_replace(true);
    }

    /// Turns true when the server stops.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.0.stop.subscribe()
    }
}

/// Tells whether a file is one of an integration's: `shop.toml`, `shop.prod.toml`, `shop.enc.yaml`.
fn is_file_of(name: &str, slug: &Slug) -> bool {
    name.split('.').next() == Some(slug.as_str())
}
