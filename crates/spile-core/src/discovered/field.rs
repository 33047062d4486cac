//! A field of a stream.

use serde::{Deserialize, Serialize};

use crate::integration::select::as_field_pattern;

/// A field, nested or not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Field {
    /// Its name, after those of the fields that it is in.
    pub path: Vec<String>,
    /// The types of JSON that its values have, and their format where the schema names one: `string (date-time)`.
    pub types: Vec<String>,
    /// Whether it is up to the user that it is read.
    pub inclusion: Inclusion,
}

impl Field {
    /// Returns its name, after those of the fields that it is in, as people read it.
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

/// Whether it is up to the user that a field is read; Singer's `inclusion`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Inclusion {
    /// It is.
    Available,
    /// It is always read with its stream.
    Automatic,
    /// It never is.
    Unsupported,
}

impl Inclusion {
    /// The words of Singer's specification.
    pub const WORDS: [(&'static str, Self); 3] =
        [("available", Self::Available), ("automatic", Self::Automatic), ("unsupported", Self::Unsupported)];

    /// Returns the word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.into_iter().find(|(_, inclusion)| *inclusion == self).map_or("", |(word, _)| word)
    }

    /// Returns what a word stands for.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(known, _)| *known == word).map(|(_, inclusion)| inclusion)
    }
}
