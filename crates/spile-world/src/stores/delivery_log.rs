//! The log of what was sent to channels, and the runs that alerts are derived from.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::TargetError;
use spile_core::alert::Told;
use spile_core::name::{ChannelName, IntegrationId};
use spile_core::run::Run;

/// A store of what was sent to channels. One contract suite runs against every implementation.
#[async_trait]
pub trait Alerts: Send + Sync {
    /// Returns the newest successful and failed test and sync of each integration: four runs at most. If none are
    /// named, returns those of all integrations.
    async fn ends(&self, of: Option<&[IntegrationId]>) -> Result<Vec<Run>, TargetError>;

    /// Returns what was sent to a channel.
    async fn told(&self, channel: &ChannelName) -> Result<DeliveryRecord, TargetError>;

    /// Stores what was sent to a channel. Returns `false` and changes nothing if the record has changed since it was
    /// read, so that only one of several machines claims a message.
    async fn keep(&self, channel: &ChannelName, kept: &DeliveryRecord) -> Result<bool, TargetError>;
}

/// What was sent to a channel, at the version that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// What was sent.
    pub told: Told,
    /// How many times the record was written; 0 if never.
    pub version: i64,
}
