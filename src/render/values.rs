//! What templates of `meltano.yml` are given.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Head, MARKER, Purpose};
use crate::name::{EnvironmentName, IntegrationId};
use crate::plan::State;
use crate::record::Entry;
use crate::record::entry::{Origin, Setup};

/// What a template is given.
#[derive(Serialize)]
pub(super) struct Values<'a> {
    marker: &'static str,
    /// Whether the file is for one run and not for the project.
    run: bool,
    default_environment: &'a EnvironmentName,
    environments: Vec<Value>,
    /// Setups by environment and list.
    overlays: BTreeMap<&'a EnvironmentName, BTreeMap<&'static str, Vec<Value>>>,
    plugins: BTreeMap<&'static str, Plugins<'a>>,
    /// The same, with both lists also where they are empty.
    made: BTreeMap<&'static str, Plugins<'a>>,
    /// What the template itself defines, by list and name.
    imported: BTreeMap<&'static str, BTreeMap<&'a str, Value>>,
    jobs: Vec<Value>,
    schedules: Vec<Value>,
}

#[derive(Serialize, Default, Clone)]
struct Plugins<'a> {
    base: Vec<&'a Map<String, Value>>,
    inheriting: Vec<Value>,
}

/// Entries in the order of the file.
type Sorted<'a> = [(&'a Entry, IntegrationId)];

impl<'a> Values<'a> {
    pub(super) fn of(head: &'a Head, entries: &'a State<Entry>) -> Self {
        let mut sorted: Vec<_> = entries.iter().map(|(id, entry)| (entry, *id)).collect();
        sorted.sort_by(|a, b| a.0.slug.cmp(&b.0.slug));
        let plugins = plugins(&sorted);
        let mut imported = BTreeMap::from(LISTS.map(|list| (list, BTreeMap::new())));
        for (entry, id) in sorted.iter().filter(|(entry, _)| entry.origin == Origin::Imported) {
            imported.entry(entry.role.plural()).or_default().insert(entry.plugin.as_str(), plugin(entry, *id));
        }
        let (jobs, schedules) = jobs_and_schedules(&sorted);
        let mut made = plugins.clone();
        for list in LISTS {
            made.entry(list).or_default();
        }
        Self {
            marker: MARKER,
            run: head.purpose == Purpose::Run,
            default_environment: &head.default_environment,
            environments: head.environments.iter().map(|name| environment(name, &sorted)).collect(),
            overlays: head.environments.iter().map(|name| (name, overlays(name, &sorted))).collect(),
            plugins,
            made,
            imported,
            jobs,
            schedules,
        }
    }
}

/// The keys of `plugins` that spile knows.
const LISTS: [&str; 2] = ["extractors", "loaders"];

/// Returns what is rendered as a plugin of its own: definitions, each once, and what inherits from them.
fn plugins<'a>(sorted: &Sorted<'a>) -> BTreeMap<&'static str, Plugins<'a>> {
    let mut plugins: BTreeMap<&'static str, Plugins<'a>> = BTreeMap::new();
    let mut bases: BTreeMap<(&'static str, &str), &Map<String, Value>> = BTreeMap::new();
    for (entry, id) in sorted.iter().filter(|(entry, _)| entry.origin == Origin::Made) {
        let list = entry.role.plural();
        bases.insert((list, entry.base_plugin()), &entry.definition);
        plugins.entry(list).or_default().inheriting.push(plugin(entry, *id));
    }
    for ((list, _), definition) in bases {
        plugins.entry(list).or_default().base.push(definition);
    }
    plugins
}

fn plugin(entry: &Entry, id: IntegrationId) -> Value {
    let mut mark = json!({"id": id, "slug": entry.slug});
    if entry.protect {
        mark["protect"] = json!(true);
    }
    if entry.origin == Origin::Imported {
        mark["imported"] = json!(true);
    }
    json!({
        "name": entry.plugin,
        "inherit_from": entry.base_plugin(),
        "annotations": {"spile": mark},
        "config": entry.base.config,
        "select": entry.base.select,
        "metadata": entry.base.metadata,
    })
}

fn jobs_and_schedules(sorted: &Sorted<'_>) -> (Vec<Value>, Vec<Value>) {
    let (mut jobs, mut schedules) = (Vec::new(), Vec::new());
    for (entry, _) in sorted {
        let Some(loader) = &entry.loader else { continue };
        jobs.push(json!({"name": entry.slug, "task": format!("{} {loader}", entry.plugin)}));
        let interval = entry.interval.as_ref();
        schedules.extend(interval.map(|interval| json!({"name": entry.slug, "interval": interval, "job": entry.slug})));
    }
    (jobs, schedules)
}

fn environment(name: &EnvironmentName, entries: &Sorted<'_>) -> Value {
    let mut plugins = overlays(name, entries);
    plugins.retain(|_, overlays| !overlays.is_empty());
    json!({"name": name, "plugins": plugins})
}

/// Returns the setups of an environment, in both lists also where they are empty.
fn overlays(name: &EnvironmentName, entries: &Sorted<'_>) -> BTreeMap<&'static str, Vec<Value>> {
    let mut plugins = BTreeMap::from(LISTS.map(|list| (list, Vec::new())));
    for (entry, _) in entries {
        let Some(Setup { config, select, metadata }) = entry.environments.get(name) else { continue };
        let overlay = json!({"name": entry.plugin, "config": config, "select": select, "metadata": metadata});
        plugins.entry(entry.role.plural()).or_default().push(overlay);
    }
    plugins
}
