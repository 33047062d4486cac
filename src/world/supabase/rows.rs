//! Rows as they go over the wire.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::SupabaseError;
use crate::name::IntegrationId;
use crate::record::Row;
use crate::record::row::Sealed;
use crate::value::Settings;
use crate::world::TargetError;

/// The columns that tell what is there and whether it has changed.
pub(super) const LISTED: &str = "id,slug,name,managed_by,environment,content_hash";

/// All that files declare, besides.
pub(super) const WHOLE: &str = "id,slug,type,name,enabled,config,secrets,managed_by,environment,content_hash";

/// A row by its marks. What others keep in the same table may lack any of them.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Listed {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    pub(super) managed_by: Option<String>,
    pub(super) environment: Option<String>,
    #[serde(default)]
    pub(super) content_hash: String,
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
        let slug = self.slug.parse().map_err(|error: crate::name::NotAName| unreadable(error.to_string()))?;
        let secrets = match &self.secrets {
            Value::Null => None,
            Value::Object(members) if members.is_empty() => None,
            sealed => {
                // The parser's sentence would quote what stands there.
                let sealed = Sealed::deserialize(sealed);
                Some(sealed.map_err(|_| unreadable("`secrets` is not what spile writes".to_owned()))?)
            }
        };
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

/// Reads a list of rows.
pub(super) fn read<T: DeserializeOwned>(rows: &[Value]) -> Result<Vec<T>, SupabaseError> {
    rows.iter().map(read_one).collect()
}

/// Reads a row; what is wrong with it is not quoted, for it may hold anything.
pub(super) fn read_one<T: DeserializeOwned>(row: &Value) -> Result<T, SupabaseError> {
    T::deserialize(row).map_err(|_| SupabaseError::answer("a row has not the columns that it should have"))
}
