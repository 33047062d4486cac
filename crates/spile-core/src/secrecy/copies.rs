//! Finds copies of known secrets: where else a secret's value occurs in a text, in any notation.

use std::collections::BTreeSet;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::secret::Secret;

/// The shortest part of a secret to search for. Shorter ones are ordinary words.
const SHORTEST_PART: usize = 8;

/// Known secrets, in the notations that texts use.
#[derive(Debug, Default)]
pub struct Copies {
    /// Values to find anywhere.
    forms: Vec<Secret>,
    /// Values that may be ordinary words. For example, `postgres` may be both a password and a database. They are only
    /// found as whole texts.
    words: Vec<Secret>,
}

impl Copies {
    /// Creates a search for these secrets.
    #[must_use]
    pub fn of<'a>(secrets: impl Iterator<Item = &'a Secret>) -> Self {
        let mut copies = Self::default();
        let mut forms = BTreeSet::new();
        for secret in secrets.map(Secret::expose).filter(|secret| !secret.is_empty()) {
            if !is_distinct(secret) {
                copies.words.push(Secret::new(secret));
            }
            for part in parts(secret).iter().filter(|part| is_distinct(part)) {
                forms.extend(self::forms(part));
            }
        }
        // Longer forms come first, because their parts occur in the same place.
        let mut forms: Vec<String> = forms.into_iter().collect();
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        copies.forms = forms.into_iter().map(Secret::new).collect();
        copies
    }

    /// Tells whether there is nothing to search for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty() && self.words.is_empty()
    }

    /// Tells whether a text contains a copy of a secret.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.forms.iter().any(|form| text.contains(form.expose()))
    }

    /// Tells whether a whole text is a copy, including ordinary words. For places that only contain secrets.
    #[must_use]
    pub fn is_exactly(&self, text: &str) -> bool {
        self.is_in(text) || self.words.iter().any(|word| word.expose() == text)
    }

    /// Returns a text with copies replaced by stars.
    #[must_use]
    pub fn struck(&self, text: &str) -> String {
        self.forms.iter().fold(text.to_owned(), |text, form| text.replace(form.expose(), "***"))
    }

    /// Returns the positions of copies in a text, sorted and without overlaps.
    #[must_use]
    pub fn spans(&self, text: &str) -> Vec<Range<usize>> {
        let found = self.forms.iter().flat_map(|form| {
            text.match_indices(form.expose()).map(|(at, found)| at..at + found.len()).collect::<Vec<_>>()
        });
        let mut found: Vec<_> = found.collect();
        found.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
        found.dedup_by(|next, before| next.start < before.end);
        found
    }
}

/// Tells whether a value is unlike an ordinary word: it has letters with digits or symbols, or many letters.
fn is_distinct(text: &str) -> bool {
    let has = |is: fn(&u8) -> bool| usize::from(text.bytes().any(|byte| is(&byte)));
    let is_sign = |byte: &u8| !byte.is_ascii_alphanumeric() && !b"-_./ :".contains(byte);
    let kinds = has(u8::is_ascii_lowercase) + has(u8::is_ascii_uppercase) + has(u8::is_ascii_digit) + has(is_sign);
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.len() {
        0..=5 => false,
        6..=7 => kinds >= 2,
        8..=15 => kinds >= 2 || is_number,
        _ => true,
    }
}

/// Returns the parts of a secret that are secrets of their own: all of it, its lines, the texts in its JSON, and the
/// password in its URL.
fn parts(secret: &str) -> Vec<String> {
    let mut parts = vec![secret.to_owned(), secret.trim().to_owned()];
    let inner = |text: &&str| text.len() >= SHORTEST_PART && !text.starts_with("-----");
    if secret.trim().contains('\n') {
        parts.extend(secret.lines().map(str::trim).filter(inner).map(str::to_owned));
    }
    if let Ok(json) = serde_json::from_str::<Value>(secret) {
        secrets_of_json(&json, "", &mut parts);
    }
    let held =
        super::sightings(secret, super::Use::Value).into_iter().map(|one| secret[one.span].trim_matches(['"', '\'']));
    parts.extend(held.filter(inner).map(str::to_owned));
    parts
        .extend(["Bearer ", "Basic ", "Token "].iter().filter_map(|head| secret.strip_prefix(head)).map(str::to_owned));
    parts
}

fn secrets_of_json(json: &Value, name: &str, found: &mut Vec<String>) {
    match json {
        Value::String(text) if super::is_name(name) || super::is_value(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| secrets_of_json(item, name, found)),
        Value::Object(members) => members.iter().for_each(|(name, member)| secrets_of_json(member, name, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns a text as is, and as JSON, YAML, URLs, base64 and hexadecimal write it.
fn forms(text: &str) -> Vec<String> {
    let json = serde_json::json!(text).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let encoded = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut forms = vec![text.to_owned(), json, text.replace('\'', "''"), encoded.clone(), encoded.replace("%20", "+")];
    forms.extend(small_digits(&encoded));
    if text.len() >= SHORTEST_PART {
        forms.extend((0..3).flat_map(|offset| base64_at(text, offset)));
        let hex = text.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        forms.extend([hex.to_uppercase(), hex]);
    }
    forms
}

/// Returns percent-encoding with lower-case digits: `%2f`.
fn small_digits(encoded: &str) -> Option<String> {
    encoded.contains('%').then(|| {
        let mut parts = encoded.split('%');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            let (digits, rest) = part.split_at(part.len().min(2));
            text + "%" + &digits.to_ascii_lowercase() + rest
        })
    })
}

/// Returns how base64 encodes a text that follows `offset` other bytes, without the letters that depend on those.
fn base64_at(text: &str, offset: usize) -> [String; 2] {
    let padded = [&vec![0; offset], text.as_bytes()].concat();
    let whole = STANDARD_NO_PAD.encode(&padded);
    let from = [0, 2, 3][offset];
    let to = padded.len() / 3 * 4 + [0, 1, 2][padded.len() % 3];
    let inner = whole.get(from..to).unwrap_or_default().to_owned();
    [inner.replace('+', "-").replace('/', "_"), inner]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies(secret: &str) -> Copies {
        Copies::of(std::iter::once(&Secret::new(secret)))
    }

    #[test]
    fn a_copy_is_found_in_every_usual_encoding() {
        let secret = "hun/ter \"2\" 'xyz'";
        let found = copies(secret);
        let base64 = |before: &str| base64::engine::general_purpose::STANDARD.encode(format!("{before}{secret}!!"));
        for text in [
            format!("a: {secret} # b"),
            "a: \"hun/ter \\\"2\\\" 'xyz'\"".to_owned(),
            "a: 'hun/ter \"2\" ''xyz'''".to_owned(),
            "postgres://me:hun%2Fter%20%222%22%20%27xyz%27@db".to_owned(),
            "postgres://me:hun%2fter%20%222%22%20%27xyz%27@db".to_owned(),
            "q=hun%2Fter+%222%22+%27xyz%27".to_owned(),
            base64(""),
            base64("a"),
            base64("ab"),
            base64("user:"),
            "68756E2F746572202232222027".to_owned() + "78797A27",
        ] {
            assert!(found.is_in(&text) && found.spans(&text).len() == 1, "{text}");
        }
        assert!(!found.is_in("hunter"));
    }

    #[test]
    fn parts_that_are_secrets_of_their_own_are_found_too() {
        assert!(copies("postgres://me:hunter2xyz@db/x").is_in("PGPASSWORD=hunter2xyz"));
        assert!(
            copies("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----\n").is_in("MIIEvQIBADANBg")
        );
        assert!(copies(r#"{"type": "service_account", "private_key": "hunter2xyz"}"#).is_in("x hunter2xyz y"));
        assert!(!copies(r#"{"type": "service_account", "private_key": "hunter2xyz"}"#).is_in("service_account"));
        assert!(copies("Bearer hunter2xyz").is_in("hunter2xyz"));
    }

    #[test]
    fn an_ordinary_word_is_a_copy_only_as_a_whole_text() {
        for word in ["postgres", "x", "12345", "letmein"] {
            let found = copies(word);
            assert!(!found.is_in(word) && found.is_exactly(word), "{word}");
            assert!(!found.is_exactly(&format!("tap-{word}")) && found.spans(word).is_empty());
        }
        assert!(copies("hunter2").is_in("tap-hunter2") && copies("12345678").is_in("pin 12345678"));
    }

    #[test]
    fn a_copy_inside_another_is_found_once() {
        let both = [Secret::new("hunter2xyz"), Secret::new("hunter2xyz-and-more")];
        let found = Copies::of(both.iter());
        assert_eq!(found.spans("a hunter2xyz-and-more b hunter2xyz"), [2..21, 24..34]);
    }
}
