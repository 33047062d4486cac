//! The desired contents of both targets, according to the files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::State;
use crate::connector::{Connector, Role};
use crate::integration::{Integration, Integrations};
use crate::name::{EnvironmentName, Slug};
use crate::record::{Entry, PluginDefinition, Row};
use crate::settings::ProjectSettings;

/// The desired contents of both targets.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The registry.
    pub registry: State<Row>,
    /// `meltano.yml`
    pub meltano: State<Entry>,
    /// Integrations that stay only because they are protected.
    pub protected: BTreeSet<Slug>,
}

/// Returns the rows that the files declare in an environment. Only extractors have rows.
#[must_use]
pub fn rows(integrations: &Integrations, environment: &EnvironmentName) -> State<Row> {
    let extractors: Vec<_> = integrations.iter().filter(|one| one.role() == Role::Extractor).collect();
    let rows: Vec<_> = extractors.into_par_iter().map(|one| (one.id, Arc::new(Row::of(one, environment)))).collect();
    rows.into_iter().collect()
}

/// Returns the entries that the files declare. They contain the differences between environments.
#[must_use]
pub fn entries(integrations: &Integrations, settings: &ProjectSettings) -> State<Entry> {
    let connector = |one: &Arc<Integration>| ((one.role(), one.connector.head.name.clone()), one.connector.clone());
    let connectors: BTreeMap<_, _> = integrations.iter().map(connector).collect();
    let define = |(key, connector): (_, Arc<Connector>)| (key, Arc::new(PluginDefinition::of(&connector)));
    let definitions: BTreeMap<_, _> = connectors.into_iter().map(define).collect();
    let entry = |one: &Arc<Integration>| {
        let definition = definitions.get(&(one.role(), one.connector.head.name.clone())).cloned();
        let definition = definition.unwrap_or_else(|| Arc::new(PluginDefinition::of(&one.connector)));
        (one.id, Arc::new(Entry::of(one, definition, integrations, settings)))
    };
    let all: Vec<_> = integrations.iter().collect();
    let entries: Vec<_> = all.into_par_iter().map(entry).collect();
    entries.into_iter().collect()
}
