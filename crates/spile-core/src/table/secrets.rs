//! Finds secrets in plain text anywhere in a file: checks every string in a table, whatever its key is called.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::{Table, TomlMistake};
use crate::problem::Problems;
use crate::secrecy::{Use, sightings};
use crate::source::Source;

/// Keys whose strings are for people.
const PROSE: [&str; 3] = ["name", "description", "tags"];

impl Table<'_> {
    /// Reports strings of this table that are certainly secrets, including the names of keys, and keeps them out of
    /// excerpts. Skips the values of keys that are checked `elsewhere`.
    pub fn plain_secrets(&self, elsewhere: &[&str], problems: &mut Problems) {
        for (key, value) in self.entries {
            look_at_key(self.source, key, problems);
            if elsewhere.contains(&key.get_ref().as_ref()) {
                look_at_names(self.source, value, problems);
            } else {
                look(self.source, key.get_ref(), value, problems);
            }
        }
    }

    /// Does the same for one key only.
    pub fn plain_secret(&self, key: &str, problems: &mut Problems) {
        if let Some((_, value)) = self.entries.iter().find(|(known, _)| known.get_ref() == key) {
            look(self.source, key, value, problems);
        }
    }
}

fn look(source: &Source, key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) {
    match value.get_ref() {
        DeValue::String(text) if !is_ciphertext(text) => {
            let used = if PROSE.contains(&key) { Use::Prose } else { Use::Value };
            report(source, key, UsedText { text, used, span: value.span() }, problems);
        }
        DeValue::Array(items) => items.iter().for_each(|item| look(source, key, item, problems)),
        DeValue::Table(table) => {
            for (key, value) in table {
                look_at_key(source, key, problems);
                look(source, key.get_ref(), value, problems);
            }
        }
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

/// The shortest secret of a known form that contains only lowercase letters: `sk_test_` and ten more.
const SHORTEST: usize = 18;

fn look_at_key(source: &Source, key: &Spanned<Cow<'_, str>>, problems: &mut Problems) {
    let is_small = |letter: u8| letter.is_ascii_lowercase() || letter == b'_';
    // Most keys are short words, and a project has many of them.
    if key.get_ref().len() < SHORTEST && key.get_ref().bytes().all(is_small) {
        return;
    }
    report(source, key.get_ref(), UsedText { text: key.get_ref(), used: Use::Value, span: key.span() }, problems);
}

/// Checks only the names of keys, on all levels.
fn look_at_names(source: &Source, value: &Spanned<DeValue<'_>>, problems: &mut Problems) {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().for_each(|item| look_at_names(source, item, problems)),
        DeValue::Table(table) => {
            for (key, value) in table {
                look_at_key(source, key, problems);
                look_at_names(source, value, problems);
            }
        }
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

/// Tells whether a string has the form of sops' output: an encrypted value, or a file key wrapped for age. Both consist
/// of base64 characters, and a file contains several hundred of them.
fn is_ciphertext(text: &str) -> bool {
    let is_base64 = |letter: u8| letter.is_ascii_alphanumeric() || b"+/=".contains(&letter);
    let is_value = |inner: &str| {
        let parts: Vec<&str> =
            inner.split(',').filter_map(|part| part.split_once(':')).map(|(_, value)| value).collect();
        parts.len() == 4 && inner.starts_with("data:") && parts.iter().all(|part| part.bytes().all(is_base64))
    };
    let value = text.strip_prefix("ENC[AES256_GCM,").and_then(|rest| rest.strip_suffix(']'));
    let frame = ("-----BEGIN AGE ENCRYPTED FILE-----\n", "-----END AGE ENCRYPTED FILE-----");
    let wrapped = text.trim_end().strip_prefix(frame.0).and_then(|rest| rest.strip_suffix(frame.1));
    value.is_some_and(is_value) || wrapped.is_some_and(|lines| lines.bytes().all(|at| at == b'\n' || is_base64(at)))
}

/// A string in a file, and how it is used.
struct UsedText<'a> {
    text: &'a str,
    used: Use,
    span: Range<usize>,
}

fn report(source: &Source, key: &str, used: UsedText<'_>, problems: &mut Problems) {
    let UsedText { text, used, span } = used;
    let Some(seen) = sightings(text, used).into_iter().next() else { return };
    let place = source.place(span.clone());
    if !problems.is_hidden(&place) {
        problems.hide(&place);
        problems.push(source, TomlMistake::Secret { key: key.to_owned(), what: seen.what, span: span.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_sops_writes_is_ciphertext() {
        let value = "ENC[AES256_GCM,data:f+iA,iv:pvv0t3BmMx0=,tag:aGk=,type:str]";
        let wrapped = "-----BEGIN AGE ENCRYPTED FILE-----\nYWdlLWVuY3J5cHRpb24=\n-----END AGE ENCRYPTED FILE-----\n";
        assert!(is_ciphertext(value) && is_ciphertext(wrapped));
        for other in [
            &value.replace("f+iA", "password=hunter2;x_y"),
            &value.replace("tag:", ""),
            &value.replace("data:", "ghp_"),
            &wrapped.replace("YWdl", "ghp_"),
            "ENC[ghp_0123456789abcdefghijklmnopqrstuvwxAB]",
            "hunter2",
        ] {
            assert!(!is_ciphertext(other), "{other}");
        }
    }
}
