//! Rows in the format that the REST API uses.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{TargetError, Unmanaged};
use spile_core::name::{IntegrationId, NotAName, Slug};
use spile_core::plan::Last;
use spile_core::record::Row;
use spile_core::record::row::Sealed;
use spile_core::value::Settings;

/// The columns that are read from an unmanaged row.
pub(super) const UNMANAGED: &str = "id,slug,type,name,enabled,config,secrets,managed_by";

/// A row of a page. The last row's id tells where the next page begins.
pub(super) trait Page: DeserializeOwned {
    /// Returns the row's id.
    fn id(&self) -> &str;
}

impl Page for Value {
    fn id(&self) -> &str {
        self["id"].as_str().unwrap_or_default()
    }
}

impl Page for Nobodys {
    fn id(&self) -> &str {
        &self.id
    }
}

/// What the database holds at one moment: all that a plan needs if nothing has changed.
#[derive(Debug, Deserialize)]
pub(super) struct RegistryMoment {
    pub(super) version: i64,
    /// Hashes of this project's rows, by id.
    pub(super) hashes: BTreeMap<String, String>,
    /// Rows that differ from the last apply.
    pub(super) drift: Vec<Drifted>,
    /// Rows that do not belong to this project.
    pub(super) others: Vec<Other>,
}

/// The summary of a row that another project owns or that is unmanaged. Any column may be missing.
#[derive(Debug, Deserialize)]
pub(super) struct Other {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) managed_by: Option<String>,
    pub(super) content_hash: Option<String>,
}

/// A row of this project.
#[derive(Debug, Clone, Deserialize, serde::Serialize)]
pub(super) struct Stored {
    pub(super) id: String,
    #[serde(flatten)]
    declared: Declared,
    pub(super) content_hash: String,
}

impl Stored {
    pub(super) fn into_row(self) -> Result<(IntegrationId, Row), TargetError> {
        let unreadable = |message: String| TargetError::Row { id: self.id.clone(), message };
        let id = self.id.parse().map_err(|error: uuid::Error| unreadable(error.to_string()))?;
        let row = self.declared.into_row().map_err(unreadable)?;
        Ok((IntegrationId(id), row))
    }
}

/// A row that differs from the last apply.
#[derive(Debug, Deserialize)]
pub(super) struct Drifted {
    id: String,
    why: String,
    /// The row as that apply left it.
    after: Option<Declared>,
}

impl Drifted {
    /// Returns the last-applied row; `None` if the id cannot be an integration's.
    pub(super) fn into_last(self) -> Option<(IntegrationId, Last<Row>)> {
        let id = IntegrationId(self.id.parse().ok()?);
        let last = match self.after {
            Some(after) => after.into_row().map_or(Last::Unknown, Last::Held),
            None if self.why == "added" => Last::Deleted,
            None => Last::Unknown,
        };
        Some((id, last))
    }
}

/// What files declare of a row, as the registry and its history hold it.
#[derive(Debug, Clone, Deserialize, serde::Serialize)]
pub(super) struct Declared {
    slug: String,
    #[serde(rename = "type")]
    connector: String,
    name: String,
    enabled: bool,
    config: Settings,
    secrets: Value,
}

impl Declared {
    /// Returns the row, or a sentence on why it is not what spile writes.
    pub(super) fn into_row(self) -> Result<Row, String> {
        let Self { slug, connector, name, enabled, config, secrets } = self;
        let slug = slug.parse().map_err(|error: NotAName| error.to_string())?;
        // The parser's sentence would quote the value.
        let secrets = sealed(secrets).map_err(|_| "`secrets` was not written by spile".to_owned())?;
        Ok(Row { slug, connector, name, enabled, config, secrets })
    }
}

/// Parses the secrets column.
fn sealed(secrets: Value) -> Result<Option<Sealed>, serde_json::Error> {
    match secrets {
        Value::Null => Ok(None),
        Value::Object(members) if members.is_empty() => Ok(None),
        sealed => Sealed::deserialize(sealed).map(Some),
    }
}

/// The content of an unmanaged row.
#[derive(Debug, Deserialize)]
pub(super) struct Before {
    slug: Option<String>,
    #[serde(rename = "type")]
    connector: Option<String>,
    name: Option<String>,
    enabled: Option<bool>,
    config: Value,
    secrets: Value,
}

impl Before {
    /// Returns it as an integration's row; `None` if it has no type, or no name that an integration can have.
    pub(super) fn into_row(self) -> Option<Row> {
        self.into_unmanaged().map(|unmanaged| unmanaged.row)
    }

    fn into_unmanaged(self) -> Option<Unmanaged> {
        let (connector, name) = (self.connector?, self.name.unwrap_or_default());
        let slug = self.slug.and_then(|slug| slug.parse().ok()).or_else(|| Slug::from_words(&name))?;
        let config = match self.config {
            Value::Object(members) => members.into_iter().collect(),
            _ => Settings::new(),
        };
        let enabled = self.enabled.unwrap_or_default();
        let row = Row { slug, connector, name, enabled, config, secrets: None };
        Some(Unmanaged::new(row, &self.secrets))
    }
}

/// An unmanaged row.
#[derive(Debug, Deserialize)]
pub(super) struct Nobodys {
    id: String,
    pub(super) managed_by: Option<String>,
    #[serde(flatten)]
    held: Before,
}

impl Nobodys {
    /// Returns the row; `None` if its id cannot be an integration's.
    pub(super) fn into_unmanaged(self) -> Option<(IntegrationId, Unmanaged)> {
        let id = IntegrationId(self.id.parse().ok()?);
        Some((id, self.held.into_unmanaged()?))
    }
}

/// Returns a row in the form that the database function takes.
pub(super) fn written(row: &Row) -> Value {
    json!({
        "slug": row.slug,
        "type": row.connector,
        "name": row.name,
        "enabled": row.enabled,
        "config": row.config,
        "secrets": row.secrets.as_ref().map_or_else(|| json!({}), |sealed| json!(sealed)),
    })
}
