//! The setup of a server, from its command line, its machine and its project.

use std::sync::Arc;
use std::time::Duration;

use super::jwt::Trust;
use super::session::Login;
use spile_ops::edits::Destination;
use spile_ops::run;
use spile_world::keys::Places;
use spile_world::processes::meltano::Host;
use spile_world::{Outside, Project};

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
    /// Whose tokens are believed besides its own.
    pub trust: Option<Trust>,
    /// How much somebody may change or run in a minute.
    pub rate: u32,
    /// Where it listens.
    pub port: u16,
    /// The names that the server may be called by: `localhost:8320`.
    pub hosts: Vec<String>,
    /// How many runs at a time, where the project says nothing.
    pub jobs: Option<u16>,
    /// How long a run may take, where that is said.
    pub timeout: Option<Duration>,
    /// The turns that runs take, those of schedules too.
    pub turns: Arc<run::RunSlots>,
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
