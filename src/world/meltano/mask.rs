//! What plugins print: their own secrets are struck out of it.
//!
//! spile's own output cannot hold a secret, by type. A tap is somebody else's program, and some print the address they
//! connect to, password and all, when that fails. This is a second line: it knows the values of this run and the forms
//! in which programs print them, and nothing else.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::secret::Secret;

/// Shorter values are words of any language: striking them out would leave nothing of a log.
const SHORTEST: usize = 5;

/// A secret of JSON has other texts in it than secrets, such as `string`.
const SHORTEST_INSIDE: usize = 8;

/// What stands in a log where a secret stood.
const STRUCK: &[u8] = b"(secret)";

/// The secrets of one run, in the forms in which programs print them.
#[derive(Debug)]
pub(super) struct Mask(Option<AhoCorasick>);

impl Mask {
    /// Makes one; where there is nothing to strike out, lines pass as they are.
    ///
    /// # Errors
    /// When there is more than can be looked for, which is gigabytes.
    pub(super) fn of<'a>(secrets: impl Iterator<Item = &'a Secret>) -> io::Result<Self> {
        let texts: Vec<String> = secrets.flat_map(|secret| texts(secret.expose())).collect();
        let forms: BTreeSet<String> = texts.iter().flat_map(|text| forms(text)).collect();
        if forms.is_empty() {
            return Ok(Self(None));
        }
        // A form may begin like another: then all of the longer one is the secret.
        let found = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(forms);
        found.map(|found| Self(Some(found))).map_err(io::Error::other)
    }

    /// Strikes the secrets out of a line.
    pub(super) fn apply<'a>(&self, line: &'a [u8]) -> Cow<'a, [u8]> {
        match &self.0 {
            Some(secrets) if secrets.is_match(line) => {
                Cow::Owned(secrets.replace_all_bytes(line, &vec![STRUCK; secrets.patterns_len()]))
            }
            Some(_) | None => Cow::Borrowed(line),
        }
    }
}

/// What of a secret is one by itself: all of it, each of its lines, the texts of its JSON, the password of its address.
fn texts(secret: &str) -> Vec<String> {
    let mut texts = vec![secret.to_owned()];
    texts.extend(secret.lines().map(|line| line.trim().to_owned()));
    if let Ok(json) = serde_json::from_str(secret) {
        texts_of_json(&json, &mut texts);
    }
    let password = secret.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')?.0.split_once(':'));
    texts.extend(password.map(|(_, password)| password.to_owned()));
    texts.retain(|text| text.len() >= SHORTEST);
    texts
}

fn texts_of_json(json: &Value, texts: &mut Vec<String>) {
    match json {
        Value::String(text) if text.len() >= SHORTEST_INSIDE => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts_of_json(item, texts)),
        Value::Object(members) => members.values().for_each(|member| texts_of_json(member, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The text itself, as JSON, as Python's, in URLs and in base64.
fn forms(text: &str) -> Vec<String> {
    let json = serde_json::json!(text).to_string();
    let json = json.trim_matches('"').to_owned();
    let twice = serde_json::json!(json).to_string().trim_matches('"').to_owned();
    let ascii = escaped_beyond_ascii(&json);
    let python = text.replace('\\', "\\\\").replace('\n', "\\n").replace('\'', "\\'");
    let mut forms = vec![text.to_owned(), json, twice, ascii, python];
    // Of `quote` a slash stays, `quote_plus` makes a plus of a space, and others write their digits small.
    let in_urls = ["", "/"].into_iter().flat_map(|kept| {
        let url = in_url(text, kept);
        [url.replace("%20", "+"), in_small_digits(&url), url]
    });
    forms.extend(in_urls);
    forms.extend([&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD].map(|engine| engine.encode(text)));
    forms.sort();
    forms.dedup();
    forms
}

/// JSON as Python writes it: everything beyond ASCII as `\uXXXX`.
fn escaped_beyond_ascii(json: &str) -> String {
    json.chars().fold(String::new(), |mut text, letter| {
        if letter.is_ascii() {
            text.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
        text
    })
}

/// Percent-encoding; beside what no address needs to have encoded, `kept` stays as it is.
fn in_url(text: &str, kept: &str) -> String {
    text.bytes().fold(String::new(), |mut url, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || kept.as_bytes().contains(&byte) {
            url.push(byte.into());
        } else {
            // Writing to a string does not fail.
            let _ = write!(url, "%{byte:02X}");
        }
        url
    })
}

/// `%2F` as `%2f`.
fn in_small_digits(url: &str) -> String {
    let mut parts = url.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (digits, rest) = part.split_at(part.len().min(2));
        format!("{text}%{}{rest}", digits.to_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck(secret: &str, line: &str) -> String {
        let secret = Secret::new(secret);
        let mask = Mask::of([&secret].into_iter()).unwrap();
        String::from_utf8(mask.apply(line.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn a_secret_is_struck_out_in_every_form_that_programs_print() {
        assert_eq!(struck("p@ss w\u{f6}rd", "x p@ss w\u{f6}rd y"), "x (secret) y");
        assert_eq!(struck("p@ss w\u{f6}rd", "db://u:p%40ss%20w%C3%B6rd@h"), "db://u:(secret)@h");
        assert_eq!(struck("p@ss w\u{f6}rd", r#"{"a": "p@ss w\u00f6rd"}"#), r#"{"a": "(secret)"}"#);
        assert_eq!(struck("a\"quote", r#""a\"quote""#), r#""(secret)""#);
        assert_eq!(struck("-----BEGIN\nabcdef\n-----END", "line 2: abcdef"), "line 2: (secret)");
        assert_eq!(struck("aB3/xY+z0==", "k=aB3/xY%2Bz0%3D%3D&"), "k=(secret)&");
        assert_eq!(struck("aB3/xY+z0==", "k=aB3%2fxY%2bz0%3d%3d&"), "k=(secret)&");
        assert_eq!(struck("p@ss word", "p%40ss+word"), "(secret)");
        assert_eq!(struck("hunter2", "aHVudGVyMg=="), "(secret)");
        assert_eq!(struck("hunter2", "aHVudGVyMg."), "(secret).");
        assert_eq!(struck("?>??>?", "Pz4_Pz4_"), "(secret)");
        assert_eq!(
            struck(r#"{"type": "x", "key": "hunter22"}"#, "{'type': 'x', 'key': 'hunter22'}"),
            "{'type': 'x', 'key': '(secret)'}"
        );
        assert_eq!(
            struck("db://u:hunter2@host/x", "no user u with password hunter2"),
            "no user u with password (secret)"
        );
    }

    #[test]
    fn a_secret_of_any_size_is_struck_out() {
        let lines: Vec<String> = (0..20_000).map(|number| format!("certificate {number}\n")).collect();
        let store = lines.concat();
        assert_eq!(struck(&store, "x certificate 19999 y"), "x (secret) y");
        assert_eq!(struck(&store, &store), "(secret)");
    }

    #[test]
    fn short_values_would_leave_nothing_of_a_log() {
        assert_eq!(struck("a", "a cat"), "a cat");
    }
}
