//! The inputs of `meltano.yml` templates. Items of long lists are created when a template reaches them: it takes them
//! one by one, and all of them at once would take more memory than everything else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr, Serde};
use serde::Serialize;
use serde_json::{Map, json};

use super::{Head, MARKER, Purpose};
use crate::integration::Choices;
use crate::name::{EnvironmentName, IntegrationId, Slug};
use crate::plan::State;
use crate::record::Entry;
use crate::record::entry::{Origin, Setup};

/// The inputs of a template.
#[derive(Serialize)]
pub(super) struct Values<'a> {
    marker: &'static str,
    /// Whether the file is for one run instead of the project.
    run: bool,
    default_environment: &'a EnvironmentName,
    environments: Vec<serde_json::Value>,
    /// The setups by environment and list.
    overlays: BTreeMap<&'a EnvironmentName, BTreeMap<&'static str, Vec<serde_json::Value>>>,
    plugins: BTreeMap<&'static str, Plugins>,
    /// The same, with both lists even if they are empty.
    made: BTreeMap<&'static str, Plugins>,
    /// The plugins that the template itself defines, by list and name.
    imported: BTreeMap<&'static str, BTreeMap<&'a str, Value>>,
    jobs: Value,
    schedules: Value,
}

#[derive(Serialize, Clone)]
struct Plugins {
    base: Value,
    inheriting: Value,
}

impl Plugins {
    fn none() -> Self {
        let none = Value::from(Vec::<Value>::new());
        Self { base: none.clone(), inheriting: none }
    }
}

/// An entry with its id.
type IdentifiedEntry = (IntegrationId, Arc<Entry>);

/// Entries in the order of the file.
type Sorted = [IdentifiedEntry];

/// A list whose items are created on demand.
#[derive(Debug)]
struct LazyList {
    of: Vec<IdentifiedEntry>,
    make: fn(&IdentifiedEntry) -> Value,
}

impl LazyList {
    fn value(of: Vec<IdentifiedEntry>, make: fn(&IdentifiedEntry) -> Value) -> Value {
        Value::from_object(Self { of, make })
    }
}

impl Object for LazyList {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.of.get(key.as_usize()?).map(self.make)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.of.len())
    }
}

impl<'a> Values<'a> {
    pub(super) fn of(head: &'a Head, entries: &'a State<Entry>) -> Self {
        let mut sorted: Vec<IdentifiedEntry> = entries.shared().map(|(id, entry)| (*id, entry.clone())).collect();
        sorted.sort_by(|a, b| a.1.slug.cmp(&b.1.slug));
        let plugins = plugins(&sorted);
        let mut imported = BTreeMap::from(LISTS.map(|list| (list, BTreeMap::new())));
        for (id, entry) in entries.iter().filter(|(_, entry)| entry.origin == Origin::Imported) {
            imported.entry(entry.role.plural()).or_default().insert(entry.plugin.as_str(), plugin(*id, entry));
        }
        let mut made = plugins.clone();
        for list in LISTS {
            made.entry(list).or_insert_with(Plugins::none);
        }
        let (jobs, schedules) = jobs_and_schedules(&sorted);
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

/// Returns the plugins that spile defines: each definition once, and the plugins that inherit from it.
fn plugins(sorted: &Sorted) -> BTreeMap<&'static str, Plugins> {
    let made = |(_, entry): &&IdentifiedEntry| entry.origin == Origin::Made;
    let list = |list: &'static str| {
        let inheriting: Vec<IdentifiedEntry> =
            sorted.iter().filter(made).filter(|(_, entry)| entry.role.plural() == list).cloned().collect();
        let bases: BTreeMap<&str, &Map<_, _>> =
            inheriting.iter().map(|(_, entry)| (entry.base_plugin(), &**entry.definition)).collect();
        let base = Value::from(Serde(bases.into_values().collect::<Vec<_>>()));
        (!inheriting.is_empty()).then(|| {
            let inheriting = LazyList::value(inheriting, |(id, entry)| plugin(*id, entry));
            (list, Plugins { base, inheriting })
        })
    };
    LISTS.into_iter().filter_map(list).collect()
}

/// A plugin as templates see it.
#[derive(Serialize)]
struct PluginValue<'a> {
    name: &'a str,
    inherit_from: &'a str,
    annotations: Annotations<'a>,
    #[serde(flatten)]
    setup: &'a Setup,
}

#[derive(Serialize)]
struct Annotations<'a> {
    spile: Mark<'a>,
}

/// Marks a plugin as an integration's. The fields are written in this order.
#[derive(Serialize)]
struct Mark<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    backfill: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    forward_only: &'a BTreeSet<String>,
    id: IntegrationId,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    imported: bool,
    /// Whether spile sets the `load_schema` of an imported plugin. Otherwise, the template may set its own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    load_schema: bool,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    mappers: &'a [String],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    protect: bool,
    slug: &'a Slug,
}

fn plugin(id: IntegrationId, entry: &Entry) -> Value {
    let (protect, imported) = (entry.protect, entry.origin == Origin::Imported);
    let says_schema = |setup: &Setup| setup.load_schema.is_some();
    let load_schema = imported && (says_schema(&entry.base) || entry.environments.values().any(says_schema));
    let Choices { forward_only, backfill } = &entry.choices;
    let spile =
        Mark { backfill, forward_only, id, imported, load_schema, mappers: &entry.mappers, protect, slug: &entry.slug };
    Value::from(Serde(PluginValue {
        name: &entry.plugin,
        inherit_from: entry.base_plugin(),
        annotations: Annotations { spile },
        setup: &entry.base,
    }))
}

fn jobs_and_schedules(sorted: &Sorted) -> (Value, Value) {
    let job = |(_, entry): &IdentifiedEntry| {
        let steps = std::iter::once(&entry.plugin).chain(&entry.mappers).chain(&entry.loader);
        let task = steps.map(String::as_str).collect::<Vec<_>>().join(" ");
        Value::from(Serde(BTreeMap::from([("name", entry.slug.to_string()), ("task", task)])))
    };
    let schedule = |(_, entry): &IdentifiedEntry| {
        let (slug, interval) = (entry.slug.as_str(), entry.interval.as_deref().unwrap_or_default());
        Value::from(Serde(BTreeMap::from([("name", slug), ("interval", interval), ("job", slug)])))
    };
    let jobs: Vec<IdentifiedEntry> = sorted.iter().filter(|(_, entry)| entry.loader.is_some()).cloned().collect();
    let scheduled = jobs.iter().filter(|(_, entry)| entry.interval.is_some()).cloned().collect();
    (LazyList::value(jobs, job), LazyList::value(scheduled, schedule))
}

fn environment(name: &EnvironmentName, entries: &Sorted) -> serde_json::Value {
    let mut plugins = overlays(name, entries);
    plugins.retain(|_, overlays| !overlays.is_empty());
    json!({"name": name, "plugins": plugins})
}

/// Returns the setups of an environment, with both lists even if they are empty.
fn overlays(name: &EnvironmentName, entries: &Sorted) -> BTreeMap<&'static str, Vec<serde_json::Value>> {
    let mut plugins = BTreeMap::from(LISTS.map(|list| (list, Vec::new())));
    for (_, entry) in entries {
        let Some(Setup { config, select, metadata, load_schema }) = entry.environments.get(name) else { continue };
        let mut overlay = json!({"name": entry.plugin, "config": config, "select": select, "metadata": metadata});
        if let Some(schema) = load_schema {
            overlay["load_schema"] = json!(schema);
        }
        plugins.entry(entry.role.plural()).or_default().push(overlay);
    }
    plugins
}
