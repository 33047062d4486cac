//! Past applies, as recorded in a registry.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::State;
use crate::name::IntegrationId;
use crate::record::Row;

/// A past apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Its id.
    pub id: Uuid,
    /// The plan that was carried out.
    pub plan: String,
    /// Who applied it.
    pub actor: String,
    /// The commit of the files, if they were in git.
    pub commit: Option<String>,
    /// When it was applied.
    pub at: Timestamp,
    /// The SHA-256 of `meltano.yml` as written; `None` if it was not written.
    pub file: Option<String>,
    /// How many rows were created.
    pub created: u32,
    /// How many rows were updated.
    pub updated: u32,
    /// How many rows were deleted.
    pub deleted: u32,
}

/// Applies that a registry no longer keeps, and that cannot be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// How many there are.
    pub applies: u32,
    /// The time of the newest one.
    pub until: Timestamp,
}

/// The result of an apply, in both targets.
#[derive(Debug, Clone)]
pub struct Left {
    /// The apply.
    pub apply: Applied,
    /// The rows of the project in its environment.
    pub rows: State<Row>,
    /// Rows that later applies adopted, as they were before; `None` if that is not known.
    pub adopted: BTreeMap<IntegrationId, Option<Row>>,
    /// The text of `meltano.yml`, if it was kept.
    pub text: Option<String>,
}
