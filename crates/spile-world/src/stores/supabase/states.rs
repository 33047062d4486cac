//! The bookmarks of pipelines in a hosted registry: the state that Meltano keeps for each, so that any machine can
//! continue where another stopped.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

use super::{PAGE, Supabase, SupabaseError, check_version};
use spile_core::integration::rotated::RotatedSecrets;
use spile_core::name::IntegrationId;
use spile_core::state::change::StateChange;

/// The stored bookmarks of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StoredState {
    /// How many times they were written.
    pub version: i64,
    /// The bookmarks as JSON, kept byte for byte; `None` if they were cleared.
    pub state: Option<String>,
    /// The run that wrote them last.
    pub run: Uuid,
    /// The machine of that run.
    pub host: String,
    /// When they were written, by the registry's clock.
    pub updated_at: Timestamp,
}

/// The author of bookmarks: a run that holds the lease of an integration.
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
    /// Another run has written them since they were read.
    #[error("the bookmarks of `{id}` were changed elsewhere since this run started")]
    Version {
        /// The state id.
        id: String,
    },
    /// The registry cannot be asked, or rejects the request.
    #[error(transparent)]
    Registry(#[from] SupabaseError),
}

/// The response of `spile_keep_state`.
#[derive(Debug, Deserialize)]
struct KeepStateResponse {
    written: bool,
    why: Option<String>,
    version: Option<i64>,
}

impl Supabase {
    /// Reads the bookmarks of a state id; `None` if there never were any.
    ///
    /// # Errors
    /// When the registry cannot be asked, or its migration has an unsupported version.
    pub async fn state(&self, id: &str) -> Result<Option<StoredState>, SupabaseError> {
        let query = [
            ("select", "version,state,run,host,updated_at".to_owned()),
            ("managed_by", format!("eq.{}", self.project)),
            ("environment", format!("eq.{}", self.environment)),
            ("state_id", format!("eq.{id}")),
        ];
        Ok(self.of_states::<StoredState>(&query).await?.pop())
    }

    /// Queries the table of states, and explains why it does not exist.
    async fn of_states<T: DeserializeOwned>(&self, query: &[(&str, String)]) -> Result<Vec<T>, SupabaseError> {
        match self.client.get::<Vec<T>>("integration_states", query).await {
            Err(error @ SupabaseError::NotMigrated { .. }) => {
                check_version(self.version().await?)?;
                Err(error)
            }
            answer => answer,
        }
    }

    /// Writes or clears the bookmarks of a state id, provided that they still have the version that was read; 0 if
    /// there were none. Returns the new version.
    ///
    /// # Errors
    /// When the run no longer holds the lease, another run has written the bookmarks, or the registry cannot be asked.
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

/// How the ids begin under which changes of states by hand are kept, beside the states themselves: they are written under the
/// same lease, are the same text to the byte, and no table is added for them.
const CHANGES: &str = "change";

impl Supabase {
    /// Keeps a change of a state by hand, which has to have the lease of the integration.
    ///
    /// # Errors
    /// When the lease has passed to another run, or the registry cannot be asked.
    pub(crate) async fn keep_change(&self, change: &StateChange) -> Result<(), NotKept> {
        let unwritable = |error: serde_json::Error| SupabaseError::answer(&error.to_string());
        let text = serde_json::to_string(change).map_err(unwritable)?;
        self.keep_state(&writer(change), &change_id(change), 0, Some(&text)).await.map(drop)
    }

    /// Takes back a change that was not made.
    ///
    /// # Errors
    /// As [`Self::keep_change`].
    pub(crate) async fn withdraw_change(&self, change: &StateChange) -> Result<(), NotKept> {
        self.keep_state(&writer(change), &change_id(change), 1, None).await.map(drop)
    }

    /// Returns the newest changes of the states of an integration, the newest first.
    ///
    /// # Errors
    /// When the registry cannot be asked, or is of another version than this program's.
    pub(crate) async fn changes(&self, of: IntegrationId, most: usize) -> Result<Vec<StateChange>, SupabaseError> {
        /// What is kept of one.
        #[derive(Deserialize)]
        struct Kept {
            state: String,
        }
        let query = [
            ("select", "state".to_owned()),
            ("managed_by", format!("eq.{}", self.project)),
            ("environment", format!("eq.{}", self.environment)),
            ("state_id", format!("like.{CHANGES}:{of}:*")),
            ("state", "not.is.null".to_owned()),
            ("order", "updated_at.desc,state_id.desc".to_owned()),
            ("limit", most.to_string()),
        ];
        let kept: Vec<Kept> = self.of_states(&query).await?;
        // One of another form is of a newer spile.
        Ok(kept.iter().filter_map(|kept| serde_json::from_str(&kept.state).ok()).collect())
    }
}

fn change_id(change: &StateChange) -> String {
    format!("{CHANGES}:{}:{}", change.integration, change.id)
}

fn writer(change: &StateChange) -> Writer {
    Writer { integration: change.integration, run: change.id, host: change.host.clone() }
}

/// How the ids begin under which rotated secrets are kept, beside the states for the same reasons as changes.
const ROTATED: &str = "rotated";

impl Supabase {
    /// Returns the rotated secrets of an integration, with how often they were written.
    ///
    /// # Errors
    /// When the registry cannot be asked, or is of another version than this program's.
    pub(crate) async fn rotated(&self, of: IntegrationId) -> Result<(i64, RotatedSecrets), SupabaseError> {
        let Some(found) = self.state(&rotated_id(of)).await? else { return Ok((0, RotatedSecrets::new())) };
        let secrets = found.state.as_deref().map_or(Ok(RotatedSecrets::new()), serde_json::from_str);
        let unknown = |_| SupabaseError::answer("its rotated secrets have an unexpected form");
        Ok((found.version, secrets.map_err(unknown)?))
    }

    /// Returns the rotated secrets of every integration that has some.
    ///
    /// # Errors
    /// When the registry cannot be asked, or is of another version than this program's.
    pub(crate) async fn all_rotated(&self) -> Result<BTreeMap<IntegrationId, RotatedSecrets>, SupabaseError> {
        /// What is stored of one integration.
        #[derive(Deserialize)]
        struct Stored {
            state_id: String,
            state: String,
        }
        let of = |stored: Stored| {
            let id = stored.state_id.strip_prefix(ROTATED)?.strip_prefix(':')?.parse().ok()?;
            // One of another form is of a newer spile, or the bookmarks of an environment with this name.
            Some((IntegrationId(id), serde_json::from_str(&stored.state).ok()?))
        };
        let mut all: Vec<Stored> = Vec::new();
        loop {
            let page = [
                ("select", "state_id,state".to_owned()),
                ("managed_by", format!("eq.{}", self.project)),
                ("environment", format!("eq.{}", self.environment)),
                ("state_id", format!("like.{ROTATED}:*")),
                ("state", "not.is.null".to_owned()),
                ("order", "state_id".to_owned()),
                ("limit", PAGE.to_string()),
                ("offset", all.len().to_string()),
            ];
            let page = self.of_states(&page).await?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                return Ok(all.into_iter().filter_map(of).collect());
            }
        }
    }

    /// Writes the rotated secrets of an integration for the run that holds its lease.
    ///
    /// # Errors
    /// When the lease has passed to another run, another run has written them, or the registry cannot be asked.
    pub(crate) async fn keep_rotated(
        &self,
        writer: &Writer,
        version: i64,
        secrets: &RotatedSecrets,
    ) -> Result<(), NotKept> {
        let unwritable = |error: serde_json::Error| SupabaseError::answer(&error.to_string());
        let text = serde_json::to_string(secrets).map_err(unwritable)?;
        self.keep_state(writer, &rotated_id(writer.integration), version, Some(&text)).await.map(drop)
    }
}

fn rotated_id(of: IntegrationId) -> String {
    format!("{ROTATED}:{of}")
}
