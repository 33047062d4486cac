//! Integrations: what each file under `integrations/` declares, checked against its connector.

pub mod batch;
pub mod check;
pub mod choice;
pub mod draft;
pub mod field;
mod file_name;
pub mod keys;
pub mod load;
pub mod merge;
mod pair;
pub mod rewrite;
pub mod rotated;
pub mod schedule;
mod schema;
pub mod secrets;
pub mod select;
pub mod streams;
pub mod timetable;
pub mod timing;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexSet;
use serde_json::Value;

use self::select::{Glob, MetadataKey};
use crate::connector::{Connector, Role};
use crate::name::{EnvironmentName, IntegrationId, Slug};
use crate::source::Placed;
use crate::value::Settings;

pub use choice::Choices;
pub use draft::Draft;
pub use file_name::FileName;
pub use load::Load;
pub use schedule::Schedule;
pub use schema::{Aspect, Reaction, SchemaRules};
pub use secrets::Secrets;
pub use timetable::{Tick, TicksAround, Timetable};
pub use timing::{CatchUp, Timing};

/// The integration that a file and its overlays declare.
#[derive(Debug, Clone)]
pub struct Integration {
    /// Its id, which stays the same when the file is renamed.
    pub id: IntegrationId,
    /// The stem of its file.
    pub slug: Slug,
    /// Its file, relative to the project.
    pub path: PathBuf,
    /// Its connector: the file's `type`.
    pub connector: Arc<Connector>,
    /// The name of its plugin if the project's template defines the plugin.
    pub plugin: Option<String>,
    /// Whether apply must never delete it.
    pub protect: bool,
    /// What happens to rows that are already loaded, when a change concerns them.
    pub choices: Option<Placed<Choices>>,
    /// What it declares for environments without an overlay.
    pub base: Declaration,
    /// What it declares for each environment with an overlay, merged with the base.
    pub overlays: BTreeMap<EnvironmentName, Declaration>,
}

impl Integration {
    /// Returns what it declares for an environment.
    #[must_use]
    pub fn at(&self, environment: &EnvironmentName) -> &Declaration {
        self.overlays.get(environment).unwrap_or(&self.base)
    }

    /// Returns what a file of it declares: the overlay of an environment, or for `None` the base file.
    #[must_use]
    pub fn declared(&self, environment: Option<&EnvironmentName>) -> &Declaration {
        environment.map_or(&self.base, |environment| self.at(environment))
    }

    /// Returns the path of its overlay for an environment, which need not exist.
    #[must_use]
    pub fn overlay_path(&self, environment: &EnvironmentName) -> PathBuf {
        self.path.with_extension(format!("{environment}.toml"))
    }

    /// Returns the name of its plugin in Meltano: `<plugin>--<slug>`, or the name in its file.
    #[must_use]
    pub fn plugin_name(&self) -> String {
        self.plugin.clone().unwrap_or_else(|| self.connector.plugin_name(&self.slug))
    }

    /// Tells whether its tap keeps no state, so that every run reads everything again. Unknown capabilities count as
    /// keeping it.
    #[must_use]
    pub fn forgets(&self) -> bool {
        let can = &self.connector.plugin.capabilities;
        self.role() == Role::Extractor && !can.is_empty() && can.iter().all(|one| one != "state")
    }

    /// Returns its side of the pipeline.
    #[must_use]
    pub fn role(&self) -> Role {
        self.connector.head.role
    }
}

/// The desired state of an integration in one environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// Its name for people.
    pub name: String,
    /// Its purpose.
    pub description: Option<String>,
    /// Whether it is scheduled, tested and synced.
    pub enabled: bool,
    /// The loader that its records go to.
    pub loader: Option<Slug>,
    /// The mappers that its records pass through on the way, by their names in Meltano's tasks.
    pub mappers: Vec<String>,
    /// How its records are loaded.
    pub load: Load,
    /// How a run reacts to changes in its source.
    pub schema: SchemaRules,
    /// When it is synced.
    pub schedule: Option<Schedule>,
    /// How its schedule is kept. Not part of `meltano.yml`.
    pub timing: Timing,
    /// Which streams and fields are read, as Meltano's `select`.
    pub select: IndexSet<String>,
    /// How many processes read its streams side by side; `None` leaves it to the project. Not part of `meltano.yml`.
    pub streams: Option<u16>,
    /// Whether its records pass in batches; `None` leaves it to the project. Not part of `meltano.yml`.
    pub batch: Option<bool>,
    /// Replication metadata by stream, as Meltano's `metadata`.
    pub metadata: serde_json::Map<String, Value>,
    /// Words to find and group it by.
    pub tags: BTreeSet<String>,
    /// The values of its settings.
    pub config: Settings,
    /// Its secret settings, encrypted.
    pub secrets: Option<Arc<Secrets>>,
}

impl Declaration {
    /// Returns the replication key that `metadata` sets for a stream.
    #[must_use]
    pub fn replication_key(&self, stream: &str) -> Option<&str> {
        self.of_stream(stream, "replication-key")
    }

    /// Returns the replication method that `metadata` sets for a stream.
    #[must_use]
    pub fn replication_method(&self, stream: &str) -> Option<&str> {
        self.of_stream(stream, "replication-method")
    }

    /// Returns what `metadata` sets for a stream; the last rule that matches wins.
    fn of_stream(&self, stream: &str, what: &str) -> Option<&str> {
        let is_of = |key: &str| {
            let key = MetadataKey::parse(key);
            key.field.is_none() && Glob::from(key.stream).matches(stream)
        };
        let keys = self.metadata.iter().filter(|(key, _)| is_of(key)).filter_map(|(_, rule)| rule.get(what));
        keys.filter_map(Value::as_str).next_back()
    }
}

/// All integrations of a project, by id and by name.
#[derive(Debug, Clone, Default)]
pub struct Integrations {
    by_id: BTreeMap<IntegrationId, Arc<Integration>>,
    by_slug: BTreeMap<Slug, IntegrationId>,
    /// The loaders for which an integration chooses a schema.
    divided: BTreeSet<Slug>,
}

impl Integrations {
    /// Returns the integration with a slug.
    #[must_use]
    pub fn find(&self, slug: &str) -> Option<&Arc<Integration>> {
        self.get(self.by_slug.get(slug)?)
    }

    /// Returns the integration with an id.
    #[must_use]
    pub fn get(&self, id: &IntegrationId) -> Option<&Arc<Integration>> {
        self.by_id.get(id)
    }

    /// Returns all of them, sorted by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Integration>> {
        self.by_id.values()
    }

    /// Returns all of them, sorted by slug.
    pub fn by_slug(&self) -> impl Iterator<Item = &Arc<Integration>> {
        self.by_slug.values().filter_map(|id| self.get(id))
    }

    /// Tells whether a loader writes each extractor's records to a separate schema, because an extractor asks for it.
    #[must_use]
    pub fn is_divided(&self, loader: &Slug) -> bool {
        self.divided.contains(loader)
    }

    /// Returns those for which `keep` returns `true`.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&Integration) -> bool) -> Self {
        self.iter().filter(|integration| keep(integration)).cloned().collect()
    }
}

impl FromIterator<Arc<Integration>> for Integrations {
    fn from_iter<I: IntoIterator<Item = Arc<Integration>>>(iter: I) -> Self {
        // They usually arrive sorted by name, and a map is built faster from sorted items.
        let all: Vec<Arc<Integration>> = iter.into_iter().collect();
        let by_slug = all.iter().map(|integration| (integration.slug.clone(), integration.id)).collect();
        let declared = |one: &Arc<Integration>| {
            let all = one.overlays.values().chain([&one.base]).filter(|declared| one.divides(declared));
            all.filter_map(|declared| declared.loader.clone()).collect::<Vec<_>>()
        };
        let divided = all.iter().flat_map(declared).collect();
        Self { by_id: all.into_iter().map(|integration| (integration.id, integration)).collect(), by_slug, divided }
    }
}

#[cfg(test)]
pub(crate) mod tests;
