//! The normal form of a document: two documents that mean the same to Meltano have the same one.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::connector::Role;
use crate::import::PluginKey;
use crate::import::adopted::Adopted;
use crate::import::inventory::KEYS;
use crate::name::SettingName;
use crate::value;
use crate::value::expansion::reference;

/// Converts a document to its normal form.
pub(super) fn normalise(document: &mut Value, adopted: &[Adopted]) {
    for role in [Role::Extractor, Role::Loader] {
        items(&mut document["plugins"][role.plural()]).for_each(unmark);
    }
    let mut bases = BTreeMap::new();
    for key in adopted.iter().map(|one| &one.key) {
        let has_rules = has_rules(document, key);
        let Some(plugin) = item(&mut document["plugins"], key) else { continue };
        // An empty table of rules removes the rules of others. If there are none, it has no effect.
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

/// What Meltano flattens: settings, each of which passes its own order on to the plugin, and rules, of which the last one
/// wins.
const FLAT: [&str; 2] = ["config", "metadata"];

/// Records the order of flattened members where it matters: among all rules, and within each setting.
fn order(plugin: &mut Value) {
    for key in FLAT {
        let Some(leaves) = plugin[key].as_object() else { continue };
        let mut order = Map::new();
        for (name, value) in leaves {
            // Values that come from a variable are inserted after the others, and a list of rules is never a secret.
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

/// Removes the annotations that this or an earlier version of spile writes about plugins.
fn unmark(plugin: &mut Value) {
    if let Some(annotations) = plugin.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove("spile");
    }
    if plugin.get("annotations").is_some_and(is_nothing) {
        remove(plugin, "annotations");
    }
}

/// Tells whether Meltano reads a value as a table.
pub(super) fn is_table_or_nothing(value: &Value) -> bool {
    value.is_object() || value.is_null()
}

/// Flattens settings and metadata as Meltano does, and sorts lists whose order has no meaning.
fn setup(plugin: &mut Value) {
    for key in FLAT {
        if key == "metadata" && plugin[key] == json!({}) {
            plugin["no rules"] = Value::Bool(true);
        }
        // Meltano refuses anything but a table, so it is not the same as none.
        if !is_table_or_nothing(&plugin[key]) {
            continue;
        }
        let leaves = flat(&plugin[key]);
        if leaves.is_empty() { remove(plugin, key) } else { plugin[key] = Value::Object(leaves) }
    }
    match &mut plugin["select"] {
        Value::Array(select) => {
            select.sort_by_cached_key(ToString::to_string);
            select.dedup();
        }
        Value::Null => remove(plugin, "select"),
        _ => {}
    }
}

/// Reduces an overlay to what differs from its base.
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

/// Returns the leaves of a table, including empty tables: to Meltano these are values like any other.
pub(super) fn flat(value: &Value) -> Map<String, Value> {
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

pub(super) fn items(list: &mut Value) -> impl Iterator<Item = &mut Value> {
    list.as_array_mut().into_iter().flatten()
}

pub(super) fn item<'a>(plugins: &'a mut Value, key: &PluginKey) -> Option<&'a mut Value> {
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
