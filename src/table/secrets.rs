//! Secrets in plain text, anywhere in a file: every text of a table is looked at, whatever its key is called.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::{Mistake, Table};
use crate::problem::Problems;
use crate::secrecy::{Use, sightings};
use crate::source::Source;

/// Keys whose texts are for people.
const PROSE: [&str; 3] = ["name", "description", "tags"];

impl Table<'_> {
    /// Reports the texts of this table that surely are secrets, the names of keys included, and keeps them out of excerpts.
    /// The values below keys that are checked elsewhere are left to those.
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

    /// Reports the same of one key alone.
    pub fn plain_secret(&self, key: &str, problems: &mut Problems) {
        if let Some((_, value)) = self.entries.iter().find(|(known, _)| known.get_ref() == key) {
            look(self.source, key, value, problems);
        }
    }
}

fn look(source: &Source, key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) {
    match value.get_ref() {
        DeValue::String(text) => {
            let used = if PROSE.contains(&key) { Use::Prose } else { Use::Value };
            report(source, key, (text, used, value.span()), problems);
        }
        DeValue::Array(items) => items.iter().for_each(|item| look(source, key, item, problems)),
        DeValue::Table(table) => {
            for (key, value) in table {
                look_at_key(source, key, problems);
                look(source, key.get_ref(), value, problems);
            }
        }
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

fn look_at_key(source: &Source, key: &Spanned<Cow<'_, str>>, problems: &mut Problems) {
    report(source, key.get_ref(), (key.get_ref(), Use::Value, key.span()), problems);
}

/// Looks at the names of keys alone, all the way down.
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

fn report(source: &Source, key: &str, (text, used, span): (&str, Use, Range<usize>), problems: &mut Problems) {
    let Some(seen) = sightings(text, used).into_iter().next() else { return };
    let place = source.place(span.clone());
    if !problems.is_hidden(&place) {
        problems.hide(&place);
        problems.push(source, Mistake::Secret { key: key.to_owned(), what: seen.what, span: span.into() });
    }
}
