//! Defaults: converts values that do not fit the kind of their setting, as Meltano would read them.

use serde_json::{Number, Value, json};

use super::reader::Reader;
use crate::connector::Kind;
use crate::connector::kind::{Choice, word_of};
use crate::value::kind_of;

/// The result for a default: the kind of its setting, and the default.
type Fitted = (Option<Kind>, Option<Value>);

/// Makes a default and a kind fit together. Adds notes about what that changes.
pub(super) fn fit(kind: Option<Kind>, written: &Value, name: &str, reader: &mut Reader<'_>) -> Fitted {
    let Some(value) = kept(written) else {
        if !written.is_null() {
            reader.notes.say(format!("not kept: the default of `{name}`, `{written}`, which does not fit in 64 bits"));
        }
        return (kind, None);
    };
    if value != *written {
        reader.notes.say(format!("not kept: nulls and numbers that do not fit in 64 bits in the default of `{name}`"));
    }
    // Meltano replaces variables, and accepts any value if no kind is set.
    let Some(kind) = kind else { return (Some(Kind::of(&value)), Some(value)) };
    if value.as_str().is_some_and(|text| text.starts_with('$')) || kind.check(&value).is_ok() {
        return (Some(kind), Some(value));
    }
    if let Some(cast) = cast(&kind, &value) {
        if word_of(&cast) != word_of(&value) {
            reader.notes.say(format!("the default of `{name}`, `{}`, is read as `{cast}`", shortened(&value)));
        }
        return (Some(kind), Some(cast));
    }
    let (kind, default) = otherwise(kind, value.clone());
    reader.notes.say(match &default {
        Some(_) => {
            format!("`{name}` is treated as {} because of its default, `{}`", kind.wanted().0, shortened(&value))
        }
        None => format!("not kept: the default of `{name}`, `{}`, which is not {}", shortened(&value), kind.wanted().0),
    });
    (Some(kind), default)
}

/// Removes nulls and numbers that TOML cannot express.
fn kept(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Number(number) if number.as_i64().is_none() && !number.is_f64() => None,
        Value::Array(items) => Some(items.iter().filter_map(kept).collect()),
        Value::Object(members) => {
            let members = members.iter().filter_map(|(key, value)| Some((key.clone(), kept(value)?)));
            Some(Value::Object(members.collect()))
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value.clone()),
    }
}

/// Reads a string as Meltano does if the kind requires another type (reference: `SettingDefinition.cast_value`).
fn cast(kind: &Kind, value: &Value) -> Option<Value> {
    let text = value.as_str().map(str::trim);
    let cast = match (kind, text, value) {
        (Kind::Integer, Some(text), _) => json!(text.parse::<i64>().ok()?),
        (Kind::Integer, None, Value::Number(number)) => json!(whole(number)?),
        (Kind::Decimal, Some(text), _) => Value::Number(Number::from_f64(text.parse().ok()?)?),
        (Kind::Boolean, Some(text), _) => json!(matches!(text.to_lowercase().as_str(), "true" | "1" | "yes" | "on")),
        (Kind::Boolean, None, Value::Number(number)) => json!(number.as_i64().filter(|one| [0, 1].contains(one))? == 1),
        (Kind::Array | Kind::Object, Some(text), _) => kept(&serde_json::from_str(text).ok()?)?,
        (Kind::Options(choices), _, _) => {
            choices.iter().find(|choice| word_of(&choice.value) == word_of(value)).map(|choice| choice.value.clone())?
        }
        _ => return None,
    };
    kind.check(&cast).is_ok().then_some(cast)
}

#[expect(clippy::cast_possible_truncation, reason = "a float that is whole and small is that integer")]
fn whole(number: &Number) -> Option<i64> {
    let float = number.as_f64()?;
    (float.fract() == 0.0 && float.abs() < 1e15).then_some(float as i64)
}

/// Drops the kind if the default is more specific, or the default if the kind is.
fn otherwise(kind: Kind, value: Value) -> (Kind, Option<Value>) {
    match (kind, &value) {
        (Kind::Options(mut choices), Value::String(_) | Value::Number(_) | Value::Bool(_)) => {
            choices.push(Choice { label: word_of(&value), value: value.clone() });
            (Kind::Options(choices), Some(value))
        }
        // As text, `false` would be true to a plugin, so other values keep their type.
        (Kind::Date | Kind::Email | Kind::File, Value::String(_) | Value::Number(_) | Value::Bool(_)) => {
            (Kind::String, Some(value))
        }
        (Kind::Integer, Value::Number(_)) => (Kind::Decimal, Some(value)),
        (Kind::String, Value::Array(_) | Value::Object(_)) => (Kind::of(&value), Some(value)),
        (kind, _) => (kind, None),
    }
}

fn shortened(value: &Value) -> String {
    let text = match kind_of(value) {
        "a string" => word_of(value),
        _ => value.to_string(),
    };
    let line: String = text.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() < text.len() { format!("{line}…") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::tests::{good, settings};

    /// Returns the converted default of a setting, and the notes about it.
    fn of(rest: &str) -> (Value, Vec<String>) {
        let (connector, notes) = settings(&format!("- {{name: a, {rest}}}\n"));
        (connector.settings[0].default.clone().unwrap_or_default(), notes)
    }

    #[test]
    fn a_default_that_changes_is_noted_and_one_that_only_loses_its_quotes_is_not() {
        assert_eq!(
            of("kind: boolean, value: 'True'"),
            (json!(true), vec!["the default of `a`, `True`, is read as `true`".to_owned()])
        );
        assert_eq!(of("kind: boolean, value: 'true'"), (json!(true), Vec::new()));
        assert_eq!(of("kind: integer, value: '5'"), (json!(5), Vec::new()));
    }

    #[test]
    fn a_default_that_is_a_quoted_option_becomes_that_option() {
        assert_eq!(of("kind: options, options: [1, 2], value: '2'"), (json!(2), Vec::new()));
    }

    #[test]
    fn a_note_shows_only_the_first_forty_letters_of_a_default() {
        let of = |value: &str| of(&format!("kind: integer, value: {value}")).1;
        let told = |shown: &str| [format!("not kept: the default of `a`, `{shown}`, which is not an integer")];
        assert_eq!(of("many"), told("many"));
        assert_eq!(of(&"ä".repeat(40)), told(&"ä".repeat(40)));
        assert_eq!(of(&"ä".repeat(41)), told(&format!("{}…", "ä".repeat(40))));
    }

    #[test]
    fn a_number_that_files_cannot_express_is_not_a_default() {
        assert_eq!(kept(&json!([1, u64::MAX, {"a": u64::MAX, "b": i64::MAX}])), Some(json!([1, {"b": i64::MAX}])));
        assert_eq!(kept(&json!(u64::MAX)), None);
        assert_eq!(kept(&json!(1e300)), Some(json!(1e300)));
        let of = |value: Value| {
            let settings = json!([{"name": "a", "kind": "integer", "value": value}]);
            good(&json!({"name": "tap-x", "namespace": "x", "pip_url": "tap-x==1", "settings": settings}).to_string()).1
        };
        assert_eq!(
            of(json!(u64::MAX)),
            ["not kept: the default of `a`, `18446744073709551615`, which does not fit in 64 bits"]
        );
        assert_eq!(of(Value::Null), Vec::<String>::new());
    }
}
