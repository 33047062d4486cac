//! A preview: the first records of each stream of a source, with everything masked that looks like a secret.
//!
//! Separate from everything that shows or stores records, so that both only ever get masked ones.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::secrecy::{is_name, is_value};

/// The text that replaces a value that looks like a secret.
pub const MASK: &str = "***";

/// The first records of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// The streams, in the order in which they arrived.
    pub streams: Vec<PreviewStream>,
    /// Whether the tap was stopped early, because it cannot skip streams that have enough records.
    pub is_cut: bool,
}

/// The first records of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewStream {
    /// Its name.
    pub name: String,
    /// The table that it is loaded into. `None` if it has no columns.
    pub table: Option<String>,
    /// Its columns, in the order of its schema.
    pub columns: Vec<Column>,
    /// Its records, masked.
    pub records: Vec<Map<String, Value>>,
}

/// A column of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Whether any value of it is masked.
    pub is_masked: bool,
    /// Its schema.
    schema: Value,
}

/// A line of the launcher: a message of the tap, or the summary at the end.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum Message {
    #[serde(rename = "SCHEMA")]
    Schema { stream: String, schema: Value },
    #[serde(rename = "RECORD")]
    Record { stream: String, record: Map<String, Value> },
    #[serde(rename = "PREVIEW")]
    End { without: Vec<String>, is_cut: bool },
}

impl Preview {
    /// Reads messages and masks their records. Other lines are skipped, because Meltano writes some too.
    #[must_use]
    pub fn read(messages: &[u8]) -> Self {
        let mut preview = Self::default();
        for line in messages.split(|byte| *byte == b'\n') {
            if let Ok(message) = serde_json::from_slice(line) {
                preview.take(message);
            }
        }
        preview.name_tables();
        preview
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Schema { stream, schema } => self.stream(stream).declare(&schema),
            Message::Record { stream, record } => self.stream(stream).add(record),
            Message::End { without, is_cut } => {
                self.is_cut = is_cut;
                for name in without {
                    self.stream(name);
                }
            }
        }
    }

    fn stream(&mut self, name: String) -> &mut PreviewStream {
        let found = self.streams.iter().position(|stream| stream.name == name).unwrap_or_else(|| {
            self.streams.push(PreviewStream { name, table: None, columns: Vec::new(), records: Vec::new() });
            self.streams.len() - 1
        });
        &mut self.streams[found]
    }

    /// Gives each stream with columns a table of its own. Loaders may drop parts of a stream's name, so two streams could
    /// share a table.
    fn name_tables(&mut self) {
        let mut taken = BTreeSet::new();
        for stream in self.streams.iter_mut().filter(|stream| !stream.columns.is_empty()) {
            let plain = |letter: char| if letter.is_alphanumeric() { letter } else { '_' };
            let name: String = stream.name.to_lowercase().chars().map(plain).collect();
            let numbered = (2..).map(|number| format!("{name}_{number}"));
            let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name));
            taken.extend(free.clone());
            stream.table = free;
        }
    }

    /// Returns messages that load the masked records. They have no keys, because masked keys would be equal.
    #[must_use]
    pub fn messages(&self) -> String {
        let mut text = String::new();
        for stream in &self.streams {
            let Some(table) = &stream.table else { continue };
            let columns = stream.columns.iter().map(|column| (column.name.clone(), column.schema.clone()));
            let schema = json!({ "type": "object", "properties": columns.collect::<Map<_, _>>() });
            let schema = json!({ "type": "SCHEMA", "stream": table, "schema": schema, "key_properties": [] });
            let record = |record| json!({ "type": "RECORD", "stream": table, "record": record });
            for message in std::iter::once(schema).chain(stream.records.iter().map(record)) {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{message}");
            }
        }
        text
    }
}

impl PreviewStream {
    /// Adds the columns of a schema. A later schema of the same stream cannot change a column.
    fn declare(&mut self, schema: &Value) {
        for (name, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            self.column(name, schema);
        }
    }

    fn column(&mut self, name: &str, schema: &Value) -> &mut Column {
        let found = self.columns.iter().position(|column| column.name == name).unwrap_or_else(|| {
            let is_masked = is_name(name);
            // A mask is text, whatever the type of the value.
            let schema = if is_masked { json!({ "type": ["null", "string"] }) } else { schema.clone() };
            self.columns.push(Column { name: name.to_owned(), is_masked, schema });
            self.columns.len() - 1
        });
        &mut self.columns[found]
    }

    fn add(&mut self, record: Map<String, Value>) {
        let mut shown = Map::new();
        for (name, value) in record {
            let column = self.column(&name, &json!({}));
            let masked = masked(&name, value.clone());
            column.is_masked |= masked != value;
            shown.insert(name, masked);
        }
        self.records.push(shown);
    }
}

/// Masks a value of this name if the name or the value looks like a secret, and secrets inside it. `null` stays.
fn masked(name: &str, value: Value) -> Value {
    match value {
        Value::Null => Value::Null,
        _ if is_name(name) => MASK.into(),
        Value::String(text) if is_value(&text) => MASK.into(),
        Value::Array(items) => items.into_iter().map(|item| masked("", item)).collect(),
        Value::Object(members) => {
            let member = |(name, value): (String, Value)| {
                let value = masked(&name, value);
                if is_value(&name) { (MASK.to_owned(), value) } else { (name, value) }
            };
            Value::Object(members.into_iter().map(member).collect())
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(messages: &[Value]) -> Preview {
        let lines: Vec<String> = messages.iter().map(Value::to_string).collect();
        Preview::read(lines.join("\n").as_bytes())
    }

    fn schema(stream: &str, properties: &Value) -> Value {
        json!({ "type": "SCHEMA", "stream": stream, "schema": { "properties": properties }, "key_properties": ["id"] })
    }

    fn record(stream: &str, record: &Value) -> Value {
        json!({ "type": "RECORD", "stream": stream, "record": record })
    }

    #[test]
    fn what_looks_like_a_secret_is_masked_at_every_depth_in_text_and_in_what_is_loaded() {
        let hidden = json!({
            "id": 1,
            "password": "hunter2",
            "api_token": 4711,
            "note": "postgres://me:hunter3@db/x",
            "meta": { "client_secret": ["hunter4"], "plain": [{ "dsn": "hunter5" }] },
            "list": ["Bearer abcdefgh12345"],
            "text": r#"{"password": "hunter6"}"#,
            "name": "Ada",
        });
        let integer = json!({ "type": "integer" });
        let preview = read(&[
            schema("users", &json!({ "id": integer, "password": {"type": "string"}, "api_token": integer })),
            record("users", &hidden),
            record("users", &json!({ "id": 2, "password": null, "name": "Bob" })),
        ]);
        let stream = &preview.streams[0];
        let shown = json!([
            {
                "id": 1, "password": "***", "api_token": "***", "note": "***",
                "meta": { "client_secret": "***", "plain": [{ "dsn": "***" }] },
                "list": ["***"], "text": "***", "name": "Ada",
            },
            { "id": 2, "password": null, "name": "Bob" },
        ]);
        assert_eq!(json!(stream.records), shown);
        let masked: Vec<_> = stream.columns.iter().filter(|one| one.is_masked).map(|one| one.name.as_str()).collect();
        assert_eq!(masked, ["password", "api_token", "note", "meta", "list", "text"]);
        let messages = preview.messages();
        assert!(!messages.contains("hunter") && !messages.contains("4711") && !messages.contains("abcdefgh"));
        let first: Value = serde_json::from_str(messages.lines().next().unwrap()).unwrap();
        assert_eq!(first["schema"]["properties"]["api_token"], json!({ "type": ["null", "string"] }));
        assert_eq!(first["key_properties"], json!([]));
        assert_eq!(messages.lines().count(), 3);
    }

    #[test]
    fn streams_of_similar_names_get_tables_of_their_own_and_empty_ones_get_none() {
        let id = json!({ "id": {} });
        let end = json!({ "type": "PREVIEW", "without": ["users"], "is_cut": true });
        let preview = read(&[schema("a-orders", &id), schema("A.orders", &id), json!("Plugin is valid"), end]);
        let tables: Vec<_> = preview.streams.iter().map(|one| (one.name.as_str(), one.table.as_deref())).collect();
        assert_eq!(tables, [("a-orders", Some("a_orders")), ("A.orders", Some("a_orders_2")), ("users", None)]);
        assert!(preview.is_cut);
    }
}
