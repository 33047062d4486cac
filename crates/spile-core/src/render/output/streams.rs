//! The streams of integrations and the tables that they are loaded into, for outputs that list them.
//!
//! Only files in git count, so that everybody renders the same text: the contract of an integration, or else the streams
//! that `select` names exactly. What `spile discover` remembers differs from one machine to the next.

use std::collections::BTreeMap;
use std::path::PathBuf;

use indexmap::IndexSet;
use serde::{Deserialize, Serialize};

use crate::connector::naming::NamingSettings;
use crate::discovered::tables::Writer;
use crate::discovered::{Contract, Rules, Stream, contract};
use crate::integration::load::LoaderSettings;
use crate::integration::select::Pattern;
use crate::integration::{Integration, Integrations};
use crate::name::EnvironmentName;

/// The contracts of a project, by their paths.
pub type Contracts = BTreeMap<PathBuf, Contract>;

/// The column in which loaders write when they loaded a row.
const LOADED_AT: &str = "_sdc_batched_at";

/// The setting that adds columns about the load, in Meltano's SDK.
const SDK_COLUMNS: &str = "add_record_metadata";

/// The setting that adds columns about the load, in `PipelineWise` and its descendants.
const PIPELINEWISE_COLUMNS: &str = "add_metadata_columns";

/// A setting that adds them too, where [`PIPELINEWISE_COLUMNS`] exists.
const PIPELINEWISE_DELETES: &str = "hard_delete";

/// A stream that an integration reads, and its table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedStream {
    /// The stream.
    pub name: String,
    /// The schema of its table; `None` if it depends on the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Its table; `None` if the loader writes files, or does not say how it names tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
}

/// The streams that an integration reads, as far as the files say.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// The streams; empty if they are not known.
    pub(super) streams: Vec<LoadedStream>,
    /// The column that contains when a row was loaded.
    pub(super) loaded_at: Option<String>,
}

impl Loaded {
    /// Returns what an integration reads in an environment.
    pub(super) fn of(
        integration: &Integration,
        all: &Integrations,
        environment: &EnvironmentName,
        contracts: &Contracts,
    ) -> Self {
        let known = known(integration, environment, contracts);
        let loader = integration.at(environment).loader.as_ref().and_then(|slug| all.find(slug.as_str()));
        let Some(loader) = loader else { return Self::default() };
        let makes_tables = loader.connector.naming.as_ref().is_some_and(|naming| naming.file.is_none());
        if !makes_tables {
            let streams = known.into_iter().map(|stream| LoadedStream { name: stream.name, schema: None, table: None });
            return Self { streams: streams.collect(), loaded_at: None };
        }
        let writer = Writer { integration, loader, environment, streams: None, is_other: false };
        let placed = |stream: Stream| {
            let placement = writer.place(stream.sent());
            let (schema, table) = placement.map_or((None, None), |one| (one.schema, Some(one.table)));
            LoadedStream { name: stream.name, schema, table }
        };
        Self { streams: known.into_iter().map(placed).collect(), loaded_at: loaded_at(loader, environment) }
    }
}

/// Returns the streams that an integration reads; none if the files do not say which.
fn known(integration: &Integration, environment: &EnvironmentName, contracts: &Contracts) -> Vec<Stream> {
    let declared = integration.at(environment);
    let accepted = contracts.get(&contract::path(&integration.slug, environment)).map(Contract::offered);
    let offered = accepted.unwrap_or_else(|| named(&declared.select));
    let rules = Rules::of(integration, declared);
    offered.into_iter().filter(|stream| rules.take(stream).0.is_read()).collect()
}

/// Returns the streams that patterns name; none if one of the patterns may stand for several.
fn named(select: &IndexSet<String>) -> Vec<Stream> {
    let patterns = select.iter().filter(|pattern| !pattern.starts_with('!'));
    let names: Option<IndexSet<String>> = patterns.map(|pattern| Pattern::parse(pattern).stream.literal()).collect();
    names.into_iter().flatten().map(|name| Stream::named(&name)).collect()
}

/// Returns the column that contains when a row was loaded; `None` if the loader writes none, or does not say so.
fn loaded_at(loader: &Integration, environment: &EnvironmentName) -> Option<String> {
    let settings = LoaderSettings::of(loader, environment);
    let is_on = |name: &str| settings.value(name).and_then(serde_json::Value::as_bool) == Some(true);
    let has = |name: &str| loader.connector.settings.iter().any(|setting| setting.name == name);
    let deletes = has(PIPELINEWISE_COLUMNS) && is_on(PIPELINEWISE_DELETES);
    (is_on(SDK_COLUMNS) || is_on(PIPELINEWISE_COLUMNS) || deletes).then(|| LOADED_AT.to_owned())
}
