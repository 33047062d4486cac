//! States as a file: all of an environment, or some.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::kept::Owner;
use super::{Scope, StateError};
use crate::{Error, RunSelection, Tell};
use spile_core::connector::Role;
use spile_core::name::{EnvironmentName, Slug};
use spile_core::state::SingerState;

/// The version of the form that is written.
const VERSION: &str = "1.0";

/// States of integrations, as a file holds them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Export {
    /// The version of the form; additions only within a major one.
    pub format_version: String,
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: EnvironmentName,
    /// The states, in the order of names.
    pub states: Vec<Exported>,
}

/// The state of an integration, as a file holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exported {
    /// The integration.
    pub slug: Slug,
    /// The tap that wrote it.
    pub tap: String,
    /// Under which id it was kept.
    pub state_id: String,
    /// The Singer state, to the byte.
    pub state: Box<RawValue>,
}

impl Exported {
    /// Returns the state.
    ///
    /// # Errors
    /// When it is no object.
    pub fn read(&self) -> Result<SingerState, StateError> {
        SingerState::parse(self.state.get())
            .map_err(|error| StateError::Document { why: format!("the state of `{}`: {error}", self.slug) })
    }
}

/// Returns the states of integrations that have one.
///
/// # Errors
/// When a word names nothing, or the place of a state cannot be asked.
pub async fn export(scope: Scope<'_>, which: &RunSelection, tell: Tell<'_>) -> Result<Export, Error> {
    let environment = &scope.options.environment;
    let mut states = Vec::new();
    for integration in which.among(scope.world, scope.loaded).await? {
        if integration.role() == Role::Loader || integration.at(environment).loader.is_none() {
            continue;
        }
        let kept = Owner::of(scope, &integration).await?.read(scope, tell).await?;
        let Some(state) = &kept.state else { continue };
        let unwritable = |error: serde_json::Error| StateError::Document { why: error.to_string() };
        states.push(Exported {
            slug: kept.slug().clone(),
            tap: kept.tap().to_owned(),
            state_id: kept.state_id.clone(),
            state: RawValue::from_string(state.to_string()).map_err(unwritable)?,
        });
    }
    let project = scope.loaded.settings.name.clone();
    Ok(Export { format_version: VERSION.to_owned(), project, environment: environment.clone(), states })
}

/// Reads an export.
///
/// # Errors
/// When it is none, or of a newer form.
pub fn read_export(text: &str) -> Result<Export, StateError> {
    let document = |why: String| StateError::Document { why };
    let export: Export = serde_json::from_str(text).map_err(|error| document(error.to_string()))?;
    if !export.format_version.starts_with("1.") {
        return Err(document(format!("its version is {}, and this spile reads version 1", export.format_version)));
    }
    for exported in &export.states {
        exported.read()?;
    }
    Ok(export)
}

impl Export {
    /// Returns the states of these integrations; all, where none is named.
    ///
    /// # Errors
    /// When it has none of one of them.
    pub fn of(&self, slugs: &[String]) -> Result<Vec<&Exported>, StateError> {
        if slugs.is_empty() {
            return Ok(self.states.iter().collect());
        }
        let find = |slug: &String| {
            let found = self.states.iter().find(|exported| exported.slug.as_str() == slug);
            found.ok_or_else(|| {
                let known: Vec<&str> = self.states.iter().map(|exported| exported.slug.as_str()).collect();
                let help = format!("it has states of: {}", spile_core::problem::listed(known.iter().copied()));
                StateError::NotExported { what: format!("`{slug}`"), help }
            })
        };
        slugs.iter().map(find).collect()
    }
}
