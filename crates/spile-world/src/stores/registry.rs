//! Registries: targets for rows, with what only they have.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{Target, TargetError};
use spile_core::name::IntegrationId;
use spile_core::plan::history::{Applied, Left, Pruned};
use spile_core::record::Row;
use spile_core::record::row::Sealed;
use spile_core::secret::Secret;

/// An unmanaged row: what it holds is anybody's, as far as it can be taken for a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Unmanaged {
    /// The row; its secrets only where they are what spile writes.
    pub row: Row,
    /// What else is in its secrets, by name: plaintext, most likely.
    pub plain: BTreeMap<String, Secret>,
}

impl Unmanaged {
    /// Takes apart what a column of secrets holds.
    #[must_use]
    pub fn new(mut row: Row, secrets: &Value) -> Self {
        let Value::Object(members) = secrets else { return Self { row, plain: BTreeMap::new() } };
        if let Ok(sealed) = Sealed::deserialize(secrets) {
            row.secrets = Some(sealed);
            return Self { row, plain: BTreeMap::new() };
        }
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let values = members.iter().filter(|(_, value)| !value.is_null());
        let plain = values.map(|(name, value)| (name.clone(), Secret::new(text(value)))).collect();
        Self { row, plain }
    }
}

/// A place that keeps rows, and remembers what was done to them.
#[async_trait]
pub trait Registry: Target<Record = Row> {
    /// Reads the unmanaged rows that a project may adopt: those whose id is a UUID.
    async fn unmanaged(&self) -> Result<BTreeMap<IntegrationId, Unmanaged>, TargetError>;

    /// Returns the newest applies, newest first.
    async fn applies(&self, most: usize) -> Result<Vec<Applied>, TargetError>;

    /// Returns what is no longer kept of its history; `None` where all is.
    async fn pruned(&self) -> Result<Option<Pruned>, TargetError> {
        Ok(None)
    }

    /// Returns what an apply left; `None` where there was no such apply.
    async fn left_by(&self, apply: Uuid) -> Result<Option<Left>, TargetError>;
}
