//! The official sops and sops-age read what spile writes; spile reads and changes what the official sops writes.
//!
//! Every case starts a program, so there are few: `SPILE_PROGRAM_TRIES` sets how many.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use spile_core::secret::Secret;
use spile_core::sops::{DataKey, Document};

use super::laws::{sealed, secret, secrets};
use super::{assert_holds, folder, identities, read, recipient, unwrap, wrap};
use crate::properties::values::{table, tries, value};
use crate::tools;

/// Scopes as sops' own options, and whether they encrypt `secrets`.
const SCOPES: [(&[&str], bool); 6] = [
    (&[], true),
    (&["--encrypted-regex", "^secrets$"], true),
    (&["--unencrypted-regex", "^plain"], true),
    (&["--encrypted-regex", "(?i)PASS|secrets"], true),
    (&["--encrypted-suffix", "_enc"], false),
    (&["--unencrypted-suffix", "_plain"], true),
];

fn run<S: Strategy>(strategy: &S, law: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let said = std::env::var("SPILE_PROGRAM_TRIES").ok().and_then(|tries| tries.parse().ok());
    let config = ProptestConfig { cases: said.unwrap_or(24), max_shrink_iters: 40, ..tries() };
    TestRunner::new(config).run(strategy, law).unwrap_or_else(|error| panic!("{error}"));
}

/// Returns the secrets of a decrypted document.
fn secrets_of(document: &Value) -> BTreeMap<String, String> {
    let texts = document["secrets"].as_object().unwrap().iter();
    texts.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

#[test]
fn the_official_sops_and_sops_age_read_what_spile_writes() {
    if tools::sops().is_none() || tools::sops_age().is_none() {
        return;
    }
    let key_file = folder().join("key.txt");
    run(&secrets(), |secrets| {
        let key = DataKey::generate();
        let json = sealed(&secrets, &key, wrap(&key)).carrier().to_json();
        let expected: BTreeMap<_, _> = secrets.into_iter().collect();
        let official = tools::sops_decrypt(&json, "json", &key_file).unwrap().map_err(TestCaseError::fail)?;
        prop_assert_eq!(&secrets_of(&serde_json::from_str(&official).unwrap()), &expected);
        if expected.iter().all(|(name, value)| sops_age_reads(name, value)) {
            prop_assert_eq!(&secrets_of(&tools::sops_age_decrypt(&json, &key_file).unwrap()), &expected);
        }
        Ok(())
    });
}

/// Tells whether sops-age can read a value: it takes a name of digits for an index and leaves it out of the path, and
/// drops a byte order mark.
fn sops_age_reads(name: &str, value: &str) -> bool {
    let is_index = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    !is_index && !value.starts_with('\u{feff}')
}

/// A plain document with `secrets`, `plain` and anything else.
fn plain() -> impl Strategy<Value = Value> {
    let values = value().prop_map(settled).boxed();
    let secrets = proptest::collection::btree_map("[a-z]{1,8}", secret(), 1..4);
    (table(values.clone()), table(values.clone()), secrets, values).prop_map(|(mut rest, plain, secrets, password)| {
        rest.remove("sops");
        let more: Map<String, Value> =
            [("plain", json!(plain)), ("secrets", json!(secrets)), ("my_password_enc", password)]
                .map(|(name, value)| (name.to_owned(), value))
                .into_iter()
                .collect();
        rest.extend(more);
        Value::Object(rest)
    })
}

/// Removes `-0`: sops writes it, and then refuses its own MAC.
fn settled(value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_f64() == Some(0.0) => json!(0),
        Value::Array(items) => items.into_iter().map(settled).collect(),
        Value::Object(members) => members.into_iter().map(|(key, value)| (key, settled(value))).collect(),
        other => other,
    }
}

/// Returns JSON that is also YAML, by escaping the characters that YAML only accepts as escapes.
fn as_yaml(json: &str) -> String {
    let is_escaped = |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fff0}'..);
    let escaped = |c: char| match u32::from(c) {
        _ if !is_escaped(c) => c.to_string(),
        code if code > 0xffff => format!("\\U{code:08x}"),
        code => format!("\\u{code:04x}"),
    };
    json.chars().map(escaped).collect()
}

fn encrypted(plain: &str, kind: &str, scope: &[&str], mac_only: bool) -> Result<String, TestCaseError> {
    let name = format!("document.{kind}");
    let recipient = recipient();
    let before: &[&str] = if mac_only { &["--mac-only-encrypted"] } else { &[] };
    let words = ["encrypt", "--filename-override", &name, "--input-type", kind, "--output-type", kind, "--age"];
    let said = tools::sops_run(&[before, &words[..], &[&recipient], scope].concat(), plain, &[]).unwrap();
    if said.code == Some(0) { Ok(said.stdout) } else { Err(TestCaseError::fail(said.stderr)) }
}

/// Round trip: sops encrypts, spile verifies the MAC, changes and encrypts again, and sops accepts the result.
fn goes_around(kind: &str) {
    if tools::sops().is_none() {
        return;
    }
    let key_file = folder().join("key.txt");
    let identities = identities("key.txt");
    run(&(plain(), select(&SCOPES[..]), any::<bool>(), secret()), |(plain, (scope, has_secrets), mac_only, value)| {
        let text = plain.to_string();
        let text = if kind == "yaml" { as_yaml(&text) } else { text };
        let written = encrypted(&text, kind, scope, mac_only)?;
        let mut document =
            read(&format!("x.{kind}"), &written).map_err(|e| TestCaseError::fail(format!("{e}\n{written}")))?;
        prop_assert_eq!(document.metadata.mistakes(), vec![]);
        prop_assert_eq!(document.metadata.mac_only_encrypted(), mac_only);
        let key = unwrap(&document, &identities).unwrap();
        let leaves = document.open(&key).map_err(|fault| TestCaseError::fail(format!("{fault}\n{written}")))?;
        assert_holds("what sops wrote", &leaves, &plain.to_string());
        if has_secrets {
            document.set("another", &Secret::new(value.as_str()), &key);
            document.seal(&key, Timestamp::UNIX_EPOCH).unwrap();
            is_taken(&document, &value, &key_file)?;
        }
        Ok(())
    });
}

fn is_taken(document: &Document, value: &str, key_file: &std::path::Path) -> Result<(), TestCaseError> {
    let json = document.to_json();
    let official = tools::sops_decrypt(&json, "json", key_file).unwrap();
    let official = official.map_err(|error| TestCaseError::fail(format!("{error}\n{json}")))?;
    let official: Value = serde_json::from_str(&official).unwrap();
    prop_assert_eq!(official["secrets"]["another"].as_str(), Some(value));
    Ok(())
}

#[test]
fn json_of_the_official_sops_makes_a_round_trip() {
    goes_around("json");
}

#[test]
fn yaml_of_the_official_sops_makes_a_round_trip() {
    goes_around("yaml");
}
