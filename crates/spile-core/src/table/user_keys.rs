//! Tables whose keys are names that a user or a connector chose.

use indexmap::IndexMap;
use toml::de::{DeTable, DeValue};

use super::{Content, Node, TABLE, Table};
use crate::problem::Problems;
use crate::source::{Place, Placed};

impl<'a> Table<'a> {
    /// Returns every key with its place and its table, for tables whose keys are chosen by the user.
    pub fn named_tables(&self, problems: &mut Problems) -> Vec<(Placed<String>, Table<'a>)> {
        let mut named = Vec::new();
        for (key, found) in self.entries {
            match found.get_ref().as_table() {
                Some(table) => {
                    let name = self.placed(key.get_ref().to_string(), key.span());
                    named.push((name, Table::new(self.source, table, found.span())));
                }
                None => self.wrong(key.get_ref(), found, TABLE, "{ }", problems),
            }
        }
        named
    }

    /// Returns every key with its string, for tables whose keys are names.
    pub fn named_texts(&self, problems: &mut Problems) -> Vec<(String, Placed<String>)> {
        let mut named = Vec::new();
        for (key, found) in self.entries {
            match found.get_ref().as_str() {
                Some(text) => named.push((key.get_ref().to_string(), self.placed(text.to_owned(), found.span()))),
                None => self.wrong(key.get_ref(), found, "a string", "\"text\"", problems),
            }
        }
        named
    }

    /// Returns every key and value with their places, for tables whose keys a connector defines.
    pub fn nodes(&self, problems: &mut Problems) -> IndexMap<String, Node> {
        self.nodes_of(self.entries, problems)
    }

    fn nodes_of(&self, entries: &DeTable<'_>, problems: &mut Problems) -> IndexMap<String, Node> {
        let mut nodes = IndexMap::new();
        for (key, found) in entries {
            let content = match found.get_ref() {
                DeValue::Table(table) => Some(Content::Members(self.nodes_of(table, problems))),
                _ => self.as_value(key.get_ref(), found, problems).map(|value| Content::Leaf(value.value)),
            };
            if let Some(content) = content {
                nodes.insert(key.get_ref().to_string(), Node::new(self.source.place(key.span()), found, content));
            }
        }
        nodes
    }

    /// Returns the place of a key, if the table has it.
    #[must_use]
    pub fn key_place(&self, key: &str) -> Option<Place> {
        self.entries.keys().find(|known| known.get_ref() == key).map(|known| self.source.place(known.span()))
    }

    /// Returns every key with its place, in text order.
    #[must_use]
    pub fn key_places(&self) -> Vec<(String, Place)> {
        let mut keys: Vec<_> =
            self.entries.keys().map(|key| (key.get_ref().to_string(), self.source.place(key.span()))).collect();
        keys.sort_by_key(|(_, place)| place.span.start);
        keys
    }
}
