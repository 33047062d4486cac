//! The history of applies in a hosted registry, and the rows that each apply left.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::rows::{self, Before, Declared, Nobodys};
use super::{Supabase, check_version};
use crate::{Registry, TargetError, Unmanaged};
use spile_core::digest::hash;
use spile_core::name::IntegrationId;
use spile_core::plan::State;
use spile_core::plan::history::{Applied, Left};

/// The largest `meltano.yml` that is sent along, in bytes. Of a larger file only the hash is stored.
const LARGEST_TEXT: usize = 2 * 1024 * 1024;

/// Returns the file that an apply writes, in the form that the database function takes.
pub(super) fn file(text: &str) -> Value {
    let kept = (text.len() <= LARGEST_TEXT).then_some(text);
    json!({"sha256": hash(text.as_bytes()), "text": kept})
}

#[derive(Deserialize)]
struct LeftRows {
    apply: Applied,
    rows: Vec<LeftRow>,
    adopted: Vec<LeftAdopted>,
    text: Option<String>,
}

#[derive(Deserialize)]
struct LeftRow {
    id: String,
    row: Declared,
}

/// A row that a later apply adopted.
#[derive(Deserialize)]
struct LeftAdopted {
    id: String,
    before: Option<Before>,
}

#[async_trait]
impl Registry for Supabase {
    async fn unmanaged(&self) -> Result<BTreeMap<IntegrationId, Unmanaged>, TargetError> {
        check_version(self.version().await?)?;
        let rows: Vec<Nobodys> = self.pages(rows::UNMANAGED).await?;
        Ok(rows.into_iter().filter(|row| row.managed_by.is_none()).filter_map(Nobodys::into_unmanaged).collect())
    }

    async fn applies(&self, most: usize) -> Result<Vec<Applied>, TargetError> {
        check_version(self.version().await?)?;
        let mut asked = self.part();
        asked["most"] = json!(most);
        Ok(self.client.call("spile_applies", &json!({ "payload": asked })).await?)
    }

    async fn left_by(&self, apply: Uuid) -> Result<Option<Left>, TargetError> {
        check_version(self.version().await?)?;
        let mut asked = self.part();
        asked["apply_id"] = json!(apply);
        let left: Option<LeftRows> = self.client.call("spile_left", &json!({ "payload": asked })).await?;
        let Some(left) = left else { return Ok(None) };
        let mut rows = State::default();
        for LeftRow { id, row } in left.rows {
            let unreadable = |message: &str| TargetError::Row { id: id.clone(), message: message.to_owned() };
            let row = row.into_row().map_err(|_| unreadable("its history was not written by spile"))?;
            rows.insert(IntegrationId(id.parse().map_err(|_| unreadable("its ID is not a UUID"))?), row);
        }
        let read = |LeftAdopted { id, before }: LeftAdopted| {
            let before = before.and_then(Before::into_row);
            Some((IntegrationId(id.parse().ok()?), before))
        };
        let adopted = left.adopted.into_iter().filter_map(read).collect();
        Ok(Some(Left { apply: left.apply, rows, adopted, text: left.text }))
    }
}
