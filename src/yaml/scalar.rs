//! What a plain scalar means to Meltano: YAML 1.2 as ruamel.yaml reads it, measured on Meltano 4.4.1.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Number, Value};

/// Tells whether a plain scalar is no value.
pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Returns the value of a plain scalar; `None` where JSON and TOML have no form for it.
pub(super) fn plain(text: &str) -> Option<Value> {
    match text {
        _ if is_null(text) => return Some(Value::Null),
        "true" | "True" | "TRUE" => return Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Some(Value::Bool(false)),
        _ => {}
    }
    if is_number(text, &INTEGER) {
        return integer(text).map(|number| Value::Number(number.into()));
    }
    if is_number(text, &FLOAT) {
        let float = text.replace('_', "").parse().ok()?;
        return Number::from_f64(float).map(Value::Number);
    }
    if is_number(text, &NOT_FINITE) {
        return None;
    }
    Some(Value::String(instant(text).unwrap_or_else(|| text.to_owned())))
}

type Pattern = LazyLock<Regex>;

#[expect(clippy::unwrap_used, reason = "the patterns are constants, and a test compiles them")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

static INTEGER: Pattern =
    LazyLock::new(|| pattern("^(?:[-+]?0b[0-1_]+|[-+]?0o[0-7_]+|[-+]?[0-9][0-9_]*|[-+]?0x[0-9a-fA-F_]+)$"));
static FLOAT: Pattern = LazyLock::new(|| {
    pattern(
        r"^[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+|\.[0-9_]+(?:[eE][-+][0-9]+)?)$",
    )
});
static NOT_FINITE: Pattern = LazyLock::new(|| pattern(r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"));
static INSTANT: Pattern = LazyLock::new(|| {
    pattern(
        r"^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt]|[ \t]+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?$",
    )
});

fn is_number(text: &str, pattern: &Pattern) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) && pattern.is_match(text)
}

fn integer(text: &str) -> Option<i64> {
    let digits = text.replace('_', "");
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let (digits, radix) = [("0b", 2), ("0o", 8), ("0x", 16)]
        .into_iter()
        .find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, radix)))
        .unwrap_or((digits, 10));
    i64::from_str_radix(&format!("{sign}{digits}"), radix).ok()
}

/// An instant without quotes reaches plugins without its fraction and its offset.
fn instant(text: &str) -> Option<String> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let found = INSTANT.captures(text)?;
    let part = |index| found.get(index).map_or("", |part| part.as_str());
    let date = format!("{}-{:0>2}-{:0>2}", part(1), part(2), part(3));
    Some(format!("{date}T{:0>2}:{}:{}", part(4), part(5), part(6)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_scalars_mean_what_meltano_4_4_1_takes_them_for() {
        for (text, value) in [
            ("010", json!(10)),
            ("0o14", json!(12)),
            ("1_000", json!(1000)),
            ("0x1f", json!(31)),
            ("+12", json!(12)),
            ("1e3", json!(1000.0)),
            (".5", json!(0.5)),
            ("1.50", json!(1.5)),
            ("yes", json!("yes")),
            ("off", json!("off")),
            ("12:30:45", json!("12:30:45")),
            ("True", json!(true)),
            ("~", json!(null)),
            ("-", json!("-")),
            ("1.2.3", json!("1.2.3")),
            ("2021-01-01", json!("2021-01-01")),
            ("2021-01-01T00:00:00Z", json!("2021-01-01T00:00:00")),
            ("2021-01-01 10:00:00", json!("2021-01-01T10:00:00")),
            ("2001-12-14 21:59:43.10 -5", json!("2001-12-14T21:59:43")),
            ("2021-01-01t10:00:00z", json!("2021-01-01t10:00:00z")),
            ("2021-1-1", json!("2021-1-1")),
        ] {
            assert_eq!(plain(text), Some(value), "{text}");
        }
    }

    #[test]
    fn numbers_without_a_form_in_json_and_toml_are_none() {
        for text in [".inf", "-.INF", ".nan", "123456789012345678901234567890"] {
            assert_eq!(plain(text), None, "{text}");
        }
    }
}
