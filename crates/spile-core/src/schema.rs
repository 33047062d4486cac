//! JSON Schemas of a project's files for editors: completion, descriptions, and mistakes while typing.
//!
//! They are generated from the definitions that `check` uses, and are never stricter. What one file cannot show, for
//! example a setting in an overlay or a sidecar, is left to `check`. Draft 7, which taplo reads.

mod connector;
mod form;
mod integration;
mod project;
mod setting;

use serde_json::{Map, Value, json};

use crate::connector::{Catalog, Connector, Setting};

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
    let plain = connector.settings.iter().filter(|setting| !setting.secret);
    let config: Map<String, Value> = plain.map(|one| (one.name.clone(), setting::sent(one))).collect();
    // Any setting may be private.
    let sealed = |one: &Setting| setting::sent(&Setting { secret: true, ..one.clone() });
    let secrets: Map<String, Value> = connector.settings.iter().map(|one| (one.name.clone(), sealed(one))).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": connector.head.label,
        "description": connector.head.description,
        "type": "object",
        "properties": {
            "config": { "type": "object", "properties": config, "additionalProperties": false },
            "secrets": { "type": "object", "properties": secrets, "additionalProperties": false },
        },
    })
}
