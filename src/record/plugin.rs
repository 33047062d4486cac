//! Base plugins: what a connector is in `meltano.yml`, once for all integrations that inherit from it.

use std::ops::Deref;
use std::sync::OnceLock;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::connector::{Connector, Kind, Setting};
use crate::digest::of_json;

/// A base plugin, complete: `name`, `namespace`, `pip_url`, `settings` and so on. It is long, and thousands of entries
/// share it: where entries are told apart, its digest stands for it.
#[derive(Debug, Clone)]
pub struct PluginDefinition {
    keys: Map<String, Value>,
    digest: OnceLock<String>,
}

impl PluginDefinition {
    /// Returns a connector as a plugin definition of Meltano's. With its `namespace` it is a custom plugin, so no
    /// hub is asked (reference: `namespace` in Meltano's `meltano.schema.json`).
    #[must_use]
    pub fn of(connector: &Connector) -> Self {
        of(connector).into()
    }

    /// Returns one of which only the name is known.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Map::from_iter([("name".to_owned(), json!(name))]).into()
    }

    /// Returns `name`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.keys.get("name").and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns its SHA-256, as JSON.
    fn digest(&self) -> &str {
        self.digest.get_or_init(|| of_json(&self.keys))
    }
}

impl From<Map<String, Value>> for PluginDefinition {
    fn from(keys: Map<String, Value>) -> Self {
        let mut keys = keys;
        // Two files may say one definition in two orders.
        keys.sort_keys();
        Self { keys, digest: OnceLock::new() }
    }
}

impl Deref for PluginDefinition {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Map<String, Value> {
        &self.keys
    }
}

impl PartialEq for PluginDefinition {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || self.keys == other.keys
    }
}

impl Serialize for PluginDefinition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.digest().serialize(serializer)
    }
}

/// Returns a connector as a plugin definition of Meltano's.
fn of(connector: &Connector) -> Map<String, Value> {
    let plugin = &connector.plugin;
    let mut definition = Map::new();
    let mut put = |key: &str, value: Value| drop(definition.insert(key.to_owned(), value));
    put("name", json!(plugin.name));
    put("variant", json!(plugin.variant));
    put("namespace", json!(plugin.namespace));
    if !plugin.pip_url.is_empty() {
        put("pip_url", json!(plugin.pip_url));
    }
    put("executable", json!(plugin.executable));
    put("label", json!(connector.label));
    if !plugin.capabilities.is_empty() {
        put("capabilities", json!(plugin.capabilities));
    }
    if !connector.settings.is_empty() {
        put("settings", connector.settings.iter().map(setting).collect());
    }
    if !connector.groups.is_empty() {
        let groups = connector.groups.iter().map(|group| json!(group.settings)).collect();
        put("settings_group_validation", groups);
    }
    if !connector.metadata.is_empty() {
        put("metadata", Value::Object(connector.metadata.clone()));
    }
    definition.extend(plugin.passed.clone());
    definition
}

fn setting(setting: &Setting) -> Value {
    let mut written =
        Map::from_iter([("name".to_owned(), json!(setting.name)), ("kind".to_owned(), json!(setting.kind.word()))]);
    let optional = [
        ("label", setting.label.as_ref().map(|label| json!(label))),
        ("description", setting.description.as_ref().map(|description| json!(description))),
        ("value", setting.default.clone()),
        ("sensitive", setting.secret.then_some(Value::Bool(true))),
    ];
    written.extend(optional.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    written.extend(setting.passed.clone());
    if let Kind::Options(choices) = &setting.kind {
        let options = choices.iter().map(|choice| json!({"label": choice.label, "value": choice.value})).collect();
        written.insert("options".to_owned(), options);
    }
    written.sort_keys();
    Value::Object(written)
}
