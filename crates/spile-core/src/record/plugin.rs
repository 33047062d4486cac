//! Base plugins: connectors in `meltano.yml`, each written once for all integrations that inherit from it.

use std::ops::Deref;
use std::sync::OnceLock;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::connector::{Connector, Kind, Setting};
use crate::digest::of_json;

/// The whole definition of a base plugin: `name`, `namespace`, `pip_url`, `settings` and so on. Definitions are long,
/// and thousands of entries share them, so entries are compared by their digests.
#[derive(Debug, Clone)]
pub struct PluginDefinition {
    keys: Map<String, Value>,
    digest: OnceLock<String>,
}

impl PluginDefinition {
    /// Returns a connector as one of Meltano's plugin definitions. Its `namespace` makes it a custom plugin, so Meltano
    /// does not ask its hub (source: `namespace` in Meltano's `meltano.schema.json`).
    #[must_use]
    pub fn of(connector: &Connector) -> Self {
        of(connector).into()
    }

    /// Returns a definition with nothing known but its name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Map::from_iter([("name".to_owned(), json!(name))]).into()
    }

    /// Returns `name`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.keys.get("name").and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns the SHA-256 of its JSON.
    fn digest(&self) -> &str {
        self.digest.get_or_init(|| of_json(&self.keys))
    }
}

impl From<Map<String, Value>> for PluginDefinition {
    fn from(mut keys: Map<String, Value>) -> Self {
        // Two files may contain the same definition in different orders.
        as_meltano_writes(&mut keys, &OF_PLUGINS);
        let settings = keys.get_mut("settings").and_then(Value::as_array_mut).into_iter().flatten();
        settings.filter_map(Value::as_object_mut).for_each(|setting| as_meltano_writes(setting, &OF_SETTINGS));
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

/// The keys of a definition in the order in which Meltano writes them. All others follow in their own order
/// (`PluginDefinition`, `Variant` and `ProjectPlugin` in Meltano 4.4.1).
pub(crate) const OF_PLUGINS: [&str; 22] = [
    "name",
    "namespace",
    "python",
    "hidden",
    "label",
    "logo_url",
    "description",
    "variant",
    "original",
    "deprecated",
    "docs",
    "repo",
    "pip_url",
    "executable",
    "capabilities",
    "settings_group_validation",
    "settings",
    "commands",
    "requires",
    "requires_meltano",
    "env",
    "supported_python_versions",
];

/// The same for a setting (`SettingDefinition`).
pub(crate) const OF_SETTINGS: [&str; 18] = [
    "name",
    "aliases",
    "env",
    "env_aliases",
    "kind",
    "value",
    "label",
    "documentation",
    "description",
    "tooltip",
    "options",
    "oauth",
    "placeholder",
    "env_specific",
    "hidden",
    "sensitive",
    "value_processor",
    "value_post_processor",
];

/// Brings a table into the form in which Meltano writes it: in its order, and without empty values. Keeps an empty
/// default of a setting, as Meltano does.
fn as_meltano_writes(table: &mut Map<String, Value>, order: &[&str]) {
    table.retain(|key, value| key == "value" || !says_nothing(value));
    let place = |key: &str| order.iter().position(|known| *known == key).unwrap_or(order.len());
    let mut members: Vec<(String, Value)> = std::mem::take(table).into_iter().collect();
    members.sort_by(|(a, _), (b, _)| (place(a), a).cmp(&(place(b), b)));
    table.extend(members);
}

/// Tells whether Meltano omits a value because Python considers it false, except `false` itself.
pub(crate) fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// Returns a connector as one of Meltano's plugin definitions.
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
    put("label", json!(connector.head.label));
    if !plugin.capabilities.is_empty() {
        put("capabilities", json!(plugin.capabilities));
    }
    let settings: Vec<Value> = connector.settings.iter().filter(|setting| !setting.is_own).map(setting).collect();
    if !settings.is_empty() {
        put("settings", Value::Array(settings));
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
    Value::Object(written)
}
