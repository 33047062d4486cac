//! Recognizes values that are secrets, whatever their setting is called: tokens by their shape, URLs and connection
//! strings that contain a password, and JSON that contains a secret.
//!
//! Only certain matches count, because `check` rejects them. Placeholders do not count.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::shape::{SHAPES, is_marked};
use super::{is_name, pattern};
use crate::value::expansion::has_variable;

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What it is, with an article.
    pub what: &'static str,
    /// Its bytes in the text.
    pub span: Range<usize>,
}

/// How a text is used, which determines what counts as an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It is a value for a plugin: `postgres://user:pass@host` contains a password.
    Value,
    /// It is for people: there, the same URL is an example.
    Prose,
}

/// A URL up to the `:` after its user.
static USER: LazyLock<Regex> = LazyLock::new(|| pattern(r#"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s:@"'<>]*:"#));
/// `password=hunter2`, with or without quotes, separated by `;`, `&`, commas or blanks.
static PAIR: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?:^|[\s;&?,{])([A-Za-z][A-Za-z0-9_.-]*(?: [A-Za-z]+)?)=("[^"]*"|'[^']*'|\{[^}]*\}|[^\s;&,"']+)"#)
});
/// The same with blanks around `=`, as `libpq` accepts it. The whole text must consist of such pairs.
static SPACED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*(?:[A-Za-z_]+\s*=\s*(?:'[^']*'|[^\s;='\x22]+)[\s;]*){2,}$"));
static SPACED_PAIR: LazyLock<Regex> = LazyLock::new(|| pattern(r"([A-Za-z_]+)\s*=\s*('[^']*'|[^\s;=']+)"));

/// Names in connection strings that are secrets, in addition to those of settings.
const KEYS: [&str; 8] = [
    "pwd",
    "accountkey",
    "sharedaccesskey",
    "sharedaccesssignature",
    "sig",
    "user password",
    "private_key_pwd",
    "pass",
];

/// Placeholders for secrets.
const STAND_INS: [&str; 24] = [
    "changeme",
    "change-me",
    "change_me",
    "redacted",
    "masked",
    "hidden",
    "none",
    "null",
    "true",
    "false",
    "todo",
    "tbd",
    "placeholder",
    "required",
    "optional",
    "string",
    "env",
    "environment",
    "prompt",
    "your_password",
    "your-password",
    "yourpassword",
    "your_token",
    "your_secret",
];

/// The words that examples use as a password.
const EXAMPLES: [&str; 12] =
    ["password", "passwd", "pass", "pwd", "pw", "secret", "token", "key", "pat", "example", "mypassword", "apikey"];

/// Tells whether a value is a secret, whatever its name.
#[must_use]
pub fn is_value(text: &str) -> bool {
    !sightings(text, Use::Value).is_empty()
}

/// Returns the secrets in a text, in order.
#[must_use]
pub fn sightings(text: &str, used: Use) -> Vec<Sighting> {
    let mut found = Vec::new();
    let shapes = if is_marked(text) { SHAPES.as_slice() } else { &[] };
    for (what, pattern) in shapes.iter().filter_map(|shape| Some((shape.what, shape.of(text)?))) {
        let real = pattern.find_iter(text).filter(|one| !is_masked(one.as_str()));
        found.extend(real.map(|one| Sighting { what, span: one.range() }));
    }
    found.extend(addresses(text, used));
    if used == Use::Value {
        found.extend(pairs(text));
        found.extend(json(text));
        found.extend(aws_secret_key(text));
    }
    found.sort_by_key(|one| (one.span.start, std::cmp::Reverse(one.span.end)));
    found.dedup_by(|next, before| next.span.start < before.span.end);
    found
}

/// Tells whether a text may be a secret at all: neither a placeholder nor a variable.
#[must_use]
pub fn is_real(text: &str) -> bool {
    let text = text.trim_matches(['"', '\'']).trim();
    let is_bracketed = |open, close| text.starts_with(open) && text.ends_with(close);
    let plain = text.to_ascii_lowercase();
    !text.is_empty()
        && !is_masked(text)
        && !is_bracketed('<', '>')
        && !is_bracketed('{', '}')
        && !is_bracketed('[', ']')
        && !(is_bracketed('%', '%') || text.starts_with("%(") || text == "%s")
        && !has_variable(text)
        && text != super::NOT_SHOWN
        && !STAND_INS.contains(&plain.as_str())
}

/// Tells whether most of a text is replaced by stars, dots or `x`.
fn is_masked(text: &str) -> bool {
    let is_blind = |c: char| matches!(c, '*' | '.' | '\u{2026}' | '\u{2022}' | 'x' | 'X' | '#');
    let runs = ["***", "...", "xxxx", "XXXX", "\u{2026}"];
    text.chars().all(is_blind) || runs.iter().any(|run| text.contains(run))
}

fn addresses(text: &str, used: Use) -> Vec<Sighting> {
    let is_example = move |word: &str| {
        used == Use::Prose && EXAMPLES.contains(&word.trim_matches(['[', ']']).to_ascii_lowercase().as_str())
    };
    // Avoids compiling patterns that cannot match.
    if !text.contains("://") || !text.contains('@') {
        return Vec::new();
    }
    let mut from = 0;
    // A URL may be the path of another one, so the search continues right after the scheme.
    let users = std::iter::from_fn(|| {
        let found = USER.find_at(text, from)?;
        from = found.start() + found.as_str().find("://").unwrap_or_default() + 3;
        Some(found)
    });
    let passwords = users.filter_map(|user| password(text, user.end()));
    let real = passwords.filter(|span| is_real(&text[span.clone()]) && !is_example(&text[span.clone()]));
    real.map(|span| Sighting { what: "an address with a password", span }).collect()
}

/// Returns the password at this position, up to the `@` before the host. It may contain a `/`, because drivers accept
/// that. What could be a port is treated as a port.
fn password(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = &text[start..];
    let rest = &rest[..rest.find(|c: char| c.is_whitespace() || "\"'<>".contains(c)).unwrap_or(rest.len())];
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let is_port = authority.bytes().all(|byte| byte.is_ascii_digit());
    let end = authority.rfind('@').or_else(|| rest.find('@').filter(|_| !is_port))?;
    Some(start..start + end)
}

fn pairs(text: &str) -> Vec<Sighting> {
    if !text.contains('=') {
        return Vec::new();
    }
    let mut found: Vec<Sighting> = PAIR.captures_iter(text).filter_map(|pair| sighted(&pair)).collect();
    if SPACED.is_match(text) {
        found.extend(SPACED_PAIR.captures_iter(text).filter_map(|pair| sighted(&pair)));
    }
    found
}

fn sighted(pair: &regex::Captures<'_>) -> Option<Sighting> {
    let (name, value) = (pair.get(1)?.as_str(), pair.get(2)?);
    // In `Server=a Password`, the second word is the name.
    let last = name.rsplit(' ').next().unwrap_or(name);
    let is_secret = [name, last].iter().any(|one| is_name(one) || KEYS.contains(&one.to_ascii_lowercase().as_str()));
    (is_secret && is_real(value.as_str()))
        .then(|| Sighting { what: "a connection string with a password", span: value.range() })
}

/// Finds secrets in JSON by name, because a whole service account file may be one setting.
fn json(text: &str) -> Option<Sighting> {
    let is_json = text.trim_start().starts_with(['{', '[']);
    let value: Value = is_json.then(|| serde_json::from_str(text).ok())??;
    holds_secret(&value).then_some(Sighting { what: "JSON with a secret in it", span: 0..text.len() })
}

fn holds_secret(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, member)| match member {
            Value::String(text) => (is_name(name) && is_real(text)) || is_value(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
            Value::Array(_) | Value::Object(_) => holds_secret(member),
        }),
        Value::Array(items) => items.iter().any(holds_secret),
        Value::String(text) => is_value(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Recognizes AWS secret keys, which have no mark: forty random base64 characters. Digests use other characters.
fn aws_secret_key(text: &str) -> Option<Sighting> {
    let has = |is: fn(&u8) -> bool| text.bytes().filter(&is).count();
    let is_base64 = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte));
    let is_mixed = [u8::is_ascii_lowercase as fn(&u8) -> bool, u8::is_ascii_uppercase].map(has).iter().all(|n| *n >= 6)
        && has(u8::is_ascii_digit) >= 1;
    let kinds = text.bytes().collect::<std::collections::BTreeSet<u8>>().len();
    (is_base64 && is_mixed && kinds >= 22).then_some(Sighting { what: "an AWS secret key", span: 0..text.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Vec<&str> {
        sightings(text, Use::Value).into_iter().map(|one| &text[one.span]).collect()
    }

    #[test]
    fn a_password_in_a_url_is_found_and_a_port_is_not_a_password() {
        for (text, password) in [
            ("postgres://user:pass@host", "pass"),
            ("postgresql+psycopg2://me:hunter2@db:5432/x", "hunter2"),
            ("redis://:hunter2@cache", "hunter2"),
            ("see mysql://a:b@c/d for more", "b"),
            ("https://me:p%40ss@example.com/x?y=1", "p%40ss"),
            ("git+https://me:hunter2@github.com/a/b.git", "hunter2"),
            ("amqp://u:hunter@2@host", "hunter@2"),
            ("postgres://u:hun/ter@host/db", "hun/ter"),
        ] {
            assert_eq!(seen(text), [password], "{text}");
        }
        for text in [
            "https://example.com:8080/a@b",
            "postgres://user@host/db",
            "postgres://user:***@host",
            "postgres://user:<password>@host",
            "postgres://user:${PASSWORD}@host",
            "postgres://$USER:$PASSWORD@host",
            "postgres://user:{password}@host",
            "postgres://user:changeme@host",
            "s3://bucket/key:with@signs",
            "git@github.com:a/b.git",
            "urn:a:b@c",
        ] {
            assert_eq!(seen(text), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn a_url_may_be_the_path_of_another() {
        for text in
            ["x://postgres://me:hunter2@db/x", "a+b://x://y://me:hunter2@db", "git+https://h/postgres://me:hunter2@db"]
        {
            assert_eq!(seen(text), ["hunter2"], "{text}");
        }
    }

    #[test]
    fn prose_may_contain_examples() {
        for text in ["such as postgres://user:password@host/db", "https://user:PASS@host"] {
            assert_eq!(sightings(text, Use::Prose), [], "{text}");
        }
        assert_eq!(sightings("we use postgres://me:hunter2@db", Use::Prose).len(), 1);
        assert_eq!(sightings("ask for ghp_0123456789abcdefghij0123", Use::Prose).len(), 1);
    }

    #[test]
    fn a_password_in_a_connection_string_is_found() {
        for (text, password) in [
            ("host=db user=me password=hunter2", "hunter2"),
            ("host = db password = 'hun ter2' port = 5432", "'hun ter2'"),
            ("DRIVER={ODBC};SERVER=db;UID=me;PWD=hunter2;", "hunter2"),
            ("Server=tcp:db,1433;Password=\"hun;ter2\";Encrypt=true", "\"hun;ter2\""),
            ("AccountName=a;AccountKey=aHVudGVyMg==;EndpointSuffix=x", "aHVudGVyMg=="),
            ("https://a.blob.core.windows.net/b?sv=2022&sig=aHVudGVyMg%3D", "aHVudGVyMg%3D"),
            ("https://api.example.com/v1?api_key=hunter2&page=1", "hunter2"),
            ("jdbc:postgresql://db/x?user=me&password=hunter2", "hunter2"),
        ] {
            assert_eq!(seen(text), [password], "{text}");
        }
        for text in [
            "host=db user=me password=***",
            "password=<password>",
            "password=${PASSWORD}",
            "PWD=%PASSWORD%",
            "token_type=bearer&page=1",
            "next_page_token=abc",
            "select * from t where token = 'abc'",
            "a = b",
            "max_tokens=5",
        ] {
            assert_eq!(seen(text), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn well_known_tokens_are_recognized_by_their_shape() {
        for text in [
            concat!("https://hooks.slack.com/services/T0001", "/B0002/abcdefgh12345678"),
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n-----END PRIVATE KEY-----\n",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBF\n",
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            concat!("ghp_", "0123456789abcdefghijklmnopqrstuvwxyz"),
            concat!("sk_", "live_0123456789abcdef"),
            concat!("xoxb-", "123456789012-abcdefghijkl"),
            concat!("AIza", "SyA0123456789abcdefghijklmnopqrstuv"),
            concat!("GOCSPX-", "0123456789abcdefghijklmn"),
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
            "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ",
            "Bearer abcdefgh12345",
            r#"{"type": "service_account", "private_key": "hunter2", "client_email": "a@b.c"}"#,
            concat!("pat-", "na1-01234567-89ab-cdef-0123-456789abcdef"),
        ] {
            assert!(is_value(text), "{text}");
        }
    }

    #[test]
    fn public_values_and_placeholders_are_not_secrets() {
        for text in [
            "eyes",
            "6f1c0a52-6d0e-4c6e-9a53-0b4f7c1d2e3f",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "-----BEGIN PUBLIC KEY-----\nMIIBIjANBg\n-----END PUBLIC KEY-----",
            "-----BEGIN CERTIFICATE-----\nMIIBIjANBg\n-----END CERTIFICATE-----",
            "-----BEGIN PRIVATE KEY-----...",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ me@host",
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
            "Bearer ${TOKEN}",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "xoxb-...",
            "https://hooks.slack.com/",
            "pk_live_0123456789abcdef",
            "{\"a\": 1, \"token_url\": \"https://example.com\"}",
            "{\"password\": \"${PASSWORD}\"}",
            "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgVE2upms",
            "exports/Daily/2024/Customers/EU/part0001",
            "basic",
            "",
        ] {
            assert_eq!(seen(text), Vec::<&str>::new(), "{text}");
        }
    }
}
