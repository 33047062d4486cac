//! Entries: integrations in `meltano.yml`, each with everything that is needed to write it again.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexSet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{CONFIG, Field, Fields, PluginDefinition, Record, Target, spread};
use crate::connector::Role;
use crate::connector::naming::NamingSettings;
use crate::digest::hash;
use crate::integration::check::environment_variable;
use crate::integration::load::{LoaderSettings, SCHEMA_REFERENCE, schema_setting};
use crate::integration::select::stream_part;
use crate::integration::{Choices, Declaration, Integration, Integrations};
use crate::name::{EnvironmentName, FieldPath, Slug};
use crate::secrecy;
use crate::settings::ProjectSettings;
use crate::value::expansion::{escaped, has_variable, plain};
use crate::value::{self, Settings, periods};

/// An integration in `meltano.yml`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// The integration's name, stored in the plugin's annotations.
    pub slug: Slug,
    /// The list of `plugins` that contains it.
    pub role: Role,
    /// Whether apply must never delete it. Stored in the annotations, because a deleted file cannot say so.
    pub protect: bool,
    /// What happens to rows that are already loaded, when a change concerns them. Stored in the annotations, so that the last
    /// applied file tells which of them an apply has used. Omitted if there are none, so that older entries keep their hash.
    #[serde(skip_serializing_if = "Choices::is_empty")]
    pub choices: Choices,
    /// The plugin's name.
    pub plugin: String,
    /// Who defines the plugin.
    pub origin: Origin,
    /// The whole definition of the base plugin: `name`, `namespace`, `pip_url`, `settings` and so on.
    pub definition: Arc<PluginDefinition>,
    /// The setup for all environments.
    pub base: Setup,
    /// The differences by environment.
    pub environments: BTreeMap<EnvironmentName, Setup>,
    /// The loader's plugin, if there is a job.
    pub loader: Option<String>,
    /// The mappers between the two, in order. Stored in the annotations too, because the template writes the jobs of
    /// imported plugins. Omitted if there are none, so that older entries keep their hash.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mappers: Vec<String>,
    /// The interval of the schedule, if there is one.
    pub interval: Option<String>,
}

/// The path of the field for the order of the rules in `metadata`. It counts only if no rule differs.
pub const METADATA: FieldPath = FieldPath::of("metadata");

/// Who defines a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Its connector: it inherits from a base plugin, which is rendered too.
    Made,
    /// The project's template: spile only adds its setup, and knows only the name in the definition.
    Imported,
}

/// The configuration of a plugin.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Setup {
    /// `config`
    #[serde(default)]
    pub config: Settings,
    /// `select`; `None` if it is not written.
    #[serde(default)]
    pub select: Option<IndexSet<String>>,
    /// `metadata`
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// `load_schema` of extractors. Omitted if there is none, so that older entries keep their hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_schema: Option<String>,
}

/// The order of tables in settings and of `metadata` counts, as it does to Meltano and to plugins; the order of
/// `select` does not.
impl PartialEq for Setup {
    fn eq(&self, other: &Self) -> bool {
        let Self { config, select, metadata, load_schema } = self;
        (config, select, metadata, load_schema) == (&other.config, &other.select, &other.metadata, &other.load_schema)
            && config.iter().zip(&other.config).all(|(a, b)| a.0 == b.0 && value::same_order(a.1, b.1))
            && value::tables_in_order(metadata, &other.metadata)
    }
}

impl Setup {
    fn of(integration: &Integration, environment: Option<&EnvironmentName>, all: &Integrations) -> Self {
        let declaration = integration.declared(environment);
        let select = &declaration.select;
        let handed_on = declaration.config.iter().filter(|(name, _)| integration.connector.hands_on(name));
        let mut config: Settings = handed_on.map(|(name, value)| (name.clone(), periods::escaped(value))).collect();
        if integration.plugin.is_some() {
            config.extend(references(&integration.plugin_name(), declaration));
        }
        if integration.role() == Role::Loader
            && all.is_divided(&integration.slug)
            && let Some(setting) = schema_setting(&integration.connector)
        {
            config.insert(setting.to_owned(), json!(SCHEMA_REFERENCE));
        }
        Self {
            config: value::sorted(config),
            select: (!select.is_empty()).then(|| select.iter().map(|pattern| escaped(pattern).into_owned()).collect()),
            metadata: declaration.metadata.clone(),
            load_schema: load_schema(declaration, environment, all),
        }
    }

    /// Returns the differences from `base`. Meltano merges `config` key by key.
    fn differing_from(self, base: &Self) -> Self {
        let differs = |value: &Value, base: Option<&Value>| {
            base.is_none_or(|base| base != value || !value::same_order(base, value))
        };
        let config = self.config.into_iter().filter(|(key, value)| differs(value, base.config.get(key))).collect();
        let metadata =
            self.metadata.into_iter().filter(|(key, value)| differs(value, base.metadata.get(key))).collect();
        let select = match (self.select, &base.select) {
            // A missing `select` means everything, so it is written if the base selects less.
            (None, Some(_)) => Some(IndexSet::from(["*.*".to_owned()])),
            // Meltano passes patterns on in their order.
            (select, base) => select.filter(|select| !base.as_ref().is_some_and(|base| base.iter().eq(select))),
        };
        let load_schema = self.load_schema.filter(|schema| base.load_schema.as_ref() != Some(schema));
        Self { config, select, metadata, load_schema }
    }

    /// Returns this setup with the changes of an environment.
    fn overlaid(mut self, over: &Self) -> Self {
        self.config.extend(over.config.clone());
        self.config = value::sorted(self.config);
        self.metadata.extend(over.metadata.clone());
        self.select = over.select.clone().or(self.select);
        self.load_schema = over.load_schema.clone().or(self.load_schema);
        self
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the fields. `is_secret` tells whether a setting's value is a secret.
    fn fields(&self, is_secret: impl Fn(&str, &str) -> bool) -> Fields {
        let config = |(name, value): (&String, &Value)| match value {
            Value::String(text) if is_secret(name, text) => (CONFIG.join(name), Field::Secret(hash(text.as_bytes()))),
            _ => (CONFIG.join(name), Field::Ordered(value.clone())),
        };
        let mut fields: Fields = self.config.iter().map(config).collect();
        fields.extend(self.metadata.iter().map(|(key, said)| (METADATA.join(key), Field::Ordered(said.clone()))));
        if self.metadata.len() > 1 {
            let patterns: Vec<&String> = self.metadata.keys().collect();
            fields.insert(METADATA, Field::Plain(json!(patterns)));
        }
        if let Some(select) = &self.select {
            fields.insert(FieldPath::of("select"), Field::Plain(json!(select)));
        }
        if let Some(schema) = &self.load_schema {
            fields.insert(FieldPath::of("load_schema"), Field::Plain(json!(schema)));
        }
        fields
    }
}

impl Entry {
    /// Returns the desired entry of an integration. Jobs and schedules are those of the default environment, because
    /// Meltano does not distinguish them by environment.
    #[must_use]
    pub fn of(
        integration: &Integration,
        definition: Arc<PluginDefinition>,
        all: &Integrations,
        settings: &ProjectSettings,
    ) -> Self {
        let default = integration.at(&settings.default_environment);
        let base = Setup::of(integration, None, all);
        let overlay = |environment: &EnvironmentName| {
            let differing = Setup::of(integration, Some(environment), all).differing_from(&base);
            (!differing.is_empty()).then(|| (environment.clone(), differing))
        };
        let loader = default.loader.as_ref().filter(|_| default.enabled).and_then(|loader| all.find(loader.as_str()));
        let schedule = default.schedule.as_ref().filter(|_| loader.is_some());
        // The template writes the jobs of an imported plugin; a schedule from its file needs one more job.
        let loader = loader.filter(|_| integration.plugin.is_none() || schedule.is_some());
        let (origin, definition) = match &integration.plugin {
            None => (Origin::Made, definition),
            Some(name) => (Origin::Imported, Arc::new(PluginDefinition::named(name))),
        };
        Self {
            slug: integration.slug.clone(),
            role: integration.role(),
            protect: integration.protect,
            choices: integration.choices.as_ref().map(|choices| choices.value.clone()).unwrap_or_default(),
            plugin: integration.plugin_name(),
            origin,
            definition,
            environments: environments(integration, all).into_iter().filter_map(overlay).collect(),
            base,
            loader: loader.map(|loader| loader.plugin_name()),
            mappers: default.mappers.clone(),
            interval: schedule.map(ToString::to_string),
        }
    }

    /// Returns the id under which `meltano run` keeps its state; `None` if it has no job.
    #[must_use]
    pub fn state_id(&self, environment: &EnvironmentName) -> Option<String> {
        Some(state_id(environment, &self.plugin, self.loader.as_ref()?))
    }

    /// Returns the streams that it reads in an environment, as `select` names them; `*` if it reads all.
    #[must_use]
    pub fn streams(&self, environment: &EnvironmentName) -> BTreeSet<String> {
        let over = self.environments.get(environment).and_then(|setup| setup.select.as_ref());
        let select = over.or(self.base.select.as_ref());
        let patterns = select.into_iter().flatten().filter(|pattern| !pattern.starts_with('!'));
        let plain = |pattern: &'_ String| plain(pattern).map_or_else(|| pattern.clone(), Cow::into_owned);
        let streams: BTreeSet<String> = patterns.map(|pattern| stream_part(&plain(pattern)).to_owned()).collect();
        if streams.is_empty() { BTreeSet::from(["*".to_owned()]) } else { streams }
    }

    /// Returns the entry as it applies in one environment.
    #[must_use]
    pub fn within(&self, environment: &EnvironmentName) -> Self {
        let base = match self.environments.get(environment) {
            Some(over) => self.base.clone().overlaid(over),
            None => self.base.clone(),
        };
        Self { base, environments: BTreeMap::new(), ..self.clone() }
    }

    /// Tells whether a setting is a secret in plain text. spile never writes one, but someone else may have.
    fn is_secret(&self, name: &str, text: &str) -> bool {
        let settings = self.definition.get("settings").and_then(Value::as_array).into_iter().flatten();
        let declared = settings.into_iter().find(|setting| setting["name"] == name);
        let is_secret = declared.map_or_else(|| secrecy::is_name(name), |setting| setting["sensitive"] == true);
        is_secret && !text.is_empty() && !has_variable(text)
    }

    /// Returns the name of the base plugin.
    #[must_use]
    pub fn base_plugin(&self) -> &str {
        self.definition.name()
    }
}

/// Returns the environments in which an integration may differ: those of its overlays, and of its loader's overlays if
/// the loader follows the schemas of its extractors.
fn environments<'a>(integration: &'a Integration, all: &'a Integrations) -> BTreeSet<&'a EnvironmentName> {
    let declared = integration.overlays.values().chain([&integration.base]);
    let loaders = declared.filter_map(|declared| divided_loader(declared, all));
    let of_loaders: Vec<&EnvironmentName> = loaders.flat_map(|loader| loader.overlays.keys()).collect();
    integration.overlays.keys().chain(of_loaders).collect()
}

fn divided_loader<'a>(declaration: &Declaration, all: &'a Integrations) -> Option<&'a Integration> {
    let loader = declaration.loader.as_ref().filter(|loader| all.is_divided(loader))?;
    all.find(loader.as_str()).map(AsRef::as_ref)
}

/// Returns the extractor's schema: its own, or else the loader's if the loader follows the schemas of its extractors.
fn load_schema(declaration: &Declaration, environment: Option<&EnvironmentName>, all: &Integrations) -> Option<String> {
    let of_loader = || {
        let loader = divided_loader(declaration, all)?;
        let settings = LoaderSettings { connector: &loader.connector, declaration: loader.declared(environment) };
        settings.text(schema_setting(&loader.connector)?).map(str::to_owned)
    };
    declaration.load.schema.as_ref().map(|schema| escaped(schema).into_owned()).or_else(of_loader)
}

/// Returns the secrets of a plugin whose definition may not list them, as references to variables that a run sets.
/// Meltano reads a variable only if it knows the setting.
fn references(plugin: &str, declaration: &Declaration) -> Settings {
    let names = declaration.secrets.iter().flat_map(|secrets| &secrets.names);
    names.map(|name| (name.clone(), json!(format!("${{{}}}", environment_variable(plugin, name))))).collect()
}

impl Record for Entry {
    const TARGET: Target = Target::MeltanoFile;
    type Document = String;

    fn slug(&self) -> &Slug {
        &self.slug
    }

    fn kind(&self) -> &str {
        self.base_plugin()
    }

    fn title(&self) -> &str {
        &self.plugin
    }

    fn fields(&self) -> Fields {
        let is_secret = |name: &str, text: &str| self.is_secret(name, text);
        let mut fields = self.base.fields(is_secret);
        for (environment, setup) in &self.environments {
            let differing = setup.fields(is_secret).into_iter();
            fields.extend(differing.map(|(path, field)| (path.in_environment(environment), field)));
        }
        spread(&mut fields, &FieldPath::of("plugin"), self.definition.iter());
        fields.insert(FieldPath::of("name"), Field::Plain(json!(self.plugin)));
        let optional = [("loader", &self.loader), ("schedule", &self.interval)];
        let written = optional
            .into_iter()
            .filter_map(|(key, value)| Some((FieldPath::of(key), Field::Plain(json!(value.as_ref()?)))));
        fields.extend(written);
        if !self.mappers.is_empty() {
            fields.insert(FieldPath::of("mappers"), Field::Plain(json!(self.mappers)));
        }
        let Choices { forward_only, backfill } = &self.choices;
        if !forward_only.is_empty() {
            fields.insert(FieldPath::of("forward_only"), Field::Plain(json!(forward_only)));
        }
        if !backfill.is_empty() {
            fields.insert(FieldPath::of("backfill"), Field::Plain(json!(backfill)));
        }
        if self.protect {
            fields.insert(FieldPath::of("protect"), Field::Plain(json!(true)));
        }
        fields
    }
}

/// Returns the id under which `meltano run` keeps the state of an extractor with a loader.
#[must_use]
pub fn state_id(environment: &EnvironmentName, extractor: &str, loader: &str) -> String {
    format!("{environment}:{extractor}-to-{loader}")
}

/// The suffix of the state id of backfills, so that they never touch the live bookmarks: Meltano's `--state-id-suffix`.
pub const BACKFILL: &str = "backfill";

/// Returns the id under which backfills keep their state beside the live one.
#[must_use]
pub fn backfill_state_id(live: &str) -> String {
    format!("{live}:{BACKFILL}")
}
