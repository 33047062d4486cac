//! Where a run keeps its bookmarks, and what `launch.py` is told of it.

use std::sync::Arc;

use serde_json::json;

use super::{Host, Meltano, Request, RunError, run_folder, system_db};
use crate::processes::child_environment::assigned_in;
use crate::stores::bookmarks::Broker;
use spile_core::connector::bundled::STATE_BACKEND;
use spile_core::settings::StateBackend;

/// The variable from which Meltano reads where state is kept.
const VARIABLE: &str = "MELTANO_STATE_BACKEND_URI";

/// What Meltano calls its own database.
const SYSTEM_DATABASE: &str = "systemdb";

/// The address of spile's add-on: its scheme is the name of the add-on's entry point.
const REGISTRY: &str = "spile://registry";

/// The file that tells `launch.py`, which removes it before it starts anything.
const FILE: &str = "bookmarks.json";

/// Where bookmarks are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// In the hosted registry.
    Registry,
    /// In Meltano's own database, on this machine.
    Local,
    /// At an address that `spile.toml` names.
    At(String),
    /// Where a variable or `meltano.yml` tells Meltano to: it knows where.
    Theirs,
}

/// What a run is told of its bookmarks.
#[derive(Debug, Clone)]
pub struct Bookmarks {
    /// Where they are kept.
    pub backend: Backend,
    /// Who keeps them, by the name of the project: those of another one are not taken.
    pub project: String,
    /// The way to the registry, where they are kept there.
    pub broker: Option<Arc<Broker>>,
    /// What another place has, which counts only where the backend has none.
    pub elsewhere: Option<Elsewhere>,
}

/// Bookmarks that another place has.
#[derive(Debug, Clone)]
pub struct Elsewhere {
    /// The bookmarks, as Meltano keeps them: `{"completed": {}, "partial": {}}`.
    pub state: String,
    /// What to do about it.
    pub missing: Missing,
}

/// What to do where a backend has no bookmarks and another place has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Refuse to begin from nothing.
    Refuse,
    /// Copy them.
    Copy,
}

impl Meltano {
    /// Returns where the bookmarks of a run are kept: where `spile.toml` says, else where Meltano itself is told to, by a
    /// variable, the project's `.env` or its `meltano.yml`, and where nobody says, in the registry where that is hosted.
    ///
    /// # Errors
    /// When the project's `.env` cannot be read.
    pub fn backend(&self, project_file: &str, host: &Host, is_hosted: IsHosted) -> Result<Backend, RunError> {
        let default = if is_hosted == IsHosted::Yes { Backend::Registry } else { Backend::Local };
        match &self.pinned.state_backend {
            Some(StateBackend::Registry) => return Ok(default),
            Some(StateBackend::Local) => return Ok(Backend::Local),
            Some(StateBackend::At(address)) => return Ok(Backend::At(address.clone())),
            None => {}
        }
        let told = match host.environment.passed(VARIABLE, &self.run_environment) {
            Some(told) => Some(told),
            None => match self.dotenv()?.and_then(|text| assigned_in(&text, VARIABLE)) {
                Some(told) => Some(told),
                None => in_project_file(project_file),
            },
        };
        let told = told.filter(|told| !told.is_empty());
        Ok(told.map_or(default, |told| if told == SYSTEM_DATABASE { Backend::Local } else { Backend::Theirs }))
    }

    /// Returns what Meltano's own database on this machine keeps under a state id, as Meltano's other backends keep it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn local_state(&self, id: &str) -> Result<Option<String>, RunError> {
        let Ok(Some(theirs)) = self.theirs.open() else { return Ok(None) };
        let path = self.meltano_folder().join(system_db::FILE);
        system_db::state(&theirs, id).map_err(RunError::io("read", &path))
    }

    /// Tells `launch.py` of the bookmarks of a run.
    pub(super) fn tell_bookmarks(private: &run_folder::Private, request: &Request) -> Result<(), RunError> {
        let Some(bookmarks) = &request.bookmarks else { return Ok(()) };
        let wheel = STATE_BACKEND.file_name();
        let mut told = json!({ "project": bookmarks.project, "marks": bookmarks.backend.may_be_shared() });
        if let Some(broker) = &bookmarks.broker {
            told["registry"] = broker.connection();
            told["wheel"] = json!(wheel);
            let written = private.write_bytes(&wheel, &STATE_BACKEND.wheel());
            written.map_err(RunError::io("write", &private.path(&wheel)))?;
        }
        if let Some(Elsewhere { state, missing }) = &bookmarks.elsewhere {
            told["elsewhere"] = json!({ "state": state, "copy": *missing == Missing::Copy });
        }
        private.write(FILE, &told.to_string()).map_err(RunError::io("write", &private.path(FILE)))
    }
}

/// Whether the registry of an environment is a hosted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsHosted {
    /// It is.
    Yes,
    /// It is a file.
    No,
}

impl Bookmarks {
    /// Returns that nothing else than Meltano's own database is asked: another backend may be down, and says so in a run.
    pub(super) fn in_the_database() -> Self {
        Self { backend: Backend::Local, project: String::new(), broker: None, elsewhere: None }
    }

    /// Returns the variable that tells Meltano, where it is not told already.
    pub(super) fn variable(&self) -> Option<(&'static str, &str)> {
        let address = match &self.backend {
            // Before the broker is there, for example while plugins are installed, nothing is looked up.
            Backend::Registry => self.broker.as_ref().map(|_| REGISTRY)?,
            Backend::Local => SYSTEM_DATABASE,
            Backend::At(address) => address,
            Backend::Theirs => return None,
        };
        Some((VARIABLE, address))
    }
}

impl Backend {
    /// Tells whether several projects may keep bookmarks there under the same ids.
    fn may_be_shared(&self) -> bool {
        match self {
            Self::At(_) | Self::Theirs => true,
            Self::Registry | Self::Local => false,
        }
    }
}

/// Returns what a `meltano.yml` says of where state is kept, in either of the forms that Meltano takes.
fn in_project_file(text: &str) -> Option<String> {
    // What is rendered says nothing of it; reading all of a large one takes longer than looking for the word.
    if !text.contains("state_backend") {
        return None;
    }
    let document: serde_json::Value = yaml_serde::from_str(text).ok()?;
    let found = document.get("state_backend.uri").or_else(|| document.get("state_backend")?.get("uri"))?;
    found.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_meltano_yml_says_of_state_is_found_in_either_form() {
        let nested = "plugins: {}\nstate_backend:\n  uri: s3://bucket\n";
        assert_eq!(in_project_file(nested).as_deref(), Some("s3://bucket"));
        assert_eq!(in_project_file("state_backend.uri: file:///a\n").as_deref(), Some("file:///a"));
        assert_eq!(in_project_file("plugins:\n  extractors:\n  - name: state_backend\n"), None);
        assert_eq!(in_project_file("state_backend:\n  lock_timeout_seconds: 3\n"), None);
    }
}
