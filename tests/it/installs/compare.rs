//! The settings of a definition beside those that its plugin declares. A definition may leave settings out, but has none
//! that the plugin does not know, and keeps every secret that the plugin names.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use spile_core::connector::{Connector, Kind, Setting};

use super::plugin::Answer;

/// Returns what is wrong with a definition.
pub fn faults(connector: &Connector, answer: &Answer) -> Vec<String> {
    match answer {
        Answer::About(about) => of_about(connector, about),
        Answer::Source(source) => of_source(connector, source),
    }
}

fn of_about(connector: &Connector, about: &Value) -> Vec<String> {
    let mut declared = BTreeMap::new();
    declare(connector, "", &about["settings"], &mut declared);
    let mut faults = Vec::new();
    for setting in &connector.settings {
        match declared.get(setting.name.as_str()) {
            Some(property) => faults.extend(of_setting(setting, property)),
            None => faults.push(format!("`{}` is no setting of the plugin", setting.name)),
        }
    }
    let needed = about["settings"]["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let is_met = |name: &str| {
        let setting = connector.settings.iter().find(|setting| setting.name == name);
        setting.is_some_and(|setting| setting.required || setting.default.is_some())
            || connector.groups.iter().any(|group| group.settings.iter().any(|of| of == name))
    };
    faults.extend(needed.filter(|name| !is_met(name)).map(|name| format!("`{name}` is required by the plugin")));
    faults
}

/// Collects settings by name. An object is one setting where the definition has it, and otherwise its own settings.
fn declare<'a>(connector: &Connector, prefix: &str, schema: &'a Value, declared: &mut BTreeMap<String, &'a Value>) {
    let properties = schema["properties"].as_object().into_iter().flat_map(Map::iter);
    for (key, property) in properties {
        let name = format!("{prefix}{key}");
        let is_whole = connector.settings.iter().any(|setting| setting.name == name);
        if is_whole || !property["properties"].is_object() {
            declared.insert(name, property);
        } else {
            declare(connector, &format!("{name}."), property, declared);
        }
    }
}

fn of_setting(setting: &Setting, property: &Value) -> Vec<String> {
    let name = &setting.name;
    let mut faults = Vec::new();
    let is_secret = [&property["secret"], &property["writeOnly"]].iter().any(|flag| **flag == Value::Bool(true));
    if is_secret && !setting.secret {
        faults.push(format!("`{name}` is a secret of the plugin"));
    }
    if !types(&property["type"]).is_none_or(|types| words(&setting.kind).iter().any(|word| types.contains(word))) {
        faults.push(format!("`{name}` is of type {} in the plugin", property["type"]));
    }
    if let (Kind::Options(choices), Some(allowed)) = (&setting.kind, property["enum"].as_array()) {
        let unknown = choices.iter().filter(|choice| !allowed.contains(&choice.value));
        faults.extend(unknown.map(|choice| format!("`{name}` cannot be {} in the plugin", choice.value)));
    }
    if let (Some(ours), false) = (&setting.default, property["default"].is_null())
        && *ours != property["default"]
    {
        faults.push(format!("the default of `{name}` is {} in the plugin", property["default"]));
    }
    faults
}

/// Returns the types that a schema allows; `None` if it does not say.
fn types(schema: &Value) -> Option<Vec<&str>> {
    match schema {
        Value::String(word) => Some(vec![word]),
        Value::Array(words) => Some(words.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

/// Returns the types of JSON that a kind of setting is sent as.
fn words(kind: &Kind) -> &'static [&'static str] {
    match kind {
        Kind::String | Kind::Date | Kind::Email | Kind::File => &["string"],
        Kind::Integer => &["integer", "number"],
        Kind::Decimal => &["number"],
        Kind::Boolean => &["boolean"],
        Kind::Options(_) => &["string", "integer", "number", "boolean"],
        Kind::Array => &["array"],
        Kind::Object => &["object"],
    }
}

/// Looks for the names of settings in the source; for one that is sent as an environment variable, the variable's name.
fn of_source(connector: &Connector, source: &str) -> Vec<String> {
    let is_read = |setting: &&Setting| {
        let variable = setting.passed.get("env").and_then(Value::as_str);
        let name = variable.unwrap_or_else(|| setting.name.rsplit('.').next().unwrap_or_default());
        source.contains(name)
    };
    let unknown = connector.settings.iter().filter(|setting| !is_read(setting));
    unknown.map(|setting| format!("the plugin's source does not name `{}`", setting.name)).collect()
}
