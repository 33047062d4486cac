//! Definitions of plugins that others wrote, as connectors: those of the hub, of Meltano's lock files, of a `meltano.yml`,
//! and what a tap or target of the Singer SDK says of itself.
//!
//! Pure: text in, a connector and notes out, or everything that is wrong with it. All forms are brought into Meltano's own
//! first, so that one reader decides what is kept; whatever Meltano reads and a connector cannot hold becomes a note.

mod about;
mod default;
mod form;
mod groups;
mod index;
mod merge;
mod mistake;
mod notes;
mod place;
mod plugin;
mod project;
mod reader;
mod setting;
mod settings;
mod text;

use serde_json::{Map, Value};

use crate::connector::{Connector, Role};
use crate::problem::Problems;
use crate::source::Source;

pub use index::{Indexed, index};
pub use merge::merge;
pub use mistake::DefinitionMistake;
pub use notes::Notes;
pub use text::text;

/// The most bytes of a definition; the largest of the hub have some hundred thousand.
pub const MOST_BYTES: usize = 2 * 1024 * 1024;

/// What the user says of a definition that it does not say itself.
#[derive(Debug, Clone, Default)]
pub struct DefinitionHints {
    /// What the connector is called, instead of after its plugin.
    pub name: Option<String>,
    /// Which side of a pipeline it is.
    pub role: Option<Role>,
    /// Which of several plugins is meant.
    pub plugin: Option<String>,
    /// What pip installs, where the definition does not know it.
    pub pip_url: Option<String>,
    /// The command that this installs.
    pub executable: Option<String>,
    /// What its lock says of where it came from, where that is not the name of the file.
    pub from: Option<String>,
}

/// A connector made of a definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The connector.
    pub connector: Connector,
    /// What was done otherwise than the definition says, a sentence each.
    pub notes: Vec<String>,
}

/// The members of a JSON object.
type Members = Map<String, Value>;

/// Reads a definition, whatever its form.
pub fn read(source: &Source, asked: &DefinitionHints, problems: &mut Problems) -> Option<Definition> {
    let members = form::plugin(source, asked, problems)?;
    plugin::read(source, &members, asked, problems)
}

#[cfg(test)]
mod tests;
