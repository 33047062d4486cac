//! `check --discover`: compares what integrations select with what their taps discovered.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Files, Loaded, checked, drafts};
use crate::{Error, discover};
use spile_core::connector::Role;
use spile_core::discovered::{self, Against, Rules, SelectionMistake};
use spile_core::integration::{Draft, Integration};
use spile_core::name::{EnvironmentName, Slug};
use spile_core::problem::Problems;
use spile_world::Project;

/// An integration without a valid discovery of its source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Undiscovered {
    /// The integration.
    pub slug: Slug,
    /// The environments, the default one first.
    pub environments: Vec<EnvironmentName>,
}

/// Reads and checks every file of a project, and compares what integrations select with what `spile discover` found, in one
/// environment or in all. Also returns the integrations without a discovery. Needs no network and no key.
///
/// # Errors
/// With every problem of every file, or when a file cannot be read.
pub fn with_selection(project: &Project, only: Option<&str>) -> Result<(Loaded, Vec<Undiscovered>), Error> {
    let mut problems = Problems::default();
    let files = Files::read(project, &mut problems);
    let loaded = checked(files, problems)?;
    let only = only.map(|name| loaded.environment(Some(name))).transpose()?;
    // The files are known to be valid, and are read again for their places.
    let mut problems = Problems::default();
    let files = Files::read(project, &mut problems);
    let drafts = drafts(files.integrations, &mut problems);
    let check = Check { project, loaded: &loaded, only, drafts: by_name(&drafts) };
    let mut undiscovered = Vec::new();
    for integration in loaded.integrations.by_slug().filter(|integration| integration.role() == Role::Extractor) {
        undiscovered.extend(check.integration(integration, &mut problems)?);
    }
    Ok((loaded.with_found(problems)?, undiscovered))
}

type ByName<'a> = BTreeMap<(&'a Slug, Option<&'a EnvironmentName>), &'a Draft>;

fn by_name(drafts: &[Draft]) -> ByName<'_> {
    drafts.iter().map(|draft| ((&draft.slug, draft.environment.as_ref()), draft)).collect()
}

struct Check<'a> {
    project: &'a Project,
    loaded: &'a Loaded,
    only: Option<EnvironmentName>,
    drafts: ByName<'a>,
}

impl Check<'_> {
    /// Checks what an integration selects in every environment with a discovery. Returns the environments that need a
    /// discovery and have none.
    fn integration(&self, integration: &Integration, problems: &mut Problems) -> Result<Option<Undiscovered>, Error> {
        let default = &self.loaded.settings.default_environment;
        let mut unknown = Vec::new();
        for environment in self.loaded.settings.environments.keys() {
            if self.only.as_ref().is_some_and(|only| only != environment) {
                continue;
            }
            let Some(draft) = self.draft(integration, environment) else { continue };
            if !discovered::can_select(integration) {
                no_effect(&draft, integration, problems);
                continue;
            }
            let found = discover::found(self.project.root(), self.loaded, integration, environment)?;
            // Environments without differences from the default one can rely on its discovery.
            let is_its_own = environment == default || integration.overlays.contains_key(environment);
            match found {
                Some(found) => {
                    let within = if environment == default { String::new() } else { format!(" in `{environment}`") };
                    let rules = Rules::of(integration, integration.at(environment));
                    let against = Against { streams: &found.streams, rules: &rules, within: &within };
                    discovered::check(&draft, against, problems);
                    self.losses(integration, &draft, against, problems);
                }
                None if integration.at(environment).enabled && (is_its_own || self.only.is_some()) => {
                    unknown.push(environment.clone());
                }
                None => {}
            }
        }
        unknown.sort_by_key(|environment| environment != default);
        let is_known = unknown.is_empty() || !selects(integration);
        Ok((!is_known).then(|| Undiscovered { slug: integration.slug.clone(), environments: unknown }))
    }

    /// Reports the fields that the connector or its loader does not deliver unchanged, if the loader is known.
    fn losses(&self, integration: &Integration, draft: &Draft, against: Against<'_>, problems: &mut Problems) {
        if let Some(place) = draft.connector.as_ref().map(|connector| &connector.place) {
            discovered::check_losses(&integration.connector, against, place, problems);
        }
        let Some(named) = &draft.loader else { return };
        if let Some(loader) = self.loaded.integrations.find(&named.value) {
            discovered::check_losses(&loader.connector, against, &named.place, problems);
        }
    }

    /// Returns the draft of the integration in an environment, with the places in each file.
    fn draft(&self, integration: &Integration, environment: &EnvironmentName) -> Option<Draft> {
        let base = self.drafts.get(&(&integration.slug, None))?;
        let overlay = self.drafts.get(&(&integration.slug, Some(environment)));
        Some(overlay.map_or_else(|| (*base).clone(), |overlay| base.overlaid(overlay)))
    }
}

/// Tells whether an integration declares a selection anywhere.
fn selects(integration: &Integration) -> bool {
    let mut all = integration.overlays.values().chain([&integration.base]);
    all.any(|declared| !declared.select.is_empty() || !declared.metadata.is_empty())
}

fn no_effect(draft: &Draft, integration: &Integration, problems: &mut Problems) {
    let said = [
        ("select", draft.select.as_ref().map(|select| &select.place)),
        ("metadata", draft.metadata.as_ref().map(|metadata| &metadata.place)),
    ];
    for (key, place) in said {
        let Some(place) = place else { continue };
        let connector = integration.connector.head.name.clone();
        problems.push(&place.source, SelectionMistake::NoEffect { key, connector, span: place.span.clone().into() });
    }
}
