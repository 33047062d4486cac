//! `state`: bookmarks that are shown, compared, changed and restored.
//!
//! A change is a plan first, [`plan`], which says what was kept and what would be read because of it. [`apply`] then makes
//! exactly that, while no run has the integration, and remembers what was there.

mod apply;
mod error;
mod kept;
mod list;
mod plan;
mod record;
mod resync;
mod transfer;

use tokio::sync::watch;

use spile_core::name::EnvironmentName;
use spile_world::processes::meltano::Host;

pub use apply::apply;
pub use error::StateError;
pub use kept::{KeptState, Place, read};
pub use list::{Listed, Shown, ShownBookmark, list, show, show_directly};
pub use plan::{Action, StatePlan, plan};
pub(crate) use plan::{BackfillStart, moved_back};
pub use record::{Entry, Side, between, history};
pub use resync::{has_resyncs, resyncs};
pub use transfer::{Export, Exported, export, read_export};

/// The environment and the actor of an operation on states.
#[derive(Debug, Clone)]
pub struct Options {
    /// The environment.
    pub environment: EnvironmentName,
    /// Who does it, as they are called.
    pub actor: String,
    /// What of the machine's environment children are given.
    pub host: Host,
    /// Turns true when the user wants an end.
    pub interrupt: watch::Receiver<bool>,
}

/// What an operation on states works with.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// Everything outside.
    pub world: &'a spile_world::World,
    /// The project's files.
    pub loaded: &'a crate::Loaded,
    /// The environment and the actor.
    pub options: &'a Options,
}
