//! Writes TOML as people do: a short value on one line, a long one with a line for each item.

use std::fmt::Write;

use serde_json::{Map, Value};

/// The longest line for a list or a table.
const WIDTH: usize = 100;

/// Returns a key, quoted if necessary.
#[must_use]
pub fn key(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    // `string` could use multi-line quotes, which are not valid for keys.
    if is_bare { name.to_owned() } else { toml_edit::Key::new(name).display_repr().into_owned() }
}

/// Returns a quoted text.
#[must_use]
pub fn string(text: &str) -> String {
    toml_edit::Value::from(text).to_string().trim().to_owned()
}

/// Returns a value. Long lists have one line per item. Nulls must have been removed before.
#[must_use]
pub fn value(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let line = inline(value);
            if line.len() <= WIDTH {
                return line;
            }
            let items = items.iter().fold(String::new(), |mut lines, item| {
                let _ = writeln!(lines, "  {},", inline(item));
                lines
            });
            format!("[\n{items}]")
        }
        _ => inline(value),
    }
}

/// Tells whether a value is a table that is too long for one line.
#[must_use]
pub fn is_long_table(value: &Value) -> bool {
    value.is_object() && inline(value).len() > WIDTH
}

/// Returns a table with its header and its members in order. If only tables follow the first long table, each of them
/// gets its own header, because no plain member can come after a header.
#[must_use]
pub fn table(path: &str, members: &Map<String, Value>) -> String {
    let all: Vec<(&String, &Value)> = members.iter().collect();
    let tables = all.iter().rposition(|(_, value)| !value.is_object()).map_or(0, |at| at + 1);
    let heads = all[tables..].iter().position(|(_, value)| is_long_table(value)).map_or(all.len(), |at| tables + at);
    let (lines, headed) = all.split_at(heads);
    let mut table = if lines.is_empty() && !headed.is_empty() { String::new() } else { format!("[{path}]\n") };
    for (name, member) in lines {
        let _ = writeln!(table, "{} = {}", key(name), value(member));
    }
    for (name, member) in headed {
        let path = format!("{path}.{}", key(name));
        if let Some(members) = member.as_object() {
            let gap = if table.is_empty() { "" } else { "\n" };
            let _ = write!(table, "{gap}{}", self::table(&path, members));
        }
    }
    table
}

/// Returns a value on one line, whatever its length.
#[must_use]
pub fn inline(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => format!("{float:?}"),
            None => number.to_string(),
        },
        Value::String(text) => string(text),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(name, value)| format!("{} = {}", key(name), inline(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn written_values_are_read_back() {
        let long: Vec<_> = (0..20).map(|n| json!({"name": format!("stream-{n}"), "a b": [1, 2.0, true]})).collect();
        let values = json!({"a": "x\ny\"'\\", "b": 1e300, "c.d": {}, "e": [], "f": long, "": -5, "g": {"h": {"i": "$X"}}, "j\nk": 1, "l\"m'": 2});
        let lines = values.as_object().unwrap().iter().map(|(name, said)| format!("{} = {}", key(name), value(said)));
        let text = lines.collect::<Vec<_>>().join("\n");
        let back: Value = toml::from_str(&text).unwrap();
        assert_eq!(back, values, "{text}");
        let deep = json!({"a": {"b": {"c d": "x".repeat(90), "e": {"f": "y".repeat(99)}}, "g": 1}});
        let back: Value = toml::from_str(&table("config", deep.as_object().unwrap())).unwrap();
        assert_eq!(back, json!({"config": deep}));
    }

    #[test]
    fn tables_keep_their_order_with_and_without_headers() {
        let (long, short) = (json!({"z": "x".repeat(90), "a": 1}), json!({"y": 1}));
        for members in [
            json!({"c": long, "b": 1, "a": long, "d": short}),
            json!({"c": short, "b": long, "a": short}),
            json!({"b": long, "a": 1}),
        ] {
            let text = table("config", members.as_object().unwrap());
            let mut problems = crate::problem::Problems::default();
            let source = crate::source::Source::new("x.toml", text.as_str());
            let read = crate::table::parse(&source, &mut problems, |table, problems| table.value("config", problems));
            let read = read.unwrap().value;
            assert!(read == members && crate::value::same_order(&read, &members), "{text}");
        }
    }
}
