//! A stream of a source.

use serde::{Deserialize, Serialize};

use super::{Field, Inclusion};

/// A stream: a table, an object, an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Stream {
    /// Its name as patterns of `select` write it: Singer's `tap_stream_id`.
    pub name: String,
    /// The name that its records are sent under, if it differs: Singer's `stream`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_as: Option<String>,
    /// The schema or database that contains it in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The fields that identify its records.
    pub primary_key: Vec<String>,
    /// The field that shows how recent a record is.
    pub replication_key: Option<String>,
    /// How it is read: `FULL_TABLE`, `INCREMENTAL`, `LOG_BASED`.
    pub replication_method: Option<String>,
    /// Whether the user decides if it is read.
    pub inclusion: Inclusion,
    /// Its fields, sorted; a nested field follows its parent.
    pub fields: Vec<Field>,
}

impl Stream {
    /// Returns a stream with nothing known but its name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            sent_as: None,
            schema: None,
            primary_key: Vec::new(),
            replication_key: None,
            replication_method: None,
            inclusion: Inclusion::Available,
            fields: Vec::new(),
        }
    }

    /// Returns the name that its records are sent under.
    #[must_use]
    pub fn sent(&self) -> &str {
        self.sent_as.as_deref().unwrap_or(&self.name)
    }

    /// Returns the name that people know its table by: without the schema before it.
    #[must_use]
    pub fn table(&self) -> &str {
        let prefix = self.schema.as_ref().and_then(|schema| self.sent().strip_prefix(schema.as_str()));
        let table = prefix.and_then(|rest| rest.strip_prefix(['-', '.', '_'])).filter(|table| !table.is_empty());
        table.unwrap_or(self.sent())
    }
}
