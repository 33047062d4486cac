//! Reads entries back from the text of a `meltano.yml`.

mod document;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::MARKER;
use super::steps::{self, Job as Steps};
use crate::connector::Role;
use crate::name::EnvironmentName;
use crate::plan::State;
use crate::record::entry::{Origin, Setup};
use crate::record::{Entry, PluginDefinition};
use crate::yaml;
use document::{Document, Environment, Plugin, Plural, Schedule, as_imported, document};

/// Why a text is not a `meltano.yml` of spile's.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The text is not YAML, or has an unexpected form.
    #[error("{0}")]
    Form(#[from] yaml_serde::Error),
    /// An annotation that spile writes about a plugin has an unexpected form.
    #[error("{0}")]
    Setup(#[from] serde_json::Error),
    /// Nested aliases expand too far. What they stand for could not be read, and would look missing.
    #[error("its aliases expand to more than a million values or 200 levels")]
    Aliases,
    /// Values are nested too deeply.
    #[error("it is nested too deeply")]
    Deep,
    /// A plugin inherits from one that does not exist.
    #[error("`{plugin}` inherits from `{parent}`, which does not exist")]
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

/// How often each list contains a plugin with a name, including plugins that spile did not write.
pub type Names = BTreeMap<&'static str, BTreeMap<String, usize>>;

/// What was read back from a text.
#[derive(Debug)]
pub struct Back {
    /// The entries.
    pub entries: State<Entry>,
    /// The names of all plugins.
    pub names: Names,
}

/// Returns the plugin in whose environment another one is installed, and its `pip_url` if the text contains it. A
/// plugin without its own `pip_url` shares the environment of the plugin that it inherits from.
///
/// # Errors
/// When the text is not in Meltano's form.
pub fn installed(text: &str, role: Role, name: &str) -> Result<Option<(String, Option<String>)>, Unreadable> {
    Ok(Listed::read(text)?.installed(role, name))
}

/// Returns the mapper plugin with a mapping, and its `pip_url` if the text contains it.
///
/// # Errors
/// When the text is not in Meltano's form.
pub fn mapper(text: &str, mapping: &str) -> Result<Option<(String, Option<String>)>, Unreadable> {
    Ok(Listed::read(text)?.mapper(mapping))
}

/// The plugins that a text lists. To look for several of them, it is parsed only once.
#[derive(Default)]
pub struct Listed(Vec<(Plural, Vec<Plugin>)>);

impl Listed {
    /// Reads them.
    ///
    /// # Errors
    /// When the text is not in Meltano's form.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let lists = document(text)?.plugins.unwrap_or_default();
        Ok(Self(lists.into_iter().map(|(plural, plugins)| (plural, plugins.unwrap_or_default())).collect()))
    }

    /// Finds what [`installed`] does.
    #[must_use]
    pub fn installed(&self, role: Role, name: &str) -> Option<(String, Option<String>)> {
        let list = self.0.iter().filter(|(plural, _)| plural.role() == Some(role));
        let plugins: Vec<&Plugin> = list.flat_map(|(_, plugins)| plugins).collect();
        let mut name = name;
        // Takes at most as many steps as there are plugins. Meltano rejects circular inheritance.
        for _ in 0..plugins.len() {
            let plugin = plugins.iter().find(|plugin| plugin.name.as_deref() == Some(name))?;
            let pip_url = plugin.rest.get("pip_url").and_then(Value::as_str);
            match (&plugin.inherit_from, pip_url) {
                (Some(parent), None) if plugins.iter().any(|one| one.name.as_ref() == Some(parent)) => name = parent,
                (_, pip_url) => return Some((name.to_owned(), pip_url.map(str::to_owned))),
            }
        }
        None
    }

    /// Finds what [`mapper`] does.
    #[must_use]
    pub fn mapper(&self, mapping: &str) -> Option<(String, Option<String>)> {
        let mappers = self.0.iter().filter(|(plural, _)| *plural == Plural::Mappers);
        let has = |plugin: &&Plugin| {
            let mappings = plugin.rest.get("mappings").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            mappings.iter().any(|one| one["name"] == mapping)
        };
        let plugin = mappers.flat_map(|(_, plugins)| plugins).find(has)?;
        let pip_url = plugin.rest.get("pip_url").and_then(Value::as_str).map(str::to_owned);
        Some((plugin.name.clone()?, pip_url))
    }
}

/// Returns the variables that a text sets for the project, an environment or a plugin: the keys of every `env`.
///
/// # Errors
/// When the text is nested too deeply, or its aliases expand too far.
pub fn variables(text: &str) -> Result<BTreeSet<String>, Unreadable> {
    let mut found = BTreeSet::new();
    collect(&whole(text)?, &mut found);
    Ok(found)
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => {
            found.extend(members.get("env").and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned());
            members.values().for_each(|member| collect(member, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns a text as a value; `null` if it is not YAML, which is reported elsewhere.
fn whole(text: &str) -> Result<Value, Unreadable> {
    if yaml::is_deep(text) {
        return Err(Unreadable::Deep);
    }
    let Ok(document) = yaml::Document::parse(text) else { return Ok(Value::Null) };
    let values = yaml::ValueReader::of(&document);
    let value = values.value(&document.root, &mut Vec::new());
    if values.is_exhausted() { Err(Unreadable::Aliases) } else { Ok(value) }
}

/// Returns the jobs of a text, in the order in which `meltano run` goes through them.
///
/// # Errors
/// When the text is nested too deeply, or its aliases expand too far.
pub fn jobs(text: &str) -> Result<Vec<Steps>, Unreadable> {
    Ok(steps::jobs(&whole(text)?))
}

/// Returns the entries of a text.
///
/// # Errors
/// When the text is not in Meltano's form, or spile's annotations have an unexpected form.
pub fn entries(text: &str) -> Result<State<Entry>, Unreadable> {
    Ok(back(text)?.entries)
}

/// Returns the entries of a text, and the names of all plugins in it.
///
/// # Errors
/// When the text is not in Meltano's form, or spile's annotations have an unexpected form.
pub fn back(text: &str) -> Result<Back, Unreadable> {
    back_of(document(text)?)
}

/// Does the same as [`back`] for a text that a project's own template may have written. In such a text, `1_000` without
/// quotes is a number to Meltano, but a string to the faster parser.
///
/// # Errors
/// As for [`back`].
pub fn back_of_any(text: &str) -> Result<Back, Unreadable> {
    if yaml::is_deep(text) {
        return Err(Unreadable::Deep);
    }
    as_imported(text)?.map_or_else(|| back(text), back_of)
}

fn back_of(document: Document) -> Result<Back, Unreadable> {
    let mut overlays = overlays(document.environments.unwrap_or_default());
    let jobs = document.jobs.unwrap_or_default().into_iter();
    let tasks: BTreeMap<String, Task> = jobs.filter_map(|job| Some((job.name?, task(&job.tasks?)?))).collect();
    let schedules = document.schedules.unwrap_or_default().into_iter();
    let intervals = intervals(schedules);
    let (mut found, mut names) = (State::default(), Names::new());
    for (plural, plugins) in document.plugins.unwrap_or_default() {
        let Some(role) = plural.role() else { continue };
        let mut marked = Vec::new();
        let mut bases = BTreeMap::new();
        for plugin in plugins.unwrap_or_default() {
            if let Some(name) = &plugin.name {
                *names.entry(role.plural()).or_default().entry(name.clone()).or_default() += 1;
            }
            match plugin.mark()? {
                Some(mark) => marked.push((mark, plugin)),
                None if plugin.inherit_from.is_none() => drop(bases.insert(plugin.name.clone(), plugin)),
                None => {}
            }
        }
        let parents =
            marked.iter().filter(|(mark, _)| !mark.imported).filter_map(|(_, plugin)| plugin.inherit_from.clone());
        let parents: BTreeSet<String> = parents.collect();
        let bases = bases.into_values().filter(|base| base.name.as_ref().is_some_and(|name| parents.contains(name)));
        let bases: BTreeMap<String, Arc<PluginDefinition>> = bases.map(Plugin::definition).collect();
        for (mark, plugin) in marked {
            let name = plugin.name.clone().unwrap_or_default();
            let (origin, definition) = if mark.imported {
                (Origin::Imported, Arc::new(PluginDefinition::named(&name)))
            } else {
                let parent = plugin.inherit_from.clone().unwrap_or_default();
                let Some(definition) = bases.get(&parent) else {
                    return Err(Unreadable::Orphan { plugin: name, parent });
                };
                (Origin::Made, definition.clone())
            };
            let (mut base, mut environments) =
                (plugin.setup()?, overlays.remove(&(plural, name.clone())).unwrap_or_default());
            if mark.imported && !mark.load_schema {
                // The template sets its own `load_schema`.
                std::iter::once(&mut base).chain(environments.values_mut()).for_each(|setup| setup.load_schema = None);
                environments.retain(|_, setup| *setup != Setup::default());
            }
            let task = tasks.get(mark.slug.as_str()).cloned();
            let (loader, of_task) = task.map(|task| (task.loader, task.mappers)).unzip();
            let entry = Entry {
                role,
                protect: mark.protect,
                choices: mark.choices,
                origin,
                definition,
                base,
                environments,
                loader,
                mappers: of_task.unwrap_or(mark.mappers),
                interval: intervals.get(mark.slug.as_str()).cloned(),
                plugin: name,
                slug: mark.slug,
            };
            found.insert(mark.id, entry);
        }
    }
    Ok(Back { entries: found, names })
}

/// Returns the intervals by job. If a job has several schedules, spile's is the one with the job's name.
fn intervals(schedules: impl Iterator<Item = Schedule>) -> BTreeMap<String, String> {
    let (mut own, mut others) = (BTreeMap::new(), BTreeMap::new());
    for Schedule { name, interval, job } in schedules {
        let (Some(job), Some(interval)) = (job, interval) else { continue };
        let intervals = if name.as_ref() == Some(&job) { &mut own } else { &mut others };
        intervals.insert(job, interval);
    }
    others.extend(own);
    others
}

type Overlays = BTreeMap<(Plural, String), BTreeMap<EnvironmentName, Setup>>;

/// Collects setups by plugin and environment. Skips what cannot be read, because it is not spile's: if something of
/// spile's is lost, it is noticed later.
fn overlays(environments: Vec<Environment>) -> Overlays {
    let mut overlays = Overlays::new();
    let mut seen = BTreeSet::new();
    for environment in environments {
        let Ok(name) = environment.name.parse::<EnvironmentName>() else { continue };
        // Only the first environment with a name counts, as in Meltano.
        if !seen.insert(name.clone()) {
            continue;
        }
        let lists = environment.config.and_then(|config| config.plugins).unwrap_or_default();
        for (plural, plugins) in lists {
            for mut plugin in plugins.unwrap_or_default() {
                let Some(plugin_name) = plugin.name.take() else { continue };
                let Ok(setup) = plugin.setup() else { continue };
                if setup != Setup::default() {
                    overlays.entry((plural, plugin_name)).or_default().insert(name.clone(), setup);
                }
            }
        }
    }
    overlays
}

/// The path of an extractor's records in a rendered job.
#[derive(Clone)]
struct Task {
    mappers: Vec<String>,
    loader: String,
}

/// Parses the task of a rendered job, which names the extractor, the mappers and the loader.
fn task(tasks: &Value) -> Option<Task> {
    let task = tasks.as_array()?.first()?.as_str()?;
    let (_, behind) = task.split_once(' ')?;
    let mut mappers: Vec<String> = behind.split(' ').map(str::to_owned).collect();
    let loader = mappers.pop()?;
    Some(Task { mappers, loader })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_too_many_aliases_do_not_count_as_missing() {
        let lines = (1..12).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", ")));
        let grown = format!("a0: &a0 [x, x, x, x, x, x, x, x, x]\n{}", lines.collect::<String>());
        let text = format!("{grown}plugins: {{<<: {{}}, extractors: [{{name: tap-x}}]}}\n");
        assert!(matches!(entries(&text), Err(Unreadable::Aliases)));
        assert!(matches!(installed(&text, Role::Extractor, "tap-x"), Err(Unreadable::Aliases)));
    }

    #[test]
    fn a_plugin_is_installed_with_its_parent_unless_it_has_its_own_pip_url() {
        let text = "plugins:\n  extractors:\n  - {name: tap-x, pip_url: tap-x==1}\n  - {name: shop, inherit_from: tap-x}\n\
                    \x20 - {name: bank, inherit_from: shop}\n  - {name: own, inherit_from: tap-x, pip_url: tap-x==2}\n\
                    \x20 - {name: lost, inherit_from: nowhere}\n  - {name: circle, inherit_from: circle}\n\
                    \x20 loaders:\n  - {name: tap-x, pip_url: target-x==3}\n";
        let (first, second, third) = (Some("tap-x==1"), Some("tap-x==2"), Some("target-x==3"));
        for (role, plugin, expected) in [
            (Role::Extractor, "tap-x", Some(("tap-x", first))),
            (Role::Extractor, "shop", Some(("tap-x", first))),
            (Role::Extractor, "bank", Some(("tap-x", first))),
            (Role::Extractor, "own", Some(("own", second))),
            (Role::Extractor, "lost", Some(("lost", None))),
            (Role::Extractor, "circle", None),
            (Role::Extractor, "nowhere", None),
            (Role::Loader, "tap-x", Some(("tap-x", third))),
            (Role::Loader, "shop", None),
        ] {
            let found = installed(text, role, plugin).unwrap();
            let found = found.as_ref().map(|(name, pip_url)| (name.as_str(), pip_url.as_deref()));
            assert_eq!(found, expected, "{role} {plugin}");
        }
    }

    #[test]
    fn merged_keys_count_and_a_merge_in_quotes_is_a_key() {
        let text = |key: &str| {
            format!(
                "shared: &shared {{pip_url: tap-x==1}}\nplugins:\n  extractors:\n  - name: tap-x\n    {key}: *shared\n"
            )
        };
        let pip_url = |key: &str| installed(&text(key), Role::Extractor, "tap-x").unwrap().unwrap().1;
        assert_eq!(pip_url("<<"), Some("tap-x==1".to_owned()));
        assert_eq!(pip_url("<< "), Some("tap-x==1".to_owned()));
        assert_eq!((pip_url("\"<<\""), pip_url("'<<'"), pip_url("more")), (None, None, None));
    }

    #[test]
    fn the_schedule_with_the_name_of_its_job_is_the_integrations() {
        let schedule = |name: &str| format!("- {{name: {name}, job: shop, interval: '@{name}'}}\n");
        let plugins = "plugins:\n  extractors:\n  - {name: tap-x, pip_url: tap-x}\n  - {name: s, inherit_from: tap-x, annotations: \
                       {spile: {id: 00000000-0000-0000-0000-000000000001, slug: shop}}}\n";
        let interval = |names: &[&str]| {
            let schedules: String = names.iter().map(|name| schedule(name)).collect();
            let found = entries(&format!("{plugins}schedules:\n{schedules}")).unwrap();
            found.iter().next().unwrap().1.interval.clone()
        };
        assert_eq!(interval(&["hourly"]), Some("@hourly".to_owned()));
        assert_eq!(interval(&["shop", "hourly"]), Some("@shop".to_owned()));
        assert_eq!(interval(&["hourly", "shop"]), Some("@shop".to_owned()));
    }

    #[test]
    fn spile_inherits_from_whole_definitions_only() {
        let text = |parent: &str| {
            format!(
                "plugins:\n  extractors:\n  - name: tap-x\n    pip_url: tap-x==1\n  - name: mine\n    inherit_from: tap-x\n\
                 \x20 - name: shop\n    inherit_from: {parent}\n    annotations:\n      spile:\n\
                 \x20       id: 00000000-0000-0000-0000-000000000001\n        slug: shop\n"
            )
        };
        let found = entries(&text("tap-x")).unwrap();
        let (_, shop) = found.iter().next().unwrap();
        assert_eq!((found.len(), shop.base_plugin(), shop.plugin.as_str()), (1, "tap-x", "shop"));
        let told = entries(&text("mine")).unwrap_err().to_string();
        assert_eq!(told, "`shop` inherits from `mine`, which does not exist");
    }
}
