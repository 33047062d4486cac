//! Past applies, as a registry records them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::State;
use crate::name::IntegrationId;
use crate::record::Row;

/// An apply of the past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Its id.
    pub id: Uuid,
    /// The plan that was carried out.
    pub plan: String,
    /// Who applied it.
    pub actor: String,
    /// The commit of the files, where they were in git.
    pub commit: Option<String>,
    /// When.
    pub at: Timestamp,
    /// The SHA-256 of `meltano.yml` as it was written; `None` where it was left alone.
    pub file: Option<String>,
    /// How many rows came.
    pub created: u32,
    /// How many changed.
    pub updated: u32,
    /// How many went.
    pub deleted: u32,
}

/// Applies that a registry no longer keeps: nothing leads back to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// How many.
    pub applies: u32,
    /// When the newest of them was.
    pub until: Timestamp,
}

/// What an apply left, in both targets.
#[derive(Debug, Clone)]
pub struct Left {
    /// The apply.
    pub apply: Applied,
    /// The rows of the project in its environment.
    pub rows: State<Row>,
    /// Rows that later applies have adopted, as they were before; `None` where that is not known.
    pub adopted: BTreeMap<IntegrationId, Option<Row>>,
    /// The text of `meltano.yml`, where it was kept.
    pub text: Option<String>,
}
