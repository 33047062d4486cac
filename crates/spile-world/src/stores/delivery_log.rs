//! What was sent to channels, and the runs that alerts come from.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::TargetError;
use spile_core::alert::Told;
use spile_core::name::{ChannelName, IntegrationId};
use spile_core::run::Run;

/// Where it is remembered what was sent to channels. One contract runs over every implementation.
#[async_trait]
pub trait Alerts: Send + Sync {
    /// Returns of each integration the newest tests and syncs that succeeded and that failed: four runs at most. Of
    /// all, where none are named.
    async fn ends(&self, of: Option<&[IntegrationId]>) -> Result<Vec<Run>, TargetError>;

    /// Returns what was sent to a channel.
    async fn told(&self, channel: &ChannelName) -> Result<DeliveryRecord, TargetError>;

    /// Remembers what was sent to a channel; `false`, and nothing is done, where somebody else has since it was read: of
    /// several machines one claims a message.
    async fn keep(&self, channel: &ChannelName, kept: &DeliveryRecord) -> Result<bool, TargetError>;
}

/// What was sent to a channel, as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// What it was told.
    pub told: Told,
    /// How often that was written; 0 where it never was.
    pub version: i64,
}
