//! Notes about differences between the result and the definition.

use std::collections::BTreeMap;

use crate::problem::first_of;

/// The differences between the result and the definition, in the order in which they are found.
#[derive(Debug, Default)]
pub struct Notes {
    said: Vec<String>,
    /// Keys that are not kept, with the settings that have them.
    lost: BTreeMap<String, Vec<String>>,
}

impl Notes {
    /// Adds a sentence.
    pub fn say(&mut self, sentence: impl Into<String>) {
        self.said.push(sentence.into());
    }

    /// Adds a key of a setting that is not kept.
    pub fn lose(&mut self, key: &str, setting: &str) {
        self.lost.entry(key.to_owned()).or_default().push(setting.to_owned());
    }

    /// Returns the notes as sentences.
    #[must_use]
    pub fn into_sentences(self) -> Vec<String> {
        let lost = self.lost.into_iter().map(|(key, settings)| {
            let quoted: Vec<String> = settings.iter().map(|setting| format!("`{setting}`")).collect();
            format!("not kept: `{key}` of {}", first_of(&quoted, 3))
        });
        self.said.into_iter().chain(lost).collect()
    }
}
