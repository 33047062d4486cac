//! Missing and unreadable contracts. A sync that needs a contract does not start without it.

use super::{Loaded, drafts};
use crate::Error;
use crate::contract::IntegrationLabel;
use spile_core::connector::Role;
use spile_core::discovered::Contract;
use spile_core::discovered::contract::{ContractMistake, path};
use spile_core::integration::Integration;
use spile_core::name::EnvironmentName;
use spile_core::problem::Problems;
use spile_core::source::Place;
use spile_world::Project;

/// Adds the problems of contracts to a checked project, for one environment or for all.
///
/// # Errors
/// When a contract is not valid.
pub fn with_contracts(project: &Project, loaded: Loaded, only: Option<&str>) -> Result<Loaded, Error> {
    let only = only.map(|name| loaded.environment(Some(name))).transpose()?;
    let mut problems = Problems::default();
    let mut missing = Vec::new();
    for integration in loaded.integrations.by_slug().filter(|one| one.role() == Role::Extractor) {
        for environment in loaded.settings.environments.keys() {
            let declared = integration.at(environment);
            let is_meant = only.as_ref().is_none_or(|only| only == environment);
            if !is_meant || !declared.enabled || !declared.schema.need_contract() {
                continue;
            }
            match project.contract(&path(&integration.slug, environment), &mut problems) {
                // Checks only that the contract can be read. A run that needs it checks its content.
                Some(source) => drop(Contract::read(&source, &mut problems)),
                None => missing.push((integration.clone(), environment.clone())),
            }
        }
    }
    if !missing.is_empty() {
        let places = Places::read(project);
        for (integration, environment) in &missing {
            let Some(place) = places.of(integration, environment) else { continue };
            let command = IntegrationLabel::of(&loaded, integration, environment).accept();
            let path = path(&integration.slug, environment).display().to_string();
            problems.push(&place.source, ContractMistake::Missing { path, command, span: place.span.clone().into() });
        }
    }
    loaded.with_found(problems)
}

/// The places where files declare `[schema]`.
struct Places(Vec<spile_core::integration::Draft>);

impl Places {
    /// Reads the files again, because a checked project has no places.
    fn read(project: &Project) -> Self {
        let mut problems = Problems::default();
        Self(drafts(project.integrations(&mut problems), &mut problems))
    }

    /// Returns the place in the overlay of the environment, or else in the base.
    fn of(&self, integration: &Integration, environment: &EnvironmentName) -> Option<Place> {
        let said = |of: Option<&EnvironmentName>| {
            let draft =
                self.0.iter().find(|draft| draft.slug == integration.slug && draft.environment.as_ref() == of)?;
            draft.schema.as_ref().map(|schema| schema.place.clone())
        };
        said(Some(environment)).or_else(|| said(None))
    }
}
