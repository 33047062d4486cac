//! Integrations: what each file under `integrations/` declares, checked against its connector.

pub mod check;
pub mod draft;
pub mod field;
mod file_name;
pub mod keys;
pub mod load;
pub mod merge;
pub mod rewrite;
pub mod schedule;
mod schema;
pub mod secrets;
pub mod select;
pub mod timetable;
pub mod timing;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexSet;
use serde_json::Value;

use crate::connector::{Connector, Role};
use crate::name::{EnvironmentName, IntegrationId, Slug};
use crate::value::Settings;

pub use draft::Draft;
pub use file_name::FileName;
pub use load::Load;
pub use schedule::Schedule;
pub use schema::{Aspect, Reaction, SchemaRules};
pub use secrets::Secrets;
pub use timetable::{Tick, Timetable};
pub use timing::{CatchUp, Timing};

/// What one file, with its overlays, declares.
#[derive(Debug, Clone)]
pub struct Integration {
    /// What stays the same when the file is renamed.
    pub id: IntegrationId,
    /// The stem of its file.
    pub slug: Slug,
    /// Its file, relative to the project.
    pub path: PathBuf,
    /// Its connector: what the file calls `type`.
    pub connector: Arc<Connector>,
    /// What its plugin is called, where the project's template defines it.
    pub plugin: Option<String>,
    /// Never deleted by apply.
    pub protect: bool,
    /// What holds where no overlay says otherwise.
    pub base: Declaration,
    /// What holds in the environments that have an overlay, the base included.
    pub overlays: BTreeMap<EnvironmentName, Declaration>,
}

impl Integration {
    /// Returns what holds in an environment.
    #[must_use]
    pub fn at(&self, environment: &EnvironmentName) -> &Declaration {
        self.overlays.get(environment).unwrap_or(&self.base)
    }

    /// Returns the name of its plugin in Meltano: `<plugin>--<slug>`, or the one that its file names.
    #[must_use]
    pub fn plugin_name(&self) -> String {
        self.plugin.clone().unwrap_or_else(|| self.connector.plugin_name(&self.slug))
    }

    /// Tells whether its tap keeps no bookmark, so that every run reads everything again. Of a tap whose definition says
    /// nothing of what it can do, that is not known.
    #[must_use]
    pub fn forgets(&self) -> bool {
        let can = &self.connector.plugin.capabilities;
        self.role() == Role::Extractor && !can.is_empty() && can.iter().all(|one| one != "state")
    }

    /// Returns which side of a pipeline it is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.connector.head.role
    }
}

/// What an integration is to be in one environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether it is scheduled, tested and synced.
    pub enabled: bool,
    /// The loader its records go to.
    pub loader: Option<Slug>,
    /// The mappers that they go through on the way there, by the names that Meltano's tasks call them by.
    pub mappers: Vec<String>,
    /// How they land there.
    pub load: Load,
    /// What a run does about changes in what the source offers.
    pub schema: SchemaRules,
    /// When it is synced.
    pub schedule: Option<Schedule>,
    /// How the schedule is kept; `meltano.yml` says nothing of it.
    pub timing: Timing,
    /// Which streams and fields are read, as Meltano's `select`.
    pub select: IndexSet<String>,
    /// Replication metadata by stream, as Meltano's `metadata`.
    pub metadata: serde_json::Map<String, Value>,
    /// Words to find and group it by.
    pub tags: BTreeSet<String>,
    /// The values of its settings.
    pub config: Settings,
    /// Those of its settings that are secret, encrypted.
    pub secrets: Option<Arc<Secrets>>,
}

/// All integrations of a project, by id and by name.
#[derive(Debug, Clone, Default)]
pub struct Integrations {
    by_id: BTreeMap<IntegrationId, Arc<Integration>>,
    by_slug: BTreeMap<Slug, IntegrationId>,
    /// The loaders in which an integration chooses its schema.
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

    /// Tells whether a loader writes each extractor's records to a schema of its own, because one of them asks for it.
    #[must_use]
    pub fn is_divided(&self, loader: &Slug) -> bool {
        self.divided.contains(loader)
    }

    /// Returns those that `keep` says.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&Integration) -> bool) -> Self {
        self.iter().filter(|integration| keep(integration)).cloned().collect()
    }
}

impl FromIterator<Arc<Integration>> for Integrations {
    fn from_iter<I: IntoIterator<Item = Arc<Integration>>>(iter: I) -> Self {
        // Mostly they come in the order of their names, and what is sorted makes a map at once.
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
