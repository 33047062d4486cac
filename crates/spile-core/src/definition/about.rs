//! The output of `--about --format=json` of Singer SDK plugins, converted to Meltano's form.

use serde_json::{Value, json};

use super::{DefinitionHints, Members};

/// Returns it as a plugin. Each property of its JSON Schema becomes a setting, with dotted names for nested tables.
pub(super) fn plugin(about: &Members, asked: &DefinitionHints) -> Members {
    let mut plugin = Members::new();
    for key in ["name", "description", "version", "capabilities"] {
        plugin.extend(about.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    if let Some(name) = about.get("name").and_then(Value::as_str) {
        plugin.insert("namespace".to_owned(), json!(name.replace('-', "_")));
    }
    if let Some(executable) = &asked.executable {
        plugin.insert("executable".to_owned(), json!(executable));
    }
    // `about` does not list keywords, but only plugins made with the SDK support it.
    plugin.insert("keywords".to_owned(), json!(["meltano_sdk"]));
    let mut settings = Vec::new();
    properties(&about["settings"], "", true, &mut settings);
    plugin.insert("settings".to_owned(), Value::Array(settings));
    plugin
}

fn properties(schema: &Value, prefix: &str, is_required: bool, settings: &mut Vec<Value>) {
    let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{prefix}{name}");
        // A required property of a table is only required if the table is.
        let is_required = is_required && (required(name) || property["required"] == json!(true));
        if property["properties"].as_object().is_some_and(|members| !members.is_empty()) && is_kind(property, "object")
        {
            properties(property, &format!("{path}."), is_required, settings);
        } else {
            settings.push(setting(&path, property, is_required));
        }
    }
}

fn setting(name: &str, property: &Value, is_required: bool) -> Value {
    let mut setting = Members::from_iter([("name".to_owned(), json!(name))]);
    let mut put = |key: &str, value: Option<Value>| setting.extend(value.map(|value| (key.to_owned(), value)));
    put("label", property.get("title").cloned());
    put("description", property.get("description").cloned());
    put("value", property.get("default").filter(|default| !default.is_null()).cloned());
    put("kind", kind(property).map(|kind| json!(kind)));
    let options = options(property);
    put("options", (!options.is_empty()).then_some(Value::Array(options)));
    let is = |key: &str| (property[key] == json!(true)).then_some(json!(true));
    put("sensitive", is("secret").or_else(|| is("writeOnly")));
    put("required", is_required.then_some(json!(true)));
    put("deprecated", property.get("deprecated").cloned());
    Value::Object(setting)
}

/// Returns Meltano's word for the kind of a property; `None` if the property does not define one.
fn kind(property: &Value) -> Option<&'static str> {
    if !options(property).is_empty() {
        return Some("options");
    }
    let is = |kind| is_kind(property, kind);
    let format = property["format"].as_str().unwrap_or_default();
    match format {
        "date" | "date-time" if is("string") => Some("date_iso8601"),
        "email" if is("string") => Some("email"),
        // A value that may be text or another type can be written as text.
        _ if is("string") => Some("string"),
        _ if is("array") => Some("array"),
        _ if is("object") => Some("object"),
        _ if is("number") => Some("decimal"),
        _ if is("integer") => Some("integer"),
        _ if is("boolean") => Some("boolean"),
        _ => None,
    }
}

/// Tells whether a property, or one of its branches, has a type.
fn is_kind(property: &Value, kind: &str) -> bool {
    let is = |types: &Value| match types {
        Value::String(one) => one == kind,
        Value::Array(all) => all.iter().any(|one| one == kind),
        _ => false,
    };
    is(&property["type"]) || branches(property).any(|branch| is(&branch["type"]))
}

fn branches(property: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf", "allOf"].into_iter().flat_map(|key| property[key].as_array().into_iter().flatten())
}

/// Returns the values that a property is restricted to, if it is.
fn options(property: &Value) -> Vec<Value> {
    let listed = |of: &Value| of["enum"].as_array().cloned().unwrap_or_default();
    let mut values = listed(property);
    if values.is_empty() {
        let all: Vec<&Value> = branches(property).filter(|branch| branch["type"] != json!("null")).collect();
        if !all.is_empty() && all.iter().all(|branch| branch.get("const").is_some() || branch["enum"].is_array()) {
            let label = |branch: &Value| branch.get("title").cloned();
            for branch in all {
                match branch.get("const") {
                    Some(value) => values.push(json!({"value": value, "label": label(branch).unwrap_or_default()})),
                    None => values.extend(listed(branch)),
                }
            }
        }
    }
    let option = |value: Value| if value.is_object() { value } else { json!({"value": value, "label": value}) };
    values.into_iter().filter(|value| !value.is_null()).map(option).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the setting that a property becomes.
    fn of(property: &Value) -> Value {
        let about = json!({"settings": {"properties": {"a": property}}});
        plugin(about.as_object().unwrap(), &DefinitionHints::default())["settings"][0].clone()
    }

    #[test]
    fn a_property_becomes_a_setting_of_the_kind_of_its_type() {
        for (property, kind) in [
            (json!({"type": "string"}), json!("string")),
            (json!({"type": "string", "format": "date"}), json!("date_iso8601")),
            (json!({"type": "string", "format": "date-time"}), json!("date_iso8601")),
            (json!({"type": "integer", "format": "date-time"}), json!("integer")),
            (json!({"type": "string", "format": "email"}), json!("email")),
            (json!({"type": "array", "format": "email"}), json!("array")),
            (json!({"type": ["integer", "string", "null"]}), json!("string")),
            (json!({"type": "object"}), json!("object")),
            (json!({"type": "number"}), json!("decimal")),
            (json!({"type": ["integer", "null"]}), json!("integer")),
            (json!({"oneOf": [{"type": "boolean"}]}), json!("boolean")),
            (json!({"anyOf": [{"const": "x"}, {"type": "null"}]}), json!("options")),
            (json!({"anyOf": [{"const": "x"}, {"type": "integer"}]}), json!("integer")),
            (json!({}), Value::Null),
        ] {
            assert_eq!(of(&property)["kind"], kind, "{property}");
        }
    }

    #[test]
    fn a_setting_keeps_the_details_of_its_property() {
        assert_eq!(
            of(&json!({"type": "integer", "title": "A", "default": 5})),
            json!({"name": "a", "label": "A", "kind": "integer", "value": 5})
        );
        assert_eq!(of(&json!({"type": "boolean", "default": null})), json!({"name": "a", "kind": "boolean"}));
    }
}
