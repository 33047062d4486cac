//! The structure of a `meltano.yml`, as far as spile reads it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Unreadable;
use crate::connector::Role;
use crate::integration::Choices;
use crate::name::{IntegrationId, Slug};
use crate::record::PluginDefinition;
use crate::record::entry::Setup;
use crate::value::sorted;
use crate::yaml;

/// A `meltano.yml`. A template can add text of its own that spile never writes: of that, only the structure is checked.
#[derive(Deserialize)]
pub(super) struct Document {
    #[serde(default)]
    pub(super) environments: Option<Vec<Environment>>,
    #[serde(default)]
    pub(super) plugins: Option<BTreeMap<Plural, Option<Vec<Plugin>>>>,
    #[serde(default)]
    pub(super) jobs: Option<Vec<Job>>,
    #[serde(default)]
    pub(super) schedules: Option<Vec<Schedule>>,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum Plural {
    Extractors,
    Loaders,
    Mappers,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
pub(super) struct Environment {
    pub(super) name: String,
    #[serde(default)]
    pub(super) config: Option<EnvironmentConfig>,
}

#[derive(Deserialize, Default)]
pub(super) struct EnvironmentConfig {
    #[serde(default)]
    pub(super) plugins: Option<BTreeMap<Plural, Option<Vec<Plugin>>>>,
}

/// A plugin, or the setup of one. A base plugin has everything except `inherit_from`.
#[derive(Deserialize)]
pub(super) struct Plugin {
    pub(super) name: Option<String>,
    pub(super) inherit_from: Option<String>,
    #[serde(default)]
    pub(super) annotations: Option<Value>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

#[derive(Deserialize)]
pub(super) struct Mark {
    pub(super) id: IntegrationId,
    pub(super) slug: Slug,
    #[serde(default)]
    pub(super) protect: bool,
    #[serde(flatten)]
    pub(super) choices: Choices,
    #[serde(default)]
    pub(super) imported: bool,
    #[serde(default)]
    pub(super) load_schema: bool,
    #[serde(default)]
    pub(super) mappers: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Job {
    pub(super) name: Option<String>,
    pub(super) tasks: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Schedule {
    pub(super) name: Option<String>,
    pub(super) interval: Option<String>,
    pub(super) job: Option<String>,
}

impl Plugin {
    /// Returns the annotation that spile wrote about the plugin, if there is one.
    pub(super) fn mark(&self) -> Result<Option<Mark>, Unreadable> {
        let mark = self.annotations.as_ref().and_then(|annotations| annotations.get("spile"));
        Ok(mark.map(Mark::deserialize).transpose()?)
    }

    pub(super) fn setup(self) -> Result<Setup, Unreadable> {
        let keys = ["config", "select", "metadata", "load_schema"];
        let said = self.rest.into_iter().filter(|(key, _)| keys.contains(&key.as_str()));
        let setup = Setup::deserialize(Value::Object(said.collect()))?;
        Ok(Setup { config: sorted(setup.config), ..setup })
    }

    pub(super) fn definition(self) -> (String, Arc<PluginDefinition>) {
        let mut definition = self.rest;
        let name = self.name.unwrap_or_default();
        definition.insert("name".to_owned(), Value::String(name.clone()));
        (name, Arc::new(definition.into()))
    }
}

/// Reads a document. Some documents contain what spile never writes but a template's own text can, for example merge keys,
/// keys that are not strings, and large numbers. Only the slower reader of imports accepts those.
pub(super) fn document(text: &str) -> Result<Document, Unreadable> {
    if yaml::is_deep(text) {
        return Err(Unreadable::Deep);
    }
    // In quotes, it is an ordinary key.
    let merges = |(at, _): (usize, &str)| {
        !text[..at].ends_with(['"', '\'']) && text[at + 2..].trim_start_matches(' ').starts_with(':')
    };
    let read = yaml_serde::from_str(text);
    if read.is_ok() && !text.match_indices("<<").any(merges) {
        return Ok(read?);
    }
    match as_imported(text)? {
        Some(document) => Ok(document),
        None => Ok(read?),
    }
}

pub(super) fn as_imported(text: &str) -> Result<Option<Document>, Unreadable> {
    let Ok(document) = yaml::Document::parse(text) else { return Ok(None) };
    let values = yaml::ValueReader::of(&document);
    let value = values.value(&document.root, &mut Vec::new());
    if values.is_exhausted() {
        return Err(Unreadable::Aliases);
    }
    Ok(Document::deserialize(value).ok())
}

impl Plural {
    pub(super) fn role(self) -> Option<Role> {
        match self {
            Self::Extractors => Some(Role::Extractor),
            Self::Loaders => Some(Role::Loader),
            Self::Mappers | Self::Other => None,
        }
    }
}
