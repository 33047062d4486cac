//! The delivery log in the hosted registry.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Supabase;
use super::runs::StoredRun;
use crate::stores::delivery_log::DeliveryRecord;
use crate::{Alerts, TargetError};
use spile_core::name::{ChannelName, IntegrationId};
use spile_core::run::Run;

/// A delivery record as the table has it.
#[derive(Debug, Deserialize)]
struct StoredKept {
    told: Value,
    version: i64,
}

#[async_trait]
impl Alerts for Supabase {
    async fn ends(&self, of: Option<&[IntegrationId]>) -> Result<Vec<Run>, TargetError> {
        let ids = of.map(|ids| ids.iter().map(ToString::to_string).collect::<Vec<_>>());
        let asked = json!({"managed_by": self.project, "environment": self.environment, "ids": ids});
        let found: Vec<StoredRun> = self.client.call("spile_ends", &json!({ "payload": asked })).await?;
        Ok(found.into_iter().map(Run::from).collect())
    }

    async fn told(&self, channel: &ChannelName) -> Result<DeliveryRecord, TargetError> {
        let query = [
            ("select", "told,version".to_owned()),
            ("managed_by", format!("eq.{}", self.project)),
            ("environment", format!("eq.{}", self.environment)),
            ("channel", format!("eq.{channel}")),
        ];
        let mut found: Vec<StoredKept> = self.client.get("integration_alerts", &query).await?;
        // If a newer spile wrote something that this version cannot read, it is sent again.
        Ok(found.pop().map_or_else(DeliveryRecord::default, |kept| DeliveryRecord {
            told: serde_json::from_value(kept.told).unwrap_or_default(),
            version: kept.version,
        }))
    }

    async fn keep(&self, channel: &ChannelName, kept: &DeliveryRecord) -> Result<bool, TargetError> {
        let payload = json!({
            "managed_by": self.project,
            "environment": self.environment,
            "channel": channel,
            "version": kept.version,
            "told": kept.told,
        });
        if self.client.call("spile_keep_alerts", &json!({ "payload": payload })).await? {
            return Ok(true);
        }
        // The response to an earlier attempt may have been lost. In that case the stored record is what this one sent.
        let there = self.told(channel).await?;
        Ok(there.version == kept.version + 1 && there.told == kept.told)
    }
}
