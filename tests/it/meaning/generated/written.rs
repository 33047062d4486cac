//! YAML of generated values: in block or flow style, with anchors, aliases and merge keys.

use std::fmt::Write;

use serde_json::{Map, Value, json};

/// The key that names a table's anchor.
const ANCHOR: &str = "&";

/// Returns a table with an anchor.
pub fn anchored(name: &str, mut table: Map<String, Value>) -> Value {
    table.insert(ANCHOR.to_owned(), json!(name));
    Value::Object(table)
}

/// Returns an alias, as a value or for the key `<<`.
pub fn alias(name: &str) -> Value {
    json!({ "*": name })
}

/// Returns a value in flow style.
pub fn in_brackets(value: &Value) -> Value {
    json!({ "[]": value })
}

/// Returns the text of a file.
pub fn written(file: &Value) -> String {
    let mut text = String::new();
    members(file.as_object().unwrap(), 0, &mut text);
    text
}

fn members(table: &Map<String, Value>, depth: usize, text: &mut String) {
    for (index, (key, value)) in table.iter().filter(|(key, _)| *key != ANCHOR).enumerate() {
        // The first member of an item follows its dash.
        if index > 0 || !text.ends_with("- ") {
            let _ = write!(text, "{:1$}", "", depth);
        }
        let key = if key == "<<" { key.clone() } else { scalar(&json!(key)) };
        let _ = write!(text, "{key}:");
        behind_key(value, depth, text);
    }
}

fn behind_key(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(table) if marker(table).is_none() => {
            if let Some(name) = table.get(ANCHOR).and_then(Value::as_str) {
                let _ = write!(text, " &{name}");
            }
            if table.keys().all(|key| key == ANCHOR) {
                text.push_str(" {}\n");
            } else {
                text.push('\n');
                members(table, depth + 2, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            for item in items {
                let _ = write!(text, "{:1$}- ", "", depth);
                match item {
                    Value::Object(table) if marker(table).is_none() && !table.is_empty() => {
                        members(table, depth + 2, text);
                    }
                    item => {
                        let _ = writeln!(text, "{}", scalar(item));
                    }
                }
            }
        }
        value => {
            let _ = writeln!(text, " {}", scalar(value));
        }
    }
}

fn marker(table: &Map<String, Value>) -> Option<(&String, &Value)> {
    table.iter().next().filter(|(key, _)| ["*", "[]"].contains(&key.as_str()))
}

/// Returns a value in one line.
fn scalar(value: &Value) -> String {
    match value {
        Value::Object(table) => match marker(table) {
            Some((key, Value::String(name))) if key == "*" => format!("*{name}"),
            Some((_, value)) => flow(value),
            None => flow(value),
        },
        Value::Array(_) => flow(value),
        Value::Null => String::new(),
        Value::String(text) if is_bare(text) => text.clone(),
        value => value.to_string(),
    }
}

/// Returns a value in flow style, in which all that it contains is too.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(table) if let Some((_, inner)) = marker(table) => flow(inner),
        Value::Object(table) => {
            let members: Vec<_> = table.iter().map(|(key, value)| format!("{}:{}", json!(key), flow(value))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(",")),
        value => value.to_string(),
    }
}

/// Tells whether a text needs no quotes.
fn is_bare(text: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.$/".contains(c);
    let first = text.chars().next();
    first.is_some_and(|c| c.is_ascii_alphabetic() || c == '$')
        && text.chars().all(is_name)
        && !["true", "false", "null", "yes", "no", "on", "off"].contains(&text.to_lowercase().as_str())
}

#[test]
fn written_yaml_is_read_back() {
    let config = anchored("c", serde_json::from_value(json!({"a": [1, {"b": null}], "d": {}})).unwrap());
    let file = json!({"plugins": {"extractors": [{"name": "x", "config": config}, {"name": "y", "config": alias("c")}]},
                      "b": in_brackets(&json!({"x.y": ["$A b", "true", {}]})), "e": [], "m": {"<<": alias("c"), "f": "1"}});
    let read: Value = yaml_serde::from_str(&written(&file)).unwrap();
    let plain = json!({"a": [1, {"b": null}], "d": {}});
    assert_eq!(read["plugins"]["extractors"][0]["config"], plain);
    assert_eq!(read["plugins"]["extractors"][1]["config"], plain);
    assert_eq!(read["b"], json!({"x.y": ["$A b", "true", {}]}));
    assert_eq!((&read["e"], &read["m"]["f"]), (&json!([]), &json!("1")));
    // Brackets within brackets are no keys.
    let nested =
        json!({"a": in_brackets(&json!({"z": in_brackets(&json!({}))})), "b": [in_brackets(&json!({"c": 1}))]});
    let read: Value = yaml_serde::from_str(&written(&nested)).unwrap();
    assert_eq!(read, json!({"a": {"z": {}}, "b": [{"c": 1}]}));
}
