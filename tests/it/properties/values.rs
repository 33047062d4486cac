//! Values that have broken YAML, JSON, TOML and SQL before.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

const NASTY: [&str; 48] = [
    "",
    " ",
    "~",
    "null",
    "yes",
    "no",
    "on",
    "off",
    "true",
    "False",
    "1",
    "007",
    "0x1F",
    "0o17",
    "1e3",
    "1_000",
    "1:30",
    ".inf",
    ".nan",
    "-",
    "--- a",
    "...",
    "- a",
    "? a",
    "key: value",
    "a #b",
    "# a",
    "&anchor",
    "*alias",
    "!tag",
    "%",
    "@x",
    "`x`",
    "|",
    ">",
    "{{ x }}",
    "{% x %}",
    "{# x #}",
    "$HOME",
    "${HOME}",
    "'it''s'",
    "\"quoted\"",
    "back\\slash",
    "a\nb\n",
    "\r\n\t",
    "<<",
    "=",
    "2024-01-01",
];

const CONTROL: [&str; 10] = [
    "\u{0}",
    "\u{7}\u{1b}[31m",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}\u{2029}",
    "\u{feff}",
    "\u{fffe}",
    "\u{1f4a9}",
    "e\u{301}é",
];

/// Any text, often one with a special meaning in YAML.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(&NASTY[..]).prop_map(str::to_owned),
        2 => proptest::sample::select(&CONTROL[..]).prop_map(str::to_owned),
        3 => any::<String>(),
        1 => (proptest::sample::select(&NASTY[..]), 300..1500_usize).prop_map(|(text, times)| text.repeat(times)),
    ]
}

/// Any number that a TOML file can contain and JSON can express.
pub fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(|number| json!(number)),
        proptest::sample::select(vec![i64::MIN, i64::MAX, 0, -1, (1 << 53) + 1]).prop_map(|number| json!(number)),
        any::<f64>().prop_filter("finite", |float| float.is_finite()).prop_map(|float| json!(float)),
        proptest::sample::select(vec![0.1, -0.0, 1.0, 1e300, 5e-324, f64::MAX, 1e15, 1e16, 123_456_789.123_456_78])
            .prop_map(|float| json!(float)),
    ]
}

/// Any value that a TOML file can contain.
pub fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![text().prop_map(Value::String), number(), any::<bool>().prop_map(Value::Bool)];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            table(inner).prop_map(Value::Object)
        ]
    })
}

/// Any text that YAML accepts as a key without a `?`: up to 1024 characters, including escapes.
pub fn key() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.chars().take(100).collect())
}

/// A table of such values, with names just as odd.
pub fn table(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::btree_map(key(), values, 0..4).prop_map(|table| table.into_iter().collect())
}

/// A name of a file or an environment, often one that YAML does not read as text.
pub fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec!["null", "yes", "no", "1e3", "007", "true", "0", "on", "1-1", "2024-01-01"])
            .prop_map(str::to_owned),
        "[a-z0-9][a-z0-9-]{0,8}",
    ]
}

/// Uses `PROPTEST_CASES` cases, or 256; prints failures without writing them to a file.
pub fn tries() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, max_shrink_iters: 2000, ..ProptestConfig::default() }
}
