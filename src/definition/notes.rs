//! Notes: what was done otherwise than a definition says.

use std::collections::BTreeMap;

use crate::problem::listed;

/// What was done otherwise than a definition says, as it is found.
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

    /// Returns them as sentences.
    #[must_use]
    pub fn into_sentences(self) -> Vec<String> {
        let lost = self.lost.into_iter().map(|(key, settings)| {
            let more = settings.len().saturating_sub(3);
            let named = listed(settings.iter().take(3).map(String::as_str));
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            format!("not kept: `{key}` of {named}{more}")
        });
        self.said.into_iter().chain(lost).collect()
    }
}
