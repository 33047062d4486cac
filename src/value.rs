//! Values of settings: TOML on the way in, JSON inside, compared as values and not as text.

use std::collections::BTreeMap;

use serde_json::{Number, Value};
use toml::de::{DeArray, DeTable, DeValue};

/// Settings by name, nested names joined by dots.
pub type Settings = BTreeMap<String, Value>;

/// Why a TOML value cannot be a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAValue {
    /// An integer beyond 64 bits, `nan` or `inf`: neither JSON nor YAML carry them everywhere.
    Number,
}

/// Returns a TOML value as JSON: datetimes become RFC 3339 strings, floats keep their value.
///
/// # Errors
/// When it holds a number that JSON has no form for.
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
    i64::from_str_radix(integer.as_str(), integer.radix()).map(Number::from).map_err(|_| NotAValue::Number)
}

fn array_from(array: &DeArray<'_>) -> Result<Value, NotAValue> {
    array.iter().map(|item| from_toml(item.get_ref())).collect()
}

fn table_from(table: &DeTable<'_>) -> Result<Value, NotAValue> {
    table.iter().map(|(key, value)| Ok((key.get_ref().to_string(), from_toml(value.get_ref())?))).collect()
}

/// Tells whether two values are the same: numbers by value (`1` is `1.0`), lists in order.
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

/// Returns what a value is called in a message.
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
    fn datetimes_become_text_and_floats_keep_their_value() {
        let value = parsed("a = 2024-01-01T00:00:00Z\nb = 1.50\nc = 0xff\nd = [1, {e = true}]\nf = 1_000").unwrap();
        let wanted = json!({"a": "2024-01-01T00:00:00Z", "b": 1.5, "c": 255, "d": [1, {"e": true}], "f": 1000});
        assert_eq!(value, wanted);
    }

    #[test]
    fn numbers_without_a_json_form_are_refused() {
        for text in ["a = nan", "a = [inf]", "a = 99999999999999999999"] {
            assert_eq!(parsed(text), Err(NotAValue::Number), "{text}");
        }
    }

    #[test]
    fn numbers_are_compared_by_value() {
        assert!(same(&json!({"a": [1]}), &json!({"a": [1.0]})));
        assert!(!same(&json!(1), &json!("1")));
        assert!(!same(&json!([1, 2]), &json!([2, 1])));
        assert!(!same(&json!(9_007_199_254_740_993_i64), &json!(9_007_199_254_740_992_i64)));
    }
}
