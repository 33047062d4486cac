//! `check`: variables that Meltano uses instead of a value in a file, and variables that files name but nobody has set.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::{Loaded, drafts};
use crate::{Error, invocation};
use spile_core::integration::check::{IntegrationMistake, environment_variable};
use spile_core::integration::{Draft, Integration};
use spile_core::name::{EnvironmentName, SettingName, Slug};
use spile_core::problem::{Problems, Report};
use spile_core::source::Place;
use spile_world::processes::meltano::{DOTENV, Given, dotenv};
use spile_world::{ChildEnvironment, Project};

/// Variables that an integration names, but a run started here would not get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unset {
    /// The integration.
    pub slug: Slug,
    /// The environment.
    pub environment: EnvironmentName,
    /// The variables.
    pub names: Vec<String>,
}

/// The findings about a project's variables.
#[derive(Debug, Default)]
pub struct Variables {
    /// A warning for each setting whose value Meltano reads from `.env` instead.
    pub overridden: Report,
    /// The variables that are not set, for each integration and environment.
    pub unset: Vec<Unset>,
}

/// Compares the files of a project with `.env` and the environment variables, in one of its environments or in all.
///
/// # Errors
/// When `.env` cannot be read.
pub fn variables(
    project: &Project,
    loaded: &Loaded,
    only: Option<&str>,
    children: &ChildEnvironment,
) -> Result<Variables, Error> {
    let environments = match only {
        Some(name) => vec![loaded.environment(Some(name))?],
        None => loaded.settings.environments.keys().cloned().collect(),
    };
    let dotenv = dotenv(project.root()).map_err(|why| Error::of_file("read", Path::new(DOTENV), why))?;
    let dotenv = dotenv.unwrap_or_default();
    let named = named(loaded, &environments);
    // Finding out what a run gets means reading the rendered file, so that is skipped if nothing needs a variable.
    if dotenv.is_empty() && named.is_empty() {
        return Ok(Variables::default());
    }
    let given = Given::new(&loaded.rendered, &dotenv, children, &loaded.settings.run);
    let mut problems = Problems::default();
    if !dotenv.is_empty() {
        // The files are known to be valid, and are read again for their places.
        let drafts = drafts(project.integrations(&mut Problems::default()), &mut Problems::default());
        let by_name: ByName<'_> =
            drafts.iter().map(|draft| ((&draft.slug, draft.environment.as_ref()), draft)).collect();
        for (integration, environment) in each(loaded, &environments) {
            overridden(integration, environment, &by_name, &given, &mut problems);
        }
    }
    Ok(Variables {
        overridden: problems.into_report(),
        unset: named.into_iter().filter_map(|one| one.unset(&given)).collect(),
    })
}

type ByName<'a> = BTreeMap<(&'a Slug, Option<&'a EnvironmentName>), &'a Draft>;

/// Returns every integration in every environment in which it is enabled.
fn each<'a>(
    loaded: &'a Loaded,
    environments: &'a [EnvironmentName],
) -> impl Iterator<Item = (&'a Integration, &'a EnvironmentName)> {
    let all = loaded.integrations.by_slug();
    all.flat_map(move |one| environments.iter().map(move |environment| (&**one, environment)))
        .filter(|(one, environment)| one.at(environment).enabled)
}

/// The variables that an integration names in an environment. There is at least one.
struct Named<'a> {
    integration: &'a Integration,
    environment: &'a EnvironmentName,
    variables: BTreeSet<String>,
}

fn named<'a>(loaded: &'a Loaded, environments: &'a [EnvironmentName]) -> Vec<Named<'a>> {
    let all = each(loaded, environments).map(|(integration, environment)| {
        let variables = invocation::named_variables(integration, environment);
        Named { integration, environment, variables }
    });
    all.filter(|named| !named.variables.is_empty()).collect()
}

impl Named<'_> {
    /// Returns the variables that a run would not get.
    fn unset(self, given: &Given<'_>) -> Option<Unset> {
        let plugins = [self.integration.plugin_name(), self.integration.connector.plugin.name.clone()];
        let names: Vec<String> = self.variables.into_iter().filter(|name| !given.has(name, &plugins)).collect();
        let (slug, environment) = (self.integration.slug.clone(), self.environment.clone());
        (!names.is_empty()).then_some(Unset { slug, environment, names })
    }
}

/// Finds the settings of an integration that `.env` also sets.
fn overridden(
    integration: &Integration,
    environment: &EnvironmentName,
    drafts: &ByName<'_>,
    given: &Given<'_>,
    problems: &mut Problems,
) {
    // In a run by spile, a plugin reads the variables of its own name, not those of the plugin that it inherits from.
    let prefix = integration.plugin_name();
    for name in integration.at(environment).config.keys() {
        let passed = integration.connector.setting(name).and_then(|setting| setting.passed.get("aliases"));
        let aliases = passed.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let mut variables =
            std::iter::once(name.as_str()).chain(aliases).map(|name| environment_variable(&prefix, name));
        let found = variables.find_map(|variable| Some((given.line_of(&variable)?, variable)));
        let place =
            [Some(environment), None].into_iter().find_map(|of| place(drafts.get(&(&integration.slug, of))?, name));
        let (Some((line, variable)), Some(place)) = (found, place) else { continue };
        let span = place.span.clone().into();
        problems.push(&place.source, IntegrationMistake::Overridden { setting: name.clone(), variable, line, span });
    }
}

/// Returns the place where a file sets a setting. A nested setting can be in a table.
fn place(draft: &Draft, name: &str) -> Option<Place> {
    let node = draft.config.get(name).or_else(|| draft.config.get(SettingName::new(name).first()))?;
    Some(node.key.clone())
}
