//! Registries: targets for rows, with the operations that only registries have.

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

/// An unmanaged row. Anything may have written it, so it is read as a row as far as possible.
#[derive(Debug, Clone, PartialEq)]
pub struct Unmanaged {
    /// The row. Its secrets are set only if they have the form that spile writes.
    pub row: Row,
    /// Any other members of its secrets, by name. They are probably plaintext.
    pub plain: BTreeMap<String, Secret>,
}

impl Unmanaged {
    /// Splits the content of the secrets column into spile's ciphertext and other members.
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

/// A target that stores rows and remembers the applies that changed them.
#[async_trait]
pub trait Registry: Target<Record = Row> {
    /// Reads the unmanaged rows that a project may adopt: those whose id is a UUID.
    async fn unmanaged(&self) -> Result<BTreeMap<IntegrationId, Unmanaged>, TargetError>;

    /// Returns the newest applies, newest first.
    async fn applies(&self, most: usize) -> Result<Vec<Applied>, TargetError>;

    /// Returns a summary of the pruned part of the history; `None` if nothing was pruned.
    async fn pruned(&self) -> Result<Option<Pruned>, TargetError> {
        Ok(None)
    }

    /// Returns the rows and the file that an apply left; `None` if there was no such apply.
    async fn left_by(&self, apply: Uuid) -> Result<Option<Left>, TargetError>;
}
