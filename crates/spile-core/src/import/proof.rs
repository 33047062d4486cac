//! The proof that what was read and what will be written mean the same to Meltano.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::PluginKey;
use super::adopted::Adopted;
use super::inventory::KEYS;
use super::part::{CommentedValue, Part};
use crate::connector::Role;
use crate::integration::check::environment_variable;
use crate::name::SettingName;
use crate::value;
use crate::value::expansion::reference;
use crate::yaml::{self, Document, ValueReader};

/// Compares the values of two texts, except for the changes that import intends.
///
/// # Errors
/// With the first difference, and the plugin that contains it, if any.
pub fn compare(before: &str, after: &str, adopted: &[Adopted]) -> Result<(), Difference> {
    let (mut before, mut after) = (read(before)?, read(after)?);
    encrypt(&mut before, adopted);
    declare(&mut before, adopted);
    if before.get("project_id").is_none()
        && let Some(after) = after.as_object_mut()
    {
        // Meltano would add one itself.
        after.remove("project_id");
    }
    for document in [&mut before, &mut after] {
        normalise(document, adopted);
    }
    match difference("", &before, &after) {
        None => Ok(()),
        Some(path) => {
            let plugin = adopted.iter().find(|one| path.contains(&format!("[{}]", one.key.name)));
            Err(Difference { plugin: plugin.map(|one| one.key.clone()), path })
        }
    }
}

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The plugin that contains it.
    pub plugin: Option<PluginKey>,
    /// The path to it.
    pub path: String,
}

fn read(text: &str) -> Result<Value, Difference> {
    let unreadable = |mistake: yaml::YamlMistake| Difference { plugin: None, path: mistake.to_string() };
    let document = Document::parse(text).map_err(unreadable)?;
    Ok(ValueReader::of(&document).value(&document.root, &mut Vec::new()))
}

/// Inserts the variables of runs in place of encrypted values, and where secrets were inherited.
fn encrypt(document: &mut Value, adopted: &[Adopted]) {
    for one in adopted {
        if let Some(plugin) = item(&mut document["plugins"], &one.key) {
            refer(plugin, one, &one.base);
        }
        for environment in items(&mut document["environments"]) {
            let Some((_, part)) = one.overlays.iter().find(|(name, _)| environment["name"] == json!(name.as_str()))
            else {
                continue;
            };
            if part.secrets.is_empty() && said_again(one, part).next().is_none() {
                continue;
            }
            let plugins = &mut environment["config"]["plugins"];
            if item(plugins, &one.key).is_none() {
                let list = &mut plugins[one.key.role.plural()];
                if !list.is_array() {
                    *list = json!([]);
                }
                list.as_array_mut().into_iter().for_each(|list| list.push(json!({"name": one.key.name})));
            }
            if let Some(plugin) = item(plugins, &one.key) {
                refer(plugin, one, part);
            }
        }
    }
}

/// Appends the settings that a key without a value declared to the settings that are declared in a list.
fn declare(document: &mut Value, adopted: &[Adopted]) {
    for one in adopted.iter().filter(|one| !one.declared.is_empty()) {
        let Some(plugin) = item(&mut document["plugins"], &one.key) else { continue };
        if plugin["settings"].is_null() {
            plugin["settings"] = json!([]);
        }
        let declared = one.declared.iter().map(|name| json!({ "name": name }));
        plugin["settings"].as_array_mut().into_iter().for_each(|list| list.extend(declared.clone()));
    }
}

fn refer(plugin: &mut Value, one: &Adopted, part: &Part) {
    let mut leaves = flat(&plugin["config"]);
    for name in part.secrets.keys() {
        leaves.insert(name.clone(), json!(format!("${{{}}}", environment_variable(&one.key.name, name))));
    }
    leaves.extend(said_again(one, part).map(|said| (said.name.clone(), said.value.clone())));
    if !leaves.is_empty() {
        plugin["config"] = Value::Object(leaves);
    }
}

/// Returns the plaintext values of an environment that are secrets elsewhere, including inherited ones.
fn said_again<'a>(one: &'a Adopted, part: &'a Part) -> impl Iterator<Item = &'a CommentedValue> {
    part.config.iter().filter(|said| one.base.secrets.contains_key(&said.name))
}

/// Normalizes a document, so that documents with the same meaning are equal.
fn normalise(document: &mut Value, adopted: &[Adopted]) {
    for role in [Role::Extractor, Role::Loader] {
        items(&mut document["plugins"][role.plural()]).for_each(unmark);
    }
    let mut bases = BTreeMap::new();
    for key in adopted.iter().map(|one| &one.key) {
        let has_rules = has_rules(document, key);
        let Some(plugin) = item(&mut document["plugins"], key) else { continue };
        // An empty table of rules overrides other rules. If there are none, it does nothing.
        if plugin["metadata"] == json!({}) && plugin["inherit_from"].is_null() && !has_rules {
            remove(plugin, "metadata");
        }
        setup(plugin);
        bases.insert(key.clone(), plugin.clone());
    }
    for environment in items(&mut document["environments"]) {
        let plugins = &mut environment["config"]["plugins"];
        for (key, base) in &bases {
            if let Some(plugin) = item(plugins, key) {
                setup(plugin);
                overlay(plugin, base);
                order(plugin);
            }
        }
        for role in [Role::Extractor, Role::Loader] {
            let Some(list) = plugins.get_mut(role.plural()).and_then(Value::as_array_mut) else { continue };
            let is_adopted = |item: &Value| bases.contains_key(&key_of(item, role));
            list.retain(|item| item.as_object().is_some_and(|members| members.len() > 1) || !is_adopted(item));
            list.sort_by_cached_key(|item| item["name"].to_string());
        }
        let config = &mut environment["config"];
        for role in [Role::Extractor, Role::Loader] {
            if is_nothing(&config["plugins"][role.plural()]) {
                remove(&mut config["plugins"], role.plural());
            }
        }
        if is_nothing(&config["plugins"]) {
            remove(config, "plugins");
        }
        if is_nothing(config) {
            remove(environment, "config");
        }
    }
    for key in bases.keys() {
        if let Some(plugin) = item(&mut document["plugins"], key) {
            order(plugin);
        }
    }
    for key in ["plugins", "environments", "jobs", "schedules"] {
        for role in [Role::Extractor, Role::Loader] {
            if key == "plugins" && is_nothing(&document[key][role.plural()]) {
                remove(&mut document[key], role.plural());
            }
        }
        if is_nothing(&document[key]) {
            remove(document, key);
        }
    }
}

/// Tells whether an environment has rules for a plugin.
fn has_rules(document: &mut Value, key: &PluginKey) -> bool {
    let mut environments = items(&mut document["environments"]);
    environments.any(|environment| {
        let plugin = item(&mut environment["config"]["plugins"], key);
        plugin.is_some_and(|plugin| plugin["metadata"].is_object())
    })
}

/// The keys that Meltano flattens: settings, each of which is passed to the plugin in its own order, and rules, of
/// which the last one wins.
const FLAT: [&str; 2] = ["config", "metadata"];

/// Records the order of flattened members where it matters: among all rules, and within each setting.
fn order(plugin: &mut Value) {
    for key in FLAT {
        let Some(leaves) = plugin[key].as_object() else { continue };
        let mut order = Map::new();
        for (name, value) in leaves {
            // Values from variables are inserted after the others, and a list of rules is never a secret.
            if value.as_str().is_some_and(|text| text.starts_with("${") && reference(text).is_some()) {
                continue;
            }
            let of = if key == "config" { SettingName::new(name).first().to_owned() } else { String::new() };
            if let Value::Array(names) = order.entry(of).or_insert_with(|| json!([])) {
                names.push(json!(name));
            }
        }
        plugin[format!("order of {key}")] = Value::Object(order);
    }
}

/// Removes the annotations that spile writes about plugins, now or in earlier versions.
fn unmark(plugin: &mut Value) {
    if let Some(annotations) = plugin.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove("spile");
    }
    if plugin.get("annotations").is_some_and(is_nothing) {
        remove(plugin, "annotations");
    }
}

/// Flattens settings and metadata like Meltano, and sorts what has no order.
fn setup(plugin: &mut Value) {
    for key in FLAT {
        if key == "metadata" && plugin[key] == json!({}) {
            plugin["no rules"] = Value::Bool(true);
        }
        let leaves = flat(&plugin[key]);
        if leaves.is_empty() { remove(plugin, key) } else { plugin[key] = Value::Object(leaves) }
    }
    match plugin["select"].as_array_mut() {
        Some(select) => {
            select.sort_by_cached_key(ToString::to_string);
            select.dedup();
        }
        None => remove(plugin, "select"),
    }
}

/// Reduces an overlay to its differences.
fn overlay(plugin: &mut Value, base: &Value) {
    for key in KEYS {
        match (plugin[key].clone(), &base[key]) {
            (Value::Object(mut over), base) => {
                over.retain(|name, over| base.get(name).is_none_or(|base| !value::same(over, base)));
                plugin[key] = Value::Object(over);
            }
            (over, base) if value::same(&over, base) => plugin[key] = Value::Null,
            _ => {}
        }
        if is_nothing(&plugin[key]) {
            remove(plugin, key);
        }
    }
}

/// Returns the leaves of a table, including empty tables, which Meltano treats as values.
fn flat(value: &Value) -> Map<String, Value> {
    let mut leaves = Map::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        leaves_of(name, value, &mut leaves);
    }
    leaves
}

fn leaves_of(name: &str, value: &Value, leaves: &mut Map<String, Value>) {
    match value {
        Value::Null => {}
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                leaves_of(&format!("{name}.{key}"), value, leaves);
            }
        }
        value => drop(leaves.insert(name.to_owned(), value.clone())),
    }
}

fn items(list: &mut Value) -> impl Iterator<Item = &mut Value> {
    list.as_array_mut().into_iter().flatten()
}

fn item<'a>(plugins: &'a mut Value, key: &PluginKey) -> Option<&'a mut Value> {
    let list = plugins.get_mut(key.role.plural())?.as_array_mut()?;
    list.iter_mut().find(|item| item["name"].as_str() == Some(&key.name))
}

fn key_of(item: &Value, role: Role) -> PluginKey {
    PluginKey { role, name: item["name"].as_str().unwrap_or_default().to_owned() }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn remove(table: &mut Value, key: &str) {
    if let Some(table) = table.as_object_mut() {
        table.remove(key);
    }
}

/// Returns the path to the first difference. Items of lists are identified by their names.
fn difference(path: &str, before: &Value, after: &Value) -> Option<String> {
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let of = |table: &Map<String, Value>, key: &String| table.get(key).cloned().unwrap_or(Value::Null);
            let path = |key: &String| if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            keys.into_iter().find_map(|key| difference(&path(key), &of(a, key), &of(b, key)))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let name = |item: &Value| item["name"].as_str().unwrap_or_default().to_owned();
            a.iter().zip(b).find_map(|(a, b)| difference(&format!("{path}[{}]", name(a)), a, b))
        }
        (a, b) => (!value::same(a, b)).then(|| path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::Catalog;
    use crate::import::{LeftAlone, Locks, import, prepared};
    use crate::problem::Problems;

    const BEFORE: &str = "\
environments:
- name: dev
- name: prod
  config:
    plugins:
      extractors:
      - {name: tap-x, config: {host: prod, password: canary-prod}}
      - {name: tap-y, config: {host: prod}}
plugins:
  extractors:
  - name: tap-x
    namespace: tap_x
    pip_url: tap-x
    settings: [{name: password, kind: password}]
    config: {db: {host: a, port: 1}, password: canary}
    select: [b.*, a.*]
    metadata: {u: {k: 1}, '*': {k: 2}}
  - name: tap-y
    namespace: tap_y
    pip_url: tap-y
  utilities:
  - {name: dbt, config: {x: 1}}
";

    /// Returns where a text differs from the imported one, and in which plugin.
    fn told(after: &str) -> Option<(String, String)> {
        let catalog = Catalog::new(&[], &mut Problems::default());
        let known = (&catalog, &Locks::default());
        let adopted = import(&prepared(BEFORE).unwrap(), known.0, known.1, &mut LeftAlone::new()).unwrap().adopted;
        assert_eq!(adopted.len(), 2);
        let difference = compare(BEFORE, after, &adopted).err()?;
        Some((difference.path, difference.plugin.map(|plugin| plugin.name).unwrap_or_default()))
    }

    /// Returns the text with encrypted values as runs get them, and with one replacement.
    fn after(from: &str, to: &str) -> String {
        let sealed = BEFORE.replace("canary-prod", "'${TAP_X_PASSWORD}'").replace("canary", "'${TAP_X_PASSWORD}'");
        assert!(sealed.contains(from), "{from}");
        sealed.replacen(from, to, 1)
    }

    #[test]
    fn texts_with_the_same_meaning_do_not_differ() {
        for (from, to) in [
            ("", ""),
            ("    pip_url: tap-y\n", "    pip_url: tap-y\n    metadata: {}\n"),
            ("[b.*, a.*]", "[a.*, b.*, a.*]"),
            ("{db: {host: a, port: 1}, ", "{db.host: a, db.port: 1, nothing: null, "),
            ("    namespace: tap_x\n", "    namespace: tap_x\n    annotations: {spile: {id: x}}\n    load_schema:\n"),
            ("host: prod, password", "host: prod, db.port: 1, password"),
            ("- name: dev\n", "- {name: dev, config: {plugins: {extractors: [{name: tap-x}], loaders: []}}}\n"),
            ("plugins:\n  extractors:\n  - name", "jobs: []\nplugins:\n  loaders: []\n  extractors:\n  - name"),
        ] {
            assert_eq!(told(&after(from, to)), None, "{to}");
        }
        let turned = after("      - {name: tap-y, config: {host: prod}}\n", "");
        let head = "      extractors:\n";
        let turned = turned.replacen(head, &format!("{head}      - {{name: tap-y, config: {{host: prod}}}}\n"), 1);
        assert_eq!(told(&turned), None, "an environment's plugins have no order");
    }

    #[test]
    fn a_difference_is_reported_with_its_plugin() {
        for (from, to, path, plugin) in [
            ("host: a", "host: b", "plugins.extractors[tap-x].config.db.host", "tap-x"),
            ("[b.*, a.*]", "[b.*]", "plugins.extractors[tap-x].select", "tap-x"),
            ("host: a, port: 1", "port: 1, host: a", "plugins.extractors[tap-x].order of config.db[]", "tap-x"),
            (
                "u: {k: 1}, '*': {k: 2}",
                "'*': {k: 2}, u: {k: 1}",
                "plugins.extractors[tap-x].order of metadata.[]",
                "tap-x",
            ),
            (
                "password: '${TAP_X_PASSWORD}'}\n    select",
                "password: ''}\n    select",
                "environments[prod].config.plugins.extractors[tap-x].config.password",
                "tap-x",
            ),
            ("config: {db: ", "config: {more: {}, db: ", "plugins.extractors[tap-x].config.more", "tap-x"),
            (
                "- {name: tap-y, config: {host: prod}}",
                "- {name: tap-y, config: {host: prod}, metadata: {}}",
                "environments[prod].config.plugins.extractors[tap-y].no rules",
                "tap-y",
            ),
            ("    pip_url: tap-y\n", "", "plugins.extractors[tap-y].pip_url", "tap-y"),
            (
                "    namespace: tap_x\n",
                "    namespace: tap_x\n    annotations: {mine: 1}\n",
                "plugins.extractors[tap-x].annotations",
                "tap-x",
            ),
            (
                "host: prod, password",
                "host: a, password",
                "environments[prod].config.plugins.extractors[tap-x].config.host",
                "tap-x",
            ),
            ("      - {name: tap-y, config: {host: prod}}\n", "", "environments[prod].config.plugins.extractors", ""),
            (
                "  - {name: dbt, config: {x: 1}}\n",
                "  - {name: dbt, config: {x: 2}}\n",
                "plugins.utilities[dbt].config.x",
                "",
            ),
            (
                "- name: dev\n",
                "- {name: dev, config: {plugins: {loaders: [{name: target-z, config: {a: 1}}]}}}\n",
                "environments[dev].config",
                "",
            ),
            (
                "- name: dev\n",
                "- {name: dev, config: {plugins: {extractors: [{name: tap-x, config: {db.port: 2}}]}}}\n",
                "environments[dev].config",
                "",
            ),
        ] {
            assert_eq!(told(&after(from, to)), Some((path.to_owned(), plugin.to_owned())), "{to}");
        }
        let (path, plugin) = told("plugins: [").unwrap();
        assert!(!path.is_empty() && plugin.is_empty(), "{path}");
    }
}
