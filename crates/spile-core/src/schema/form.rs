//! The types of keys in files, as schemas.

use serde_json::{Map, Value, json};

/// The dialect with the best support in editors.
const DIALECT: &str = "http://json-schema.org/draft-07/schema#";

/// A key with its schema.
pub(super) type Key = (&'static str, Value);

pub(super) fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

/// Returns the schema of a flag that is false by default.
pub(super) fn flag(description: &str) -> Value {
    json!({ "type": "boolean", "default": false, "description": description })
}

pub(super) fn whole(least: u32, most: u32, description: &str) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most, "description": description })
}

pub(super) fn texts(description: &str) -> Value {
    json!({ "type": "array", "items": { "type": "string" }, "description": description })
}

pub(super) fn word<'a>(words: impl IntoIterator<Item = &'a str>, description: &str) -> Value {
    let words: Vec<&str> = words.into_iter().collect();
    json!({ "type": "string", "enum": words, "description": description })
}

/// Returns the schema of a list of tables: `[[key]]`.
pub(super) fn tables(item: &Value, description: &str) -> Value {
    json!({ "type": "array", "items": item, "description": description })
}

/// Returns the schema of a table with keys that spile does not define.
pub(super) fn open_table(description: &str) -> Value {
    json!({ "type": "object", "description": description })
}

/// Returns the schema of a table with only these keys.
pub(super) fn table(keys: impl IntoIterator<Item = Key>, required: &[&str]) -> Value {
    let properties: Map<String, Value> = keys.into_iter().map(|(key, schema)| (key.to_owned(), schema)).collect();
    closed(&properties, required)
}

/// Like [`table`], but with names that are only known at run time.
pub(super) fn closed(properties: &Map<String, Value>, required: &[&str]) -> Value {
    let mut table = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        table["required"] = json!(required);
    }
    table
}

/// Converts the schema of a top-level table to that of a whole document.
pub(super) fn document(title: &str, mut table: Value) -> Value {
    table["$schema"] = json!(DIALECT);
    table["title"] = json!(title);
    table
}
