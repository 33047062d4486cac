//! Names of environment variables.

use std::fmt;
use std::str::FromStr;

/// The name of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VariableName(String);

impl VariableName {
    /// Returns the name that is most like a text: with an underscore for each other character.
    #[must_use]
    pub fn like(text: &str) -> Self {
        Self(text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect())
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A string that is not a variable name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a variable name has only letters, digits, and underscores")]
pub struct NotAName;

impl FromStr for VariableName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let is_name = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if is_name { Ok(Self(text.to_owned())) } else { Err(NotAName) }
    }
}
