//! Secrets in plain text, anywhere in a file: every text of a table is looked at, whatever its key is called.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Mistake, Table};
use crate::problem::Problems;
use crate::secrecy::{Use, sightings};
use crate::source::Source;

/// Keys whose texts are for people.
const PROSE: [&str; 3] = ["name", "description", "tags"];

impl Table<'_> {
    /// Reports the texts of this table that surely are secrets, but for those below keys that are checked elsewhere, and
    /// keeps them out of excerpts.
    pub fn plain_secrets(&self, elsewhere: &[&str], problems: &mut Problems) {
        let own = self.entries.iter().filter(|(key, _)| !elsewhere.contains(&key.get_ref().as_ref()));
        for (key, value) in own {
            look(self.source, key.get_ref(), value, problems);
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
            let place = source.place(value.span());
            if let Some(seen) = sightings(text, used).first()
                && !problems.is_hidden(&place)
            {
                problems.hide(&place);
                problems
                    .push(source, Mistake::Secret { key: key.to_owned(), what: seen.what, span: value.span().into() });
            }
        }
        DeValue::Array(items) => items.iter().for_each(|item| look(source, key, item, problems)),
        DeValue::Table(table) => members(source, table, problems),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

fn members(source: &Source, table: &DeTable<'_>, problems: &mut Problems) {
    for (key, value) in table {
        look(source, key.get_ref(), value, problems);
    }
}
