//! Reads one TOML table key by key, each value with its place, and collects mistakes.
//!
//! serde would stop at the first mistake, and loses spans in flattened tables.

mod mistake;
mod node;
mod secrets;
mod tree;
mod user_keys;

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{Problems, did_you_mean, listed};
use crate::source::{Place, Placed, Source};
use crate::value;
use node::{hide_values, written};

pub use mistake::TomlMistake;
pub use node::{Content, Node};
pub use tree::{DEEPEST, NotATree, editable, layout, tree};

/// Parses a source and passes its top table to `read`. Reports all syntax errors, and a text that is nested too deeply.
pub fn parse<T>(
    source: &Source,
    problems: &mut Problems,
    read: impl FnOnce(Table<'_>, &mut Problems) -> Option<T>,
) -> Option<T> {
    match tree(source.text()) {
        Ok(table) => read(Table::new(source, &table, 0..0), problems),
        // A merge with conflicts is one mistake, whatever the parser reports.
        Err(NotATree::Syntax(_)) if let Some(at) = conflict(source.text()) => {
            problems.push(source, TomlMistake::Conflict { span: at.into() });
            hide_values(source, problems);
            None
        }
        // A partial table would be blamed for keys that are only missing because of the error.
        Err(NotATree::Syntax(errors)) => {
            for error in errors {
                let span = error.span().unwrap_or(0..0).into();
                problems.push(source, TomlMistake::Syntax { message: error.message().to_owned(), span });
            }
            hide_values(source, problems);
            None
        }
        Err(NotATree::TooDeep(span)) => {
            problems.push(source, TomlMistake::TooDeep { span: span.into() });
            hide_values(source, problems);
            None
        }
    }
}

/// Finds the first line that git writes for a merge conflict.
fn conflict(text: &str) -> Option<Range<usize>> {
    const MARK: &str = "<<<<<<< ";
    let at = if text.starts_with(MARK) { Some(0) } else { text.find(&format!("\n{MARK}")).map(|at| at + 1) };
    at.map(|at| at..at + MARK.len() - 1)
}

/// The expected kind, for a table and for an array of tables.
const TABLE: &str = "a table";
const TABLES: &str = "an array of tables";

/// One table of a file.
pub struct Table<'a> {
    /// The file.
    pub source: &'a Source,
    entries: &'a DeTable<'a>,
    span: Range<usize>,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    fn new(source: &'a Source, table: &'a DeTable<'a>, span: Range<usize>) -> Self {
        Self { source, entries: table, span, known: RefCell::default() }
    }

    fn find(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.borrow_mut().push(key);
        self.entries.get(key)
    }

    fn placed<T>(&self, value: T, span: Range<usize>) -> Placed<T> {
        Placed { value, place: self.source.place(span) }
    }

    /// Reports a value of the wrong kind. Hides values in or in place of a table, which may be secrets.
    fn wrong(
        &self,
        key: &str,
        found: &Spanned<DeValue<'_>>,
        wanted: &'static str,
        example: &'static str,
        problems: &mut Problems,
    ) {
        if [TABLE, TABLES].contains(&wanted) || found.get_ref().is_table() || found.get_ref().is_array() {
            self.hide(found, problems);
        }
        let mistake = TomlMistake::WrongKind {
            key: key.to_owned(),
            found: with_article(found.get_ref().type_str()),
            wanted,
            example,
            span: found.span().into(),
        };
        problems.push(self.source, mistake);
    }

    /// Returns the string at `key`.
    pub fn text(&self, key: &'static str, problems: &mut Problems) -> Option<Placed<String>> {
        let found = self.find(key)?;
        let text = found.get_ref().as_str();
        if text.is_none() {
            self.wrong(key, found, "a string", "\"text\"", problems);
        }
        text.map(|text| self.placed(text.to_owned(), found.span()))
    }

    /// Returns the string at `key`, which is a secret or refers to one. Hides a value of another kind.
    pub fn secret_text(&self, key: &'static str, problems: &mut Problems) -> Option<Placed<String>> {
        if let Some(found) = self.entries.get(key).filter(|found| !found.get_ref().is_str()) {
            self.hide(found, problems);
        }
        self.text(key, problems)
    }

    /// Returns the string at `key`, and reports it if it is missing.
    pub fn required_text(
        &self,
        key: &'static str,
        example: &'static str,
        problems: &mut Problems,
    ) -> Option<Placed<String>> {
        self.require(key, example, problems);
        self.text(key, problems)
    }

    fn require(&self, key: &'static str, example: &'static str, problems: &mut Problems) {
        if self.find(key).is_none() {
            let span = self.span.clone().into();
            problems.push(self.source, TomlMistake::MissingKey { key: key.to_owned(), example, span });
        }
    }

    /// Returns the parsed string at `key`.
    pub fn parsed<T: FromStr>(&self, key: &'static str, problems: &mut Problems) -> Option<Placed<T>>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.text(key, problems)?;
        match text.parse() {
            Ok(value) => Some(Placed { value, place: text.place }),
            Err(error) => {
                let span = text.place.span.clone().into();
                let message = error.to_string();
                problems.push(self.source, TomlMistake::Invalid { key: key.to_owned(), message, span, help: None });
                None
            }
        }
    }

    /// Returns the choice that the string at `key` names.
    pub fn choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&'static str, T)],
        problems: &mut Problems,
    ) -> Option<Placed<T>> {
        let text = self.text(key, problems)?;
        let found = choices.iter().find(|(name, _)| *name == text.as_str());
        if found.is_none() {
            let names = || choices.iter().map(|(name, _)| *name);
            let help = did_you_mean(&text, names()).unwrap_or_else(|| format!("choose one of {}", listed(names())));
            let message = format!("`{}` is not a known value", text.value);
            let span = text.place.span.clone().into();
            problems.push(self.source, TomlMistake::Invalid { key: key.to_owned(), message, span, help: Some(help) });
        }
        found.map(|(_, value)| Placed { value: *value, place: text.place })
    }

    /// Returns the boolean at `key`.
    pub fn flag(&self, key: &'static str, problems: &mut Problems) -> Option<Placed<bool>> {
        let found = self.find(key)?;
        let flag = found.get_ref().as_bool();
        if flag.is_none() {
            self.wrong(key, found, "a boolean", "true", problems);
        }
        flag.map(|flag| self.placed(flag, found.span()))
    }

    /// Returns the whole number at `key`, if it is in a range.
    pub fn whole<T: TryFrom<i64> + PartialOrd>(
        &self,
        key: &'static str,
        range: RangeInclusive<T>,
        wanted: &'static str,
        problems: &mut Problems,
    ) -> Option<T> {
        let found = self.find(key)?;
        let written = found.get_ref().as_integer();
        let number = written.and_then(value::whole).and_then(|number| T::try_from(number).ok());
        let number = number.filter(|number| range.contains(number));
        match written {
            // The message quotes a whole number that is out of range.
            Some(_) if number.is_none() => {
                let span = found.span();
                let written = self.source.text().get(span.clone()).unwrap_or_default().to_owned();
                let (key, found, span) = (key.to_owned(), written, span.into());
                problems.push(self.source, TomlMistake::WrongKind { key, found, wanted, example: "30", span });
            }
            Some(_) => {}
            None => self.wrong(key, found, wanted, "30", problems),
        }
        number
    }

    /// Returns the whole number at `key` with its place, if it is in a range.
    pub fn placed_whole<T: TryFrom<i64> + PartialOrd>(
        &self,
        key: &'static str,
        range: RangeInclusive<T>,
        wanted: &'static str,
        problems: &mut Problems,
    ) -> Option<Placed<T>> {
        let number = self.whole(key, range, wanted, problems)?;
        self.entries.get(key).map(|found| self.placed(number, found.span()))
    }

    /// Returns the percentage at `key`.
    pub fn percent(&self, key: &'static str, problems: &mut Problems) -> Option<u8> {
        self.whole(key, 0..=100, "a whole number from 0 to 100", problems)
    }

    /// Returns the strings of the array at `key`.
    pub fn texts(&self, key: &'static str, problems: &mut Problems) -> Option<Placed<Vec<Placed<String>>>> {
        let (wanted, example) = ("an array of strings", "[\"text\"]");
        let found = self.find(key)?;
        let Some(array) = found.get_ref().as_array() else {
            self.wrong(key, found, wanted, example, problems);
            return None;
        };
        let mut texts = Vec::new();
        for item in array {
            match item.get_ref().as_str() {
                Some(text) => texts.push(self.placed(text.to_owned(), item.span())),
                None => self.wrong(key, item, wanted, example, problems),
            }
        }
        Some(self.placed(texts, found.span()))
    }

    /// Returns the value at `key`, of any kind.
    pub fn value(&self, key: &'static str, problems: &mut Problems) -> Option<Placed<Value>> {
        let found = self.find(key)?;
        self.as_value(key, found, problems)
    }

    fn as_value(&self, key: &str, found: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Placed<Value>> {
        match value::from_toml(found.get_ref()) {
            Ok(value) => Some(self.placed(value, found.span())),
            Err(value::NotAValue::Number) => {
                self.wrong(key, found, "a finite number of 64 bits", "1.5", problems);
                None
            }
        }
    }

    /// Returns the table at `key`.
    pub fn table(&self, key: &'static str, problems: &mut Problems) -> Option<Table<'a>> {
        let found = self.find(key)?;
        let table = found.get_ref().as_table();
        if table.is_none() {
            self.wrong(key, found, TABLE, "{ key = \"value\" }", problems);
        }
        table.map(|table| Table::new(self.source, table, found.span()))
    }

    /// Returns the table at `key`, and reports it if it is missing.
    pub fn required_table(
        &self,
        key: &'static str,
        example: &'static str,
        problems: &mut Problems,
    ) -> Option<Table<'a>> {
        self.require(key, example, problems);
        self.table(key, problems)
    }

    /// Returns the tables in the array at `key`: `[[key]]`.
    pub fn tables(&self, key: &'static str, problems: &mut Problems) -> Vec<Table<'a>> {
        let Some(found) = self.find(key) else { return Vec::new() };
        let (wanted, example) = (TABLES, "[[table]]");
        let Some(array) = found.get_ref().as_array() else {
            self.wrong(key, found, wanted, example, problems);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in array {
            match item.get_ref().as_table() {
                Some(table) => tables.push(Table::new(self.source, table, item.span())),
                None => self.wrong(key, item, wanted, example, problems),
            }
        }
        tables
    }

    /// Returns the table as parsed, for readers of other people's formats.
    #[must_use]
    pub fn raw(&self) -> &'a DeTable<'a> {
        self.entries
    }

    /// Keeps a value of the table, including its members, out of all excerpts.
    pub fn hide(&self, value: &Spanned<DeValue<'_>>, problems: &mut Problems) {
        let mut places = Vec::new();
        written(self.source, value, &mut places);
        for span in places {
            problems.hide(&self.source.place(span));
        }
    }

    /// Returns the place of the table.
    #[must_use]
    pub fn place(&self) -> Place {
        self.source.place(self.span.clone())
    }

    /// Reports all unknown keys. Hides their values, because a misspelled key may belong to a secret.
    pub fn finish(self, problems: &mut Problems) {
        let known = self.known.borrow();
        for (key, value) in self.entries.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
            let name = key.get_ref().as_ref();
            self.hide(value, problems);
            let mut all: Vec<&str> = known.clone();
            all.sort_unstable();
            all.dedup();
            let help = did_you_mean(name, known.iter().copied())
                .unwrap_or_else(|| format!("the known keys here are {}", listed(all)));
            let span = key.span().into();
            problems.push(self.source, TomlMistake::UnknownKey { key: name.to_owned(), span, help });
        }
    }
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str, read: impl FnOnce(Table<'_>, &mut Problems) -> Option<()>) -> Vec<String> {
        let mut problems = Problems::default();
        parse(&Source::new("a.toml", text), &mut problems, read);
        problems.into_report().problems().iter().map(|problem| format!("{problem:?}")).collect()
    }

    #[test]
    fn every_syntax_error_of_a_file_is_reported() {
        let found = messages("a = \nb = 'x\nc = 1\n", |_, _| None);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn whole_numbers_are_read_in_every_radix_and_checked_against_their_range() {
        let text = "a = 0x20\nb = 0b11\nc = 1_000\nd = 0x65\ne = 70_000\nf = 1.0\n";
        let found = messages(text, |table, problems| {
            let read = |key, problems: &mut Problems| table.whole::<u16>(key, 1..=u16::MAX, "a whole number", problems);
            let numbers = ["a", "b", "c"].map(|key| read(key, problems));
            assert_eq!(numbers, [Some(32), Some(3), Some(1000)]);
            assert_eq!(table.percent("a", problems), Some(32));
            assert_eq!((table.percent("d", problems), read("e", problems), read("f", problems)), (None, None, None));
            Some(())
        });
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn a_merge_conflict_is_one_mistake() {
        let text = "name = 'x'\n<<<<<<< ours\na = 1\n=======\na = 2\n>>>>>>> theirs\n";
        let found = messages(text, |_, _| Some(()));
        assert_eq!(found, ["a.toml:2: the file has conflict markers from git [spile::toml::conflict]"]);
    }

    #[test]
    fn unknown_keys_and_wrong_kinds_are_reported_with_their_places() {
        let found = messages("nam = 'x'\nenabled = 'yes'\n", |table, problems| {
            table.text("name", problems);
            table.flag("enabled", problems);
            table.finish(problems);
            Some(())
        });
        assert_eq!(
            found,
            [
                "a.toml:1: unknown key `nam` [spile::toml::unknown_key]",
                "a.toml:2: `enabled` is a string, not a boolean [spile::toml::wrong_kind]"
            ]
        );
    }
}
