//! What kind of value a bookmark has, and which of two comes first.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::Json;

/// How the value of a bookmark has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// It is earlier than it was.
    Earlier,
    /// It is the same.
    Same,
    /// It is later than it was.
    Later,
    /// Nobody but the tap can tell.
    Unknown,
}

/// A value that says how far a stream was read.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Whole(i128),
    Decimal(f64),
    Moment(Timestamp),
    Clock(DateTime),
    Day(Date),
    /// A text, a flag, something with members: only the tap knows what comes first.
    Other,
}

impl Value {
    fn of(value: &Json) -> Self {
        if let Some(text) = value.as_text() {
            return Self::of_text(&text);
        }
        match value {
            Json::Scalar(text) => match (text.parse(), text.parse()) {
                (Ok(whole), _) => Self::Whole(whole),
                (Err(_), Ok(decimal)) => Self::Decimal(decimal),
                (Err(_), Err(_)) => Self::Other,
            },
            Json::Object(_) | Json::Array(_) => Self::Other,
        }
    }

    fn of_text(text: &str) -> Self {
        // A text of digits may be an id.
        let is_day = text.len() == "2026-01-31".len() && text.matches('-').count() == 2;
        if is_day {
            return text.parse().map_or(Self::Other, Self::Day);
        }
        if !(text.contains('-') && text.contains(':')) {
            return Self::Other;
        }
        match (text.parse(), text.parse()) {
            (Ok(moment), _) => Self::Moment(moment),
            (Err(_), Ok(clock)) => Self::Clock(clock),
            (Err(_), Err(_)) => Self::Other,
        }
    }
}

/// Tells how a value has moved.
#[must_use]
pub fn order(before: &Json, after: &Json) -> Order {
    if before == after {
        return Order::Same;
    }
    let ordering = match (Value::of(before), Value::of(after)) {
        (Value::Whole(before), Value::Whole(after)) => Some(before.cmp(&after)),
        (Value::Decimal(before), Value::Decimal(after)) => before.partial_cmp(&after),
        (Value::Moment(before), Value::Moment(after)) => Some(before.cmp(&after)),
        (Value::Clock(before), Value::Clock(after)) => Some(before.cmp(&after)),
        (Value::Day(before), Value::Day(after)) => Some(before.cmp(&after)),
        _ => None,
    };
    match ordering {
        Some(Ordering::Less) => Order::Later,
        Some(Ordering::Equal) => Order::Same,
        Some(Ordering::Greater) => Order::Earlier,
        None => Order::Unknown,
    }
}

/// A word on the command line that is not the kind of value that a bookmark has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrongKind {
    /// What it has to be.
    pub expected: &'static str,
}

/// Reads a value from the command line: of the kind that the present one has, spelled as it is typed. Without a present one
/// a number is a number, and everything else a text.
pub(super) fn typed(present: Option<&Json>, word: &str) -> Result<Json, WrongKind> {
    let word = word.trim();
    let wrong = |expected| Err(WrongKind { expected });
    let parsed = Json::parse(word).ok();
    let is_number = |value: &Json| matches!(Value::of(value), Value::Whole(_) | Value::Decimal(_)) && value.is_scalar();
    let is_plain_number = |value: &Json| value.as_text().is_none() && is_number(value);
    let Some(present) = present.filter(|present| !present.is_null()) else {
        return Ok(parsed.filter(is_plain_number).unwrap_or_else(|| Json::text(word)));
    };
    if let Some(text) = present.as_text() {
        return typed_text(&text, word);
    }
    let Some(parsed) = parsed else {
        return wrong(match present {
            Json::Object(_) => "a JSON object",
            Json::Array(_) => "a JSON list",
            Json::Scalar(_) if is_whole(present) => "a whole number",
            Json::Scalar(_) if is_number(present) => "a number",
            Json::Scalar(_) => "`true` or `false`",
        });
    };
    match present {
        Json::Object(_) if parsed.members().is_some() => Ok(parsed),
        Json::Object(_) => wrong("a JSON object"),
        Json::Array(_) if parsed.items().is_some() => Ok(parsed),
        Json::Array(_) => wrong("a JSON list"),
        Json::Scalar(_) if is_whole(present) => {
            if is_whole(&parsed) {
                Ok(parsed)
            } else {
                wrong("a whole number")
            }
        }
        Json::Scalar(_) if is_number(present) => {
            if is_plain_number(&parsed) {
                Ok(parsed)
            } else {
                wrong("a number")
            }
        }
        Json::Scalar(_) => match word {
            "true" | "false" => Ok(parsed),
            _ => wrong("`true` or `false`"),
        },
    }
}

fn is_whole(value: &Json) -> bool {
    matches!(value, Json::Scalar(text) if text.strip_prefix('-').unwrap_or(text).chars().all(|c| c.is_ascii_digit()))
}

/// Spells a moment as the present value is spelled, to the digit: the Singer SDK compares bookmarks as texts, and refuses
/// records that come before one. Anything else stays as it is typed.
pub(super) fn spelled_like(present: Option<&Json>, word: &str) -> String {
    let midnight = || word.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|midnight| midnight.timestamp());
    let Some(moment) = word.parse::<Timestamp>().ok().or_else(midnight) else { return word.to_owned() };
    let present = present.and_then(Json::as_text).unwrap_or_else(|| "T+00:00".to_owned());
    if !present.contains(':') || present.parse::<DateTime>().is_ok() && present.parse::<Timestamp>().is_err() {
        return word.to_owned();
    }
    let fraction = present.split_once('.').map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).count());
    let zone = if present.ends_with('Z') { "Z" } else { "+00:00" };
    let between = if present.contains('T') { 'T' } else { ' ' };
    let (day, time) = (moment.strftime("%Y-%m-%d"), moment.strftime("%H:%M:%S"));
    let digits: String = format!("{:09}", moment.subsec_nanosecond()).chars().take(fraction.unwrap_or(0)).collect();
    let point = if digits.is_empty() { "" } else { "." };
    format!("{day}{between}{time}{point}{digits}{zone}")
}

/// A day is taken for a time as its midnight, in the form of the present one.
fn typed_text(present: &str, word: &str) -> Result<Json, WrongKind> {
    let (now, wanted) = (Value::of_text(present), Value::of_text(word));
    match (now, wanted) {
        (Value::Moment(_), Value::Moment(_)) | (Value::Clock(_), Value::Clock(_)) | (Value::Day(_), Value::Day(_)) => {
            Ok(Json::text(word))
        }
        (Value::Moment(_), Value::Day(day)) => {
            let ends_in_z = present.ends_with('Z');
            Ok(Json::text(&format!("{day}T00:00:00{}", if ends_in_z { "Z" } else { "+00:00" })))
        }
        (Value::Clock(_), Value::Day(day)) => {
            let between = if present.contains('T') { 'T' } else { ' ' };
            Ok(Json::text(&format!("{day}{between}00:00:00")))
        }
        (Value::Moment(_), _) => Err(WrongKind { expected: "a time like `2026-01-31T00:00:00Z`" }),
        (Value::Clock(_), _) => Err(WrongKind { expected: "a time like `2026-01-31T00:00:00`" }),
        (Value::Day(_), _) => Err(WrongKind { expected: "a date like `2026-01-31`" }),
        (Value::Other | Value::Whole(_) | Value::Decimal(_), _) => Ok(Json::text(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    #[test]
    fn a_value_stays_of_its_kind_and_is_spelled_as_typed() {
        let good = [
            ("7", "005", None),
            ("7", "-5", Some("-5")),
            ("7", "123456789012345678901234567890", Some("123456789012345678901234567890")),
            ("7", "1.5", None),
            ("7", "\"5\"", None),
            ("7", "yesterday", None),
            ("1.5", "2", Some("2")),
            ("1.5", "x", None),
            ("\"2026-01-01T00:00:00Z\"", "2026-02-01T00:00:00+01:00", Some("\"2026-02-01T00:00:00+01:00\"")),
            ("\"2026-01-01T00:00:00Z\"", "2026-02-01", Some("\"2026-02-01T00:00:00Z\"")),
            ("\"2026-01-01T00:00:00.5+00:00\"", "2026-02-01", Some("\"2026-02-01T00:00:00+00:00\"")),
            ("\"2026-01-01T00:00:00Z\"", "5", None),
            ("\"2026-01-01 00:00:00\"", "2026-02-01", Some("\"2026-02-01 00:00:00\"")),
            ("\"2026-01-01\"", "2026-02-01", Some("\"2026-02-01\"")),
            ("\"2026-01-01\"", "2026-02-30", None),
            ("\"2026-01-01\"", "2026-02-01T00:00:00Z", None),
            ("\"20260101\"", "20260102", Some("\"20260102\"")),
            ("\"abc\"", "5", Some("\"5\"")),
            ("{\"id\": 1}", "{\"id\": 2}", Some("{\"id\": 2}")),
            ("{\"id\": 1}", "2", None),
            ("[1]", "[2]", Some("[2]")),
            ("true", "false", Some("false")),
            ("true", "1", None),
            ("null", "5", Some("5")),
            ("null", "x", Some("\"x\"")),
        ];
        for (present, word, wanted) in good {
            let found = typed(Some(&json(present)), word).ok().map(|value| value.to_string());
            assert_eq!(found.as_deref(), wanted, "{present} <- {word}");
        }
    }

    #[test]
    fn a_moment_is_spelled_as_the_present_one_is() {
        for (present, word, wanted) in [
            (Some("2026-01-01T06:00:00.000000+00:00"), "2026-01-01T05:00:00Z", "2026-01-01T05:00:00.000000+00:00"),
            (Some("2026-01-01T06:00:00.000Z"), "2025-12-31", "2025-12-31T00:00:00.000Z"),
            (Some("2026-01-01 06:00:00+00:00"), "2026-01-01T05:00:00+01:00", "2026-01-01 04:00:00+00:00"),
            (Some("2026-01-01T06:00:00"), "2025-12-31", "2025-12-31"),
            (Some("2026-01-01"), "2025-12-31", "2025-12-31"),
            (None, "2025-12-31T05:00:00Z", "2025-12-31T05:00:00+00:00"),
            (None, "7", "7"),
        ] {
            assert_eq!(spelled_like(present.map(Json::text).as_ref(), word), wanted, "{present:?} <- {word}");
        }
    }

    #[test]
    fn numbers_and_times_have_an_order_and_other_texts_have_none() {
        let order = |before: &str, after: &str| super::order(&json(before), &json(after));
        assert_eq!(order("2", "10"), Order::Later);
        assert_eq!(order("2", "1"), Order::Earlier);
        assert_eq!(order("\"2026-01-01T00:00:00Z\"", "\"2026-01-01T00:30:00+01:00\""), Order::Earlier);
        assert_eq!(order("\"2026-01-01\"", "\"2026-01-02\""), Order::Later);
        assert_eq!(order("\"a\"", "\"b\""), Order::Unknown);
        assert_eq!(order("\"a\"", "\"a\""), Order::Same);
        assert_eq!(order("1", "\"2026-01-01\""), Order::Unknown);
    }
}
