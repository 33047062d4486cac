//! The history of runs, and the status that the last run gave each integration.

mod outbox;

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::TargetError;
use spile_core::name::IntegrationId;
use spile_core::run::{Run, Tries};

pub use outbox::Outbox;

/// A store of runs.
#[async_trait]
pub trait Runs: Send + Sync {
    /// Tells whether runs are stored beyond the lifetime of this process.
    fn lasts(&self) -> bool {
        true
    }

    /// Writes a run. Called again when the run ends, which also sets the integration's status.
    async fn record(&self, run: &Run) -> Result<(), TargetError>;

    /// Returns the newest runs of an integration, or of all, newest first.
    async fn newest(&self, of: Option<IntegrationId>, most: usize) -> Result<Vec<Run>, TargetError>;

    /// Returns the newest runs of an integration's live pipeline, newest first: no pieces of backfills.
    async fn newest_live(&self, of: IntegrationId, most: usize) -> Result<Vec<Run>, TargetError>;

    /// Returns all runs of an integration that were pieces of backfills, newest first.
    async fn backfills(&self, of: IntegrationId) -> Result<Vec<Run>, TargetError>;

    /// Returns the newest live run of each integration.
    async fn newest_of_each(&self) -> Result<BTreeMap<IntegrationId, Run>, TargetError>;

    /// Returns, for each integration, the attempts for the latest scheduled time that is not after `now`.
    async fn tries(&self, now: Timestamp) -> Result<BTreeMap<IntegrationId, Tries>, TargetError>;

    /// Returns the run with an id.
    async fn get(&self, run: Uuid) -> Result<Option<Run>, TargetError>;

    /// Sets the status of integrations, regardless of their runs.
    async fn set_status(&self, ids: &[IntegrationId], status: &str) -> Result<(), TargetError>;

    /// Returns the registry's status and times for each integration of this project.
    async fn standings(&self) -> Result<BTreeMap<IntegrationId, Standing>, TargetError>;
}

/// The status of a paused integration.
pub const PAUSED: &str = "paused";

/// What the registry knows about an integration besides what the files declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// `pending` until a run has ended, then `active` or `error`; `paused` while the integration is paused.
    pub status: String,
    /// When its row was created.
    pub created_at: Timestamp,
    /// When its row last changed.
    pub updated_at: Timestamp,
}
