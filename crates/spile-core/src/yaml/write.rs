//! Writes values as Meltano itself does, that is, as ruamel.yaml does, so that a file does not change when Meltano
//! loads and dumps it.
//!
//! The rules are those of `Emitter.analyze_scalar` and `choose_scalar_style` in ruamel.yaml 0.19 with its resolver for
//! YAML 1.2, which Meltano 4.4.1 uses without a line width. A test compares the output.

use std::fmt::Write as _;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

/// Where a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValuePosition {
    /// After a key or a dash up to the end of the line, or before a colon at the start of a line.
    Block,
    /// Between brackets or braces, or in an unknown place.
    Flow,
}

/// Writes a value on one line: scalars as they are, lists and tables in brackets and braces.
pub fn value(out: &mut String, value: &Value, place: ValuePosition) {
    match value {
        Value::String(text) => scalar(out, text, place),
        other => flow(out, other),
    }
}

/// Writes a text like [`value`].
pub fn text(out: &mut String, text: &str, place: ValuePosition) {
    scalar(out, text, place);
}

fn flow(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => drop(write!(out, "{number}")),
        Value::String(text) => scalar(out, text, ValuePosition::Flow),
        Value::Array(items) => sequence(out, items),
        Value::Object(members) => mapping(out, members),
    }
}

fn sequence(out: &mut String, items: &[Value]) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        flow(out, item);
    }
    out.push(']');
}

fn mapping(out: &mut String, members: &Map<String, Value>) {
    out.push('{');
    for (at, (key, member)) in members.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        scalar(out, key, ValuePosition::Flow);
        out.push_str(": ");
        flow(out, member);
    }
    out.push('}');
}

fn scalar(out: &mut String, text: &str, place: ValuePosition) {
    let seen = ScalarTraits::of(text);
    if seen.may_be_plain(place) && !means_something_else(text) {
        out.push_str(text);
    } else if seen.may_be_single && !text.contains('\'') {
        out.push('\'');
        out.push_str(text);
        out.push('\'');
    } else {
        double(out, text);
    }
}

/// How a text can be written.
struct ScalarTraits {
    plain: Plain,
    /// Whether it can be single-quoted.
    may_be_single: bool,
}

/// Where a text can be unquoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Plain {
    Nowhere,
    /// Not between brackets, because it contains a character with a meaning there.
    InBlocks,
    Everywhere,
}

impl ScalarTraits {
    fn of(text: &str) -> Self {
        let is_fragile = text.is_empty() || text.starts_with(is_blank_or_break) || text.ends_with(is_blank_or_break);
        let is_marker = text.starts_with("---") || text.starts_with("...");
        let mut plain = if is_fragile || is_marker { Plain::Nowhere } else { Plain::Everywhere };
        let mut may_be_single = true;
        let mut before = None;
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            plain = plain.min(indicated(c, before, rest.peek().copied()));
            if is_break(c) || !is_printable(c) || c == '\u{feff}' {
                (plain, may_be_single) = (Plain::Nowhere, false);
            }
            before = Some(c);
        }
        Self { plain, may_be_single }
    }

    fn may_be_plain(&self, place: ValuePosition) -> bool {
        match place {
            ValuePosition::Block => self.plain >= Plain::InBlocks,
            ValuePosition::Flow => self.plain == Plain::Everywhere,
        }
    }
}

/// Returns where a text can be unquoted if it contains this character between these two.
fn indicated(c: char, before: Option<char>, next: Option<char>) -> Plain {
    let ends = next.is_none_or(is_white);
    match (c, before) {
        ('#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`', None) => {
            Plain::Nowhere
        }
        ('?' | ':' | '-', None) | (':', Some(_)) if ends => Plain::Nowhere,
        // ruamel.yaml leaves `?a` and `:a` unquoted, but libyaml fails on them in braces.
        ('?' | ':', None) | (',' | '[' | ']' | '{' | '}', Some(_)) => Plain::InBlocks,
        (':', Some(_)) if next == Some('?') => Plain::InBlocks,
        ('#', Some(before)) if is_white(before) => Plain::Nowhere,
        _ => Plain::Everywhere,
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank_or_break(c: char) -> bool {
    c == ' ' || is_break(c)
}

/// Tells whether a character ends a word, which includes tabs and carriage returns.
fn is_white(c: char) -> bool {
    matches!(c, '\0' | ' ' | '\t' | '\r') || is_break(c)
}

fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Tells whether an unquoted text would not be read as text, but as a number, a boolean, null, a date or a merge.
fn means_something_else(text: &str) -> bool {
    match text.as_bytes().first() {
        None => true,
        Some(b't' | b'T' | b'f' | b'F') => {
            matches!(text, "true" | "True" | "TRUE" | "false" | "False" | "FALSE")
        }
        Some(b'n' | b'N') => matches!(text, "null" | "Null" | "NULL"),
        Some(b'~' | b'<' | b'=') => matches!(text, "~" | "<<" | "="),
        Some(b'-' | b'+' | b'.' | b'0'..=b'9') => NUMBER_OR_DATE.is_match(text),
        Some(_) => false,
    }
}

#[expect(clippy::unwrap_used, reason = "the pattern is a constant, and a test compiles it")]
static NUMBER_OR_DATE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(?x:
        [-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
        |[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+
        |[-+]?\.[0-9_]+(?:[eE][-+][0-9]+)?
        |[-+]?\.(?:inf|Inf|INF)
        |\.(?:nan|NaN|NAN)
        |[-+]?0b[0-1_]+
        |[-+]?0o?[0-7_]+
        |[-+]?[0-9_]+
        |[-+]?0x[0-9a-fA-F_]+
        |[0-9]{4}-[0-9]{2}-[0-9]{2}
        |[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[\ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?
         (?:[\ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?
        )$",
    )
    .unwrap()
});

fn double(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '\0' => out.push_str("\\0"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\x0b' => out.push_str("\\v"),
            '\x0c' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\x1b' => out.push_str("\\e"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{85}' => out.push_str("\\N"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            '\u{feff}' => out.push_str("\\uFEFF"),
            c if is_printable(c) => out.push(c),
            c if u32::from(c) <= 0xff => drop(write!(out, "\\x{:02X}", u32::from(c))),
            c => drop(write!(out, "\\u{:04X}", u32::from(c))),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn written(given: &Value) -> String {
        let mut out = String::new();
        value(&mut out, given, ValuePosition::Block);
        out
    }

    #[test]
    fn texts_are_quoted_if_necessary() {
        for (given, expected) in [
            ("dev", "dev"),
            ("tap-x==1.0", "tap-x==1.0"),
            ("", "''"),
            ("true", "'true'"),
            ("yes", "yes"),
            ("1_000", "'1_000'"),
            ("-_", "'-_'"),
            ("1.2.3", "1.2.3"),
            ("2021-01-01", "'2021-01-01'"),
            ("~", "'~'"),
            ("~/data", "~/data"),
            ("<<", "'<<'"),
            ("a: b", "'a: b'"),
            ("a:b", "a:b"),
            ("a #b", "'a #b'"),
            ("a#b", "a#b"),
            ("*.*", "'*.*'"),
            ("!a.b", "'!a.b'"),
            ("- a", "'- a'"),
            ("-a", "-a"),
            ("?a", "?a"),
            (" a", "' a'"),
            ("it's", "it's"),
            ("'a", "\"'a\""),
            ("a\nb", "\"a\\nb\""),
            ("a\tb", "\"a\\tb\""),
            ("[a]", "'[a]'"),
            ("a, b", "a, b"),
            ("é\u{a0}ü", "é\u{a0}ü"),
            ("\u{feff}", "\"\\uFEFF\""),
        ] {
            assert_eq!(written(&json!(given)), expected, "{given:?}");
        }
        let nested = json!({"a, b": ["x, y", "x: y", true, null, 1.5, {}], "it's": []});
        assert_eq!(written(&nested), "{'a, b': ['x, y', 'x: y', true, null, 1.5, {}], it's: []}");
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(|value| json!(value)),
            any::<i64>().prop_map(|value| json!(value)),
            Just(Value::Null),
            "[-+.0-9a-z_:?#,~<=*&!|>'\"%@`{}\\[\\] \t\n\u{85}\u{a0}\u{2028}\u{feff}é]{0,8}".prop_map(Value::String),
            any::<String>().prop_map(Value::String),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map("[-+.0-9a-z:?#, '\"]{0,5}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn both_readers_read_written_values_back(value in values()) {
            let text = format!("key: {}\n", written(&value));
            let fast: Value = yaml_serde::from_str(&text).unwrap();
            prop_assert_eq!(&fast["key"], &value, "{}", text);
            let document = crate::yaml::Document::parse(&text).unwrap();
            let slow = crate::yaml::ValueReader::of(&document).value(&document.root, &mut Vec::new());
            prop_assert_eq!(&slow["key"], &value, "{}", text);
        }
    }
}
