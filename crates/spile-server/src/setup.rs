//! The setup of a server, from its command line, its machine and its project.

use std::sync::Arc;
use std::time::Duration;

use super::jwt::Trust;
use super::session::Login;
use spile_ops::edits::Destination;
use spile_ops::run;
use spile_world::keys::Places;
use spile_world::net::hub::Address;
use spile_world::net::oauth::oidc::LoginClientSettings;
use spile_world::processes::meltano::Host;
use spile_world::{Outside, Project};

/// The setup of a server.
#[derive(Debug)]
pub struct Setup {
    /// The project.
    pub project: Project,
    /// The environment, if not the project's default.
    pub environment: Option<String>,
    /// What the user's environment provides: keys, variables and agreements.
    pub outside: Outside,
    /// Where to look for keys.
    pub places: Places,
    /// The part of the machine's environment that child processes get.
    pub host: Host,
    /// Where changes go.
    pub writing: Writing,
    /// How people sign in.
    pub login: Login,
    /// The provider whose tokens are trusted besides the server's own.
    pub trust: Option<Trust>,
    /// What this server is to that provider, if people can sign in there.
    pub provider_login: Option<LoginClientSettings>,
    /// Where definitions of further connectors come from.
    pub hub: Address,
    /// How many changes and runs a caller may request per minute.
    pub rate: u32,
    /// The port to listen on.
    pub port: u16,
    /// The host names that the server answers to: `localhost:8320`.
    pub hosts: Vec<String>,
    /// How many runs at a time, if the project does not say.
    pub jobs: Option<u16>,
    /// How long a run may take, if limited.
    pub timeout: Option<Duration>,
    /// The slots that all runs share, including scheduled ones.
    pub turns: Arc<run::RunSlots>,
    /// Whether this server also runs schedules.
    pub has_scheduler: bool,
    /// Whether the page that shows every component is served.
    pub has_design_page: bool,
}

/// Where changes go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writing {
    /// The server is read-only and refuses changes.
    Not,
    /// Changes are written to files or a branch, and someone applies them later.
    To(Destination),
    /// Changes are written to the files and applied immediately.
    Applied,
}
