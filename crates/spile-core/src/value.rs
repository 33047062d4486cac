//! Values of settings: read from TOML, stored as JSON, and compared as values rather than as text.

pub mod duration;
pub mod expansion;
pub mod periods;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value};
use toml::de::{DeArray, DeTable, DeValue};

use crate::name::SettingName;

/// Settings by name, with nested names joined by dots. Settings that are parts of one setting, for example `maps.b` and
/// `maps.a`, keep the order of their file; see [`sorted`].
pub type Settings = IndexMap<String, Value>;

/// Sorts settings by the first parts of their names, so that the same settings are always written in the same order.
/// The order of unrelated settings does not matter.
#[must_use]
pub fn sorted(mut settings: Settings) -> Settings {
    settings.sort_by(|a, _, b, _| SettingName::new(a).first().cmp(SettingName::new(b).first()));
    settings
}

/// Serializes settings in a fixed order, whatever their order in the file.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_in_one_order<S: Serializer>(settings: &Settings, serializer: S) -> Result<S::Ok, S::Error> {
    let one_order = |value: &Value| {
        let mut value = value.clone();
        value.sort_all_objects();
        value
    };
    let sorted: BTreeMap<&String, Value> = settings.iter().map(|(name, value)| (name, one_order(value))).collect();
    sorted.serialize(serializer)
}

/// Why a TOML value cannot be a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAValue {
    /// An integer beyond 64 bits, `nan` or `inf`, which JSON and YAML cannot express everywhere.
    Number,
}

/// Returns a TOML value as JSON. Datetimes become RFC 3339 strings, and floats keep their value.
///
/// # Errors
/// When it contains a number that JSON cannot express.
pub fn from_toml(value: &DeValue<'_>) -> Result<Value, NotAValue> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(integer) => Value::Number(integer_from(integer)?),
        DeValue::Float(float) => {
            let float: f64 = float.as_str().parse().map_err(|_| NotAValue::Number)?;
            Value::Number(Number::from_f64(float).ok_or(NotAValue::Number)?)
        }
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(datetime) => Value::String(datetime.to_string()),
        DeValue::Array(array) => array_from(array)?,
        DeValue::Table(table) => table_from(table)?,
    })
}

fn integer_from(integer: &toml::de::DeInteger<'_>) -> Result<Number, NotAValue> {
    whole(integer).map(Number::from).ok_or(NotAValue::Number)
}

/// Returns a whole number, which may also be written as `0x20`; `None` if it does not fit in 64 bits.
#[must_use]
pub fn whole(integer: &toml::de::DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn array_from(array: &DeArray<'_>) -> Result<Value, NotAValue> {
    array.iter().map(|item| from_toml(item.get_ref())).collect()
}

fn table_from(table: &DeTable<'_>) -> Result<Value, NotAValue> {
    table.iter().map(|(key, value)| Ok((key.get_ref().to_string(), from_toml(value.get_ref())?))).collect()
}

/// Why TOML cannot express a value, as a phrase that describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotToml {
    /// A null in a list. Omitting it would move the items after it.
    #[error("a list that contains a null")]
    Null,
    /// An integer that does not fit in TOML's signed 64 bits.
    #[error("an integer that does not fit in 64 bits")]
    Number,
}

/// Returns a value as TOML. Omits nulls, alone and in tables, because TOML has no null.
///
/// # Errors
/// When it contains something that TOML cannot express.
pub fn to_toml(value: &Value) -> Result<Option<toml_edit::Value>, NotToml> {
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(float)) if number.is_f64() => float.into(),
            (None, _) => return Err(NotToml::Number),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => {
            let items = items.iter().map(|item| to_toml(item)?.ok_or(NotToml::Null));
            toml_edit::Value::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let mut table = toml_edit::InlineTable::new();
            for (key, member) in members {
                if let Some(member) = to_toml(member)? {
                    table.insert(key, member);
                }
            }
            table.into()
        }
    }))
}

/// Tells whether two values are equal: numbers by value (`1` equals `1.0`), lists in order.
#[must_use]
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || (a.as_f64() == b.as_f64() && (a.is_f64() != b.is_f64())),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// Tells whether the tables in two equal values have the same order. It matters for rules that are applied one after
/// the other, because the last one wins.
#[must_use]
pub fn same_order(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.iter().zip(b).all(|(a, b)| same_order(a, b)),
        (Value::Object(a), Value::Object(b)) => tables_in_order(a, b),
        _ => true,
    }
}

/// Does the same as [`same_order`] for two tables.
#[must_use]
pub fn tables_in_order(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    a.iter().zip(b).all(|((a_key, a), (b_key, b))| a_key == b_key && same_order(a, b))
}

/// Returns the kind of a value for a message.
#[must_use]
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a float",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(text: &str) -> Result<Value, NotAValue> {
        table_from(DeTable::parse(text).unwrap().get_ref())
    }

    #[test]
    fn datetimes_become_strings_and_floats_keep_their_value() {
        let value = parsed("a = 2024-01-01T00:00:00Z\nb = 1.50\nc = 0xff\nd = [1, {e = true}]\nf = 1_000").unwrap();
        let wanted = json!({"a": "2024-01-01T00:00:00Z", "b": 1.5, "c": 255, "d": [1, {"e": true}], "f": 1000});
        assert_eq!(value, wanted);
    }

    #[test]
    fn numbers_without_a_json_form_are_rejected() {
        for text in ["a = nan", "a = [inf]", "a = 99999999999999999999"] {
            assert_eq!(parsed(text), Err(NotAValue::Number), "{text}");
        }
    }

    #[test]
    fn what_toml_cannot_express_is_not_lost() {
        let written = |value: Value| to_toml(&value).map(|value| value.map(|value| value.to_string()));
        let text = written(json!({"a": [1, 2.0, "x"], "b": null, "c": {"d e": true}})).unwrap();
        assert_eq!(text.unwrap(), "{ a = [1, 2.0, \"x\"], c = { \"d e\" = true } }");
        assert_eq!(written(json!(null)), Ok(None));
        assert_eq!(written(json!(["a", null])), Err(NotToml::Null));
        assert_eq!(written(json!({"a": [[null]]})), Err(NotToml::Null));
        assert_eq!(written(json!([u64::MAX])), Err(NotToml::Number));
        assert_eq!(written(json!(i64::MIN)), Ok(Some(i64::MIN.to_string())));
    }

    #[test]
    fn the_order_of_tables_counts_if_requested() {
        let (a, b) = (json!({"x": [{"a": 1, "b": 2}]}), json!({"x": [{"b": 2, "a": 1}]}));
        assert!(same(&a, &b) && a == b && !same_order(&a, &b) && same_order(&a, &a));
    }

    #[test]
    fn settings_are_sorted_except_for_parts_of_the_same_setting() {
        let order = |names: &[&str]| {
            let settings = names.iter().map(|name| ((*name).to_owned(), json!(1))).collect();
            sorted(settings).into_keys().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(order(&["z", "maps.b", "maps.a", "a"]), "a maps.b maps.a z");
        assert_eq!(order(&[r"maps\.b", r"maps\.a"]), r"maps\.a maps\.b", "two settings, with a period each");
    }

    #[test]
    fn numbers_are_compared_by_value() {
        assert!(same(&json!({"a": [1]}), &json!({"a": [1.0]})));
        assert!(!same(&json!(1), &json!("1")));
        assert!(!same(&json!([1, 2]), &json!([2, 1])));
        assert!(!same(&json!(9_007_199_254_740_993_i64), &json!(9_007_199_254_740_992_i64)));
    }
}
