//! The schemas of integrations and their overlays: `type` and `kind` determine which settings exist.
//!
//! There are two sets of branches. The chain of `if` reports mistakes at their key, but taplo only completes along
//! `anyOf`, not next to an `allOf`. So a base also has an `anyOf` that everything matches, for completion.

use serde_json::{Map, Value, json};

use super::form::{self, Key, document, flag, open_table, text, texts, whole, word};
use super::setting;
use crate::connector::{Catalog, Connector, Role};
use crate::integration::Reaction;
use crate::integration::keys::{OF_EXTRACTORS, OF_LOAD, OF_SCHEMA, OF_SCHEMA_STREAMS, what};
use crate::integration::schedule::PRESETS;
use crate::settings::STREAMS;

/// Returns the schema of an integration's base file.
pub(super) fn base(catalog: &Catalog) -> Value {
    let names = Role::WORDS.iter().flat_map(|(_, role)| catalog.names(*role));
    let names: std::collections::BTreeSet<&str> = names.collect();
    let identity = [
        ("type", word(names, what("type"))),
        ("plugin", text(what("plugin"))),
        ("kind", word(Role::WORDS.map(|(word, _)| word), what("kind"))),
        ("id", text(what("id"))),
        ("protect", flag(what("protect"))),
        ("forward_only", texts(what("forward_only"))),
        ("backfill", open_table(what("backfill"))),
    ];
    let mut schema = form::table(identity.into_iter().chain(shared()), &["type"]);
    let (definitions, mut any) = branches(catalog);
    any.push(json!({}));
    schema["definitions"] = Value::Object(definitions);
    schema["anyOf"] = Value::Array(any);
    let chain = chain(catalog);
    for part in ["if", "then", "else"] {
        schema[part] = chain[part].clone();
    }
    document("A spile integration", schema)
}

/// Returns the schema of an overlay: nothing is required, and what the base determines cannot be changed. Its connector
/// is set in another file, so the settings may be those of any connector.
pub(super) fn overlay(catalog: &Catalog) -> Value {
    let mut schema = form::table(shared(), &[]);
    let (definitions, any) = branches(catalog);
    schema["definitions"] = Value::Object(definitions);
    schema["anyOf"] = Value::Array(any);
    document("How an integration differs in one environment", schema)
}

fn shared() -> Vec<Key> {
    vec![
        ("name", text(what("name"))),
        ("description", text(what("description"))),
        ("enabled", json!({ "type": "boolean", "default": true, "description": what("enabled") })),
        ("loader", text(what("loader"))),
        ("mappers", texts(what("mappers"))),
        ("schedule", schedule()),
        ("timezone", text(what("timezone"))),
        ("jitter", text(what("jitter"))),
        ("catch_up", text(what("catch_up"))),
        ("select", texts(what("select"))),
        ("streams", whole((*STREAMS.start()).into(), (*STREAMS.end()).into(), what("streams"))),
        ("batch", flag(what("batch"))),
        ("metadata", metadata()),
        ("tags", texts(what("tags"))),
        ("load", load()),
        ("schema", schema()),
        ("config", open_table(what("config"))),
        ("secrets", open_table(what("secrets"))),
        ("sops", open_table(what("sops"))),
    ]
}

fn schedule() -> Value {
    json!({
        "description": what("schedule"),
        "type": "string",
        "anyOf": [{ "enum": PRESETS }, { "pattern": r"^\s*[^@\s]\S*(\s+\S+){4}\s*$" }],
        "examples": ["0 6 * * 1-5"],
    })
}

fn load() -> Value {
    let [(schema, of_schema), (shared, of_shared)] = OF_LOAD;
    let mut load = form::table([(schema, text(of_schema)), (shared, flag(of_shared))], &[]);
    load["description"] = json!(what("load"));
    load
}

fn schema() -> Value {
    let words = Reaction::WORDS.map(|(word, _)| word);
    let keys = || OF_SCHEMA.map(|(key, what)| (key, word(words, what)));
    let mut streams = open_table(OF_SCHEMA_STREAMS);
    streams["additionalProperties"] = form::table(keys(), &[]);
    let mut schema = form::table(keys().into_iter().chain([("streams", streams)]), &[]);
    schema["description"] = json!(what("schema"));
    schema
}

fn metadata() -> Value {
    json!({
        "description": what("metadata"),
        "type": "object",
        "additionalProperties": { "type": "object" },
    })
}

/// Returns the connectors of all roles.
fn connectors(catalog: &Catalog) -> Vec<std::sync::Arc<Connector>> {
    let found = |role: Role| catalog.names(role).filter_map(move |name| catalog.find(role, name));
    Role::WORDS.iter().flat_map(|(_, role)| found(*role)).collect()
}

fn definition_name(connector: &Connector) -> String {
    format!("{}-{}", connector.head.role, connector.head.name)
}

fn reference(connector: &Connector) -> Value {
    json!({ "$ref": format!("#/definitions/{}", definition_name(connector)) })
}

/// Returns the definition that each connector adds, by name, and references to all of them.
fn branches(catalog: &Catalog) -> (Map<String, Value>, Vec<Value>) {
    let connectors = connectors(catalog);
    let definitions = connectors.iter().map(|connector| (definition_name(connector), branch(connector))).collect();
    (definitions, connectors.iter().map(|connector| reference(connector)).collect())
}

fn branch(connector: &Connector) -> Value {
    let mut properties = Map::new();
    properties.insert("config".to_owned(), setting::config(connector));
    properties.insert("secrets".to_owned(), setting::secrets(connector));
    if connector.head.role == Role::Loader {
        properties.extend(OF_EXTRACTORS.map(|key| (key.to_owned(), Value::Bool(false))));
    }
    json!({ "title": connector.head.label, "description": connector.head.description, "properties": properties })
}

/// Returns nested `if`, `then` and `else` for one connector after the other. The last one checks whether the connector
/// exists.
fn chain(catalog: &Catalog) -> Value {
    let loaders: Vec<&str> = catalog.names(Role::Loader).collect();
    let extractors: Vec<&str> = catalog.names(Role::Extractor).collect();
    let end = json!({
        "if": { "properties": { "kind": { "const": "loader" } }, "required": ["kind"] },
        "then": { "properties": { "type": { "enum": loaders } } },
        "else": { "properties": { "type": { "enum": extractors } } },
    });
    connectors(catalog)
        .iter()
        .rev()
        .fold(end, |rest, connector| json!({ "if": condition(connector), "then": reference(connector), "else": rest }))
}

fn condition(connector: &Connector) -> Value {
    let required: &[&str] = match connector.head.role {
        Role::Extractor => &["type"],
        Role::Loader => &["type", "kind"],
    };
    let kind = connector.head.role.to_string();
    json!({ "properties": { "type": { "const": connector.head.name }, "kind": { "const": kind } }, "required": required })
}
