//! A field of a stream.

use serde::{Deserialize, Serialize};

use crate::integration::select::as_field_pattern;

/// A field, nested or not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Field {
    /// Its name, preceded by the names of its parents.
    pub path: Vec<String>,
    /// The JSON types of its values, with their format if the schema has one: `string (date-time)`.
    pub types: Vec<String>,
    /// Whether the user decides if it is read.
    pub inclusion: Inclusion,
}

impl Field {
    /// Returns its name, preceded by the names of its parents, as people read it.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.join(".")
    }

    /// Returns its name as patterns of `select` write it.
    #[must_use]
    pub fn pattern(&self) -> String {
        as_field_pattern(&self.path)
    }
}

/// Whether the user decides if a field is read. Singer's `inclusion`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Inclusion {
    /// Read if selected.
    Available,
    /// Always read with its stream.
    Automatic,
    /// Never read.
    Unsupported,
}

impl Inclusion {
    /// The words of Singer's specification.
    pub const WORDS: [(&'static str, Self); 3] =
        [("available", Self::Available), ("automatic", Self::Automatic), ("unsupported", Self::Unsupported)];

    /// Returns its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.into_iter().find(|(_, inclusion)| *inclusion == self).map_or("", |(word, _)| word)
    }

    /// Returns the inclusion for a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(known, _)| *known == word).map(|(_, inclusion)| inclusion)
    }
}
