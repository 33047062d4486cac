//! A stream of a source.

use serde::{Deserialize, Serialize};

use super::{Field, Inclusion};

/// A stream: a table, an object, an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Stream {
    /// Its name as patterns of `select` write it: Singer's `tap_stream_id`.
    pub name: String,
    /// The fields that tell its records apart.
    pub primary_key: Vec<String>,
    /// The field that says how new a record is.
    pub replication_key: Option<String>,
    /// How it is read: `FULL_TABLE`, `INCREMENTAL`, `LOG_BASED`.
    pub replication_method: Option<String>,
    /// Whether it is up to the user that it is read.
    pub inclusion: Inclusion,
    /// Its fields, sorted; a nested one stands behind the one that it is in.
    pub fields: Vec<Field>,
}
