//! The state of a pipeline, read and written by hand where Meltano keeps it.
//!
//! Meltano's database in the project's folder is written directly: that takes no Python, is one transaction, and leaves every
//! byte as it is. Any other place only Meltano knows, and is asked.

use tokio::sync::watch;

use super::answer::Limit;
use super::{Host, Meltano, Outcome, Request, RunError, system_db};
use crate::processes::child_environment::assigned_in;
use spile_core::state::SingerState;

pub use system_db::LocalWrite;

/// The variable that puts Meltano's database elsewhere.
const DATABASE: &str = "MELTANO_DATABASE_URI";

/// The file with the state to be written, in the folder of the invocation.
const FILE: &str = "state.json";

/// The most bytes of a state.
const LARGEST: Limit = Limit { bytes: 32 * 1024 * 1024, subject: "it is", advice: "" };

/// Whose database Meltano uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// The one in the project's folder.
    InProject,
    /// Another one: only Meltano knows the way.
    Elsewhere,
}

impl Meltano {
    /// Returns which database Meltano uses, as a variable or the project's `.env` says.
    ///
    /// # Errors
    /// When the project's `.env` cannot be read.
    pub fn database(&self, host: &Host) -> Result<Database, RunError> {
        let passed = host.environment.passed(DATABASE, &self.run_environment);
        let said = match passed {
            Some(passed) => Some(passed),
            None => self.dotenv()?.and_then(|text| assigned_in(&text, DATABASE)),
        };
        Ok(if said.is_none_or(|said| said.is_empty()) { Database::InProject } else { Database::Elsewhere })
    }

    /// Writes what Meltano's database in the project's folder keeps under a state id, or removes it, where it still is what
    /// was read. No run may use it meanwhile.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn keep_local_state(
        &self,
        id: &str,
        read: Option<&str>,
        state: Option<&SingerState>,
    ) -> Result<LocalWrite, RunError> {
        let path = self.meltano_folder().join(system_db::FILE);
        let Some(theirs) = self.theirs.open().map_err(|why| RunError::io("use", self.theirs.path())(why.into()))?
        else {
            return Ok(LocalWrite::NoDatabase);
        };
        system_db::keep_state(&theirs, id, read, state).map_err(RunError::io("write", &path))
    }

    /// Asks Meltano what is kept under a state id: the Singer state that a tap would be given.
    ///
    /// # Errors
    /// When Meltano cannot be started, or the place cannot be asked.
    pub async fn stored_state(
        &self,
        request: &Request,
        id: &str,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<Option<SingerState>, RunError> {
        let arguments = ["state", "get", id].map(str::to_owned);
        let answer = self.answer(request, &arguments, LARGEST, interrupt).await?;
        let failed = |reason: String| RunError::StoredState { doing: "read", id: id.to_owned(), reason };
        succeeded(&answer.outcome).map_err(failed)?;
        let text = String::from_utf8_lossy(&answer.bytes);
        let found = format!("{{\"completed\": {}}}", text.trim());
        SingerState::of_stored(&found).map_err(|error| failed(error.to_string()))
    }

    /// Has Meltano write what is kept under a state id, or clear it. The request has to hold the extractor.
    ///
    /// # Errors
    /// When Meltano cannot be started, or the place cannot be written.
    pub async fn store_state(
        &self,
        request: &Request,
        id: &str,
        state: Option<&SingerState>,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<(), RunError> {
        let hold = self.held(request)?;
        let file = hold.private().path(FILE);
        let arguments = match state {
            Some(state) => {
                let text = format!("{{\"singer_state\": {state}}}");
                hold.private().write(FILE, &text).map_err(RunError::io("write", &file))?;
                ["state", "set", "--force", "--input-file", &file.to_string_lossy(), id].map(str::to_owned).to_vec()
            }
            None => ["state", "clear", "--force", id].map(str::to_owned).to_vec(),
        };
        let request = Request { hold: Some(hold), ..request.clone() };
        let (finished, _) = self.invoke(&request, &arguments, interrupt, &mut |_| ()).await?;
        let failed = |reason| RunError::StoredState { doing: "write", id: id.to_owned(), reason };
        succeeded(&finished.outcome).map_err(failed)
    }
}

fn succeeded(outcome: &Outcome) -> Result<(), String> {
    match outcome {
        Outcome::Succeeded => Ok(()),
        Outcome::Failed { message, .. } => Err(message.clone()),
        Outcome::TimedOut { .. } => Err("it took too long".to_owned()),
        Outcome::Interrupted => Err("it was stopped".to_owned()),
    }
}
