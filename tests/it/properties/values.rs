//! Values that YAML, JSON, TOML and SQL have mangled before.

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

/// Any text, often one that means something in YAML.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(&NASTY[..]).prop_map(str::to_owned),
        2 => proptest::sample::select(&CONTROL[..]).prop_map(str::to_owned),
        3 => any::<String>(),
        1 => (proptest::sample::select(&NASTY[..]), 300..1500_usize).prop_map(|(text, times)| text.repeat(times)),
    ]
}

/// Any number that a TOML file can hold and JSON has a form for.
pub fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(|number| json!(number)),
        proptest::sample::select(vec![i64::MIN, i64::MAX, 0, -1, (1 << 53) + 1]).prop_map(|number| json!(number)),
        any::<f64>().prop_filter("finite", |float| float.is_finite()).prop_map(|float| json!(float)),
        proptest::sample::select(vec![0.1, -0.0, 1.0, 1e300, 5e-324, f64::MAX, 1e15, 1e16, 123_456_789.123_456_78])
            .prop_map(|float| json!(float)),
    ]
}

/// Any value that a TOML file can hold.
pub fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![text().prop_map(Value::String), number(), any::<bool>().prop_map(Value::Bool)];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            table(inner).prop_map(Value::Object)
        ]
    })
}

/// Any text that YAML takes as a key without a `?`: up to 1024 characters, escapes counted.
pub fn key() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.chars().take(100).collect())
}

/// A table of such values, its names as odd.
pub fn table(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::btree_map(key(), values, 0..4).prop_map(|table| table.into_iter().collect())
}

/// A name as files and environments have it, often one that is no text in YAML.
pub fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec!["null", "yes", "no", "1e3", "007", "true", "0", "on", "1-1", "2024-01-01"])
            .prop_map(str::to_owned),
        "[a-z0-9][a-z0-9-]{0,8}",
    ]
}

/// As many tries as `PROPTEST_CASES` says, 256 otherwise; what failed is printed and not kept in a file.
pub fn tries() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, max_shrink_iters: 2000, ..ProptestConfig::default() }
}
