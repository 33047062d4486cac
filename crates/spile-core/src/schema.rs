//! JSON Schemas of a project's files for editors: completion, descriptions, and mistakes while typing.
//!
//! They are generated from the definitions that `check` uses, and are never stricter. What one file cannot show, for
//! example a setting in an overlay or a sidecar, is left to `check`. Draft 7, which taplo reads.

mod connector;
mod form;
mod integration;
mod project;
mod setting;

use serde_json::{Value, json};

use crate::connector::{Catalog, Connector};

/// The files that have schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// `integrations/**/<slug>.toml`.
    Integration,
    /// `integrations/**/<slug>.<env>.toml`.
    Overlay,
    /// `spile.toml`.
    Project,
    /// `connectors/**/*.toml`.
    Connector,
}

impl Subject {
    /// All subjects.
    pub const ALL: [Self; 4] = [Self::Integration, Self::Overlay, Self::Project, Self::Connector];

    /// Returns the subject's name on the command line and in file names.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Integration => "integration",
            Self::Overlay => "overlay",
            Self::Project => "project",
            Self::Connector => "connector",
        }
    }
}

/// Returns the schema of a kind of file, with a branch for each connector in the catalog if it needs one.
#[must_use]
pub fn of(subject: Subject, catalog: &Catalog) -> Value {
    match subject {
        Subject::Integration => integration::base(catalog),
        Subject::Overlay => integration::overlay(catalog),
        Subject::Project => project::schema(),
        Subject::Connector => connector::schema(),
    }
}

/// Returns the schema of a connector's settings in the API: `config` and `secrets`, by name.
#[must_use]
pub fn settings(connector: &Connector) -> Value {
    let (secret, plain): (Vec<_>, Vec<_>) = connector.settings.iter().partition(|setting| setting.secret);
    let schemas = |settings: &[&crate::connector::Setting]| -> serde_json::Map<String, Value> {
        settings.iter().map(|one| (one.name.clone(), setting::sent(one))).collect()
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": connector.head.label,
        "description": connector.head.description,
        "type": "object",
        "properties": {
            "config": { "type": "object", "properties": schemas(&plain), "additionalProperties": false },
            "secrets": { "type": "object", "properties": schemas(&secret), "additionalProperties": false },
        },
    })
}
