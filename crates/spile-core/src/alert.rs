//! Alerts: what is wrong now, derived from runs, schedules, files, and drift, and which alerts a channel has yet to be
//! sent. Pure: the time and the earlier messages are passed in.

pub mod delivery_log;
pub mod due;
pub mod message;
pub mod policy;
pub mod render;
pub mod runs;
pub mod stale;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::integration::Integration;
use crate::name::{IntegrationId, Slug};
use crate::run::Run;
use crate::settings::AlertKind;

pub use delivery_log::Told;
pub use due::{Decision, Sending};
pub use message::Message;
pub use policy::Policy;

/// Something that is wrong, or that has recovered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Identifies the alert for as long as it lasts.
    pub key: Key,
    /// The integration that it is about; `None` if it is about the project.
    pub integration: Option<Subject>,
    /// When it started.
    pub since: Timestamp,
    /// What happened, in a sentence.
    pub sentence: String,
    /// The next step.
    pub help: Option<String>,
    /// The file to fix, relative to the project.
    pub file: Option<PathBuf>,
    /// The command that shows more.
    pub command: Option<String>,
    /// The run that shows it.
    pub run: Option<Box<Run>>,
}

impl Alert {
    /// Returns the kind of alert.
    #[must_use]
    pub fn kind(&self) -> AlertKind {
        self.key.kind
    }
}

/// The integration that an alert is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its id, if known: an invalid file may not contain it.
    pub id: Option<IntegrationId>,
    /// Its name.
    pub slug: Slug,
    /// Its tags, if known.
    pub tags: Option<BTreeSet<String>>,
}

impl From<&Integration> for Subject {
    fn from(integration: &Integration) -> Self {
        let tags = Some(integration.base.tags.clone());
        Self { id: Some(integration.id), slug: integration.slug.clone(), tags }
    }
}

/// Identifies an alert for as long as it lasts: its kind, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key {
    /// The kind.
    pub kind: AlertKind,
    /// The id of an integration, a file, or similar.
    pub about: String,
}

impl Key {
    /// Joins a kind and what the alert is about.
    pub fn new(kind: AlertKind, about: impl fmt::Display) -> Self {
        Self { kind, about: about.to_string() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.word(), self.about)
    }
}

/// Why a string is not an alert key.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an alert key")]
pub struct NotAKey(String);

impl FromStr for Key {
    type Err = NotAKey;
    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let (word, about) = text.split_once(':').ok_or_else(|| NotAKey(text.to_owned()))?;
        let found = AlertKind::WORDS.into_iter().find(|(known, _)| *known == word);
        found.map(|(_, kind)| Self::new(kind, about)).ok_or_else(|| NotAKey(text.to_owned()))
    }
}

impl TryFrom<String> for Key {
    type Error = NotAKey;
    fn try_from(text: String) -> Result<Self, NotAKey> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}

/// The result of one look at a project: what is wrong and what is healthy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// What is wrong now.
    pub alerts: Vec<Alert>,
    /// What is known to be healthy: alerts of kind [`AlertKind::Recovery`], each about the id of an integration.
    pub well: Vec<Alert>,
    /// The kinds for which `alerts` is complete: earlier alerts of these kinds that are missing from it are over.
    pub whole: BTreeSet<AlertKind>,
}

#[cfg(test)]
pub(crate) mod tests;
