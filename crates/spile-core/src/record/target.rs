//! The two targets of a project: the places that keep applied configuration.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the two places that keep applied configuration. Wherever both are listed, the registry comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Target {
    /// The registry, which keeps a [`Row`](super::Row) for each integration.
    #[serde(rename = "registry")]
    Registry,
    /// `meltano.yml`, which keeps an [`Entry`](super::Entry) for each integration.
    #[serde(rename = "meltano")]
    MeltanoFile,
}

impl Target {
    /// Returns its name in a heading: `registry` or `meltano.yml`.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::MeltanoFile => "meltano.yml",
        }
    }

    /// Returns its name in a sentence without quoting: `the registry` or `meltano.yml`.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Registry => "the registry",
            Self::MeltanoFile => Self::MeltanoFile.title(),
        }
    }
}

/// Shows the name in a sentence, with backticks around what can be typed.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry => f.write_str(self.words()),
            Self::MeltanoFile => write!(f, "`{}`", self.words()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_people_have_their_own_words_for_a_target() {
        let of = |target: Target| (serde_json::to_string(&target).unwrap(), target.title(), target.to_string());
        assert_eq!(of(Target::Registry), ("\"registry\"".to_owned(), "registry", "the registry".to_owned()));
        assert_eq!(of(Target::MeltanoFile), ("\"meltano\"".to_owned(), "meltano.yml", "`meltano.yml`".to_owned()));
        assert!(Target::Registry < Target::MeltanoFile, "the order in which both are listed");
        assert!(serde_json::from_str::<Target>("\"meltano.yml\"").is_err());
    }
}
