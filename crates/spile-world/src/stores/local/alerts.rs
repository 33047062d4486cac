//! The delivery log in the local registry.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::rows::json;
use super::runs::{is_live, run};
use super::{Local, version};
use crate::stores::delivery_log::DeliveryRecord;
use crate::{Alerts, TargetError};
use spile_core::name::{ChannelName, IntegrationId};
use spile_core::run::Run;

#[async_trait]
impl Alerts for Local {
    async fn ends(&self, of: Option<&[IntegrationId]>) -> Result<Vec<Run>, TargetError> {
        let Some(connection) = self.open()? else { return Ok(Vec::new()) };
        let columns = self.columns(&connection)?;
        let is_live = is_live(self.version_of(&connection)?);
        let sql = format!(
            "select {columns} from (select *, row_number() over \
             (partition by integration_id, kind, status order by started_at desc, id desc) as place \
             from integration_runs where environment = ?1 and status in ('ok', 'warning', 'failed') and {is_live} \
             and (?2 is null or integration_id in (select value from json_each(?2)))) where place = 1"
        );
        let of = of.map(|ids| json(&ids.iter().map(ToString::to_string).collect::<Vec<_>>()));
        let read = || -> rusqlite::Result<Vec<Run>> {
            connection.prepare(&sql)?.query_map(params![self.environment.as_str(), of], run)?.collect()
        };
        read().map_err(|source| self.failed(source))
    }

    async fn told(&self, channel: &ChannelName) -> Result<DeliveryRecord, TargetError> {
        let Some(connection) = self.open()? else { return Ok(DeliveryRecord::default()) };
        let sql = "select told, version from integration_alerts \
                   where environment = ?1 and managed_by = ?2 and channel = ?3";
        let read = || -> rusqlite::Result<Option<(String, i64)>> {
            if version(&connection)? < 3 {
                return Ok(None);
            }
            let values = params![self.environment.as_str(), self.project, channel.as_str()];
            connection.query_row(sql, values, |row| Ok((row.get(0)?, row.get(1)?))).optional()
        };
        let found = read().map_err(|source| self.failed(source))?;
        // If a newer spile wrote something that this version cannot read, it is sent again.
        Ok(found.map_or_else(DeliveryRecord::default, |(told, version)| DeliveryRecord {
            told: serde_json::from_str(&told).unwrap_or_default(),
            version,
        }))
    }

    async fn keep(&self, channel: &ChannelName, kept: &DeliveryRecord) -> Result<bool, TargetError> {
        let connection = self.create()?;
        let sql = "insert into integration_alerts (environment, managed_by, channel, version, told, updated_at) \
                   select ?1, ?2, ?3, ?4 + 1, ?5, ?6 where ?4 = 0 or exists (select 1 from integration_alerts \
                   where environment = ?1 and managed_by = ?2 and channel = ?3) \
                   on conflict do update set version = excluded.version, told = excluded.told, \
                   updated_at = excluded.updated_at where version = ?4";
        let (environment, at) = (self.environment.as_str(), Timestamp::now().to_string());
        let values = params![environment, self.project, channel.as_str(), kept.version, json(&kept.told), at];
        let written = connection.execute(sql, values).map_err(|source| self.failed(source))?;
        Ok(written == 1)
    }
}
