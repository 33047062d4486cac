//! Parses what people type for a setting.

use serde_json::{Number, Value};

use crate::connector::kind::word_of;
use crate::connector::{Kind, Setting};
use crate::problem::{did_you_mean, listed};
use crate::table::tree;
use crate::value::from_toml;

/// Parses what a user typed for a setting. Lists are words separated by commas, or TOML or JSON. Tables are TOML or
/// JSON.
///
/// # Errors
/// With a sentence that explains what is expected instead.
pub fn answer(setting: &Setting, typed: &str) -> Result<Value, String> {
    let text = typed.trim();
    let (wanted, example) = setting.wanted();
    let refused = || format!("this is not {wanted}, for example {example}");
    let value = match &setting.kind {
        Kind::String => like_its_default(setting, text),
        Kind::File | Kind::Date | Kind::Email => Value::String(text.to_owned()),
        Kind::Integer => text.parse::<i64>().map(Value::from).map_err(|_| refused())?,
        Kind::Decimal => decimal(text).ok_or_else(refused)?,
        Kind::Boolean => match text.to_lowercase().as_str() {
            "true" | "yes" | "y" => Value::Bool(true),
            "false" | "no" | "n" => Value::Bool(false),
            _ => return Err(refused()),
        },
        Kind::Options(choices) => {
            let is_it = |word: &str| word.eq_ignore_ascii_case(text);
            let found = choices.iter().find(|choice| is_it(&word_of(&choice.value)) || is_it(&choice.label));
            let words = setting.kind.option_words();
            let names = || words.iter().map(String::as_str);
            let found = found.ok_or_else(|| {
                did_you_mean(text, names()).unwrap_or_else(|| format!("choose one of {}", listed(names())))
            })?;
            found.value.clone()
        }
        Kind::Array if !text.starts_with('[') => {
            Value::Array(text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(Value::from).collect())
        }
        Kind::Array | Kind::Object => structured(text).ok_or_else(refused)?,
    };
    setting.check(&value).map_err(|_| refused())?;
    Ok(value)
}

/// Parses a number or a boolean if the default is one, because that is what the plugin expects, whatever its definition
/// says.
fn like_its_default(setting: &Setting, text: &str) -> Value {
    let value = match &setting.default {
        Some(Value::Bool(_)) => text.parse().ok().map(Value::Bool),
        Some(Value::Number(_)) => decimal(text),
        _ => None,
    };
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn decimal(text: &str) -> Option<Value> {
    match text.parse::<i64>() {
        Ok(whole) => Some(Value::from(whole)),
        Err(_) => Number::from_f64(text.parse().ok()?).map(Value::Number),
    }
}

/// Parses TOML or JSON.
fn structured(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let text = format!("value = {text}");
    let table = tree(&text).ok()?;
    // After a line break, there may be other keys, which are not part of the answer.
    from_toml(table.get("value").filter(|_| table.len() == 1)?.get_ref()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::connector::kind::Choice;
    use crate::connector::tests::setting;

    fn of(kind: Kind, typed: &str) -> Result<Value, String> {
        answer(&setting("x", kind), typed)
    }

    #[test]
    fn input_is_parsed_by_the_kind_of_its_setting() {
        let bulk = || Kind::Options(vec![Choice { value: json!("BULK"), label: "Bulk API".to_owned() }]);
        assert_eq!(of(Kind::String, " a b "), Ok(json!("a b")));
        assert_eq!(of(Kind::Integer, "5432"), Ok(json!(5432)));
        assert_eq!(of(Kind::Decimal, "0.5"), Ok(json!(0.5)));
        assert_eq!(of(Kind::Decimal, "2"), Ok(json!(2)));
        assert_eq!(of(Kind::Boolean, "Yes"), Ok(json!(true)));
        assert_eq!(of(Kind::Date, "2024-01-31"), Ok(json!("2024-01-31")));
        assert_eq!(of(bulk(), "bulk api"), Ok(json!("BULK")));
        assert_eq!(of(Kind::Array, "a, b"), Ok(json!(["a", "b"])));
        assert_eq!(of(Kind::Array, "[1, 'x']"), Ok(json!([1, "x"])));
        assert_eq!(of(Kind::Object, r#"{"a": 1}"#), Ok(json!({"a": 1})));
        assert_eq!(of(Kind::Object, "{ a = 1 }"), Ok(json!({"a": 1})));
        assert_eq!(of(Kind::Array, "[2024-01-01, 08:00:00]"), Ok(json!(["2024-01-01", "08:00:00"])));
        assert_eq!(of(Kind::Object, "{ at = 2024-01-01T00:00:00Z }"), Ok(json!({"at": "2024-01-01T00:00:00Z"})));
    }

    #[test]
    fn text_becomes_a_number_or_a_boolean_if_the_default_is_one() {
        let of = |default: Value, typed: &str| {
            answer(&Setting { default: Some(default), ..setting("x", Kind::String) }, typed).unwrap()
        };
        assert_eq!(of(json!(false), "true"), json!(true));
        assert_eq!(of(json!(false), "if-newer"), json!("if-newer"));
        assert_eq!(of(json!(5), "6"), json!(6));
        assert_eq!(of(json!("false"), "true"), json!("true"));
        assert_eq!(of(json!("5"), "6"), json!("6"));
    }

    #[test]
    fn invalid_input_is_refused_with_what_is_expected() {
        let bulk = || Kind::Options(vec![Choice { value: json!("BULK"), label: "Bulk API".to_owned() }]);
        assert_eq!(of(bulk(), "BULKY"), Err("did you mean `BULK`?".to_owned()));
        assert_eq!(of(bulk(), "x"), Err("choose one of `BULK`".to_owned()));
        for (kind, typed) in [
            (Kind::Integer, "5.5"),
            (Kind::Decimal, "nan"),
            (Kind::Boolean, "maybe"),
            (Kind::Date, "yesterday"),
            (Kind::Email, "me"),
            (Kind::Object, "[1]"),
            (Kind::Array, "[1"),
            (Kind::Array, "[1]\nother = 2"),
            (Kind::Array, "[null]"),
        ] {
            let sentence = of(kind.clone(), typed).unwrap_err();
            assert!(sentence.contains(kind.wanted().1), "{kind:?}: {sentence}");
        }
    }
}
