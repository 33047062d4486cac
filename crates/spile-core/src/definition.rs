//! Converts plugin definitions from other sources to connectors: those of the hub, of Meltano's lock files, of a
//! `meltano.yml`, and the output of Singer SDK plugins about themselves.
//!
//! Pure: text in, a connector and notes out, or everything that is wrong with the text. All forms are converted to
//! Meltano's own first, so that one reader decides what is kept. Whatever Meltano reads but a connector cannot express
//! becomes a note.

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

/// The most bytes of a definition. The largest on the hub have a few hundred thousand.
pub const MOST_BYTES: usize = 2 * 1024 * 1024;

/// Details from the user that a definition does not contain itself.
#[derive(Debug, Clone, Default)]
pub struct DefinitionHints {
    /// The connector's name, instead of one derived from its plugin.
    pub name: Option<String>,
    /// Its role in a pipeline.
    pub role: Option<Role>,
    /// The plugin to use, if there are several.
    pub plugin: Option<String>,
    /// The pip requirement, if the definition does not have one.
    pub pip_url: Option<String>,
    /// The command that the package installs.
    pub executable: Option<String>,
    /// The origin to record in the lock, if it is not the name of the file.
    pub from: Option<String>,
}

/// The connector that a definition was converted to.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The connector.
    pub connector: Connector,
    /// The differences from the definition, one sentence each.
    pub notes: Vec<String>,
}

/// The members of a JSON object.
type Members = Map<String, Value>;

/// Reads a definition in any form.
pub fn read(source: &Source, asked: &DefinitionHints, problems: &mut Problems) -> Option<Definition> {
    let members = form::plugin(source, asked, problems)?;
    plugin::read(source, &members, asked, problems)
}

#[cfg(test)]
mod tests;
