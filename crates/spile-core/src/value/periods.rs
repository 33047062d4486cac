//! Periods in the keys of tables. Meltano flattens a setting into names joined by periods and nests it again, so a key
//! like `main.orders` becomes two tables, or fails if the value comes from a variable.
//!
//! Since 4.3, Meltano takes `\.` for a period that belongs to a key, in files and in variables (`split_path` and
//! `process_config` of Meltano 4.4). It ignores keys in lists, so they are not changed there.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use crate::name::SettingName;

/// A period, with the backslash that makes it part of a key, if there is one.
#[expect(clippy::unwrap_used, reason = "the pattern is a constant, and tests compile it")]
static PERIOD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\\?\.").unwrap());

/// Returns a setting's value with keys that Meltano does not split. Existing backslashes are kept.
#[must_use]
pub fn escaped(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            members.iter().map(|(key, member)| (escaped_key(key).into_owned(), escaped(member))).collect()
        }
        Value::Array(_) | Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Does the same as [`escaped`] for a value that is written as JSON; `None` if nothing has to be escaped.
#[must_use]
pub fn escaped_json(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok().filter(Value::is_object)?;
    let escaped = escaped(&value);
    (escaped != value).then(|| escaped.to_string())
}

fn escaped_key(key: &str) -> Cow<'_, str> {
    PERIOD.replace_all(key, r"\.")
}

/// Returns a value of a `meltano.yml` with the tables that Meltano makes of its keys: `main.orders` becomes `orders` in
/// `main`. Returns `None` if two of them conflict.
#[must_use]
pub fn nested(value: &Value) -> Option<Value> {
    let Value::Object(members) = value else { return Some(value.clone()) };
    let mut table = Map::new();
    for (key, member) in members {
        add(&mut table, &SettingName::new(key).parts().collect::<Vec<_>>(), nested(member)?)?;
    }
    Some(Value::Object(table))
}

fn add(table: &mut Map<String, Value>, path: &[&str], value: Value) -> Option<()> {
    let (first, rest) = path.split_first()?;
    if !rest.is_empty() {
        let inner = table.entry(*first).or_insert_with(|| Value::Object(Map::new()));
        return add(inner.as_object_mut()?, rest, value);
    }
    match (table.get_mut(*first), value) {
        (None, value) => drop(table.insert((*first).to_owned(), value)),
        (Some(Value::Object(known)), Value::Object(members)) => {
            for (key, member) in members {
                add(known, &[key.as_str()], member)?;
            }
        }
        (Some(_), _) => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_period_in_a_key_is_escaped_once_and_only_where_meltano_splits_keys() {
        let value = json!({"main.orders": {"a.b": "x.y", "l": [{"c.d": 1}]}, "plain": {}});
        let wanted = json!({r"main\.orders": {r"a\.b": "x.y", "l": [{"c.d": 1}]}, "plain": {}});
        assert_eq!(escaped(&value), wanted);
        assert_eq!(escaped(&wanted), wanted);
        assert_eq!(escaped(&json!("a.b")), json!("a.b"));
        assert_eq!(escaped(&json!([{"a.b": 1}])), json!([{"a.b": 1}]));
    }

    #[test]
    fn json_without_such_keys_stays_as_it_was_written() {
        assert_eq!(escaped_json(r#"{"abc.xyz": "v"}"#).as_deref(), Some(r#"{"abc\\.xyz":"v"}"#));
        for text in [r#"{ "abc": "v.w" }"#, r#"[{"a.b": 1}]"#, "abc.xyz", r#""a.b""#, r#"{"a\\.b": 1}"#] {
            assert_eq!(escaped_json(text), None, "{text}");
        }
    }

    #[test]
    fn keys_of_a_meltano_yml_become_the_tables_that_meltano_makes_of_them() {
        let value = json!({"main.orders": {"a": 1}, "main": {"users": 2}, r"b\.c": {"d.e": 3}, "l": [{"f.g": 4}]});
        let wanted = json!({"main": {"orders": {"a": 1}, "users": 2}, r"b\.c": {"d": {"e": 3}}, "l": [{"f.g": 4}]});
        assert_eq!(nested(&value), Some(wanted));
        assert_eq!(nested(&json!({"a.b": 1, "a": 2})), None);
        assert_eq!(nested(&json!({"a": {"b": 1}, "a.b": 2})), None);
    }
}
