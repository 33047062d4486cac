//! Rows: integrations in the registry. Only the columns that files declare; `status` belongs to runs.

use serde::Serialize;
use serde_json::json;

use super::{Fields, Record, spread};
use crate::integration::Integration;
use crate::name::{EnvironmentName, Slug};
use crate::value::Settings;

/// An integration in the registry, as far as files declare it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// `slug`
    pub slug: Slug,
    /// `type`: the connector.
    #[serde(rename = "type")]
    pub connector: String,
    /// `name`
    pub name: String,
    /// `enabled`
    pub enabled: bool,
    /// `config`
    pub config: Settings,
}

impl Row {
    /// Returns the row that an integration asks for in an environment.
    #[must_use]
    pub fn of(integration: &Integration, environment: &EnvironmentName) -> Self {
        let declaration = integration.at(environment);
        Self {
            slug: integration.slug.clone(),
            connector: integration.connector.name.clone(),
            name: declaration.name.clone(),
            enabled: declaration.enabled,
            config: declaration.config.clone(),
        }
    }
}

impl Record for Row {
    type Document = ();

    fn slug(&self) -> &Slug {
        &self.slug
    }

    fn kind(&self) -> &str {
        &self.connector
    }

    fn fields(&self) -> Fields {
        let mut fields = Fields::from([
            ("slug".to_owned(), json!(self.slug)),
            ("type".to_owned(), json!(self.connector)),
            ("name".to_owned(), json!(self.name)),
            ("enabled".to_owned(), json!(self.enabled)),
        ]);
        spread(&mut fields, "config", &self.config);
        fields
    }
}
