//! The kinds of settings, under Meltano's own names, and the values that fit each.

use serde_json::Value;

use crate::secrecy;
use crate::value::{kind_of, same, to_toml};

/// One of the values that a setting of kind `options` accepts.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The value that the plugin gets: a string, a number or a boolean.
    pub value: Value,
    /// The label that a form shows.
    pub label: String,
}

/// Makes a kind. Only `options` uses the choices.
pub type Make = fn(Vec<Choice>) -> Kind;

/// The values that a setting accepts. The names come from Meltano's JSON schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A string. Also accepts a number or a boolean, which the plugin gets unchanged.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Decimal,
    /// `true` or `false`.
    Boolean,
    /// A date, or a date and time, in RFC 3339.
    Date,
    /// An email address.
    Email,
    /// A path.
    File,
    /// One of a list.
    Options(Vec<Choice>),
    /// A list.
    Array,
    /// A table.
    Object,
}

impl Kind {
    /// Infers the kind of a value if it is not specified.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_f64() => Self::Decimal,
            Value::Number(_) => Self::Integer,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
            Value::String(_) | Value::Null => Self::String,
        }
    }

    /// Tells whether a setting with that name is a secret if its definition does not say: the name has to be one of a
    /// secret, and the kind has to be able to hold one. The name of a list may be plural.
    #[must_use]
    pub fn is_secret_as(&self, name: &str) -> bool {
        match self {
            Self::String | Self::File => secrecy::is_name(name),
            Self::Array | Self::Object => {
                secrecy::is_name(name) || secrecy::is_name(name.strip_suffix('s').unwrap_or(name))
            }
            Self::Integer | Self::Decimal | Self::Boolean | Self::Date | Self::Email | Self::Options(_) => false,
        }
    }

    /// All kinds, by Meltano's word; `options` without its list.
    pub const WORDS: [(&'static str, Make); 10] = [
        ("string", |_| Self::String),
        ("integer", |_| Self::Integer),
        ("decimal", |_| Self::Decimal),
        ("boolean", |_| Self::Boolean),
        ("date_iso8601", |_| Self::Date),
        ("email", |_| Self::Email),
        ("file", |_| Self::File),
        ("options", Self::Options),
        ("array", |_| Self::Array),
        ("object", |_| Self::Object),
    ];

    /// Returns Meltano's word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Boolean => "boolean",
            Self::Date => "date_iso8601",
            Self::Email => "email",
            Self::File => "file",
            Self::Options(_) => "options",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    /// Returns a description of the values that fit, and an example in TOML.
    #[must_use]
    pub fn wanted(&self) -> (&'static str, &'static str) {
        match self {
            Self::String => ("a string", "\"text\""),
            Self::Integer => ("an integer", "10"),
            Self::Decimal => ("a number", "0.5"),
            Self::Boolean => ("a boolean", "true"),
            Self::Date => ("a date", "2024-01-01"),
            Self::Email => ("an email address", "\"name@example.com\""),
            Self::File => ("a path", "\"data/file.json\""),
            Self::Options(_) => ("one of its options", "\"option\""),
            Self::Array => ("an array", "[\"text\"]"),
            Self::Object => ("a table", "{ key = \"value\" }"),
        }
    }

    /// Returns the options as a person types them; empty if the kind accepts any value.
    #[must_use]
    pub fn option_words(&self) -> Vec<String> {
        match self {
            Self::Options(choices) => choices.iter().map(|choice| word_of(&choice.value)).collect(),
            Self::String
            | Self::File
            | Self::Date
            | Self::Email
            | Self::Integer
            | Self::Decimal
            | Self::Boolean
            | Self::Array
            | Self::Object => Vec::new(),
        }
    }

    /// Tells whether a string can be a secret of this kind. Files store secrets as strings, whatever their kind; lists
    /// and tables are JSON.
    #[must_use]
    pub fn takes_secret(&self, text: &str) -> bool {
        let parsed = || serde_json::from_str::<Value>(text);
        match self {
            Self::Array => parsed().is_ok_and(|value| value.is_array()),
            Self::Object => parsed().is_ok_and(|value| value.is_object()),
            Self::Integer => text.parse::<i64>().is_ok(),
            Self::Decimal => text.parse::<f64>().is_ok(),
            Self::Boolean => matches!(text, "true" | "false"),
            Self::String | Self::File | Self::Date | Self::Email | Self::Options(_) => true,
        }
    }

    /// Checks a value.
    ///
    /// # Errors
    /// Describes what was found instead of the expected value.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        // A value that TOML cannot express cannot be set.
        if value.is_number() || value.is_array() || value.is_object() {
            to_toml(value).map_err(|reason| reason.to_string())?;
        }
        let fits = match (self, value) {
            // Meltano passes a number or a boolean on unchanged, and a plugin may need exactly that.
            (Self::String, Value::String(_) | Value::Number(_) | Value::Bool(_))
            | (Self::File, Value::String(_))
            | (Self::Decimal, Value::Number(_))
            | (Self::Boolean, Value::Bool(_))
            | (Self::Array, Value::Array(_))
            | (Self::Object, Value::Object(_)) => true,
            (Self::Integer, Value::Number(number)) => number.is_i64(),
            (Self::Date, Value::String(text)) => return is_date(text).then_some(()).ok_or_else(|| quoted(text)),
            (Self::Email, Value::String(text)) => return is_email(text).then_some(()).ok_or_else(|| quoted(text)),
            (Self::Options(choices), Value::String(_) | Value::Number(_) | Value::Bool(_)) => {
                let known = choices.iter().any(|choice| same(&choice.value, value));
                return known.then_some(()).ok_or_else(|| quoted(&word_of(value)));
            }
            _ => false,
        };
        fits.then_some(()).ok_or_else(|| kind_of(value).to_owned())
    }
}

impl Kind {
    /// Returns a value in the form in which plugins get it. A date without a time is midnight in UTC, and a time without
    /// an offset is UTC: plugins write what they get into queries, and APIs refuse an incomplete time.
    #[must_use]
    pub fn completed(&self, value: Value) -> Value {
        match (self, &value) {
            (Self::Date, Value::String(text)) => completed_date(text).map_or(value, Value::String),
            _ => value,
        }
    }
}

/// Returns an option as a person types it: a string without its quotes.
#[must_use]
pub fn word_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn quoted(text: &str) -> String {
    format!("`{text}`")
}

/// Tells whether a text is a date, a time, or both.
#[must_use]
pub fn is_date(text: &str) -> bool {
    text.parse::<jiff::civil::Date>().is_ok()
        || text.parse::<jiff::Timestamp>().is_ok()
        || text.parse::<jiff::civil::DateTime>().is_ok()
}

/// Returns the date and time in RFC 3339; `None` if it has an offset already, or is no date.
fn completed_date(text: &str) -> Option<String> {
    if text.parse::<jiff::Timestamp>().is_ok() {
        return None;
    }
    let time = text.parse::<jiff::civil::DateTime>().ok()?;
    Some(format!("{time}Z"))
}

fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !text.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_word_makes_the_kind_that_it_names() {
        for (word, make) in Kind::WORDS {
            assert_eq!(make(Vec::new()).word(), word);
        }
    }

    #[test]
    fn a_date_becomes_a_time_with_an_offset() {
        for (written, completed) in [
            ("2024-01-01", "2024-01-01T00:00:00Z"),
            ("2024-01-01T10:30:00", "2024-01-01T10:30:00Z"),
            ("2024-01-01 10:30:00.5", "2024-01-01T10:30:00.5Z"),
            ("2024-01-01T10:30:00+02:00", "2024-01-01T10:30:00+02:00"),
            ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
            ("yesterday", "yesterday"),
            ("$START", "$START"),
        ] {
            assert_eq!(Kind::Date.completed(json!(written)), json!(completed));
            assert_eq!(Kind::String.completed(json!(written)), json!(written));
        }
    }

    #[test]
    fn values_fit_their_kinds() {
        let choice = |value: Value| Choice { label: word_of(&value), value };
        let api = Kind::Options(vec![choice(json!("REST")), choice(json!("BULK")), choice(json!(1))]);
        for (kind, good, bad) in [
            (&Kind::Integer, json!(1), json!(1.5)),
            (&Kind::Integer, json!(i64::MAX), json!(u64::MAX)),
            (&Kind::Array, json!(["a"]), json!(["a", null])),
            (&Kind::Object, json!({"a": null}), json!({"a": [null]})),
            (&Kind::Decimal, json!(1), json!("1")),
            (&Kind::Date, json!("2024-01-01T00:00:00Z"), json!("01.02.2024")),
            (&Kind::Date, json!("2024-01-01"), json!("2024-13-01")),
            (&Kind::Email, json!("a@b.c"), json!("a@b")),
            (&Kind::Array, json!([]), json!("a,b")),
            (&Kind::Object, json!({}), json!([])),
            (&Kind::Boolean, json!(false), json!("false")),
            (&Kind::File, json!("a.json"), json!(1)),
            (&Kind::String, json!("a"), json!(["a"])),
            (&Kind::String, json!(false), json!({})),
            (&Kind::String, json!(3306), json!(null)),
            (&api, json!("REST"), json!("rest")),
            (&api, json!(1.0), json!("1")),
        ] {
            assert_eq!(kind.check(&good), Ok(()), "{kind:?} takes {good}");
            assert!(kind.check(&bad).is_err(), "{kind:?} refuses {bad}");
        }
    }
}
