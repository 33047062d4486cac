//! Connector settings as schemas: what `[config]` and `[secrets]` of an integration accept.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::form::closed;
use crate::connector::{Connector, Kind, Setting};

/// A single environment variable, whose value is unknown in the file.
const REFERENCE: &str = r"^\$([A-Z][A-Z0-9_]*|\{\w+\})$";

/// A single variable, the only text that is allowed in place of a secret.
const VARIABLE: &str = r"^\$([A-Z][A-Z0-9_]*|\{[A-Z][A-Z0-9_]*\})$";

/// A value that was encrypted by sops, which leaves empty text as it is.
const CIPHERTEXT: &str = r"^(ENC\[AES256_GCM,data:.*,iv:.+,tag:.+,type:[a-z]+\])?$";

/// Returns the schema of `[config]`.
pub(super) fn config(connector: &Connector) -> Value {
    let settings: Vec<_> = connector.settings.iter().map(|setting| (setting.name.as_str(), plain(setting))).collect();
    table(&settings)
}

/// Returns the schema of `[secrets]`. It allows any setting, because other values may be private too.
pub(super) fn secrets(connector: &Connector) -> Value {
    let sealed = |setting: &Setting| {
        let mut schema = described(setting);
        schema["type"] = json!("string");
        schema["pattern"] = json!(CIPHERTEXT);
        schema
    };
    let settings: Vec<_> = connector.settings.iter().map(|setting| (setting.name.as_str(), sealed(setting))).collect();
    table(&settings)
}

/// Returns the schema of a table of settings. `a.b` may be a key of that name or a key in the table `a`, as in `check`.
fn table(settings: &[(&str, Value)]) -> Value {
    let mut properties = Map::new();
    let mut nested: BTreeMap<&str, Vec<(&str, Value)>> = BTreeMap::new();
    for (name, schema) in settings {
        properties.insert((*name).to_owned(), schema.clone());
        for (dot, _) in name.match_indices('.') {
            nested.entry(&name[..dot]).or_default().push((&name[dot + 1..], schema.clone()));
        }
    }
    for (head, members) in nested {
        if !settings.iter().any(|(name, _)| *name == head) {
            properties.insert(head.to_owned(), table(&members));
        }
    }
    closed(&properties, &[])
}

fn plain(setting: &Setting) -> Value {
    let mut schema = described(setting);
    if setting.secret {
        schema["type"] = json!("string");
        schema["pattern"] = json!(VARIABLE);
        return schema;
    }
    if let Some(default) = &setting.default {
        schema["default"] = default.clone();
    }
    let variables = json!({
        "type": "object",
        "properties": { "env": { "type": "string" } },
        "required": ["env"],
        "additionalProperties": false,
    });
    schema["anyOf"] = json!([accepted(setting), { "type": "string", "pattern": REFERENCE }, variables]);
    schema
}

/// Returns the schema of a value in the API, where secrets are sent in plaintext.
pub(super) fn sent(setting: &Setting) -> Value {
    let mut schema = described(setting);
    if setting.secret {
        schema["type"] = json!("string");
        schema["writeOnly"] = json!(true);
        return schema;
    }
    plain(setting)
}

fn described(setting: &Setting) -> Value {
    let said = setting.description.as_deref().or(setting.label.as_deref()).unwrap_or(&setting.name);
    let marks = [
        (setting.required && setting.default.is_none(), "Required."),
        (setting.secret, "A secret: `spile secrets set` encrypts it and writes it under `[secrets]`."),
        (setting.resync, "Changing it triggers a resync."),
        (setting.is_own, "spile uses it; the plugin does not get it."),
    ];
    let marks = marks.into_iter().filter(|(is_so, _)| *is_so).map(|(_, mark)| mark);
    let description = std::iter::once(said).chain(marks).collect::<Vec<_>>().join(" ");
    json!({ "title": setting.label.as_deref().unwrap_or(&setting.name), "description": description })
}

/// Returns the schema for values of a setting.
fn accepted(setting: &Setting) -> Value {
    if setting.hosts.is_empty() {
        return kind(&setting.kind);
    }
    let domains: Vec<String> = setting.hosts.iter().map(|host| host.replace('.', r"\.")).collect();
    json!({ "type": "string", "pattern": format!(r"^https://[A-Za-z0-9.-]+\.({})/?$", domains.join("|")) })
}

/// Returns the schema for values of a kind. If it cannot express everything, it accepts more than `check` does.
pub(super) fn kind(kind: &Kind) -> Value {
    match kind {
        Kind::String => json!({ "type": ["string", "number", "boolean"] }),
        Kind::File => json!({ "type": "string" }),
        Kind::Integer => json!({ "type": "integer" }),
        Kind::Decimal => json!({ "type": "number" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Date => json!({ "type": "string", "pattern": "^[-+]?[0-9]{4}" }),
        Kind::Email => json!({ "type": "string", "pattern": r"^[^@\s]+@\S*\.\S*$" }),
        Kind::Options(choices) => {
            let values: Vec<&Value> = choices.iter().map(|choice| &choice.value).collect();
            json!({ "enum": values })
        }
        Kind::Array => json!({ "type": "array" }),
        Kind::Object => json!({ "type": "object" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::tests::setting;

    #[test]
    fn the_schema_of_a_setting_includes_what_an_editor_must_warn_about() {
        let plain = setting("host", Kind::String);
        let described = |setting: Setting| {
            let schema = sent(&setting);
            [&schema["title"], &schema["description"]].map(|text| text.as_str().unwrap_or_default().to_owned())
        };
        let required = Setting { required: true, ..plain.clone() };
        let label = Some("Host".to_owned());
        for (setting, title, description) in [
            (plain.clone(), "host", "host"),
            (Setting { label: label.clone(), ..plain.clone() }, "Host", "Host"),
            (Setting { label, description: Some("Where it is.".to_owned()), ..plain.clone() }, "Host", "Where it is."),
            (required.clone(), "host", "host Required."),
            (Setting { default: Some(json!("localhost")), ..required.clone() }, "host", "host"),
            (Setting { default: Some(json!("localhost")), ..plain.clone() }, "host", "host"),
            (
                Setting { secret: true, resync: true, ..required },
                "host",
                "host Required. A secret: `spile secrets set` encrypts it and writes it under `[secrets]`. Changing it triggers a resync.",
            ),
        ] {
            assert_eq!(described(setting), [title, description]);
        }
        let schema = json!({
            "title": "host",
            "description": "host",
            "default": "localhost",
            "anyOf": [
                { "type": ["string", "number", "boolean"] },
                { "type": "string", "pattern": r"^\$([A-Z][A-Z0-9_]*|\{\w+\})$" },
                {
                    "type": "object",
                    "properties": { "env": { "type": "string" } },
                    "required": ["env"],
                    "additionalProperties": false,
                },
            ],
        });
        assert_eq!(sent(&Setting { default: Some(json!("localhost")), ..plain.clone() }), schema);
        let schema = sent(&Setting { secret: true, ..plain });
        assert_eq!((&schema["type"], &schema["writeOnly"]), (&json!("string"), &json!(true)));
    }
}
