//! Where a run stores its bookmarks, and how `launch.py` learns about it.

use std::sync::Arc;

use serde_json::json;

use super::{Host, Meltano, Request, RunError, run_folder, system_db};
use crate::processes::child_environment::assigned_in;
use crate::stores::bookmarks::Broker;
use spile_core::connector::bundled::STATE_BACKEND;
use spile_core::settings::StateBackend;

/// The variable that tells Meltano where to store state.
const VARIABLE: &str = "MELTANO_STATE_BACKEND_URI";

/// Meltano's name for its own database.
const SYSTEM_DATABASE: &str = "systemdb";

/// The address of spile's state backend. Its scheme is the name of the backend's entry point.
const REGISTRY: &str = "spile://registry";

/// The file with the instructions for `launch.py`, which removes it before it starts anything.
const FILE: &str = "bookmarks.json";

/// Where bookmarks are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// In the hosted registry.
    Registry,
    /// In Meltano's own database on this machine.
    Local,
    /// At an address that `spile.toml` names.
    At(String),
    /// Where a variable or `meltano.yml` tells Meltano to. spile does not look it up.
    Theirs,
}

/// What a run needs to know about its bookmarks.
#[derive(Debug, Clone)]
pub struct Bookmarks {
    /// Where they are stored.
    pub backend: Backend,
    /// The project that they belong to. A run does not use the bookmarks of another project.
    pub project: String,
    /// The connection to the registry, if they are stored there.
    pub broker: Option<Arc<Broker>>,
    /// The bookmarks that another place has. They count only if the backend has none.
    pub elsewhere: Option<Elsewhere>,
}

/// Bookmarks in another place than the configured one.
#[derive(Debug, Clone)]
pub struct Elsewhere {
    /// The bookmarks in Meltano's format: `{"completed": {}, "partial": {}}`.
    pub state: String,
    /// What to do with them.
    pub missing: Missing,
}

/// What to do if the backend has no bookmarks but another place does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Refuse to start from the beginning.
    Refuse,
    /// Copy them.
    Copy,
}

impl Meltano {
    /// Returns where a run's bookmarks are stored: where `spile.toml` says, or else where a variable, the project's
    /// `.env` or its `meltano.yml` tells Meltano to. By default they are stored in the registry if it is hosted, and
    /// otherwise in Meltano's own database.
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

    /// Returns the state that Meltano's own database on this machine has for a state id, in the format of other
    /// backends.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn local_state(&self, id: &str) -> Result<Option<String>, RunError> {
        let Ok(Some(theirs)) = self.theirs.open() else { return Ok(None) };
        let path = self.meltano_folder().join(system_db::FILE);
        system_db::state(&theirs, id).map_err(RunError::io("read", &path))
    }

    /// Writes the instructions about a run's bookmarks for `launch.py`.
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

/// Whether an environment's registry is hosted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsHosted {
    /// The registry is hosted.
    Yes,
    /// The registry is a local file.
    No,
}

impl Bookmarks {
    /// Returns bookmarks that only use Meltano's own database. Another backend may be unreachable, which should only
    /// matter in a run.
    pub(super) fn in_the_database() -> Self {
        Self { backend: Backend::Local, project: String::new(), broker: None, elsewhere: None }
    }

    /// Returns the variable that sets Meltano's backend; `None` if the user has already set it.
    pub(super) fn variable(&self) -> Option<(&'static str, &str)> {
        let address = match &self.backend {
            // Without a broker, for example while plugins are installed, no bookmarks are read.
            Backend::Registry => self.broker.as_ref().map(|_| REGISTRY)?,
            Backend::Local => SYSTEM_DATABASE,
            Backend::At(address) => address,
            Backend::Theirs => return None,
        };
        Some((VARIABLE, address))
    }
}

impl Backend {
    /// Tells whether several projects may store bookmarks there under the same ids.
    fn may_be_shared(&self) -> bool {
        match self {
            Self::At(_) | Self::Theirs => true,
            Self::Registry | Self::Local => false,
        }
    }
}

/// Returns the backend that a `meltano.yml` sets, in either of the two forms that Meltano accepts.
fn in_project_file(text: &str) -> Option<String> {
    // Rendered files do not set it, and searching for the word is faster than parsing a large file.
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
    fn the_state_backend_in_a_meltano_yml_is_found_in_both_forms() {
        let nested = "plugins: {}\nstate_backend:\n  uri: s3://bucket\n";
        assert_eq!(in_project_file(nested).as_deref(), Some("s3://bucket"));
        assert_eq!(in_project_file("state_backend.uri: file:///a\n").as_deref(), Some("file:///a"));
        assert_eq!(in_project_file("plugins:\n  extractors:\n  - name: state_backend\n"), None);
        assert_eq!(in_project_file("state_backend:\n  lock_timeout_seconds: 3\n"), None);
    }
}
