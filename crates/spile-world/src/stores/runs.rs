//! The history of runs, and the status that the last one gave each integration.

mod outbox;

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::TargetError;
use spile_core::name::IntegrationId;
use spile_core::run::{Run, Tries};

pub use outbox::Outbox;

/// Where runs are remembered.
#[async_trait]
pub trait Runs: Send + Sync {
    /// Tells whether it remembers anything beyond this process.
    fn lasts(&self) -> bool {
        true
    }

    /// Writes a run, again when it has ended; an ended one gives its integration its status.
    async fn record(&self, run: &Run) -> Result<(), TargetError>;

    /// Returns the newest runs of an integration, or of all, newest first.
    async fn newest(&self, of: Option<IntegrationId>, most: usize) -> Result<Vec<Run>, TargetError>;

    /// Returns the newest run of each integration.
    async fn newest_of_each(&self) -> Result<BTreeMap<IntegrationId, Run>, TargetError>;

    /// Returns, of each integration, what was tried of the newest moment of its schedule that is not after `now`.
    async fn tries(&self, now: Timestamp) -> Result<BTreeMap<IntegrationId, Tries>, TargetError>;

    /// Returns the run with an id.
    async fn get(&self, run: Uuid) -> Result<Option<Run>, TargetError>;

    /// Gives integrations a status, whatever their runs said.
    async fn set_status(&self, ids: &[IntegrationId], status: &str) -> Result<(), TargetError>;

    /// Returns what the registry says of each integration of this project.
    async fn standings(&self) -> Result<BTreeMap<IntegrationId, Standing>, TargetError>;
}

/// The status of what somebody wants to rest.
pub const PAUSED: &str = "paused";

/// What the registry says of an integration besides what files declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// `pending` until a run has ended, then `active` or `error`; `paused` for as long as somebody wants it to rest.
    pub status: String,
    /// When its row was made.
    pub created_at: Timestamp,
    /// When its row last changed.
    pub updated_at: Timestamp,
}
