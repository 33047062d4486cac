//! Drift, as a page shows it: what something else has changed, and what a person can do about it.

use serde::Serialize;

use spile_core::plan::drift::DriftKind;
use spile_core::record::Target;
use spile_view::drift::{files, verb};
use spile_view::plan_data::{DriftData, DriftFieldData};
use spile_view::value::in_line;

/// A record that something else has changed.
#[derive(Debug, Clone, Serialize)]
pub struct DriftCard {
    /// The integration.
    pub slug: String,
    /// What has happened.
    pub verb: String,
    /// The fields that differ.
    pub fields: Vec<DriftRow>,
    /// Whether the change can be written into the integration's file.
    pub can_take: bool,
}

/// A field that something else has changed.
#[derive(Debug, Clone, Serialize)]
pub struct DriftRow {
    /// The field.
    pub path: String,
    /// As the last apply left it.
    pub before: Option<String>,
    /// As it is now.
    pub after: Option<String>,
    /// How the files compare.
    pub files: &'static str,
}

impl From<&DriftData> for DriftCard {
    fn from(drift: &DriftData) -> Self {
        Self {
            slug: drift.slug.to_string(),
            verb: verb(drift),
            fields: drift.fields.iter().map(DriftRow::from).collect(),
            can_take: drift.target == Target::Registry && drift.kind == DriftKind::Changed,
        }
    }
}

impl From<&DriftFieldData> for DriftRow {
    fn from(field: &DriftFieldData) -> Self {
        let ciphertext = || field.secret.map(|_| "(another ciphertext)".to_owned());
        Self {
            path: field.path.to_string(),
            before: field.left.as_ref().map(in_line),
            after: field.found.as_ref().map(in_line).or_else(ciphertext),
            files: files(field.files),
        }
    }
}
