//! What a plain scalar means to Meltano: YAML 1.2 as ruamel.yaml reads it, tested with Meltano 4.4.1.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Number, Value};

/// The rules for reading a plain scalar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Schema {
    /// YAML 1.2.
    #[default]
    Current,
    /// YAML 1.1, if a directive declares it: `yes` is true, `010` is eight.
    Old,
}

impl Schema {
    pub fn of(is_old: bool) -> Self {
        if is_old { Self::Old } else { Self::Current }
    }
}

/// Tells whether a plain scalar is null.
pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Returns the value of a plain scalar; `None` if neither JSON nor TOML can express it.
pub(super) fn plain(text: &str, schema: Schema) -> Option<Value> {
    let old = (schema == Schema::Old).then(|| text.to_lowercase());
    match text {
        _ if is_null(text) => return Some(Value::Null),
        "true" | "True" | "TRUE" => return Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Some(Value::Bool(false)),
        _ if old.as_deref().is_some_and(|word| is_word(text, word, &["y", "yes", "on"])) => {
            return Some(Value::Bool(true));
        }
        _ if old.as_deref().is_some_and(|word| is_word(text, word, &["n", "no", "off"])) => {
            return Some(Value::Bool(false));
        }
        _ => {}
    }
    match schema {
        Schema::Current if is_number(text, &INTEGER) => {
            return integer(text, 10).map(|number| Value::Number(number.into()));
        }
        Schema::Old if is_number(text, &OLD_INTEGER) => {
            return old_integer(text).map(|number| Value::Number(number.into()));
        }
        Schema::Old if is_number(text, &SIXTIES) => return sixties(text),
        Schema::Current | Schema::Old => {}
    }
    // YAML 1.1 does not allow a sign before a decimal point.
    let is_signed_point = text.starts_with(['-', '+']) && text[1..].starts_with('.');
    if is_number(text, &FLOAT) && !(schema == Schema::Old && is_signed_point) {
        let float = text.replace('_', "").parse().ok()?;
        return Number::from_f64(float).map(Value::Number);
    }
    if is_number(text, &NOT_FINITE) {
        return None;
    }
    Some(Value::String(instant(text).unwrap_or_else(|| text.to_owned())))
}

/// Returns the value of a scalar with a tag; `None` if the tag is not one of these, or the text does not match it.
/// ruamel.yaml treats a text that is tagged as text differently.
pub(super) fn of_kind(text: &str, kind: &str) -> Option<Value> {
    match kind {
        "null" => Some(Value::Null),
        "bool" => match text.to_lowercase().as_str() {
            "y" | "yes" | "true" | "on" => Some(Value::Bool(true)),
            "n" | "no" | "false" | "off" => Some(Value::Bool(false)),
            _ => None,
        },
        "int" => integer(text, 10).map(|number| Value::Number(number.into())),
        "float" => Number::from_f64(text.replace('_', "").parse().ok()?).map(Value::Number),
        _ => None,
    }
}

/// Tells whether a text has the form of a date or a time.
pub(super) fn is_date(text: &str) -> bool {
    date(text).is_some()
}

/// Tells whether a text has the form of a date or a time that does not exist. Meltano rejects such a file.
pub(super) fn is_no_date(text: &str) -> bool {
    let Some(found) = date(text) else { return false };
    let part = |index| found.get(index)?.as_str().parse::<i16>().ok();
    let small = |index| part(index).and_then(|part| i8::try_from(part).ok());
    let date = part(1).filter(|year| *year > 0).zip(small(2).zip(small(3)));
    let date = date.and_then(|(year, (month, day))| jiff::civil::Date::new(year, month, day).ok());
    let is_time =
        [(5, 24), (6, 60), (7, 60)].into_iter().all(|(index, most)| part(index).is_none_or(|part| part < most));
    date.is_none() || !is_time
}

fn date(text: &str) -> Option<Captures<'_>> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    DATE.captures(text).or_else(|| INSTANT.captures(text))
}

/// Tells whether a text is one of these words in lower case, in upper case or capitalized.
fn is_word(text: &str, word: &str, words: &[&str]) -> bool {
    words.contains(&word) && (text[1..] == word[1..] || text.chars().all(char::is_uppercase))
}

type Pattern = LazyLock<Regex>;

#[expect(clippy::unwrap_used, reason = "the patterns are constants, and a test compiles them")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

static INTEGER: Pattern =
    LazyLock::new(|| pattern("^(?:[-+]?0b[0-1_]+|[-+]?0o[0-7_]+|[-+]?[0-9_]+|[-+]?0x[0-9a-fA-F_]+)$"));
static OLD_INTEGER: Pattern = LazyLock::new(|| {
    pattern(
        "^(?:[-+]?0b[0-1_]+|[-+]?[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$",
    )
});
static SIXTIES: Pattern = LazyLock::new(|| pattern(r"^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*$"));
static FLOAT: Pattern = LazyLock::new(|| {
    pattern(
        r"^[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+|\.[0-9_]+(?:[eE][-+][0-9]+)?)$",
    )
});
static NOT_FINITE: Pattern = LazyLock::new(|| pattern(r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"));
static INSTANT: Pattern = LazyLock::new(|| {
    pattern(
        r"^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})([Tt]|[ \t]+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?(?:[ \t]*(Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?$",
    )
});
static DATE: Pattern = LazyLock::new(|| pattern("^([0-9]{4})-([0-9]{2})-([0-9]{2})$"));

fn is_number(text: &str, pattern: &Pattern) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) && pattern.is_match(text)
}

/// Parses an integer by the rules of YAML 1.1: a leading zero means octal, and colons mean base 60.
fn old_integer(text: &str) -> Option<i64> {
    let digits = text.replace('_', "");
    let bare = digits.trim_start_matches(['-', '+']);
    if bare.contains(':') {
        let value =
            bare.split(':').try_fold(0_i64, |sum, part| sum.checked_mul(60)?.checked_add(part.parse().ok()?))?;
        return Some(if digits.starts_with('-') { -value } else { value });
    }
    let is_octal = bare.len() > 1 && bare.starts_with('0');
    integer(text, if is_octal { 8 } else { 10 })
}

/// Parses a base-60 number with a fraction.
fn sixties(text: &str) -> Option<Value> {
    let digits = text.replace('_', "");
    let parts = digits.trim_start_matches(['-', '+']).split(':');
    let value = parts
        .map(|part| part.trim_end_matches('.').parse::<f64>().ok())
        .try_fold(0.0, |sum, part| part.map(|part| sum * 60.0 + part))?;
    Number::from_f64(if digits.starts_with('-') { -value } else { value }).map(Value::Number)
}

fn integer(text: &str, radix: u32) -> Option<i64> {
    let digits = text.replace('_', "");
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let (digits, radix) = [("0b", 2), ("0o", 8), ("0x", 16)]
        .into_iter()
        .find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, radix)))
        .unwrap_or((digits, radix));
    i64::from_str_radix(&format!("{sign}{digits}"), radix).ok()
}

/// Returns an unquoted time as plugins receive it. If it has a `T` or an offset in hours, it loses its fraction and its
/// offset: ruamel.yaml stores those separately, and Meltano's copies lose them.
fn instant(text: &str) -> Option<String> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let found = INSTANT.captures(text)?;
    let part = |index| found.get(index).map_or("", |part| part.as_str());
    let (fraction, zone) = (part(8), part(9));
    let date = format!("{}-{:0>2}-{:0>2}", part(1), part(2), part(3));
    let instant = format!("{date}T{:0>2}:{}:{}", part(5), part(6), part(7));
    if matches!(part(4), "T" | "t") || zone.starts_with(['-', '+']) {
        return Some(instant);
    }
    let digits = format!("{:0<6}", fraction.get(..6).unwrap_or(fraction));
    let is_more = fraction.as_bytes().get(6).is_some_and(|digit| *digit > b'4');
    let micros = digits.parse::<u32>().unwrap_or_default() + u32::from(is_more);
    let fraction = if micros == 0 { String::new() } else { format!(".{:0>6}", micros.min(999_999)) };
    Some(format!("{instant}{fraction}{}", if zone == "Z" { "+00:00" } else { "" }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_scalars_mean_the_same_as_in_meltano_4_4_1() {
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
            assert_eq!(plain(text, Schema::Current), Some(value), "{text}");
        }
    }

    #[test]
    fn numbers_that_json_and_toml_cannot_express_have_no_value() {
        for text in [".inf", "-.INF", ".nan", "123456789012345678901234567890"] {
            assert_eq!(plain(text, Schema::Current), None, "{text}");
        }
    }
}
