//! Reading entries back from the text of a `meltano.yml`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::MARKER;
use crate::connector::Role;
use crate::name::{EnvironmentName, IntegrationId, Slug};
use crate::plan::State;
use crate::record::Entry;
use crate::record::entry::Setup;

/// Why a text is no `meltano.yml` of spile's.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is not YAML, or of another form.
    #[error("{0}")]
    Form(#[from] yaml_serde::Error),
    /// A plugin's `config`, `select` or `metadata` is of another form.
    #[error("{0}")]
    Setup(#[from] serde_json::Error),
    /// A plugin inherits from one that is not there.
    #[error("`{plugin}` inherits from `{parent}`, which is not there")]
    Orphan {
        /// The plugin.
        plugin: String,
        /// The missing base plugin.
        parent: String,
    },
}

/// Tells whether spile rendered the text.
#[must_use]
pub fn is_rendered(text: &str) -> bool {
    text.lines().next() == Some(MARKER)
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    environments: Vec<Environment>,
    #[serde(default)]
    plugins: BTreeMap<Plural, Vec<Plugin>>,
    #[serde(default)]
    jobs: Vec<Job>,
    #[serde(default)]
    schedules: Vec<Schedule>,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Plural {
    Extractors,
    Loaders,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Environment {
    name: EnvironmentName,
    #[serde(default)]
    config: EnvironmentConfig,
}

#[derive(Deserialize, Default)]
struct EnvironmentConfig {
    #[serde(default)]
    plugins: BTreeMap<Plural, Vec<Overlay>>,
}

#[derive(Deserialize)]
struct Overlay {
    name: String,
    #[serde(flatten)]
    setup: Setup,
}

/// A base plugin has everything but `inherit_from`; an inheriting one is marked by spile's annotation.
#[derive(Deserialize)]
struct Plugin {
    name: String,
    inherit_from: Option<String>,
    #[serde(default)]
    annotations: Annotations,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize, Default)]
struct Annotations {
    spile: Option<Mark>,
}

#[derive(Deserialize)]
struct Mark {
    id: IntegrationId,
    slug: Slug,
    #[serde(default)]
    protect: bool,
}

#[derive(Deserialize)]
struct Job {
    name: String,
    tasks: Vec<String>,
}

#[derive(Deserialize)]
struct Schedule {
    interval: String,
    job: String,
}

/// Returns the entries of a text.
///
/// # Errors
/// When it is not of the form that the built-in template renders.
pub fn entries(text: &str) -> Result<State<Entry>, Unreadable> {
    let document: Document = yaml_serde::from_str(text)?;
    let mut overlays = overlays(document.environments);
    let loaders: BTreeMap<String, String> =
        document.jobs.into_iter().filter_map(|job| Some((job.name, loader(&job.tasks)?))).collect();
    let intervals: BTreeMap<String, String> =
        document.schedules.into_iter().map(|schedule| (schedule.job, schedule.interval)).collect();
    let mut found = State::default();
    for (plural, plugins) in document.plugins {
        let role = match plural {
            Plural::Extractors => Role::Extractor,
            Plural::Loaders => Role::Loader,
            Plural::Other => continue,
        };
        let (inheriting, bases): (Vec<_>, Vec<_>) =
            plugins.into_iter().partition(|plugin| plugin.inherit_from.is_some());
        let bases: BTreeMap<String, Arc<Map<String, Value>>> = bases.into_iter().map(base).collect();
        for plugin in inheriting {
            let Some(mark) = plugin.annotations.spile else { continue };
            let parent = plugin.inherit_from.unwrap_or_default();
            let Some(definition) = bases.get(&parent) else {
                return Err(Unreadable::Orphan { plugin: plugin.name, parent });
            };
            let base = Setup::deserialize(Value::Object(plugin.rest))?;
            let entry = Entry {
                role,
                protect: mark.protect,
                definition: definition.clone(),
                base,
                environments: overlays.remove(&(plural, plugin.name.clone())).unwrap_or_default(),
                loader: loaders.get(mark.slug.as_str()).cloned(),
                interval: intervals.get(mark.slug.as_str()).cloned(),
                plugin: plugin.name,
                slug: mark.slug,
            };
            found.insert(mark.id, entry);
        }
    }
    Ok(found)
}

type Overlays = BTreeMap<(Plural, String), BTreeMap<EnvironmentName, Setup>>;

fn overlays(environments: Vec<Environment>) -> Overlays {
    let mut overlays = Overlays::new();
    for environment in environments {
        for (plural, plugins) in environment.config.plugins {
            for plugin in plugins {
                let of_plugin = overlays.entry((plural, plugin.name)).or_default();
                of_plugin.insert(environment.name.clone(), plugin.setup);
            }
        }
    }
    overlays
}

fn base(plugin: Plugin) -> (String, Arc<Map<String, Value>>) {
    let mut definition = plugin.rest;
    definition.insert("name".to_owned(), Value::String(plugin.name.clone()));
    (plugin.name, Arc::new(definition))
}

/// A task of a rendered job names the extractor and the loader.
fn loader(tasks: &[String]) -> Option<String> {
    tasks.first().and_then(|task| task.split_once(' ')).map(|(_, loader)| loader.to_owned())
}
