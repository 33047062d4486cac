//! The bookmarks of pipelines in a hosted registry: what Meltano keeps of each, so that any machine goes on where another
//! one stopped.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{Supabase, SupabaseError, check_version};
use spile_core::name::IntegrationId;

/// What the registry keeps of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StoredState {
    /// How often it was written.
    pub version: i64,
    /// The bookmarks, as JSON to the byte; `None` where they were cleared.
    pub state: Option<String>,
    /// The run that wrote it last.
    pub run: Uuid,
    /// The machine that this run was on.
    pub host: String,
    /// When that was, by the registry's clock.
    pub updated_at: Timestamp,
}

/// Who writes bookmarks: a run that has the lease of an integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// The integration.
    pub integration: IntegrationId,
    /// The run.
    pub run: Uuid,
    /// The machine.
    pub host: String,
}

/// Why bookmarks were not written.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// The lease has passed to another run.
    #[error("another machine took over the integration's lease")]
    Lease,
    /// Somebody else has written them since they were read.
    #[error("the bookmarks of `{id}` were changed elsewhere since this run started")]
    Version {
        /// The state id.
        id: String,
    },
    /// The registry cannot be asked, or refuses.
    #[error(transparent)]
    Registry(#[from] SupabaseError),
}

/// What `spile_keep_state` answers.
#[derive(Debug, Deserialize)]
struct KeepStateResponse {
    written: bool,
    why: Option<String>,
    version: Option<i64>,
}

impl Supabase {
    /// Reads what is kept under a state id; `None` where nothing ever was.
    ///
    /// # Errors
    /// When the registry cannot be asked, or is of another version than this program's.
    pub async fn state(&self, id: &str) -> Result<Option<StoredState>, SupabaseError> {
        let query = [
            ("select", "version,state,run,host,updated_at".to_owned()),
            ("managed_by", format!("eq.{}", self.project)),
            ("environment", format!("eq.{}", self.environment)),
            ("state_id", format!("eq.{id}")),
        ];
        match self.client.get::<Vec<StoredState>>("integration_states", &query).await {
            Ok(mut found) => Ok(found.pop()),
            Err(error @ SupabaseError::NotMigrated { .. }) => {
                check_version(self.version().await?)?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes what is kept under a state id, or clears it, where it still is of the version that was read; 0 where there
    /// was nothing. Returns the version that it has then.
    ///
    /// # Errors
    /// When the run no longer has the lease, somebody else has written, or the registry cannot be asked.
    pub async fn keep_state(
        &self,
        writer: &Writer,
        id: &str,
        version: i64,
        state: Option<&str>,
    ) -> Result<i64, NotKept> {
        let payload = json!({
            "managed_by": self.project,
            "environment": self.environment,
            "state_id": id,
            "integration_id": writer.integration.to_string(),
            "run": writer.run,
            "host": writer.host,
            "version": version,
            "state": state,
        });
        let answer: KeepStateResponse = self.client.call("spile_keep_state", &json!({ "payload": payload })).await?;
        match (answer.written, answer.why.as_deref(), answer.version) {
            (true, _, Some(version)) => Ok(version),
            (false, Some("lease"), _) => Err(NotKept::Lease),
            (false, Some("version"), _) => Err(NotKept::Version { id: id.to_owned() }),
            (true | false, _, _) => Err(SupabaseError::answer("it has an unexpected form").into()),
        }
    }
}
