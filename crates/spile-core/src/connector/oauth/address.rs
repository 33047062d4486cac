//! Addresses with settings in braces.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use url::Url;

use crate::settings::secure;

/// An address of `https` that contains settings in braces: `https://{shop}.example.com/oauth/token`. If it begins with a
/// setting, the setting is an address: `{api_url}/oauth/token`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressTemplate(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Setting(String),
}

/// A text that is not such an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnAddress;

/// Why an address is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAddress {
    /// A setting in it is not set.
    Unset(String),
    /// A setting in it has a value that the address cannot contain.
    Unfit(String),
}

impl FromStr for AddressTemplate {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').filter(|(name, _)| !name.is_empty()).ok_or(NotAnAddress)?;
            parts.extend(Some(before).filter(|text| !text.is_empty()).map(|text| Part::Text(text.to_owned())));
            parts.push(Part::Setting(name.to_owned()));
            rest = behind;
        }
        parts.extend(Some(rest).filter(|text| !text.is_empty()).map(|text| Part::Text(text.to_owned())));
        let address = Self(parts);
        let first = if address.begins_with_a_setting() { "https://x.example" } else { "x" };
        let mut words = std::iter::once(first).chain(std::iter::repeat("x"));
        let example: String =
            address.0.iter().map(|part| part.text(|_| words.next().unwrap_or("x").to_owned())).collect();
        parsed(&example).map(|_| address).ok_or(NotAnAddress)
    }
}

impl Part {
    fn text(&self, word: impl FnOnce(&str) -> String) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Setting(name) => word(name),
        }
    }
}

impl fmt::Display for AddressTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| f.write_str(&part.text(|name| format!("{{{name}}}"))))
    }
}

impl Serialize for AddressTemplate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl AddressTemplate {
    /// Returns the names of the settings in it.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Setting(name) => Some(name.as_str()),
        })
    }

    fn begins_with_a_setting(&self) -> bool {
        matches!(self.0.first(), Some(Part::Setting(_)))
    }

    /// Tells whether every setting leads to the same provider: at most the first labels of its host are settings.
    #[must_use]
    pub fn names_the_provider(&self) -> bool {
        // Braces end where a host ends or continues with a fixed domain of at least two labels.
        let text = self.to_string();
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
        let host = host.split(['/', '?', '#']).next().unwrap_or_default();
        let domain = host.rsplit('}').next().unwrap_or_default();
        let labels = domain.trim_start_matches('.').split('.').filter(|label| !label.is_empty()).count();
        !host.is_empty() && (!host.contains('}') || (domain.starts_with('.') && labels >= 2))
    }

    /// Returns the address with the values of its settings.
    ///
    /// # Errors
    /// When a setting is not set, or its value would lead elsewhere.
    pub fn fill(&self, value: impl Fn(&str) -> Option<String>) -> Result<Url, NoAddress> {
        let mut text = String::new();
        for part in &self.0 {
            let Part::Setting(name) = part else {
                text.push_str(&part.text(str::to_owned));
                continue;
            };
            let word = value(name).filter(|word| !word.is_empty()).ok_or_else(|| NoAddress::Unset(name.clone()))?;
            let fits = if text.is_empty() { parsed(&word).is_some() } else { is_word(&word) };
            if !fits {
                return Err(NoAddress::Unfit(name.clone()));
            }
            text.push_str(word.trim_end_matches('/'));
        }
        let first = || self.placeholders().next().unwrap_or_default().to_owned();
        parsed(&text).ok_or_else(|| NoAddress::Unfit(first()))
    }
}

/// Tells whether a value stays within one part of an address.
fn is_word(word: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    word.chars().all(letter) && !word.starts_with('.') && !word.ends_with('.')
}

fn parsed(text: &str) -> Option<Url> {
    let url = secure(text).ok()?;
    (url.username().is_empty() && url.password().is_none() && url.fragment().is_none()).then_some(url)
}
