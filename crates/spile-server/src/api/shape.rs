//! The shapes of responses. None contains a secret or ciphertext: a response shows a secret by its name and when it was
//! set.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexSet;

use jiff::Timestamp;
use serde::Serialize;

use spile_core::connector::Role;
use spile_core::integration::{Declaration, Integration};
use spile_core::name::{EnvironmentName, IntegrationId, Slug};
use spile_core::value::Settings;
use spile_ops::plan::choices::OpenChoices;
use spile_world::stores::runs::Standing;

/// An integration as the API shows it: what its file says, with what the registry knows.
#[derive(Debug, Serialize)]
pub struct IntegrationData<'a> {
    id: IntegrationId,
    slug: &'a Slug,
    r#type: &'a str,
    kind: Role,
    name: &'a str,
    description: Option<&'a str>,
    enabled: bool,
    loader: Option<&'a Slug>,
    mappers: &'a [String],
    schedule: Option<String>,
    select: &'a IndexSet<String>,
    tags: &'a BTreeSet<String>,
    protect: bool,
    config: &'a Settings,
    secrets: BTreeMap<&'a str, SecretData>,
    environments: Vec<&'a EnvironmentName>,
    status: &'a str,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    /// What was chosen for its streams and has not happened yet, if anything was. Not in lists: it takes questions to the
    /// registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    choices: Option<OpenChoices>,
}

/// Everything that the API shows of a secret. A document with several secrets only knows when it last changed as a
/// whole.
#[derive(Debug, Clone, Serialize)]
struct SecretData {
    set: bool,
    updated_at: Option<String>,
}

impl<'a> IntegrationData<'a> {
    /// Shapes an integration; without a standing it was never applied.
    #[must_use]
    pub fn of(one: &'a Integration, standing: Option<&'a Standing>) -> Self {
        let base = &one.base;
        Self {
            id: one.id,
            slug: &one.slug,
            r#type: &one.connector.head.name,
            kind: one.role(),
            name: &base.name,
            description: base.description.as_deref(),
            enabled: base.enabled,
            loader: base.loader.as_ref(),
            mappers: &base.mappers,
            schedule: base.schedule.as_ref().map(ToString::to_string),
            select: &base.select,
            tags: &base.tags,
            protect: one.protect,
            config: &base.config,
            secrets: secrets(base),
            environments: one.overlays.keys().collect(),
            status: standing.map_or("pending", |standing| standing.status.as_str()),
            created_at: standing.map(|standing| standing.created_at),
            updated_at: standing.map(|standing| standing.updated_at),
            choices: None,
        }
    }

    /// Adds what was chosen for its streams.
    #[must_use]
    pub fn with_choices(self, choices: Option<OpenChoices>) -> Self {
        Self { choices, ..self }
    }
}

fn secrets(base: &Declaration) -> BTreeMap<&str, SecretData> {
    let Some(secrets) = &base.secrets else { return BTreeMap::new() };
    let updated_at = secrets.document.metadata.last_modified().ok();
    secrets.names.iter().map(|name| (name.as_str(), SecretData { set: true, updated_at: updated_at.clone() })).collect()
}
