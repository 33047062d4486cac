//! The server's state: handles, shared by all requests.

use std::sync::Arc;

use tokio::sync::watch;

use super::desk::{Desk, Desks};
use super::drafts::Drafts;
use super::jobs::Jobs;
use super::refusal::Refusal;
use super::session::{Login, Sessions};
use super::tokens::Tokens;
use crate::ops::edits::Destination;
use crate::ops::run::Options;
use crate::world::keys::Places;
use crate::world::meltano::Host;
use crate::world::{Keys, Outside, Program, Project};

/// What a server is made of.
#[derive(Debug)]
pub struct Setup {
    /// The project.
    pub project: Project,
    /// The environment, where it is not the project's default.
    pub environment: Option<String>,
    /// What the user's environment gives.
    pub outside: Outside,
    /// Where keys are looked for, for those who bring none of their own.
    pub places: Places,
    /// What of the machine's environment children are given.
    pub host: Host,
    /// What becomes of changes.
    pub writing: Writing,
    /// How people come in.
    pub login: Login,
    /// The names that the server may be called by: `localhost:8320`.
    pub hosts: Vec<String>,
    /// How many runs at a time, where the project says nothing.
    pub jobs: Option<u16>,
}

/// What becomes of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writing {
    /// None is made.
    Not,
    /// They are written.
    To(Destination),
    /// They are written into the files, and applied at once.
    Applied,
}

/// The server's state.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    setup: Setup,
    desks: Desks,
    sessions: Sessions,
    tokens: Tokens,
    jobs: Jobs,
    drafts: Drafts,
    /// One change at a time: files are checked as a whole before one is written.
    writes: tokio::sync::Mutex<()>,
    stop: watch::Sender<bool>,
}

impl App {
    /// Makes a server; nothing is read yet.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let (stop, _) = watch::channel(false);
        let tokens = Tokens::of(&setup.project.own_folder());
        let sessions = Sessions::new(setup.login.clone());
        let jobs = Jobs::default();
        let (desks, drafts, writes) = (Desks::default(), Drafts::default(), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { setup, desks, sessions, tokens, jobs, drafts, writes, stop }))
    }

    /// Returns what the server is made of.
    #[must_use]
    pub fn setup(&self) -> &Setup {
        &self.0.setup
    }

    /// Returns the project as it is read now: anew where its files have changed.
    ///
    /// # Errors
    /// When the files are wrong and were never right.
    pub async fn desk(&self) -> Result<Arc<Desk>, Refusal> {
        self.0.desks.now(&self.0.setup).await
    }

    /// Returns the project as it is this instant: what was just written is in it.
    ///
    /// # Errors
    /// As [`Self::desk`].
    pub(super) async fn read_anew(&self) -> Result<Arc<Desk>, Refusal> {
        self.forget_files().await;
        self.desk().await
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    pub(super) fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    pub(super) fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    pub(super) fn drafts(&self) -> &Drafts {
        &self.0.drafts
    }

    /// Lets the next request read the files anew.
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
    pub(super) fn options(&self, desk: &Desk) -> Options {
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
