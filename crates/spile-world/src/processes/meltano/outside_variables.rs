//! The variables that Meltano finds for settings before a run adds its own.

use std::collections::BTreeSet;
use std::path::Path;

use crate::files::door::{Door, Shut};
use crate::processes::child_environment::{ChildEnvironment, assigned_at, assigned_in};
use spile_core::integration::check::environment_variable;
use spile_core::render::read;
use spile_core::settings::RunEnvironment;

/// The file of variables that Meltano reads itself.
pub const DOTENV: &str = ".env";

/// The variables that a run gets from outside.
pub struct Given<'a> {
    /// The content of the project's `.env`.
    pub dotenv: &'a str,
    /// The environment that spile was started with.
    pub environment: &'a ChildEnvironment,
    /// Which part of that environment a run gets.
    pub run: &'a RunEnvironment,
    /// The variables that `meltano.yml` itself sets.
    pub own: BTreeSet<String>,
}

impl<'a> Given<'a> {
    /// Returns the variables that are set for a Meltano project with this text.
    #[must_use]
    pub fn new(
        project_file: &str,
        dotenv: &'a str,
        environment: &'a ChildEnvironment,
        run: &'a RunEnvironment,
    ) -> Self {
        // Meltano itself rejects a text that is not valid.
        Self { dotenv, environment, run, own: read::variables(project_file).unwrap_or_default() }
    }

    /// Tells whether a variable is set when these plugins run.
    #[must_use]
    pub fn has(&self, name: &str, plugins: &[String]) -> bool {
        self.environment.passed(name, self.run).is_some()
            || assigned_in(self.dotenv, name).is_some()
            || self.own.contains(name)
            // The variables that Meltano itself sets for the project and for the plugins of the run.
            || name.starts_with("MELTANO_")
            || plugins.iter().any(|plugin| name.starts_with(&environment_variable(plugin, "")))
    }

    /// Returns the number of the line in `.env`, from 1, that sets a variable for a run.
    #[must_use]
    pub fn line_of(&self, name: &str) -> Option<usize> {
        let is_taken = !self.run.withholds(name) && self.environment.passed(name, self.run).is_none();
        assigned_at(self.dotenv, name).filter(|_| is_taken)
    }
}

/// Returns the text of a project's `.env`; `None` if it does not exist. Invalid UTF-8 is replaced.
///
/// # Errors
/// When it is not a regular file inside the project, or is too large.
pub fn dotenv(root: &Path) -> Result<Option<String>, Shut> {
    match Door::to_project(root).and_then(|door| door.read(Path::new(DOTENV))) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(Shut::Missing) => Ok(None),
        Err(why) => Err(why),
    }
}
