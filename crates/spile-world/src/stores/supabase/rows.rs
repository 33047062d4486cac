//! Rows as they go over the wire.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{TargetError, Unmanaged};
use spile_core::name::{IntegrationId, Slug};
use spile_core::plan::Last;
use spile_core::record::Row;
use spile_core::record::row::Sealed;
use spile_core::value::Settings;

/// What is looked at of an unmanaged row.
pub(super) const UNMANAGED: &str = "id,slug,type,name,enabled,config,secrets,managed_by";

/// What a page holds: rows, of which the last says where the next page begins.
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

/// What the database holds at one moment, as much as a plan has to know where nothing has changed.
#[derive(Debug, Deserialize)]
pub(super) struct RegistryMoment {
    pub(super) version: i64,
    /// Hashes of this project's rows, by their ids.
    pub(super) hashes: BTreeMap<String, String>,
    /// Rows that are not as the last apply left them.
    pub(super) drift: Vec<Drifted>,
    /// Rows that are not this project's.
    pub(super) others: Vec<Other>,
}

/// A row by its marks, that somebody else keeps, or nobody: it may lack any of them.
#[derive(Debug, Deserialize)]
pub(super) struct Other {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) managed_by: Option<String>,
    pub(super) content_hash: Option<String>,
}

/// A row of this project's.
#[derive(Debug, Clone, Deserialize, serde::Serialize)]
pub(super) struct Stored {
    pub(super) id: String,
    slug: String,
    #[serde(rename = "type")]
    connector: String,
    name: String,
    enabled: bool,
    config: Settings,
    secrets: Value,
    pub(super) content_hash: String,
}

impl Stored {
    pub(super) fn into_row(self) -> Result<(IntegrationId, Row), TargetError> {
        let unreadable = |message: String| TargetError::Row { id: self.id.clone(), message };
        let id = self.id.parse().map_err(|error: uuid::Error| unreadable(error.to_string()))?;
        let slug = self.slug.parse().map_err(|error: spile_core::name::NotAName| unreadable(error.to_string()))?;
        // The parser's sentence would quote what is there.
        let secrets = sealed(self.secrets);
        let secrets = secrets.map_err(|_| unreadable("`secrets` was not written by spile".to_owned()))?;
        let row = Row {
            slug,
            connector: self.connector,
            name: self.name,
            enabled: self.enabled,
            config: self.config,
            secrets,
        };
        Ok((IntegrationId(id), row))
    }
}

/// A row that is not as the last apply left it.
#[derive(Debug, Deserialize)]
pub(super) struct Drifted {
    id: String,
    why: String,
    /// What that apply left.
    after: Option<Declared>,
}

impl Drifted {
    /// Returns how the last apply left the row; `None` where no integration can have its id.
    pub(super) fn into_last(self) -> Option<(IntegrationId, Last<Row>)> {
        let id = IntegrationId(self.id.parse().ok()?);
        let last = match self.after {
            Some(after) => row(after).map_or(Last::Unknown, Last::Held),
            None if self.why == "added" => Last::Deleted,
            None => Last::Unknown,
        };
        Some((id, last))
    }
}

/// What files declare of a row, as the history has kept it.
#[derive(Debug, Deserialize)]
pub(super) struct Declared {
    slug: String,
    #[serde(rename = "type")]
    connector: String,
    name: String,
    enabled: bool,
    config: Settings,
    secrets: Value,
}

/// Returns a row of the history; `None` where it is not what spile writes.
pub(super) fn row(declared: Declared) -> Option<Row> {
    let Declared { slug, connector, name, enabled, config, secrets } = declared;
    Some(Row { slug: slug.parse().ok()?, connector, name, enabled, config, secrets: sealed(secrets).ok()? })
}

/// Reads what the column of secrets holds.
fn sealed(secrets: Value) -> Result<Option<Sealed>, serde_json::Error> {
    match secrets {
        Value::Null => Ok(None),
        Value::Object(members) if members.is_empty() => Ok(None),
        sealed => Sealed::deserialize(sealed).map(Some),
    }
}

/// What a row that no project manages holds.
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
    /// Returns the row as integrations are; `None` where it has no type, or no name that one could have.
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

/// A row that no project manages.
#[derive(Debug, Deserialize)]
pub(super) struct Nobodys {
    id: String,
    pub(super) managed_by: Option<String>,
    #[serde(flatten)]
    held: Before,
}

impl Nobodys {
    /// Returns the row; `None` where no integration can have its id.
    pub(super) fn into_unmanaged(self) -> Option<(IntegrationId, Unmanaged)> {
        let id = IntegrationId(self.id.parse().ok()?);
        Some((id, self.held.into_unmanaged()?))
    }
}

/// Returns a row as the database's function takes it.
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
