//! JSON Schemas of the files of a project, for editors: completion, descriptions and mistakes while typing.
//!
//! They are made from the definitions that `check` uses, and are never stricter than it: what one file cannot show, such
//! as a setting that is in an overlay or a sidecar, is left to `check`. Draft 7, which taplo reads.

mod connector;
mod form;
mod integration;
mod project;
mod setting;

use serde_json::{Value, json};

use crate::connector::{Catalog, Connector};

/// The files that there are schemas of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// `integrations/**/<slug>.toml`
    Integration,
    /// `integrations/**/<slug>.<env>.toml`
    Overlay,
    /// `spile.toml`
    Project,
    /// `connectors/**/*.toml`
    Connector,
}

impl Subject {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Integration, Self::Overlay, Self::Project, Self::Connector];

    /// Returns the word that the command line and the names of files have.
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

/// Returns the schema of a kind of file, with a branch for each connector of the catalog where it needs one.
#[must_use]
pub fn of(subject: Subject, catalog: &Catalog) -> Value {
    match subject {
        Subject::Integration => integration::base(catalog),
        Subject::Overlay => integration::overlay(catalog),
        Subject::Project => project::schema(),
        Subject::Connector => connector::schema(),
    }
}

/// Returns the schema of what the API takes for a connector: `config` and `secrets`, settings by their names.
#[must_use]
pub fn settings(connector: &Connector) -> Value {
    let (secret, plain): (Vec<_>, Vec<_>) = connector.settings.iter().partition(|setting| setting.secret);
    let schemas = |settings: &[&crate::connector::Setting]| -> serde_json::Map<String, Value> {
        settings.iter().map(|one| (one.name.clone(), setting::sent(one))).collect()
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": connector.label,
        "description": connector.description,
        "type": "object",
        "properties": {
            "config": { "type": "object", "properties": schemas(&plain), "additionalProperties": false },
            "secrets": { "type": "object", "properties": schemas(&secret), "additionalProperties": false },
        },
    })
}
