//! The proof that what was read and what will be written mean the same to Meltano.

mod normal_form;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::PluginKey;
use super::adopted::Adopted;
use super::part::{CommentedValue, Part};
use crate::integration::check::environment_variable;
use crate::value;
use crate::yaml::{self, Document, ValueReader};
use normal_form::{flat, is_table_or_nothing, item, items, normalise};

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
    if !is_table_or_nothing(&plugin["config"]) {
        return;
    }
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

/// Returns the path to the first difference; items of lists are called by their names.
fn difference(path: &str, before: &Value, after: &Value) -> Option<String> {
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let of = |table: &Map<String, Value>, key: &String| table.get(key).cloned().unwrap_or(Value::Null);
            let path = |key: &String| if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            keys.into_iter().find_map(|key| difference(&path(key), &of(a, key), &of(b, key)))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).find_map(|(a, b)| difference(&format!("{path}[{}]", name(a)), a, b))
        }
        (a, b) if value::same(a, b) => None,
        (Value::Array(a), Value::Array(b)) => {
            let is_in = |items: &[Value], one: &Value| items.iter().any(|item| name(item) == name(one));
            let only = a.iter().find(|one| !is_in(b, one)).or_else(|| b.iter().find(|one| !is_in(a, one)));
            Some(only.map_or_else(|| path.to_owned(), |one| format!("{path}[{}]", name(one))))
        }
        // What is only on one side is looked into, so that a plugin in it is named.
        (one @ Value::Object(_), Value::Null) | (Value::Null, one @ Value::Object(_)) => {
            difference(path, one, &json!({})).or_else(|| Some(path.to_owned()))
        }
        (one @ Value::Array(_), Value::Null) | (Value::Null, one @ Value::Array(_)) => {
            difference(path, one, &json!([])).or_else(|| Some(path.to_owned()))
        }
        _ => Some(path.to_owned()),
    }
}

fn name(item: &Value) -> &str {
    item["name"].as_str().unwrap_or_default()
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
            // What is no table and no list is not the same as none: Meltano refuses it.
            (
                "    pip_url: tap-y\n",
                "    pip_url: tap-y\n    config: another\n",
                "plugins.extractors[tap-y].config",
                "tap-y",
            ),
            (
                "    pip_url: tap-y\n",
                "    pip_url: tap-y\n    select: another\n",
                "plugins.extractors[tap-y].select",
                "tap-y",
            ),
            (
                "- {name: tap-y, config: {host: prod}}",
                "- {name: tap-y, config: {host: prod}, metadata: another}",
                "environments[prod].config.plugins.extractors[tap-y].metadata",
                "tap-y",
            ),
            (
                "    namespace: tap_x\n",
                "    namespace: tap_x\n    annotations: {mine: 1}\n",
                "plugins.extractors[tap-x].annotations.mine",
                "tap-x",
            ),
            (
                "host: prod, password",
                "host: a, password",
                "environments[prod].config.plugins.extractors[tap-x].config.host",
                "tap-x",
            ),
            (
                "      - {name: tap-y, config: {host: prod}}\n",
                "",
                "environments[prod].config.plugins.extractors[tap-y]",
                "tap-y",
            ),
            (
                "- name: dev\n",
                "- {name: dev, config: {plugins: {extractors: [{name: tap-y, config: {more: {}}}]}}}\n",
                "environments[dev].config.plugins.extractors[tap-y]",
                "tap-y",
            ),
            (
                "  - {name: dbt, config: {x: 1}}\n",
                "  - {name: dbt, config: {x: 2}}\n",
                "plugins.utilities[dbt].config.x",
                "",
            ),
            (
                "- name: dev\n",
                "- {name: dev, config: {plugins: {loaders: [{name: target-z, config: {a: 1}}]}}}\n",
                "environments[dev].config.plugins.loaders[target-z]",
                "",
            ),
            (
                "- name: dev\n",
                "- {name: dev, config: {plugins: {extractors: [{name: tap-x, config: {db.port: 2}}]}}}\n",
                "environments[dev].config.plugins.extractors[tap-x]",
                "tap-x",
            ),
        ] {
            assert_eq!(told(&after(from, to)), Some((path.to_owned(), plugin.to_owned())), "{to}");
        }
        let (path, plugin) = told("plugins: [").unwrap();
        assert!(!path.is_empty() && plugin.is_empty(), "{path}");
    }
}
