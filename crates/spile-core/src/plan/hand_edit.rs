//! Edits by hand: what people, or Meltano's own commands, changed in `meltano.yml` outside of integrations.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::phrase;
use crate::phrase::{Phrase, code};

/// A named part of `meltano.yml` that belongs to no integration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// The environment that contains it, if any.
    pub environment: Option<String>,
    /// Its kind.
    pub kind: PartKind,
    /// Its name; for a setting, its key.
    pub name: String,
}

impl Part {
    /// Returns the key of a setting in the `config` of its environment; `None` for other parts.
    #[must_use]
    pub fn config_key(&self) -> Option<&str> {
        self.name.strip_prefix("config.").filter(|_| self.environment.is_some() && self.kind == PartKind::Setting)
    }
}

/// The kind of a part of `meltano.yml`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartKind {
    /// An environment.
    Environment,
    /// A plugin in this list of `plugins`, for example `utilities`.
    Plugin(String),
    /// A job.
    Job,
    /// A schedule.
    Schedule,
    /// A key of the project, or of an environment.
    Setting,
}

/// A part that differs from both the last apply and the files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HandEdit {
    /// The part that was edited.
    pub part: Part,
    /// How it was edited.
    pub kind: HandEditKind,
}

/// How a part was edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandEditKind {
    /// It was added: apply would remove it.
    Added,
    /// It was changed: apply would change it back.
    Changed,
    /// It was removed: apply would restore it, and nothing is lost.
    Removed,
}

impl HandEdit {
    /// Tells whether an apply would lose the edit.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.kind != HandEditKind::Removed
    }
}

impl PartKind {
    /// Returns its word.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Environment => "environment",
            Self::Plugin(list) if list == "utilities" => "utility",
            Self::Plugin(list) if list == "files" => "file bundle",
            Self::Plugin(list) => list.strip_suffix('s').unwrap_or(list),
            Self::Job => "job",
            Self::Schedule => "schedule",
            Self::Setting => "setting",
        }
    }
}

impl From<&Part> for Phrase {
    fn from(part: &Part) -> Self {
        let named = phrase![part.kind.word(), " ", code(&part.name)];
        match &part.environment {
            Some(environment) => named.and(phrase![" in environment ", code(environment)]),
            None => named,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        Phrase::from(self).fmt(out)
    }
}

impl HandEdit {
    /// Returns what was edited, and how.
    #[must_use]
    pub fn phrase(&self) -> Phrase {
        let verb = match self.kind {
            HandEditKind::Added => "added",
            HandEditKind::Changed => "changed",
            HandEditKind::Removed => "removed",
        };
        phrase![&self.part, ", ", verb, " by hand"]
    }
}

impl Plan {
    /// Returns the edits that an apply would lose, unless the user acknowledged their exact number.
    #[must_use]
    pub fn overwritten(&self, allowed: Option<usize>) -> Vec<HandEdit> {
        let lost: Vec<HandEdit> = self.findings.hand_edits.iter().filter(|edit| edit.is_lost()).cloned().collect();
        if allowed == Some(lost.len()) { Vec::new() } else { lost }
    }
}
