//! The contents of a `meltano.yml` with their positions: plugins, environments, and which plugins are paired.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::plugin_key::PluginKey;
use crate::connector::Role;
use crate::render::steps::{self, Job};
use crate::yaml::{Content, Document, Node, Pair, Style, ValueReader};

/// The keys of a plugin that become files.
pub const KEYS: [&str; 4] = ["config", "select", "metadata", "load_schema"];

/// The lists of plugins that spile manages.
pub const ROLES: [Role; 2] = [Role::Extractor, Role::Loader];

/// The contents of a file.
pub struct Inventory<'a> {
    /// Its extractors and loaders, in order.
    pub plugins: Vec<Plugin<'a>>,
    /// Its environments, in order.
    pub environments: Vec<Environment<'a>>,
    /// The names of jobs and schedules.
    pub jobs: BTreeSet<String>,
    /// The steps that jobs and schedules run.
    pub steps: Vec<Job>,
    /// The plugins that jobs and schedules name.
    pub used: BTreeSet<String>,
    /// The plugins that others inherit from.
    pub parents: BTreeSet<PluginKey>,
    /// The index in `plugins` of each plugin that Meltano sees.
    places: BTreeMap<PluginKey, usize>,
}

/// A plugin in its list.
pub struct Plugin<'a> {
    /// Its list and name.
    pub key: PluginKey,
    /// Its item.
    pub item: &'a Node,
    /// Its complete value, with merge keys resolved.
    pub value: Value,
    /// Whether an earlier plugin has the same name, so that Meltano ignores this one.
    pub is_shadowed: bool,
}

/// An environment.
pub struct Environment<'a> {
    /// Its name.
    pub name: String,
    /// Its item.
    pub item: &'a Node,
    /// Whether an earlier environment has the same name, so that Meltano ignores this one.
    pub is_shadowed: bool,
}

impl<'a> Inventory<'a> {
    /// Creates the inventory of a document whose structure has been checked.
    #[must_use]
    pub fn of(document: &'a Document<'a>) -> Self {
        let values = ValueReader::of(document);
        let value = |node: &Node| values.value(node, &mut Vec::new());
        let mut found = Self {
            plugins: Vec::new(),
            environments: Vec::new(),
            jobs: BTreeSet::new(),
            steps: steps::jobs(&value(&document.root)),
            used: BTreeSet::new(),
            parents: BTreeSet::new(),
            places: BTreeMap::new(),
        };
        for role in ROLES {
            for item in document.root.at(&["plugins", role.plural()]).map(Node::items).unwrap_or_default() {
                let value = value(item);
                let name = value["name"].as_str().unwrap_or_default().to_owned();
                let key = PluginKey { role, name };
                let is_shadowed = found.places.contains_key(&key);
                found.places.entry(key.clone()).or_insert(found.plugins.len());
                found.plugins.push(Plugin { key, item, value, is_shadowed });
            }
        }
        found.parents = found.plugins.iter().filter_map(Plugin::parent).collect();
        for item in document.root.get("environments").map(Node::items).unwrap_or_default() {
            let name = value(item)["name"].as_str().unwrap_or_default().to_owned();
            let is_shadowed = found.environments.iter().any(|other| other.name == name);
            found.environments.push(Environment { name, item, is_shadowed });
        }
        let list =
            |key| document.root.get(key).map(value).and_then(|list| list.as_array().cloned()).unwrap_or_default();
        for job in list("jobs") {
            found.jobs.extend(job["name"].as_str().map(str::to_owned));
            for task in job["tasks"].as_array().into_iter().flatten() {
                found.used.extend(words(task));
            }
        }
        for schedule in list("schedules") {
            found.jobs.extend(schedule["name"].as_str().map(str::to_owned));
            let word = |key: &str| schedule[key].as_str().map(str::to_owned);
            found.used.extend([word("extractor"), word("loader")].into_iter().flatten());
        }
        found
    }

    /// Returns the plugin with this list and name that Meltano sees.
    #[must_use]
    pub fn plugin(&self, key: &PluginKey) -> Option<&Plugin<'a>> {
        self.places.get(key).map(|place| &self.plugins[*place])
    }
}

/// Returns the plugins that a task names. A task may be a list of tasks.
fn words(task: &Value) -> Vec<String> {
    match task {
        Value::Array(tasks) => tasks.iter().flat_map(words).collect(),
        task => task.as_str().unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
    }
}

impl Plugin<'_> {
    /// Returns the plugin that it inherits from.
    #[must_use]
    pub fn parent(&self) -> Option<PluginKey> {
        let name = self.value["inherit_from"].as_str()?.to_owned();
        Some(PluginKey { role: self.key.role, name })
    }

    /// Tells whether lines can be inserted into the item.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        is_plain(self.item)
    }
}

impl Environment<'_> {
    /// Returns the items of a list of plugins.
    pub fn items(&self, role: Role) -> impl Iterator<Item = &Node> {
        self.item.at(&["config", "plugins", role.plural()]).map(Node::items).unwrap_or_default().iter()
    }
}

/// Tells whether an item is a table written with indentation that has its own name.
#[must_use]
pub fn is_plain(item: &Node) -> bool {
    matches!(item.content, Content::Mapping(Style::Block, _))
        && item.get("name").is_some_and(|name| name.text().is_some())
}

/// Returns the members of an item that become files.
pub fn managed(item: &Node) -> impl Iterator<Item = &Pair> {
    item.pairs().iter().filter(|pair| pair.key.text().is_some_and(|key| KEYS.contains(&key)))
}

/// Tells whether all members of an item, except for its name, become files.
#[must_use]
pub fn is_all_managed(item: &Node) -> bool {
    item.pairs().iter().all(|pair| pair.key.text().is_some_and(|key| key == "name" || KEYS.contains(&key)))
}

/// Returns the nodes that must be written with indentation before anything can be inserted, outermost first.
#[must_use]
pub fn frame(root: &Node) -> Vec<&Node> {
    let mut frame = vec![root];
    frame.extend(root.get("plugins").into_iter().flat_map(plugins_frame));
    for key in ["environments", "jobs", "schedules"] {
        frame.extend(root.get(key));
    }
    for environment in root.get("environments").map(Node::items).unwrap_or_default() {
        frame.push(environment);
        frame.extend(environment.get("config"));
        frame.extend(environment.at(&["config", "plugins"]).into_iter().flat_map(plugins_frame));
    }
    frame.sort_by_key(|node| (node.span.start, std::cmp::Reverse(node.span.end)));
    frame
}

fn plugins_frame(plugins: &Node) -> Vec<&Node> {
    let mut frame = vec![plugins];
    for role in ROLES {
        let Some(list) = plugins.get(role.plural()) else { continue };
        frame.push(list);
        for item in list.items() {
            frame.push(item);
            frame.extend(item.get("annotations"));
        }
    }
    frame
}
